"""Vectorised sine and cosine: exact to rounding, bounded everywhere, differentiable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime.trigonometry import cosine, sine
from tests.draws import normal

PAIRS = [(sine, np.sin), (cosine, np.cos)]


@pytest.mark.parametrize(("ours", "exact"), PAIRS)
@pytest.mark.parametrize("reach", [1.0, 10.0, 1e3, 1e5])
def test_as_exact_as_single_precision(ours, exact, reach) -> None:
    x = np.linspace(-reach, reach, 200_001).astype(np.float32)
    error = np.abs(np.asarray(jax.jit(ours)(x), float) - exact(x.astype(float)))
    # Far out, x itself is known to half a unit in its last place.
    assert error.max() < (1.3e-7 if reach <= 1e3 else reach * 2**-24)


@pytest.mark.parametrize(("ours", "exact"), PAIRS)
def test_small_values_have_all_their_digits(ours, exact) -> None:
    near = np.float32(0 if exact is np.sin else np.pi / 2)
    x = near + np.logspace(-30 if exact is np.sin else -6, -2, 99).astype(np.float32)
    found = jax.jit(ours)(x)
    np.testing.assert_allclose(found, exact(x.astype(float)), rtol=1e-6, atol=2e-10)


@pytest.mark.parametrize(("ours", "exact"), PAIRS)
def test_what_has_no_phase_is_bounded(ours, exact) -> None:
    far = np.float32([1e8, -3e20, 3e38])
    none = np.float32([np.inf, -np.inf, np.nan])
    assert np.all(np.abs(jax.jit(ours)(far)) <= 1.0001)
    assert np.all(np.isnan(jax.jit(ours)(none)))


def test_derivatives() -> None:
    x = np.linspace(-4, 4, 101, dtype=np.float32)
    both = jax.vmap(lambda z: (jax.grad(jax.grad(sine))(z), jax.grad(cosine)(z)))
    second, first = jax.jit(both)(x)
    np.testing.assert_allclose(second, -np.sin(x), atol=1e-6)
    np.testing.assert_allclose(first, -np.sin(x), atol=1e-6)


def test_long_sums_use_them() -> None:
    dim = 200_000
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    waves = oc.Sum(sp.sin(x[i] + sp.cos(x[i + 1])), (i, 0, dim - 2))
    residual = oc.compile(sp.Function("u")(x) - waves)
    at = normal(0, (60, dim), jnp.float32)
    value = lambda z: residual(lambda y: 0 * y[0], z)
    wanted = -np.sin(
        np.asarray(at[:, :-1], float) + np.cos(np.asarray(at[:, 1:], float))
    )
    np.testing.assert_allclose(value(at), wanted.sum(1), rtol=1e-5)
    assert "round" in str(jax.make_jaxpr(value)(at))
