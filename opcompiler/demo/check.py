"""The compiled residual against nested automatic differentiation, written by hand."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.demo.networks import apply_mlp, init_mlp
from opcompiler.lowering import Residual

Route = Callable[[Any, Array, float], list[Array]]
"""(parameters, points, nu) -> residuals, each (N,)."""

_POINTS = 256
_REPEATS = 25
_NU = 0.01


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        difference: largest relative difference, in float64.
        evaluation: milliseconds of (compiled, nested) evaluation, in float32.
        gradient: milliseconds of (compiled, nested) parameter gradients, in float32.
    """

    difference: float
    evaluation: tuple[float, float]
    gradient: tuple[float, float]


def _directional(fun: Callable[[Array], Array], axis: int) -> Callable[[Array], Array]:
    def slope(point: Array) -> Array:
        direction = jnp.zeros_like(point).at[axis].set(1)
        return jax.jvp(fun, (point,), (direction,))[1]

    return slope


def nested_navier_stokes(params: Any, points: Array, nu: float) -> list[Array]:
    """The three residuals by nested `jax.jvp`."""

    def at(point: Array) -> Array:
        def net(z: Array) -> Array:
            return apply_mlp(params, z)

        f = net(point)
        f_t = _directional(net, 0)(point)
        slopes = [_directional(net, axis) for axis in (1, 2)]
        f_x, f_y = (slope(point) for slope in slopes)
        f_xx, f_yy = (_directional(s, i)(point) for i, s in enumerate(slopes, start=1))
        flow = f_t + f[0] * f_x + f[1] * f_y - nu * (f_xx + f_yy)
        return jnp.stack([flow[0] + f_x[2], flow[1] + f_y[2], f_x[0] + f_y[1]])

    return list(jax.vmap(at)(points).T)


def nested_burgers(params: Any, points: Array, nu: float) -> list[Array]:
    """The residual by nested `jax.jvp`."""

    def at(point: Array) -> Array:
        def net(z: Array) -> Array:
            return apply_mlp(params, z)[0]

        u, u_t = jax.jvp(net, (point,), (jnp.array([1.0, 0.0], point.dtype),))
        slope = _directional(net, 1)
        return u_t + u * slope(point) - nu * _directional(slope, 1)(point)

    return [jax.vmap(at)(points)]


def compare(residual: Residual, nested: Route, seed: int = 0) -> Comparison:
    """Compares values in float64 and times in float32, both routes in one run."""
    bound = residual.bind(apply_mlp)

    def compiled(params: Any, points: Array, nu: float) -> list[Array]:
        values = bound(params, points, nu=nu)
        return list(values.values()) if isinstance(values, dict) else [values]

    with jax.enable_x64(True):
        params, points = _setting(residual, seed, jnp.float64)
        ours = jnp.stack(compiled(params, points, _NU))
        theirs = jnp.stack(nested(params, points, _NU))
        difference = float(jnp.max(jnp.abs(ours - theirs)) / jnp.max(jnp.abs(theirs)))
    params, points = _setting(residual, seed, jnp.float32)
    routes = (compiled, nested)
    evaluation = _race([jax.jit(r) for r in routes], params, points)
    gradient = _race([jax.jit(jax.grad(_loss(r))) for r in routes], params, points)
    return Comparison(difference, evaluation, gradient)


def _setting(residual: Residual, seed: int, dtype: Any) -> tuple[Any, Array]:
    dim, fields = len(residual.coordinates), len(residual.fields)
    keys = jax.random.split(jax.random.key(seed))
    params = init_mlp(keys[0], [dim, 128, 128, 128, 128, fields], dtype)
    return params, jax.random.uniform(keys[1], (_POINTS, dim), dtype)


def _loss(route: Route) -> Callable[[Any, Array, float], Array]:
    return lambda params, points, nu: sum(
        jnp.mean(r**2) for r in route(params, points, nu)
    )


def _race(routes: list[Any], params: Any, points: Array) -> tuple[float, float]:
    """Returns median milliseconds of two jitted routes, run in turns."""
    times: list[list[float]] = [[] for _ in routes]
    for route in routes:
        jax.block_until_ready(route(params, points, _NU))
    for _ in range(_REPEATS):
        for route, taken in zip(routes, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(route(params, points, _NU))
            taken.append(1e3 * (time.perf_counter() - start))
    first, second = map(statistics.median, times)
    return first, second
