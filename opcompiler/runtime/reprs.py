"""How objects are shown at a prompt: counts, shapes and names, never arrays or closures.

In: what an object holds. Out: a few words for its `__repr__`:

    counted(2, "point")                     2 points
    shapes({"a": ones, "b": ones})          a (5, 4), b (5,)
    called(jnp.tanh)                        tanh
    weighed(0.5), weighed(jnp.ones(3))      0.5, (3,)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from opcompiler import _compat


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, `1 equation`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(noun: str, names: Sequence[str]) -> str:
    """Returns names after their noun, `fields u, v`."""
    return f"{noun if len(names) == 1 else f'{noun}s'} {', '.join(names)}"


def shapes(tree: Any) -> str:
    """Returns the shapes of a pytree of arrays, with their names where they have some."""
    found = []
    for path, leaf in jax.tree.leaves_with_path(tree):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        found.append(f"{name} {jnp.shape(leaf)}".strip())
    return ", ".join(found)


def called(function: Any) -> str:
    """Returns the name of a function, of functions by field, or of the class of another."""
    if isinstance(function, Mapping):
        pairs = function.items()
        return ", ".join(f"{called(f)} for {_field(name)}" for name, f in pairs)
    return getattr(function, "__name__", type(function).__name__)


def weighed(weight: Any) -> str:
    """Returns a weight: a number, the shape of an array, or one for each equation."""
    if isinstance(weight, Mapping):
        return ", ".join(f"{name} {weighed(w)}" for name, w in weight.items())
    if isinstance(weight, Sequence):
        return ", ".join(map(weighed, weight))
    if callable(weight):
        return called(weight)
    known = not jnp.ndim(weight) and _compat.is_concrete(weight)
    return f"{float(weight):g}" if known else str(jnp.shape(weight))


def _field(name: Any) -> str:
    return ", ".join(name) if isinstance(name, tuple) else str(name)
