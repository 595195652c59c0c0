"""Moving entries about: places move with them.

Every rule here says three things: where the places go, which directions are cut off, and
how an array that has one entry per direction is carried along. Such an array has length
1 along the axes on which directions stand at a place, and perhaps along others.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.registry import Context, sparse_rule
from opcompiler.taylor.rules.linear import _narrow_broadcast
from opcompiler.taylor.rules.sparse import on_bases, sparse
from opcompiler.taylor.sparse import (
    Index,
    Patch,
    Places,
    SparseArray,
)
from opcompiler.taylor.value import (
    family_axis,
    instantiate,
    lift,
    Value,
)

Shape = tuple[int, ...]
Carry = Callable[[Array], Array]
"""Carries along an array of the operand's rank, without a family's axis."""

Moved = tuple[Places | None, Carry | None]
"""Where places go, if they do not leave, and how arrays do, if they change."""

Move = Callable[[Places], Moved | None]
"""`None`, if the value has to be dense."""


def moved(
    context: Context, equation: Any, inputs: Sequence[Value], moves: Sequence[Move]
) -> list[Value] | None:
    """Moves the entries of the first operand; one move for each output."""
    value = inputs[0]
    if not isinstance(value, SparseArray):
        return None
    avals = _compat.output_avals(equation)
    if any(0 in aval.shape for aval in avals):
        return None
    bases = on_bases(context, equation, inputs, value.split)
    outputs: list[Value] = []
    for base, aval, move in zip(bases, avals, moves, strict=True):
        patches = []
        for patch in value.patches:
            found = move(patch.places)
            if found is None:
                return None
            places, carry = found
            if places is not None:
                patch = replace(patch, places=places)
                name = (equation.primitive.name, str(equation.params))
                patches.append(_carried(patch, carry, value.shape, aval.shape, name))
        outputs.append(sparse(value.split, aval, base, patches))
    return outputs


def _carried(
    patch: Patch, carry: Carry | None, before: Shape, after: Shape, why: Hashable
) -> Patch:
    """Carries a patch's arrays along.

    Places that differ from point to point are not those of the same origin any more.
    """
    if carry is None:
        return patch

    def along(c: Array) -> Array:
        return lift(carry, len(after), (c, len(before)))

    def varies(c: Array) -> bool:
        return c.size != c.shape[family_axis(len(before))]

    places = patch.places
    indices = tuple(
        replace(i, array=along(i.array),
                origin=(i.origin, why) if varies(i.array) else i.origin)
        for i in places.indices
    )  # fmt: skip
    inside, mask = places.inside, places.mask
    if inside is not None:
        mask = (mask, why) if varies(inside) else mask
        inside = along(inside)
    series = tuple(None if c is None else along(c) for c in patch.series)
    return Patch(Places(indices, inside, mask), series)


# --- axes ------------------------------------------------------------------------------


@sparse_rule("transpose")
def transpose(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Axes change their order."""
    order = list(equation.params["permutation"])

    def move(places: Places) -> Moved:
        return _renamed(places, order.index), lambda c: lax.transpose(c, order)

    return moved(context, equation, inputs, [move])


def _renamed(places: Places, name: Callable[[int], int]) -> Places:
    """Gives axes their new numbers."""
    indices = (replace(i, axis=name(i.axis)) for i in places.indices)
    return replace(places, indices=tuple(sorted(indices, key=lambda i: i.axis)))


@sparse_rule("broadcast_in_dim")
def broadcast(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """New axes hold every direction's entry all along."""
    (aval,) = _compat.output_avals(equation)
    axes = equation.params["broadcast_dimensions"]

    def move(places: Places) -> Moved | None:
        shape = inputs[0].shape
        if any(aval.shape[axes[a]] != shape[a] for a in places.axes):
            return None
        narrow = partial(_narrow_broadcast, equation.params, shape)
        return _renamed(places, lambda a: axes[a]), narrow

    return moved(context, equation, inputs, [move])


@sparse_rule("expand_dims", "reshape", "squeeze")
def reshape(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Splits or joins axes; places split or join if they are on all that are joined."""
    if equation.params.get("dimensions") is not None and (
        equation.primitive.name == "reshape"
    ):
        return None
    (aval,) = _compat.output_avals(equation)
    return moved(
        context, equation, inputs, [lambda p: _reshaped(p, inputs[0].shape, aval.shape)]
    )


def _reshaped(places: Places, before: Shape, after: Shape) -> Moved | None:
    if any(before[a] == 1 for a in places.axes):
        return None
    index = {i.axis: i for i in places.indices}
    found: list[Index] = []
    groups = _groups(before, after)
    for old, new in groups:
        on = [a for a in old if a in index]
        if on and on != old:
            return None
        if len(old) == len(new) == 1 and on:
            found.append(replace(index[old[0]], axis=new[0]))
        elif on:
            found += _split_index([index[a] for a in old], [before[a] for a in old],
                                  new, [after[a] for a in new])  # fmt: skip

    def carry(c: Array) -> Array:
        sizes = [1] * len(after)
        for old, new in groups:
            narrow = [a for a in old if c.shape[a] == 1]
            if narrow == old:
                continue
            shape = tuple(before[a] if a in old else n for a, n in enumerate(c.shape))
            c = instantiate(c, shape, c.dtype) if narrow else c
            for a in new:
                sizes[a] = after[a]
        return c.reshape(sizes)

    return replace(places, indices=tuple(found)), carry


def _groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """Returns the smallest sets of axes that a reshape turns into each other.

    Axes of length 1 come and go and are in none.
    """
    old = [a for a, n in enumerate(before) if n > 1]
    new = [a for a, n in enumerate(after) if n > 1]
    groups = []
    while old or new:
        left, right = [old.pop(0)], [new.pop(0)]
        while True:
            sizes = [
                math.prod(s[a] for a in g) for s, g in ((before, left), (after, right))
            ]
            if sizes[0] == sizes[1]:
                break
            if sizes[0] < sizes[1]:
                left.append(old.pop(0))
            else:
                right.append(new.pop(0))
        groups.append((left, right))
    return groups


def _split_index(
    old: Sequence[Index], sizes: Sequence[int], axes: Sequence[int], new: Sequence[int]
) -> list[Index]:
    """Returns the indices along new axes of what stands at old ones."""
    flat = old[0].array
    for index, size in zip(old[1:], sizes[1:], strict=True):
        flat = flat * size + index.array
    names = tuple(index.key[1:] for index in old), tuple(sizes), tuple(new)
    found = []
    for place, axis in enumerate(axes):
        below = math.prod(new[place + 1 :])
        array = flat // below % new[place] if place else flat // below
        found.append(Index(array, axis, (names, place), 0, 0, new[place]))
    return found
