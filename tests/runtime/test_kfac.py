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
TERMS = [
    (OSCILLATOR.bind(apply), POINTS),
    (apply, START),
    (lambda p, z: jax.grad(apply, 1)(p, z) - 1, START),
]
SQUARES = oc.least_squares(TERMS)
"""u'' + u = 0, u(0) = 0, u'(0) = 1, whose solution is the sine."""
FEW = oc.least_squares([(apply, POINTS, 2.0), TERMS[2]])
"""For what is true of any sum of squares."""
SMALL = layers(1, 12, 1)


def error(params) -> float:
    found = jax.vmap(apply, (None, 0))(params, POINTS)
    return float(jnp.max(jnp.abs(found - jnp.sin(POINTS[:, 0]))))


def test_one_product_of_one_point_is_exact() -> None:
    """A plain network at one point has one product per layer: A ⊗ G is JᵀJ."""
    params = layers(2, 5, 4, 1)
    point = np.array([[0.3, -0.7]])
    squares = oc.least_squares([(apply, point, 2.0)])
    both = jax.jit(lambda params: (squares.kfac(params), squares.jacobian(params)))
    found, matrix = both(params)
    matrix = np.asarray(matrix)
    start = 0
    for n, pair in enumerate(params):
        for m, leaf in enumerate(pair):
            own = matrix[:, start : start + leaf.size]
            start += leaf.size
            name = f"[{n}][{m}]"
            if m:
                close(found.blocks[name], own.T @ own)
            else:
                (inputs,), (outputs,) = map(np.asarray, found.layers[name])
                close(np.kron(inputs, outputs), own.T @ own)


def test_factors_of_a_laplacian_are_sums_over_channels_and_points() -> None:
    """By hand: the channels of u'' are value, first and half of the second derivative."""
    squares = oc.least_squares([(OSCILLATOR.bind(apply), POINTS)])

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

    together = lambda at: (jax.vmap(both)(at), squares.kfac(PARAMS))
    (channels, slopes), found = jax.jit(together)(POINTS)
    (inputs,), (outputs,) = found.layers["[1][0]"]
    slopes = np.stack(slopes, 1) / np.sqrt(len(POINTS))
    count = channels.shape[0] * channels.shape[1]
    close(inputs, np.einsum("nci,ncj->ij", channels, channels) / count)
    close(outputs, np.einsum("nci,ncj->ij", slopes, slopes))


def test_solve_inverts_what_it_says() -> None:

    @jax.jit
    def all_three(params):
        found, slope = FEW.kfac(params), jax.grad(FEW.loss)(params)
        return found, slope, found.solve(slope, 1e-3)

    found, *both = all_three(PARAMS)
    slope, step = jax.tree.map(np.asarray, both)
    bias = np.asarray(found.blocks["[1][1]"])
    close(bias @ step[1][1] + 1e-3 * step[1][1], slope[1][1])
    (inputs,), (outputs,) = map(np.asarray, found.layers["[1][0]"])
    ratio = np.sqrt(np.trace(inputs) / np.trace(outputs))
    left = inputs + ratio * 1e-3**0.5 * np.eye(12)
    right = outputs + 1e-3**0.5 / ratio * np.eye(12)
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

    params, kept = SMALL, SQUARES.kfac(SMALL)
    before = SQUARES.loss(params)
    for _ in range(60):
        params, kept = step(params, kept)
    assert SQUARES.loss(params) < 1e-4 * before


def test_lineax_operator() -> None:
    mu = 1e-3

    @jax.jit
    def everything(params):
        operator = jacobian(FEW, params)
        r = FEW.residual(params)
        system = operator @ operator.T + mu * lx.IdentityLinearOperator(operator.rows)
        tagged = lx.TaggedLinearOperator(system, lx.positive_semidefinite_tag)
        solver = lx.CG(rtol=1e-12, atol=1e-12, max_steps=2000)
        return FEW.jacobian(params), r, {
            "matrix": operator.as_matrix(),
            "transposed": operator.T.as_matrix(),
            "product": ravel_pytree(operator.T.mv(r))[0],
            "by products": lx.linear_solve(tagged, r, solver).value,
            "direct": ravel_pytree(
                lx.linear_solve(operator, r, lx.SVD(rcond=1e-10)).value
            )[0],
        }  # fmt: skip

    matrix, r, found = jax.tree.map(np.asarray, everything(SMALL))
    close(found["matrix"], matrix)
    close(found["transposed"], matrix.T)
    close(found["product"], matrix.T @ r)
    # (J Jᵀ + μ) w = r by conjugate gradients on products alone.
    wanted = np.linalg.solve(matrix @ matrix.T + mu * np.eye(len(r)), r)
    close(found["by products"], wanted, 1e-6)
    # A solver for rectangular operators; a direct one asks for the matrix.
    wanted = np.linalg.lstsq(matrix, r, rcond=1e-10)[0]
    close(found["direct"], wanted, 1e-4)


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
        solver, SMALL, max_steps=30, throw=False,
    )  # fmt: skip
    assert SQUARES.loss(found.value) < 1e-3 * SQUARES.loss(SMALL)


def test_a_gradient_of_another_form_is_refused() -> None:
    with pytest.raises(oc.OperatorError, match="not like the parameters"):
        SQUARES.kfac(PARAMS).solve(np.ones(3), 1e-3)
