"""Levenberg and Marquardt's method for a loss that is a sum of squares.

A physics-informed loss is one, and second-order information is what carries it from the
1e-6 of Adam to the rounding of float64. A residual depends on its own point alone, so the
Jacobian is taken point by point: it costs as much as a few gradients, not one each.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from examples.support.training import Step


class Rows(NamedTuple):
    """Residuals at a set of points.

    Attributes:
        function: (params, point) -> (rows,), weighted: the loss is the sum of squares.
        points: (N, d).
    """

    function: Callable[[Any, Array], Array]
    points: Array


def sum_of_squares(blocks: Sequence[Rows], params: Any) -> Array:
    """Returns the loss, a scalar."""
    return sum(
        jnp.sum(jax.vmap(block.function, (None, 0))(params, block.points) ** 2)
        for block in blocks
    )


def levenberg_marquardt(
    blocks: Sequence[Rows], damping: float = 1e-3
) -> tuple[Callable[[Any], Any], Step]:
    """Returns how a state begins, and the step.

    A step that does not lower the loss is not taken.

    Args:
        blocks: whose squares are summed.
        damping: μ at the beginning.

    Returns:
        `begin(params)` gives the state (params, μ). The loss that a step returns is that
        of the parameters it returns.

    Source: Nocedal, Wright, Numerical Optimization, 2nd ed., section 10.3; μ by the ratio
        of actual and predicted decrease, as in a trust region.
    """

    def begin(params: Any) -> Any:
        return params, jnp.asarray(damping)

    def step(state: Any, key: Array) -> tuple[Any, Array]:
        del key
        params, mu = state
        flat, unravel = ravel_pytree(params)
        values, jacobian = _linearise(blocks, flat, unravel)
        here = values @ values
        change = _damped(jacobian, values, mu)
        there = sum_of_squares(blocks, unravel(flat + change))
        predicted = here - jnp.sum((values + jacobian @ change) ** 2)
        ratio = (here - there) / predicted
        better = there < here
        mu = jnp.where(ratio > 0.75, mu / 3, jnp.where(ratio > 0.25, mu, 2 * mu))
        flat = jnp.where(better, flat + change, flat)
        return (unravel(flat), mu), jnp.where(better, there, here)

    return begin, step


def _damped(jacobian: Array, values: Array, mu: Array) -> Array:
    """Solves (Jᵀ J + μ) step = -Jᵀ r, as step = -Jᵀ (J Jᵀ + μ)⁻¹ r if that is smaller."""
    rows, unknowns = jacobian.shape
    wide = rows <= unknowns
    square = jacobian @ jacobian.T if wide else jacobian.T @ jacobian
    factor = jax.scipy.linalg.cho_factor(square + mu * jnp.eye(len(square)))
    if wide:
        return -jacobian.T @ jax.scipy.linalg.cho_solve(factor, values)
    return -jax.scipy.linalg.cho_solve(factor, jacobian.T @ values)


def _linearise(
    blocks: Sequence[Rows], flat: Array, unravel: Callable[[Array], Any]
) -> tuple[Array, Array]:
    """Returns all residuals, (m,), and their Jacobian by the parameters, (m, p)."""
    values, slopes = [], []
    for block in blocks:

        def at(flat: Array, point: Array, block: Rows = block) -> tuple[Array, Array]:
            rows = block.function(unravel(flat), point)
            return rows, rows

        both = jax.vmap(jax.jacrev(at, has_aux=True), (None, 0))
        slope, value = both(flat, block.points)
        values.append(value.reshape(-1))
        slopes.append(slope.reshape(-1, flat.size))
    return jnp.concatenate(values), jnp.concatenate(slopes)
