"""Any residual against nested `jax.jvp` and `jax.experimental.jet`: times and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

import opcompiler as oc
from opcompiler.demo import network
from opcompiler.demo.comparison import Evaluate, timed
from opcompiler.demo.jets import by_jets
from opcompiler.errors import OperatorError
from opcompiler.runtime.networks import read_networks

Box = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Size:
    """What is measured on.

    Attributes:
        points: how many, drawn uniformly.
        width, depth: of a tanh network for each group of fields of the same arguments.
        rounds: that the medians are taken over.
    """

    points: int = 256
    width: int = 128
    depth: int = 4
    rounds: int = 30


@dataclass(frozen=True)
class Lane:
    """One route and its result.

    Attributes:
        name: of the route.
        evaluation, gradient: seconds, medians, in float32; none if it takes no part.
        difference: from the first route in float64, relative, in the maximum norm.
        reason: why it takes no part.
    """

    name: str
    evaluation: float | None = None
    gradient: float | None = None
    difference: float | None = None
    reason: str | None = None


def contest(
    residual: oc.Residual, arguments: Mapping[str, Any], box: Box, size: Size
) -> list[Lane]:
    """Times a residual, the same by nested jvp, and by jets where they apply.

    Args:
        residual: the compiled one.
        arguments: its parameters, and `quadrature` if it has integrals.
        box: an interval for each column of the points.
        size: of network and batch.
    """
    routes, absent = _routes(residual, arguments)
    draw = partial(_inputs, residual, box, size)
    with jax.enable_x64(True):
        differences = _differences(routes, *draw(jnp.float64))
    with jax.enable_x64(False):
        times = timed(list(routes.values()), *draw(jnp.float32), size.rounds)
    lanes = [
        Lane(name, evaluation, gradient, difference)
        for name, evaluation, gradient, difference in zip(
            routes, times["evaluation"], times["gradient"], differences, strict=True
        )
    ]
    return lanes + [Lane(name, reason=reason) for name, reason in absent.items()]


def _routes(
    residual: oc.Residual, arguments: Mapping[str, Any]
) -> tuple[dict[str, Evaluate], dict[str, str]]:
    nets = _networks(residual)
    routes: dict[str, Evaluate] = {}
    absent: dict[str, str] = {}

    def enter(name: str, make: Any) -> None:
        try:
            evaluate = make()
        except OperatorError as error:
            absent[name] = error.problem
        else:
            routes[name] = evaluate

    def given(points: Array) -> dict[str, Any]:
        # Quadrature rules are in double precision, whatever the points are.
        rules = arguments.get("quadrature")
        cast = jax.tree.map(lambda rule: jnp.asarray(rule, points.dtype), rules)
        return {**arguments, "quadrature": cast}

    def bound(compiled: oc.Residual) -> Evaluate:
        run = compiled.bind(nets)
        return lambda params, points: run(params, points, **given(points))

    def jets() -> Evaluate:
        run = by_jets(residual)

        def evaluate(params: Any, points: Array) -> Any:
            own = {fields: partial(net, params) for fields, net in nets.items()}
            return run(own, points, **given(points))

        return evaluate

    routes["opcompiler"] = bound(residual)
    if not all(site.plain for site in residual.operator.sites):
        absent["nested jax.jvp"] = "sums over the components are not written out"
    else:
        enter("nested jax.jvp", lambda: bound(_nested(residual)))
    enter("jax.experimental.jet", jets)
    return routes, absent


def _nested(residual: oc.Residual) -> oc.Residual:
    return oc.Residual(residual.operator, "nested", defaults=residual.defaults)


def _groups(residual: oc.Residual) -> list[tuple[str, ...]]:
    """Returns the fields together if one network can give them, else one by one."""
    together = residual.operator.used
    try:
        read_networks({together: network.apply}, residual.operator)
    except OperatorError:
        return [(field,) for field in together]
    return [together]


def _networks(residual: oc.Residual) -> dict[tuple[str, ...], Any]:
    def nth(number: int, params: Any, point: Array) -> Array:
        return network.apply(params[number], point)

    return {
        fields: partial(nth, number) for number, fields in enumerate(_groups(residual))
    }


def _inputs(
    residual: oc.Residual, box: Box, size: Size, dtype: type
) -> tuple[list[network.Params], Array]:
    """Draws networks, and points in the box."""
    groups = _groups(residual)
    weights, places = jax.random.split(jax.random.key(0))
    hidden = (size.width,) * size.depth
    params = [
        network.init(
            key,
            (_columns(residual, fields[0]), *hidden, _outputs(residual, fields)),
            dtype,
        )
        for fields, key in zip(
            groups, jax.random.split(weights, len(groups)), strict=True
        )
    ]
    low, high = jnp.array(box, dtype).T
    unit = jax.random.uniform(places, (size.points, len(box)), dtype)
    return params, low + (high - low) * unit


def _outputs(residual: oc.Residual, fields: tuple[str, ...]) -> int:
    """Returns how many real numbers give the fields; of complex ones re and im."""
    kinds = dict(residual.operator.kinds)
    return sum(2 if kinds.get(field) == "complex" else 1 for field in fields)


def _columns(residual: oc.Residual, field: str) -> int:
    """Returns how many numbers a field is a function of."""
    operator = residual.operator
    widths = {column.name: column.width for column in operator.columns}
    site = next(f.site for f in operator.functionals if f.field == field)
    return sum(1 if v is None else widths[v] for v in operator.sites[site].vectors)


def _differences(
    routes: Mapping[str, Evaluate], params: Any, points: Array
) -> list[float]:
    """Returns the largest differences from the first route, relative in max norm."""
    found = [
        jnp.stack(jax.tree.leaves(jax.jit(route)(params, points)))
        for route in routes.values()
    ]
    scale = jnp.max(jnp.abs(found[0]))
    return [float(jnp.max(jnp.abs(each - found[0])) / scale) for each in found]
