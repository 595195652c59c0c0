"""Layout choices change speed and memory, and no number."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime import autotune
from opcompiler.taylor.tuning import NEVER, Tuning
from tests.draws import layers, normal, uniform

x, y, t = sp.symbols("x y t")
u = sp.Function("u")(x, y)
PLATE = u.diff(x, 4) + 2 * u.diff(x, 2, y, 2) + u.diff(y, 4) - u * u.diff(x)
CHOICES = [
    Tuning(fold_from=2),
    Tuning(fold_from=NEVER, stack_from=2),
    Tuning(compose_upto=0),
    Tuning(compose_upto=NEVER),
    Tuning(remat=True),
]


def network():
    return eqx.nn.MLP(2, "scalar", 8, 3, jnp.tanh, key=jax.random.key(0))


@pytest.mark.parametrize("tuning", CHOICES, ids=str)
def test_a_choice_changes_no_number(tuning: Tuning) -> None:
    residual = oc.compile(PLATE)
    points = uniform(1, (6, 2))
    net = network()

    def step(residual):
        def loss(net):
            return jnp.mean(residual(net, points) ** 2)

        return eqx.filter_value_and_grad(loss)(net)

    want, got = step(residual), step(residual.tuned(tuning))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_remat_keeps_less() -> None:
    points = np.ones((4096, 2))
    params = [weights for weights, _ in layers(0, (2, 8, 8, 8, 1))]

    def perceptron(params, z):
        for weights in params[:-1]:
            z = jnp.tanh(z @ weights)
        return (z @ params[-1])[0]

    def kept(residual):
        def loss(params):
            net = lambda z: perceptron(params, z)
            return jnp.mean(residual(net, points) ** 2)

        compiled = jax.jit(jax.grad(loss)).lower(params).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    equation = u.diff(x, 2) + u.diff(y, 2) - u * u.diff(x)
    assert kept(oc.compile(equation, remat=True)) < 0.9 * kept(oc.compile(equation))


@pytest.mark.slow
def test_autotune_returns_the_same_operator() -> None:
    residual = oc.compile(PLATE)
    points = uniform(1, (16, 2))
    tuned = oc.autotune(residual, network(), points, repeats=2, progress=False)
    assert tuned.plan == residual.plan
    got, want = tuned(network(), points), residual(network(), points)
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_autotune_takes_plain_functions_and_parameters(monkeypatch) -> None:
    monkeypatch.setattr(autotune, "_CHOICES", {"compose_upto": (0,), "tile": (2,)})
    nu = sp.Symbol("nu")
    v = sp.Function("v")(t, x)
    residual = oc.compile({"heat": v.diff(t) - nu * v.diff(x, 2)})
    points = {"t": np.linspace(0, 1, 7), "x": np.ones(7)}
    net = lambda z: jnp.sin(z[0]) * z[1] ** 3
    tuned = oc.autotune(residual, net, points, repeats=1, progress=False, nu=0.3)
    assert isinstance(tuned, oc.Residual)
    with pytest.raises(oc.OperatorError, match="nu"):
        oc.autotune(residual, net, points, repeats=1, progress=False)
    with pytest.raises(oc.OperatorError, match="repeat"):
        oc.autotune(residual, net, points, repeats=0, nu=0.3)


FIRST, LAST = normal((2, 0), (2, 8)), normal((2, 1), (8,))
POINTS = np.ones((3, 2))


def network_of(activation):
    return lambda z: activation(z @ FIRST) @ LAST


@pytest.mark.parametrize("activation", [jax.nn.relu, jax.nn.leaky_relu, jnp.abs])
def test_a_piecewise_linear_network_is_warned_of(activation) -> None:
    residual = oc.compile(u.diff(x, 2) + u.diff(y, 2))
    run = jax.jit(lambda at: residual(network_of(activation), at))
    with pytest.warns(UserWarning, match="piecewise linear"):
        values = run(POINTS)
    np.testing.assert_array_equal(values, np.zeros(3))


@pytest.mark.parametrize("activation", [jnp.tanh, jax.nn.gelu, jax.nn.elu])
def test_a_curved_network_is_not(activation) -> None:
    second, first = oc.compile(u.diff(x, 2)), oc.compile(u.diff(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jax.eval_shape(lambda at: second(network_of(activation), at), POINTS)
        jax.eval_shape(lambda at: first(network_of(jax.nn.relu), at), POINTS)
        # An affine function, an exact solution perhaps, is what it is.
        jax.eval_shape(lambda at: second(lambda z: z[0] - 2 * z[1], at), POINTS)


def test_it_is_said_once() -> None:
    residual = oc.compile(u.diff(x, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            residual(lambda z: jax.nn.relu(z[0]), POINTS)
    assert len([w for w in caught if "piecewise" in str(w.message)]) == 1
