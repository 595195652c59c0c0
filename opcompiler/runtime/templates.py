"""Runs the push of a template: directions that run with indices are a family."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.algebra.quadratic import Exact
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.ir import (
    Argument,
    Combination,
    Component,
    Direction,
    Functional,
    Random,
    Template,
)
from opcompiler.planning import Plan, running
from opcompiler.runtime.bodies import Index, run_body, Scene, Span
from opcompiler.runtime.networks import Group
from opcompiler.runtime.precision import as_precise_as, as_real
from opcompiler.taylor.onehot import OneHot
from opcompiler.taylor.push import push as taylor_push
from opcompiler.taylor.tuning import Tuning
from opcompiler.taylor.value import AlgebraArray, Value

_LONG = 256
"""More directions than this are pushed in chunks, so that memory stays bounded."""


@dataclass(frozen=True)
class Input:
    """The points of a site, and where each argument stands in them.

    Attributes:
        points: (N, D), what the network is called with.
        places: first column of every argument.
        sizes: number of its columns.
        vectors: per argument the vector that it is, or `None`.
        plain: whether it is no template's site.
        shape: of the values there; integration variables have axes before the points'.
    """

    points: Array
    places: tuple[int, ...]
    sizes: tuple[int, ...]
    vectors: tuple[str | None, ...]
    plain: bool
    shape: tuple[int, ...] = (-1,)


@dataclass(frozen=True)
class Draw:
    """Index tuples, all or some, and the weights with which their terms are summed.

    Attributes:
        indices: per index all values, or integers (R,), or (N, R), one set per point.
        count: R.
        weight: what each term counts: a number, or (R,) or (N, R).
        tangents: entries of random directions by law, (parts, R, d), or (parts, N, R, d).
    """

    indices: tuple[Index, ...]
    count: int
    weight: Any = 1
    tangents: Mapping[str, Array] = field(default_factory=dict)

    def by_axis(self) -> dict[int, Index]:
        """Returns the indices as bodies read them, along one axis."""
        return {
            n: i if isinstance(i, Span) else jnp.atleast_2d(i)
            for n, i in enumerate(self.indices)
        }

    def integers(self, number: int) -> Array:
        """Returns an index as integers, (R,) or (N, R)."""
        index = self.indices[number]
        if isinstance(index, Span):
            return jnp.arange(index.first, index.last + 1)
        return index


class TemplatePush:
    """One push of a plan at a template's site.

    Args:
        template: what runs.
        plan: holds the push and the read-outs.
        number: of the push.
        collapsed: functionals of which only the sum with one weight is wanted.
    """

    def __init__(
        self,
        template: Template,
        plan: Plan,
        number: int,
        collapsed: Collection[Functional],
    ) -> None:
        self._template = template
        self._run = running(plan, number, template, collapsed)

    def evaluate(
        self, group: Group, given: Input, scene: Scene, draw: Draw, tuning: Tuning
    ) -> dict[Functional, tuple[Array, bool]]:
        """Evaluates the template's functionals.

        Returns:
            By functional (N,), or (N, R) where it runs, and whether the directions are
            summed already.
        """
        count = max(draw.count, 2)  # a family has two directions or more
        algebra = self._run.algebra(count)
        seeds = [
            self._seed(k, given, scene, draw, count) for k in range(1, algebra.size)
        ]
        wanted = {k for r in self._run.readouts for _, k, _ in r.terms}
        if tuning.chunk is None and count > _LONG:
            tuning = replace(tuning, chunk=_LONG // 2)
        (value,) = taylor_push(
            jax.vmap(group.network), given.points, seeds, algebra, wanted, tuning
        )
        found = {}
        for readout in self._run.readouts:
            pick = partial(group.pick, field=readout.functional.field)
            total: Any = 0
            for _, channel, c in readout.terms:
                array = self._channel(value, channel, algebra, pick, draw.count)
                total = total + (array if c == 1 else array * float(c))
            total = as_precise_as(given.points.dtype, total)
            found[readout.functional] = (total, self._run.is_summed(readout))
        return found

    def _seed(
        self, channel: int, given: Input, scene: Scene, draw: Draw, count: int
    ) -> Array | OneHot | None:
        tangent = self._run.push.seeds[channel]
        if not tangent:
            return None
        directions = self._template.directions
        if channel in self._run.channels:
            ((number, c),) = tangent
            return _family(directions[number], float(c), given, scene, draw, count)
        parts = [_scaled(c, _single(directions[n], given, scene)) for n, c in tangent]
        return sum(parts[1:], parts[0])

    def _channel(
        self,
        value: Value,
        k: int,
        algebra: TaylorAlgebra,
        pick: Callable[[Array], Array],
        count: int,
    ) -> Array:
        size = algebra.channels[k].count
        if not isinstance(value, AlgebraArray):
            shape = value.shape[:1]
            if k == 0:
                return pick(value) if value.ndim == 2 else value
            return jnp.zeros((*shape, count) if size > 1 else shape, value.dtype)
        if size == 1:
            array = value.dense(k)
            return pick(array) if array.ndim == 2 else array
        rows = value.family(k, size)[:count]
        return (pick(rows) if rows.ndim == 3 else rows).T


def _single(direction: Direction, given: Input, scene: Scene) -> Array:
    """Returns a direction that does not run, (1 or N, D)."""
    width, dtype = given.points.shape[1], given.points.dtype
    first = given.places[direction.place]
    if isinstance(direction, Argument):
        return jnp.zeros((1, width), dtype).at[0, first].set(1)
    if isinstance(direction, Component):
        return jnp.zeros((1, width), dtype).at[0, first + direction.shift].set(1)
    if _is_point(direction, given):
        return given.points
    part = _combined(direction, scene, {}, dtype)
    return _placed(part, direction, given)


def _is_point(direction: Combination, given: Input) -> bool:
    r"""Whether a direction is the point itself, as for $x \cdot \nabla$.

    The first layer then multiplies both at once, and so does its transpose.
    """
    gathers, program = direction.body.gathers, direction.body.program
    if len(gathers) != 1 or program.steps or program.outputs != (gathers[0].name,):
        return False
    whole = given.vectors == (gathers[0].array,) and given.points.shape[1:] == (
        direction.extent[1] + 1,
    )
    return whole and direction.extent[0] == 0 and not direction.shift


def _combined(
    direction: Combination, scene: Scene, indices: Mapping[int, Index], dtype: Any
) -> Array:
    """Returns a combination's coefficients, (1 or N, L), or (1 or N, R, L)."""
    axes = 2 if indices else 1
    first, last = direction.extent
    span = Span(first, last, axis=axes - 1)
    known = {n: _with_axis(index) for n, index in indices.items()}
    (part,) = run_body(direction.body, {**known, direction.index: span}, axes, scene)
    part = _real(part, dtype)
    shape = part.shape if part.ndim == axes + 1 else (1,) * (axes + 1)
    return jnp.broadcast_to(part, (*shape[:-1], span.length))


