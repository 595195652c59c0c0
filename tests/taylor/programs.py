"""What a test program is: a function, where it is started, how far JAX can follow."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from opcompiler import _compat


@dataclass(frozen=True)
class Program:
    """A function of one array, and the box its argument is drawn from.

    Attributes:
        fun: returns an array, or a list of arrays, which are joined.
        low: of the box.
        high: of the box.
        shape: of the argument.
        order: to which JAX itself can differentiate it, at tolerable cost.
        like: the same function, written so that JAX can differentiate it.
        jit: whether the engine and its oracle are compiled; on devices that is quicker.
        eager: whether it cannot be compiled.
    """

    fun: Callable[[Any], Any]
    low: float = -0.9
    high: float = 0.9
    shape: tuple[int, ...] = (3,)
    order: int = 6
    like: Callable[[Any], Any] | None = None
    jit: bool = False
    eager: bool = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns all outputs as one vector, real and imaginary parts apart."""
        return _as_vector(self.fun(x))

    def reference(self, x: jax.Array) -> jax.Array:
        """The same of the function that JAX can differentiate."""
        return _as_vector((self.like or self.fun)(x))

    def start(self, name: str) -> tuple[jax.Array, np.random.Generator]:
        """Returns a point of the box, and the generator that drew it."""
        random = np.random.default_rng(zlib.crc32(name.encode()))
        return jnp.asarray(random.uniform(self.low, self.high, self.shape)), random


def _as_vector(outputs: Any) -> jax.Array:
    parts: list[jax.Array] = []
    for leaf in map(jnp.asarray, jax.tree.leaves(outputs)):
        if jnp.iscomplexobj(leaf):
            parts += [leaf.real.ravel(), leaf.imag.ravel()]
        else:
            parts.append(leaf.astype(jnp.float64).ravel())
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def primitives_of(fun: Callable[[Any], Any], *examples: Any) -> set[str]:
    """Returns the names of all primitives in a program, in its inner programs too."""
    return set(names_in(fun, *examples))


def names_in(fun: Callable[[Any], Any], *examples: Any) -> list[str]:
    """Returns the primitive of every equation, in the order of the program."""
    jaxpr, _ = _compat.trace(fun, *examples)
    return [equation.primitive.name for equation in _equations(jaxpr)]


def _equations(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield equation
        for inner in _inner(list(equation.params.values())):
            yield from _equations(inner)


def _inner(values: Any) -> Iterator[Any]:
    for value in values:
        opened = _compat.open_jaxpr(value)[0]
        if hasattr(opened, "eqns"):
            yield opened
        elif isinstance(value, (list, tuple)):
            yield from _inner(value)
