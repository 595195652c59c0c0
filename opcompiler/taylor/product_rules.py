"""Primitives that need not run at all points of a product.

A rule gives an equation's outputs as values at fewer points, or `None` if it has to run at
the points of all axes that its operands vary along. At least one operand varies. What the
values are is in `product_values.py`.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler._compat import Equation
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.product_values import (
    Axes,
    broadcasts,
    Factors,
    Mixed,
    Points,
    Rows,
    shape_of,
    spread,
    union,
    varies,
)  # fmt: skip
from opcompiler.taylor.rules.composition import is_pointwise_call


def entrywise(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    """Runs an equation that acts on each entry alone, on each part of mixed values."""
    (aval, *more) = _compat.output_avals(equation)
    entries = bool(row_of(equation).entries) and "broadcast" not in str(
        equation.primitive.name
    )
    fits = broadcasts if entries else lambda one, to: one in ((), to)
    if more or not all(fits(shape_of(v), aval.shape) for v in operands):
        return None
    if not entries and not (
        equation.primitive.name == "custom_jvp_call"
        and is_pointwise_call(equation, aval.shape)
    ):
        return None
    mixed = [v for v in operands if isinstance(v, Mixed)]
    dim = mixed[0].dim
    if any(v.dim != dim for v in mixed):
        return None
    parts = []
    for places in _common([[own for own, _ in v.parts] for v in mixed]):
        # A primitive runs on some of the entries as it does on all. What has a body
        # runs on all: on those of the part, as often as it takes.
        fill = places
        if not entries:
            fill = np.resize(places, aval.shape[dim])
        own = [
            points.taken(v, dim, fill)
            if shape_of(v) and shape_of(v)[dim] == aval.shape[dim]
            else v
            for v in operands
        ]
        if any(isinstance(v, Mixed) for v in own):
            return None
        if any(map(varies, own)):
            (part,) = points.at_all(equation, own)
        else:
            (part,) = _compat.bind(equation, *own)
        if not entries:
            part = points.taken(part, dim, np.arange(len(places)))
        parts.append((places, part))
    return [points.joined(aval.shape, dim, parts)]


def _common(partitions: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Returns the coarsest partition that refines all given ones."""
    found = list(partitions[0])
    for other in partitions[1:]:
        found = [np.intersect1d(a, b) for a in found for b in other]
    return [places for places in found if len(places)]


