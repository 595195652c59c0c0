"""Steps of second order for a loss that is a sum of squares, on `oc.least_squares`.

A physics-informed loss is one, and second-order information is what carries it from the
1e-6 of Adam to the rounding of float64. With J the Jacobian of all residuals r, a step is

    -Jᵀ (J Jᵀ + μ)⁻¹ r

`natural_gradient` never forms J: J Jᵀ comes from the layers, Jᵀ w is one gradient.
`levenberg_marquardt` factors J itself, for a few thousand weights and the last digits.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_factor, cho_solve, solve_triangular

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


TRIALS = 8
"""Dampings that a step of Levenberg and Marquardt's method tries, at most."""


def levenberg_marquardt(
    blocks: Sequence[Rows], damping: float = 1e-3, fall: float = 3.0
) -> tuple[Callable[[Any], Any], Step]:
    """Returns how a state begins, and the step.

    A step factors the Jacobian once. Until the loss is lower it tries greater dampings, at
    most `TRIALS`; where none lowers it the parameters stay.

    Args:
        blocks: whose squares are summed.
        damping: μ at the beginning.
        fall: what μ is divided by after a step that went as predicted, and multiplied by
            after one that did not.

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
        change_for = _damped(squares, params, values)

        def unlucky(trial: Any) -> Array:
            _, there, _, count = trial
            # "Not lower" is true of NaN, "higher" is not.
            return ~(there < here) & (count < TRIALS)

        def tried(trial: Any) -> Any:
            mu, count = trial[-2:]
            change = change_for(mu)
            moved = jax.tree.map(jnp.subtract, params, change)
            there = squares.loss(moved)
            left = values - squares.jvp(params, change)
            ratio = (here - there) / (here - left @ left)
            kept = jnp.where(ratio > 0.25, mu, fall * mu)
            mu = jnp.where(ratio > 0.75, mu / fall, kept)
            return moved, there, mu, count + 1

        first = params, jnp.full_like(here, jnp.inf), mu, 0
        moved, there, mu, _ = jax.lax.while_loop(unlucky, tried, first)
        better = there < here
        params = jax.tree.map(lambda a, b: jnp.where(better, a, b), moved, params)
        return (params, mu), jnp.where(better, there, here)

    return begin, step


def _damped(squares: Any, params: Any, values: Array) -> Callable[[Array], Any]:
    """Returns μ -> the solution of (JᵀJ + μ) x = Jᵀr, by orthogonal factors.

    It forms neither JᵀJ nor J Jᵀ: either has the square of J's condition number, and the
    small singular values, which the last digits of an eigenvalue depend on, would drown
    in rounding. The rows that μ adds are factored with the triangle of J alone.
    """
    _, unravel = ravel_pytree(params)
    jacobian = squares.jacobian(params)
    rows, columns = jacobian.shape
    triangle = lambda matrix: jnp.linalg.qr(matrix, mode="r")
    below = lambda mu, *shape: jnp.sqrt(mu) * jnp.eye(*shape)
    if rows < columns:  # x = Jᵀ (J Jᵀ + μ)⁻¹ r, and TᵀT = J Jᵀ + μ
        short = triangle(jacobian.T)

        def change(mu: Array) -> Any:
            factor = triangle(jnp.concatenate([short, below(mu, rows)]))
            inner = solve_triangular(factor, values, trans=1)
            return unravel(jacobian.T @ solve_triangular(factor, inner))

        return change
    # The triangle of [J r; √μ 0] has Qᵀr as its last column.
    whole = triangle(jnp.column_stack([jacobian, values]))

    def change(mu: Array) -> Any:
        factor = triangle(jnp.concatenate([whole, below(mu, columns, columns + 1)]))
        return unravel(solve_triangular(factor[:columns, :-1], factor[:columns, -1]))

    return change


def natural_gradient(
    squares_at: Squares, momentum: float = 0.0, damping: float = 1e-2
) -> tuple[Callable[[Any], Any], Step]:
    """Returns how a state begins, and the step, of energy natural gradient descent.

    Without momentum it is ENGD-W, the step Jᵀ(J Jᵀ + μ)⁻¹ r; with momentum β it is SPRING,
    β φ + Jᵀ(J Jᵀ + μ)⁻¹ (r - β J φ) after the step φ. The length is the first of 1, 1/2,
    ..., 1/64 that lowers the loss at other points than those of the step: at its own points
    nearly every step does, also one that is wrong between them. After a length of 1 or 1/2
    the damping is a fourth; after a shorter one, or none, it stays, and never rises. The
    best length instead of the first, and the best of several dampings, are greedy: they
    keep steps short, and training longer.

    Args:
        squares_at: key -> the squares, at points that may be drawn from the key.
        momentum: β.
        damping: μ of the first step.

    Returns:
        `begin(params)` gives the state (params, φ, μ).

    Source: Müller, Zeinhofer, ICML 2023; Guzmán-Cordero et al., arXiv 2505.12149;
        Goldshlager et al., J. Comput. Phys. 516 (2024).
    """
    still = lambda params: jax.tree.map(jnp.zeros_like, params)

    def begin(params: Any) -> Any:
        kind = jnp.result_type(*jax.tree.leaves(params))
        return params, still(params), jnp.asarray(damping, kind)

    def step(state: Any, key: Array) -> tuple[Any, Array]:
        params, before, mu = state
        squares, others = map(squares_at, jax.random.split(key))
        values = squares.residual(params)
        left = values - momentum * squares.jvp(params, before) if momentum else values
        change = jax.tree.map(
            lambda new, old: new + momentum * old,
            _direction(squares, params, left, mu), before,
        )  # fmt: skip
        by = lambda length: jax.tree.map(lambda c: length * c, change)
        after = lambda length: others.loss(
            jax.tree.map(jnp.subtract, params, by(length))
        )
        here, whole = others.loss(params), jnp.ones_like(mu)

        def halved(trial: tuple[Array, Array]) -> tuple[Array, Array]:
            return trial[0] / 2, after(trial[0] / 2)

        length, there = jax.lax.while_loop(
            # "Not lower" is true of NaN, "higher" is not.
            lambda trial: ~(trial[1] < here) & (trial[0] > 1 / 64), halved,
            (whole, after(whole)),
        )  # fmt: skip
        better = there < here
        taken = jax.tree.map(lambda c: jnp.where(better, length * c, 0.0), change)
        eps = jnp.finfo(mu.dtype).eps
        mu = jnp.where(better & (length >= 1 / 2), jnp.maximum(mu / 4, eps), mu)
        params = jax.tree.map(jnp.subtract, params, taken)
        return (params, taken, mu), jnp.where(better, there, here)

    return begin, step


def _direction(squares: Any, params: Any, values: Array, mu: Array) -> Any:
    """Returns (Jᵀ J + μ)⁻¹ Jᵀ r, as Jᵀ (J Jᵀ + μ)⁻¹ r if that is smaller."""
    flat, unravel = ravel_pytree(params)
    if len(values) <= flat.size:
        return squares.vjp(params, _solved(squares.gram(params), values, mu))
    jacobian = squares.jacobian(params)
    return unravel(_solved(jacobian.T @ jacobian, jacobian.T @ values, mu))


def _solved(matrix: Array, values: Array, mu: Array) -> Array:
    """Solves (A + μ) x = y, μ not below what rounding leaves of zero eigenvalues."""
    rounding = jnp.finfo(values.dtype).eps * jnp.trace(matrix)
    factor = cho_factor(matrix + (mu + rounding) * jnp.eye(len(matrix)))
    return cho_solve(factor, values)
