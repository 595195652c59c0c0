"""Ready-made operators on plain JAX functions, no SymPy needed.

Each returns a function of ONE point: an array of any shape, or a pytree of arrays, each
number of which is a coordinate. Further arguments are handed on as they are. What is
returned works under `jit`, `vmap`, `grad` and `checkpoint`; a batch is `jax.vmap`'s.

    energy = forward_laplacian(log_psi)          # positions of any shape
    value, gradient, laplacian = energy(x)       # one pass
    kinetic = -(laplacian + jnp.sum(gradient**2)) / 2
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler.algebra.inverse_system import ApolarBasis
from opcompiler.algebra.weil import Channel, Tangent, TaylorAlgebra, univariate
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import MultiIndex, OperatorSymbol
from opcompiler.taylor.coordinates import (
    bound,
    Coordinates,
    coordinates_of,
    per_coordinate,
)
from opcompiler.taylor.jet import series_of, step
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.push import push_tree
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import AlgebraArray, make, primal, Value

ReadOut = tuple[tuple[int, Fraction], ...]

HIGHEST_UNIVARIATE = 170
"""Of the derivatives along a line, which are Taylor coefficients times k!.

170! is the last factorial below the largest double. Operators on fields stop far earlier,
see `ir.HIGHEST_ORDER`: these are for series.
"""


@public("oc.taylor.laplacian(f)(x)")
def laplacian(
    fun: Callable[..., Any],
    *,
    weights: Any = None,
    chunk: int | None = None,
    sparsity: int | None = None,
) -> Callable[..., Any]:
    r"""Returns $\sum_i w_i\, \partial_i^2 f$, the Laplacian; d + 2 channels.

    Args:
        fun: a function of an array of any shape, or of a pytree of arrays; its result
            is a pytree of arrays, real or complex.
        weights: $w_i$, one real number per coordinate: an array or a pytree that
            broadcasts to the point, or one number. 1 by default; for masses $m_i$ give
            $1/m_i$. Numbers that are traced cost 2d + 1 channels.
        chunk: coordinates that are pushed at a time, to bound memory; all by default.
        sparsity: number of coordinates on which an element of an intermediate array may
            depend while it holds the derivatives by those alone, as in networks that treat
            electrons or nodes one by one; a third of all by default, none if 0.

    Returns:
        A function of ONE point, and of further arguments that `fun` gets as they are;
        its result is like that of `fun`. An array of any shape is one point, so map it
        over a batch of points with `jax.vmap`.

    Raises:
        OperatorError: for points that are not arrays of floats, and weights that do not
            fit.

    Examples:
        >>> float(oc.taylor.laplacian(lambda x: (x**4).sum())(jnp.ones((2, 3))))
        72.0

    Source: Li et al., *A computational framework for neural network-based variational
    Monte Carlo with forward Laplacian* (2024).
    """
    tuning = Tuning(chunk=chunk, sparsity=sparsity)

    @public("oc.taylor.laplacian(f)(x)")
    def at(point: Any, *others: Any, **named: Any) -> Any:
        where = coordinates_of(point, "laplacian")
        outputs, read = _second_order(
            bound(fun, others, named), where, weights, tuning, with_gradient=False
        )
        return jax.tree.map(read, outputs)

    return at


@public("oc.taylor.forward_laplacian(f)(x)")
def forward_laplacian(
    fun: Callable[..., Any],
    *,
    weights: Any = None,
    chunk: int | None = None,
    sparsity: int | None = None,
) -> Callable[..., tuple[Any, Any, Any]]:
    r"""Returns f, $\nabla f$ and $\sum_i w_i\, \partial_i^2 f$, all from ONE pass.

    With $f = \log\psi$ the local energy's kinetic part is
    $-\frac12 (\Delta f + |\nabla f|^2)$; with masses $m_i$ and `weights` $1/m_i$ it is
    $-\frac12 (\Delta_w f + \sum_i w_i (\partial_i f)^2)$.

    Args:
        fun: a function of an array of any shape, or of a pytree of arrays; its result
            is a pytree of arrays, real or complex.
        weights: $w_i$ of the second derivatives, one real number per coordinate: an
            array or a pytree that broadcasts to the point, or one number; 1 by default.
            The gradient has no weights.
        chunk: coordinates that are pushed at a time, to bound memory; all by default.
        sparsity: number of coordinates on which an element of an intermediate array may
            depend while it holds the derivatives by those alone, as in networks that treat
            electrons or nodes one by one; a third of all by default, none if 0.

    Returns:
        A function of ONE point, and of further arguments that `fun` gets as they are.
        It returns `(value, gradient, laplacian)`; value and Laplacian are like the
        result of `fun`. The gradient of a number has the structure and the shapes of the
        point; that of an array has its axes in front, (m, ...); that of a pytree is the
        pytree of its arrays' gradients, as with `jax.jacobian`.

    Raises:
        OperatorError: as `laplacian`.

    Examples:
        >>> at = oc.taylor.forward_laplacian(lambda x: x @ x)
        >>> value, gradient, laplacian = at(jnp.array([1.0, 2.0]))
        >>> float(value), gradient.tolist(), float(laplacian)
        (5.0, [2.0, 4.0], 4.0)

    Source: as `laplacian`.
    """
    tuning = Tuning(chunk=chunk, sparsity=sparsity)

    @public("oc.taylor.forward_laplacian(f)(x)")
    def at(point: Any, *others: Any, **named: Any) -> tuple[Any, Any, Any]:
        where = coordinates_of(point, "forward_laplacian")
        outputs, read = _second_order(
            bound(fun, others, named), where, weights, tuning, with_gradient=True
        )
        slopes = partial(_gradient, where)
        values = jax.tree.map(primal, outputs)
        return values, jax.tree.map(slopes, outputs), jax.tree.map(read, outputs)

    return at


@public("oc.taylor.biharmonic(f)(x)")
def biharmonic(fun: Callable[..., Any], *, weights: Any = None) -> Callable[..., Any]:
    r"""Returns $(\sum_i w_i\, \partial_i^2)^2 f$; 2 + 2d + d(d+1)/2 channels.

    Args:
        fun: a function of an array of any shape, or of a pytree of arrays; its result
            is a pytree of arrays, real or complex.
        weights: $w_i$, one real number per coordinate: an array or a pytree that
            broadcasts to the point, or one number; 1 by default. They must be known when
            the function is traced.

    Returns:
        A function of ONE point, as `laplacian`.

    Raises:
        OperatorError: as `laplacian`, and for weights that are traced.

    Examples:
        >>> float(oc.taylor.biharmonic(lambda x: (x**4).sum())(jnp.ones(3)))
        72.0
    """

    @public("oc.taylor.biharmonic(f)(x)")
    def at(point: Any, *others: Any, **named: Any) -> Any:
        where = coordinates_of(point, "biharmonic")
        row = _weights(weights, where)
        if not isinstance(row, np.ndarray):
            raise OperatorError(
                "the weights of a biharmonic are known when it is written",
                expression=f"weights={row}",
                hint="give numbers that are not traced: close over them, instead of "
                "handing them to a jitted function",
            )
        symbol = _bilaplacian_symbol(tuple(map(Fraction, row.tolist())))
        return _apply(bound(fun, others, named), where, (symbol,))[0]

    return at


@public("oc.taylor.partials(f, [(2, 0), (1, 1)])(x)")
def partials(
    fun: Callable[..., Any], multi_indices: Sequence[Sequence[int]]
) -> Callable[..., dict[tuple[int, ...], Any]]:
    """Returns chosen partial derivatives, in one pass.

    Args:
        fun: a function of an array of any shape, or of a pytree of arrays; its result
            is a pytree of arrays, real or complex.
        multi_indices: exponents per coordinate, each of length d. The coordinates of an
            array are numbered row by row, those of a pytree leaf by leaf.

    Returns:
        A function of ONE point, and of further arguments that `fun` gets as they are; a
        dict from multi-index to the derivative, which is like the result of `fun`.

    Raises:
        OperatorError: for multi-indices that are not lists of whole numbers >= 0, one for
            each coordinate, and points that are not arrays of floats.

    Examples:
        >>> mixed = oc.taylor.partials(lambda x: x[0] ** 2 * x[1], [(1, 1)])
        >>> float(mixed(jnp.array([3.0, 5.0]))[1, 1])
        6.0
    """
    wanted = tuple(map(_multi_index, multi_indices))
    symbols = tuple(OperatorSymbol.partial(MultiIndex(alpha)) for alpha in wanted)

    @public("oc.taylor.partials(f, [(2, 0), (1, 1)])(x)")
    def at(point: Any, *others: Any, **named: Any) -> dict[tuple[int, ...], Any]:
        where = coordinates_of(point, "partial derivatives")
        for alpha in wanted:
            if len(alpha) != where.count:
                raise OperatorError(
                    f"a multi-index has {len(alpha)} exponents, and the point "
                    f"{where.count} coordinates",
                    expression=f"{alpha}",
                    hint=f"give multi-indices of length d, here {where.count}; map over "
                    "a batch of points with jax.vmap",
                )
        if not wanted:
            return {}
        values = _apply(bound(fun, others, named), where, symbols)
        return dict(zip(wanted, values, strict=True))

    return at


def _multi_index(given: Any) -> tuple[int, ...]:
    alpha: tuple[int, ...] = ()
    try:
        alpha = tuple(int(a) for a in given)
        whole = all(a == b and a >= 0 for a, b in zip(alpha, given, strict=True))
    except (TypeError, ValueError):
        whole = False
    if not whole or isinstance(given, str):
        raise OperatorError(
            "a multi-index is a list of exponents, whole numbers, one per coordinate",
            expression=repr(given)[:200],
            hint="write partials(f, [(2, 0), (1, 1)]) for f_xx and f_xy: a list of "
            "multi-indices, also of a single one",
        )
    return alpha


@public("oc.taylor.derivatives(f, 3)(x)")
def derivatives(
    fun: Callable[..., Any], order: int, along: Any = None
) -> Callable[..., tuple]:
    r"""Returns the derivatives 0 ... n along a line, all in one pass.

    $\frac{d^k}{ds^k} f(x + s v)$ for k = 0 ... n; for a function of one number and v = 1
    these are its derivatives. Orders go up to `HIGHEST_UNIVARIATE`; numbers that come near
    the end of the range of the point's dtype are infinite (beyond order 30 in single
    precision, for functions whose derivatives grow like k!).

    Args:
        fun: a function of an array of any shape, or of a pytree of arrays; its result
            is a pytree of arrays, real or complex.
        order: n.
        along: v, like the point; 1 by default, for a point that is one number.

    Returns:
        A function of ONE point, and of further arguments that `fun` gets as they are; a
        tuple of n + 1 results like that of `fun`.

    Raises:
        OperatorError: for an order that is not a whole number >= 0 or too high, for a
            point of several numbers without `along`, and if the two do not fit.

    Examples:
        >>> [float(d) for d in oc.taylor.derivatives(lambda x: x**3, 4)(2.0)]
        [8.0, 12.0, 12.0, 6.0, 0.0]
    """
    if order < 0:
        raise OperatorError(
            "the order of a derivative is a whole number, 0 or more",
            expression=f"order={order!r}",
            hint="derivatives(f, 3) gives f, f', f'' and f'''",
        )
    if order > HIGHEST_UNIVARIATE:
        raise OperatorError(
            f"derivatives of order {order}",
            expression=f"order={order}",
            hint=f"orders go up to {HIGHEST_UNIVARIATE}: the factorial of the next one is "
            "no double",
        )

    @public("oc.taylor.derivatives(f, 3)(x)")
    def at(point: Any, *others: Any, **named: Any) -> tuple:
        where = coordinates_of(point, "derivatives")
        if along is None and [leaf.shape for leaf in where.leaves] != [()]:
            shapes = ", ".join(str(leaf.shape) for leaf in where.leaves)
            raise OperatorError(
                "derivatives are taken of a function of one number, or along a direction",
                expression=f"a point of shape {shapes}",
                hint="give the direction, derivatives(f, n, along=v) with v like the "
                "point; for a batch of numbers map with jax.vmap",
            )
        size = step(order)
        row = per_coordinate(1 if along is None else along, where, "directions")
        parts = where.parts(jnp.asarray(row))
        starts = []
        for leaf, part in zip(where.leaves, parts, strict=True):
            series = [leaf, (part * size).astype(leaf.dtype), *[None] * (order - 1)]
            starts.append(make(series[: order + 1], leaf.shape, leaf.dtype))
        outputs = _pushed(bound(fun, others, named), where, starts, univariate(order))
        leaves, structure = jax.tree.flatten(outputs)
        columns = [[primal(o), *series_of(o, order, True)] for o in leaves]
        return tuple(
            jax.tree.unflatten(structure, [column[k] for column in columns])
            for k in range(order + 1)
        )

    return at


# --- second order: value, gradient, Laplacian -----------------------------------------


def _weights(given: Any, where: Coordinates) -> Any:
    """Returns weights in a row: of numpy if they are known, else traced."""
    return per_coordinate(1 if given is None else given, where, "weights")


def _second_order(
    fun: Callable[[Any], Any],
    where: Coordinates,
    weights: Any,
    tuning: Tuning,
    with_gradient: bool,
) -> tuple[Any, Callable[[Value], Array]]:
    r"""Pushes once: outputs with channels $\partial_i f$, and how to read the Laplacian.

    Known weights are structure constants, $e_i e_i = w_i s$; with traced ones each
    second derivative has a channel of its own.
    """
    row = _weights(weights, where)
    known = tuple(row.tolist()) if isinstance(row, np.ndarray) else None
    count = where.count
    family = count >= tuning.fold_from
    algebra = _quadratic_algebra(count, known, family)
    if family:
        starts, seeds = where.unit_family(algebra, tuning.sparsity), 1
    else:
        rows = [where.seed([i], [1.0]) for i in range(count)]
        seeds = len(rows)
        rest = [None] * (algebra.size - 1 - seeds)
        starts = [
            make([leaf, *(row[n] for row in rows), *rest], leaf.shape, leaf.dtype)
            for n, leaf in enumerate(where.leaves)
        ]
    second = range(1 + seeds, algebra.size)
    wanted = {0, *second} | (set(range(1, second.start)) if with_gradient else set())
    outputs = _pushed(fun, where, starts, algebra, wanted, tuning)

    def read(output: Value) -> Array:
        if not isinstance(output, AlgebraArray):
            return jnp.zeros_like(output)
        if known is not None:
            return 2 * output.dense(second.start)
        rows = _rows(output, second, count)
        return 2 * jnp.tensordot(rows, jnp.asarray(row).astype(_real(rows.dtype)), 1)

    return outputs, read


def _real(dtype: Any) -> Any:
    return jnp.finfo(dtype).dtype


@lru_cache(maxsize=64)
def _quadratic_algebra(
    count: int, weights: tuple[float, ...] | None, family: bool
) -> TaylorAlgebra:
    """Returns the algebra of a weighted Laplacian, or of all pure second derivatives."""
    first = [Channel(1, "x", count)] if family else [
        Channel(1, f"x{i + 1}") for i in range(count)
    ]  # fmt: skip
    size = len(first)
    if weights is None:
        second = [Channel(2, f"{c.label}^2", c.count) for c in first]
        products = [(i, i, size + i, Fraction(1)) for i in range(1, size + 1)]
    else:
        second = [Channel(2, "sum of w x^2")]
        exact = tuple(map(Fraction, weights))
        if family:
            uniform = len(set(exact)) == 1
            products = [(1, 1, 2, exact[0] if uniform else exact)]
        else:
            products = [(i, i, size + 1, w) for i, w in enumerate(exact, 1)]
        products = [p for p in products if isinstance(p[3], tuple) or p[3]]
    return TaylorAlgebra((Channel(0, "1"), *first, *second), tuple(products))


def _rows(output: AlgebraArray, channels: range, count: int) -> Array:
    """Returns what stands in channels, one or a family, along a last axis."""
    if len(channels) == count:
        return jnp.stack([output.dense(k) for k in channels], -1)
    return jnp.moveaxis(output.family(channels.start, count), 0, -1)


def _gradient(where: Coordinates, output: Value) -> Any:
    count = where.count
    if not isinstance(output, AlgebraArray):
        row = jnp.zeros((*jnp.shape(output), count), jnp.result_type(output))
    else:
        explicit = len(output.coefficients) > 3 or count == 1
        row = _rows(output, range(1, count + 1) if explicit else range(1, 2), count)
    return where.unflatten(where.parts(row))


def _pushed(
    fun: Callable[[Any], Any],
    where: Coordinates,
    starts: Sequence[Value],
    algebra: TaylorAlgebra,
    wanted: Any = None,
    tuning: Tuning = DEFAULT,
) -> Any:
    """Pushes the leaves of a point; returns values in the structure of the result."""
    shapes = ", ".join(str(leaf.shape) for leaf in where.leaves)

    def flat(*leaves: Array) -> Any:
        with explained(
            f"the function cannot be called on one point of shape {shapes}",
            "all of what is given is ONE point; map over a batch of points with jax.vmap",
        ):
            return fun(where.unflatten(leaves))

    return push_tree(flat, starts, algebra, wanted, tuning)


# --- any linear operator --------------------------------------------------------------


@lru_cache(maxsize=64)
def _bilaplacian_symbol(weights: tuple[Fraction, ...]) -> OperatorSymbol:
    dim = len(weights)
    terms: Mapping[MultiIndex, Fraction] = {MultiIndex.zero(dim): Fraction(1)}
    for _ in range(2):
        grown: dict[MultiIndex, Fraction] = {}
        for alpha, c in terms.items():
            for i, w in enumerate(weights):
                beta = alpha + MultiIndex.unit(dim, i) + MultiIndex.unit(dim, i)
                grown[beta] = grown.get(beta, Fraction(0)) + c * w
        terms = {alpha: c for alpha, c in grown.items() if c}
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
    fun: Callable[[Any], Any],
    where: Coordinates,
    symbols: tuple[OperatorSymbol, ...],
) -> list[Any]:
    """Applies operators in one pass; the parameters are scaled as in `jet.step`."""
    algebra, tangents, readouts = _scheme(symbols, where.count)
    size = step(algebra.order)
    rows = [
        where.seed([p for p, _ in tangent], [float(c * size) for _, c in tangent])
        for tangent in tangents[1:]
    ]
    starts = [
        make([leaf, *(row[n] for row in rows)], leaf.shape, leaf.dtype)
        for n, leaf in enumerate(where.leaves)
    ]
    wanted = {channel for readout in readouts for channel, _ in readout}
    outputs = _pushed(fun, where, starts, algebra, wanted)
    scaled = [
        tuple((k, c / size ** algebra.channels[k].degree) for k, c in readout)
        for readout in readouts
    ]
    return [jax.tree.map(partial(_read, readout), outputs) for readout in scaled]


def _read(readout: ReadOut, output: Value) -> Array:
    total = jnp.zeros_like(primal(output))
    for channel, c in readout:
        if isinstance(output, AlgebraArray):
            total = total + output.dense(channel) * float(c)
        elif channel == 0:
            total = total + output * float(c)
    return total
