"""Laplacian, bilaplacian, partials and derivatives of plain functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from opcompiler.taylor import biharmonic, derivatives, laplacian, partials

POINT = np.array([0.3, -0.4, 0.8])


def fun(x):
    return jnp.sin(x[0] * x[1]) * jnp.exp(x[2]) + jnp.tanh(x @ x)


def exact_laplacian(f):
    """By nested forward mode."""
    along = lambda e: lambda x: jax.jvp(f, (x,), (e,))[1]
    twice = lambda x, e: jax.jvp(along(e), (x,), (e,))[1]
    return lambda x: jax.vmap(lambda e: twice(x, e))(jnp.eye(3)).sum()


def test_laplacian_and_bilaplacian() -> None:

    @jax.jit
    def everything(z):
        once, twice = exact_laplacian(fun), exact_laplacian(exact_laplacian(fun))
        return laplacian(fun)(z), once(z), biharmonic(fun)(z), twice(z)

    second, exact_second, fourth, exact_fourth = everything(POINT)
    np.testing.assert_allclose(second, exact_second)
    np.testing.assert_allclose(fourth, exact_fourth, rtol=1e-10)


def test_polynomials_are_exact() -> None:
    power, pair = lambda x: jnp.sum(x**2) ** 2, lambda x: {"a": x[0] ** 2, "b": 1.0}
    both = jax.jit(lambda x: (biharmonic(power)(x), laplacian(pair)(x)))
    fourth, second = both(POINT)
    assert fourth == pytest.approx(120, 1e-14)
    assert second == {"a": 2.0, "b": 0.0}


def test_partials() -> None:
    wanted = [(0, 0, 0), (1, 1, 1), (2, 0, 1), (0, 3, 0)]
    got = jax.jit(partials(lambda x: x[0] ** 2 * x[1] ** 3 * x[2], wanted))(POINT)
    x, y, z = POINT
    exact = [x**2 * y**3 * z, 6 * x * y**2, 2 * y**3, 6 * x**2 * z]
    np.testing.assert_allclose([got[a] for a in wanted], exact, rtol=1e-13)


def test_derivatives() -> None:
    one = derivatives(lambda x: jnp.stack([jnp.sin(x), x**4]), 5)
    got, (value,) = jax.jit(lambda x: (one(x), derivatives(jnp.sin, 0)(x)))(0.4)
    sines = [np.sin(0.4 + k * np.pi / 2) for k in range(6)]
    powers = [0.4**4, 4 * 0.4**3, 12 * 0.4**2, 24 * 0.4, 24.0, 0.0]
    np.testing.assert_allclose(
        got, np.stack([sines, powers], 1), rtol=1e-13, atol=1e-15
    )
    assert value == got[0][0]


def test_under_the_transformations_of_jax() -> None:
    both = laplacian(fun), exact_laplacian(fun)
    values, slopes = jax.jit(
        lambda z, batch: ([jax.vmap(f)(batch) for f in both],
                          [jax.grad(f)(z) for f in both])
    )(POINT, np.stack([POINT, 2 * POINT]))  # fmt: skip
    np.testing.assert_allclose(*values, rtol=1e-11)
    np.testing.assert_allclose(*slopes, rtol=1e-9)


def test_a_batch_is_refused() -> None:
    with pytest.raises(oc.OperatorError, match=r"\(2, 3\)"):
        laplacian(fun)(jnp.stack([POINT, POINT]))
    with pytest.raises(oc.OperatorError, match=r"\(3,\)"):
        derivatives(jnp.sin, 2)(POINT)
    with pytest.raises(oc.OperatorError, match="length d"):
        partials(fun, [(1, 1)])(POINT)
