"""Points that are products: a grid of three axes, and functions over points."""

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row

x, y, z = sp.symbols("x y z")
u = sp.Function("u")(x, y, z)
POISSON = u.diff(x, 2) + u.diff(y, 2) + u.diff(z, 2) + u**3


# --- a grid ---------------------------------------------------------------------------

WIDTH = RANK = 32


def axis(params, number, s):
    first, middle, last = (layer[number] for layer in params)
    return jnp.tanh(jnp.tanh(s[None] @ first) @ middle) @ last


def separable(params, point):
    """A sum of products of functions of one coordinate each, (3,) -> ()."""
    features = [axis(params, number, point[number]) for number in range(3)]
    return jnp.sum(features[0] * features[1] * features[2])


def by_hand(params, sides):
    """Derivatives along each axis by nested jvp, joined by einsum; (n, n, n)."""
    values, seconds = [], []
    for number in range(3):
        of_axis = lambda s, number=number: axis(params, number, s)
        slope = lambda s, f=of_axis: jax.jvp(f, (s,), (jnp.ones_like(s),))[1]
        bend = lambda s, g=slope: jax.jvp(g, (s,), (jnp.ones_like(s),))[1]
        values.append(jax.vmap(of_axis)(sides))
        seconds.append(jax.vmap(bend)(sides))
    a, b, c = values
    joined = lambda p, q, r: jnp.einsum("ir,jr,kr->ijk", p, q, r)
    laplacian = joined(seconds[0], b, c) + joined(a, seconds[1], c)
    return laplacian + joined(a, b, seconds[2]) + joined(a, b, c) ** 3


def sides_of(count):
    return jnp.linspace(0.1, 0.9, count)


def scene_of_grid(count):
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = (3, 1, WIDTH), (3, WIDTH, WIDTH), (3, WIDTH, RANK)
    params = [
        jax.random.normal(key, shape) / shape[1] ** 0.5
        for key, shape in zip(keys, shapes, strict=True)
    ]
    axes = jnp.meshgrid(*[sides_of(count)] * 3, indexing="ij")
    return params, jnp.stack(axes, axis=-1).reshape(-1, 3)


def separable_row(count: int) -> Row:
    """A separable network; the list of all points is what a grid is for."""
    bound = oc.compile(POISSON).bind(separable)
    sides = sides_of(count)
    grid = oc.grid(x=sides, y=sides, z=sides)
    contestants = {
        "opcompiler, grid": lambda params, points: bound(params, grid).reshape(-1),
        "by hand": lambda params, points: by_hand(params, sides).reshape(-1),
        "opcompiler, list": bound,
    }
    return Row(
        "Laplacian + u^3, separable network on a grid", 3, 1, 0, contestants, (),
        count**3, plain=separable, scene=lambda: scene_of_grid(count),
    )  # fmt: skip


def large_row(count: int) -> Row:
    """The loss alone, at as many points as no list could hold the channels of."""
    bound = oc.compile(POISSON).bind(separable)
    sides = sides_of(count)
    grid = oc.grid(x=sides, y=sides, z=sides)
    return Row(
        "mean square, separable network on a grid", 3, 1, 0,
        {"opcompiler, grid": lambda params, points: bound.loss(params, grid)}, (),
        count**3, plain=separable, repeats=3,
        scene=lambda: (scene_of_grid(2)[0], jnp.ones((1, 3))),
    )  # fmt: skip


def mixing_row(count: int, hidden: tuple[int, ...]) -> Row:
    """A perceptron: a grid shall cost no more than its points."""
    residual = oc.compile(POISSON)
    bound, sides = residual.bind(apply), sides_of(count)
    grid = oc.grid(x=sides, y=sides, z=sides)
    full = scene_of_grid(count)[1]
    contestants = {
        "opcompiler, grid": lambda params, points: bound(params, grid).reshape(-1),
        "opcompiler, list": lambda params, points: bound(params, full),
    }
    return Row(
        "Laplacian + u^3 on a grid", 3, 1, residual.plan.channels, contestants, hidden,
        count**3,
    )  # fmt: skip


# --- functions over points --------------------------------------------------------------

FUNCTIONS, SENSORS, PLACES, LAYER = 32, 50, 256, 64

v = sp.Function("v")(x, y)
REACTION = v.diff(x) - v.diff(y, 2) / 100 - v**2


def branch(params, sensors):
    return jnp.tanh(sensors @ params["b1"]) @ params["b2"]


def trunk(params, point):
    return jnp.tanh(jnp.tanh(point @ params["t1"]) @ params["t2"]) @ params["t3"]


def deeponet(params, point, sensors):
    return branch(params, sensors) @ trunk(params, point)


def trunk_derivatives(params, point):
    """The trunk, its x-derivative and its second y-derivative at one point."""
    of_point = lambda p: trunk(params, p)
    along_x, along_y = jnp.eye(2, dtype=point.dtype)
    slope = lambda p: jax.jvp(of_point, (p,), (along_y,))[1]
    value, by_x = jax.jvp(of_point, (point,), (along_x,))
    return value, by_x, jax.jvp(slope, (point,), (along_y,))[1]


def scene_of_functions():
    keys = jax.random.split(jax.random.key(0), 7)
    shapes = {
        "b1": (SENSORS, LAYER), "b2": (LAYER, LAYER), "t1": (2, LAYER),
        "t2": (LAYER, LAYER), "t3": (LAYER, LAYER),
    }  # fmt: skip
    params = {
        name: jax.random.normal(key, shape) / shape[0] ** 0.5
        for key, (name, shape) in zip(keys, shapes.items(), strict=False)
    }
    return params, jax.random.uniform(keys[6], (PLACES, 2))


def functions_row() -> Row:
    residual = oc.compile(REACTION)
    bound = residual.bind(deeponet)
    functions = jax.random.normal(jax.random.key(1), (FUNCTIONS, SENSORS))

    def over(params, points):
        return bound(params, oc.over(functions, points)).reshape(-1)

    def mapped(params, points):
        one = lambda a: residual(lambda p: deeponet(params, p, a), points)
        return jax.vmap(one)(functions).reshape(-1)

    def trunk_once(params, points):
        branches = jax.vmap(lambda a: branch(params, a))(functions)
        parts = jax.vmap(lambda p: trunk_derivatives(params, p))(points)
        value, by_x, by_yy = (branches @ part.T for part in parts)
        return (by_x - by_yy / 100 - value**2).reshape(-1)

    contestants = {
        "opcompiler, oc.over": over,
        "trunk once, by hand": trunk_once,
        "opcompiler, jax.vmap over functions": mapped,
    }
    return Row(
        f"u_x - u_yy/100 - u^2, DeepONet, {FUNCTIONS} functions", 2, 1, 0, contestants,
        (), PLACES, plain=trunk, scene=scene_of_functions,
    )  # fmt: skip
