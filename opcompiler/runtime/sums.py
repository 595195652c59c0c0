"""Evaluates templates and sums: from draws of indices to one number per point and sum."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.frontend import Operator
from opcompiler.ir import Component, Functional, IndexedSum, Template
from opcompiler.planning import Plan
from opcompiler.runtime.bodies import run_body, Scene
from opcompiler.runtime.exhaustive import every, sum_bodies
from opcompiler.runtime.networks import Group
from opcompiler.runtime.precision import finite
from opcompiler.runtime.pushes import check_runs
from opcompiler.runtime.templates import Draw, Input, TemplatePush
from opcompiler.taylor.tuning import Tuning

Draws = Callable[[Template], Draw]
"""Which index tuples a template runs over, the same at each call."""


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
    check_runs(plan, (given.points for given in inputs.values()))
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
        value, pull = jax.vjp(group.network.by_body, point)
        units = jnp.eye(max(value.size, 1), dtype=value.dtype)
        rows = lambda c: jnp.stack([pull(c * u.reshape(value.shape))[0] for u in units])
        if not jnp.issubdtype(value.dtype, jnp.complexfloating):
            return rows(1)
        return lax.complex(rows(1), -rows(1j))  # a pull has real parts only

    return jax.vmap(at)(given.points)


def _gradient(
    functional: Functional,
    template: Template,
    group: Group,
    slopes: Array,
    inputs: Mapping[int, Input],
) -> Array:
    """Returns first derivatives by all components that the index reaches, (N, R)."""
    first, last = template.extents[0]
    total: Any = 0
    for alpha, c in functional.symbol.terms:
        (number,) = alpha.slots()
        direction = template.directions[number]
        assert isinstance(direction, Component)
        start = inputs[template.site].places[direction.place] + direction.shift
        part = group.pick(slopes, functional.field, 1)
        part = part[:, start + first : start + last + 1]
        total = total + (part if c == 1 else part * float(c))
    return total


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
            totals = sum_bodies(item, here)
        elif template.gradient:
            totals = _terms(item, functionals, here, every(item.extents))
        else:
            totals = _terms(item, functionals, here, draws(template))
        for name, total in zip(item.names, totals, strict=True):
            factor = finite(item.factor, scene.dtype)
            part = total if factor == 1 else factor * total
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
