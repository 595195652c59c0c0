"""Held matrices: Einstein's equations of a general metric, and Monge and Ampère's."""

import time
from itertools import combinations_with_replacement

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks.navier_stokes import per_point
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row

HIDDEN = (64,) * 3
PAIRS = list(combinations_with_replacement(range(4), 2))
ROWS, COLUMNS = jnp.triu_indices(4)


def metric(params, point):
    """Ten components near twice the identity, (4,) -> (10,)."""
    return 2 * jnp.eye(4)[ROWS, COLUMNS] + 0.2 * apply(params, point)


def ricci(metric, point):
    """The Ricci tensor from Christoffel symbols and their Jacobian, by hand."""

    def matrix(q):
        upper = jnp.zeros((4, 4), q.dtype).at[ROWS, COLUMNS].set(metric(q))
        return upper + upper.T - jnp.diag(jnp.diag(upper))

    def christoffel(q):
        slopes = jax.jacfwd(matrix)(q)
        low = slopes + jnp.swapaxes(slopes, 1, 2) - jnp.transpose(slopes, (2, 0, 1))
        return jnp.einsum("as,sbc->abc", jnp.linalg.inv(matrix(q)), low / 2)

    gamma, slopes = christoffel(point), jax.jacfwd(christoffel)(point)
    found = jnp.einsum("abda->bd", slopes) - jnp.einsum("abad->bd", slopes)
    found += jnp.einsum("aae,ebd->bd", gamma, gamma)
    found -= jnp.einsum("ade,eba->bd", gamma, gamma)
    return found[ROWS, COLUMNS]


def by_hand(params, points):
    at = lambda point: ricci(lambda q: metric(params, q), point)
    return jax.vmap(at)(points).T


def einstein_row() -> Row:
    start = time.perf_counter()
    X = sp.symbols("t x y z")
    entry = lambda i, j: sp.Function(f"g{min(i, j)}{max(i, j)}")(*X)
    g = sp.Matrix(4, 4, entry)
    tensor = oc.ricci(g, X)
    residual = oc.compile(
        [tensor[i, j] for i, j in PAIRS], fields=[g[p] for p in PAIRS]
    )
    print(f"from the metric to the residual: {time.perf_counter() - start:.2f} s")
    bound = residual.bind(metric)
    return Row(
        "Ricci tensor of a general metric in 4D", 4, 10, residual.plan.channels,
        {
            "opcompiler": lambda params, points: jnp.stack(bound(params, points)),
            "jax.jacfwd by hand": by_hand,
        },
        HIDDEN, plain=metric,
    )  # fmt: skip


def determinant(net, z):
    return jnp.linalg.det(jax.hessian(net)(z))


def monge_ampere_row(dim: int) -> Row:
    start = time.perf_counter()
    X = sp.symbols(f"x:{dim}")
    residual = oc.compile(oc.det(oc.hessian(sp.Function("u")(*X), X)))
    print(f"from the determinant to the residual: {time.perf_counter() - start:.2f} s")
    return Row(
        f"det of the Hessian in {dim}D", dim, 1, residual.plan.cost.passes,
        {"opcompiler": residual.bind(apply), "jax.hessian": per_point(determinant)},
        HIDDEN,
    )  # fmt: skip
