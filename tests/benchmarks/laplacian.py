"""The Laplacian in d dimensions."""

import folx
import jax
import jax.numpy as jnp
import sympy as sp
from jax.experimental.jet import jet

import opcompiler as oc
from tests.benchmarks.navier_stokes import per_point
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row


def second(net, z, v):
    """Forward over forward along one direction."""

    def slope(z):
        return jax.jvp(net, (z,), (v,))[1]

    return jax.jvp(slope, (z,), (v,))[1]


def nested(net, z):
    """One pair of nested jvps per coordinate, vmapped over coordinates."""
    return jnp.sum(
        jax.vmap(lambda v: second(net, z, v))(jnp.eye(z.size, dtype=z.dtype))
    )


def hessian(net, z):
    """What one writes first: the trace of `jax.hessian`, forward over reverse."""
    return jnp.trace(jax.hessian(net)(z))


def univariate(net, z):
    """One 2-jet per coordinate, vmapped over coordinates."""

    def along(v):
        return jet(net, (z,), ((v, jnp.zeros_like(z)),))[1][1]

    return jnp.sum(jax.vmap(along)(jnp.eye(z.size, dtype=z.dtype)))


def forward(net, z):
    """folx."""
    return folx.forward_laplacian(net)(z).laplacian


def row(dim: int, hidden: tuple[int, ...], points: int) -> Row:
    x = sp.symbols(f"x1:{dim + 1}")
    u = sp.Function("u")(*x)
    residual = oc.compile(sum(u.diff(a, 2) for a in x))
    return Row(
        f"Laplacian in {dim}D", dim, 1, residual.plan.channels,
        {
            "opcompiler": residual.bind(apply),
            "nested jvp": per_point(nested),
            "trace of jax.hessian": per_point(hessian),
            "jax.experimental.jet": per_point(univariate),
            "folx": per_point(forward),
        },
        hidden, points,
    )  # fmt: skip
