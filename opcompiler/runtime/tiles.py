r"""Sums over points, a tile of points at a time.

In: a function of some points that returns one number, and what varies with the point, N rows
of it. Out: the sum of that number over all tiles, with derivatives of every order:

    add_up(lambda rows, inside: jnp.sum(f(rows) ** 2), points, size=64)

All channels of all layers at all points would have to be kept for a gradient. A tile keeps
its own alone: they stay in the cache of a CPU, and memory does not grow with N.

The gradient of a tile is taken where the tile is evaluated, so nothing is evaluated twice:
the sum has a JVP rule of its own, in which value and gradient come from one `lax.scan`, and
the tangent is the product of that gradient with the tangents that come in. What does not move
has a symbolic zero for a tangent, and no gradient. The rule is an ordinary program, so that
second derivatives, forward mode and `vmap` need nothing more. Whatever the function closes over,
parameters of networks first of all, is found by tracing it, and moves as any argument does.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.errors import OperatorError

Tile = Callable[[Any, Array | None], Array]
"""(rows of a tile, which of them count) -> one number; all count if it is `None`."""

_LINE, _CACHE = 2**15, 2**23
"""Bytes on a CPU: of one array of a layer, so that it stays in the first cache from one
elementwise operation to the next; and of a tile at most, all its arrays."""

_MEMORY = 2**30
"""Bytes that a tile may take elsewhere: an accelerator wants many points at once."""

_HELD = 8
"""A tile may always take so many times what the network holds: once per tile, parameters
are read and their gradient is added up."""

_LEAST, _EVEN = 16, 8
"""Points of a tile at least; and what their number is a multiple of, if it can be."""


def tile_size(made: int, widest: int, held: int, itemsize: int) -> int:
    """Returns how many points make a tile.

    On a CPU an array of a layer shall stay in the first cache, and have half as many rows as
    the layer is wide, because a matrix product puts its weights in order first. Measured
    with layers of 32, 64, 128 and 256: 256, 64 to 128, 64 and 128 to 512 points are best.

    Args:
        made: numbers in all channels of all layers, of one point.
        widest: numbers in the largest array of one channel.
        held: bytes of the network's parameters.
        itemsize: bytes of a number.
    """
    if jax.default_backend() == "cpu":
        best = max(widest // 2, _LINE // (max(widest, 1) * itemsize))
        budget = _CACHE
    else:
        best, budget = sys.maxsize, _MEMORY
    most = max(budget, _HELD * held) // (max(made, 1) * itemsize)
    return max(_LEAST, _power_of_two(min(best, most)))


def _power_of_two(number: int) -> int:
    """Returns the largest power of two up to a number."""
    return 2 ** (max(number, 1).bit_length() - 1)


def add_up(fun: Tile, rows: Any, size: int) -> Array:
    """Returns the sum of a function over tiles of points.

    Args:
        fun: of the rows of a tile, and of booleans (T,) where some of them do not count,
            because they fill up a tile.
        rows: a pytree of arrays (N, ...).
        size: points of a tile, at most.
    """
    leaves, structure = jax.tree.flatten(rows)
    count = leaves[0].shape[0]
    tiles = -(-count // size)
    if tiles <= 1:
        return fun(rows, None)
    even = -(-count // (tiles * _EVEN)) * _EVEN
    size = min(even, size)
    missing = tiles * size - count
    if missing:
        # What fills up repeats points that there are: it is finite wherever they are.
        leaves = [jnp.concatenate([leaf, leaf[:missing]]) for leaf in leaves]
        leaves.append(jnp.arange(tiles * size) < count)

    def of_leaves(*leaves: Array) -> Array:
        own = leaves[:-1] if missing else leaves
        return fun(jax.tree.unflatten(structure, own), leaves[-1] if missing else None)

    # Tile k takes the points k, k + tiles, k + 2 tiles, ...: where the points are spread over
    # devices, so is every tile.
    parts = [
        jnp.swapaxes(leaf.reshape(size, tiles, *leaf.shape[1:]), 0, 1)
        for leaf in leaves
    ]
    one = jax.eval_shape(lambda: [part[0] for part in parts])
    program, consts = _compat.trace(of_leaves, *one)
    return _summed(partial(_compat.run, program), consts, parts)


def _summed(
    run: Callable[..., list[Any]], consts: Sequence[Any], parts: Sequence[Array]
) -> Array:
    """Returns the sum of run(constants, *tile) over all tiles, (tiles, T, ...) each."""

    # A derivative of the sum, and of its gradient, evaluates a tile anew, so that no more
    # than one tile is kept.
    kept_none = partial(jax.checkpoint, prevent_cse=False)

    def at(consts: Sequence[Any], tile: Sequence[Any]) -> Array:
        (value,) = run(consts, *tile)
        return value

    value_at = kept_none(at)

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

        slope = kept_none(jax.value_and_grad(of_moving, (0, 1)))

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
