"""Kronecker factors, and the solvers of Lineax and Optimistix, on one problem each."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import optimistix
import pytest
import sympy as sp
from jax.flatten_util import ravel_pytree

import opcompiler as oc
from opcompiler.integrations.lineax import jacobian
from tests.runtime.test_least_squares import close, layers, mlp

x = sp.Symbol("x")
U = sp.Function("u")(x)
OSCILLATOR = oc.compile(U.diff(x, 2) + U)


def apply(params, point):
    return mlp(params, jnp.tanh, point)[0]


POINTS = np.linspace(0, 3, 40)[:, None]
START = np.zeros((1, 1))
PARAMS = layers(1, 12, 12, 1)
SQUARES = oc.least_squares(
    [
        (OSCILLATOR.bind(apply), POINTS),
        (apply, START),
        (lambda p, z: jax.grad(apply, 1)(p, z) - 1, START),
    ]
)
"""u'' + u = 0, u(0) = 0, u'(0) = 1, whose solution is the sine."""


def error(params) -> float:
    found = jax.vmap(apply, (None, 0))(params, POINTS)
    return float(jnp.max(jnp.abs(found - jnp.sin(POINTS[:, 0]))))


def test_one_product_of_one_point_is_exact() -> None:
    """A plain network at one point has one product per layer: A ⊗ G is JᵀJ."""
    params = layers(2, 5, 4, 1)
    point = jnp.array([[0.3, -0.7]])
    squares = oc.least_squares([(apply, point, 2.0)])
    found = squares.kfac(params)
    matrix = squares.jacobian(params)
    start = 0
    for n, pair in enumerate(params):
        for m, leaf in enumerate(pair):
            own = matrix[:, start : start + leaf.size]
            start += leaf.size
            name = f"[{n}][{m}]"
            if m:
                close(found.blocks[name], own.T @ own)
            else:
                (inputs,), (outputs,) = found.layers[name]
                close(jnp.kron(inputs, outputs), own.T @ own)


def test_factors_of_a_laplacian_are_sums_over_channels_and_points() -> None:
    """By hand: the channels of u'' are value, first and half of the second derivative."""
    squares = oc.least_squares([(OSCILLATOR.bind(apply), POINTS)])
    (inputs,), (outputs,) = squares.kfac(PARAMS).layers["[1][0]"]

    def hidden(x):
        return jnp.tanh(x @ PARAMS[0][0] + PARAMS[0][1])

    def residual(layer, x):
        """u'' + u of a quadratic of the hidden layer's channels, each moved on its own."""
        (c0, c1, c2), weights = layer, PARAMS[1]
        z0 = c0 + weights[1]
        first, second = (
            (1 - jnp.tanh(z0) ** 2),
            -2 * jnp.tanh(z0) * (1 - jnp.tanh(z0) ** 2),
        )
        value = jnp.tanh(z0) @ PARAMS[2][0] + PARAMS[2][1]
        curve = (first * 2 * c2 + second * c1**2) @ PARAMS[2][0]
        return (value + curve)[0]

    def both(x):
        line = lambda t: hidden(x + t)
        slope = jax.jacfwd(line)
        channels = jnp.stack([line(0.0), slope(0.0), jax.jacfwd(slope)(0.0) / 2])
        return channels, jax.grad(residual)(tuple(channels @ PARAMS[1][0]), x)

    channels, slopes = jax.jit(jax.vmap(both))(POINTS)
    slopes = jnp.stack(slopes, 1) / jnp.sqrt(len(POINTS))
    count = channels.shape[0] * channels.shape[1]
    close(inputs, jnp.einsum("nci,ncj->ij", channels, channels) / count)
    close(outputs, jnp.einsum("nci,ncj->ij", slopes, slopes))


