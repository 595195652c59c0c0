"""Gradients by one reverse pass: the same numbers as by Taylor channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal

X = sp.symbols("x1:9")
t = sp.Symbol("t")
u, v = (sp.Function(name)(t, *X) for name in "uv")
EQUATIONS = {
    "eikonal": sum(u.diff(x) ** 2 for x in X) - 1,
    "transport": u.diff(t) + sum(k * u.diff(x) for k, x in enumerate(X)) - u,
    "hamilton_jacobi": u.diff(t) + sp.sqrt(1 + sum(u.diff(x) ** 2 for x in X)),
    "viscous": u.diff(t) - u.diff(X[0], 2) + sum(u.diff(x) ** 2 for x in X),
    "two fields": [sum(u.diff(x) * v.diff(x) for x in X), u.diff(t) - v],
    "one of two": [sum(u.diff(x) ** 2 for x in X), v * u],
    "sites": [sum(u.diff(x) ** 2 for x in X), u.subs(t, 0) - sum(X)],
}
A = normal(0, (9, 7)) / 3
B = normal(1, (7, 2)) / 2
POINTS = normal(2, (5, 9))


def network(residual, scale=1.0):
    if len(residual.fields) == 1:
        return lambda z: jnp.tanh(scale * z @ A) @ B[:, 0]
    return lambda z: jnp.tanh(scale * z @ A) @ B


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_same_as_the_algebra(name: str) -> None:
    fields = ["u", "v"] if "two" in name else None
    residuals = [
        oc.compile(EQUATIONS[name], strategy=strategy, fields=fields)
        for strategy in ("reverse", "algebra")
    ]
    assert all(residual.plan.verify() for residual in residuals)

    def loss(scale, residual):
        values = residual(network(residual, scale), POINTS)
        return sum(jnp.sum(r**2) for r in jax.tree.leaves(values)), values

    run = jax.value_and_grad(loss, has_aux=True)
    both = jax.jit(lambda scale: [run(scale, residual) for residual in residuals])
    ((_, values), slope), ((_, want), want_slope) = both(1.2)
    for a, b in zip(jax.tree.leaves(values), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slope, want_slope, rtol=1e-10)


@pytest.mark.parametrize("name", ["eikonal", "hamilton_jacobi", "two fields"])
def test_auto_takes_it_for_gradients_in_many_coordinates(name: str) -> None:
    plan = oc.compile(EQUATIONS[name]).plan
    assert plan.strategy == "reverse"
    assert {push.kind for push in plan.pushes} == {"reverse"}


def test_auto_does_not_take_it_for_one_direction() -> None:
    assert oc.compile(EQUATIONS["transport"]).plan.strategy == "algebra"
    assert oc.compile(sum(u.diff(x, 2) for x in X) + u.diff(X[0])).plan.strategy == (
        "algebra"
    )


def test_what_cannot_be_reversed_goes_by_the_engine() -> None:
    def looped(z):
        body = lambda state: (state[0] + 1, jnp.sin(state[1]) * z[1])
        return jax.lax.while_loop(lambda s: s[0] < 3, body, (0, z @ A[:, 0]))[1]

    residual = oc.compile(EQUATIONS["eikonal"], strategy="reverse")

    @jax.jit
    def both(points):
        want = jax.vmap(lambda z: jnp.sum(jax.jacfwd(looped)(z)[1:] ** 2) - 1)(points)
        return residual(looped, points), want

    np.testing.assert_allclose(*both(POINTS), rtol=1e-12)


def test_complex_fields() -> None:
    wave = lambda z: jnp.exp(1j * (z @ A[:, 0]))
    residual = oc.compile(sum(u.diff(x) ** 2 for x in X), strategy="reverse")
    want = -np.sum(A[1:, 0] ** 2) * np.exp(2j * (POINTS @ A[:, 0]))
    found = jax.jit(lambda at: residual(wave, at))(POINTS)
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_float32_stays() -> None:
    residual = oc.compile(EQUATIONS["eikonal"])
    values = residual(
        lambda z: jnp.tanh(z @ A.astype(jnp.float32)) @ B[:, 0].astype(jnp.float32),
        POINTS.astype(jnp.float32),
    )
    assert values.dtype == jnp.float32
