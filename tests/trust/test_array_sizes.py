"""Whatever indexes an array knows its size; nothing is clamped, nothing wraps around."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.text import NotationError
from tests.draws import normal

x, n, m = sp.symbols("x n m")
u = sp.Function("u")(x)
c, A = sp.IndexedBase("c"), sp.IndexedBase("A")
B = sp.IndexedBase("B", shape=(2, 3))
POINTS = np.array([[0.3], [0.9]])
SINES = np.sin(POINTS[:, 0])
TWO = np.array([3.0, 5.0])
MATRIX = np.arange(6.0).reshape(2, 3)


def wave(z):
    return jnp.sin(z[0])


def cases(value, when, otherwise=0):
    return sp.Piecewise((value, when), (otherwise, True))


BEYOND = {
    "number": (c[5] * u, {"c": TWO}),
    "negative": (c[-1] * u, {"c": TWO}),
    "sum": (sp.Sum(c[n], (n, 0, 5)) * u, {"c": TWO}),
    "backward sum": (sp.Sum(c[n], (n, 5, 1)) * u, {"c": TWO}),
    "shifted": (sp.Sum(c[n + 1], (n, 0, 1)) * u, {"c": TWO}),
    "shifted below": (sp.Sum(c[n - 1], (n, 0, 1)) * u, {"c": TWO}),
    "product": (sp.Product(c[n], (n, 0, 2)) * u, {"c": TWO}),
    "where it may be": (sp.Sum(cases(c[n + 1], x < 1), (n, 0, 1)) * u, {"c": TWO}),
    "in a condition": (cases(u, c[2] > 0), {"c": TWO}),
    "second axis": (A[1, 3] * u, {"A": MATRIX}),
    "double sum": (sp.Sum(A[n, m], (n, 0, 1), (m, 0, 3)) * u, {"A": MATRIX}),
    "declared": (B[1, 3] * u, {"B": MATRIX}),
    "other than declared": (B[1, 1] * u, {"B": MATRIX.T}),
    "too few axes": (A[1, 1] * u, {"A": TWO}),
    "too many axes": (c[1] * u, {"c": np.ones((5, 3))}),
    "per point": (c[2] * u, {"c": np.ones((2, 2))}),
    "of the point": (c[2] * u, {"c": lambda z: jnp.stack([z[0], z[0]])}),
    "empty": (c[0] * u, {"c": np.ones(0)}),
    "two ranks": (A[1, 0] * u + A[0], {"A": MATRIX}),
    "number and array": (c[0] * u + sp.Symbol("c"), {"c": TWO}),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
def test_places_that_are_not_there(name):
    equation, given = BEYOND[name]
    with pytest.raises(oc.OperatorError) as error:
        oc.compile(equation)(wave, POINTS, **given)
    (array,) = given
    assert array in str(error.value)


def test_under_jit():
    residual = oc.compile(sp.Sum(c[n], (n, 0, 5)) * u)
    with pytest.raises(oc.OperatorError, match=r"c of shape \(2,\) is too short"):
        jax.jit(lambda table: residual(wave, POINTS, c=table))(TWO)
    with pytest.raises(oc.OperatorError, match=r"c of shape \(2,\)"):
        residual.bind(lambda params, z: wave(z))({}, POINTS, c=TWO)


THERE = {
    "all": (sp.Sum(c[n], (n, 0, 1)) * u, {"c": TWO}, 8),
    "more than read": (sp.Sum(c[n], (n, 0, 1)) * u, {"c": np.arange(9.0)}, 1),
    "last": (c[1] * u, {"c": TWO}, 5),
    "first case": (
        sp.Sum(cases(c[n + 1], n < 1), (n, 0, 1)) * u,
        {"c": TWO},
        5,
    ),
    "other case": (
        sp.Sum(cases(7, sp.Eq(n, 0), c[n - 1]), (n, 0, 2)) * u,
        {"c": TWO},
        15,
    ),
    "either": (
        sp.Sum(cases(c[n - 1], sp.Or(n > 3, sp.Eq(n, 2)) & (n < 3), 1), (n, 0, 9)) * u,
        {"c": TWO},
        14,
    ),
    "halves": (sp.Sum(cases(c[n], 2 * n < 3), (n, 0, 8)) * u, {"c": TWO}, 8),
    "two indices": (
        sp.Sum(cases(A[n, m + 1], sp.Eq(m + 1, n)), (n, 0, 1), (m, 0, 8)) * u,
        {"A": MATRIX},
        4,
    ),
    "never": (sp.Sum(cases(c[n + 9], n > 3, 2), (n, 0, 3)) * u, {"c": TWO}, 8),
    "axes": (sp.Sum(A[n, m], (n, 0, 1), (m, 0, 2)) * u, {"A": MATRIX}, 15),
    "per point": (c[1] * u, {"c": np.array([[0.0, 2.0], [0.0, 3.0]])}, [2, 3]),
}  # fmt: skip


def test_places_that_are_there():
    residuals = {name: oc.compile(equation) for name, (equation, *_) in THERE.items()}

    @jax.jit
    def everything(points):
        return {
            name: residual(wave, points, **THERE[name][1])
            for name, residual in residuals.items()
        }

    for name, got in everything(POINTS).items():
        want = np.array(THERE[name][2]) * SINES
        np.testing.assert_allclose(got, want, rtol=1e-14, err_msg=name)


X = oc.vector("x", 12)
i, j = oc.index("i", X), oc.index("j", X)
v = sp.Function("u")(X)
LONG = normal(0, (3, 12))


def weighted(z):
    return jnp.sum(jnp.sin(z) * jnp.arange(1, 13))


TABLES = {
    "first derivatives": (oc.Sum(c[i] * oc.D(v, X[i]), i), np.ones(11)),
    "second derivatives": (oc.Sum(c[i] * oc.D(v, X[i], 2), i), np.ones(11)),
    "as a length": (oc.Sum(c[i] ** 2 * oc.D(v, X[i], 2), i), np.ones(11)),
    "not linear": (oc.Sum(c[i] * oc.D(v, X[i]) ** 2, i), np.ones(11)),
    "of a product": (oc.D(oc.Sum(c[i + 1] * X[i] * v, i), X[0]), np.ones(12)),
    "matrix": (oc.Sum(c[i, j] * oc.D(v, X[i], X[j]), i, j), np.ones((12, 11))),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_in_sums_over_components(name):
    equation, short = TABLES[name]
    with pytest.raises(oc.OperatorError, match=r"c of shape .* too short"):
        oc.compile(equation)(weighted, LONG, c=short)
    if name in ("second derivatives", "as a length", "matrix"):
        sampled = oc.compile(equation, estimator=oc.Sparse(4))
        with pytest.raises(oc.OperatorError, match=r"c of shape .* too short"):
            sampled(weighted, LONG, c=short, key=jax.random.key(0))
    if name == "as a length":
        sampled = oc.compile(equation, estimator=oc.Dense(4))
        with pytest.raises(oc.OperatorError, match=r"c of shape .* too short"):
            sampled(weighted, LONG, c=short, key=jax.random.key(0))


@pytest.mark.parametrize(
    "equation",
    [
        X[12] * v,
        X[-1] * v,
        oc.D(v, X[12]),
        oc.Sum(X[i + 1] * oc.D(v, X[i]), i),
        oc.Sum(cases(X[i + 1], X[0] > 0) * oc.D(v, X[i]), i),
        oc.Sum(oc.D(v, X[i - 1], 2), i),
        sp.Sum(X[n], (n, 0, 12)) + v,
    ],
)
def test_components_that_are_not_there(equation):
    with pytest.raises(oc.OperatorError, match="reaches number"):
        oc.compile(equation)(weighted, LONG)


@pytest.mark.parametrize("ends", [(0, 12), (-1, 3), (5, 50)])
def test_ranges_beyond_an_index(ends):
    with pytest.raises(oc.OperatorError, match="no range of a sum"):
        oc.Sum(X[i], (i, *ends))


def test_components_of_short_vectors():
    short = oc.vector("x", 3)
    with pytest.raises(oc.OperatorError, match="reaches number 5"):
        oc.compile(short[5] * sp.Function("u")(short))


def test_the_range_in_which_a_case_is_taken():
    """It is solved for: halves are no integers, and the sign of an index may be minus."""
    moved = oc.Sum(cases(X[i], sp.Ge(5 - i, sp.Rational(5, 2))), i)
    got = oc.compile(moved + 0 * X[0] + v)(lambda z: 0 * z[0], LONG)
    np.testing.assert_allclose(got, np.asarray(LONG[:, :3]).sum(1), rtol=1e-14)
    none = oc.Sum(cases(1, i > 20), i)
    got = oc.compile(none + v)(lambda z: 0 * z[0], LONG)
    np.testing.assert_allclose(got, 0)


DECLARED = "coordinates x; field u; parameter d = 3; coefficient c[d], A[2, d]; e: "


@pytest.mark.parametrize("places", [2, 3, 4])
def test_text_of_a_declared_size(places):
    residual = oc.compile(oc.parse(DECLARED + "sum(i=1..d, c[i])*u = 0"))
    if places == 3:
        got = jax.jit(lambda p: residual(wave, p, c=np.arange(3.0))["e"])(POINTS)
        np.testing.assert_allclose(got, 3 * SINES, rtol=1e-14)
        return
    with pytest.raises(oc.OperatorError, match=r"give an array of shape \(3,\)"):
        residual(wave, POINTS, c=np.ones(places))


@pytest.mark.parametrize(
    "equation",
    ["c[4]*u", "c[0]*u", "sum(i=1..4, c[i])*u", "sum(i=1..d, c[i + 1])*u", "A[3, 1]*u"],
)
def test_text_beyond_a_declared_size(equation):
    with pytest.raises(NotationError, match="there is no component"):
        oc.parse(DECLARED + equation + " = 0")


def test_text_of_a_matrix():
    residual = oc.compile(oc.parse(DECLARED + "A[1, 3]*u = 0"))
    got = jax.jit(lambda points: residual(wave, points, A=MATRIX)["e"])(POINTS)
    np.testing.assert_allclose(got, 2 * SINES, rtol=1e-14)
    with pytest.raises(oc.OperatorError, match=r"shape \(2, 3\)"):
        residual(wave, POINTS, A=MATRIX.T)


def test_a_table_of_no_size():
    with pytest.raises(NotationError, match="positive whole number"):
        oc.parse("coordinates x; field u; coefficient c[0]; e: u = 0")
