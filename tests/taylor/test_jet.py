"""`oc.jet` beside `jax.experimental.jet`, and where that one is wrong or refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.experimental.jet import jet as jax_jet

import opcompiler as oc
from tests.draws import normal
from tests.shares import only


def network(x):
    weights = jnp.cos(jnp.arange(12.0)).reshape(3, 4)
    return jnp.sum(jnp.tanh(x @ weights) ** 2) + jnp.log1p(x @ x)


START = np.array([0.3, -0.2, 0.7])


def terms(order, shape=(3,)):
    return [normal((order, k), shape) for k in range(order)]


@pytest.mark.parametrize("order", only([3], range(1, 7)))
@pytest.mark.parametrize("scaled", [True, False])
def test_the_same_as_jax_where_it_is_right(order: int, scaled: bool) -> None:
    both = jax.jit(
        lambda x, series: [
            jet(network, (x,), (series,), factorial_scaled=scaled)
            for jet in (oc.jet, jax_jet)
        ]
    )
    ours, theirs = both(START, terms(order))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_several_arguments_and_pytrees() -> None:
    def fun(pair, z):
        return {"product": pair["a"] * z, "sum": pair["b"] + jnp.sin(z)}

    pair, slope = {"a": 2.0, "b": 1.0}, {"a": 1.0, "b": -1.0}
    flat = {"a": 0.0, "b": 0.0}
    jet = lambda pair, z: oc.jet(fun, (pair, z), ((slope, flat), (1.0, 0.0)))
    value, series = jax.jit(jet)(pair, 0.5)
    assert value["product"] == 1.0
    np.testing.assert_allclose(series["product"], [2.5, 2.0])
    np.testing.assert_allclose(series["sum"], [np.cos(0.5) - 1, -np.sin(0.5)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entire_functions_to_order_ten(dtype) -> None:
    one = [dtype(1.0), *[dtype(0.0)] * 9]
    jet = lambda x: oc.jet(lambda x: jnp.exp(jnp.sin(x)), (x,), (one,))[1]
    series = jax.jit(jet)(dtype(0.0))
    exact = [1, 1, 0, -3, -8, -3, 56, 217, 64, -2951]
    rtol = 2e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(series, exact, rtol=rtol, atol=1e-9)
    assert series[0].dtype == dtype


def test_control_flow_with_integer_counters() -> None:
    def fun(x):
        def body(state):
            k, y = state
            return k + 1, y * x + k

        return lax.while_loop(lambda s: s[0] < 4, body, (0, x))[1]

    def unrolled(x):
        y = x
        for k in range(4):
            y = y * x + k
        return y

    jet = lambda f, x: oc.jet(f, (x,), ((1.0, 0.0, 0.0),))[1]
    ours, want = jax.jit(lambda x: (jet(fun, x), jet(unrolled, x)))(0.7)
    np.testing.assert_allclose(ours, want, rtol=1e-13)


def test_a_carry_that_gains_channels_on_the_way() -> None:
    def fun(x):
        (a, b), ys = lax.scan(
            lambda c, k: ((c[1] * x, jnp.sin(c[0]) + k), c[0] * k),
            (jnp.float64(1.0), jnp.float64(0.5)), jnp.arange(5.0), reverse=True,
        )  # fmt: skip
        return a * b + jnp.sum(ys)

    @jax.jit
    def both(x):
        slopes = [fun]
        for _ in range(3):
            slopes.append(jax.grad(slopes[-1]))
        return oc.jet(fun, (x,), ((1.0, 0.0, 0.0),))[1], [f(x) for f in slopes[1:]]

    np.testing.assert_allclose(*both(0.3), rtol=1e-12)


def test_inside_the_transformations_of_jax() -> None:
    def third(x):
        return oc.jet(network, (x,), ([jnp.ones(3), jnp.zeros(3), jnp.zeros(3)],))[1][2]

    @jax.jit
    def everything(x, batch):
        fourth = jnp.sum(jax.grad(third)(x))
        direct = oc.jet(network, (x,), ([jnp.ones(3)] + [jnp.zeros(3)] * 3,))[1][3]
        _, history = lax.scan(lambda x, _: (0.9 * x, third(x)), x, length=3)
        along = network
        for _ in range(3):
            along = lambda x, f=along: jax.jvp(f, (x,), (jnp.ones(3),))[1]
        ours = third(x), jax.vmap(third)(batch)[0], history[0]
        return ours, along(x), fourth, direct

    ours, want, fourth, direct = everything(START, np.stack([START, 2 * START]))
    np.testing.assert_allclose(ours, np.full(3, want), rtol=1e-12)
    np.testing.assert_allclose(fourth, direct, rtol=1e-10)


def test_saturation_does_not_overflow_at_order_ten() -> None:
    points = np.float32([-80, 80])
    one = [np.float32([1, 1]), *[np.zeros(2, np.float32)] * 9]
    # Not compiled: the operations are few, and the same again and again.
    for fun in (jnp.tanh, jax.nn.sigmoid, jax.nn.softplus, jax.nn.gelu):
        assert np.all(np.isfinite(oc.jet(fun, (points,), (one,))[1])), fun


@pytest.mark.parametrize(
    ("primals", "series", "words"),
    [
        ((1.0, 2.0), ((1.0,), (1.0, 0.0)), "[1, 2]"),
        ((START,), ((np.ones(4),),), "(4,)"),
        (({"a": 1.0},), ((1.0,),), "structure"),
    ],
)
def test_bad_series(primals, series, words) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.jet(lambda *z: z, primals, series)
    assert words in str(caught.value)
