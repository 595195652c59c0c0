"""A convolutional network, and the Laplacian by all pixels of its image.

Behind two layers of 3 x 3 an entry depends on 25 of 256 pixels.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

import opcompiler as oc
from tests.benchmarks import rivals
from tests.benchmarks.timing import Row

SIDE, FEATURES, POINTS = 16, 16, 4
DIM = SIDE**2


def apply(params, point):
    """Two convolutions, means over 2 x 2 entries, and a sum over places, (256,) -> ()."""
    *kernels, weights = params
    image = point.reshape(1, SIDE, SIDE, 1)
    for kernel in kernels:
        image = jnp.tanh(
            lax.conv_general_dilated(
                image,
                kernel,
                (1, 1),
                "SAME",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
        )
    size = (1, 2, 2, 1)
    sums = lax.reduce_window(image, 0.0, lax.add, size, size, "VALID")
    return jnp.sum(jnp.tanh(sums / 4 @ weights))


def scene():
    """Kernels, the weights of the last layer, and images."""
    keys = jax.random.split(jax.random.key(0), 4)
    shapes = [(3, 3, 1, FEATURES), (3, 3, FEATURES, FEATURES), (FEATURES, 1)]
    params = [
        jax.random.normal(k, s, jnp.float32) / jnp.sqrt(s[-2] * 9.0)
        for k, s in zip(keys, shapes, strict=False)
    ]
    return params, jax.random.normal(keys[3], (POINTS, DIM), jnp.float32)


def per_point(by):
    return lambda params, points: jax.vmap(lambda z: by(partial(apply, params))(z))(
        points
    )


def row() -> Row:
    rival = lambda by, **options: per_point(
        lambda net: partial(rivals.laplacian, by, net, **options)
    )
    return Row(
        f"Laplacian by {SIDE} x {SIDE} pixels, two convolutions", DIM, 1, 0,
        {
            "oc.taylor.laplacian": per_point(oc.taylor.laplacian),
            "oc.taylor.laplacian, all directions": per_point(
                partial(oc.taylor.laplacian, sparsity=0)
            ),
            "folx dense": rival(rivals.folx),
            "folx sparse(32)": rival(rivals.folx, sparsity=32),
            "nested jvp, in a loop": rival(rivals.nested_loop),
        },
        (), POINTS, repeats=11, plain=apply, scene=scene,
    )  # fmt: skip
