"""Calls that are plausible and wrong: each gets an error of ours that says the way out."""

import copy
import pickle
import threading

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import uniform

t, x, s, nu = sp.symbols("t x s nu")
U = sp.Function("u")
u = U(t, x)
RESIDUAL = oc.compile(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2))
POINTS = uniform(0, (5, 2))
X = oc.vector("x", 6)
i = oc.index("i", X)
SAMPLED = oc.compile(
    oc.Sum(oc.D(sp.Function("w")(X), X[i], 2), i), estimator=oc.Sparse(2)
)
MEMORY = oc.compile(U(x).diff(x) - oc.Integral(U(s), (s, 0, x)))


def net(z):
    return jnp.sin(z[0]) * jnp.cos(2 * z[1])


def burgers(points, value):
    a, b = points[..., 0], points[..., 1]
    field, slope = np.sin(a) * np.cos(2 * b), -2 * np.sin(a) * np.sin(2 * b)
    return np.cos(a) * np.cos(2 * b) + field * slope + 4 * value * field


def call(net=net, points=POINTS, nu=0.1, **more):
    return RESIDUAL(net, points, nu=nu, **more)


def sampled(key):
    return SAMPLED(jnp.sum, jnp.ones((3, 6)), key=key)


def integrated(quadrature):
    points = jnp.linspace(0, 1, 4)[:, None]
    return MEMORY(lambda z: jnp.sin(z[0]), points, quadrature=quadrature)


def bound(params):
    return RESIDUAL.bind(lambda p, z: net(z))(params, POINTS, nu=0.1)


