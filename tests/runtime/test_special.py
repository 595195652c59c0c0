"""Special functions of the shell and their derivatives, against mpmath at 40 digits."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from sympy.codegen import cfunctions

import opcompiler as oc
from opcompiler.runtime import special
from tests.shares import one_in

x, n = sp.symbols("x n")
u = sp.Function("u")(x)
EVERYWHERE = (-2.4, -0.5, 0.37, 1.5, 5.0)
POSITIVE = (0.05, 0.37, 1.5, 5.0, 20.0)
UNIT = (0.1, 0.37, 0.5, 0.9)

# name: (in SymPy, in mpmath, points)
SMOOTH: dict[str, tuple[sp.Expr, Callable, tuple[float, ...]]] = {
    "J0": (sp.besselj(0, u), lambda z: mp.besselj(0, z), (*EVERYWHERE, 29.0, 31.0, 200.0)),
    "J1": (sp.besselj(1, u), lambda z: mp.besselj(1, z), (*EVERYWHERE, -35.0, 60.0)),
    "J4": (sp.besselj(4, u), lambda z: mp.besselj(4, z), (*EVERYWHERE, 37.0, 39.0)),
    "I0": (sp.besseli(0, u), lambda z: mp.besseli(0, z), (*EVERYWHERE, 60.0)),
    "I1": (sp.besseli(1, u), lambda z: mp.besseli(1, z), (*EVERYWHERE, 60.0)),
    "I3": (sp.besseli(3, u), lambda z: mp.besseli(3, z), (*EVERYWHERE, 19.0, 21.0)),
    "j0": (sp.jn(0, u), lambda z: mp.sinc(z), EVERYWHERE),
    "j2": (sp.jn(2, u), lambda z: (3 / z**2 - 1) * mp.sinc(z) - 3 * mp.cos(z) / z**2,
           (-2.4, 0.37, 3.9, 4.1, 20.0)),
    "y1": (sp.yn(1, u), lambda z: -mp.cos(z) / z**2 - mp.sin(z) / z, POSITIVE),
    "erf2": (sp.erf2(u, 2 * u), lambda z: mp.erf(2 * z) - mp.erf(z), EVERYWHERE[:4]),
    "erfi": (sp.erfi(u), mp.erfi, EVERYWHERE),
    "erfinv": (sp.erfinv(u), mp.erfinv, (-0.99, -0.3, 0.37, 0.999)),
    "erfcinv": (sp.erfcinv(u), lambda z: mp.erfinv(1 - z), (1e-10, 0.37, 1.5)),
    "erf2inv": (sp.erf2inv(0.1, u), lambda z: mp.erfinv(mp.erf(mp.mpf(0.1)) + z), UNIT[:3]),
    "lower gamma": (sp.lowergamma(2.5, u),
                    lambda z: mp.gammainc(2.5, 0, z), POSITIVE),
    "upper gamma": (sp.uppergamma(2.5, u),
                    lambda z: mp.gammainc(2.5, z), POSITIVE[:4]),
    "digamma": (sp.digamma(u), mp.digamma, POSITIVE),
    "trigamma": (sp.trigamma(u), lambda z: mp.psi(1, z), POSITIVE),
    "polygamma": (sp.polygamma(3, u), lambda z: mp.psi(3, z), POSITIVE),
    "loggamma": (sp.loggamma(u), mp.loggamma, POSITIVE),
    "beta": (sp.beta(u, 1.5), lambda z: mp.beta(z, 1.5), (*POSITIVE, 60.0)),
    "betainc": (sp.betainc(2.5, 1.5, 0, u),
                lambda z: mp.betainc(2.5, 1.5, 0, z), UNIT),
    "betainc regularised": (sp.betainc_regularized(2.5, 1.5, u / 2, u),
                            lambda z: mp.betainc(2.5, 1.5, z / 2, z, regularized=True),
                            UNIT),
    "binomial": (sp.binomial(u, 3), lambda z: z * (z - 1) * (z - 2) / 6, EVERYWHERE),
    "binomial of the order": (sp.binomial(5, u), lambda z: mp.binomial(5, z),
                              (0.37, 1.5, 4.2)),
    "rising": (sp.RisingFactorial(u, 3), lambda z: mp.rf(z, 3), EVERYWHERE),
    "falling": (sp.FallingFactorial(u, 3), lambda z: mp.ff(z, 3), EVERYWHERE),
    "falling by any number": (sp.FallingFactorial(u, 1.5), lambda z: mp.ff(z, 1.5),
                              POSITIVE),
    "catalan": (sp.catalan(u), lambda z: mp.binomial(2 * z, z) / (z + 1), POSITIVE[:4]),
    "eta": (sp.dirichlet_eta(u), mp.altzeta, (1.5, 5.0)),
    "zeta": (sp.zeta(2.5, u), lambda z: mp.zeta(2.5, z), POSITIVE),
    "harmonic": (sp.harmonic(u), mp.harmonic, POSITIVE),
    "harmonic of order 2": (sp.harmonic(u, 2), lambda z: mp.zeta(2) - mp.zeta(2, z + 1),
                            POSITIVE),
    "Ei": (sp.Ei(u), mp.ei, (-2.4, -0.5, 0.3, 5.0)),
    "E3": (sp.expint(3, u), lambda z: mp.expint(3, z), POSITIVE),
    "Si": (sp.Si(u), mp.si, (*EVERYWHERE, 20.0)),
    "Ci": (sp.Ci(u), mp.ci, POSITIVE),
    "li": (sp.li(u), mp.li, (0.37, 2.0, 5.0)),
    "Li": (sp.Li(u), lambda z: mp.li(z) - mp.li(2), (1.5, 5.0)),
    "S": (sp.fresnels(u), mp.fresnels, EVERYWHERE[:4]),
    "C": (sp.fresnelc(u), mp.fresnelc, EVERYWHERE[:4]),
    "dilogarithm": (sp.polylog(2, u), lambda z: mp.polylog(2, z), (-5.0, -0.5, 0.3, 0.9)),
    "polylogarithm": (sp.polylog(-1, u), lambda z: z / (1 - z) ** 2, (-5.0, 0.3, 0.9)),
    "W": (sp.LambertW(u), lambda z: mp.lambertw(z).real, (-0.36, -0.21, -0.19, 0.3, 1e5)),
    "W -1": (sp.LambertW(u, -1), lambda z: mp.lambertw(z, -1).real,
             (-0.36, -0.26, -0.24, -0.01, -1e-9)),
    "sinc": (sp.sinc(u), mp.sinc, EVERYWHERE),
    "Macaulay": (sp.SingularityFunction(u, 1, 2),
                 lambda z: (z - 1) ** 2 if z > 1 else mp.mpf(0), EVERYWHERE),
    "log1p": (cfunctions.log1p(u), mp.log1p, (-0.5, 1e-9, 5.0)),
    "expm1": (cfunctions.expm1(u), mp.expm1, (-0.5, 1e-9, 5.0)),
    "hypot": (cfunctions.hypot(u, 2), lambda z: mp.hypot(z, 2), EVERYWHERE),
    "real root": (sp.real_root(u, 3), lambda z: mp.sign(z) * mp.cbrt(abs(z)), EVERYWHERE),
    "cbrt": (cfunctions.Cbrt(u), mp.cbrt, POSITIVE),
}  # fmt: skip
# Those whose symbolic derivative SymPy does not have, or has by functions JAX has not.
NOT_BY_SYMPY = {"erf2inv", "real root", "falling by any number", "catalan", "eta"}

STEPS = {
    "KroneckerDelta": (
        sp.KroneckerDelta(sp.floor(u), 1),
        lambda z: int(mp.floor(z) == 1),
    ),
    "Heaviside": (sp.Heaviside(u - 1, 0.5), lambda z: int(z > 1)),
    "ceiling": (sp.ceiling(u), mp.ceil),
    "frac": (sp.frac(u), lambda z: z - mp.floor(z)),
    "Mod": (sp.Mod(u, 0.7), lambda z: z - mp.mpf(0.7) * mp.floor(z / mp.mpf(0.7))),
    "Rem": (sp.Rem(u, 0.7), lambda z: mp.sign(z) * (abs(z) % mp.mpf(0.7))),
    "Max": (sp.Max(u, 1, u**2, sp.sin(u)), lambda z: max(z, 1, z**2, mp.sin(z))),
    "Min": (sp.Min(u, 1, u**2, sp.sin(u)), lambda z: min(z, 1, z**2, mp.sin(z))),
    "sign": (sp.sign(u), mp.sign),
    "Contains": (
        sp.Piecewise((u, sp.Contains(u, sp.Interval(0, 2))), (7, True)),
        lambda z: z if 0 <= z <= 2 else 7,
    ),
    "Implies": (
        sp.Piecewise((1, sp.Implies(u > 0, u > 1)), (u, True)),
        lambda z: 1 if not z > 0 or z > 1 else z,
    ),
    "Equivalent": (
        sp.Piecewise((1, sp.Equivalent(u > 0, u > 1)), (u, True)),
        lambda z: 1 if (z > 0) == (z > 1) else z,
    ),
    "ITE": (
        sp.Piecewise((1, sp.ITE(u > 0, u > 1, u < -1)), (u, True)),
        lambda z: 1 if (z > 1 if z > 0 else z < -1) else z,
    ),
}


def net(point):
    return point[0]


def close(found, points, function: Callable, name: str = "") -> None:
    with mp.workdps(40):
        wanted = [float(function(mp.mpf(p))) for p in points]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300, err_msg=name)


def slope(function: Callable, z: mp.mpf) -> mp.mpf:
    return mp.diff(function, z, h=abs(z) * mp.mpf(10) ** -12)


# `tests/trust/test_function_table.py` has all of them, and derivatives, by default.
@pytest.mark.parametrize("name", one_in(9, SMOOTH, 3))
def test_values_and_slopes_by_jax(name: str) -> None:
    expression, function, points = SMOOTH[name]
    residual = oc.compile(expression)

    @jax.jit
    @jax.vmap
    def at(p):
        value = lambda s: residual(lambda z: s * net(z), p)
        return jax.value_and_grad(value)(1.0)

    values, slopes = map(np.asarray, at(np.array(points)[:, None]))
    close(values, points, function)
    close(slopes / np.array(points), points, lambda z: slope(function, z))


@pytest.mark.parametrize("name", one_in(6, sorted(SMOOTH.keys() - NOT_BY_SYMPY)))
def test_slopes_by_sympy(name: str) -> None:
    expression, function, points = SMOOTH[name]
    residual = oc.compile(sp.Derivative(expression, x))
    found = jax.jit(lambda p: residual(net, p))(np.array(points)[:, None])
    close(found, points, lambda z: slope(function, z))


def test_what_has_steps_and_kinks() -> None:
    points = (*EVERYWHERE, -1.3)
    residuals = {
        name: oc.compile(expression) for name, (expression, _) in STEPS.items()
    }
    run = lambda at: {name: residual(net, at) for name, residual in residuals.items()}
    for name, found in jax.jit(run)(np.array(points)[:, None]).items():
        close(found, points, STEPS[name][1], name)


def test_second_derivatives_by_sympy() -> None:
    names = ("J0", "I1", "j2", "erfi", "Si", "W", "S")
    expressions = [sp.Derivative(SMOOTH[name][0], (x, 2)) for name in names]
    found = oc.compile(expressions)(net, np.array([[1.3]]))
    for name, value in zip(names, found, strict=True):
        close(value, (1.3,), lambda z, f=SMOOTH[name][1]: mp.diff(f, z, 2))


SLOPES_AT_ZERO = {
    sp.besselj(1, u): 0.5, sp.besseli(2, u): 0, sp.jn(1, u): 1 / 3, sp.sinc(u): 0,
    sp.Si(u): 1, sp.LambertW(u): 1, sp.erfi(u): 2 / np.sqrt(np.pi),
}  # fmt: skip


@pytest.mark.parametrize(
    "slopes",
    [SLOPES_AT_ZERO, pytest.param({sp.besselj(0, u): 0}, marks=pytest.mark.slow)],
    ids=["seven", "J0"],
)
def test_at_zero(slopes) -> None:
    """Where closed forms divide zero by zero."""
    functions = list(slopes)
    ones = [sp.besselj(0, u), sp.sinc(u)]
    residual = oc.compile(functions)
    by_sympy = oc.compile(
        [sp.Derivative(f, x) for f in functions if f.func is not sp.sinc]
    )

    @jax.jit
    def at(points):
        moved = lambda s: jnp.ravel(jnp.array(residual(lambda z: z[0] + s, points)))
        values, by_jax = jax.jvp(moved, (0.0,), (1.0,))
        return values, by_jax, by_sympy(net, points)

    values, by_jax, found = at(np.zeros((1, 1)))
    np.testing.assert_array_equal(values, [int(f in ones) for f in functions])
    wanted = [slope for f, slope in slopes.items() if f.func is not sp.sinc]
    np.testing.assert_allclose(np.ravel(found), wanted, atol=1e-15)
    np.testing.assert_allclose(by_jax, list(slopes.values()), atol=1e-15)


ELEMENTARY = {
    sp.sqrt: mp.sqrt, sp.exp: mp.exp, sp.log: mp.log, sp.tanh: mp.tanh, sp.asin: mp.asin,
    sp.acos: mp.acos, sp.atan: mp.atan, sp.asinh: mp.asinh, sp.acosh: mp.acosh,
    sp.atanh: mp.atanh, sp.sinc: mp.sinc, sp.arg: mp.arg, sp.Abs: abs, sp.sign: mp.sign,
    sp.tan: mp.tan,
}  # fmt: skip
ERROR_FUNCTIONS = {sp.erf: mp.erf, sp.erfc: mp.erfc, sp.erfi: mp.erfi}


@pytest.mark.parametrize(
    ("judges", "differentiated"),
    [
        (ELEMENTARY, [sp.tanh]),
        pytest.param(ERROR_FUNCTIONS, list(ERROR_FUNCTIONS), marks=pytest.mark.slow),
    ],
    ids=["elementary", "error functions"],
)
def test_complex_values(judges, differentiated) -> None:
    points = np.array(
        [[0.3, 0.4], [-1.3, 2.1], [-0.7, -0.2], [2.5, -1.0], [1e-3, 1e-3]]
    )
    y = sp.Symbol("y")
    w = sp.Function("w")(x, y)
    residuals = [oc.compile(function(w)) for function in judges]
    slopes = [oc.compile(sp.Derivative(f(w), x)) for f in differentiated]
    net = lambda z: z[0] + 1j * z[1]
    run = lambda at: [[r(net, at) for r in each] for each in (residuals, slopes)]
    values, slopes = jax.jit(run)(points)
    with mp.workdps(30):
        places = [mp.mpc(*map(float, p)) for p in points]
        for found, (function, judge) in zip(values, judges.items(), strict=True):
            wanted = [complex(judge(p)) for p in places]
            np.testing.assert_allclose(
                found, wanted, rtol=1e-12, err_msg=function.__name__
            )
        for found, function in zip(slopes, differentiated, strict=True):
            wanted = [complex(mp.diff(judges[function], p)) for p in places]
            np.testing.assert_allclose(
                found, wanted, rtol=1e-12, err_msg=f"slope of {function.__name__}"
            )


def test_spherical_harmonics() -> None:
    y = sp.Symbol("y")
    harmonic = oc.compile(sp.Ynm(2, 1, x, y) * sp.Function("w")(x, y))
    run = jax.jit(lambda at: harmonic(lambda z: 1 + 0 * z[0], at))
    found = run(np.array([[0.7, 0.4]]))
    wanted = complex(mp.spherharm(2, 1, 0.7, 0.4))
    np.testing.assert_allclose(found, [wanted], rtol=1e-12)


def test_complex_values_that_jax_refuses() -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(sp.erfinv(u))(lambda z: 1j * z[0], np.ones((2, 1)))
    assert "erfinv" in str(caught.value)
    assert "complex" in str(caught.value)


def test_constants_are_numbers() -> None:
    constants = sp.gamma(sp.Rational(1, 3)) * sp.besselj(2, 7) + sp.erf(sp.sqrt(2))
    residual = oc.compile(u * constants)
    (found,) = jax.jit(lambda at: residual(net, at))(np.ones((1, 1)))
    with mp.workdps(30):
        wanted = mp.gamma(mp.mpf(1) / 3) * mp.besselj(2, 7) + mp.erf(mp.sqrt(2))
    np.testing.assert_allclose(found, float(wanted), rtol=1e-15)


@pytest.mark.parametrize("name", one_in(6, SMOOTH))
def test_single_precision_stays_single(name: str) -> None:
    expression, _, points = SMOOTH[name]
    given = jax.ShapeDtypeStruct((len(points), 1), jnp.float32)
    found = jax.eval_shape(lambda p: oc.compile(expression)(net, p), given)
    assert found.dtype == jnp.float32


def test_outside_of_the_domain_is_nan() -> None:
    outside = {0: np.array([-1.0, -0.37]), -1: np.array([0.1, -0.37])}
    of = lambda places: {k: special.lambert_w(k, z) for k, z in places.items()}
    for branch, found in jax.jit(of)(outside).items():
        assert np.isnan(found).all(), branch


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (sp.DiracDelta(x) * u, ("DiracDelta(x)", "narrow Gaussian")),
        (sp.SingularityFunction(u, 0, -1), ("SingularityFunction", "narrow Gaussian")),
        (sp.besselj(n, u), ("besselj(n, u)", "0...44")),
        (sp.besselj(45, u), ("besselj(45, u)", "0...44")),
        (sp.polygamma(n, u), ("polygamma(n, u)", "0...44")),
        (sp.bessely(1, u), ("bessely(1, u)", "known field")),
        (sp.besselk(1, u), ("besselk(1, u)", "known field")),
        (sp.airyai(u), ("airyai(u)", "known field")),
        (sp.hyper((1,), (2,), u), ("hyper", "hyperexpand")),
        (sp.LambertW(u, 2), ("LambertW(u, 2)", "known field")),
        (sp.polylog(3, u), ("polylog(3, u)", "known field")),
        (u + sp.O(x**2), ("O(x**2)", "removeO")),
        (sp.Limit(sp.sin(n) / n, n, 0) * u, ("Limit", ".doit()")),
        (sp.Derivative(sp.besselj(x, x), x) + u, ("besselj", "elementary")),
        (u - sp.Integral(sp.sin(n), n), ("Integral", "")),
    ],
)
def test_what_is_refused_is_named_with_a_way_out(expression, words) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(expression)
    assert words[0] in f"{caught.value.problem} {caught.value.expression}"
    assert words[1] in caught.value.hint
