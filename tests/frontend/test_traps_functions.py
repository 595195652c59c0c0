"""SymPy's traps around moduli, steps, complex fields, and what `lambdify` cannot print."""

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.shares import one_in

t, x, n, a = sp.symbols("t x n a")
real_t, real_x = sp.symbols("t x", real=True)
F = sp.Function("u")
u = F(t, x)
w = sp.Function("u", real=True)(t, x)
r = F(real_t, real_x)
D = sp.Derivative
POINTS = np.array([[0.3, 0.7], [-0.4, 0.2], [0.9, -0.6]])


def f(z):
    return jnp.sin(3 * z[0]) * jnp.exp(z[1]) + z[0] * z[1] ** 2


def along_x(fun, order=1):
    for _ in range(order):
        fun = lambda z, fun=fun: jax.jvp(fun, (z,), (jnp.array([0.0, 1.0]),))[1]
    return jax.vmap(fun)


# Moduli and steps, in all spellings and with all assumptions.

SLOPES = {
    "abs": (sp.Abs, jnp.abs),
    "square of abs": (lambda e: sp.Abs(e) ** 2, lambda e: e**2),
    "abs of a shift": (lambda e: sp.Abs(e - x), None),
    "sign": (lambda e: sp.sign(e) * e, jnp.abs),
    "max": (lambda e: sp.Max(e, 0), lambda e: jnp.maximum(e, 0)),
    "min of three": (
        lambda e: sp.Min(e, e**2, 1), lambda e: jnp.minimum(jnp.minimum(e, e**2), 1),
    ),
    "heaviside": (lambda e: sp.Heaviside(e) * e, lambda e: jnp.maximum(e, 0)),
    "floor": (lambda e: sp.floor(5 * e) * e, lambda e: jnp.floor(5 * e) * e),
    "ceiling": (lambda e: sp.ceiling(5 * e) * e, lambda e: jnp.ceil(5 * e) * e),
    "mod": (lambda e: sp.Mod(e, 1) ** 2, lambda e: jnp.mod(e, 1) ** 2),
    "frac": (lambda e: sp.frac(e) ** 2, lambda e: (e - jnp.floor(e)) ** 2),
    "root of square": (lambda e: sp.sqrt(e**2), jnp.abs),
    "cases": (
        lambda e: sp.Piecewise((e**2, e < sp.S.Half), (e, True)),
        lambda e: jnp.where(e < 0.5, e**2, e),
    ),
}  # fmt: skip
DELTAS = {"sign", "heaviside"}
"""SymPy's diff makes a DiracDelta of these; for fields that may be complex not of sign."""


FIELDS = {"undeclared": u, "real": w, "coordinates": r}


def of_one_field_each(names) -> list:
    """Every name with every field; by default each name with one of them, in turn.

    Three lists, by default the first, each for one program.
    """
    names, fields = list(names), list(FIELDS)
    return one_in(
        len(fields),
        [
            [(name, fields[(k + turn) % 3]) for k, name in enumerate(names)]
            for turn in range(len(fields))
        ],
    )


TURNS = ["first", "second", "third"]


def spelled_slope(name: str, field: str) -> tuple:
    """Returns the residual of all spellings of a slope, and its values at points."""
    field = FIELDS[field]
    symbolic, numeric = SLOPES[name]
    expression = symbolic(field)
    by = real_x if field is r else x
    if name == "abs of a shift":
        expression = sp.Abs(field - by)
        wanted = along_x(lambda z: jnp.abs(f(z) - z[1]))
    else:
        wanted = along_x(lambda z: numeric(f(z)))
    spellings = [oc.D(expression, by)]
    if name not in DELTAS:
        spellings.append(expression.diff(by))
    return oc.compile(spellings), wanted


@pytest.mark.parametrize("cases", of_one_field_each(SLOPES), ids=TURNS)
def test_slopes_of_what_is_not_smooth(cases) -> None:
    slopes = {case: spelled_slope(*case) for case in cases}

    @jax.jit
    def everything(points):
        return {
            case: (residual(f, points), wanted(points))
            for case, (residual, wanted) in slopes.items()
        }

    for case, (found, want) in everything(POINTS).items():
        for got in found:
            assert got.dtype == jnp.float64
            np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=str(case))


