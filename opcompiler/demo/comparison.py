"""A compiled residual against nested automatic differentiation by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array

import opcompiler as oc
from opcompiler.demo import nested, network, problems
from opcompiler.demo.timing import medians

NU = 0.01
LAYERS = (128, 128, 128, 128)
POINTS = 256
ROUNDS = 30

Evaluate = Callable[[Any, Array], Any]


@dataclass(frozen=True)
class Case:
    """One set of equations, in SymPy and by hand.

    Attributes:
        name: for the reader.
        equations: what is compiled.
        fields: in the order of the network's outputs.
        by_hand: the residuals at one point; see `nested`.
    """

    name: str
    equations: sp.Expr | Mapping[str, sp.Expr]
    fields: tuple[str, ...]
    by_hand: Callable[..., Any]

    def compile(self) -> oc.Residual:
        """Compiles the equations."""
        return oc.compile(self.equations, fields=self.fields)

    def text(self) -> str:
        """Returns the equations as text, one in a line."""
        every = self.equations
        parts = every.values() if isinstance(every, Mapping) else (every,)
        return "\n".join(f"{problems.short(e)} = 0" for e in parts)

    def contestants(self, residual: oc.Residual) -> tuple[Evaluate, Evaluate]:
        """Returns the compiled route and that by hand: (params, points) -> values."""
        bound = residual.bind(network.apply)

        def by_hand(params: network.Params, points: Array) -> Any:
            field = lambda point: network.apply(params, point)
            return jax.vmap(lambda point: self.by_hand(field, point, NU))(points)

        return lambda params, points: bound(params, points, nu=NU), by_hand

    def inputs(self, residual: oc.Residual, dtype: type) -> tuple[Any, Array]:
        """Draws a network of 4×128 and points in [-1, 1]^d."""
        d = len(residual.coordinates)
        weights, places = jax.random.split(jax.random.key(0))
        params = network.init(weights, (d, *LAYERS, len(self.fields)), dtype)
        return params, jax.random.uniform(places, (POINTS, d), dtype, -1, 1)


CASES = (
    Case(
        "2D Navier-Stokes, velocity and pressure",
        problems.navier_stokes(),
        ("u", "v", "p"),
        nested.navier_stokes,
    ),
    Case("viscous Burgers", problems.burgers(), ("u",), nested.burgers),
)


def difference(case: Case, residual: oc.Residual) -> float:
    """Returns the largest difference of the routes in float64, relative in max norm."""
    with jax.enable_x64(True):
        inputs = case.inputs(residual, jnp.float64)
        compiled, by_hand = (
            jnp.stack(jax.tree.leaves(jax.jit(route)(*inputs)))
            for route in case.contestants(residual)
        )
        return float(jnp.max(jnp.abs(compiled - by_hand)) / jnp.max(jnp.abs(by_hand)))


def seconds(case: Case, residual: oc.Residual) -> dict[str, tuple[float, float]]:
    """Returns (compiled, by hand) seconds in float32, for evaluation and gradient."""
    with jax.enable_x64(False):
        inputs = case.inputs(residual, jnp.float32)
        times = timed(case.contestants(residual), *inputs, ROUNDS)
    return {task: (ours, theirs) for task, (ours, theirs) in times.items()}


def timed(
    routes: Sequence[Evaluate], params: Any, points: Array, rounds: int
) -> dict[str, list[float]]:
    """Returns the median seconds of each route, jitted, for evaluation and gradient."""
    jitted = [jax.jit(f) for f in (*routes, *map(_gradient, routes))]
    times = medians([lambda f=f: f(params, points) for f in jitted], rounds)
    return {"evaluation": times[: len(routes)], "gradient": times[len(routes) :]}


def _gradient(route: Evaluate) -> Evaluate:
    """Returns the parameter gradient of the mean squared residual."""

    def loss(params: Any, points: Array) -> Array:
        values = jax.tree.leaves(route(params, points))
        return sum(jnp.mean(jnp.real(r * jnp.conj(r))) for r in values)

    return jax.grad(loss)