MISUSES = {
    "a network of batches": (lambda: call(net=lambda z: z[:, 0]), "ONE point"),
    "a network of two arguments": (lambda: call(net=lambda a, b: a * b), "ONE point"),
    "apply with its arguments swapped": (
        lambda: RESIDUAL.bind(lambda z, p: net(z) * p)(1.0, POINTS, nu=0.1),
        "ONE point",
    ),
    "no value": (lambda: call(nu=None), "is not a number"),
    "text for a value": (lambda: call(nu="0.1"), "is not a number"),
    "a function of two arguments": (
        lambda: call(nu=lambda a, b: a), "parameter that is a function takes ONE point",
    ),
    "a function of batches": (
        lambda: call(nu=lambda z: z[:, 0]), "parameter nu cannot be called on one point",
    ),
    "a function that returns nothing": (
        lambda: call(nu=lambda z: None), "of NoneType",
    ),
    "a function that returns a vector": (lambda: call(nu=lambda z: z), "shape (2,)"),
    "a number for a key": (lambda: sampled(0), "jax.random.key(0)"),
    "floats for a key": (lambda: sampled(jnp.ones(2)), "jax.random.key(0)"),
    "several keys": (lambda: sampled(jax.random.split(jax.random.key(0))), "jax.vmap"),
    "a number for a rule": (lambda: integrated(16), "quadrature={'s': oc.gauss"),
    "a bare rule": (lambda: integrated(oc.gauss_legendre(4)), "quadrature={'s': oc.gauss"),
    "a function among parameters": (
        lambda: bound({"act": jnp.tanh, "w": 1.0}), "params['act']",
    ),
    "a module as parameters": (
        lambda: bound(eqx.nn.MLP(2, 1, 4, 1, jnp.tanh, key=jax.random.key(0))),
        "eqx.partition",
    ),
    "a parameter called key": (
        lambda: oc.compile(u.diff(t) - sp.Symbol("key")), "rename the symbol",
    ),
    "text for an equation": (lambda: oc.compile("u_t = u_xx"), "oc.parse(text)"),
    "a set of equations": (lambda: oc.compile({u, u.diff(t)}), "list, tuple or dict"),
    "a condition by itself": (
        lambda: oc.compile(
            oc.parse("coordinates t; field u; u_t = u; u = 1 at t = 0").conditions[
                "condition"
            ]
        ),
        "problem.condition(name)",
    ),
    "half a sample": (lambda: oc.Sparse(1.5), "whole number"),
    "a derivative by a vector": (lambda: oc.D(sp.Function("w")(X), X), "x[i], 2"),
    "a number for a name": (lambda: oc.vector(3, 3), 'vector("x", 100)'),
    "a number for a file": (lambda: oc.load(3), "oc.parse reads a text"),
    "pairs of parameters": (
        lambda: oc.parse("coordinates x", parameters=[("k", 1)]), 'parameters={"k"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISUSES)
def test_a_misuse_is_told(what) -> None:
    run, hint = MISUSES[what]
    with pytest.raises(oc.OperatorError) as caught:
        run()
    assert hint in str(caught.value)


def test_what_means_one_thing_is_taken() -> None:
    v = sp.Function("v")(t, x)
    pair = oc.compile([u.diff(t) - v, v.diff(x)], fields=[u, v])
    by_name = pair({"u": net, "v": net}, POINTS)
    for keys in ((u, v), (U, sp.Function("v"))):
        for got, want in zip(
            pair(dict.fromkeys(keys, net), POINTS), by_name, strict=True
        ):
            np.testing.assert_array_equal(got, want)
    assert oc.compile(u.diff(t), coordinates=t).coordinates == (t,)
    given = {"a": np.float32(0.5), "b": np.int64(2), "c": jnp.float32(0.25)}
    text = "coordinates x; field u; parameter a, b, c; a*u_x + b*u = c"
    assert oc.parse(text, parameters=given).defaults == {"a": 0.5, "b": 2, "c": 0.25}


def test_inside_every_transformation() -> None:
    want = burgers(POINTS, 0.1)
    each = jax.vmap(lambda p, n: call(points=p, nu=n))

    @jax.jit
    def inside(points, value):
        found = {
            "jit": call(points=points),
            "vmap": each(points, jnp.full(5, value)),
            "map": jax.lax.map(lambda p: call(points=p), points),
            "cond": jax.lax.cond(value > 0, call, lambda: jnp.zeros(5)),
        }
        return found, jax.grad(lambda n: call(nu=n).sum())(value)

    found, slope = inside(POINTS, 0.1)
    again = {
        **found,
        "pmap": jax.pmap(lambda p: call(points=p))(POINTS[None])[0],
        "strided": call(points=np.asarray(POINTS[:, ::-1])[:, ::-1]),
        "copy": copy.deepcopy(RESIDUAL)(net, POINTS, nu=0.1),
        "pickle": pickle.loads(pickle.dumps(RESIDUAL))(net, POINTS, nu=0.1),
    }
    for name, got in again.items():
        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=name)
    want = 4 * np.sum(np.sin(POINTS[:, 0]) * np.cos(2 * POINTS[:, 1]))
    np.testing.assert_allclose(slope, want, rtol=1e-12)


def test_points_that_are_not_numbers_spoil_themselves_only() -> None:
    points = POINTS.copy()
    points[1, 0] = np.nan
    spoilt = call(points=points)
    np.testing.assert_array_equal(np.isnan(spoilt), [False, True, False, False, False])
    none = jax.jit(
        lambda z, x: (call(points=z), SAMPLED(jnp.sum, x, key=jax.random.key(0)))
    )
    for values in none(np.zeros((0, 2)), np.zeros((0, 6))):
        assert values.shape == (0,)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_short_floats_stay_short(dtype) -> None:
    got = jax.jit(lambda points: call(points=points))(POINTS.astype(dtype))
    assert got.dtype == dtype
    tolerance = 40 * float(jnp.finfo(dtype).eps)
    want = burgers(POINTS, 0.1)
    np.testing.assert_allclose(np.asarray(got, float), want, atol=tolerance)


def test_threads_compile_side_by_side() -> None:
    orders = range(2, 8)
    want = {n: oc.compile(u.diff(t) - u.diff(x, n)).plan for n in orders}
    text = "coordinates t, x; field u; heat: u_t = u_xx"
    found, failed = [], []

    def work(start: int) -> None:
        try:
            for n in (*orders, *orders)[start : start + len(orders)]:
                found.append((n, oc.compile(u.diff(t) - u.diff(x, n)).plan))
                assert oc.compile(oc.parse(text)).fields == ("u",)
        except Exception as error:  # told by the assertion below, on the main thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(found) == 4 * len(orders)
    assert all(plan == want[n] for n, plan in found)
