"""Whole numbers in an equation are numbers like others, in the precision of the points."""

import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal
from tests.shares import only

x, k, n, s = sp.symbols("x k n s")
u = sp.Function("u")(x)
POINTS = np.array([[0.3], [-0.7]])
RULE = {"s": oc.gauss_legendre(4)}


def wave(z):
    return jnp.sin(z[0])


def cases(right: int, left: int) -> sp.Expr:
    return sp.Piecewise((right, x > 0), (left, True))


def picked(right: float, left: float) -> np.ndarray:
    return np.array([right, left])


EQUATIONS = {
    "product": (u + cases(100_000, 1) * cases(100_000, 3), picked(1e10, 3)),
    "double": (u + 2 * cases(2_000_000_000, 1), picked(4e9, 2)),
    "power": (u + cases(50, 40) ** 8, picked(50.0**8, 40.0**8)),
    "below": (u + cases(2, 3) ** -3, picked(1 / 8, 1 / 27)),
    "fraction": (u + (cases(100_000, 7) ** 2 + 1) / 3, picked((1e10 + 1) / 3, 50 / 3)),
    "two to the": (u + 2 ** cases(40, 50), picked(2.0**40, 2.0**50)),
    "root": (u + sp.sqrt(cases(65_536, 4) ** 4), picked(65_536.0**2, 16)),
    "gamma": (u + sp.factorial(cases(13, 14)), picked(6227020800, 87178291200)),
    "largest": (
        u + sp.Max(cases(65_536, 1), 3) * sp.Max(cases(65_536, 9), 5),
        picked(2.0**32, 27),
    ),
    "modulo": (
        u + sp.Mod(3 * cases(1_000_000_000, 5), 7),
        picked(3_000_000_000 % 7, 15 % 7),
    ),
    "floor": (
        u + sp.floor(cases(80_000, 2) * cases(80_000, 2) / 2),
        picked(3.2e9, 2),
    ),
    "sign": (u + sp.sign(2 * cases(2_000_000_000, -1)), picked(1, -1)),
    "comparison": (
        u + sp.Piecewise((5, cases(70_000, 2) ** 2 > 4_000_000_000), (6, True)),
        picked(5, 6),
    ),
    "integral": (
        u + oc.Integral(sp.Piecewise((100_000, s > -2), (1, True)) ** 2, (s, 0, 2)),
        picked(2e10, 2e10),
    ),
    "complex": (
        u + sp.I * cases(100_000, 1) * cases(100_000, 1j),
        picked(1e10j, -1),
    ),
    "large literal": (u + 10**19 * cases(3, 4) ** 2, picked(9e19, 16e19)),
}


@cache
def compiled(name):
    """A residual and the rules that it takes."""
    equation, _ = EQUATIONS[name]
    return oc.compile(equation), RULE if equation.has(sp.Integral) else None


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_equations_of_whole_numbers(dtype):
    residuals = {name: compiled(name) for name in EQUATIONS}

    @jax.jit
    def everything(points):
        return {
            name: residual(wave, points, quadrature=rules)
            for name, (residual, rules) in residuals.items()
        }

    digits = 1e-14 if dtype == jnp.float64 else 5e-6
    for name, got in everything(POINTS.astype(dtype)).items():
        assert got.real.dtype == dtype, name
        want = EQUATIONS[name][1] + np.sin(POINTS[:, 0])
        np.testing.assert_allclose(got, want, rtol=digits, err_msg=name)


def test_text():
    problem = oc.parse(
        "coordinates x; field u\n"
        "e: u + where(x > 0, 100000, 1)*where(x > -1, 100000, 3) = 0"
    )
    residual = oc.compile(problem)
    np.testing.assert_allclose(
        residual(wave, POINTS)["e"],
        [1e10 + np.sin(0.3), 1e5 + np.sin(-0.7)],
        rtol=1e-15,
    )
    # What is shown is what runs: there is no integer but exponents.
    assert "jnp.where" in residual.source()
    assert "100000.0" in residual.source()
    assert "100000," not in residual.source()


def avals(jaxpr):
    for equation in jaxpr.eqns:
        yield from (v.aval for v in (*equation.invars, *equation.outvars))
        for value in equation.params.values():
            if hasattr(value, "eqns"):
                yield from avals(value)
            elif hasattr(value, "jaxpr"):
                yield from avals(value.jaxpr)


@pytest.mark.parametrize("name", [n for n in EQUATIONS if n != "gamma"])
def test_nothing_else_is_computed_with(name):
    """With double precision switched on, single points see no double and no integer."""
    points = POINTS.astype(jnp.float32)
    residual, rules = compiled(name)
    rules = rules and {"s": tuple(part.astype(jnp.float32) for part in rules["s"])}
    traced = jax.make_jaxpr(lambda p: residual(wave, p, quadrature=rules))(points)
    kinds = {str(a.dtype) for a in avals(traced.jaxpr)}
    # `floor` and `mod` of JAX compare signs, `argmax` of a guard counts.
    assert kinds <= {"float32", "bool", "complex64", "int32"}
    written = {
        e.primitive.name
        for e in traced.jaxpr.eqns
        if any(str(v.aval.dtype) == "int32" for v in e.outvars)
    }
    assert written <= {"argmax", "jit", "pjit"}


