"""Sums and products whose range runs backwards: SymPy's meaning, or a refusal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.text import NotationError

x, n, m = sp.symbols("x n m")
u = sp.Function("u")(x)
c = sp.IndexedBase("c")
POINTS = np.array([[0.3], [0.9]])
SINES = np.sin(POINTS[:, 0])
TABLE = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])


def wave(z):
    return jnp.sin(z[0])


@pytest.mark.parametrize(
    "total",
    [
        sp.Sum(n, (n, 5, 1)),
        sp.Sum(n, (n, 5, 4)),
        sp.Sum(n, (n, 5, 3)),
        sp.Sum(n**2, (n, 0, -4)),
        sp.Sum(n * m, (n, 5, 1), (m, 3, 0)),
        sp.Sum(n * m, (n, 5, 1), (m, 0, 3)),
        sp.Product(n, (n, 5, 1)),
        sp.Product(n, (n, 5, 4)),
        sp.Product(n + m, (n, 5, 2), (m, 1, 2)),
        sp.Sum(1 / n, (n, 7, 2)) ** 2,
    ],
)
def test_numbers(total):
    factor = float(total.doit())
    got = oc.compile(total * u)(wave, POINTS)
    np.testing.assert_allclose(got, factor * SINES, rtol=1e-14)


@pytest.mark.parametrize("ends", [(5, 1), (5, 4), (3, 2), (4, 0), (1, 4)])
def test_tables(ends):
    """Held sums over arrays, and products of their entries."""
    first, last = ends
    numbers = range(first, last + 1) if first <= last else range(last + 1, first)
    sign = 1 if first <= last else -1
    equations = [sp.Sum(c[n] ** 2, (n, *ends)), sp.Product(c[n], (n, *ends))]
    residual = oc.compile([equation * u for equation in equations])
    total, got = jax.jit(lambda p: residual(wave, p, c=TABLE))(POINTS)
    want = sign * sum(TABLE[k] ** 2 for k in numbers)
    np.testing.assert_allclose(total, want * SINES, rtol=1e-14)
    want = np.prod([TABLE[k] for k in numbers]) ** sign
    np.testing.assert_allclose(got, want * SINES, rtol=1e-14)


@pytest.mark.parametrize("size", [4, 12])
def test_components(size):
    """Vectors that are written out, and sums that are held."""
    X = oc.vector("x", size)
    i = oc.index("i", X)
    v = sp.Function("u")(X)
    points = np.linspace(0.1, 0.9, 2 * size).reshape(2, size)
    net = lambda z: jnp.sum(z**3)
    equations = [
        oc.Sum(X[i] * oc.D(v, X[i], 2), (i, 3, 0)),
        oc.Sum(oc.D(v, X[i]), (i, 3, 0)),
        oc.Sum(X[i] ** 2, (i, 3, 0)) + 0 * v + oc.D(v, X[0], 3),
        oc.Sum(oc.D(v, X[i], 2), (i, 3, 2)) + v,
    ]
    z = np.asarray(points)
    inner = z[:, 1:3]
    wants = [
        -(6 * inner**2).sum(1),
        -(3 * inner**2).sum(1),
        6 - (inner**2).sum(1),
        (z**3).sum(1),
    ]
    residuals = [oc.compile(equation) for equation in equations]
    found = jax.jit(lambda p: [residual(net, p) for residual in residuals])(points)
    for got, want in zip(found, wants, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)


@pytest.mark.parametrize(
    "text",
    [
        "coordinates x; field u; e: sum(i=5..1, i)*u = 0",
        "coordinates x; field u; e: sum(i=1..0, i)*u = 0",
        "coordinates x; field u; parameter d = 3; e: sum(i=1..d-3, i)*u = 0",
        "coordinates x; field u; coefficient c[6]; e: sum(i=5..2, c[i])*u = 0",
        "parameter d = 20; coordinates x in R^d; field u; e: sum(i=d..1, x[i])*u = 0",
    ],
)
def test_text(text):
    with pytest.raises(NotationError, match="this range is empty"):
        oc.parse(text)


def test_text_of_a_dimension_that_comes_later():
    text = "parameter d; coordinates x in R^d; field u; e: sum(i=4..d, x[i])*u = 0"
    with pytest.raises(oc.OperatorError, match="range is empty"):
        oc.parse(text, parameters={"d": 2})
