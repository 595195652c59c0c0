"""Windows over families that are held in lanes: convolutions and pooling.

In: a value whose families are local, see `support.py`. Out: what the primitive makes of it,
local again; or `None`, and the families are written out.

A window reads several entries, each of which depends on directions of its own. The ordinary
rule may take lanes for directions if a direction stands in the same lane everywhere under a
window. So directions are *coloured*: any two that meet under a window have different
colours, and the lane of a direction is its colour. Of one-hot directions on a line, windows
of three entries need three colours, 0 1 2 0 1 2 ..., however long the line is.

    x, (1, 32, 32, 1), one-hot         1 lane  of 1024 directions
    3 x 3 convolution                  9 lanes
    3 x 3 convolution                 25 lanes

Source: colouring as for sparse Jacobians, Curtis, Powell and Reid (1974).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from opcompiler import _compat
from opcompiler.taylor.primitives import Context, row_of
from opcompiler.taylor.support import (
    bare,
    is_local,
    narrow,
    NONE,
    routed,
    supported,
    united_along,
)
from opcompiler.taylor.value import is_active, Value

Reads = Sequence[np.ndarray]
"""For each axis of a value the places that an output reads, (outputs, places), or `NONE`.
One row: all outputs along the axis read the same."""


def convolution(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Convolutions with a constant kernel."""
    value, kernel = inputs
    params = equation.params
    if is_active(kernel) or params["batch_group_count"] > 1:
        return None
    (aval,) = _compat.output_avals(equation)
    before, taps, after = params["dimension_numbers"]
    reads = [np.arange(size)[:, None] for size in value.shape]
    reads[before[1]] = np.arange(value.shape[before[1]])[None]
    for n, (axis, tap, out) in enumerate(
        zip(before[2:], taps[2:], after[2:], strict=True)
    ):
        reads[axis] = _window(
            value.shape[axis], aval.shape[out], kernel.shape[tap],
            params["window_strides"][n], params["rhs_dilation"][n],
            params["lhs_dilation"][n], params["padding"][n][0],
        )  # fmt: skip
    return _windowed(
        context, equation, inputs, reads, list(zip(before, after, strict=True))
    )


def pooling(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Sums and extrema of each window."""
    value, *others = inputs
    if not is_local(value) or any(map(is_active, others)):
        return None
    params = equation.params
    aval, *_ = _compat.output_avals(equation)
    reads = [
        _window(size, length, *window, low)
        for size, length, *window, (low, _) in zip(
            value.shape, aval.shape, params["window_dimensions"],
            params["window_strides"], params["window_dilation"],
            params["base_dilation"], params["padding"], strict=True,
        )
    ]  # fmt: skip
    same = [(axis, axis) for axis in range(len(value.shape))]
    return _windowed(context, equation, inputs, reads, same)


def _window(
    size: int, length: int, taps: int, stride: int, dilation: int, gap: int, low: int
) -> np.ndarray:
    """Returns what each output of a window reads along one axis, (length, taps).

    Args:
        size: of the value.
        length: of the output.
        taps: of the window.
        stride: from one output to the next.
        dilation: from one tap to the next.
        gap: from one entry of the value to the next.
        low: entries of padding in front of the value.
    """
    at = np.arange(length)[:, None] * stride + np.arange(taps) * dilation - low
    place, between = np.divmod(at, gap)
    return np.where((between == 0) & (place >= 0) & (place < size), place, NONE)


def _windowed(
    context: Context,
    equation: Any,
    inputs: Sequence[Value],
    reads: Reads,
    axes: Sequence[tuple[int, int]],
) -> list[Value] | None:
    """Runs the ordinary rule with a lane for each colour.

    Args:
        context: of the equation.
        equation: with one window for each entry of its output.
        inputs: the first is local.
        reads: what is read along each axis of it.
        axes: each axis of it, and where this stands in the output.
    """
    value, *others = inputs
    support = value.support
    met = _read(support.index, reads)
    if all(rows.shape[1] == 1 or not support.varies(a) for a, rows in enumerate(reads)):
        found = met  # no two entries with directions of their own meet
    else:
        colours = _coloured(met, support.count, support.most)
        if colours is None:
            return None
        value = routed(value, support.at(_by_colour(support.index, colours)))
        found = _by_colour(met, colours)
    order = [before for before, _ in sorted(axes, key=lambda pair: pair[1])]
    index = narrow(found.transpose([0, *(1 + a for a in order)]))
    outputs = row_of(equation).rule(context, equation, [bare(value), *others])
    return [supported(output, support.at(index)) for output in outputs]


def _read(index: np.ndarray, reads: Reads) -> np.ndarray:
    """Returns what each output depends on, with the axes of what it reads from."""
    for axis, rows in enumerate(reads):
        if index.shape[1 + axis] == 1:
            continue
        there = (rows != NONE).reshape(*rows.shape, *[1] * (index.ndim - axis - 2))
        picked = np.take(index, np.maximum(rows, 0), 1 + axis)
        picked = np.where(there, picked, NONE)
        if rows.shape[1] > 1:
            picked = united_along(picked, [axis + 1])
        index = picked.squeeze(axis + 2)
    return index


def _coloured(met: np.ndarray, count: int, most: int) -> np.ndarray | None:
    """Returns a colour for each direction, other ones for those that meet.

    Args:
        met: (K, outputs), the directions that meet in each output.
        count: number of directions.
        most: colours that pay.

    Returns:
        The colours, `NONE` for a direction that is nowhere; or `None`, if there are more
        colours than pay. Each direction in turn has the first that is free.
    """
    columns = met.reshape(len(met), -1)
    most = min(most, 4 * len(columns))
    directions = columns.ravel()
    order = np.argsort(directions, kind="stable")
    starts = np.searchsorted(directions[order], np.arange(count + 1))
    output = np.broadcast_to(np.arange(columns.shape[1]), columns.shape).ravel()[order]
    taken = np.zeros((columns.shape[1], most), bool)
    colours = np.full(count, NONE)
    for d in range(count):
        where = output[starts[d] : starts[d + 1]]
        if not where.size:
            continue
        free = ~taken[where].any(0)
        if not free.any():
            return None
        colours[d] = np.argmax(free)
        taken[where, colours[d]] = True
    return colours


def _by_colour(index: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Returns an index with a lane for each colour.

    Where no window reads, two directions may have the same colour; one of them is kept.
    """
    lanes = int(colours.max()) + 1
    place = np.where(index == NONE, NONE, colours[index])
    found = np.full((lanes + 1, *index.shape[1:]), NONE)
    np.put_along_axis(found, np.where(place == NONE, lanes, place), index, 0)
    return found[:lanes]
