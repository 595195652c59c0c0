"""A pytree of arrays as one point: its coordinates, and numbers given for each of them.

In: the point that a user hands to an operator on plain functions. Out: `Coordinates`, which
number its entries leaf by leaf and row by row, and make seeds in the pytree's shape.

    point = coordinates_of({"a": jnp.zeros(2), "b": jnp.zeros(())}, "laplacian")
    point.count                                # 3
    point.seed([2], [1.0])                     # [None, 1.0]: along "b", "a" stays

The operators in `transforms.py` work with coordinates 0 ... d - 1. This file alone knows
that a point may be a pytree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.taylor.support import spread, supports, unit_vectors
from opcompiler.taylor.value import AlgebraArray, Coefficient, Value

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Coordinates:
    """All numbers of a pytree of arrays, numbered through, leaf by leaf, row by row.

    Attributes:
        structure: of the pytree.
        leaves: its arrays.
    """

    structure: Any
    leaves: tuple[Array, ...]

    @property
    def count(self) -> int:
        """Number of coordinates."""
        return sum(leaf.size for leaf in self.leaves)

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Returns a pytree of the point's structure."""
        return jax.tree.unflatten(self.structure, leaves)

    def parts(self, row: Any) -> list[Any]:
        """Cuts an array along its last axis, (..., count), into one piece per leaf."""
        ends = np.cumsum([leaf.size for leaf in self.leaves])[:-1]
        pieces = jnp.split(row, [int(end) for end in ends], axis=-1)
        return [
            piece.reshape(*piece.shape[:-1], *leaf.shape)
            for piece, leaf in zip(pieces, self.leaves, strict=True)
        ]

    def seed(
        self, places: Sequence[int], components: Sequence[float]
    ) -> list[Coefficient]:
        """Returns a direction, leaf by leaf; `None` where it does not move a leaf."""
        found: list[Coefficient] = []
        start = 0
        for leaf in self.leaves:
            here = [
                (place - start, c)
                for place, c in zip(places, components, strict=True)
                if start <= place < start + leaf.size
            ]
            start += leaf.size
            if not here:
                found.append(None)
                continue
            flat = np.zeros(leaf.size)
            for place, c in here:
                flat[place] = c
            found.append(jnp.asarray(flat.reshape(leaf.shape), leaf.dtype))
        return found

    def unit_family(self, algebra: TaylorAlgebra, most: int | None) -> list[Value]:
        """Returns the leaves with all unit vectors as the family of channel 1.

        Args:
            algebra: the algebra.
            most: lanes up to which the family is held in lanes, see `support.localised`.
        """
        found: list[Value] = []
        start = 0
        for leaf in self.leaves:
            unit, support = unit_vectors(leaf, start, self.count, most)
            series = (leaf, unit, *(None,) * (algebra.size - 2))
            value = AlgebraArray(leaf.shape, leaf.dtype, series, support)
            local = supports(algebra) and support.pays
            found.append(value if local else spread(value))
            start += leaf.size
        return found


def coordinates_of(point: Any, what: str) -> Coordinates:
    """Reads a point.

    Args:
        point: a pytree of arrays.
        what: is taken of a function at it, for messages.

    Raises:
        OperatorError: for leaves that are no arrays of real or complex numbers, and if
            there is none.
    """
    leaves, structure = jax.tree.flatten(point)
    arrays = []
    for leaf in leaves:
        try:
            array = jnp.asarray(leaf)
        except (TypeError, ValueError) as error:
            raise OperatorError(
                f"the {what} is taken at an array, or a pytree of arrays",
                expression=repr(leaf)[:200],
                hint="hand what is no array on as a further argument: "
                "laplacian(f)(x, other) differentiates by x alone",
            ) from error
        if not _compat.differentiable(array.dtype):
            raise OperatorError(
                f"the {what} is taken by floats, and this is {array.dtype}",
                expression=repr(leaf)[:200],
                hint="write 1.0 for 1, or hand what is constant on as a further argument: "
                "laplacian(f)(x, other) differentiates by x alone",
            )
        arrays.append(array)
    if not sum(array.size for array in arrays):
        raise OperatorError(
            f"the {what} is taken at a point without coordinates",
            expression=repr(point)[:200],
            hint="give an array, or a pytree of arrays, with at least one number",
        )
    return Coordinates(structure, tuple(arrays))


def per_coordinate(given: Any, point: Coordinates, name: str) -> Array:
    """Reads one real number per coordinate; returns them in a row, (count,).

    Args:
        given: a number, an array for all leaves, or a pytree like the point, its arrays
            broadcast to the point's.
        point: the point.
        name: of the argument, for messages.

    Raises:
        OperatorError: for another structure, or shapes that do not broadcast.
    """
    leaves, structure = jax.tree.flatten(given)
    if structure != point.structure:
        if len(leaves) != 1 or not jax.tree_util.treedef_is_leaf(structure):
            raise OperatorError(
                f"{name} have the structure {structure}",
                expression=repr(given)[:200],
                hint=f"give them the structure of the point, {point.structure}, or give "
                "one number for all coordinates",
            )
        leaves = leaves * len(point.leaves)
    rows = []
    for leaf, like in zip(leaves, point.leaves, strict=True):
        kept = leaf if isinstance(leaf, jax.Array | np.ndarray) else np.asarray(leaf)
        if kept.dtype.kind not in "fiu" and not jnp.issubdtype(
            kept.dtype, jnp.floating
        ):
            raise OperatorError(
                f"{name} are real numbers, and these are {kept.dtype}",
                expression=repr(leaf)[:200],
                hint="give a real number for each coordinate",
            )
        library = np if _compat.is_concrete(kept) else jnp
        try:
            rows.append(library.broadcast_to(library.asarray(kept), like.shape).ravel())
        except ValueError as error:
            raise OperatorError(
                f"{name} of shape {kept.shape} stand beside coordinates of shape "
                f"{like.shape}",
                expression=repr(leaf)[:200],
                hint=f"give arrays that broadcast to {like.shape}: one number for each "
                "coordinate, or one for all",
            ) from error
    library = np if all(map(_compat.is_concrete, rows)) else jnp
    return library.concatenate(rows)


def bound(fun: Callable[..., Any], others: Sequence[Any], named: dict[str, Any]) -> Any:
    """Returns a function of its first argument, the others given."""
    if not others and not named:
        return fun
    return lambda point: partial(fun, point, *others)(**named)
