"""`jax.checking_leaks` finds nothing: no cache holds an array of a trace that is over.

Whoever checks for leaks traces every inner function anew: what is tested here is traced,
and not compiled.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

t, x, nu = sp.symbols("t x nu")
u = sp.Function("u")(t, x)
BURGERS = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)
POINTS = np.array([[0.1, 0.2], [0.3, 0.4]])


def test_residuals_and_their_gradients() -> None:
    strategies = "algebra", "reverse", "nested"
    residuals = [oc.compile(BURGERS, strategy=strategy) for strategy in strategies]

    def loss(a):
        net = lambda z: jnp.exp(-a * z[0]) * jnp.sin(z[1])
        return sum(jnp.sum(r(net, POINTS, nu=0.1) ** 2) for r in residuals)

    with jax.checking_leaks():
        jax.make_jaxpr(jax.value_and_grad(loss))(0.5)


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
        jax.make_jaxpr(oc.taylor.laplacian(fun))(POINTS[0])


def test_what_a_compiled_activation_is_given_may_be_trained() -> None:
    swish = jax.jit(lambda y, a: y * jax.nn.sigmoid(a * y))
    network = lambda a, z: jnp.sum(swish(jnp.sin(z), a))
    run = lambda a: oc.taylor.laplacian(lambda z: network(a, z))(POINTS[0])
    trace = lambda a: jnp.trace(jax.hessian(network, 1)(a, POINTS[0]))

    @jax.jit
    def everywhere(number, vector, lanes):
        return [
            (jax.grad(f)(number), jax.grad(f)(vector), jax.vmap(jax.grad(f))(lanes))
            for f in (run, trace)
        ]

    got, want = everywhere(0.7, jnp.array([0.7, 0.2]), jnp.array([0.1, 0.2]))
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
