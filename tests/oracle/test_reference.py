"""The reference itself, against exact derivatives by SymPy."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp
from jax.test_util import check_grads

from tests.corpus import in_scope, load
from tests.oracle.networks import ACTIVATIONS, Bank, Kind
from tests.oracle.reference import closed_form, evaluate, reference

t, x, y, k, a, b = sp.symbols("t x y k a b")
u = sp.Function("u")(x, t)
v = sp.Function("v")(t, x)
D = sp.Derivative

POINTS = np.random.default_rng(0).uniform(0.2, 0.9, (5, 2))

EXPRESSIONS = [
    u.diff(t) + u * u.diff(x) - k * u.diff(x, 2),
    D(u, t, x, t),
    D(k * u * v, x, 2, t),
    D(sp.exp(u) * D(v / (2 + u**2), x), t),
    D(sp.sqrt(1 + u.diff(x) ** 2 + u.diff(t) ** 2), x),
    sp.Subs(D(u, x), x, 0) + u.subs(t, 1),
    # Not with bound names x and t: SymPy's own `doit` then substitutes one after another.
    sp.Subs(D(a * u.func(a, b), a, b), (a, b), (2 * t, x)),
    u.subs(x, 2 * x + t).diff(x),
    D(u.subs({x: x**2, t: x}, simultaneous=True), x, 2),
    v.subs(t, x).diff(x),
    sp.Piecewise((u.diff(x), x < sp.Rational(1, 2)), (v**k, True)),
    sp.Max(u, v) * sp.Min(u, v) + sp.Abs(u - v) + sp.Heaviside(v),
    (1 + x) ** -2 * (2 + u) ** sp.Rational(-1, 2) + sp.log(3 + v),
]
FOURTH = D(x**3 * sp.sin(t) + u.diff(x, 4), x)


@pytest.mark.parametrize(
    "expressions",
    [EXPRESSIONS, pytest.param([FOURTH], marks=pytest.mark.slow)],
    ids=["up to order three", "of order four"],
)
def test_agrees_with_symbolic_differentiation(expressions):
    forms = {
        sp.Function("u"): sp.Lambda((x, t), sp.sin(2 * x - t) + x**3 * t**2),
        sp.Function("v"): sp.Lambda((t, x), sp.exp(t * x) + sp.cos(x) ** 2),
    }
    fields = {
        f.__name__: closed_form(form.expr, form.variables) for f, form in forms.items()
    }
    run = jax.jit(lambda at: reference(expressions, (t, x), fields, at, k=1.5))
    for expr, values in zip(expressions, run(POINTS), strict=True):
        exact = expr
        for function, form in forms.items():
            exact = exact.replace(function, form)
        derivative = sp.lambdify([t, x, k], exact.doit(), "mpmath")
        for value, point in zip(values.tolist(), POINTS.tolist(), strict=True):
            with mpmath.workdps(30):
                expected = derivative(*map(mpmath.mpf, (*point, 1.5)))
            assert float(abs(value - expected)) <= 1e-12 * max(1, abs(expected)), expr


def test_complex_fields_agree_with_symbolic_differentiation():
    x, t = sp.symbols("x t", real=True)
    psi = sp.Function("psi")(t, x)
    expr = sp.I * D(psi, t) + D(psi, x, 2) + psi * sp.Abs(psi) ** 2 - sp.conjugate(psi)
    form = sp.exp(sp.I * (2 * x - t)) * (x**2 + sp.I * t)
    fields = {"psi": closed_form(form, (t, x))}
    (values,) = jax.jit(lambda at: reference([expr], (t, x), fields, at))(POINTS)
    exact = expr.replace(sp.Function("psi"), sp.Lambda((t, x), form)).doit()
    for value, (at_t, at_x) in zip(values.tolist(), POINTS, strict=True):
        expected = complex(exact.evalf(30, subs={t: at_t, x: at_x}))
        assert abs(value - expected) <= 1e-12 * abs(expected)


def test_is_differentiable_in_parameters():
    def loss(weight, k):
        fields = {"u": lambda z: jnp.sin(weight * z[0] * z[1])}
        return jnp.mean(
            reference([EXPRESSIONS[0]], (t, x), fields, POINTS, k=k)[0] ** 2
        )

    check_grads(jax.jit(loss), (1.3, 0.2), order=1, modes=["rev"])


@pytest.mark.parametrize("kind", [Kind(), Kind(floor=0.5), Kind(complex=True)], ids=str)
def test_stacked_network_is_each_network(kind):
    bank = Bank({"u": 2, "v": 2}, {"u": kind}, tuple(ACTIVATIONS), tuple(ACTIVATIONS))

    @jax.jit
    def everything(point):
        return bank.stacked("u")(point), [
            (bank.field(name, "u")(point), bank.together(name, ("v", "u"))(point))
            for name in ACTIVATIONS
        ]

    stacked, each = everything(POINTS[0])
    for i, (alone, both) in enumerate(each):
        np.testing.assert_allclose(stacked[i], alone, rtol=1e-13)
        np.testing.assert_allclose(both[1], alone, rtol=1e-13)
        assert kind.floor is None or alone > kind.floor


def test_corpus_reads_declared_names_only():
    records = {record.name: record for record in load()}
    assert len(records) == 94
    assert records["compressible_euler_1d"].parameters["gamma"] == sp.Symbol("gamma")
    for record in in_scope():
        used = set().union(*(equation.free_symbols for equation in record.equations))
        known = {*record.coordinates, *record.parameters.values()}
        assert used <= known, record.name
        applied = {
            f.func.__name__
            for equation in record.equations
            for f in equation.atoms(sp.core.function.AppliedUndef)
        }
        assert applied == set(record.functions), record.name


def test_evaluate_has_no_case_for_what_it_does_not_know():
    with pytest.raises(KeyError):
        evaluate(sp.besselj(0, x), {x: jnp.asarray(1.0)})
    with pytest.raises(KeyError):
        evaluate(y, {x: jnp.asarray(1.0)})


def test_reference_is_vectorised_over_points():
    (values,) = jax.jit(
        lambda points: reference([u], (t, x), {"u": lambda z: z[0] - 2 * z[1]}, points)
    )(POINTS)
    np.testing.assert_allclose(values, POINTS[:, 1] - 2 * POINTS[:, 0])
