"""`jax.checking_leaks` finds nothing: no cache holds an array of a trace that is over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

t, x, nu = sp.symbols("t x nu")
u = sp.Function("u")(t, x)
BURGERS = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)
POINTS = jnp.array([[0.1, 0.2], [0.3, 0.4]])


@pytest.mark.parametrize("strategy", ["algebra", "reverse", "nested"])
def test_a_residual_and_its_gradient(strategy) -> None:
    residual = oc.compile(BURGERS, strategy=strategy)
    loss = lambda a: jnp.sum(
        residual(lambda z: jnp.exp(-a * z[0]) * jnp.sin(z[1]), POINTS, nu=0.1) ** 2
    )
    with jax.checking_leaks():
        jax.jit(jax.value_and_grad(loss))(0.5)


ACTIVATIONS = {
    "gelu": jax.nn.gelu,
    "softplus": jax.nn.softplus,
    "silu, compiled": jax.jit(jax.nn.silu),
    "checkpoint": jax.checkpoint(lambda y: jnp.tanh(y) * y),
    "scan": lambda y: jax.lax.scan(lambda c, _: (jnp.sin(c), None), y, None, 2)[0],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name) -> None:
    fun = lambda y: jnp.sum(ACTIVATIONS[name](y * 2))
    with jax.checking_leaks():
        jax.jit(oc.taylor.laplacian(fun))(POINTS[0])


def test_what_a_compiled_activation_is_given_may_be_trained() -> None:
    swish = jax.jit(lambda y, a: y * jax.nn.sigmoid(a * y))
    network = lambda a, z: jnp.sum(swish(jnp.sin(z), a))
    run = lambda a: oc.taylor.laplacian(lambda z: network(a, z))(POINTS[0])
    trace = lambda a: jnp.trace(jax.hessian(network, 1)(a, POINTS[0]))
    for a in (0.7, jnp.array([0.7, 0.2])):
        np.testing.assert_allclose(jax.grad(run)(a), jax.grad(trace)(a), rtol=1e-12)
    lanes = jnp.array([0.1, 0.2])
    want = jax.vmap(jax.grad(trace))(lanes)
    np.testing.assert_allclose(jax.vmap(jax.grad(run))(lanes), want, rtol=1e-12)
