"""Exact Laplacians of networks whose first layer narrows D inputs to W numbers.

By hand: u(x) = g(W1ᵀ x), so the Laplacian is the sum of squares of derivatives of g along
the W columns of any L with L Lᵀ = W1ᵀ W1.
"""

from functools import partial

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks import rivals
from tests.benchmarks.network import apply
from tests.benchmarks.sparse import key_of
from tests.benchmarks.timing import REPEATS, Row

SAMPLES = 16


def by_hand(params, points, laplacian=oc.taylor.laplacian):
    """The columns of a Cholesky factor as the directions, after the first layer."""
    (first, bias), *others = params
    factor = jnp.linalg.cholesky(first.T @ first)

    def one(start):
        along = lambda s: apply(others, jnp.tanh(start + factor @ s))
        return laplacian(along)(jnp.zeros(len(factor), start.dtype))

    return jax.vmap(one)(points @ first + bias)


def folx_by_hand(params, points):
    """The same with folx."""
    return by_hand(params, points, lambda f: partial(rivals.laplacian, rivals.folx, f))


def folx(params, points):
    """All D directions."""
    one = lambda z: rivals.laplacian(rivals.folx, partial(apply, params), z)
    return jax.vmap(one)(points)


def floor(params, points):
    """The first layer once, its Gram matrix, and W + 2 channels through the others."""
    (first, _), *others = params
    gram = first.T @ first
    rows = jnp.tile(points @ first, (len(gram) + 2, 1)) + gram[:1]
    for weights, _ in others:
        rows = rows @ weights
    return rows


def compiled(dim, **options):
    x = oc.vector("x", dim)
    return oc.compile(oc.laplacian(sp.Function("u")(x), x), **options).bind(apply)


def row(dim: int, width: int, points: int, sampled: bool) -> Row:
    """`sampled`: beside a draw of 16 terms; else beside folx in all dimensions."""
    contestants = {"opcompiler": compiled(dim), "reduced by hand": by_hand}
    drawn = f"opcompiler, {SAMPLES} terms drawn"
    repeats = 5 if sampled else REPEATS  # of some seconds, and of milliseconds
    if sampled:
        draw = compiled(dim, estimator=oc.Sparse(SAMPLES))
        contestants[drawn] = lambda p, x: draw(p, x, key=key_of(x))
    else:
        contestants["folx"] = folx

    return Row(
        f"exact Laplacian in {dim}D", dim, 1, width + 2, contestants, (width,) * 4,
        points, floor, repeats=repeats, drawn={drawn},
    )  # fmt: skip
