"""Laplacians as others have them, each of one function of one point.

    folx          one forward pass; `sparsity` keeps up to so many directions an element
    loop          a product with the Hessian for each coordinate in turn: ferminet's default
    nested_loop   two nested jvps for each coordinate in turn

All return `(gradient, Laplacian)` of a function that gives one number.
"""

import folx as library
import jax
import jax.numpy as jnp


def folx(net, z, sparsity=0):
    """folx; a threshold of 0 keeps nothing sparse."""
    found = library.forward_laplacian(net, sparsity)(z)
    return found.jacobian.dense_array, found.laplacian


def loop(net, z):
    """Reverse once, then forward along each coordinate, in a loop."""
    slope, forward = jax.linearize(jax.grad(net), z)
    unit = jnp.eye(z.size, dtype=z.dtype)

    def add(i, total):
        return total + forward(unit[i])[i]

    return slope, jax.lax.fori_loop(0, z.size, add, jnp.zeros((), z.dtype))


def nested_loop(net, z):
    """Forward over forward along each coordinate, in a loop."""
    unit = jnp.eye(z.size, dtype=z.dtype)

    def twice(i):
        slope = lambda y: jax.jvp(net, (y,), (unit[i],))[1]
        return jax.jvp(slope, (z,), (unit[i],))

    slopes, curvatures = jax.lax.map(twice, jnp.arange(z.size))
    return slopes, jnp.sum(curvatures)


def laplacian(by, net, z, **options):
    """The Laplacian alone."""
    return by(net, z, **options)[1]


def checkpointed_loop(net, z):
    """`loop` in blocks that are evaluated again for a gradient: all of it fits nowhere."""
    slope = jax.grad(net)
    forward = lambda v: jax.jvp(slope, (z,), (v,))[1]

    @jax.checkpoint
    def entry(total, i):
        unit = jnp.zeros_like(z).at[i].set(1)
        return total + forward(unit)[i], None

    start = jnp.zeros((), z.dtype)
    return slope(z), jax.lax.scan(entry, start, jnp.arange(z.size))[0]
