"""A number is a finite number of the points' dtype, or refused where it stands."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.cli.options import numbers
from opcompiler.text import NotationError
from tests.shares import only

x, y, k, s = sp.symbols("x y k s")
u = sp.Function("u")(x)
c = sp.IndexedBase("c")
POINTS = np.array([[0.3], [0.9]])
SINGLE = POINTS.astype(jnp.float32)
SINES = np.sin(POINTS[:, 0])
third = sp.Rational(1, 3)


def wave(z):
    return jnp.sin(z[0])


CONSTANTS = {
    "cube root": ((-2) ** third, mpmath.cbrt(2) * mpmath.exp(1j * mpmath.pi / 3)),
    "root": (sp.sqrt(-2), 1j * mpmath.sqrt(2)),
    "logarithm": (sp.log(-1), 1j * mpmath.pi),
    "acosh": (sp.acosh(0), 1j * mpmath.pi / 2),
    "acosh of a half": (sp.acosh(sp.Rational(1, 2)), 1j * mpmath.pi / 3),
    "lambert": (sp.LambertW(-1), mpmath.lambertw(-1)),
    "power of a case": (
        (-1) ** sp.Rational(2, 5) * (-3) ** third,
        mpmath.expjpi(0.4) * mpmath.cbrt(3) * mpmath.expjpi(mpmath.mpf(1) / 3),
    ),
    "folded exponentials": (sp.exp(1000) * sp.exp(-999), mpmath.e),
    "hyperbolic": (sp.sinh(1000) / sp.cosh(1000), 1),
    "folded powers": (sp.Integer(10) ** 400 / sp.Integer(10) ** 399, 10),
    "ratio": (
        sp.gamma(sp.Rational(401, 2)) / sp.gamma(200),
        mpmath.gammaprod([200.5], [200]),
    ),
    "difference": (
        sp.exp(sp.pi * sp.sqrt(163)) - 262537412640768744,
        mpmath.mpf("-7.4992740280181431112e-13"),
    ),
    "nothing": (sp.sin(1) ** 2 + sp.cos(1) ** 2 - 1, 0),
    "real after all": ((-2) ** third + sp.conjugate((-2) ** third), mpmath.cbrt(2)),
}  # fmt: skip


def test_constants_are_evaluated_whole():
    residuals = {
        name: oc.compile(constant * u + sp.sqrt(2) * x)
        for name, (constant, _) in CONSTANTS.items()
    }

    @jax.jit
    def everything(*sets):
        return {
            name: [residual(wave, points) for points in sets]
            for name, residual in residuals.items()
        }

    for name, found in everything(POINTS, SINGLE).items():
        want = complex(CONSTANTS[name][1])
        truth = want * SINES + np.sqrt(2) * POINTS[:, 0]
        for got, digits in zip(found, (1e-14, 3e-7), strict=True):
            np.testing.assert_allclose(got, truth, rtol=digits, err_msg=name)
            assert np.iscomplexobj(got) == bool(want.imag), name


@pytest.mark.parametrize(
    "constant",
    [
        sp.asin(2), sp.acos(-3), sp.atanh(2), sp.asec(sp.Rational(1, 2)),
        sp.erfinv(2), sp.erfcinv(3), sp.exp(1000), sp.oo, -sp.oo, sp.nan, sp.zoo,
        sp.gamma(-1), sp.Integer(10) ** 400, sp.Rational(1, 10**400),
        sp.Float("1e399"), sp.Float("1e-399"), sp.Integer(10) ** 5000, sp.tan(sp.pi / 2),
    ],
)  # fmt: skip
def test_constants_that_are_no_doubles(constant):
    for equation in (
        constant * u,
        u.diff(x, 2) + constant,
        sp.sin(u) + sp.Piecewise((constant, x > 0), (u, True)),
        sp.exp(u) ** constant,
    ):
        with pytest.raises(oc.OperatorError):
            jax.eval_shape(lambda p, e=equation: oc.compile(e)(wave, p), POINTS)


TOO_LARGE = {
    "factor": 10**39 * u,
    "small factor": sp.Float("1e-60") * u,
    "subnormal": sp.Float("1e-40") * u,
    "of a derivative": 10**39 * u.diff(x, 2) + u,
    "of one derivative in an operator": 10**39 * sp.Function("u")(x, y).diff(x, 2)
    + sp.Function("u")(x, y).diff(y, 2),
    "fraction": u / sp.Integer(10) ** 39,
    "added": u + 2 * sp.Float("1e39"),
    "in a case": sp.Piecewise((10**39, x > 0.5), (u, True)),
    "in a condition": sp.Piecewise((1, x > 10**39), (u, True)),
    "exponent": u ** sp.Float("1e39"),
    "base": sp.Integer(10) ** (39 * sp.sqrt(2)) * u,
    "imaginary": sp.I * 10**39 * u,
    "argument": sp.sin(10**39 * u),
    "place": sp.Function("u")(x + 10**39),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_numbers_beyond_single_precision(name):
    equation = TOO_LARGE[name]
    net = lambda z: jnp.sin(z[0]) + z[-1] ** 2
    columns = 2 if equation.has(y) else 1
    single = np.tile(SINGLE, (1, columns))
    with pytest.raises(oc.OperatorError):
        jax.jit(lambda points: oc.compile(equation)(net, points))(single)


@pytest.mark.parametrize("name", only(["factor"], TOO_LARGE))
def test_outside_of_jit_too(name):
    equation = TOO_LARGE[name]
    net = lambda z: jnp.sin(z[0]) + z[-1] ** 2
    single = np.tile(SINGLE, (1, 2 if equation.has(y) else 1))
    with pytest.raises(oc.OperatorError):
        oc.compile(equation)(net, single)


def test_the_same_numbers_in_double_precision():
    residuals = {
        name: oc.compile(equation)
        for name, equation in TOO_LARGE.items()
        if name not in ("exponent", "place")
    }
    net = lambda z: jnp.sin(z[0]) + z[-1] ** 2

    @jax.jit
    def everything(line, plane):
        return {
            name: residual(net, plane if len(residual.coordinates) == 2 else line)
            for name, residual in residuals.items()
        }

    for name, found in everything(POINTS, np.tile(POINTS, (1, 2))).items():
        assert np.isfinite(found).all(), name


def test_numbers_of_a_large_operator_in_double_precision():
    equation = TOO_LARGE["of one derivative in an operator"]
    residual = oc.compile(equation)
    net = lambda z: jnp.sin(z[0]) * jnp.exp(z[1])
    got = jax.jit(lambda points: residual(net, points))(np.ones((1, 2)))
    np.testing.assert_allclose(got, -1e39 * np.sin(1) * np.e, rtol=1e-14)


def test_coefficients_of_sampled_terms():
    w = sp.Function("u")(x, y)
    equation = 10**39 * w.diff(x, 2) + w.diff(y, 2)
    residual = oc.compile(equation, estimator=oc.Sparse(1))
    net = lambda z: jnp.sin(z[0]) * z[1] ** 2
    run = jax.jit(lambda points: residual(net, points, key=jax.random.key(0)))
    with pytest.raises(oc.OperatorError, match="no finite float32"):
        run(np.tile(SINGLE, (1, 2)))


@pytest.mark.parametrize("exponent", [10**39, sp.Float("1e20"), -(2**31)])
def test_whole_exponents_are_of_a_reasonable_size(exponent):
    with pytest.raises(oc.OperatorError, match="exponent"):
        oc.compile(u**exponent)(wave, POINTS)


GIVEN = {
    "not a number": float("nan"),
    "infinity": float("inf"),
    "NumPy's": np.float64("inf"),
    "complex": complex(0, float("inf")),
    "integer": 10**400,
    "in a list": [1.0, 10**400],
}


@pytest.mark.parametrize("name", GIVEN)
def test_parameters_that_are_no_numbers(name):
    residual = oc.compile(k * u)
    bound = residual.bind(lambda params, z: wave(z))
    for call in (residual, bound):
        with pytest.raises(oc.OperatorError, match="k"):
            call(wave if call is residual else {}, POINTS, k=GIVEN[name])


SINGLES = {
    "float": 1e39,
    "small": 1e-60,
    "integer": 10**39,
    "complex": 1e39j,
    "NumPy's": np.float64(1e60),
    "array": np.array([1.0, 1e60]),
    "JAX's": jnp.asarray(1e60),
    "list": [1, 10**60],
}


@pytest.mark.parametrize("name", SINGLES)
def test_parameters_beyond_single_precision(name):
    residual = oc.compile(k * u)
    bound = residual.bind(lambda params, z: wave(z))
    for call, net in ((residual, wave), (bound, {})):
        with pytest.raises(oc.OperatorError, match="float32"):
            call(net, SINGLE, k=SINGLES[name])
    got = residual(wave, POINTS, k=SINGLES[name])
    assert np.isfinite(got).all()


def test_tables_beyond_single_precision():
    residual = oc.compile(c[1] * u)
    with pytest.raises(oc.OperatorError, match="float32"):
        residual(wave, SINGLE, c=np.array([1.0, 1e60]))


def test_what_is_not_there_in_data_stays():
    """Nan in an array is data, and loud by itself."""
    got = oc.compile(k * u)(wave, POINTS, k=np.array([np.nan, 2.0]))
    np.testing.assert_allclose(got, [np.nan, 2 * SINES[1]])


def test_a_case_that_is_not_written_is_not_a_number():
    got = oc.compile(sp.Piecewise((u, x > 0.5)))(wave, POINTS)
    np.testing.assert_allclose(got, [np.nan, SINES[1]])


HEAD = "coordinates x; field u; "


@pytest.mark.parametrize(
    "value", ["1e399", "1e-399", "10^300*10^300", "asin(2)", "1/10^300/10^100"]
)
def test_text_of_a_parameter(value):
    with pytest.raises(NotationError):
        oc.parse(HEAD + f"parameter k = {value}; e: k*u = 0")


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), 10**400, sp.Rational(1, 10**400)]
)
def test_values_for_a_text(value):
    with pytest.raises(oc.OperatorError):
        oc.parse(HEAD + "parameter k; e: k*u = 0", parameters={"k": value})


@pytest.mark.parametrize("factor", ["1e399", "10^400", "1e-399", "asin(2)"])
def test_text_of_an_equation(factor):
    with pytest.raises(oc.OperatorError):
        oc.compile(oc.parse(HEAD + f"e: {factor}*u = 0"))(wave, POINTS)


def test_defaults_beyond_single_precision():
    residual = oc.compile(oc.parse(HEAD + "parameter k = 1e39; e: k*u = 0"))
    np.testing.assert_allclose(residual(wave, POINTS)["e"], 1e39 * SINES)
    bound = residual.bind(lambda params, z: wave(z))
    for call in (lambda: residual(wave, SINGLE), lambda: bound({}, SINGLE)):
        with pytest.raises(oc.OperatorError, match="k is no finite float32"):
            call()
    with pytest.raises(oc.OperatorError, match="k is no finite float32"):
        bound.lower({}, SINGLE)


def test_values_on_the_command_line():
    assert numbers(["k=1e-300", "n=0.000"]) == {"k": 1e-300, "n": 0.0}
    with pytest.raises(Exception, match="too small"):
        numbers(["k=1e-400"])
