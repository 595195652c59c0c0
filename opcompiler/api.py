"""`compile`: the way from an expression to a residual, in three lines."""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from opcompiler.lowering import Residual
from opcompiler.operator import normalize
from opcompiler.taylor.tuning import Tuning


def compile(
    equations: Any,
    *,
    coordinates: Sequence[sp.Symbol] | None = None,
    fields: Sequence[str] | None = None,
    strategy: str = "auto",
    chunk: int | None = None,
    remat: bool = False,
) -> Residual:
    """Compiles a SymPy residual to a JAX function of networks and points.

    Args:
        equations: a SymPy expression (to be zero) or `Eq`, or a list, tuple, dict or
            matrix of them. Applied undefined functions are the unknown fields, symbols
            that stand as their arguments the coordinates, every other free symbol a
            parameter given at call time.
        coordinates: overrides the order (first appearance) and choice of coordinates.
        fields: the names of all fields in the order of one network's outputs, where
            that of first appearance (SymPy sorts sums!) does not suit.
        strategy: `auto`, the cheapest at each evaluation site, or the name of a strategy:
            `algebra` (the operator's minimal Taylor algebra), `partition` (univariate
            jets with tangents in several slots), `polarization` (jets along
            directions), `reverse` (a reverse pass for first derivatives), `nested`
            (the reference, nested forward mode).
        chunk: directions of a sum over many coordinates that are pushed at a time, to
            bound memory; all by default.
        remat: keep only the results of matrix products for a gradient and evaluate
            the rest again: less memory, more time.

    Returns:
        The compiled residual; `residual(net, points, **parameters)`.

    Raises:
        OperatorError: naming the sub-expression that cannot be compiled, and the way
            out.

    Source: `docs/theory.md`.
    """
    tuning = Tuning(chunk=chunk, remat=remat)
    return Residual(normalize(equations, coordinates, fields), strategy, tuning)
