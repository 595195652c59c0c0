"""The shell: every SymPy function we claim, against SymPy's own value."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

x, a = sp.symbols("x a")
u = sp.Function("u")(x)
POINT = 0.37

UNARY = [
    sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.sinh, sp.cosh,
    sp.tanh, sp.asinh, sp.atanh, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.erf, sp.erfc,
    sp.erfinv, sp.gamma, sp.loggamma, sp.digamma, sp.Heaviside, sp.sqrt, sp.cbrt, sp.sec,
    sp.csc, sp.cot, sp.sech, sp.csch, sp.coth, sp.asech, sp.acot, sp.factorial, sp.frac,
    sp.sinc, sp.Ei,
]  # fmt: skip

OTHER = {
    "acosh": sp.acosh(1 + u),
    "acsc": sp.acsc(1 + u) + sp.asec(1 + u) + sp.acoth(2 + u) + sp.acsch(u),
    "atan2": sp.atan2(u, 2 * u - 1),
    "max": sp.Max(u, a, 0) - sp.Min(u, a, 1),
    "mod": sp.Mod(7 * u, a),
    "polygamma": sp.polygamma(2, 1 + u),
    "beta": sp.beta(1 + u, 2 + a),
    "zeta": sp.zeta(2 + u),
    "expint": sp.expint(2, u),
    "powers": u**3 + u**-2 + u ** sp.Rational(3, 2) + u**-0.5 + u**a + 2**u + a**2.0,
    "quotient": (u + a) / (3 * u * a) - sp.Rational(7, 3) * u / a**2 - (u - 1),
    "piecewise": sp.Piecewise(
        (u**2, u < 0.3), (a * u, sp.And(u < 0.5, a > 0)), (7, True)
    ),
    "logic": sp.Piecewise((1, sp.Or(sp.Not(u > 1), a < 0)), (u, True)),
    "constants": sp.pi * u + sp.E + sp.EulerGamma + sp.GoldenRatio + sp.Catalan,
    "large integer": u * 10**30,
}


def check(expressions: Mapping[str, sp.Expr]) -> None:
    value = 0.45
    residuals = {name: oc.compile(e) for name, e in expressions.items()}

    @jax.jit
    def values(at):
        return {
            name: residual(
                lambda z: z[0] * value / POINT,
                at,
                **({"a": 1.3} if "a" in residual.parameters else {}),
            )
            for name, residual in residuals.items()
        }

    for name, got in values(np.array([POINT])).items():
        moved = expressions[name].subs(u, x * value / POINT)
        exact = moved.doit().subs({x: POINT, a: 1.3})
        want = complex(exact.evalf(30, strict=False)).real
        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=name)


def test_functions_of_one_argument() -> None:
    check({function.__name__: function(u) for function in UNARY})


LONG = ["beta", "expint", "zeta"]


@pytest.mark.parametrize(
    "names",
    [[n for n in OTHER if n not in LONG], pytest.param(LONG, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_other_constructs(names: list[str]) -> None:
    check({name: OTHER[name] for name in names})


def test_derivatives_of_piecewise_functions() -> None:
    product = sp.Abs(u) * sp.Max(u, a) ** 2 * sp.Mod(u, a) * sp.sign(u)
    residual = oc.compile(sp.Derivative(product, x))
    # At 0 < u = 2x < a: |u| a^2 u, whose slope by x is 4 a^2 u.
    run = jax.jit(lambda at: residual(lambda z: 2 * z[0], at, a=1.3))
    got = run(np.array([POINT]))
    np.testing.assert_allclose(got, 4 * 1.3**2 * 2 * POINT, rtol=1e-13)


GUARDED = {
    "root": sp.Piecewise((sp.sqrt(u), u > 0), (0, True)),
    "logarithm": sp.Piecewise((u * sp.log(u), u > 0), (0, True)),
    "second branch": sp.Piecewise((0, u <= 0), (1 / u, True)),
    "nested": sp.Piecewise(
        (sp.Piecewise((sp.log(u), u > 1), (sp.sqrt(u), True)), u > 0), (a * u, True)
    ),
    "shared": sp.log(u + 2)
    + sp.Piecewise((sp.log(u + 2) * sp.sqrt(u), u > 0), (0, True)),
}


def test_a_branch_not_taken_is_not_singular() -> None:
    sets = {"both sides": [-1.0, 0.25, 2.0, 0.0], "one side": [-1.0, 0.0]}
    residuals = {name: oc.compile(expression) for name, expression in GUARDED.items()}

    def total(scale, residual, points):
        parameters = {"a": 1.3} if "a" in residual.parameters else {}
        net = lambda z: scale * z[0]
        return jnp.sum(residual(net, np.array(points)[:, None], **parameters))

    @jax.jit
    def slopes(scale):
        return {
            (name, side): jax.grad(total)(scale, residual, points)
            for name, residual in residuals.items()
            for side, points in sets.items()
        }

    v = sp.Symbol("v", real=True)
    for (name, side), got in slopes(1.0).items():
        slope = sp.diff(GUARDED[name].subs(u, v).subs(a, 1.3), v)
        want = sum(p * float(slope.subs(v, p)) for p in sets[side] if p)
        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=f"{name}, {side}")


def test_complex_functions() -> None:
    psi = sp.Function("psi")(x)
    names = (sp.re, sp.im, sp.arg, sp.conjugate, sp.Abs, sp.sign)
    residual = oc.compile([function(psi) for function in names])
    run = jax.jit(lambda at: residual(lambda z: z[0] * (1 + 2j), at))
    got = run(np.array([POINT]))
    want = [complex(f(POINT * (1 + 2 * sp.I)).evalf()) for f in names]
    np.testing.assert_allclose(np.array(got), want, rtol=1e-13)


def test_derivative_of_a_modulus_of_a_complex_field() -> None:
    psi = sp.Function("psi")(x)
    residual = oc.compile([sp.Derivative(sp.Abs(psi), (x, n)) for n in (1, 2)])

    def wave(z):
        return jnp.exp(3j * z[0]) * (1 + z[0] ** 2)

    first, second = jax.jit(lambda at: residual(wave, at))(np.array([POINT]))
    np.testing.assert_allclose(first, 2 * POINT, rtol=1e-12)
    np.testing.assert_allclose(second, 2, rtol=1e-12)


def test_heaviside_at_zero_is_one_half() -> None:
    assert oc.compile(sp.Heaviside(u))(lambda z: 0 * z[0], jnp.zeros(1)) == 0.5


def test_source_is_what_runs() -> None:
    residual = oc.compile([u.diff(x, 2) + a * sp.sin(u), sp.sqrt(u) / 3])
    text = residual.source()
    compile(text, "<source>", "exec")
    for piece in ("def residual(net, points, *, a):", "jnp.sin(u)", "u_xx = 2*c0[2].u",
                  "jnp.sqrt(u)", "return ("):  # fmt: skip
        assert piece in text


def test_mpmath_is_the_judge() -> None:
    # `check` would pass if SymPy evaluated in doubles; make sure it does not.
    assert (
        abs(sp.erf(sp.Rational(1, 3)).evalf(30) - mpmath.erf(mpmath.mpf(1) / 3)) < 1e-15
    )
