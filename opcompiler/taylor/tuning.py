"""How an algebra is laid out in arrays: choices that change speed and no number."""

import sys
from dataclasses import dataclass

from opcompiler.edge import public
from opcompiler.errors import OperatorError

NEVER = sys.maxsize


@public("dataclasses.replace(residual.tuning, chunk=8)")
@dataclass(frozen=True, slots=True)
class Tuning:
    """Layout choices; `opcompiler.autotune` measures them on the present device.

    Attributes:
        fold_from: like directions from which they become one channel with an axis of
            its own, a family; fewer fuse better written out.
        stack_from: channels from which a layer multiplies all of them as one matrix.
        compose_upto: order up to which elementwise functions are composed from scalar
            derivatives, instead of by recurrence in the algebra.
        chunk: directions of a family that are pushed at a time; all, if `None`. Memory
            grows with the chunk, time by one plain evaluation per chunk; a gradient
            evaluates every chunk a second time.
        sparsity: directions on which an element may depend while its family holds those
            alone; a third of them, if `None`, and 0 switches it off.
        remat: keep only the results of matrix products for a gradient, and evaluate
            everything elementwise a second time: less memory, more time.
        tile: points that are evaluated at a time where there are many: in the loss of a
            bound residual, and on a CPU in values of more than about 64 MiB. If `None`,
            so many that the arrays of a layer stay in a CPU's caches, or that a tile
            takes 1 GiB on other devices.

    Raises:
        OperatorError: for a chunk of fewer than two directions, a tile of no points, and a
            negative sparsity.

    Examples:
        >>> from dataclasses import replace
        >>> x = sp.Symbol("x")
        >>> residual = oc.compile(sp.Function("u")(x).diff(x, 2))
        >>> residual.tuned(replace(residual.tuning, tile=64)).tuning.tile
        64
    """

    # Laplacian of a family over written out, two CPU cores, float32, in turns, jax 0.10.2:
    # values, parameter gradient, compilation of the gradient.
    #                                6 directions       8                  10
    #   FermiNet-like, 64 points     1.20, 1.03, 0.89   0.66, 0.56, 0.79   0.68, 0.50, 0.82
    #   self-attention, 2 blocks, 64 1.16, 1.28, 0.94   1.32, 0.92, 1.06   1.21, 0.94, 0.94
    #   4 x 64 perceptron, 256       1.04, 0.82, 0.96   1.09, 0.85, 0.76   0.82, 0.88, 0.77
    #   4 x 128 perceptron, 256      0.97, 0.94, 0.78   0.93, 0.93, 0.57   0.92, 0.92, 0.61
    #   4 x 256 perceptron, 256      1.31, 1.06, 0.93   1.28, 1.00, 0.63   1.14, 0.99, 0.71
    fold_from: int = 8
    stack_from: int = 13
    compose_upto: int = 4
    chunk: int | None = None
    sparsity: int | None = None
    remat: bool = False
    tile: int | None = None

    def __post_init__(self) -> None:
        if self.chunk is not None and self.chunk < 2:
            raise OperatorError(
                "a chunk holds at least two directions",
                expression=f"chunk={self.chunk}",
                hint="give a chunk of 2 or more, or None for all directions at once",
            )
        if self.sparsity is not None and self.sparsity < 0:
            raise OperatorError(
                "an element depends on a number of directions",
                expression=f"sparsity={self.sparsity}",
                hint="give 0 to write all directions out, or None for what pays",
            )
        if self.tile is not None and self.tile < 1:
            raise OperatorError(
                "a tile holds at least one point",
                expression=f"tile={self.tile}",
                hint="give a tile of 1 or more, or None for what the device is best at",
            )


DEFAULT = Tuning()