def at_zero(z):
    """A hard constraint: zero at x = 1, with a slope there."""
    return (1 - z[1] ** 2) * (2 + z[0])


BOUNDARY = np.array([[0.3, 1.0], [-0.4, -1.0]])


@pytest.mark.parametrize(
    "cases",
    of_one_field_each(
        ["abs", "square of abs", "max", "mod", "cases", "sign", "heaviside"]
    ),
    ids=TURNS,
)
def test_slopes_where_the_field_is_zero_are_finite(cases) -> None:
    residuals = {}
    for name, kind in cases:
        field = FIELDS[kind]
        by = real_x if field is r else x
        expression = SLOPES[name][0](field)
        spellings = [oc.D(expression, by), oc.D(expression, by, 2)]
        if name not in DELTAS:
            spellings.append(expression.diff(by))
        residuals[name, kind] = oc.compile([field, *spellings])

    def loss(residual, s):
        values = residual(lambda z: s * at_zero(z), BOUNDARY)
        return sum(jnp.sum(v**2) for v in values), values

    @jax.jit
    def everything(s):
        return {
            case: jax.grad(functools.partial(loss, residual), has_aux=True)(s)
            for case, residual in residuals.items()
        }

    for case, (slope, values) in everything(1.0).items():
        assert all(np.isfinite(v).all() for v in values), case
        assert np.isfinite(slope), case


@pytest.mark.parametrize(
    "equation",
    [
        sp.Heaviside(u).diff(x), sp.sign(w).diff(x), sp.DiracDelta(x) * u,
        D(sp.DiracDelta(x) * u, x), sp.Abs(w).diff(x, 2), sp.Max(w, 0).diff(x, 2),
    ],
)  # fmt: skip
def test_a_point_source_is_no_number_at_points(equation) -> None:
    with pytest.raises(oc.OperatorError, match="DiracDelta") as caught:
        oc.compile(equation)
    assert "smooth it" in caught.value.hint


def test_away_from_the_jump_a_held_step_is_flat() -> None:
    """As JAX has it. The jump's own term is not at any point: a condition says it."""
    k = sp.Piecewise((1, x < 0), (3, True)) + sp.Heaviside(x - 0.5)
    wanted = along_x(
        lambda z: (
            jnp.where(z[1] < 0, 1, 3) + jnp.heaviside(z[1] - 0.5, 0.5)
        ) * along_x(f)(z[None])[0]
    )  # fmt: skip
    flux = oc.compile(oc.D(k * u.diff(x), x))
    steps = oc.compile([oc.D(sp.Heaviside(w), x), oc.D(sp.sign(w), x), w])
    got, want, held = jax.jit(lambda p: (flux(f, p), wanted(p), steps(f, p)))(POINTS)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_array_equal(held[:2], 0.0)


# Complex fields.


def psi(z):
    return f(z) * jnp.exp(1j * z[1] * (1 + z[0]))


PARTS = {
    "conjugate": (sp.conjugate, jnp.conj),
    "adjoint": (sp.adjoint, jnp.conj),
    "re": (sp.re, jnp.real),
    "im": (sp.im, jnp.imag),
    "arg": (sp.arg, jnp.angle),
    "abs": (sp.Abs, jnp.abs),
    "density": (lambda e: sp.Abs(e) ** 2, lambda e: jnp.abs(e) ** 2),
    "density as a product": (
        lambda e: e * sp.conjugate(e), lambda e: (e * jnp.conj(e)),
    ),
    "direction": (sp.sign, lambda e: e / jnp.abs(e)),
    "real part of a square": (
        lambda e: (e * e).as_real_imag()[0], lambda e: (e * e).real,
    ),
}  # fmt: skip
ORDERS = (2, 1, 1, 2, 2, 1, 1, 2, 1, 2)
"""Of the derivative taken of each by default."""


def spelled_part(name: str, by: sp.Symbol, order: int) -> tuple:
    """Returns the residual of both spellings, and its values at points."""
    symbolic, numeric = PARTS[name]
    field = F(real_t if by is real_x else t, by)
    expression = symbolic(field)
    wanted = along_x(lambda z: numeric(psi(z)), order)
    spellings = oc.D(expression, by, order), expression.diff(by, order)
    return oc.compile(list(spellings)), wanted


