"""A network that sees each node alone, and adds the nodes up: the Laplacian by all inputs.

Every hidden entry depends on the features of its node, 4 of 200 coordinates.
"""

from functools import partial

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks import rivals
from tests.benchmarks.network import setting
from tests.benchmarks.timing import Row

NODES, FEATURES, WIDTHS, POINTS = 50, 4, (64,) * 6, 8
DIM = NODES * FEATURES


def apply(params, point):
    """(200,) -> ()."""
    *hidden, (weights, _) = params
    nodes = point.reshape(NODES, FEATURES)
    for w, b in hidden:
        nodes = jnp.tanh(nodes @ w + b)
    return jnp.sum(nodes @ weights)


def scene():
    """The layers of one node, and points of all nodes."""
    params, _ = setting(FEATURES, 1, WIDTHS, 1)
    return params, jax.random.normal(jax.random.key(1), (POINTS, DIM), jnp.float32)


def floor(params, points):
    """Value, Laplacian and the four directions of each node through its layers."""
    rows = jnp.tile(points.reshape(-1, FEATURES), (FEATURES + 2, 1))
    for weights, _ in params:
        rows = rows @ weights
    return rows


def per_point(by, **options):
    return lambda params, points: jax.vmap(
        lambda z: rivals.laplacian(by, partial(apply, params), z, **options)
    )(points)


def row() -> Row:
    x = oc.vector("x", DIM)
    residual = oc.compile(oc.laplacian(sp.Function("u")(x), x))
    bound = residual.bind(apply)

    def by_transform(params, points):
        return jax.vmap(oc.taylor.laplacian(partial(apply, params)))(points)

    return Row(
        f"Laplacian, {NODES} nodes of {FEATURES}, each alone", DIM, 1, FEATURES + 2,
        {
            "opcompiler": bound,
            "oc.taylor.laplacian": by_transform,
            "folx dense": per_point(rivals.folx),
            "folx sparse(4)": per_point(rivals.folx, sparsity=4),
            "folx sparse(6)": per_point(rivals.folx, sparsity=6),
            "nested jvp, in a loop": per_point(rivals.nested_loop),
        },
        WIDTHS, POINTS, floor, repeats=11, plain=apply, scene=scene,
    )  # fmt: skip
