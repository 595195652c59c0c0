"""The mean square of a residual at many points: tiles of points, and all points at once.

A contestant is the loss itself; measured are its value, and the gradient of its square.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row

TILE = 256
"""The best tile by hand, of 32, 64, 128, 256 and 512 points."""


def by_hand(values):
    """Adds up values and gradients of tiles in a scan; a gradient keeps the sums alone."""

    def total(params, points, step, start):
        tiles = points.reshape(-1, TILE, points.shape[-1])
        add = lambda sums, tile: (jax.tree.map(jnp.add, sums, step(params, tile)), None)
        return jax.lax.scan(add, start, tiles)[0]

    square = lambda params, tile: jnp.sum(values(params, tile) ** 2)

    @jax.custom_vjp
    def loss(params, points):
        return total(params, points, square, jnp.zeros(())) / len(points)

    def forward(params, points):
        start = jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)
        value, slopes = total(params, points, jax.value_and_grad(square), start)
        return value / len(points), jax.tree.map(lambda s: s / len(points), slopes)

    def backward(slopes, rate):
        return jax.tree.map(lambda slope: rate * slope, slopes), None

    loss.defvjp(forward, backward)
    return loss


def row(dim: int, points: int) -> Row:
    coordinates = sp.symbols(f"x:{dim}")
    u = sp.Function("u")(*coordinates)
    residual = oc.compile(sum(u.diff(x, 2) for x in coordinates) + u**3)
    whole = residual.tuned(replace(residual.tuning, tile=points)).bind(apply)

    def at_once(params, points):
        return jnp.mean(whole(params, points) ** 2)

    contestants = {
        "opcompiler": residual.bind(apply).loss,
        f"tiles of {TILE} by hand": by_hand(whole),
        "all points at once": at_once,
    }
    return Row(
        f"Laplacian in {dim}D, mean square", dim, 1, dim + 2, contestants,
        points=points, repeats=9,
    )  # fmt: skip
