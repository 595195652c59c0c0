"""Custom derivative rules: what a rule says, and not the body, in every strategy.

A rule here is never the derivative of its body, so whoever looks at the body is caught.
"""

import itertools
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime.pushes import _curved  # a plan with curves is what is tested

W = np.cos(np.arange(10.0)).reshape(2, 5)
V = np.sin(np.arange(1.0, 6.0))
POINTS = np.array([[0.2, 0.7], [0.5, -0.3]])
STRATEGIES = ("algebra", "reverse", "nested", "partition", "polarization")


@jax.custom_jvp
def bent(x):
    return jnp.tanh(x)


bent.defjvp(lambda p, t: (bent(*p), jnp.cos(p[0]) * p[0] * t[0]))


@jax.custom_jvp
def rounded(x):
    return jnp.round(4 * x) / 4


rounded.defjvp(lambda p, t: (rounded(*p), t[0]))  # straight through


@jax.custom_jvp
def around(x):
    return bent(x) * x


around.defjvp(lambda p, t: (around(*p), bent(p[0]) * t[0]))  # a rule in a rule


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def given(f, x):
    return f(x)


@given.defjvp
def _(f, p, t):
    return given(f, *p), f(p[0]) * p[0] * t[0]


@jax.custom_jvp
def two(x, y):
    return jnp.sin(x) * y


# No function has this for its derivative: its mixed derivatives depend on the order.
two.defjvp(lambda p, t: (two(*p), jnp.exp(p[0] * p[1]) * t[0] + p[0] ** 2 * t[1]))


@jax.custom_jvp
def ones(x):
    return jnp.ones_like(x)


ones.defjvp(lambda p, t: (ones(*p), jnp.sin(p[0]) * t[0]))


@jax.custom_jvp
def fired(x):
    return (x > 0).astype(x.dtype)


fired.defjvp(lambda p, t: (fired(*p), jax.nn.sigmoid(p[0]) * t[0]))


@jax.custom_jvp
def fixed(x):
    return jnp.zeros(())


fixed.defjvp(lambda p, t: (fixed(*p), jnp.sum(jnp.cos(p[0]) * t[0])))


def after(activation):
    return lambda z: jnp.tanh(activation(jnp.sin(z @ W))) @ V


def _looped(z):
    step = lambda h, _: (bent(h) + jnp.sin(h), None)
    return jax.lax.scan(step, z @ W, None, length=2)[0] @ V


NETWORKS = {
    "one argument": after(bent),
    "straight through": after(rounded),
    "a rule in a rule": after(around),
    "nondiff_argnums": after(partial(given, jnp.sin)),
    "two arguments": lambda z: two(jnp.sin(z @ W), z[0] * V) @ V,
    "two arguments, one moves": lambda z: two(z @ W, V) @ V,
    "two coordinates": lambda z: two(z[0], z[1]) * z[1],
    "in jit": after(jax.jit(lambda x: bent(x) * jnp.tanh(x))),
    "in vmap": after(jax.vmap(bent)),
    "in scan": _looped,
    "in cond": after(
        lambda x: jax.lax.cond(x[0] > 0, lambda c: bent(c) * c, rounded, x)
    ),
    "in checkpoint": after(jax.checkpoint(lambda x: bent(x) * x)),
    "value does not depend": after(ones),
    "value is a step": after(fired),
    "value does not depend, in jit and scan": lambda z: (
        jax.jit(
            lambda h: jax.lax.scan(lambda c, _: (c * ones(c), None), h, None, length=2)[
                0
            ]
        )(z @ W)
        @ V
    ),
    "value does not depend, a number": lambda z: fixed(z @ W) * z[0],
}

t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)
OPERATORS = [
    [u, u.diff(x), u.diff(t), u.diff(x, 2), u.diff(t, x)],
    [u.diff(t, x, x), u.diff(x, 3)],
]
ORDERS = [[(), (1,), (0,), (1, 1), (0, 1)], [(0, 1, 1), (1, 1, 1)]]


def nested(network, word):
    for place in word:
        network = partial(_along, network, jnp.eye(2)[place])
    return network


def _along(network, direction, z):
    return jax.jvp(network, (z,), (direction,))[1]


def mean_over_orders(network, word):
    words = sorted(set(itertools.permutations(word)))
    rows = [jax.vmap(nested(network, w))(POINTS) for w in words]
    return sum(rows) / len(rows)


@cache
def by_every_strategy(upto: int) -> list[oc.Residual]:
    equations = [equation for rows in OPERATORS[:upto] for equation in rows]
    return [oc.compile(equations, strategy=strategy) for strategy in STRATEGIES]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rule_counts_in_every_strategy(name) -> None:
    network = NETWORKS[name]
    upto = 2 if name in ("one argument", "two arguments", "value is a step") else 1
    words = [word for row in ORDERS[:upto] for word in row]

    @jax.jit
    def everything(points):
        want = [mean_over_orders(network, word) for word in words]
        return [residual(network, points) for residual in by_every_strategy(upto)], want

    found, want = everything(POINTS)
    for strategy, got in zip(STRATEGIES, found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12, err_msg=strategy)