def test_solve_inverts_what_it_says() -> None:
    found = jax.jit(SQUARES.kfac)(PARAMS)
    slope = jax.jit(jax.grad(SQUARES.loss))(PARAMS)
    step = found.solve(slope, 1e-3)
    (bias,) = (found.blocks[name] for name in ("[1][1]",))
    close(bias @ step[1][1] + 1e-3 * step[1][1], slope[1][1])
    (inputs,), (outputs,) = found.layers["[1][0]"]
    ratio = jnp.sqrt(jnp.trace(inputs) / jnp.trace(outputs))
    left = inputs + ratio * 1e-3**0.5 * jnp.eye(12)
    right = outputs + 1e-3**0.5 / ratio * jnp.eye(12)
    close(left @ step[1][0] @ right, slope[1][0], 1e-8)


def test_training_with_kronecker_factors() -> None:
    """A few steps on a running mean of factors beat plain gradients by far."""

    @jax.jit
    def step(params, kept):
        slope = jax.grad(SQUARES.loss)(params)
        now = SQUARES.kfac(params)
        kept = jax.tree.map(lambda old, new: 0.5 * old + 0.5 * new, kept, now)
        change = kept.solve(slope, 1e-6)
        lengths = 0.5 ** jnp.arange(12.0)
        moved = lambda t: jax.tree.map(lambda p, c: p - t * c, params, change)
        losses = jax.lax.map(lambda t: SQUARES.loss(moved(t)), lengths)
        return moved(lengths[jnp.nanargmin(losses)]), kept

    params, kept = PARAMS, SQUARES.kfac(PARAMS)
    before = SQUARES.loss(params)
    for _ in range(60):
        params, kept = step(params, kept)
    assert SQUARES.loss(params) < 1e-4 * before


def test_lineax_operator() -> None:
    operator = jacobian(SQUARES, PARAMS)
    matrix, r = SQUARES.jacobian(PARAMS), SQUARES.residual(PARAMS)
    close(operator.as_matrix(), matrix)
    close(operator.T.as_matrix(), matrix.T)
    close(ravel_pytree(operator.T.mv(r))[0], matrix.T @ r)
    # (J Jᵀ + μ) w = r by conjugate gradients on products alone.
    mu = 1e-3
    system = operator @ operator.T + mu * lx.IdentityLinearOperator(operator.rows)
    tagged = lx.TaggedLinearOperator(system, lx.positive_semidefinite_tag)
    found = lx.linear_solve(tagged, r, lx.CG(rtol=1e-12, atol=1e-12, max_steps=2000))
    wanted = jnp.linalg.solve(matrix @ matrix.T + mu * jnp.eye(len(r)), r)
    close(found.value, wanted, 1e-6)
    # A solver for rectangular operators; a direct one asks for the matrix.
    step = lx.linear_solve(operator, r, lx.SVD(rcond=1e-10)).value
    wanted = jnp.linalg.lstsq(matrix, r, rcond=1e-10)[0]
    close(ravel_pytree(step)[0], wanted, 1e-4)


def test_optimistix_solves_with_the_residual() -> None:
    solver = optimistix.LevenbergMarquardt(rtol=1e-10, atol=1e-10)
    found = optimistix.least_squares(
        lambda params, args: SQUARES.residual(params),
        solver, PARAMS, max_steps=200, throw=False,
    )  # fmt: skip
    assert error(found.value) < 1e-5


def test_levenberg_marquardt_with_products_alone() -> None:
    solver = optimistix.LevenbergMarquardt(
        rtol=1e-8, atol=1e-8, linear_solver=lx.Normal(lx.CG(rtol=1e-6, atol=1e-6))
    )
    found = optimistix.least_squares(
        lambda params, args: SQUARES.residual(params),
        solver, PARAMS, max_steps=30, throw=False,
    )  # fmt: skip
    assert SQUARES.loss(found.value) < 1e-3 * SQUARES.loss(PARAMS)


def test_a_gradient_of_another_form_is_refused() -> None:
    with pytest.raises(oc.OperatorError, match="not like the parameters"):
        SQUARES.kfac(PARAMS).solve(np.ones(3), 1e-3)
