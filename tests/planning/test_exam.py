"""Rows T3, T4 and T32 of the seed works' exam (T1, T2, T5, T6 stand beside this)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning.strategies import STRATEGIES
from tests.draws import normal
from tests.shares import only

w, t, x, y, z = sp.symbols("w t x y z")
PARTIALS = ["xxy", "wxyz", "xy", "xxxy", "xxyy", "xyz", "xxyyzz"]
NAMES = dict(zip("wtxyz", (w, t, x, y, z), strict=True))


def partial(subscript: str) -> sp.Expr:
    arguments = [NAMES[name] for name in dict.fromkeys(subscript)]
    return sp.Function("u")(*arguments).diff(*(NAMES[name] for name in subscript))


def layers(dim, dtype):
    shapes = [(dim, 8), (8, 8), (8,), (8,)]
    drawn = [normal((dim, k), s) / 3 for k, s in enumerate(shapes)]
    return [array.astype(dtype) for array in drawn]


def network(dim, dtype):
    first, second, last, bias = layers(dim, dtype)
    return lambda p: jnp.tanh(jnp.tanh(p @ first + bias) @ second) @ last


def by_nested_jvp(net, points, subscript):
    order = list(dict.fromkeys(subscript))
    for name in subscript:
        unit = jnp.zeros(len(order), points.dtype).at[order.index(name)].set(1)
        net = lambda p, net=net, unit=unit: jax.jvp(net, (p,), (unit,))[1]
    return jax.vmap(net)(points)


@pytest.mark.parametrize("subscript", only(["xxy"], PARTIALS))
def test_t3_mixed_partials(subscript: str) -> None:
    residuals = {s: oc.compile(partial(subscript), strategy=s) for s in STRATEGIES}
    dim = len(set(subscript))
    points = normal(7, (5, dim), jnp.float64) / 2

    @jax.jit
    def everything(points, single):
        net, short = network(dim, jnp.float64), network(dim, jnp.float32)
        found = {s: (r(net, points), r(short, single)) for s, r in residuals.items()}
        return found, by_nested_jvp(net, points, subscript)

    found, want = everything(points, points.astype(jnp.float32))
    # Relative to the largest: at single points a derivative may cross zero.
    size = np.max(np.abs(want))
    tolerance = 1e-3 if subscript in ("wxyz", "xxyyzz") else 1e-4
    for name, (got, short) in found.items():
        np.testing.assert_allclose(
            got, want, rtol=1e-10, atol=1e-10 * size, err_msg=name
        )
        assert short.dtype == jnp.float32
        np.testing.assert_allclose(short, want, atol=tolerance * size, err_msg=name)


def test_t4_no_long_jets() -> None:
    few = oc.compile(partial("xy"), strategy="partition").plan
    assert len(few.pushes) == 2
    assert max(push.algebra.order for push in few.pushes) == 2
    more = oc.compile(partial("xxxy"), strategy="polarization").plan
    assert more.pushes[0].algebra.order == 4
    assert more.pushes[0].algebra.degrees[1] <= 4
    u = sp.Function("u")(t, x, y)
    kdv = (
        u.diff(t, y) + u.diff(x, 3, y) + 3 * u.diff(y) * u.diff(x, 2)
        + 3 * u.diff(x) * u.diff(x, y) - u.diff(x, 2) + 2 * u.diff(y, 2)
    )  # fmt: skip
    for strategy in ("auto", "polarization"):
        plan = oc.compile(kdv, strategy=strategy).plan
        assert max(push.algebra.order for push in plan.pushes) == 4
        assert sum(push.algebra.degrees[1] for push in plan.pushes) <= 6


COUNTED = {
    "u_xxxy": partial("xxxy"),
    "hessian": [partial("xy"), partial("xy").integrate(y).diff(x)],
    "laplacian": sum(sp.Function("u")(x, y, z).diff(a, 2) for a in (x, y, z)),
}


@pytest.mark.parametrize("name", only(["hessian", "laplacian"], COUNTED))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_t32_the_plan_tells_the_work(name: str, strategy: str) -> None:
    residual = oc.compile(COUNTED[name], strategy=strategy)
    dim, width, depth, count = len(residual.coordinates), 256, 6, 16
    first, *weights = (
        normal((0, k), (dim if k == 0 else width, width)) for k in range(depth + 1)
    )

    def net(weights, p):
        h = p @ first
        for matrix in weights:
            h = jnp.tanh(h @ matrix / width)
        return jnp.sum(h)

    def flops(function):
        compiled = jax.jit(function).lower(weights, np.ones((count, dim))).compile()
        return compiled.cost_analysis()["flops"]

    passes = residual.plan.cost.passes
    plain = flops(jax.vmap(net, (None, 0)))
    measured = flops(lambda w, p: residual(lambda z: net(w, z), p)) / plain
    assert 0.8 < measured / passes < 1.2
    assert f"{passes} forward passes" in str(residual.plan)
