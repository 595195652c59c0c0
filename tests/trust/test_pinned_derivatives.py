"""Derivatives at a place: a number, a parameter, an expression in parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

t, x, y, s, a = sp.symbols("t x y s a")
U = sp.Function("u")
u, w = U(t, x), U(t, x, y)
LINE = np.asarray([[0.3], [0.5], [-1.0]])
S, A = 0.7, 1.3


def f(t, x):
    return jnp.exp(t) * jnp.sin(2 * x)


def g(t, x, y):
    return f(t, x) * y**3


d = jax.grad
# An expression, and the same as a function of t and of the values of s and a.
CASES = {
    "at a parameter": (u.diff(x).subs(x, s), lambda t, s, a: d(f, 1)(t, s)),
    "twice": (u.diff(x, 2).subs(x, s), lambda t, s, a: d(d(f, 1), 1)(t, s)),
    "mixed": (u.diff(t, x).subs(x, s), lambda t, s, a: d(d(f, 1))(t, s)),
    "by time afterwards": (
        u.diff(x).subs(x, s).diff(t),
        lambda t, s, a: d(d(f, 1))(t, s),
    ),
    "written by the parameter": (U(t, s).diff(s), lambda t, s, a: d(f, 1)(t, s)),
    "a product": (
        (u * u.diff(x)).subs(x, s),
        lambda t, s, a: f(t, s) * d(f, 1)(t, s),
    ),
    "by a parameter that stands outside too": (
        oc.D(s * sp.sin(U(t, s)), s),
        lambda t, s, a: d(lambda s: s * jnp.sin(f(t, s)))(s),
    ),
    "at an expression": (
        u.diff(x).subs(x, s**2 - a),
        lambda t, s, a: d(f, 1)(t, s**2 - a),
    ),
    "by a parameter in an expression": (
        oc.D(U(t, a * s**2), s, 2),
        lambda t, s, a: d(d(lambda s: f(t, a * s**2)))(s),
    ),
    "of a substitution": (
        oc.D(sp.Subs(u.diff(x), x, s**2), s),
        lambda t, s, a: d(lambda s: d(f, 1)(t, s**2))(s),
    ),
    "at a number": (
        u.diff(x).subs(x, sp.Rational(1, 3)) + s + a,
        lambda t, s, a: d(f, 1)(t, 1 / 3) + s + a,
    ),
    "two variables": (
        w.diff(x, y, y).subs({x: s, y: a}),
        lambda t, s, a: d(d(d(g, 1), 2), 2)(t, s, a),
    ),
    "one of two": (
        w.diff(x).subs({x: s, y: 2 * a}),
        lambda t, s, a: d(g, 1)(t, s, 2 * a),
    ),
}


def test_derivatives_at_places_agree_with_jax():
    residuals = {
        name: oc.compile(expression, coordinates=[t])
        for name, (expression, _) in CASES.items()
    }

    def of_residual(residual, line):
        width = residual.operator.arity[0]
        net = lambda z: f(*z) if width == 2 else g(*z)
        given = {name: {"s": S, "a": A}[name] for name in residual.parameters}
        return residual(net, line, **given)

    @jax.jit
    def everything(line):
        found = {name: of_residual(r, line) for name, r in residuals.items()}
        return found, {
            name: jax.vmap(lambda row, direct=direct: direct(row[0], S, A))(line)
            for name, (_, direct) in CASES.items()
        }

    found, wanted = everything(LINE)
    for name, want in wanted.items():
        np.testing.assert_allclose(found[name], want, rtol=1e-11, err_msg=name)


def test_a_place_that_moves_from_point_to_point_is_one_place_at_each():
    residual = oc.compile(u.diff(x).subs(x, s), coordinates=[t])
    net = lambda z: f(*z)

    @jax.jit
    def everything(places):
        slope = jax.grad(lambda s: residual(net, LINE, s=s).sum())(S)
        bends = jax.vmap(lambda t: d(d(f, 1), 1)(t, S))(LINE[:, 0])
        want = jax.vmap(d(f, 1))(LINE[:, 0], places)
        return (residual(net, LINE, s=places), want), (slope, bends.sum())

    for got, want in everything(np.array([0.1, 0.2, 0.3])):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_parameter_that_is_no_place_is_still_refused():
    for expression in (oc.D(s * u, s), oc.D(u + U(t, a), s)):
        with pytest.raises(oc.OperatorError, match="differentiated by s"):
            oc.compile(expression, coordinates=[t, x])
