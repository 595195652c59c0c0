"""Under JAX's strictest settings for mixed dtypes and ranks: the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.shares import only

t, x, s = sp.symbols("t x s")
n = sp.Symbol("n", integer=True)
psi = sp.Function("psi", complex=True)(t, x)
u = sp.Function("u")
POINTS = np.array([[0.1, 0.2], [0.3, 0.4]])
LINE = POINTS[:, :1]


def pair(z):
    return jnp.stack([jnp.cos(z[0]) * z[1], jnp.sin(z[1])])


def plain(z):
    return jnp.exp(z[0])


CASES = {
    "complex pair": (
        sp.I * psi.diff(t) + psi.diff(x, 2) / 2 - sp.Abs(psi) ** 2 * psi, pair, POINTS, {},
    ),
    "conjugate": (sp.re(psi) + 2 * sp.conjugate(psi).diff(x), pair, POINTS, {}),
    "whole numbers of an index": (
        sp.Sum(sp.IndexedBase("c")[n] * sp.sin(n * x) * u(x), (n, 1, 5)), plain, LINE,
        {"c": jnp.arange(8.0)},
    ),
    "integral": (
        u(x) - oc.Integral(sp.exp(s - x) * u(s), (s, 0, x)), plain, LINE,
        {"quadrature": {"s": oc.gauss_legendre(5)}},
    ),
    "cases": (
        sp.Piecewise((u(x), x > 0), (1, True)) + sp.besselj(1, u(x)), plain, LINE, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", only([jnp.float32], [jnp.float32, jnp.float64]))
def test_residuals(dtype) -> None:
    residuals = {name: oc.compile(equation) for name, (equation, *_) in CASES.items()}

    def run(name):
        _, network, points, given = CASES[name]
        given = {k: v.astype(dtype) if k == "c" else v for k, v in given.items()}
        return residuals[name](network, points.astype(dtype), **given)

    everything = lambda: {name: run(name) for name in CASES}
    wanted = jax.jit(everything)()
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        found = jax.jit(lambda: everything())()
    digits = 1e-6 if dtype == jnp.float32 else 1e-13
    for name, want in wanted.items():
        assert found[name].dtype == want.dtype, name
        np.testing.assert_allclose(found[name], want, rtol=digits, err_msg=name)


STACK = np.array([[[2.0, 0.3], [0.3, 1.0]], [[1.5, 0.2], [0.2, 3.0]]])
PROGRAMS = {
    "fft": lambda z: jnp.abs(jnp.fft.fft(z)) ** 2,
    "cholesky of a stack": lambda z: jnp.linalg.cholesky(STACK * (1 + z[0])),
    "eigenvalues of a stack": lambda z: jnp.linalg.eigvalsh(STACK * (1 + z[0] ** 2)),
    "softmax": lambda z: jax.nn.softmax(jnp.sin(z)),
}


def test_the_engine() -> None:
    def everything(z):
        return {name: oc.taylor.laplacian(fun)(z) for name, fun in PROGRAMS.items()}

    z = np.array([0.3, 0.5])
    wanted = jax.jit(everything)(z)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        found = jax.jit(lambda z: everything(z))(z)
    for name, want in wanted.items():
        np.testing.assert_allclose(found[name], want, rtol=1e-12, err_msg=name)
