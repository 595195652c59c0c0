"""Weight sharing in the first layer, as an Equinox module.

Source: Shi, Hu, Lin, Kawaguchi, NeurIPS 2024, appendix G: inputs in blocks of B go through
one linear map of B weights and a tanh, so that the first dense layer has d/B inputs.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array


class SharedInput(eqx.Module):
    """A tanh network, (d,) -> (), whose first layer shares its weights over blocks.

    Attributes:
        kernel: (B,), the weights that all blocks share.
        shift: (), their bias.
        layers: dense, from d/B inputs to one output.
    """

    kernel: Array
    shift: Array
    layers: list[eqx.nn.Linear]

    def __init__(
        self, dim: int, block: int, width: int, depth: int, *, key: Array
    ) -> None:
        """Draws the weights.

        Args:
            dim: d.
            block: B, a divisor of d.
            width: of the hidden layers.
            depth: number of dense layers, the last one included.
            key: of the draw.
        """
        if dim % block:
            raise ValueError(f"blocks of {block} do not divide {dim} inputs")
        first, *rest = jax.random.split(key, depth + 1)
        self.kernel = jax.random.normal(first, (block,)) / jnp.sqrt(block)
        self.shift = jnp.zeros(())
        widths = itertools.pairwise([dim // block, *[width] * (depth - 1), 1])
        self.layers = [
            eqx.nn.Linear(before, after, key=k)
            for k, (before, after) in zip(rest, widths, strict=True)
        ]

    def __call__(self, point: Array) -> Array:
        hidden = jnp.tanh(
            point.reshape(-1, self.kernel.size) @ self.kernel + self.shift
        )
        for layer in self.layers[:-1]:
            hidden = jnp.tanh(layer(hidden))
        return self.layers[-1](hidden)[0]


def parameter_count(module: eqx.Module) -> int:
    """Returns the number of trained numbers, of arrays or of their shapes."""
    return sum(leaf.size for leaf in jax.tree.leaves(module))