def of_one_kind_each() -> list:
    """Every part by both symbols, of both orders; by default each in one way."""
    return one_in(
        4,
        [
            [
                (name, (x, real_x)[(k + turn) % 2], (order + turn // 2 - 1) % 2 + 1)
                for k, (name, order) in enumerate(zip(PARTS, ORDERS, strict=True))
            ]
            for turn in range(4)
        ],
    )


@pytest.mark.parametrize("cases", of_one_kind_each(), ids=[*TURNS, "fourth"])
def test_parts_of_a_complex_field(cases) -> None:
    parts = [spelled_part(*case) for case in cases]

    @jax.jit
    def everything(points):
        return [(residual(psi, points), wanted(points)) for residual, wanted in parts]

    for case, (found, want) in zip(cases, everything(POINTS), strict=True):
        for got in found:
            np.testing.assert_allclose(
                got, want, rtol=1e-11, atol=1e-12, err_msg=str(case)
            )


def test_a_complex_field_split_by_sympy() -> None:
    p, q = (sp.Function(name)(t, x) for name in "pq")
    whole = sp.I * D(u, t) + D(u, (x, 2)) + sp.Abs(u) ** 2 * u
    split = whole.subs(u, p + sp.I * q).doit()
    net = {"p": lambda z: psi(z).real, "q": lambda z: psi(z).imag}
    one, other = oc.compile(whole), oc.compile(split)
    want, got = jax.jit(lambda p: (one(psi, p), other(net, p)))(POINTS)
    np.testing.assert_allclose(got, want, rtol=1e-12)


# What SymPy's printer for JAX fails on (46 of 128 functions tried): a number, or our error.

SPECIAL = [
    sp.erf2(u, x), sp.erfcinv(u + 1), sp.binomial(u + 2, a), sp.uppergamma(2, u),
    sp.uppergamma(a, u), sp.lowergamma(a, u), sp.besseli(0, u), sp.zeta(u + 2),
    sp.expint(2, u), sp.legendre(3, u), sp.chebyshevt(4, u), sp.hermite(3, u),
    sp.jacobi(2, 1, 1, u), sp.real_root(u, 3),
    sp.log(u + 2, 10), sp.KroneckerDelta(a, 1) + u, sp.KroneckerDelta(2, 2) * u,
    10**30 * u, sp.Sum(u**n, (n, 1, 3)), sp.Product(u + n, (n, 1, 3)),
    sp.Catalan * u + sp.EulerGamma + sp.TribonacciConstant + sp.GoldenRatio,
    sp.Heaviside(u - u + 0 * x, 1) + u, sp.atan2(u, x), sp.conjugate(u) * u,
]  # fmt: skip
OF_THE_TABLE = [
    sp.erf(u), sp.erfc(u), sp.erfinv(u), sp.gamma(u + 1),
    sp.loggamma(u + 1), sp.beta(u + 1, 2), sp.polygamma(1, u + 1), sp.digamma(u + 1),
    sp.factorial(u), sp.binomial(u + 2, 2),
    sp.harmonic(u + 1), sp.besseli(1, u), sp.Ei(u), sp.li(u + 2), sp.expint(1, u),
    sp.rf(u, 3), sp.ff(u, 3), sp.sinc(u),
]  # fmt: skip
"""Left to `make test-slow`: test_function_table has their values by default."""
VALUE, PLACE, EXPONENT = 0.45, 0.7, 1.3


@pytest.mark.parametrize(
    "equations",
    [
        SPECIAL[::2],
        SPECIAL[1::2],
        pytest.param(OF_THE_TABLE, marks=pytest.mark.slow),
    ],
    ids=["some", "others", "of the table"],
)
def test_functions_that_lambdify_cannot_print(equations) -> None:
    residuals = [oc.compile(e, coordinates=[t, x]) for e in equations]

    @jax.jit
    def everything(point):
        return [
            residual(
                lambda z: VALUE + 0 * z[0],
                point,
                **({"a": EXPONENT} if residual.parameters else {}),
            )
            for residual in residuals
        ]

    values = everything(np.array([0.1, PLACE]))
    for equation, got in zip(equations, values, strict=True):
        # SymPy evaluates these two only in terms of another.
        other = isinstance(equation, sp.erf2 | sp.erfcinv)
        exact = equation.rewrite(sp.erf).rewrite(sp.erfinv) if other else equation
        exact = exact.subs({u: sp.Float(VALUE, 30)}).doit()
        exact = exact.subs({x: sp.Float(PLACE, 30), a: sp.Float(EXPONENT, 30)})
        want = complex(exact.evalf(25)).real
        np.testing.assert_allclose(got, want, rtol=1e-11, err_msg=str(equation))


def test_their_derivatives() -> None:
    order = {sp.besseli: 0, sp.lowergamma: sp.Rational(3, 2),
             sp.uppergamma: sp.Rational(3, 2)}  # fmt: skip
    exact = {
        sp.besseli: mpmath.besseli,
        sp.lowergamma: lambda s, v: mpmath.gammainc(s, 0, v),
        sp.uppergamma: lambda s, v: mpmath.gammainc(s, a=v),
    }
    residual = oc.compile([oc.D(of(order[of], u), x) for of in exact])
    net = lambda z: 0.3 + z[1] ** 2
    found = jax.jit(lambda p: residual(net, p))(POINTS[:1])
    for (function, of), got in zip(exact.items(), found, strict=True):
        s = mpmath.mpf(float(order[function]))
        with mpmath.workdps(30):
            want = mpmath.diff(lambda p, of=of, s=s: of(s, 0.3 + p**2), PLACE)
        np.testing.assert_allclose(
            got, [float(want)], rtol=1e-11, err_msg=function.__name__
        )


REFUSED = [
    sp.LambertW(u, 1), sp.besselj(n, u), sp.bessely(0, u), sp.besselk(0, u),
    sp.besseli(n, u), sp.hankel1(0, u), sp.jn(n, u), sp.airyai(u), sp.elliptic_k(u),
    sp.hyper([1], [2], u), sp.legendre(n, u), sp.Ynm(n, 0, x, u), sp.polylog(n, u),
    sp.factorial2(u), sp.LeviCivita(n, 1, 2) * u,
    sp.meijerg([[], []], [[0], []], u), sp.Limit(u, x, 0), u + sp.O(x),
    sp.polar_lift(u), sp.exp_polar(u), u + sp.AccumBounds(0, 1),
    sp.SingularityFunction(x, 0, n) * u, u + sp.oo, u + sp.zoo, sp.Tuple(u, u),
    sp.Interval(0, 1), sp.Lambda(x, x),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_functions_without_a_translation_say_so(number) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(REFUSED[number])
    assert caught.value.hint


def test_conditions_of_every_kind() -> None:
    inside = [
        sp.And(x > 0, t > 0), sp.Or(x > 0, t > 0), sp.Xor(x > 0, t > 0),
        sp.Nand(x > 0, t > 0), sp.Nor(x > 0, t > 0), sp.Implies(x > 0, t > 0),
        sp.Equivalent(x > 0, t > 0), sp.ITE(x > 0, t > 0, t < -1),
        sp.Ne(x, 0.2), sp.Eq(x, 0.2),
    ]  # fmt: skip
    residual = oc.compile([sp.Piecewise((u, c), (0, True)) for c in inside] + [u])
    got = np.array(jax.jit(lambda p: residual(f, p))(POINTS))
    for row, condition in zip(got[:-1], inside, strict=True):
        for value, (time, place), full in zip(row, POINTS, got[-1], strict=True):
            holds = condition.subs({t: float(time), x: float(place)})
            assert value == (full if holds else 0)


def test_a_known_function_by_another_door() -> None:
    """The way out that the messages name, for K_0."""
    kernel = sp.Function("K0")(x)
    residual = oc.compile(u.diff(x) * kernel, coordinates=[t, x])
    table = lambda z: jnp.interp(z[0], jnp.linspace(0, 1, 5), jnp.arange(5.0))

    @jax.jit
    def both(points):
        want = along_x(f)(points) * table(points[0, 1:])
        return residual({"u": f, "K0": table}, points), want

    np.testing.assert_allclose(*both(POINTS[:1]), rtol=1e-12)
