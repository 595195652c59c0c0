"""Relative errors over many points, and what the least ansatz reaches beside them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from examples.problems.problem import Problem

AT_ONCE = 2**22
"""Components of the points of one batch, so that a million dimensions fit."""


class Errors(NamedTuple):
    """Relative errors on the test points.

    Attributes:
        l1, l2: of the network.
        trivial: of the ansatz with the best constant for a network, a (1 - |x|^2) on the
            ball. Who does not beat it has learnt nothing.
        points: how many test points.
    """

    l1: float
    l2: float
    trivial: float
    points: int


def measure(
    problem: Problem,
    apply: Callable[[Any, Array], Array],
    params: Any,
    key: Array,
    count: int = 20_000,
) -> Errors:
    """Measures on fresh points of the problem's own sampler.

    Args:
        problem: with a solution.
        apply: the network, (params, point) -> ().
        params: its parameters.
        key: of the test points.
        count: at most so many points; fewer in very many dimensions.
    """
    width = problem.sample(key, 1).shape[1]
    batch = max(1, min(count, AT_ONCE // width))
    batches = max(1, min(count // batch, 50))

    @jax.jit
    def moments(params: Any, key: Array) -> Array:
        points = problem.sample(key, batch)
        inner = jax.vmap(apply, (None, 0))(params, points)
        found = problem.placed(points, N=inner)
        exact = problem.exact(points)
        base = problem.placed(points, N=jnp.zeros(batch))
        shape, rest = problem.placed(points, N=jnp.ones(batch)) - base, exact - base
        gap = found - exact
        products = [gap @ gap, exact @ exact, shape @ shape, shape @ rest, rest @ rest]
        return jnp.stack([jnp.abs(gap).sum(), jnp.abs(exact).sum(), *products])

    rows = [moments(params, k) for k in jax.random.split(key, batches)]
    # In double precision: the trivial error is a difference of nearly equal numbers.
    first, whole, error, exact, shapes, mixed, rests = (
        sum(float(row[n]) for row in rows) for n in range(7)
    )
    trivial = max(rests - mixed**2 / shapes, 0.0) / exact
    return Errors(first / whole, (error / exact) ** 0.5, trivial**0.5, batch * batches)
