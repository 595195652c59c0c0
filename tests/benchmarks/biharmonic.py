"""The bilaplacian in d dimensions."""

from itertools import combinations

import folx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax.experimental.jet import jet

import opcompiler as oc
from tests.benchmarks.laplacian import hessian
from tests.benchmarks.navier_stokes import per_point, slope
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row


def nested(dim):
    """Forward mode four deep; each mixed derivative once."""

    def residual(net, z):
        seconds = [slope(slope(net, i), i) for i in range(dim)]
        pure = sum(slope(slope(s, i), i)(z) for i, s in enumerate(seconds))
        pairs = combinations(range(dim), 2)
        return pure + 2 * sum(slope(slope(seconds[i], j), j)(z) for i, j in pairs)

    return residual


def hessians(net, z):
    """What one writes first: the trace of the Hessian of the trace of the Hessian."""
    return hessian(lambda z: hessian(net, z), z)


def directions(dim):
    """Directions and weights with sum_r c_r (v_r . xi)^4 = |xi|^4.

    Three lines at 60 degrees in the plane; in general the pairs e_i +- e_j, weight 1/6,
    and the axes, weight (4 - d)/3.
    """
    if dim == 2:
        angles = np.pi * np.arange(3) / 3
        lines = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return lines.astype(np.float32), np.full(3, 8 / 9, np.float32)
    axes = np.eye(dim)
    pairs = [
        axes[i] + s * axes[j] for i, j in combinations(range(dim), 2) for s in (1, -1)
    ]
    weights = [1 / 6] * len(pairs) + [(4 - dim) / 3] * dim
    return np.stack([*pairs, *axes]).astype(np.float32), np.array(weights, np.float32)


def polarised(dim):
    """One 4-jet per direction, vmapped over directions."""
    lines, weights = directions(dim)

    def residual(net, z):
        zero = jnp.zeros_like(z)

        def fourth(v):
            return jet(net, (z,), ((v, zero, zero, zero),))[1][3]

        return jnp.dot(jax.vmap(fourth)(lines), weights)

    return residual


def folded(net, z):
    """The forward Laplacian of the forward Laplacian."""
    inner = folx.forward_laplacian(net)
    return folx.forward_laplacian(lambda z: inner(z).laplacian)(z).laplacian


def row(dim: int) -> Row:
    x = sp.symbols(f"x1:{dim + 1}")
    u = sp.Function("u")(*x)
    bilaplacian = sum(u.diff(a, 2, b, 2) for a in x for b in x)
    residual = oc.compile(bilaplacian)
    return Row(
        f"bilaplacian in {dim}D", dim, 1, residual.plan.channels,
        {
            "opcompiler": residual.bind(apply),
            "nested jvp": per_point(nested(dim)),
            "traces of jax.hessian": per_point(hessians),
            "jax.experimental.jet": per_point(polarised(dim)),
            "folx of folx": per_point(folded),
        },
    )  # fmt: skip
