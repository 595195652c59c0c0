"""Rules for families that are held in lanes, see `support.py`.

In: operands, some of them local. Out: the outputs, local where that pays; or `None`, and
the families are written out. None of these rules computes: each brings the operands to a
form in which the ordinary rule may take lanes for directions, and says what the lanes of
the result are. Five classes of primitives have one: those that act entry by entry, those
that move entries about, sums over entries, matrix products, and those that work along some
axes and treat all else alike. Windows are in `windows.py`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.primitives import Context, row_of, SparseRule
from opcompiler.taylor.rules.sparse_sums import as_sum
from opcompiler.taylor.support import (
    aligned,
    bare,
    families_of,
    grouped,
    is_local,
    narrow,
    NONE,
    summed,
    supported,
    unified,
)
from opcompiler.taylor.value import (
    Active,
    AlgebraArray,
    Coefficient,
    family_axis,
    make,
    primal,
    Value,
)

Shape = tuple[int, ...]


def shape_of(value: Value) -> Shape:
    """Returns the shape of a value, plain or not."""
    return value.shape if isinstance(value, Active) else jnp.shape(value)


def entrywise(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Functions of one entry of each operand: the ordinary rule, lane by lane."""
    (aval,) = _compat.output_avals(equation)
    values, support = aligned(inputs, aval.shape)
    outputs = row_of(equation).rule(context, equation, values)
    return outputs if support is None else [supported(o, support) for o in outputs]


