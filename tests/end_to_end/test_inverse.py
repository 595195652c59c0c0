"""Inverse problems: gradients by unknown numbers and unknown fields, in every position."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal, uniform
from tests.oracle.reference import reference

t, x, a, b, scale = sp.symbols("t x a b scale")
F = sp.Function("u")
u = F(t, x)
K = sp.Function("k")(x)
D = sp.Derivative
POINTS = uniform(0, (5, 2))
WEIGHTS = normal(1, (2, 8)) / 2
HEAD = normal(2, (8,)) / 2


def net(z):
    return jnp.tanh(z @ WEIGHTS + 0.3) @ HEAD


POSITIONS = {
    "top order": u.diff(t) - a * u.diff(x, 4),
    "ratio of top orders": a * u.diff(x, 4) + b * u.diff(t, 2, x, 2) + u.diff(t, 4) / a,
    "power of a coefficient": u.diff(t) - x**a * u.diff(x, 2),
    "inside the divergence": u.diff(t) - D(sp.exp(a * u) * D(u, x), x),
    "exponent": u.diff(t) - D(sp.Abs(u) ** a * u, (x, 2)),
    "scale of a coordinate": D(F(t, x / scale), (x, 2)) - a * F(t, x / scale),
    "scale under a chain rule": D(F(a * t, sp.sin(b * x)), t, x),
    "moving frame": D(F(t, x - a * t), t) + b * F(t, x - a * t).diff(x, 2),
    "place of a condition": sp.Subs(u.diff(x), x, a) + b * F(t, a),
    "interface": sp.Piecewise((a, x < 0.5), (b, True)) * u.diff(x, 2),
    "limit of an integral": oc.Integral(
        F(t, sp.Symbol("s")), (sp.Symbol("s"), 0, a * x)
    ),
    "source": u.diff(x, 2) - a * sp.exp(-((x - b) ** 2) / scale**2),
}
GUESS = {"a": 1.3, "b": 0.7, "scale": 0.9}


@pytest.mark.parametrize("name", POSITIONS)
def test_numbers(name) -> None:
    """Against central differences, and against nested differentiation."""
    equation = POSITIONS[name] + u
    residual = oc.compile(equation, coordinates=[t, x])
    rules = (
        {"quadrature": {"s": oc.gauss_legendre(16)}} if residual.operator.axes else {}
    )
    loss = lambda given: jnp.mean(residual(net, POINTS, **given, **rules) ** 2)

    def nested(given):
        (rows,) = reference([equation], [t, x], {"u": net}, POINTS, **given)
        return jnp.mean(rows**2)

    guess = {name: GUESS[name] for name in residual.parameters}
    assert guess

    @jax.jit
    def everything(given):
        return jax.value_and_grad(loss)(given), jax.grad(nested)(given)

    (_, got), want = everything(guess)
    step = 1e-5
    for place, slope in got.items():
        np.testing.assert_allclose(slope, want[place], rtol=1e-9, atol=1e-13)
        above, below = (
            everything(guess | {place: guess[place] + sign * step})[0][0]
            for sign in (1, -1)
        )
        difference = (above - below) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-9)


UNKNOWN_FIELDS = {
    "divergence form": u.diff(t) - D(K * u.diff(x), x),
    "coefficient of the top order": K**2 * u.diff(x, 4) + K.diff(x) * u,
    "both at a boundary": sp.Subs(K * u.diff(x), x, 1) - u,
    "source": u.diff(x, 2) - K * sp.exp(-t),
}


@pytest.mark.parametrize("name", UNKNOWN_FIELDS)
def test_fields(name) -> None:
    """An unknown coefficient with a network of its own."""
    equation = UNKNOWN_FIELDS[name]
    residual = oc.compile(equation, coordinates=[t, x])
    coefficient = lambda p: lambda z: 1 + jnp.tanh(z[0] * p[:3] + p[3:6]) @ p[6:]
    params = normal(3, (9,)) / 2
    loss = lambda p: jnp.mean(residual({"u": net, "k": coefficient(p)}, POINTS) ** 2)

    def nested(p):
        fields = {"u": net, "k": coefficient(p)}
        (rows,) = reference([equation], [t, x], fields, POINTS)
        return jnp.mean(rows**2)

    @jax.jit
    def everything(params):
        return jax.value_and_grad(loss)(params), jax.grad(nested)(params)

    (_, got), want = everything(params)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13)
    along = normal(4, params.shape)
    step = 1e-5
    above, below = (everything(params + way * step * along)[0][0] for way in (1, -1))
    difference = (above - below) / (2 * step)
    np.testing.assert_allclose(got @ along, difference, rtol=1e-6)


def test_values_at_the_points_and_functions_of_them() -> None:
    residual = oc.compile(u.diff(t) - a * u.diff(x, 2))
    values = 1 + POINTS[:, 1] ** 2
    loss = lambda v: jnp.sum(residual(net, POINTS, a=v) ** 2)
    rows = lambda v: jax.vmap(
        lambda z, n: jax.grad(net)(z)[0] - n * jax.hessian(net)(z)[1, 1]
    )(POINTS, v)
    by_hand = lambda v: jnp.sum(rows(v) ** 2)
    by_function = lambda s: jnp.sum(
        residual(net, POINTS, a=lambda z: 1 + s * z[1] ** 2) ** 2
    )

    @jax.jit
    def everything(values, scale):
        return *(jax.grad(f)(values) for f in (loss, by_hand)), jax.grad(by_function)(
            scale
        )

    got, want, slope = map(np.asarray, everything(values, 1.0))
    np.testing.assert_allclose(got, want, rtol=1e-10)
    np.testing.assert_allclose(slope, got @ POINTS[:, 1] ** 2, rtol=1e-10)


def test_a_table_of_unknowns_of_a_held_sum() -> None:
    q = oc.vector("q", 8)
    i = oc.index("i", q)
    w, weights = sp.Function("w")(q), sp.IndexedBase("weights")
    residual = oc.compile(oc.Sum(weights[i] ** 2 * oc.D(w, q[i], 2), i) - w)
    points = normal(5, (3, 8)) / 3
    fun = lambda z: jnp.sin(z.sum()) * jnp.cos(z[0] * z[1])
    table = np.linspace(0.5, 1.5, 8)
    loss = lambda v: jnp.mean(residual(fun, points, weights=v) ** 2)

    def nested(v):
        at = lambda z: jnp.sum(v**2 * jnp.diag(jax.hessian(fun)(z))) - fun(z)
        return jnp.mean(jax.vmap(at)(points) ** 2)

    both = jax.jit(lambda v: [jax.grad(f)(v) for f in (loss, nested)])
    np.testing.assert_allclose(*both(table), rtol=1e-9)


def test_unknowns_of_a_problem_are_found() -> None:
    """Newton on two unknowns from exact data: they are where they were put."""
    problem = oc.parse("""
    coordinates t, x
    field u
    unknown nu = 0.5, c = 0
    u_t + c*u_x = nu*u_xx
    """)
    exact = lambda z: jnp.exp(-0.3 * 4 * z[0]) * jnp.sin(2 * (z[1] - 0.8 * z[0]))
    bound = oc.compile(problem).bind(lambda params, z: exact(z))
    loss = lambda g: jnp.mean(bound(None, POINTS, nu=g[0], c=g[1])["equation1"] ** 2)
    guess = np.array([problem.unknowns[n] for n in ("nu", "c")], float)
    both = jax.jit(lambda guess: [d(loss)(guess) for d in (jax.grad, jax.hessian)])
    slope, bend = map(np.asarray, both(guess))
    found = guess - np.linalg.solve(bend, slope)
    np.testing.assert_allclose(found, [0.3, 0.8], rtol=1e-9)
