"""Evaluates templates and sums: from draws of indices to one number per point and sum."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.core.errors import OperatorError
from opcompiler.core.sums import Component, Extent, IndexedSum, Template
from opcompiler.core.symbol import Functional
from opcompiler.lowering.bodies import Index, run_body, Scene, Span
from opcompiler.lowering.networks import Group
from opcompiler.lowering.templates import Draw, Input, TemplatePush
from opcompiler.lowering.trigonometry import VECTORISED
from opcompiler.operator import Operator
from opcompiler.planning import Plan
from opcompiler.taylor.tuning import Tuning

Draws = Callable[[Template], Draw]
"""Which index tuples a template runs over, the same at each call."""

_MOST_TERMS = 2**24
"""Exact sums over several indices write their indices out; longer ones are sampled."""

_FEW, _AT_ONCE = 2**12, 2**24
"""On a CPU, from so many components of all points together, sines are vectorised; above
the second number points go block by block."""


def every(extents: Sequence[Extent]) -> Draw:
    """Returns the draw of all index tuples.

    Raises:
        OperatorError: if they are too many to be written out.
    """
    count = prod(last - first + 1 for first, last in extents)
    if len(extents) <= 1:
        return Draw(tuple(Span(*extent) for extent in extents), count)
    if count > _MOST_TERMS:
        raise OperatorError(
            f"a sum over several indices has {count} terms",
            expression=", ".join(f"{a}...{b}" for a, b in extents),
            hint="estimate it: compile(..., estimator=oc.Sparse(16))",
        )
    ranges = [jnp.arange(first, last + 1) for first, last in extents]
    grids = jnp.meshgrid(*ranges, indexing="ij")
    return Draw(tuple(grid.reshape(-1) for grid in grids), count)


def evaluate_templates(
    operator: Operator,
    plan: Plan,
    group: Group,
    inputs: Mapping[int, Input],
    scene: Scene,
    draws: Draws,
    tuning: Tuning,
) -> dict[Functional, tuple[Array, bool]]:
    """Evaluates the functionals of all templates for one network.

    Returns:
        By functional (N,), or (N, R) where it runs, and whether its directions are
        summed already.
    """
    found: dict[Functional, tuple[Array, bool]] = {}
    for number, template in enumerate(operator.templates):
        pushes = [n for n, push in enumerate(plan.pushes) if push.site == template.site]
        for push in pushes:
            if template.gradient:
                slopes = _slopes(group, inputs[template.site])
                wanted = [f for f in plan.functionals if f.site == template.site]
                for functional in wanted:
                    value = _gradient(functional, template, group, slopes, inputs)
                    found[functional] = (value, False)
                continue
            draw = draws(template)
            collapsed = (
                _collapsed(operator, number) if jnp.ndim(draw.weight) == 0 else ()
            )
            run = TemplatePush(template, plan, push, collapsed)
            found |= run.evaluate(group, inputs[template.site], scene, draw, tuning)
    return found


def _collapsed(operator: Operator, template: int) -> set[Functional]:
    """Returns the functionals of which only the bare sum is needed."""
    mine = [s for s in operator.sums if s.template == template]
    bare = {f for s in mine if s.body is None for f, _ in s.functionals}
    return bare - {f for s in mine if s.body is not None for f, _ in s.functionals}


def _slopes(group: Group, given: Input) -> Array:
    """Returns the gradients of all outputs by reverse passes, (N, m, D)."""

    def at(point: Array) -> Array:
        value, pull = jax.vjp(group.network, point)
        units = jnp.eye(max(value.size, 1), dtype=value.dtype)
        return jnp.stack([pull(u.reshape(value.shape))[0] for u in units])

    return jax.vmap(at)(given.points)


def _gradient(
    functional: Functional,
    template: Template,
    group: Group,
    slopes: Array,
    inputs: Mapping[int, Input],
) -> Array:
    """Returns first derivatives by all components that the index reaches, (N, R)."""
    place = group.fields.index(functional.field)
    (number,) = functional.symbol.terms[0][0].slots()
    direction = template.directions[number]
    assert isinstance(direction, Component)
    first, last = template.extents[0]
    start = inputs[template.site].places[direction.place] + direction.shift
    return slopes[:, place, start + first : start + last + 1]


def evaluate_sums(
    operator: Operator,
    functionals: Mapping[Functional, tuple[Array, bool]],
    scene: Scene,
    draws: Draws,
) -> dict[str, Array]:
    """Evaluates all sums, in the order in which they need each other.

    Args:
        operator: the sums.
        functionals: of the templates, as `evaluate_templates` gives them.
        scene: with the values of all functionals that do not run.
        draws: as for the templates.

    Returns:
        By name, (N,) each.
    """
    values: dict[str, Array] = {}
    plain = dict(scene.plain)
    for item in operator.sums:
        here = replace(scene, plain=plain)
        template = None if item.template is None else operator.templates[item.template]
        if template is None:
            totals = _free(item, here)
        elif template.gradient:
            totals = _terms(item, functionals, here, every(item.extents))
        else:
            totals = _terms(item, functionals, here, draws(template))
        for name, total in zip(item.names, totals, strict=True):
            part = total if item.factor == 1 else item.factor * total
            values[name] = values[name] + part if name in values else part
        plain |= {name: values[name] for name in item.names}
    return values


def _terms(
    item: IndexedSum,
    functionals: Mapping[Functional, tuple[Array, bool]],
    scene: Scene,
    draw: Draw,
) -> list[Array]:
    """Sums bodies over the index tuples that were drawn."""
    if item.body is None:
        ((functional, _),) = item.functionals
        value, summed = functionals[functional]
        if summed:
            return [value * draw.weight]
        return [jnp.sum(value * draw.weight, axis=-1)]
    more = {
        name: functionals[f][0]
        for f, name in item.functionals
        if name not in scene.plain
    }
    outputs = run_body(item.body, draw.by_axis(), 1, scene, more)
    return [_summed(output, draw) for output in outputs]


def _summed(output: Any, draw: Draw) -> Array:
    output = jnp.asarray(output)
    rows = output.shape[0] if output.ndim else 1
    terms = jnp.broadcast_to(output, (rows, draw.count)) * draw.weight
    return jnp.sum(terms, axis=-1)


def _free(item: IndexedSum, scene: Scene) -> list[Array]:
    """Sums bodies without derivatives over all indices."""
    assert item.body is not None
    body = item.body
    if len(item.extents) == 1:
        span = Span(*item.extents[0])
        indices: dict[int, Index] = {0: span}
        length = span.length
    else:
        draw = every(item.extents)
        indices, length = draw.by_axis(), draw.count

    def at(
        plain: dict[str, Array],
        arrays: dict[str, Array],
        functions: dict[str, Callable[..., Any]] | None = None,
        add: Callable[[Array], Array] = _add,
    ) -> list[Array]:
        there = replace(scene, plain=plain, arrays={**scene.arrays, **arrays})
        outputs = run_body(body, indices, 1, there, functions=functions)
        return [add(_spread(output, length)) for output in outputs]

    plain = {n: jnp.asarray(v) for n, v in scene.plain.items()}
    arrays = {n: a for n, a in scene.arrays.items() if a.ndim > scene.ranks[n]}
    count = max((a.shape[0] for a in arrays.values()), default=1)
    if count * length <= _FEW:
        return at(plain, arrays)
    on_cpu = partial(at, functions=VECTORISED, add=_multiply_by_ones)
    if count > 1 and count * length > _AT_ONCE:
        on_cpu = partial(_in_blocks, on_cpu, max(1, _AT_ONCE // length))
    return lax.platform_dependent(plain, arrays, cpu=on_cpu, default=at)


def _spread(output: Any, length: int) -> Array:
    output = jnp.asarray(output)
    rows = output.shape[0] if output.ndim else 1
    return jnp.broadcast_to(output, (rows, length))


def _add(terms: Array) -> Array:
    return jnp.sum(terms, axis=-1)


def _multiply_by_ones(terms: Array) -> Array:
    """Sums by a matrix product.

    A sum is fused with its terms into one scalar loop on a CPU; this way the terms are
    computed by a vectorised one. Measured on a busy machine, a Sine-Gordon source in
    100 000 dimensions at 100 points: the residual 1040 ms to 488 ms, with the loop over
    points gone too.
    """
    return terms @ jnp.ones(terms.shape[-1:], terms.dtype)


def _in_blocks(
    at: Callable[..., list[Array]],
    size: int,
    plain: dict[str, Array],
    arrays: dict[str, Array],
) -> list[Array]:
    """Evaluates some points at a time, so that memory stays bounded.

    Written out: in a loop of XLA's, what is inside runs several times slower on a CPU.
    """
    count = max(a.shape[0] for a in arrays.values())
    parts = []
    for start in range(0, count, size):
        cut = lambda v, start=start: v[start : start + size]
        few = {n: cut(v) if v.ndim else v for n, v in plain.items()}
        parts.append(at(few, {n: cut(a) for n, a in arrays.items()}))
    return [jnp.concatenate(pieces) for pieces in zip(*parts, strict=True)]
