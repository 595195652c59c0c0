"""The channels of a large algebra as rows of one array.

Where an algebra has too many products to write them out, a function's whole series is one
array, and its channels of one degree are a slice of it. A recurrence then has one step per
degree, as in one variable, whatever the number of channels is (`TaylorAlgebra.by_degree`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import Series
from opcompiler.taylor.value import Coefficient, instantiate


@partial(
    jax.tree_util.register_dataclass, data_fields=["array"], meta_fields=["degrees"]
)
@dataclass(frozen=True)
class Rows:
    """A series by degree, in one array.

    Attributes:
        array: the channels of all degrees that are there, (channels, ...).
        degrees: which are there; the others are structural zeros.
    """

    array: Any
    degrees: tuple[int, ...]

    def series(self, algebra: TaylorAlgebra) -> Series:
        """Returns one array of rows per degree, for `algebra.by_degree`."""
        counts = [algebra.degrees[d] for d in self.degrees]
        result: Series = [None] * (algebra.order + 1)
        pieces = lax.split(self.array, counts)
        for degree, piece in zip(self.degrees, pieces, strict=True):
            result[degree] = piece
        return result


def joined(series: Sequence[Coefficient]) -> Rows:
    """Joins what `Rows.series` took apart."""
    degrees = tuple(d for d, c in enumerate(series) if c is not None)
    return Rows(jnp.concatenate([c for c in series if c is not None]), degrees)


def stacked(algebra: TaylorAlgebra, series: Sequence[Coefficient]) -> Rows:
    """Stacks channels; where one of a degree is there, zeros stand for its others.

    Channels are joined along their own first axis, as a layer joins and splits them: then
    XLA sees that one undoes the other, and nothing is copied in between.
    """
    living = [c for c in series if c is not None]
    shape = jnp.broadcast_shapes(*(c.shape for c in living))
    degree = [channel.degree for channel in algebra.channels]
    there = {degree[k] for k, c in enumerate(series) if c is not None}
    flat = _matrix(shape)
    pieces = [
        instantiate(c, shape, living[0].dtype).reshape(flat)
        for k, c in enumerate(series)
        if degree[k] in there
    ]
    array = jnp.concatenate(pieces).reshape(len(pieces), *shape)
    return Rows(array, tuple(sorted(there)))


def unstacked(algebra: TaylorAlgebra, rows: Rows) -> Series:
    """Returns the channels one by one."""
    count, *shape = rows.array.shape
    height, width = _matrix(shape)
    pieces = lax.split(rows.array.reshape(count * height, width), (height,) * count)
    found = iter(piece.reshape(shape) for piece in pieces)
    return [
        next(found) if channel.degree in rows.degrees else None
        for channel in algebra.channels
    ]


def _matrix(shape: Sequence[int]) -> tuple[int, int]:
    *free, width = shape or (1,)
    return math.prod(free), width