def _moved(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    """What moves entries: each of a mixed value's goes where its number goes."""
    value, *indices = operands
    if not isinstance(value, Mixed):
        return None
    if any(varies(i) or not _compat.is_concrete(i) for i in indices):
        return None
    numbers = np.arange(value.shape[value.dim]).reshape(
        [-1 if d == value.dim else 1 for d in range(len(value.shape))]
    )
    with jax.ensure_compile_time_eval():
        sources = _compat.bind(
            equation, jnp.broadcast_to(numbers, value.shape), *indices
        )
    outputs = []
    for aval, source in zip(_compat.output_avals(equation), sources, strict=True):
        source = np.asarray(source)
        dim = _only_dimension(source)
        if dim is None:
            return None
        line = np.moveaxis(source, dim, 0).reshape(source.shape[dim], -1)[:, 0]
        parts = []
        for own, part in value.parts:
            places = np.flatnonzero(np.isin(line, own))
            if not len(places):
                continue
            # The part at all places: what is not its own is not read.
            fill = np.zeros(value.shape[value.dim], int)
            fill[own] = np.arange(len(own))
            full = points.taken(part, value.dim, fill)
            number = len(outputs)
            if varies(full):
                moved = points.at_all(equation, [full, *indices])[number]
            else:
                moved = _compat.bind(equation, full, *indices)[number]
            parts.append((places, points.taken(moved, dim, places)))
        if sum(len(places) for places, _ in parts) != len(line):
            return None  # filled from outside
        outputs.append(points.joined(aval.shape, dim, parts))
    return outputs


def _only_dimension(numbers: np.ndarray) -> int | None:
    """Returns the one dimension along which numbers differ; any, if there is none."""
    if not numbers.size or not numbers.ndim:
        return None
    for dim in range(numbers.ndim):
        line = np.moveaxis(numbers, dim, 0).reshape(numbers.shape[dim], -1)
        if (line == line[:, :1]).all():
            return dim
    return None


def _concatenated(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    return [_side_by_side(points, equation, operands, equation.params["dimension"])]


def _stacked(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    """Values side by side in a dimension of their own."""
    dim = equation.params["axis"]
    lines: list[Any] = []
    for value in map(points.whole, operands):
        if isinstance(value, Rows):
            array = jnp.expand_dims(value.array, 1 + dim)
            lines.append(Rows(value.axes, array, value.kind))
        else:
            lines.append(jnp.expand_dims(value, dim))
    return [_side_by_side(points, equation, lines, dim)]


def _side_by_side(
    points: Points, equation: Equation, operands: Sequence[Any], dim: int
) -> Any:
    """Returns operands, one after the other along a dimension."""
    (aval,) = _compat.output_avals(equation)
    start, parts = 0, []
    for value in operands:
        size = shape_of(value)[dim]
        places = np.arange(start, start + size)
        if isinstance(value, Mixed) and value.dim == dim:
            parts += [(places[own], part) for own, part in value.parts]
        else:
            parts.append((places, points.whole(value)))
        start += size
    return points.joined(aval.shape, dim, parts)


def _multiplied(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    if any(isinstance(v, Mixed) for v in operands):
        return entrywise(points, equation, operands)
    (aval,) = _compat.output_avals(equation)
    if not all(broadcasts(shape_of(v), aval.shape) for v in operands):
        return None
    return [_product(points, aval.shape, operands)]


def _product(points: Points, shape: tuple[int, ...], values: Sequence[Any]) -> Any:
    """Returns the product of values of a shape, or numbers, some of which vary."""
    constants = [value for value in values if not varies(value)]
    factors: list[Rows] = []
    for value in values:
        if not varies(value):
            continue
        for factor in value.factors if isinstance(value, Factors) else (value,):
            # Where the axes of one hold those of another, nothing is won by waiting.
            own, kept = spread(factor, shape), factors
            while near := [f for f in kept if _nested(f.axes, own.axes)]:
                kept = [f for f in kept if f is not near[0]]
                own = points.times(near[0], own)
            factors = [*kept, own]
    least = min(factors, key=lambda f: points.size(f.axes))
    for constant in constants:
        scaled = Rows(least.axes, least.array * constant)
        factors = [scaled if f is least else f for f in factors]
        least = scaled
    return factors[0] if len(factors) == 1 else Factors(shape, tuple(factors))


def _nested(some: Axes, others: Axes) -> bool:
    return set(some) <= set(others) or set(some) >= set(others)


def _summed(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    (value,), axes = operands, equation.params["axes"]
    if isinstance(value, Factors) and axes:
        # The factor along most points waits for the others; the sum is a matrix product.
        last = max(value.factors, key=lambda f: points.size(f.axes))
        others = [f for f in value.factors if f is not last]
        left = points.whole(Factors(value.shape, tuple(others)))
        kept = tuple(d for d in range(len(value.shape)) if d not in axes)
        options: dict[str, Any] = {"precision": lax.Precision.HIGHEST}
        return [points.dot(left, last, ((axes, axes), (kept, kept)), options)]
    return _reduced(points, equation, operands)


def _reduced(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    """A sum, product, or extremum over dimensions, part by part of a mixed value."""
    (value,), axes = operands, equation.params["axes"]
    if not isinstance(value, Mixed):
        return None
    (aval,) = _compat.output_avals(equation)
    name = equation.primitive.name
    one = lambda part, over: _JAX_REDUCTIONS[name](part, over)
    parts = [
        Rows(part.axes, one(part.array, tuple(a + 1 for a in axes)))
        if isinstance(part, Rows)
        else one(part, tuple(axes))
        for _, part in value.parts
    ]
    if value.dim not in axes:
        dim = value.dim - sum(a < value.dim for a in axes)
        places = [places for places, _ in value.parts]
        return [points.joined(aval.shape, dim, list(zip(places, parts, strict=True)))]
    if name == "reduce_prod":
        return [_product(points, aval.shape, parts)]
    axes_of_all = union(parts)
    arrays = [points.widened(part, axes_of_all) for part in parts]
    return [Rows(axes_of_all, reduce(_JAX_PAIRS[name], arrays))]


_JAX_REDUCTIONS: dict[str, Callable[..., Array]] = {
    "reduce_sum": jnp.sum,
    "reduce_prod": jnp.prod,
    "reduce_max": jnp.max,
    "reduce_min": jnp.min,
}

_JAX_PAIRS: dict[str, Callable[..., Array]] = {
    "reduce_sum": jnp.add,
    "reduce_max": jnp.maximum,
    "reduce_min": jnp.minimum,
}


def _dotted(points: Points, equation: Equation, operands: Sequence[Any]) -> Any:
    """A matrix product: part by part of a mixed value, otherwise `_Run.dot`."""
    dimensions = equation.params["dimension_numbers"]
    options = {
        name: equation.params[name] for name in ("precision", "preferred_element_type")
    }
    return [_dot(points, list(operands), dimensions, options)]


def _dot(
    points: Points, operands: list[Any], dimensions: Any, options: dict[str, Any]
) -> Any:
    for side in (0, 1):
        value, other = operands[side], operands[1 - side]
        if not isinstance(value, Mixed):
            continue
        (sums, batches) = dimensions
        found = []
        for places, part in value.parts:
            own = list(operands)
            own[side] = part
            for pair in (sums, batches):
                if value.dim in pair[side]:
                    matching = pair[1 - side][list(pair[side]).index(value.dim)]
                    own[1 - side] = points.taken(other, matching, places)
            found.append((places, _dot(points, own, dimensions, options)))
        if value.dim in sums[side]:
            return reduce(lambda a, b: _plus(points, a, b), (part for _, part in found))
        # The dimension stays: where it stands among those of the result.
        if value.dim in batches[side]:
            dim = list(batches[side]).index(value.dim)
        else:
            gone = {*sums[side], *batches[side]}
            dim = len(batches[0]) + sum(d not in gone for d in range(value.dim))
            if side:
                dim += len(shape_of(operands[0])) - len(sums[0]) - len(batches[0])
        if any(isinstance(part, Mixed) for _, part in found):
            found = [(places, points.whole(part)) for places, part in found]
        shape = list(shape_of(found[0][1]))
        shape[dim] = value.shape[value.dim]
        return points.joined(shape, dim, found)
    left, right = map(points.whole, operands)
    if not isinstance(left, Rows) and not isinstance(right, Rows):
        return lax.dot_general(left, right, dimensions, **options)
    return points.dot(left, right, dimensions, options)


def _plus(points: Points, left: Any, right: Any) -> Any:
    left, right = points.whole(left), points.whole(right)
    axes = union((left, right))
    if not axes:
        return left + right
    return Rows(axes, points.widened(left, axes) + points.widened(right, axes))


_MOVES = (
    "reshape", "transpose", "squeeze", "broadcast_in_dim", "expand_dims", "rev", "slice",
    "split", "unstack", "dynamic_slice", "gather", "copy",
)  # fmt: skip

RULES: dict[str, Callable[[Points, Equation, Sequence[Any]], Any]] = {
    **dict.fromkeys(_MOVES, _moved),
    **dict.fromkeys(("reduce_prod", "reduce_max", "reduce_min"), _reduced),
    "concatenate": _concatenated,
    "stack": _stacked,
    "dot_general": _dotted,
    "mul": _multiplied,
    "reduce_sum": _summed,
}
