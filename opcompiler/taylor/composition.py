r"""How an elementwise function of one array is evaluated in an algebra.

A function is given by the recurrence of its Taylor coefficients, written with the Euler
derivation $E$ so that it holds in every graded algebra:

$$ E y = z\, E u, \qquad z = \sigma'(u) . $$

At low order in several directions it is cheaper to take the scalar derivatives
$\sigma^{(k)}(u_0)/k!$ from the same recurrence in one variable and to compose them with
the nilpotent part of u, because that needs one product per order.

The plain value always comes from the primitive itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra, univariate
from opcompiler.taylor.arithmetic import compose, product, Series, times_composed
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import Coefficient, instantiate, make, Value

Recurrence = Callable[
    [TaylorAlgebra, Sequence[Coefficient], Array], tuple[Series, Series]
]
"""(algebra, coefficients of u, plain value of y) -> coefficients of y and of z."""


def elementwise(*names: str) -> Callable[[Recurrence], Recurrence]:
    """Registers the recurrence of elementwise primitives of one operand."""

    def register(recurrence: Recurrence) -> Recurrence:
        def by_recurrence(
            context: Context, equation: Any, inputs: Sequence[Value]
        ) -> list[Value]:
            return apply_recurrence(context, equation, inputs, recurrence)

        kind = recurrence.__module__.rpartition(".")[2]
        rule(*names, families=True, kind=kind)(by_recurrence)
        return recurrence

    return register


def apply_recurrence(
    context: Context, equation: Any, inputs: Sequence[Value], recurrence: Recurrence
) -> list[Value]:
    """Runs a recurrence in the algebra, or in one variable and composes."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    algebra = context.algebra

    def in_algebra(series: Sequence[Coefficient]) -> tuple[Series, Series]:
        value = _compat.bind(equation, plain_value(series))[0]
        return recurrence(algebra, series, value)

    def in_one_variable(start: Array) -> tuple[Series, Series]:
        line = univariate(algebra.order)
        tangent = [start, jnp.ones((), u.dtype), *[None] * (algebra.order - 1)]
        return recurrence(line, tangent, _compat.bind(equation, start)[0])

    if should_compose(context):
        series = composed(algebra, (u.primal, *u.coefficients[1:]), in_one_variable)
    else:
        series = with_slope(algebra, (u.primal, *u.coefficients[1:]), in_algebra)
    return [make(series, aval.shape, aval.dtype)]


def should_compose(context: Context) -> bool:
    """Whether composing scalar derivatives beats the recurrence in the algebra.

    In one direction the recurrence is the scalar one, and there is nothing to compose.
    """
    algebra = context.algebra
    one_direction = algebra.degrees == (1,) * (algebra.order + 1)
    if one_direction and not algebra.has_families:
        return False
    return 1 <= algebra.order <= context.compose_upto


def composed(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    scalar: Callable[[Array], tuple[Series, Series]],
) -> Series:
    r"""Composes $\sigma$ with u; `scalar` gives the series of $\sigma, \sigma'$ at u_0."""

    @jax.custom_jvp
    def sigma(series: tuple[Coefficient, ...]) -> Series:
        return compose(algebra, series, scalar(plain_value(series))[0])

    @sigma.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Series, Series]:
        (series,), (du,) = primals, tangents
        value, slope = scalar(plain_value(series))
        y = compose(algebra, series, value)
        dy = times_composed(algebra, series, slope, du)
        return y, [_like(d, c) for d, c in zip(dy, y, strict=True)]

    return sigma(tuple(u))


def with_slope(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    both: Callable[[Sequence[Coefficient]], tuple[Series, Series]],
) -> Series:
    r"""Returns $y = \sigma(u)$ with the derivative $dy = \sigma'(u)\,du$ in the algebra.

    Differentiating the steps of a recurrence or composition one by one costs several
    transposed products per function; the identity costs one.
    """

    @jax.custom_jvp
    def sigma(series: tuple[Coefficient, ...]) -> Series:
        return both(series)[0]

    @sigma.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Series, Series]:
        y, slope = both(primals[0])
        change = product(algebra, slope, tangents[0])
        return y, [_like(dy, c) for dy, c in zip(change, y, strict=True)]

    return sigma(tuple(u))


def _like(change: Coefficient, value: Coefficient) -> Coefficient:
    """Gives a tangent the form of its value."""
    return None if value is None else instantiate(change, value.shape, value.dtype)


def plain_value(u: Sequence[Coefficient]) -> Array:
    """Returns the unit's channel, which must be there."""
    assert u[0] is not None
    return u[0]
