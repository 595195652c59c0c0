"""Sums over points, a tile of points at a time.

In: a function of some points that returns one number, and all that varies with the point,
arrays with the axes of the points in front: one of N rows, or those of a grid, of length 1
where an array does not vary. Out: the sum of that number over all tiles:

    add_up(lambda rows, inside: jnp.sum(f(rows) ** 2), points, Tiles.of((N,), 64))

A gradient at all points at once keeps all channels of all layers at all points. A tile
keeps its own alone: they stay in a CPU's caches, and memory does not grow with N.

The gradient of a tile is taken where the tile is evaluated, so that nothing is evaluated
twice. The sum has a JVP rule, in which one `lax.scan` makes value and gradient, and the
tangent is the product of that gradient with the tangents that come in. An argument that
does not move has a symbolic zero for a tangent, and no gradient is taken by it. The rule is
an ordinary program of JAX, so forward mode, `vmap` and second derivatives come along.
(Reverse mode over reverse mode keeps all tiles: JAX forgets `checkpoint` there. The usual
product with a Hessian, `jax.jvp` of `jax.grad`, keeps one.) A tile's function closes over
the networks' parameters and whatever else they read: tracing it finds all that, and the sum
is differentiated by it as by an argument.
"""

import math
import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.errors import OperatorError

Tile = Callable[[Any, Array | None], Array]
"""(rows of a tile, which of them count) -> one number; all count if it is `None`."""

_LINE, _CACHE = 3 * 2**15, 2**24
"""Bytes on a CPU: of one array of a layer, so that it stays in caches of the cores from one
elementwise operation to the next; and of a tile at most, all its arrays."""

_MEMORY = 2**30
"""Bytes that a tile may take elsewhere: an accelerator wants many points at once."""

_HELD = 8
"""A tile may always take so many times what the network holds: once per tile, parameters
are read and their gradient is added up."""

_MANY = 4
"""Values at all points at once may take so many times the bytes of a tile."""

_LEAST, _EVEN = 16, 8
"""Points of a tile at least; and what their number is a multiple of, if it can be."""


