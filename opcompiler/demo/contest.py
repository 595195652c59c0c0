"""A residual raced against what JAX has itself: median times, and how far they differ.

In: any residual, and the size of network and batch. Out: seconds of value and gradient in
float32, and differences of the values in float64. `opcompiler bench` sets it against the
plan `nested` and against `jax.experimental.jet`. All routes are jitted and take turns, so
that a slow phase of the machine meets all of them. (`races.py` races steps of training
against what people write by hand.)
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

import opcompiler as oc
from opcompiler.demo import perceptron
from opcompiler.demo.jets import by_jets
from opcompiler.errors import OperatorError
from opcompiler.runtime.networks import read_networks

Evaluate = Callable[[Any, Array], Any]
Box = Sequence[tuple[float, float]]


def timed(
    routes: Sequence[Evaluate], params: Any, points: Array, rounds: int
) -> dict[str, list[float]]:
    """Returns the median seconds of each route, jitted, for evaluation and gradient.

    Every round runs each route once and waits for the device; the first warms up.
    """

    def gradient(route: Evaluate) -> Evaluate:
        def loss(params: Any, points: Array) -> Array:
            values = jax.tree.leaves(route(params, points))
            return sum(jnp.mean(jnp.real(r * jnp.conj(r))) for r in values)

        return jax.grad(loss)

    jitted = [jax.jit(f) for f in (*routes, *map(gradient, routes))]
    times: list[list[float]] = [[] for _ in jitted]
    for _ in range(rounds + 1):
        for run, taken in zip(jitted, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(run(params, points))
            taken.append(time.perf_counter() - start)
    medians = [statistics.median(taken[1:]) for taken in times]
    return {"evaluation": medians[: len(routes)], "gradient": medians[len(routes) :]}


def differences(routes: Sequence[Evaluate], params: Any, points: Array) -> list[float]:
    """Returns the largest differences from the first route, relative in max norm."""
    found = [
        jnp.stack(jax.tree.leaves(jax.jit(route)(params, points))) for route in routes
    ]
    scale = jnp.max(jnp.abs(found[0]))
    return [float(jnp.max(jnp.abs(each - found[0])) / scale) for each in found]


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
    groups = _groups(residual)
    nets = {
        fields: lambda params, point, n=n: perceptron.apply(params[n], point)
        for n, fields in enumerate(groups)
    }

    def given(points: Array) -> dict[str, Any]:
        # Quadrature rules are in double precision, whatever the points are.
        rules = arguments.get("quadrature")
        cast = jax.tree.map(lambda rule: jnp.asarray(rule, points.dtype), rules)
        return {**arguments, "quadrature": cast}

    def bound(compiled: oc.Residual) -> Evaluate:
        run = compiled.bind(nets)
        return lambda params, points: run(params, points, **given(points))

    def nested() -> Evaluate:
        if not all(site.plain for site in residual.operator.sites):
            raise OperatorError(
                "sums over the components are not written out",
                hint="take fewer components",
            )
        return bound(
            oc.Residual(residual.operator, "nested", defaults=residual.defaults)
        )

    def jets() -> Evaluate:
        run = by_jets(residual)

        def evaluate(params: Any, points: Array) -> Any:
            own = {fields: partial(net, params) for fields, net in nets.items()}
            return run(own, points, **given(points))

        return evaluate

    routes: dict[str, Evaluate] = {"opcompiler": bound(residual)}
    absent: list[Lane] = []
    for name, make in (("nested jax.jvp", nested), ("jax.experimental.jet", jets)):
        try:
            routes[name] = make()
        except OperatorError as error:
            absent.append(Lane(name, reason=error.problem))
    runs = list(routes.values())
    with jax.enable_x64(True):
        errors = differences(runs, *_inputs(residual, groups, box, size, jnp.float64))
    with jax.enable_x64(False):
        inputs = _inputs(residual, groups, box, size, jnp.float32)
        times = timed(runs, *inputs, size.rounds)
    return [
        *map(Lane, routes, times["evaluation"], times["gradient"], errors),
        *absent,
    ]


def _groups(residual: oc.Residual) -> list[tuple[str, ...]]:
    """Returns the fields together if one network can give them, else one by one."""
    together = residual.operator.used
    try:
        read_networks({together: perceptron.apply}, residual.operator)
    except OperatorError:
        return [(field,) for field in together]
    return [together]


def _inputs(
    residual: oc.Residual,
    groups: Sequence[tuple[str, ...]],
    box: Box,
    size: Size,
    dtype: type,
) -> tuple[list[perceptron.Params], Array]:
    """Draws a network for each group of fields, and points in the box."""
    operator = residual.operator
    kinds = dict(operator.kinds)
    widths = {column.name: column.width for column in operator.columns}
    weights, places = jax.random.split(jax.random.key(0))
    params: list[perceptron.Params] = []
    keys = jax.random.split(weights, len(groups))
    for fields, key in zip(groups, keys, strict=True):
        # Of a complex field the network gives the real and the imaginary part.
        outputs = sum(2 if kinds.get(field) == "complex" else 1 for field in fields)
        site = next(f.site for f in operator.functionals if f.field == fields[0])
        vectors = operator.sites[site].vectors
        inputs = sum(1 if v is None else widths[v] for v in vectors)
        hidden = (size.width,) * size.depth
        params.append(perceptron.init(key, (inputs, *hidden, outputs), dtype))
    low, high = jnp.array(box, dtype).T
    unit = jax.random.uniform(places, (size.points, len(box)), dtype)
    return params, low + (high - low) * unit
