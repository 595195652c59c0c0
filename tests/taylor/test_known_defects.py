"""What `jax.experimental.jet` and folx get wrong or refuse, each as a test of ours.

Source: a survey of both (jax 0.10.2, folx 0.2.30); the comments say what they give.
"""

import math
from collections import Counter

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax import lax

import opcompiler as oc
from opcompiler import _compat
from tests.taylor.cases import along


def series(fun, point, order=3):
    """Taylor coefficients along x + t."""
    terms = [1.0, *[0.0] * (order - 1)]
    value, rest = oc.jet(fun, (point,), (terms,), factorial_scaled=False)
    return [value, *rest]


def each_series(cases, order=3) -> dict:
    """Those of functions at points, by name, in one program."""
    run = lambda points: {n: series(cases[n][0], x, order) for n, x in points.items()}
    return jax.jit(run)({name: np.float64(case[1]) for name, case in cases.items()})


def test_values_keep_their_digits() -> None:
    cases = {  # jet composes the value anew: 0, 0, 0, -inf, inf or nan
        "log1p": (jnp.log1p, 1e-12, mp.log1p),
        "expm1": (jnp.expm1, 1e-9, mp.expm1),
        "atanh": (jnp.arctanh, 1e-9, mp.atanh),
        "asinh": (jnp.arcsinh, -1e9, mp.asinh),
        "acosh": (jnp.arccosh, 1e20, mp.acosh),
    }
    for name, got in each_series(cases).items():
        _, point, exact = cases[name]
        with mp.workdps(200):
            want = [float(c) for c in mp.taylor(exact, point, 3)]
        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=name)


WRONG_IN_JAX = {
    "log1p": (jnp.log1p, 1e-12, [1e-12, 1.0, -1.0]),
    "expm1": (jnp.expm1, 1e-12, [1e-12, 1.0, 1.0]),
    "atanh": (jnp.arctanh, 1e-12, [1e-12, 1.0, 2e-12]),
    "asinh": (jnp.arcsinh, -1e9, [float(np.arcsinh(-1e9)), 1e-9, 1e-18]),
    "rem": (lambda x: lax.rem(x, 0.3), -0.5, [-0.2, 1.0, 0.0]),
    "float power at 0": (lambda x: x ** jnp.float64(2.0), 0.0, [0.0, 0.0, 2.0]),
    "softplus at 0": (jax.nn.softplus, 0.0, [math.log(2), 0.5, 0.25]),
    "relu at 0": (jax.nn.relu, 0.0, [0.0, 0.0, 0.0]),
    "sinc at 0": (jnp.sinc, 0.0, [1.0, 0.0, -(math.pi**2) / 3]),
    "log_sigmoid at 0": (jax.nn.log_sigmoid, 0.0, [-math.log(2), 0.5, -0.25]),
    "clip": (lambda x: jnp.clip(x, -1, 1) ** 2, 0.5, [0.25, 1.0, 2.0]),
    "minimum": (lambda x: jnp.minimum(x, 0.5) ** 2, 0.25, [0.0625, 0.5, 2.0]),
}


def test_known_defects_of_jax_jet() -> None:
    for name, (value, slope, half) in each_series(WRONG_IN_JAX, 2).items():
        got, exact = [value, slope, 2 * half], WRONG_IN_JAX[name][2]
        np.testing.assert_allclose(got, exact, rtol=1e-9, atol=1e-15, err_msg=name)


def test_powers_at_zero_and_below() -> None:
    cases = {  # jet: nan
        "squared": (lambda x: x ** jnp.asarray(2.0), 0.0, [0, 0, 1, 0]),
        "2.5": (lambda x: x ** jnp.asarray(2.5), 0.0, [0, 0, 0, np.inf]),
        "cubed": (lambda x: x ** jnp.asarray(3.0), -2.0, [-8, 12, -6, 1]),
    }
    for name, got in each_series(cases).items():
        np.testing.assert_allclose(got, cases[name][2], atol=1e-15, err_msg=name)


def test_ties_follow_jax() -> None:
    fun = lambda x: jnp.maximum(x, x * x)
    both = lambda x: (series(fun, x), along(fun, x, [1.0, 0.0, 0.0]))
    np.testing.assert_allclose(*jax.jit(both)(0.0), rtol=1e-12)


def test_factorials_are_exact_in_float32() -> None:  # jet: 2.0000005
    order = 8
    terms = [np.float32(1), *[np.float32(0)] * (order - 1)]
    jet = lambda x: oc.jet(lambda x: x**order, (x,), (terms,))
    _, found = jax.jit(jet)(np.float32(3))
    assert float(found[1]) == 56 * 3.0**6
    assert float(found[7]) == 40320.0


def test_a_name_is_not_a_rule() -> None:  # folx: 2.49 and 0.352
    @jax.jit
    def silu(x):
        return x**3

    def sigmoid(x):
        return x * x

    fun = lambda x: jnp.sum(silu(x) + jax.jit(sigmoid)(x))
    both = jax.jit(lambda x: (fun(x), oc.taylor.laplacian(fun)(x)))
    np.testing.assert_allclose(
        both(np.array([1.0, 2.0])), (14, 6 * 3 + 2 * 2), rtol=1e-12
    )


@pytest.mark.parametrize("order", [2, 4, 6])
def test_a_layer_costs_one_product_per_channel(order) -> None:  # jet: 45 at order 4
    layers = [np.ones((3, 3)) / 3] * 3

    def net(x):
        for weights in layers:
            x = jnp.tanh(x @ weights)
        return x

    def pushed(x, v):
        return oc.jet(net, (x,), ([v, *[jnp.zeros_like(v)] * (order - 1)],))

    jaxpr, _ = _compat.trace(pushed, np.ones((4, 3)), np.ones((4, 3)))
    assert dots(jaxpr) == 3 * (order + 1)


def dots(jaxpr) -> int:
    count = Counter(equation.primitive.name for equation in jaxpr.eqns)["dot_general"]
    for equation in jaxpr.eqns:
        for value in equation.params.values():
            if hasattr(value, "eqns") or hasattr(value, "jaxpr"):
                count += dots(_compat.open_jaxpr(value)[0])
    return count


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_dtypes_are_kept(dtype) -> None:
    fun = lambda x: jnp.tanh(2 * x) ** 2
    jet = lambda x: oc.jet(fun, (x,), ([x * 0 + 1, x * 0],))
    value, rest = jax.eval_shape(jet, jax.ShapeDtypeStruct((), dtype))
    assert {value.dtype, *(c.dtype for c in rest)} == {jnp.dtype(dtype)}


def test_integers_beside_floats_stay_integers() -> None:  # folx: float0 errors
    def fun(x):
        order = jnp.argsort(x)
        top, places = lax.top_k(x, 2)
        return jnp.sum(x[order] * jnp.arange(3)) ** 2 + jnp.sum(top * places)

    both = lambda x: (oc.taylor.laplacian(fun)(x), jnp.trace(jax.hessian(fun)(x)))
    found, want = jax.jit(both)(np.array([0.3, -0.2, 0.9]))
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_integer_counters_of_loops_stay_integers() -> None:
    def fun(x):
        def body(state):
            count, y = state
            return count + 1, y * x[0] + jnp.sin(y)

        return lax.while_loop(lambda s: s[0] < 3, body, (0, x[1]))[1]

    nested = lambda x: jnp.trace(jax.jacfwd(jax.jacfwd(fun))(x))
    both = lambda x: (oc.taylor.laplacian(fun)(x), nested(x))
    np.testing.assert_allclose(*jax.jit(both)(np.array([0.3, 0.8])), rtol=1e-12)
