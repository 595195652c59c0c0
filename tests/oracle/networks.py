"""Small random networks, four or five activations at a time.

A `Bank` holds, for each field, one multilayer perceptron per activation. The reference
evaluates all activations in one sweep (`stacked`: outputs have a leading activation
axis), the compiler gets one ordinary network (`field`, `together`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

Field = Callable[[jax.Array], jax.Array]

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "softplus": jax.nn.softplus,
    "gelu_approximate": functools.partial(jax.nn.gelu, approximate=True),
}
WIDTH = 12

Layers = list[tuple[jax.Array, jax.Array]]


def mlp(layers: Layers, activation: Callable, point: jax.Array) -> jax.Array:
    """A dense network without a last nonlinearity: (d,) -> (m,)."""
    for weights, bias in layers[:-1]:
        point = activation(point @ weights + bias)
    weights, bias = layers[-1]
    return point @ weights + bias


def layers(
    key: np.random.Generator, sizes: Sequence[int], dtype: type = np.float64
) -> Layers:
    """Random weights of variance 1/fan-in, and biases large enough to matter."""
    return [
        (
            jnp.asarray(key.normal(size=(m, n)) / np.sqrt(m), dtype),
            jnp.asarray(key.normal(size=(n,)) * 0.5, dtype),
        )
        for m, n in itertools.pairwise(sizes)
    ]


@dataclass(frozen=True)
class Kind:
    """What a field's values are: positive ones stay above `floor`."""

    floor: float | None = None
    complex: bool = False
    scale: float = 1.0

    @property
    def outputs(self) -> int:
        """How many real outputs make one value."""
        return 2 if self.complex else 1

    def value(self, outputs: jax.Array) -> jax.Array:
        """The field's value from its real outputs, the last axis of `outputs`."""
        real = self.scale * outputs[..., 0]
        if self.complex:
            return real + 1j * self.scale * outputs[..., 1]
        return real if self.floor is None else jax.nn.softplus(real) + self.floor


class Bank:
    """Networks for several fields, in each of several activations.

    For the activations in `shared` all fields with the same number of arguments have
    the same hidden layers, so that `together` is one network with several outputs.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        kinds: Mapping[str, Kind],
        activations: Sequence[str] = ("tanh", "sin", "gelu", "softplus"),
        shared: Sequence[str] = ("tanh", "gelu"),
        seed: int = 0,
    ) -> None:
        key = np.random.default_rng(seed)
        self.kinds = {name: kinds.get(name, Kind()) for name in sizes}
        self.activations = tuple(activations)
        self.shared = frozenset(shared)
        hidden = {
            (a, d): layers(key, (d, WIDTH, WIDTH))
            for a in activations
            for d in sorted(set(sizes.values()))
        }
        self._layers: dict[tuple[str, str], Layers] = {}
        for name, d in sizes.items():
            for a in activations:
                trunk = hidden[a, d] if a in shared else layers(key, (d, WIDTH, WIDTH))
                last = layers(key, (WIDTH, self.kinds[name].outputs))
                self._layers[a, name] = trunk + last

    def field(self, activation: str, name: str) -> Field:
        """The network of one field alone: (d,) -> ()."""

        def function(point: jax.Array) -> jax.Array:
            outputs = mlp(
                self._layers[activation, name], ACTIVATIONS[activation], point
            )
            return self.kinds[name].value(outputs)

        return function

    def together(self, activation: str, names: Sequence[str]) -> Field:
        """One network with the fields `names` as its outputs: (d,) -> (m,)."""
        assert activation in self.shared
        heads = [self._layers[activation, name][-1] for name in names]
        weights, bias = (
            jnp.concatenate(parts, -1) for parts in zip(*heads, strict=True)
        )
        trunk = self._layers[activation, names[0]][:-1]
        splits = np.cumsum([self.kinds[name].outputs for name in names])[:-1]

        def function(point: jax.Array) -> jax.Array:
            outputs = mlp([*trunk, (weights, bias)], ACTIVATIONS[activation], point)
            parts = zip(names, jnp.split(outputs, splits), strict=True)
            return jnp.stack([self.kinds[name].value(part) for name, part in parts])

        return function

    def stacked(self, name: str) -> Field:
        """The network of one field in all activations at once: (d,) -> (a,)."""
        depth = len(self._layers[self.activations[0], name])
        stacks = [
            tuple(
                jnp.stack([self._layers[a, name][i][j] for a in self.activations])
                for j in (0, 1)
            )
            for i in range(depth)
        ]

        def function(point: jax.Array) -> jax.Array:
            values = jnp.broadcast_to(point, (len(self.activations), *point.shape))
            for i, (weights, bias) in enumerate(stacks):
                values = jnp.einsum("ai,aij->aj", values, weights) + bias
                if i < depth - 1:
                    values = jnp.stack(
                        [
                            ACTIVATIONS[a](v)
                            for a, v in zip(self.activations, values, strict=True)
                        ]
                    )
            return self.kinds[name].value(values)

        return function