def test_jets_along_curves_are_not_taken_where_orders_matter() -> None:
    residual = oc.compile(OPERATORS[1], strategy="partition")
    assert any(map(_curved, residual.plan.pushes))


def test_operators_of_plain_functions() -> None:
    network = NETWORKS["in jit"]
    many = lambda y: jnp.sum(bent(jnp.sin(y)) * ones(y))  # a family of directions

    @jax.jit
    def everything(z, y):
        few = sum(nested(network, (i, i))(z) for i in (0, 1))
        bends = jnp.trace(jax.jacfwd(jax.jacfwd(many))(y))
        got = oc.taylor.laplacian(network)(z), oc.taylor.laplacian(many)(y)
        return got, (few, bends)

    got, want = everything(POINTS[0], np.linspace(0.1, 1, 20))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_rule_that_solves_for_a_derivative() -> None:
    matrix = np.array([[2.0, 0.0], [1.0, 3.0]])
    solve = partial(jax.scipy.linalg.solve_triangular, matrix, lower=True)
    solved = jax.custom_jvp(lambda z: solve(z))
    solved.defjvp(lambda p, t: (solved(*p), solve(t[0]) * jnp.sum(p[0])))
    network = lambda z: jnp.sum(solved(z) ** 2)

    @jax.jit
    def both(z):
        want = sum(nested(network, (i, i))(z) for i in (0, 1))
        return oc.taylor.laplacian(network)(z), want

    np.testing.assert_allclose(*both(POINTS[0]), rtol=1e-7)


def test_sums_over_components() -> None:
    z = oc.vector("z", 20)
    i = oc.index("i", z)
    field = sp.Function("f")(z)
    network = lambda y: jnp.sum(bent(jnp.sin(y))) * fired(y[0])
    points = np.linspace(-0.9, 1, 40).reshape(2, 20)
    residual = oc.compile(oc.Sum(oc.D(field, z[i], 2), i))

    @jax.jit
    def both(points):
        bends = jax.vmap(jax.jacfwd(jax.jacfwd(network)))(points)
        return residual(network, points), jnp.trace(bends, axis1=1, axis2=2)

    np.testing.assert_allclose(*both(points), rtol=1e-11)


@jax.custom_vjp
def clipped(x):
    return jnp.sin(x)


clipped.defvjp(lambda x: (clipped(x), x), lambda x, c: (jnp.clip(c, -0.1, 0.1),))


def test_a_reverse_rule_leaves_the_coordinates_alone() -> None:
    network, plain = after(clipped), after(jnp.sin)

    @jax.jit
    def everything(points):
        return [[r(n, points) for n in (network, plain)] for r in by_every_strategy(1)]

    for strategy, both in zip(STRATEGIES, everything(POINTS), strict=True):
        np.testing.assert_allclose(*both, rtol=1e-12, err_msg=strategy)


def test_a_reverse_rule_trains_what_is_not_differentiated() -> None:
    value = oc.compile(u)
    loss = lambda f: lambda a: value(lambda z: f(a * z[0]) + z[1], POINTS[:1])[0]
    got = jax.jit(jax.grad(loss(clipped)))(0.5)
    assert got == pytest.approx(0.1 * float(POINTS[0, 0]))  # as clipped


def test_a_lost_derivative_is_refused() -> None:
    # JAX itself differentiates jit(vmap(ones)) no more.
    for strategy in STRATEGIES:
        with pytest.raises(oc.OperatorError, match=r"jax\.vmap"):
            oc.compile(u.diff(x), strategy=strategy)(after(jax.vmap(ones)), POINTS)


INDEPENDENT = {
    "zeros_like": lambda z: jnp.zeros_like(z[0]) + 0 * z[1],
    "a number": lambda z: jnp.array(2.0),
    "stop_gradient": lambda z: jax.lax.stop_gradient(jnp.sin(z[0])),
    "whole numbers": lambda z: jnp.round(z[0]).astype(int).astype(z.dtype),
    "cond": lambda z: jax.lax.cond(z[0] > 0, lambda: 1.0, lambda: 2.0),
    "scan": lambda z: jax.lax.scan(lambda c, _: (c * 2, None), 1.0, z)[0],
    "while": lambda z: jax.lax.while_loop(lambda c: c < z[0], lambda c: c + 1, 0.0),
    "custom_vjp": lambda z: _constant(z),
}


@jax.custom_vjp
def _constant(z):
    return jnp.ones(())


_constant.defvjp(lambda z: (_constant(z), None), lambda _, c: (jnp.zeros(2),))


@pytest.mark.filterwarnings("ignore:derivatives of order 2")
def test_outputs_that_do_not_depend_on_the_input() -> None:
    residual = by_every_strategy(1)[0]

    @jax.jit
    def everything(points):
        return {
            name: (residual(network, points), jax.vmap(network)(points))
            for name, network in INDEPENDENT.items()
        }

    for name, ((value, *slopes), want) in everything(POINTS).items():
        np.testing.assert_allclose(value, want, err_msg=name)
        np.testing.assert_array_equal(np.stack(slopes), 0, err_msg=name)