@dataclass(frozen=True)
class Footprint:
    """What one point takes.

    Attributes:
        made: numbers in all channels of all layers; on a grid, where many points share
            what depends on one axis alone, their mean.
        widest: numbers in the largest array of one channel, in the same way.
        held: bytes of the network's parameters, of all points together.
        itemsize: bytes of a number.
    """

    made: float
    widest: float
    held: int
    itemsize: int

    def tile(self) -> int:
        """Returns how many points make a tile.

        On a CPU an array of a layer shall stay in a cache, and have more rows than the
        layer is wide, because a matrix product puts its weights in order first. Measured
        on two cores with layers of 32, 64, 128 and 256: 512, 256, 256 to 512 and 128 to
        256 points are best, half as many take up to a fifth longer; on one core all these
        are alike.
        """
        if jax.default_backend() == "cpu":
            widest = max(self.widest, 1)
            best = int(max(1.5 * widest, _LINE // (widest * self.itemsize)))
            budget = _CACHE
        else:
            best, budget = sys.maxsize, _MEMORY
        most = int(max(budget, _HELD * self.held) // (self.made * self.itemsize))
        # The largest 2^k or 3 * 2^k up to that.
        found = max(min(best, most), _LEAST)
        power = 2 ** (found.bit_length() - 1)
        return power + power // 2 if found >= power + power // 2 else power

    def worth_tiles(self, count: int) -> bool:
        """Whether values at so many points are quicker by tiles, and their gradient too.

        A gradient evaluates every tile a second time then. On a CPU the caches give back
        more than that from about 64 MiB on; elsewhere they do not.
        """
        budget = max(_CACHE, _HELD * self.held)
        whole = count * self.made * self.itemsize
        return jax.default_backend() == "cpu" and whole > _MANY * budget


@dataclass(frozen=True)
class Tiles:
    """How points are cut.

    Attributes:
        lengths: of the axes of the points.
        counts: of tiles along each axis.
        sizes: of a tile along each axis.
    """

    lengths: tuple[int, ...]
    counts: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, lengths: Sequence[int], most: int) -> "Tiles":
        """Cuts the longest axes until a tile has no more points than `most`.

        On a grid that keeps the sides of a tile alike: least is computed again for the axes
        of the next one.
        """
        sizes = list(lengths)
        while math.prod(sizes) > most and max(sizes) > 1:
            longest = sizes.index(max(sizes))
            others = math.prod(sizes) // sizes[longest]
            half = -(-sizes[longest] // 2) if len(sizes) > 1 else 1
            sizes[longest] = max(min(half, sizes[longest] - 1), most // others, 1)
        counts = [-(-n // size) for n, size in zip(lengths, sizes, strict=True)]
        # A multiple of some points runs better; the last tiles are filled up.
        sizes = [
            n if count == 1 else min(size, -(-n // (count * _EVEN)) * _EVEN)
            for n, count, size in zip(lengths, counts, sizes, strict=True)
        ]
        return cls(tuple(lengths), tuple(counts), tuple(sizes))

    @property
    def one(self) -> bool:
        """Whether all points are in one tile."""
        return math.prod(self.counts) <= 1

    def cut(self, leaf: Array) -> Array:
        """Cuts an array (*axes, ...) into tiles, (tiles, *sizes, ...).

        Tile k takes the points k, k + tiles, k + 2 tiles, ... of an axis: where the points
        are spread over devices, so is every tile. The last tiles are filled up with points
        that there are: what is finite at all points is finite there.
        """
        rank, split = len(self.lengths), []
        for axis, (count, size) in enumerate(zip(self.counts, self.sizes, strict=True)):
            if leaf.shape[axis] == 1:
                split += [1, 1]
                continue
            missing = count * size - leaf.shape[axis]
            if missing:
                more = lax.slice_in_dim(leaf, 0, missing, axis=axis)
                leaf = jnp.concatenate([leaf, more], axis)
            split += [size, count]
        rest = leaf.shape[rank:]
        order = [*range(1, 2 * rank, 2), *range(0, 2 * rank, 2)]
        order += range(2 * rank, 2 * rank + len(rest))
        parts = leaf.reshape(*split, *rest).transpose(order)
        parts = jnp.broadcast_to(parts, (*self.counts, *parts.shape[rank:]))
        return parts.reshape(-1, *parts.shape[rank:])

    def inside(self) -> list[Array]:
        """Returns for each axis that does not come out even which of its places count.

        They have the axes of the points, and are as long as all tiles.
        """
        found = []
        rank = len(self.lengths)
        for axis, n in enumerate(self.lengths):
            full = self.counts[axis] * self.sizes[axis]
            if full != n:
                shape = [full if a == axis else 1 for a in range(rank)]
                found.append((jnp.arange(full) < n).reshape(shape))
        return found

    def joined(self, values: Array) -> Array:
        """Returns values of tiles, (tiles, *sizes, ...), with the axes of the points."""
        rank, rest = len(self.lengths), values.shape[1 + len(self.lengths) :]
        split = values.reshape(*self.counts, *self.sizes, *rest)
        order = [a for axis in range(rank) for a in (rank + axis, axis)]
        order += range(2 * rank, split.ndim)
        full = [n * size for n, size in zip(self.counts, self.sizes, strict=True)]
        whole = split.transpose(order).reshape(*full, *rest)
        return whole[tuple(slice(n) for n in self.lengths)]


def add_up(fun: Tile, rows: Any, tiles: Tiles) -> Array:
    """Returns the sum of a function over tiles of points.

    Args:
        fun: of the rows of a tile, and of booleans that broadcast to its sizes where some
            of them do not count, because they fill up a tile.
        rows: a pytree of arrays (*axes, ...).
        tiles: how they are cut.
    """
    leaves, structure = jax.tree.flatten(rows)
    if tiles.one:
        return fun(rows, None)
    parts = list(map(tiles.cut, (*leaves, *tiles.inside())))

    def of_leaves(*tile: Array) -> Array:
        own = jax.tree.unflatten(structure, tile[: len(leaves)])
        masks = tile[len(leaves) :]
        return fun(own, reduce(operator.and_, masks) if masks else None)

    one = jax.eval_shape(lambda: [part[0] for part in parts])
    program, consts = _compat.trace(of_leaves, *one)
    return _summed(partial(_compat.run, program), consts, parts)


def map_tiles(
    fun: Callable[[Any], list[Array]], rows: Any, tiles: Tiles
) -> list[Array]:
    """Returns values at all points, (*axes, ...), from a function of tiles.

    A gradient evaluates every tile a second time, so that it keeps one tile alone.

    Args:
        fun: of the rows of a tile; returns arrays (*sizes, ...).
        rows: a pytree of arrays (*axes, ...).
        tiles: how they are cut.
    """
    leaves, structure = jax.tree.flatten(rows)
    if tiles.one:
        return fun(rows)
    one = jax.checkpoint(
        lambda tile: fun(jax.tree.unflatten(structure, tile)), prevent_cse=False
    )
    found = lax.map(one, list(map(tiles.cut, leaves)))
    return list(map(tiles.joined, found))


def _summed(
    run: Callable[..., list[Any]], consts: Sequence[Any], parts: Sequence[Array]
) -> Array:
    """Returns the sum of run(constants, *tile) over all tiles, (tiles, T, ...) each."""
    # Where JAX reverses a scan, it evaluates every tile anew, and keeps one alone.
    anew = partial(jax.checkpoint, prevent_cse=False)

    def at(consts: Sequence[Any], tile: Sequence[Any]) -> Array:
        (value,) = run(consts, *tile)
        return value

    value_at = anew(at)

    def plain(consts: Sequence[Any], parts: Sequence[Any]) -> Array:
        one = jax.eval_shape(lambda: value_at(consts, [part[0] for part in parts]))

        def step(total: Any, tile: Any) -> Any:
            return _plus(total, value_at(consts, tile)), None

        (total, _), _ = lax.scan(step, _nothing(one), parts)
        return total

    # Inside of a `shard_map` a gradient by what all devices share is added up over them,
    # which a JVP rule may not do: JAX differentiates the scan.
    if any(map(_compat.varying, (*consts, *parts))):
        return plain(consts, parts)

    summed = jax.custom_jvp(plain)

    @partial(summed.defjvp, symbolic_zeros=True)
    def rule(primals: Any, tangents: Any) -> tuple[Array, Array]:
        consts, parts = primals
        of_consts, of_parts = (
            [k for k, tangent in enumerate(group) if _compat.moves(tangent)]
            for group in tangents
        )
        moving = [consts[k] for k in of_consts], [parts[k] for k in of_parts]
        rates = [tangents[0][k] for k in of_consts], [tangents[1][k] for k in of_parts]

        def of_moving(own: Any, own_rows: Any, tile: Any) -> Array:
            return at(
                _replaced(consts, of_consts, own), _replaced(tile, of_parts, own_rows)
            )

        slope = anew(jax.value_and_grad(of_moving, (0, 1)))

        def step(totals: Any, tile: Any) -> Any:
            own_rows = [tile[k] for k in of_parts]
            value, (by_consts, by_rows) = slope(moving[0], own_rows, tile)
            found = [value, *by_consts]
            return [_plus(t, f) for t, f in zip(totals, found, strict=True)], by_rows

        one = jax.eval_shape(lambda: value_at(consts, [part[0] for part in parts]))
        start = [_nothing(kind) for kind in (one, *moving[0])]
        try:
            ((value, _), *sums), by_rows = lax.scan(step, start, parts)
        except (NotImplementedError, OperatorError, TypeError, ValueError):
            # A network with a loop that has no reverse: in forward mode, tile by tile.
            forward = lambda own, rows: plain(
                _replaced(consts, of_consts, own), _replaced(parts, of_parts, rows)
            )
            return jax.jvp(forward, moving, rates)
        slopes = [*(slope for slope, _ in sums), *by_rows]
        products = [
            jnp.sum(jnp.real(slope * rate)).astype(value.dtype)
            for slope, rate in zip(slopes, [*rates[0], *rates[1]], strict=True)
        ]
        return value, sum(products[1:], products[0])

    return summed(consts, parts)


def _replaced(items: Sequence[Any], places: Sequence[int], new: Sequence[Any]) -> Any:
    filled = list(items)
    for place, item in zip(places, new, strict=True):
        filled[place] = item
    return filled


def _nothing(kind: Any) -> tuple[Array, Array]:
    """Returns a sum of no terms of a type, and what rounding has lost of it."""
    zero = _compat.zeros(kind)
    return zero, zero


def _plus(total: tuple[Array, Array], term: Array) -> tuple[Array, Array]:
    """Adds a term with what was lost before: the error of many tiles is that of one.

    Source: Kahan, Further remarks on reducing truncation errors, CACM 8 (1965) 40.
    """
    value, lost = total
    more = term - lost
    added = value + more
    return added, (added - value) - more
