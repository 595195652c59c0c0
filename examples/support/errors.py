"""Relative errors over many points, and what the least ansatz reaches beside them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
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


def watcher(
    problem: Problem,
    apply: Callable[[Any, Array], Array],
    key: Array,
    count: int = 2000,
) -> Callable[[Any], float]:
    """Returns params -> relative L2 error at the same points, for the history of training.

    Args:
        problem: with a solution.
        apply: the network, (params, point) -> ().
        key: of the points.
        count: at most so many points; fewer in very many dimensions.
    """
    width = problem.sample(key, 1).shape[1]
    points = problem.sample(key, max(1, min(count, AT_ONCE // width)))
    exact = problem.exact(points)

    @jax.jit
    def error(params: Any) -> Array:
        inner = jax.vmap(apply, (None, 0))(params, points)
        gap = problem.placed(points, N=inner) - exact
        return jnp.linalg.norm(gap) / jnp.linalg.norm(exact)

    return lambda params: float(error(params))


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
    def values(params: Any, key: Array) -> Array:
        points = problem.sample(key, batch)
        inner = jax.vmap(apply, (None, 0))(params, points)
        found = problem.placed(points, N=inner)
        exact = problem.exact(points)
        base = problem.placed(points, N=jnp.zeros(batch))
        shape, rest = problem.placed(points, N=jnp.ones(batch)) - base, exact - base
        return jnp.stack([found - exact, exact, shape, rest])

    rows = [values(params, k) for k in jax.random.split(key, batches)]
    # In double precision, and without a difference of squares: in a million dimensions
    # what the best constant leaves is the 10^-7 th part of the square.
    gap, exact, shape, rest = np.concatenate(jax.device_get(rows), axis=1).astype(float)
    left = rest - shape * (shape @ rest) / (shape @ shape)
    l1 = np.abs(gap).sum() / np.abs(exact).sum()
    l2, trivial = (np.linalg.norm(v) / np.linalg.norm(exact) for v in (gap, left))
    return Errors(float(l1), float(l2), float(trivial), batch * batches)
