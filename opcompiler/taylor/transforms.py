"""Ready-made operators on plain JAX functions, no SymPy needed.

Each returns a function of ONE point that works under `jit`, `vmap` and `grad`.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.core.algebra import TaylorAlgebra, univariate
from opcompiler.core.apolar import ApolarBasis, Tangent
from opcompiler.core.edge import public
from opcompiler.core.errors import OperatorError
from opcompiler.core.multiindex import MultiIndex
from opcompiler.core.symbol import OperatorSymbol
from opcompiler.taylor.jet import series_of
from opcompiler.taylor.push import push, tangent_row
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import AlgebraArray, Value

ReadOut = tuple[tuple[int, Fraction], ...]


@public("oc.taylor.laplacian(f)(x)")
def laplacian(
    fun: Callable[[Array], Any], *, chunk: int | None = None
) -> Callable[[Array], Any]:
    r"""Returns $\Delta f$ of f: (d,) -> pytree; d + 2 channels.

    Args:
        fun: the function.
        chunk: coordinates that are pushed at a time, to bound memory; all by default.

    Source: Li et al., *A computational framework for neural network-based variational
    Monte Carlo with forward Laplacian* (2024).
    """
    return _powers_of_laplacian(fun, 1, Tuning(chunk=chunk))


@public("oc.taylor.biharmonic(f)(x)")
def biharmonic(fun: Callable[[Array], Any]) -> Callable[[Array], Any]:
    r"""Returns $\Delta^2 f$ of f: (d,) -> pytree; 2 + 2d + d(d+1)/2 channels."""
    return _powers_of_laplacian(fun, 2)


@public("oc.taylor.partials(f, [(2, 0), (1, 1)])(x)")
def partials(
    fun: Callable[[Array], Any], multi_indices: Sequence[Sequence[int]]
) -> Callable[[Array], dict[tuple[int, ...], Any]]:
    """Returns chosen partial derivatives of f: (d,) -> pytree, in one pass.

    Args:
        fun: the function.
        multi_indices: exponents per coordinate, each of length d.

    Returns:
        A function of one point; a dict from multi-index to the derivative.
    """
    wanted = tuple(tuple(int(a) for a in alpha) for alpha in multi_indices)
    symbols = tuple(OperatorSymbol.partial(MultiIndex(alpha)) for alpha in wanted)

    def at(point: Array) -> dict[tuple[int, ...], Any]:
        values = _apply(fun, jnp.asarray(point), symbols)
        return dict(zip(wanted, values, strict=True))

    return at


@public("oc.taylor.derivatives(f, 3)(x)")
def derivatives(fun: Callable[[Array], Any], order: int) -> Callable[[Array], tuple]:
    """Returns the derivatives 0 ... n of f: () -> pytree, all in one pass.

    Args:
        fun: a function of one real number.
        order: n.

    Returns:
        A function of one number; a tuple of n + 1 pytrees.
    """

    def at(point: Array) -> tuple:
        point = jnp.asarray(point)
        if point.ndim:
            raise OperatorError(
                "derivatives are taken of a function of one number",
                expression=f"a point of shape {point.shape}",
                hint="map over points with jax.vmap, or use partials",
            )
        seeds = [jnp.ones_like(point), *[None] * (order - 1)][:order]
        outputs = push(fun, point, seeds, univariate(order))
        structure = jax.tree.structure(jax.eval_shape(fun, point))
        columns = [[_plain(o), *series_of(o, order, True)] for o in outputs]
        return tuple(
            jax.tree.unflatten(structure, row) for row in zip(*columns, strict=True)
        )

    return at


def _powers_of_laplacian(
    fun: Callable[[Array], Any], power: int, tuning: Tuning = DEFAULT
) -> Callable[[Array], Any]:
    def at(point: Array) -> Any:
        point = jnp.asarray(point)
        return _apply(fun, point, (_laplacian_symbol(point.size, power),), tuning)[0]

    return at


@lru_cache(maxsize=64)
def _laplacian_symbol(dim: int, power: int) -> OperatorSymbol:
    terms: Mapping[MultiIndex, Fraction] = {MultiIndex.zero(dim): Fraction(1)}
    for _ in range(power):
        grown: dict[MultiIndex, Fraction] = {}
        for alpha, c in terms.items():
            for i in range(dim):
                beta = alpha + MultiIndex.unit(dim, i) + MultiIndex.unit(dim, i)
                grown[beta] = grown.get(beta, Fraction(0)) + c
        terms = grown
    return OperatorSymbol.of(terms)


@lru_cache(maxsize=64)
def _scheme(
    symbols: tuple[OperatorSymbol, ...], dim: int
) -> tuple[TaylorAlgebra, tuple[Tangent, ...], tuple[ReadOut, ...]]:
    basis = ApolarBasis(symbols, dim)
    names = [f"x{i + 1}" for i in range(dim)]
    readouts = tuple(tuple(basis.coordinates(symbol).items()) for symbol in symbols)
    return basis.algebra(names), basis.seeds(), readouts


def _apply(
    fun: Callable[[Array], Any],
    point: Array,
    symbols: tuple[OperatorSymbol, ...],
    tuning: Tuning = DEFAULT,
) -> list[Any]:
    if point.ndim != 1 or any(s.dim != point.size for s in symbols):
        raise OperatorError(
            "the operator does not fit the point",
            expression=f"a point of shape {point.shape}",
            hint="give one point, (d,), and multi-indices of length d",
        )
    algebra, seeds, readouts = _scheme(symbols, point.size)
    rows = [tangent_row(tangent, point.size, point.dtype) for tangent in seeds[1:]]
    wanted = {channel for readout in readouts for channel, _ in readout}
    outputs = push(fun, point, rows, algebra, wanted, tuning)
    structure = jax.tree.structure(jax.eval_shape(fun, point))
    return [
        jax.tree.unflatten(structure, [_read(output, readout) for output in outputs])
        for readout in readouts
    ]


def _read(output: Value, readout: ReadOut) -> Array:
    total = jnp.zeros_like(_plain(output))
    for channel, c in readout:
        if isinstance(output, AlgebraArray):
            total = total + output.dense(channel) * float(c)
        elif channel == 0:
            total = total + output * float(c)
    return total


def _plain(output: Value) -> Array:
    return output.primal if isinstance(output, AlgebraArray) else output
