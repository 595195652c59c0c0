r"""`jet`: univariate Taylor mode, a drop-in for `jax.experimental.jet.jet`.

In: a function, values of its arguments, and the Taylor coefficients of each argument. Out:
the value of the function and its coefficients of the same orders.

    jet(jnp.sin, (0.0,), ([1.0, 0.0, 0.0],))   # 0, [1, 0, -1]: derivatives 1 to 3 at 0

It is one push in the algebra of $1, t, \dots, t^n$, so it has a rule wherever the package
has one. Coefficients are normalised inside; only the two ends multiply by factorials.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler._compat import differentiable
from opcompiler.algebra.weil import univariate
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.push import push_tree
from opcompiler.taylor.value import AlgebraArray, make, primal, Value


@public("oc.jet(f, (x,), ([1.0, 0.0],))")
def jet(
    fun: Callable[..., Any],
    primals: Sequence[Any],
    series: Sequence[Sequence[Any]],
    factorial_scaled: bool = True,
    **_: Any,
) -> tuple[Any, Any]:
    r"""Pushes truncated Taylor series through a function.

    Takes any primitive that JAX can differentiate, at any order; inside, coefficients
    are normalised, so no factorial is rounded on the way.

    Args:
        fun: any JAX function of as many arguments as there are primals, a pytree out.
        primals: the arguments' values; arrays or pytrees of them. Integer arrays are
            constants.
        series: for each argument its coefficients of order 1, 2, ...; each has the
            structure of the argument.
        factorial_scaled: whether the k-th coefficient is the k-th derivative (as in
            `jax.experimental.jet`), or the derivative over k!.

    Returns:
        `(value, series)`: the value of `fun`, and at each leaf of the same structure
        the list of its coefficients of order 1, 2, ....

    Raises:
        OperatorError: if arguments have series of different lengths, or coefficients
            of another structure or shape than their argument.

    Examples:
        >>> value, series = oc.jet(jnp.sin, (0.0,), ((1.0, 0.0, 0.0),))
        >>> [float(s) for s in series]
        [1.0, 0.0, -1.0]

    Source: Bettencourt, Johnson, Duvenaud, *Taylor-mode automatic differentiation for
    higher-order derivatives in JAX* (2019); Griewank & Walther (2008), ch. 13.
    """
    order = _common_length(primals, series)
    algebra = univariate(order)
    structure = jax.tree.structure(tuple(primals))
    starts: list[Value] = []
    for number, (value, terms) in enumerate(zip(primals, series, strict=True)):
        starts += _starts(number, value, terms, factorial_scaled)

    def flat(*leaves: Array) -> Any:
        return fun(*jax.tree.unflatten(structure, leaves))

    outputs = push_tree(flat, starts, algebra)
    series_at = lambda output: series_of(output, order, factorial_scaled)
    return jax.tree.map(primal, outputs), jax.tree.map(series_at, outputs)


def _common_length(primals: Sequence[Any], series: Sequence[Sequence[Any]]) -> int:
    lengths = [len(terms) for terms in series]
    if len(lengths) != len(primals) or len(set(lengths)) != 1:
        raise OperatorError(
            f"{len(primals)} arguments have series of lengths {lengths}",
            expression=f"series of lengths {lengths}",
            hint="give every argument a series of the same length",
        )
    return lengths[0]


def _starts(
    number: int, value: Any, terms: Sequence[Any], factorial_scaled: bool
) -> list[Value]:
    """Returns the algebra-valued leaves of one argument."""
    leaves, structure = jax.tree.flatten(value)
    columns: list[list[Any]] = [[] for _ in leaves]
    for order, term in enumerate(terms, start=1):
        parts, found = jax.tree.flatten(term)
        if found != structure:
            raise OperatorError(
                f"coefficient {order} of argument {number} has another structure",
                expression=f"{found}",
                hint=f"give it the structure of the argument, {structure}",
            )
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    with explained(f"argument {number} is no array", "give arrays of numbers"):
        leaves = list(map(jnp.asarray, leaves))
    return [
        _start(number, leaf, column, factorial_scaled)
        for leaf, column in zip(leaves, columns, strict=True)
    ]


def _start(
    number: int, value: Array, terms: Sequence[Any], factorial_scaled: bool
) -> Value:
    if not differentiable(value.dtype):
        return value
    coefficients: list[Array] = [value]
    for order, term in enumerate(terms, start=1):
        array = jnp.asarray(term, value.dtype)
        if array.shape not in ((), value.shape):
            raise OperatorError(
                f"coefficient {order} of argument {number} has shape {array.shape}",
                expression=f"{array.shape}",
                hint=f"give it the shape of the argument, {value.shape}",
            )
        array = jnp.broadcast_to(array, value.shape)
        scale = _factorial(order, len(terms)) if factorial_scaled else 1
        coefficients.append(array / scale if scale != 1 else array)
    return make(coefficients, value.shape, value.dtype)


def series_of(output: Value, order: int, factorial_scaled: bool) -> list[Array]:
    """Returns the coefficients 1 ... order of a univariate value.

    Derivatives are of a push whose parameter was scaled by `step`.
    """
    if not isinstance(output, AlgebraArray):
        return [jnp.zeros_like(output)] * order
    if not factorial_scaled:
        return [output.dense(k) for k in range(1, order + 1)]
    return [output.dense(k) * _factorial(k, order) for k in range(1, order + 1)]


_PLAIN = 20
"""Orders up to here have factorials that every float holds."""


def step(order: int) -> int:
    r"""Returns $\lambda$: a push to this order is one in $t/\lambda$.

    With $\lambda \approx n/e$ the numbers $\lambda^k/k!$ by which derivatives and
    coefficients differ stay moderate for all k up to n; 1/40! is no float32. A power of
    two, so that nothing is rounded.
    """
    return 1 if order <= _PLAIN else 2 ** round(math.log2(order / math.e))


def _factorial(k: int, order: int) -> float:
    """Returns k! in units of the step."""
    return float(Fraction(math.factorial(k), step(order) ** k))