def _with_axis(index: Index) -> Index:
    return index if isinstance(index, Span) else jnp.atleast_2d(index)[..., None]


def _placed(part: Array, direction: Combination, given: Input) -> Array:
    """Pads coefficients of some components with zeros to a tangent, (..., D)."""
    start = given.places[direction.place] + direction.extent[0] + direction.shift
    behind = given.points.shape[1] - start - part.shape[-1]
    return jnp.pad(part, [(0, 0)] * (part.ndim - 1) + [(start, behind)])


def _family(
    direction: Direction,
    c: float,
    given: Input,
    scene: Scene,
    draw: Draw,
    count: int,
) -> Array | OneHot:
    """Returns a running direction, padded to at least two by directions of zero."""
    dtype = given.points.dtype
    if isinstance(direction, Random):
        return c * _padded(_random(direction, given, scene, draw), count, 1)
    if isinstance(direction, Combination):
        part = _combined(direction, scene, dict(enumerate(draw.indices)), dtype)
        rows = jnp.broadcast_to(part, (part.shape[0], draw.count, part.shape[2]))
        return c * _padded(_placed(rows, direction, given), count, 1)
    assert isinstance(direction, Component)
    assert direction.index is not None
    first = given.places[direction.place]
    if direction.table:
        columns = jnp.asarray([given.places[n] for n in direction.table])
        at = columns[draw.integers(direction.index)]
    else:
        at = draw.integers(direction.index) + direction.shift + first
    values = jnp.full(at.shape, c, dtype)
    if direction.scale is not None:
        (scale,) = run_body(direction.scale, draw.by_axis(), 1, scene)
        scale = _real(scale, dtype)
        if scale.ndim == 2 and scale.shape[0] == 1:
            scale = scale[0]
        values = values * scale
        at = jnp.broadcast_to(at, values.shape)
    plain = bool(direction.table) or first != 0
    below = None if plain else first + given.sizes[direction.place]
    return OneHot(_padded(at, count, -1), _padded(values, count, -1), below=below)


def _random(direction: Random, given: Input, scene: Scene, draw: Draw) -> Array:
    r"""Returns random combinations $\sum_i v_i b_i$, (1 or N, R, D)."""
    dtype = given.points.dtype
    entries = draw.tangents[direction.law][direction.part]
    rows = entries if entries.ndim == 3 else entries[None]
    span = Span(*direction.extent)
    base = direction.base
    if isinstance(base, Combination):
        parts = _combined(base, scene, {0: span}, dtype)
        return _placed(jnp.einsum("...rk,...kl->...rl", rows, parts), base, given)
    if base.scale is not None:
        (scale,) = run_body(base.scale, {0: span}, 1, scene)
        rows = rows * _real(scale, dtype)[:, None]
    start = given.places[base.place] + span.first + base.shift
    behind = given.points.shape[1] - start - span.length
    return jnp.pad(rows, [(0, 0), (0, 0), (start, behind)])


def _real(coefficients: Any, dtype: Any) -> Array:
    """Returns coefficients that are entries of a direction."""
    return as_real(
        dtype,
        coefficients,
        "a coefficient of derivatives in a sum",
        "a direction is real: write the sums with its real and its imaginary part, "
        "Sum(re(c[i])*D(u, x[i]), i) + I*Sum(im(c[i])*D(u, x[i]), i)",
    )


def _scaled(c: Exact, array: Array) -> Array:
    return array if c == 1 else float(c) * array


def _padded(array: Array, count: int, axis: int) -> Array:
    short = count - array.shape[axis]
    if not short:
        return array
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, short)
    return jnp.pad(array, widths)