GIVEN = {
    "int": (3_000_000_000, 3e9),
    "long int": (10**25, 1e25),
    "bool": (True, 1.0),
    "numpy int64": (np.int64(3_000_000_000), 3e9),
    "numpy array": (np.array([3_000_000_000, -2]), np.array([3e9, -2])),
    "list": ([3_000_000_000, 7], np.array([3e9, 7])),
    "jax array": (jnp.array([5, -2]), np.array([5.0, -2])),
    "unsigned": (np.uint32(4_000_000_000), 4e9),
}


@pytest.mark.parametrize(
    ("name", "wide"),
    only(
        zip(GIVEN, itertools.cycle((True, False)), strict=False),
        itertools.product(GIVEN, (True, False)),
    ),
)
def test_parameters_given_as_integers(name, wide):
    """As a bound residual too, whose arguments pass through `jit`."""
    given, want = GIVEN[name]
    residual = oc.compile(u * k)
    bound = residual.bind(lambda params, z: params * jnp.sin(z[0]))
    with jax.enable_x64(wide):
        points = POINTS if wide else POINTS.astype(np.float32)
        digits = 1e-14 if wide else 1e-6
        for got in (residual(wave, points, k=given), bound(1.0, points, k=given)):
            truth = np.sin(POINTS[:, 0]) * np.asarray(want, float)
            np.testing.assert_allclose(got, truth, rtol=digits)
            assert got.dtype == points.dtype


def test_integer_exponents_given_at_the_call():
    residual = oc.compile(u**n + 2**n)
    both = jax.jit(lambda points: [residual(wave, points, n=n) for n in (3, -40)])
    got, small = both(POINTS)
    np.testing.assert_allclose(got, np.sin(POINTS[:, 0]) ** 3 + 8, rtol=1e-14)
    want = np.sin(POINTS[:, 0]) ** -40.0 + 2.0**-40
    np.testing.assert_allclose(small, want, rtol=1e-13)


def test_integer_points():
    """Refused as columns of integers; a column of them beside others is of their dtype."""
    y = sp.Symbol("y")
    residual = oc.compile(sp.Function("u")(x, y).diff(x, 2) * y)
    net = lambda z: jnp.sin(z[0]) * z[1]
    bound = residual.bind(lambda params, z: params * net(z))
    with pytest.raises(oc.OperatorError, match="floating"):
        residual(net, np.array([[1, 2]]))
    columns = {"x": np.array([0.3, 0.7], np.float32), "y": np.array([3_000_000_000, 2])}
    want = -np.sin(columns["x"].astype(float)) * columns["y"].astype(float) ** 2
    with jax.enable_x64(False):
        for got in (residual(net, columns), bound(1.0, columns)):
            np.testing.assert_allclose(got, want, rtol=1e-6)


X = oc.vector("x", 12)
i = oc.index("i", X)
v = sp.Function("u")(X)
LONG = normal(0, (3, 12))


def weighted(z):
    return jnp.sum(jnp.sin(z) * jnp.arange(1, 13))


@pytest.mark.parametrize("dtype", only([jnp.float64], [jnp.float64, jnp.float32]))
def test_indices_as_numbers(dtype):
    """In bodies of sums, coefficients of derivatives, conditions; sampled too."""
    points = LONG.astype(dtype)
    z, numbers = np.asarray(points, float), np.arange(12.0)
    second = -np.sin(z) * np.arange(1, 13)
    large = sp.Piecewise((2_000_000_000, i > 5), (1, True))
    value = (np.sin(z) * np.arange(1, 13)).sum(1)
    digits = 1e-12 if dtype == jnp.float64 else 2e-5
    cases = (
        (oc.Sum(i**9 * X[i], i) * v, (numbers**9 * z).sum(1) * value),
        (oc.Sum(i**9 * oc.D(v, X[i], 2), i), (numbers**9 * second).sum(1)),
        (
            oc.Sum(3 * large * oc.D(v, X[i], 2), i),
            (np.where(numbers > 5, 6e9, 3) * second).sum(1),
        ),
        (oc.Sum(2 ** (3 * i) * oc.D(v, X[i], 2), i), (8.0**numbers * second).sum(1)),
    )
    exact = [oc.compile(equation) for equation, _ in cases]
    sampled = [
        oc.compile(equation, estimator=oc.Sparse(12))
        for equation, _ in cases
        if equation.has(sp.Derivative)
    ]

    @jax.jit
    def everything(points):
        key = jax.random.key(1)
        return [residual(weighted, points) for residual in exact], [
            residual(weighted, points, key=key) for residual in sampled
        ]

    found, drawn = everything(points)
    wanted = [want for _, want in cases]
    assert {got.dtype for got in found} == {np.dtype(dtype)}
    for got, want in zip((*found, *drawn), (*wanted, *wanted[1:]), strict=True):
        np.testing.assert_allclose(got, want, rtol=digits)


def test_an_index_that_the_points_cannot_count_to():
    """bfloat16 has no 257; what only picks a component is an integer, and exact."""
    long = oc.vector("x", 300)
    j = oc.index("j", long)
    w = sp.Function("u")(long)
    points = np.ones((1, 300), jnp.bfloat16)
    with pytest.raises(oc.OperatorError, match="runs to 299"):
        oc.compile(oc.Sum(j * long[j], j) + w)(lambda z: z[0], points)
    oc.compile(oc.Sum(long[j], j) + w)(lambda z: z[0], points)
