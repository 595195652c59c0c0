"""How a problem's equation is evaluated: exactly, sampled, or by nested derivatives."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array
from jax.experimental.jet import jet

import opcompiler as oc
from examples.problems.calculus import laplacian
from examples.problems.problem import Problem

SAMPLED = ("sparse", "sparse_per_point", "dense", "nested_sparse", "stde")
METHODS = ("exact", "nested", *SAMPLED)

Apply = Callable[[Any, Array], Array]
"""(params, point (D,)) -> ()"""

Evaluate = Callable[[Any, Array, Array], Array]
"""(params, points (N, D), key=key) -> residuals (N,)"""


def evaluation(
    problem: Problem,
    apply: Apply,
    method: str = "exact",
    samples: int = 16,
    distribution: str = "rademacher",
    **tuning: Any,
) -> Evaluate:
    """Returns the residual of the network inside of the ansatz.

    Args:
        problem: the equation.
        apply: the network's form.
        method: of `METHODS`. `nested` takes every second derivative forward over reverse,
            `nested_sparse` those of sampled components (SDGD), `stde` those by a 2-jet
            of `jax.experimental.jet` along dense one-hot vectors, as the paper's code
            does: what one writes without a compiler.
        samples: of the sampled methods; all components if there are not so many.
        distribution: of `dense` directions.
        **tuning: `chunk`, `remat`, of `oc.compile`.
    """
    samples = min(samples, dimension(problem))
    if method in ("nested", "nested_sparse", "stde"):
        second = _by_jet if method == "stde" else _by_nesting
        count = dimension(problem) if method == "nested" else samples
        return _by_hand(problem, apply, count, second)
    estimator = {
        "sparse": oc.Sparse(samples),
        "sparse_per_point": oc.Sparse(samples, per_point=True),
        "dense": oc.Dense(samples, distribution=distribution),
    }.get(method)
    residual = oc.compile(
        problem.trained,
        coordinates=list(problem.coordinates),
        estimator=estimator,
        **tuning,
    )
    bound, arrays = residual.bind(apply), problem.given(residual)
    return lambda params, points, key: bound(
        params, points, key=None if estimator is None else key, **arrays
    )


def dimension(problem: Problem) -> int:
    """Returns the number of components of the problem's vector."""
    (vector,) = (c for c in problem.coordinates if isinstance(c, sp.IndexedBase))
    return int(vector.shape[0])


def width(problem: Problem) -> int:
    """Returns the number of columns of the problem's points."""
    return dimension(problem) + len(problem.coordinates) - 1


Field = Callable[[Array], Array]
"""point (d,) -> ()"""


def _by_nesting(field: Field, point: Array, index: Array) -> Array:
    """Returns one second derivative, forward over reverse."""
    unit = jnp.zeros_like(point).at[index].set(1)
    return jax.jvp(jax.grad(field), (point,), (unit,))[1][index]


def _by_jet(field: Field, point: Array, index: Array) -> Array:
    """Returns one second derivative, the second coefficient along a one-hot vector."""
    unit = jnp.zeros_like(point).at[index].set(1)
    return jet(field, (point,), ((unit, jnp.zeros_like(point)),))[1][1]


def _by_hand(
    problem: Problem,
    apply: Apply,
    samples: int,
    second: Callable[[Field, Array, Array], Array],
) -> Evaluate:
    """Lap u + rest - source, with u differentiated through the constraint by JAX."""
    if problem.by_hand is None:
        raise SystemExit(f"{problem.name}: --method is exact, sparse or dense here")
    place = problem.by_hand
    (x,) = problem.coordinates
    dim = dimension(problem)
    rest = problem.operator(problem.unknown) - laplacian(problem.unknown, x)
    others = oc.compile(rest) if rest != 0 else None
    source = problem.function(problem.operator(problem.solution))

    def evaluate(params: Any, points: Array, key: Array) -> Array:
        chosen = jax.random.choice(key, dim, (samples,), replace=False)

        def field(point: Array) -> Array:
            return place(point, apply(params, point))

        def trace(point: Array) -> Array:
            each = jax.vmap(lambda index: second(field, point, index))
            return dim / samples * jnp.sum(each(chosen))

        reaction = 0 if others is None else others(field, points)
        return jax.vmap(trace)(points) + reaction - source(points)

    return evaluate
