"""Values as pytrees of full arrays, to cross loops, branches and device boundaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.value import AlgebraArray, instantiate, make, primal, Value

Pattern = tuple[int, ...]
"""The channels, above the unit, that a value has."""

Packed = tuple[Any, ...]
"""The plain value and the channels of a pattern, all in full shape."""


@dataclass(frozen=True)
class Form:
    """Shape, dtype and pattern of a value.

    Attributes:
        shape: the shape of the value.
        dtype: the dtype of every channel.
        pattern: the channels that it has.
        varying: the axes of a `shard_map` along which all of them count as varying.
    """

    shape: tuple[int, ...]
    dtype: Any
    pattern: Pattern
    varying: frozenset[Any] = frozenset()

    def pack(self, value: Value) -> Packed:
        """Writes a value out; channels that it lacks are zeros."""
        plain = primal(value)
        if _compat.differentiable(self.dtype):
            plain = jnp.asarray(plain, self.dtype)
        packed = [plain]
        for k in self.pattern:
            c = value.coefficients[k] if isinstance(value, AlgebraArray) else None
            packed.append(instantiate(c, self.shape, self.dtype))
        return tuple(_compat.vary(array, self.varying) for array in packed)

    def unpack(self, packed: Packed, algebra: TaylorAlgebra) -> Value:
        """Returns the value; structural zeros outside the pattern."""
        plain, *channels = packed
        if not self.pattern:
            return plain
        series: list[Array | None] = [plain, *[None] * (algebra.size - 1)]
        for k, channel in zip(self.pattern, channels, strict=True):
            series[k] = channel
        return make(series, self.shape, self.dtype)


def pattern_of(value: Value) -> Pattern:
    """Returns the channels of a value that are not structural zeros."""
    if not isinstance(value, AlgebraArray):
        return ()
    return tuple(k for k, c in enumerate(value.coefficients) if k and c is not None)


def forms_of(avals: Sequence[Any], patterns: Sequence[Pattern]) -> list[Form]:
    """Joins avals and patterns."""
    return [
        Form(a.shape, a.dtype, p, _compat.varying(a))
        for a, p in zip(avals, patterns, strict=True)
    ]


def union(a: Sequence[Pattern], b: Sequence[Pattern]) -> list[Pattern]:
    """Returns patterns that hold both, value by value."""
    return [tuple(sorted({*p, *q})) for p, q in zip(a, b, strict=True)]


def pack_all(forms: Sequence[Form], values: Sequence[Value]) -> list[Packed]:
    """Packs a list of values."""
    return [form.pack(value) for form, value in zip(forms, values, strict=True)]


def unpack_all(
    forms: Sequence[Form], packed: Sequence[Packed], algebra: TaylorAlgebra
) -> list[Value]:
    """Unpacks a list of values."""
    return [f.unpack(p, algebra) for f, p in zip(forms, packed, strict=True)]
