"""Products of many channels are loops: short programs, the same numbers."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.taylor import arithmetic, contraction
from opcompiler.taylor.rules import composition

X = sp.symbols("x y z")
FIELD = sp.Function("u")(*X)


def laplacian(expr: sp.Expr, coordinates=X) -> sp.Expr:
    return sp.expand(sum(expr.diff(a, 2) for a in coordinates))


def equations(jaxpr) -> int:
    inner = (
        getattr(part, "jaxpr", part)
        for equation in jaxpr.eqns
        for value in equation.params.values()
        for part in (value if isinstance(value, tuple) else (value,))
    )
    return len(jaxpr.eqns) + sum(equations(j) for j in inner if hasattr(j, "eqns"))


def test_the_fourth_power_of_the_laplacian_is_a_short_program() -> None:
    expr = FIELD
    for _ in range(4):
        expr = laplacian(expr)
    residual = oc.compile(expr)
    assert residual.plan.channels == 55
    w = jnp.ones((3, 8)) / 3

    def net(p):
        return jnp.sum(jnp.tanh(jnp.tanh(p @ w) @ jnp.ones((8, 8)) / 8))

    traced = jax.make_jaxpr(lambda points: residual(net, points))(jnp.zeros((4, 3)))
    # Written out, the products alone are some 9000.
    assert equations(traced.jaxpr) < 2500


def built_anew(function, *given):
    """Returns a program's text and its results; JAX knows nothing of the function yet."""
    program = jax.jit(lambda *args: function(*args)).lower(*given)
    return program.as_text(), jax.tree.leaves(program.compile()(*given))


PARTIALS = [a for a in itertools.product(range(4), repeat=2) if 0 < sum(a) < 4]
PLANE = sp.Function("u")(*X[:2])


@pytest.mark.parametrize(
    "act",
    [
        lambda z: jnp.tanh(z) / (2 + z * z),
        lambda z: jnp.sin(z) * jnp.exp(-z * z) + jnp.arctan(z),
        lambda z: jnp.log(jnp.sqrt(3 + jnp.square(jax.nn.sigmoid(z)))),
    ],
)
def test_loops_and_single_products_agree(act, monkeypatch) -> None:
    w = np.sin(np.arange(8.0)).reshape(2, 4)
    points = np.cos(np.arange(4.0)).reshape(2, 2)

    def run(w, point):
        def net(p):
            return jnp.sum(act(p @ w))

        return sum(oc.taylor.partials(net, PARTIALS)(point).values())

    def numbers():
        slope = jax.value_and_grad(lambda *args: run(*args))
        return built_anew(jax.vmap(slope, (None, 0)), w, points)

    # Low orders are composed of scalar derivatives otherwise, without a recurrence.
    monkeypatch.setattr(composition, "should_compose", lambda context: False)
    text, written = numbers()
    monkeypatch.setattr(arithmetic, "LOOP_FROM", 1)
    other, looped = numbers()
    assert text != other
    assert "contraction[" in str(jax.make_jaxpr(run)(w, points[0]))
    for a, b in zip(written, looped, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(a).max())


def test_blocks_and_whole_rows_agree(monkeypatch) -> None:
    """The last block goes back over numbers that are done."""
    monkeypatch.setattr(composition, "should_compose", lambda context: False)
    monkeypatch.setattr(arithmetic, "LOOP_FROM", 1)
    w = np.sin(np.arange(14.0)).reshape(2, 7)
    points = np.cos(np.arange(6.0)).reshape(3, 2)
    fourth = oc.compile(PLANE.diff(X[0], 4))

    def run(w):
        def net(p):
            return jnp.sum(jnp.tanh(p @ w), -1)

        partials = oc.taylor.partials(net, PARTIALS)(points[0])
        return sum(partials.values()) + jnp.sum(fourth(net, points))

    def numbers():
        return built_anew(jax.value_and_grad(lambda w: run(w)), w)

    text, whole = numbers()
    monkeypatch.setattr(composition, "_BLOCK", 4)
    monkeypatch.setattr(contraction, "_BLOCK", 3)
    other, blocks = numbers()
    assert text != other
    for a, b in zip(whole, blocks, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(a).max())


def test_what_accelerators_run_gives_the_same_sums() -> None:
    table = contraction.Table(
        ((0, 1, 0, 2.0), (1, 1, 0, -1.0), (2, 0, 2, 0.5), (0, 0, 2, 1.0)), (3, 2, 4)
    )
    x = np.arange(15.0).reshape(3, 5) + 1
    w = np.arange(10.0).reshape(2, 5) - 4
    want = [
        2 * x[0] * w[1] - x[1] * w[1],
        0 * x[0],
        0.5 * x[2] * w[0] + x[0] * w[0],
        0 * x[0],
    ]

    @jax.jit
    def both(x, w):
        at_once = contraction._at_once(x, w, table=table)
        return contraction.contract(x, w, table), at_once

    for found in both(x, w):
        np.testing.assert_allclose(found, want)
