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
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra, univariate
from opcompiler.taylor.arithmetic import (
    add_up,
    compose,
    is_looped,
    product,
    Series,
    times_composed,
)
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rows import joined, Rows, stacked, unstacked
from opcompiler.taylor.value import Coefficient, instantiate, make, Value

Recurrence = Callable[
    [TaylorAlgebra, Sequence[Coefficient], Array], tuple[Series, Series]
]
"""(algebra, coefficients of u, plain value of y) -> coefficients of y and of z."""


Both = Callable[[TaylorAlgebra, Sequence[Coefficient]], tuple[Series, Series]]
"""A recurrence in an algebra, at a series, whose plain value is known."""


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
    algebra, dtype = context.algebra, u.dtype  # below, no function holds a tracer

    def in_algebra(
        algebra: TaylorAlgebra, series: Sequence[Coefficient]
    ) -> tuple[Series, Series]:
        value = _compat.bind(equation, plain_value(series))[0]
        return recurrence(algebra, series, value)

    def in_one_variable(start: Array) -> tuple[Series, Series]:
        line = univariate(algebra.order)
        tangent = [start, jnp.ones((), dtype), *[None] * (algebra.order - 1)]
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
    scalar: Callable[..., tuple[Series, Series]],
    given: Sequence[Any] = (),
) -> Series:
    r"""Composes $\sigma$ with u; `scalar` gives the series of $\sigma, \sigma'$ at u_0.

    Args:
        algebra: the algebra of u.
        u: the argument.
        scalar: a function of u_0 and of what is given. It may hold no array itself: JAX
            keeps it, beyond the trace that such an array would belong to.
        given: plain arrays that the function depends on, trained ones perhaps.
    """

    @jax.custom_jvp
    def sigma(series: tuple[Coefficient, ...], given: tuple[Any, ...]) -> Series:
        return compose(algebra, series, scalar(plain_value(series), *given)[0])

    def derivative(primals: Any, tangents: Any) -> tuple[Series, Series]:
        (series, given), (du, moved) = primals, tangents
        value, slope = scalar(plain_value(series), *given)
        y = compose(algebra, series, value)
        dy = times_composed(algebra, series, slope, jax.tree.map(_dense, du))
        if any(_compat.moves(d) for d in moved):
            rate = _rate_of_given(algebra, series, scalar, given, moved)
            dy = [add_up(a, b) for a, b in zip(dy, rate, strict=True)]
        return y, [_like(d, c) for d, c in zip(dy, y, strict=True)]

    sigma.defjvp(derivative, symbolic_zeros=True)
    return sigma(tuple(u), tuple(given))


def _rate_of_given(
    algebra: TaylorAlgebra,
    series: Sequence[Coefficient],
    scalar: Callable[..., tuple[Series, Series]],
    given: Sequence[Any],
    moved: Sequence[Any],
) -> Series:
    """Returns the derivative of a composition by what is given beside its argument."""
    places = [i for i, d in enumerate(moved) if _compat.moves(d)]

    def at(*values: Array) -> Series:
        operands = list(given)
        for place, value in zip(places, values, strict=True):
            operands[place] = value
        return compose(algebra, series, scalar(plain_value(series), *operands)[0])

    arrays, rates = ([column[i] for i in places] for column in (given, moved))
    return jax.jvp(at, arrays, rates)[1]


def _dense(change: Any) -> Array:
    """Writes a zero tangent out."""
    return change if _compat.moves(change) else jnp.zeros(change.shape, change.dtype)


def with_slope(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    both: Both,
) -> Series:
    r"""Returns $y = \sigma(u)$ with the derivative $dy = \sigma'(u)\,du$ in the algebra.

    Differentiating the steps of a recurrence or composition one by one costs several
    transposed products per function; the identity costs one.
    """
    if is_looped(algebra):
        rows = stacked(algebra, u)
        return unstacked(algebra, _rows_with_slope(algebra, rows, both))

    @jax.custom_jvp
    def sigma(series: tuple[Coefficient, ...]) -> Series:
        return both(algebra, series)[0]

    @sigma.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Series, Series]:
        y, slope = both(algebra, primals[0])
        change = product(algebra, slope, tangents[0])
        return y, [_like(dy, c) for dy, c in zip(change, y, strict=True)]

    return sigma(tuple(u))


def _rows_with_slope(algebra: TaylorAlgebra, u: Rows, both: Both) -> Rows:
    """Does the same with all channels in one array."""
    run = by_blocks(algebra, both)

    @jax.custom_jvp
    def sigma(u: Rows) -> Rows:
        return run(u)[0]

    @sigma.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Rows, Rows]:
        y, slope = run(primals[0])
        factors = [rows.series(algebra) for rows in (slope, tangents[0])]
        change = product(algebra.by_degree, *factors)
        pairs = zip(change, y.series(algebra), strict=True)
        return y, joined([_like(dy, c) for dy, c in pairs])

    return sigma(u)


_BLOCK = 1024
"""Numbers per channel that are evaluated at a time on a CPU; see `by_blocks`."""


def by_blocks(algebra: TaylorAlgebra, both: Both) -> Callable[[Rows], Any]:
    """Evaluates an elementwise function of rows block by block on a CPU.

    A recurrence reads every channel many times. Those of a block stay in the cache; all
    points' do not.
    """

    def run(u: Rows) -> tuple[Rows, Rows]:
        y, slope = both(algebra.by_degree, u.series(algebra))
        return joined(y), joined(slope)

    def in_a_loop(u: Rows) -> tuple[Rows, Rows]:
        numbers = u.array.shape[1]

        def block(n: Any) -> Rows:
            # The last one goes back over numbers that are done: starts are clamped.
            return replace(
                u, array=lax.dynamic_slice_in_dim(u.array, n * _BLOCK, _BLOCK, 1)
            )

        def step(n: Array, done: Any) -> Any:
            return jax.tree.map(
                lambda c, new: lax.dynamic_update_slice_in_dim(c, new, n * _BLOCK, 1),
                done,
                run(block(n)),
            )

        def start(like: Any) -> Array:
            empty = jnp.zeros((like.shape[0], numbers), like.dtype)
            return _compat.vary(empty, _compat.varying(jax.typeof(like)))

        empty = jax.tree.map(start, jax.eval_shape(lambda: run(block(0))))
        return lax.fori_loop(0, -(-numbers // _BLOCK), step, empty)

    def blocked(u: Rows) -> tuple[Rows, Rows]:
        shape = u.array.shape[1:]
        flat = replace(u, array=u.array.reshape(len(u.array), -1))
        if flat.array.shape[1] <= _BLOCK:
            found = run(flat)
        else:
            found = lax.platform_dependent(flat, cpu=in_a_loop, default=run)
        return jax.tree.map(lambda c: c.reshape(len(c), *shape), found)

    return blocked


def _like(change: Coefficient, value: Coefficient) -> Coefficient:
    """Gives a tangent the form of its value."""
    if value is None:
        return None
    full = instantiate(change, value.shape, value.dtype)
    return _compat.vary(full, _compat.varying(value))


def plain_value(u: Sequence[Coefficient]) -> Array:
    """Returns the unit's channel, which must be there."""
    assert u[0] is not None
    return u[0]
