"""Steps of second order for a loss that is a sum of squares, on `oc.least_squares`.

A physics-informed loss is one, and second-order information is what carries it from the
1e-6 of Adam to the rounding of float64. With J the Jacobian of all residuals r, a step is

    -Jᵀ (J Jᵀ + μ)⁻¹ r

for which J is never formed: J Jᵀ comes from the layers, Jᵀ w is one gradient.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_factor, cho_solve

import opcompiler as oc
from examples.support.training import Step

Squares = Callable[[Array], Any]
"""key -> a sum of squares of `oc.least_squares`"""


class Rows(NamedTuple):
    """Residuals at a set of points.

    Attributes:
        function: (params, point) -> (rows,), weighted: the loss is the sum of squares.
        points: (N, d).
    """

    function: Callable[[Any, Array], Array]
    points: Array


def squares_of(blocks: Sequence[Rows]) -> Any:
    """Returns the sum of all squares, not a mean over points."""
    return oc.least_squares([(*block, float(len(block.points))) for block in blocks])


def sum_of_squares(blocks: Sequence[Rows], params: Any) -> Array:
    """Returns the loss, a scalar."""
    return squares_of(blocks).loss(params)


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
    squares = squares_of(blocks)

    def begin(params: Any) -> Any:
        return params, jnp.asarray(damping)

    def step(state: Any, key: Array) -> tuple[Any, Array]:
        del key
        params, mu = state
        values = squares.residual(params)
        here = values @ values
        change = jax.tree.map(jnp.negative, _damped(squares, params, values, mu))
        moved = jax.tree.map(jnp.add, params, change)
        there = squares.loss(moved)
        predicted = here - jnp.sum((values + squares.jvp(params, change)) ** 2)
        ratio = (here - there) / predicted
        better = there < here
        mu = jnp.where(ratio > 0.75, mu / 3, jnp.where(ratio > 0.25, mu, 2 * mu))
        params = jax.tree.map(lambda a, b: jnp.where(better, a, b), moved, params)
        return (params, mu), jnp.where(better, there, here)

    return begin, step


def _damped(squares: Any, params: Any, values: Array, mu: Array) -> Any:
    """Solves (Jᵀ J + μ) step = Jᵀ r, as step = Jᵀ (J Jᵀ + μ)⁻¹ r if that is smaller."""
    flat, unravel = ravel_pytree(params)
    if len(values) <= flat.size:
        kernel = squares.gram(params)
        factor = cho_factor(kernel + mu * jnp.eye(len(kernel)))
        return squares.vjp(params, cho_solve(factor, values))
    jacobian = squares.jacobian(params)
    factor = cho_factor(jacobian.T @ jacobian + mu * jnp.eye(flat.size))
    return unravel(cho_solve(factor, jacobian.T @ values))


def natural_gradient(
    squares_at: Squares, damping: float = 1e-8, momentum: float = 0.0
) -> tuple[Callable[[Any], Any], Step]:
    """Returns how a state begins, and the step, of energy natural gradient descent.

    Without momentum it is ENGD-W, the step Jᵀ(J Jᵀ + μ)⁻¹ r; with momentum β it is SPRING,
    β φ + Jᵀ(J Jᵀ + μ)⁻¹ (r - β J φ) after the step φ. The length is the best of 1, 1/2,
    1/4, ..., 0.

    Args:
        squares_at: key -> the squares, at points that may be drawn from the key.
        damping: μ, at most the loss.
        momentum: β.

    Returns:
        `begin(params)` gives the state (params, φ).

    Source: Müller, Zeinhofer, ICML 2023; Guzmán-Cordero et al., arXiv 2505.12149;
        Goldshlager et al., J. Comput. Phys. 516 (2024).
    """
    lengths = jnp.append(0.5 ** jnp.arange(12.0), 0.0)

    def begin(params: Any) -> Any:
        return params, jax.tree.map(jnp.zeros_like, params)

    def step(state: Any, key: Array) -> tuple[Any, Array]:
        params, before = state
        squares = squares_at(key)
        values = squares.residual(params)
        left = values - momentum * squares.jvp(params, before) if momentum else values
        kernel = squares.gram(params)
        # Not below what rounding leaves of zero eigenvalues.
        rounding = jnp.finfo(values.dtype).eps * jnp.trace(kernel)
        mu = jnp.minimum(damping, values @ values) + rounding
        factor = cho_factor(kernel + mu * jnp.eye(len(kernel)))
        change = squares.vjp(params, cho_solve(factor, left))
        change = jax.tree.map(lambda new, old: new + momentum * old, change, before)
        moved = lambda t: jax.tree.map(lambda p, c: p - t * c, params, change)
        losses = jax.lax.map(lambda t: squares.loss(moved(t)), lengths)
        best = jnp.nanargmin(losses)
        taken = jax.tree.map(lambda c: lengths[best] * c, change)
        return (moved(lengths[best]), taken), losses[best]

    return begin, step
