r"""Parts that are joined only to be multiplied: each is multiplied by its own rows.

In: a program in which nothing but matrix products reads what a concatenation makes. Out:
the products of its parts, where that is less work.

    joined = concatenate([h, broadcast(mean(h))], -1)    h, (10, 64), of ten electrons
    joined @ W                                           the mean 10 times in 30 directions
    h @ W[:64] + mean(h) @ W[64:]                        the mean once

$$ [A_1 \; A_2]\, W = A_1 W_1 + A_2 W_2 $$

Networks join what belongs to a part (an electron, a node) with what is common to all, or
with what does not depend on the point. A channel of the common is *narrow* (`value.py`), of
a constant it is zero, and of what depends on few directions it has few lanes
(`support.py`); side by side with others it is written out. So parts that are held alike are
joined, and others are multiplied by themselves and added.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.support import is_local, united, united_along
from opcompiler.taylor.value import Active, AlgebraArray, family_axis, primal, Value

Shape = tuple[int, ...]

ADDING = 8
"""Multiplications in a matrix product that take as long as an addition elsewhere."""

LEAST_DEPTH = 16
"""A product of fewer columns takes as long as one of so many."""

WORTH = 1.2
"""How much more work the product of what is joined must be."""


@dataclass(frozen=True, eq=False)
class Joined(Active):
    """Arrays side by side that have not been copied to one.

    Attributes:
        shape: of all parts side by side.
        dtype: of all parts.
        parts: the operands of the concatenation, plain or algebra-valued.
        equation: the concatenation.
    """

    shape: Shape
    dtype: Any
    parts: tuple[Value, ...]
    equation: Any

    @property
    def primal(self) -> Array:
        """The plain values side by side."""
        return lax.concatenate(list(map(primal, self.parts)), self.axis)

    @property
    def axis(self) -> int:
        """The axis along which the parts stand side by side."""
        return self.equation.params["dimension"]

    @property
    def sizes(self) -> list[int]:
        """The lengths of the parts along this axis."""
        return [variable.aval.shape[self.axis] for variable in self.equation.invars]

    @property
    def groups(self) -> list[list[int]]:
        """The numbers of the parts that are held alike."""
        found: dict[Any, list[int]] = {}
        for number, part in enumerate(self.parts):
            found.setdefault(_held(part, self.axis), []).append(number)
        return list(found.values())


def multiplied_only(jaxpr: Any) -> Mapping[Any, Sequence[int]]:
    """Finds concatenations that nothing but matrix products reads.

    Returns:
        For the result of each the axes over which the products sum; that along which the
        parts stand is one of them.
    """
    axis = {
        equation.outvars[0]: equation.params["dimension"]
        for equation in jaxpr.eqns
        if equation.primitive.name == "concatenate"
    }
    found: dict[Any, Sequence[int]] = {}
    elsewhere = set(filter(_is_variable, jaxpr.outvars))
    for equation in jaxpr.eqns if axis else ():
        for side, variable in enumerate(equation.invars):
            if not _is_variable(variable) or variable not in axis:
                continue
            summed = _summed(equation, side)
            if axis[variable] in summed:
                found[variable] = summed
            else:
                elsewhere.add(variable)
    return {v: axes for v, axes in found.items() if v not in elsewhere}


def _is_variable(atom: Any) -> bool:
    return not isinstance(atom, _compat.Literal)


def _summed(equation: Any, side: int) -> Sequence[int]:
    """Returns the axes of an operand that a product of two arrays sums over."""
    one, other = (*equation.invars, None, None)[:2]
    if equation.primitive.name != "dot_general" or one is other:
        return ()
    return equation.params["dimension_numbers"][0][side]


def deferred(
    equation: Any, inputs: Sequence[Value], summed: Sequence[int]
) -> Joined | None:
    """Returns the parts of a concatenation as they are, if they are less work apart.

    Args:
        equation: the concatenation.
        inputs: its operands.
        summed: the axes that products of it sum over, of `multiplied_only`.
    """
    (aval,) = _compat.output_avals(equation)
    # Sums of products that are rounded to half precision would be rounded twice.
    exact = jnp.issubdtype(aval.dtype, jnp.inexact) and aval.dtype.itemsize >= 4
    if not exact or any(_is_other(value) for value in inputs):
        return None
    joined = Joined(aval.shape, aval.dtype, tuple(inputs), equation)
    groups = joined.groups
    if len(groups) < 2:
        return None
    more = math.prod(aval.shape[a] for a in summed if a != joined.axis)
    depths = [more * size for size in joined.sizes]
    rows, less = _rows(inputs, summed), 0
    for group in groups:
        depth = max(sum(depths[n] for n in group), LEAST_DEPTH)
        less += _rows([inputs[n] for n in group], summed) * depth
    less += ADDING * (len(groups) - 1) * rows
    return joined if rows * sum(depths) > WORTH * less else None


def apart(
    equation: Any, inputs: Sequence[Value]
) -> tuple[Callable[..., Array], Sequence[Value]]:
    """Returns a product of what is joined as a function of the parts, and its arguments.

    Args:
        equation: a `dot_general`.
        inputs: its operands, one of them joined, the other plain.
    """
    side = next(n for n, value in enumerate(inputs) if isinstance(value, Joined))
    joined, other = inputs[side], inputs[1 - side]
    contract, _ = equation.params["dimension_numbers"]
    across = contract[1 - side][contract[side].index(joined.axis)]
    starts = np.cumsum([0, *joined.sizes])

    def product(*arrays: Array) -> Array:
        terms = []
        for group in joined.groups:
            left = [arrays[n] for n in group]
            right = [
                lax.slice_in_dim(arrays[-1], starts[n], starts[n + 1], axis=across)
                for n in group
            ]
            operands = [_side_by_side(left, joined.axis), _side_by_side(right, across)]
            operands = operands if side == 0 else operands[::-1]
            terms += _compat.bind(equation, *operands)
        return sum(terms[1:], terms[0])

    return product, [*joined.parts, other]


def _side_by_side(arrays: Sequence[Array], axis: int) -> Array:
    return lax.concatenate(arrays, axis) if len(arrays) > 1 else arrays[0]


def _is_other(value: Value) -> bool:
    return isinstance(value, Active) and not isinstance(value, AlgebraArray)


# --- how channels are held --------------------------------------------------------------


def _held(part: Value, axis: int) -> Any:
    """Says how the channels of a part are held along all axes but one."""
    if not isinstance(part, AlgebraArray):
        return None
    rank = len(part.shape)
    series = tuple(
        None if c is None else _free(c, rank, [axis]) for c in part.coefficients
    )
    if not is_local(part):
        return series, None
    index = united_along(part.support.index, [axis])
    return series, (index.shape, index.tobytes())


def _free(c: Array, rank: int, axes: Sequence[int]) -> Shape:
    """Returns the lengths of a channel along the axes of the value but some."""
    shape = list(c.shape)
    if c.ndim > rank:
        del shape[family_axis(rank)]
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def _rows(parts: Sequence[Value], summed: Sequence[int]) -> int:
    """Counts the rows of all channels of parts side by side, directions included."""
    arrays = [part for part in parts if isinstance(part, AlgebraArray)]
    if not arrays:
        return math.prod(_free(parts[0], jnp.ndim(parts[0]), summed))
    rank, total = len(arrays[0].shape), 0
    for k in range(len(arrays[0].coefficients)):
        having = [part for part in arrays if part.coefficients[k] is not None]
        shapes = [_free(part.coefficients[k], rank, summed) for part in having]
        if shapes:
            whole = math.prod(np.broadcast_shapes(*shapes))
            total += whole * _lanes(having, k, summed)
    return total


def _lanes(parts: Sequence[AlgebraArray], k: int, summed: Sequence[int]) -> int:
    """Returns how many directions a channel of parts side by side holds."""
    rank = len(parts[0].shape)
    lengths = [
        c.shape[family_axis(rank)]
        for c in (part.coefficients[k] for part in parts)
        if c is not None and c.ndim > rank
    ]
    supports = [part.support for part in parts if is_local(part)]
    if not lengths or not supports:
        return max(lengths, default=1)
    lanes = len(united([united_along(s.index, summed) for s in supports]))
    whole = len(supports) < len(parts) or lanes > supports[0].most
    return supports[0].count if whole else lanes
