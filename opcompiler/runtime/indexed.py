"""Programs in indices: what they read at the points, and their run at all tuples.

In: a body such as `sin(x_i) * c_i`, with `x_i` gathered from the array x, `c_i` from c, at
index number 0; the arrays of a `Scene`; values of the indices. Out: one array per output,
points first, then the axes of the indices:

    run_body(body, {0: Span(0, 100)}, axes=1, scene)            (N, 100), x and c are slices
    run_body(body, {0: jnp.array([[3, 7]])}, axes=1, scene)     (N, 2), two places picked

A place beyond an array gives its edge: bodies with a `Piecewise` read there, and then do
not take the value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler.errors import OperatorError
from opcompiler.ir import Body, Gather
from opcompiler.runtime.points import Points
from opcompiler.runtime.shell import run_program
from opcompiler.sampling.estimator import Index, Span


@dataclass(frozen=True)
class Input:
    """The points of a site, and where each argument stands in them.

    Attributes:
        where: what the network is called with.
        places: first column of every argument.
        sizes: number of its columns.
        vectors: per argument the vector that it is, or `None`.
        plain: whether the site's directions are its arguments.
    """

    where: Points
    places: tuple[int, ...]
    sizes: tuple[int, ...]
    vectors: tuple[str | None, ...]
    plain: bool

    @property
    def points(self) -> Array:
        """What the network is called with, as rows, (N, D)."""
        return self.where.flat


@dataclass(frozen=True)
class Scene:
    """What programs and bodies read. Bodies are run at points that are rows.

    Attributes:
        plain: coordinates, parameters and functionals, (*axes) of the points, or ().
        arrays: vector coordinates (N, d); parameters with axes, as given or with N first.
        ranks: number of axes of each array, that of the points left out.
        dtype: of the points.
    """

    plain: Mapping[str, Any]
    arrays: Mapping[str, Array]
    ranks: Mapping[str, int]
    dtype: Any

    def knowing(self, values: Mapping[str, Any]) -> "Scene":
        """Returns the scene with further numbers at the points."""
        return replace(self, plain={**self.plain, **values})


def run_body(
    body: Body,
    indices: Mapping[int, Index],
    axes: int,
    scene: Scene,
    more: Mapping[str, Array] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> list[Any]:
    """Evaluates a body at every point and all indices.

    Args:
        body: the program.
        indices: by number; together they broadcast to (1 or N, *axes).
        axes: how many axes the indices have.
        scene: what is the same for all indices.
        more: further inputs, arrays (1 or N, *axes).
        functions: by name, instead of the usual ones.

    Returns:
        One array per output, broadcastable to (N, *axes).
    """
    values: dict[str, Any] = {n: spread(v, axes) for n, v in scene.plain.items()}
    values |= more or {}
    _check_counting(body, scene.dtype)
    for number, name in body.indices:
        if number in indices:
            values[name] = _integers(indices[number], axes).astype(scene.dtype)
    for gather in body.gathers:
        values[gather.name] = gathered(gather, indices, axes, scene)
    return run_program(body.program, values, scene.dtype, functions)


def _check_counting(body: Body, dtype: Any) -> None:
    """Refuses an index, read as a number, that a dtype cannot tell from the next."""
    largest = 2 ** (jnp.finfo(dtype).nmant + 1)
    if body.greatest > largest:
        raise OperatorError(
            f"an index that runs to {body.greatest} is read as a number",
            expression=f"points of {dtype}",
            hint=f"{dtype} counts to {largest}: give points of higher precision",
        )


def spread(value: Any, axes: int) -> Any:
    """Gives a value per point (N,) trailing axes of length 1; scalars stay."""
    value = jnp.asarray(value)
    return value.reshape(-1, *(1,) * axes) if value.ndim else value


def _integers(index: Index, axes: int) -> Array:
    if not isinstance(index, Span):
        return index
    shape = [1] * (axes + 1)
    shape[index.axis + 1] = index.length
    return index.integers.reshape(shape)


def gathered(
    gather: Gather, indices: Mapping[int, Index], axes: int, scene: Scene
) -> Array:
    """Reads an array at indices; (1 or N, *axes). Places beyond it give its edge."""
    array = scene.arrays[gather.array]
    per_point = array.ndim > scene.ranks[gather.array]
    if not per_point:
        array = array[None]
    if len(gather.places) == 1:
        number, shift = gather.places[0]
        if number is None:
            return spread(array[:, shift], axes)
        index = indices[number]
        if isinstance(index, Span):
            return _slice(array, index, shift, axes)
    places = []
    for axis, (number, shift) in enumerate(gather.places):
        if number is None:
            at: Any = jnp.full((1,) * (axes + 1), shift)
        else:
            at = _integers(indices[number], axes) + shift
        places.append(jnp.clip(at, 0, array.shape[axis + 1] - 1))
    if len(places) == 1 and places[0].shape[0] == 1:
        return array[:, places[0][0]]
    rows = jnp.arange(array.shape[0]).reshape(-1, *(1,) * axes)
    return array[(rows, *places)]


def _slice(array: Array, index: Span, shift: int, axes: int) -> Array:
    """Reads consecutive places along the one axis of an array."""
    first, length = index.first + shift, index.length
    if isinstance(first, int):
        # What lies beyond the array is its edge, as many times as need be.
        top, last = array.shape[1] - 1, first + length - 1
        low, high = (min(max(end, 0), top) for end in (first, last))
        part = array[:, low : high + 1]
        left = min(max(-first, 0), length - 1)
        right = length - left - part.shape[1]
        if left or right:
            part = jnp.pad(part, [(0, 0), (left, right)], mode="edge")
    else:
        part = lax.dynamic_slice_in_dim(array, first, length, axis=1)
    shape = [part.shape[0], *[1] * axes]
    shape[index.axis + 1] = length
    return part.reshape(shape)