def plainly(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Primitives that see plain values only."""
    return row_of(equation).rule(context, equation, list(map(primal, inputs)))


def moved(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Entries that go elsewhere: their indices go with them."""
    local = [value for value in inputs if is_local(value)]
    if any(families_of(value) for value in inputs if _is_full(value)):
        return None
    # Operands of one array have the same number of lanes; empty ones fill up.
    lanes = max(value.support.lanes for value in local)
    inputs = [_padded(value, lanes) for value in inputs]
    support = next(value.support for value in inputs if is_local(value))
    by_hand = INDEX_MOVES.get(equation.primitive.name)
    avals = _compat.output_avals(equation)
    if by_hand is not None:
        columns = [_index_of(value, lanes) for value in inputs]
        shapes = list(map(shape_of, inputs)), [aval.shape for aval in avals]
        indices = by_hand(columns, *shapes, equation.params)
    else:
        indices = _moved_by_rule(context, equation, inputs)
    if indices is None:
        return None
    outputs = row_of(equation).rule(context, equation, list(map(bare, inputs)))
    return [
        supported(output, support.at(narrow(index)))
        for output, index in zip(outputs, indices, strict=True)
    ]


def _index_of(value: Value, lanes: int) -> np.ndarray:
    """Returns an operand's index; of one without families it is empty."""
    if is_local(value):
        return value.support.index
    return np.full((lanes, *[1] * len(shape_of(value))), NONE)


def _moved_by_rule(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[np.ndarray] | None:
    """Runs the rule on indices, which are whole numbers; where they are is known then."""
    local = [value for value in inputs if is_local(value)]
    k, dtype = min(families_of(local[0])), local[0].dtype
    with jax.ensure_compile_time_eval():
        numbers = [_numbered(context, value, k) for value in inputs]
        exact = 2.0 ** (jnp.finfo(dtype).nmant + 1)
        if any(map(_is_traced, numbers)) or local[0].support.count >= exact:
            return None
        outputs = row_of(equation).rule(context, equation, numbers)
    found = []
    for output in outputs:
        rank = len(shape_of(output))
        index = np.full((local[0].support.lanes, *[1] * rank), NONE)
        if isinstance(output, AlgebraArray):
            c = np.moveaxis(np.asarray(output.coefficients[k]), family_axis(rank), 0)
            index = np.rint(np.real(c)).astype(int) - 1
        found.append(index)
    return found


def _is_full(value: Value) -> bool:
    return isinstance(value, AlgebraArray) and not is_local(value)


def _is_traced(value: Value) -> bool:
    arrays = value.coefficients if isinstance(value, AlgebraArray) else (value,)
    return not all(_compat.is_concrete(a) for a in arrays if a is not None)


def _padded(value: Value, lanes: int) -> Value:
    if not is_local(value) or value.support.lanes == lanes:
        return value
    more = lanes - value.support.lanes
    index = value.support.index
    index = np.concatenate([index, np.full((more, *index.shape[1:]), NONE)])
    axis = family_axis(len(value.shape))
    series: list[Coefficient] = list(value.coefficients)
    for k, c in families_of(value).items():
        widths = [(0, 0)] * c.ndim
        widths[axis] = (0, lanes - c.shape[axis])
        series[k] = jnp.pad(c, widths)
    return AlgebraArray(
        value.shape, value.dtype, tuple(series), value.support.at(index)
    )


def _numbered(context: Context, value: Value, channel: int) -> Value:
    """Returns a value whose family is its index, counted from 1: zero is no direction."""
    if not isinstance(value, Active):
        return value
    assert isinstance(value, AlgebraArray)
    series: list[Coefficient] = [None] * context.algebra.size
    series[0] = jnp.zeros(value.shape, value.dtype)
    if is_local(value):
        rank = len(value.shape)
        index = np.moveaxis(value.support.index + 1, 0, family_axis(rank))
        series[channel] = jnp.asarray(index, value.dtype)
    return make(series, value.shape, value.dtype)


# What becomes of indices, (K, ...) with axes of length 1 where they are the same:
# (indices of the operands, shapes before, shapes after, parameters) -> indices after. The
# rule itself could do it, but JAX compiles every operation that runs outside of a program.

INDEX_MOVES: dict[str, Any] = {}


def _moves_index(*names: str) -> Any:
    def declare(function: Any) -> Any:
        for name in names:
            INDEX_MOVES[name] = function
        return function

    return declare


@_moves_index("reshape", "squeeze", "expand_dims")
def _reshaped(indices: Any, before: Any, after: Any, params: Any) -> Any:
    (index,), (shape,), (target,) = indices, before, after
    if params.get("dimensions") is not None and "new_sizes" in params:
        return None
    full = np.broadcast_to(index, (len(index), *shape))
    return [full.reshape(len(index), *target)]


@_moves_index("transpose")
def _transposed(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before, after
    return [indices[0].transpose([0, *(1 + a for a in params["permutation"])])]


@_moves_index("broadcast_in_dim")
def _broadcast(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before
    shape = [1] * len(after[0])
    for size, axis in zip(
        indices[0].shape[1:], params["broadcast_dimensions"], strict=True
    ):
        shape[axis] = size
    return [indices[0].reshape(len(indices[0]), *shape)]


@_moves_index("tile")
def _tiled(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before, after
    reps = zip(params["reps"], indices[0].shape[1:], strict=True)
    return [np.tile(indices[0], [1, *(1 if size == 1 else rep for rep, size in reps)])]


@_moves_index("slice")
def _sliced(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before, after
    (index,) = indices
    steps = params["strides"] or (1,) * (index.ndim - 1)
    limits = zip(params["start_indices"], params["limit_indices"], steps, strict=True)
    parts = [
        slice(*limit) if size > 1 else slice(None)
        for size, limit in zip(index.shape[1:], limits, strict=True)
    ]
    return [index[(slice(None), *parts)]]


@_moves_index("rev")
def _turned(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before, after
    return [np.flip(indices[0], [1 + a for a in params["dimensions"]])]


@_moves_index("concatenate")
def _joined(indices: Any, before: Any, after: Any, params: Any) -> Any:
    axis = params["dimension"]
    return [_side_by_side(indices, [shape[axis] for shape in before], axis)]


def _side_by_side(indices: Any, sizes: Sequence[int], axis: int) -> np.ndarray:
    others = [np.delete(index.shape[1:], axis) for index in indices]
    dims = [int(n) for n in np.broadcast_shapes(*map(tuple, others))]
    wide = [
        np.broadcast_to(index, (len(index), *dims[:axis], size, *dims[axis:]))
        for index, size in zip(indices, sizes, strict=True)
    ]
    return np.concatenate(wide, 1 + axis)


@_moves_index("stack")
def _stacked(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before, after
    axis = params["axis"]
    return [
        _side_by_side(
            [np.expand_dims(i, 1 + axis) for i in indices], [1] * len(indices), axis
        )
    ]


@_moves_index("unstack")
def _unstacked(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before
    (index,), axis = indices, 1 + params["axis"]
    if index.shape[axis] == 1:
        return [index.squeeze(axis)] * len(after)
    return list(np.moveaxis(index, axis, 0))


@_moves_index("split")
def _parted(indices: Any, before: Any, after: Any, params: Any) -> Any:
    del before
    (index,), axis = indices, 1 + params["axis"]
    if index.shape[axis] == 1:
        return [index] * len(after)
    return np.split(index, np.cumsum(params["sizes"])[:-1], axis)


@_moves_index("pad")
def _framed(indices: Any, before: Any, after: Any, params: Any) -> Any:
    index = indices[0]
    for axis, (low, high, gap) in enumerate(params["padding_config"]):
        if not (low or high or gap):
            continue
        size, at = before[0][axis], 1 + axis
        lead = index.shape[:at]
        wide = np.broadcast_to(index, (*lead, size, *index.shape[at + 1 :]))
        wide = np.moveaxis(wide, at, 0)
        out = np.full((after[0][axis], *wide.shape[1:]), NONE)
        places = low + np.arange(size) * (gap + 1)
        inside = (places >= 0) & (places < len(out))
        out[places[inside]] = wide[inside]
        index = np.moveaxis(out, 0, at)
    return [index]


def reduce_sum(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Sums: first along axes with the same index, then over unlike ones."""
    (value,) = inputs
    (aval,) = _compat.output_avals(equation)
    axes = equation.params["axes"]
    varying = [a for a in axes if value.support.varies(a)]
    rule = row_of(equation).rule
    if not varying:
        index = value.support.index.squeeze(tuple(1 + a for a in axes))
        (output,) = rule(context, equation, [bare(value)])
        return [supported(output, value.support.at(index))]
    same = [a for a in axes if a not in varying]
    if same:
        value = _summed_alike(context, value, same)
        gone = lambda a: a - sum(b < a for b in same)
        varying = [gone(a) for a in varying]
    sums, support = summed(value, varying)
    # Channels that are no families go by the ordinary rule.
    series = [None if k in sums else c for k, c in enumerate(inputs[0].coefficients)]
    plain = make(series, inputs[0].shape, inputs[0].dtype)
    (rest,) = (
        rule(context, equation, [plain])
        if isinstance(plain, Active)
        else _compat.bind(equation, plain)
    )
    coefficients = list(
        rest.coefficients
        if isinstance(rest, AlgebraArray)
        else (rest, *[None] * (context.algebra.size - 1))
    )
    for k, c in sums.items():
        coefficients[k] = c
    output = AlgebraArray(aval.shape, aval.dtype, tuple(coefficients))
    return [_settled(output, support)]


def _settled(output: AlgebraArray, support: Any) -> Value:
    """Returns a value of all directions in order as one that is written out."""
    if support.lanes == support.count and not support.pays:
        return output
    return supported(output, support)


def _summed_alike(
    context: Context, value: AlgebraArray, axes: Sequence[int]
) -> AlgebraArray:
    """Sums families over axes along which the index is the same."""
    rank = len(value.shape)
    place = lambda a: a + (a >= family_axis(rank))
    left = rank - len(axes)
    series: list[Coefficient] = [None] * context.algebra.size
    for k, c in families_of(value).items():
        copies = math.prod(value.shape[a] for a in axes if c.shape[place(a)] == 1)
        total = jnp.sum(
            jnp.moveaxis(c, family_axis(rank), 0), tuple(1 + a for a in axes)
        )
        total = total if copies == 1 else total * copies
        series[k] = jnp.moveaxis(total, 0, family_axis(left))
    shape = tuple(n for a, n in enumerate(value.shape) if a not in axes)
    index = value.support.index.squeeze(tuple(1 + a for a in axes))
    return AlgebraArray(shape, value.dtype, tuple(series), value.support.at(index))


# --- along some axes --------------------------------------------------------------------


def along(name: str) -> SparseRule:
    """Returns the rule of a primitive that works along the axes in a parameter.

    All else is alike to it, so lanes are directions once they are the same along these.
    """

    def rule(
        context: Context, equation: Any, inputs: Sequence[Value]
    ) -> list[Value] | None:
        # Before JAX had the parameter, `top_k` took the last axis.
        found = equation.params.get(name, -1)
        axes = (found,) if isinstance(found, int) else found
        return _batched(context, equation, inputs, axes)

    return rule


def along_last(count: Callable[[dict[str, Any]], int]) -> SparseRule:
    """Returns the rule of a primitive that works along the last axes of its operands.

    Args:
        count: of the parameters how many axes.
    """

    def rule(
        context: Context, equation: Any, inputs: Sequence[Value]
    ) -> list[Value] | None:
        axes = range(-count(equation.params), 0)
        return _batched(context, equation, inputs, axes)

    return rule


of_matrices = along_last(lambda _: 2)
"""The rule of a primitive that takes each matrix of a stack by itself."""


def _batched(
    context: Context, equation: Any, inputs: Sequence[Value], axes: Sequence[int]
) -> list[Value]:
    """Runs the ordinary rule on operands whose index is the same along some axes."""
    shape = shape_of(inputs[0])
    axes = sorted(a % len(shape) for a in axes)
    values = [unified(v, axes) if is_local(v) else v for v in inputs]
    if not any(map(is_local, values)):
        return row_of(equation).rule(context, equation, values)
    values, support = aligned(values, shape)
    outputs = row_of(equation).rule(context, equation, values)
    if support is None:
        return outputs
    return [
        supported(o, support.at(_without(support.index, axes, len(shape_of(o)))))
        for o in outputs
    ]


def _without(index: np.ndarray, axes: Sequence[int], rank: int) -> np.ndarray:
    """Drops as many of some axes as an output of this rank has lost, the last first."""
    lost = index.ndim - 1 - rank
    return index.squeeze(tuple(1 + a for a in axes[len(axes) - lost :]))


# --- matrix products --------------------------------------------------------------------


def dot_general(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Products of which one operand alone has families."""
    having = [
        n
        for n, v in enumerate(inputs)
        if isinstance(v, AlgebraArray) and families_of(v)
    ]
    contract, batch = equation.params["dimension_numbers"]
    if len(having) == 2:
        shapes = list(map(shape_of, inputs))
        if all(
            len(contract[n]) + len(batch[n]) == len(shape)
            for n, shape in enumerate(shapes)
        ):
            return as_sum(context, equation, inputs)
        return None
    (side,) = having
    value, other = inputs[side], inputs[1 - side]
    varying = [a for a in contract[side] if value.support.varies(a)]
    free = [a for a in range(len(value.shape)) if a not in contract[side]]
    layer = varying and not isinstance(other, Active) and not batch[0]
    if layer and not any(value.support.varies(a) for a in free):
        return _rows(context, equation, value, jnp.asarray(other), side)
    value = unified(value, contract[side])
    rule = row_of(equation).rule
    operands = [bare(value), bare(other)]
    (output,) = rule(context, equation, operands if side == 0 else operands[::-1])
    if not is_local(value):
        return [output]
    return [supported(output, value.support.at(_free_index(equation, value, side)))]


def _free_index(equation: Any, value: AlgebraArray, side: int) -> np.ndarray:
    """Returns the index of a product: that of the axes which are not contracted."""
    (aval,) = _compat.output_avals(equation)
    contract, batch = equation.params["dimension_numbers"]
    free = [
        a for a in range(len(value.shape)) if a not in (*contract[side], *batch[side])
    ]
    index = value.support.index
    order = [0, *(1 + a for a in (*batch[side], *free, *contract[side]))]
    index = index.transpose(order)[(..., *[0] * len(contract[side]))]
    ones = [1] * (len(aval.shape) - len(batch[side]) - len(free))
    lead = index.shape[: 1 + len(batch[side])]
    rest = index.shape[1 + len(batch[side]) :]
    return index.reshape(*lead, *((*rest, *ones) if side == 0 else (*ones, *rest)))


def _rows(
    context: Context, equation: Any, value: AlgebraArray, matrix: Array, side: int
) -> list[Value] | None:
    """A layer of all inputs: each direction takes the rows of the matrix that it meets.

    One-hot directions take one row each, instead of multiplying it by ones and the others
    by zeros.
    """
    (aval,) = _compat.output_avals(equation)
    contract, _ = equation.params["dimension_numbers"]
    support, rank = value.support, len(value.shape)
    axes, against = contract[side], contract[1 - side]
    free = [a for a in range(rank) if a not in axes]
    depth = [value.shape[a] for a in axes]
    index = support.index.transpose([0, *(1 + a for a in (*axes, *free))])
    index = np.broadcast_to(
        index.reshape(support.lanes, *index.shape[1 : 1 + len(axes)]),
        (support.lanes, *depth),
    )
    found, sources = grouped(index.reshape(-1, 1), support.count, support.most)
    sources = sources[..., 0]
    size = math.prod(depth)
    others = [b for b in range(matrix.ndim) if b not in against]
    rows = matrix.transpose((*against, *others)).reshape(
        size, *(matrix.shape[b] for b in others)
    )
    there = sources >= 0
    at = np.maximum(sources, 0)
    rows = _taken(rows, at % size)
    axis = family_axis(rank)

    def one(c: Array) -> Array:
        data = jnp.moveaxis(c, axis, 0)
        lead = data.transpose([0, *(1 + a for a in (*axes, *free))])
        wide = (support.lanes, *depth, *lead.shape[1 + len(axes) :])
        flat = jnp.broadcast_to(lead, wide).reshape(-1, *wide[1 + len(axes) :])
        picked = _taken(flat, at)
        if not there.all():
            picked = jnp.where(there.reshape(*there.shape, *[1] * len(free)), picked, 0)
        # (lanes, L, free axes) times (lanes, L, axes of the matrix), summed over L.
        left = picked.reshape(*picked.shape, *[1] * len(others))
        right = rows.reshape(*rows.shape[:2], *[1] * len(free), *rows.shape[2:])
        if len(at[0]) == 1:
            product = left[:, 0] * right[:, 0]
        else:
            product = lax.dot_general(
                picked,
                rows,
                (((1,), (1,)), ((0,), (0,))),
                precision=equation.params["precision"],
            )
        if side == 1:
            order = [*range(1 + len(free), product.ndim), *range(1, 1 + len(free))]
            product = product.transpose([0, *order])
        product = product.astype(aval.dtype)
        return jnp.moveaxis(product, 0, family_axis(len(aval.shape)))

    families = families_of(value)
    rest = [None if k in families else c for k, c in enumerate(value.coefficients)]
    plain = make(rest, value.shape, value.dtype)
    operands = [plain, matrix] if side == 0 else [matrix, plain]
    (output,) = (
        row_of(equation).rule(context, equation, operands)
        if isinstance(plain, Active)
        else _compat.bind(equation, *operands)
    )
    series = list(
        output.coefficients
        if isinstance(output, AlgebraArray)
        else (output, *[None] * (context.algebra.size - 1))
    )
    for k, c in families.items():
        series[k] = one(c)
    result = AlgebraArray(aval.shape, aval.dtype, tuple(series))
    after = found.reshape(-1, *[1] * len(aval.shape))
    return [_settled(result, support.at(after))]


def _taken(rows: Array, at: np.ndarray) -> Array:
    """Picks rows; those that stand one after the other are there already."""
    line = at.ravel()
    if np.array_equal(line, np.arange(len(rows))):
        return rows.reshape(*at.shape, *rows.shape[1:])
    return jnp.take(rows, jnp.asarray(line), axis=0).reshape(*at.shape, *rows.shape[1:])
