"""Second derivatives in small networks, and one point each under `vmap`."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import sympy as sp
from jax.experimental.jet import jet

import opcompiler as oc
from tests.benchmarks import series
from tests.benchmarks.navier_stokes import per_point, slope
from tests.benchmarks.network import apply, setting
from tests.benchmarks.timing import Row

HIDDEN = (32,) * 3
x, y = sp.symbols("x y")
u = sp.Function("u")(x, y)


def mixed_nested(net, z):
    return slope(slope(net, 0), 1)(z)


def mixed_jet(net, z):
    """u_xy = (D_(1,1) - D_(1,-1)) u / 4, with D_v the second derivative along v."""

    def along(v):
        return jet(net, (z,), ((v, jnp.zeros_like(z)),))[1][1]

    return (along(jnp.array([1.0, 1.0])) - along(jnp.array([1.0, -1.0]))) / 4


def determinant_nested(net, z):
    """Two derivatives of the first slope together, then one of the other."""
    by_x, by_y = slope(net, 0), slope(net, 1)
    return slope(by_x, 0)(z) * slope(by_y, 1)(z) - slope(by_x, 1)(z) ** 2


def determinant_hessian(net, z):
    return jnp.linalg.det(jax.hessian(net)(z))


def _row(name, equation, rivals) -> Row:
    residual = oc.compile(equation)
    contestants = {"opcompiler": residual.bind(apply)}
    contestants |= {rival: per_point(by) for rival, by in rivals.items()}
    return Row(name, 2, 1, residual.plan.channels, contestants, HIDDEN)


def mixed_row() -> Row:
    rivals = {"nested jvp": mixed_nested, "jax.experimental.jet, polarised": mixed_jet}
    return _row("u_xy", u.diff(x, y), rivals)


def determinant_row() -> Row:
    equation = u.diff(x, 2) * u.diff(y, 2) - u.diff(x, y) ** 2
    rivals = {"nested jvp": determinant_nested, "jax.hessian": determinant_hessian}
    return _row("det of the Hessian", equation, rivals)


def carried(order):
    """One nest of jvps that hands the lower derivatives on."""

    def residual(net, z):
        def next_after(known):
            def after(z):
                lower, slopes = jax.jvp(known, (z,), (jnp.ones_like(z),))
                return jnp.concatenate([lower, slopes[-1:]])

            return after

        known = lambda z: net(z)[None]
        for _ in range(order):
            known = next_after(known)
        return known(z)

    return residual


def series_row(order: int) -> Row:
    row = series.row(order, HIDDEN, 256)
    rival = {"nested jvp, one nest": per_point(carried(order))}
    return replace(row, contestants={**row.contestants, **rival})


# --- pairs ----------------------------------------------------------------------------

PAIRS, SENSORS = 2048, 50


def of_pair(params, pair):
    """A branch of the function's values times a trunk of the point, -> ()."""
    values, point = pair
    branch, trunk = params
    for_all = lambda layers, z: apply([*layers, (jnp.eye(HIDDEN[-1]), 0.0)], z)
    return jnp.dot(for_all(branch, values), for_all(trunk, point))


def scene_of_pairs():
    branch, functions = setting(SENSORS, 1, HIDDEN, PAIRS)
    trunk, points = setting(2, 1, HIDDEN, PAIRS)
    return (branch[:-1], trunk[:-1]), (functions, points)


def pairs_row() -> Row:
    """u_y - u_xx/100 - u^2: each pair has a function and ONE point of its own."""
    residual = oc.compile(u.diff(y) - u.diff(x, 2) / 100 - u**2)

    def of_point(params, point, values):
        return of_pair(params, (values, point))

    bound = residual.bind(of_point)

    def ours(params, pairs):
        return bound(params, oc.along(*pairs))

    def mapped(params, pairs):
        def one(values, point):
            net = lambda z: of_pair(params, (values, z))
            return residual(net, point[None])[0]

        return jax.vmap(one)(*pairs)

    def nested(params, pairs):
        def one(values, z):
            net = lambda z: of_pair(params, (values, z))
            value, by_y = jax.jvp(net, (z,), (jnp.array([0.0, 1.0]),))
            return by_y - slope(slope(net, 0), 0)(z) / 100 - value**2

        return jax.vmap(one)(*pairs)

    return Row(
        "u_y - u_xx/100 - u^2, one function and one point each", 2, 1,
        residual.plan.channels, {
            "opcompiler, oc.along": ours, "nested jvp": nested,
            "opcompiler, jax.vmap over pairs": mapped,
        },
        HIDDEN, PAIRS, floor=_floor(residual.plan.channels), plain=of_pair,
        scene=scene_of_pairs,
    )  # fmt: skip


def _floor(channels):
    def evaluate(params, pairs):
        (branch, trunk), (values, points) = params, pairs
        rows = jnp.tile(points, (channels, 1))
        for weights, _ in branch:
            values = values @ weights
        for weights, _ in trunk:
            rows = rows @ weights
        return jnp.sum(rows.reshape(channels, *values.shape) * values, axis=-1)

    return evaluate
