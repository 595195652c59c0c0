"""Elementwise functions of several arrays: sums, products, quotients, powers, choices.

In: operands of equal shapes, or numbers beside arrays; some may be plain. Out: the channels
of the result, for instance

    (a + b e) * (c + d e)  =  a c + (a d + b c) e
    max(a + b e, c + d e)  =  a + b e, where a > c

Each function is a rule of one primitive or two, and `_entrywise` registers it together with
its form for sparse values. Where one operand is plain, the rule acts on each channel of the
other alone; a choice looks at the values, never at the channels above them, because a
derivative cannot change which branch is taken.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    add_up,
    compose,
    derived,
    divide,
    multiply,
    product,
    scale,
    scaled,
    Series,
    square,
    sums_of_products,
)
from opcompiler.taylor.primitives import Context, one_output, primitive
from opcompiler.taylor.rules import local, sparse_entries
from opcompiler.taylor.rules.composition import Channels
from opcompiler.taylor.rules.elementwise import exponential, logarithm
from opcompiler.taylor.value import (
    Coefficient,
    coefficients,
    family_axis,
    instantiate,
    is_active,
    lift,
    map_channels,
    primal,
    raised,
    Value,
)

_entrywise = partial(
    primitive,
    kind="elementwise",
    sparse=sparse_entries.pointwise,
    local=local.entrywise,
)

# --- sums and products ------------------------------------------------------------------


@_entrywise("add", "sub", entries="flat")
@_entrywise("add_any")
@one_output
def add(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Adds or subtracts channel by channel; zeros cost nothing."""
    (aval,) = _compat.output_avals(equation)
    minus = equation.primitive.name == "sub"
    left, right = (
        coefficients(raised(value, aval.shape), context.algebra) for value in inputs
    )
    series: Series = []
    for a, b in zip(left, right, strict=True):
        if b is None:
            series.append(a)
        elif a is None:
            series.append(lax.neg(b) if minus else b)
        else:
            series.append(jnp.subtract(a, b) if minus else jnp.add(a, b))
    return series


@_entrywise("mul", entries="flat")
@one_output
def mul(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Elementwise product; the square of one value costs half."""
    (aval,) = _compat.output_avals(equation)
    x, w = (raised(value, aval.shape) for value in inputs)
    if not is_active(x):
        x, w = w, x
    if not is_active(w):
        w = jnp.asarray(w)
        return map_channels(lambda c: multiply(c, w), x)
    if inputs[0] is inputs[1]:
        return square(context.algebra, x.coefficients)
    return product(context.algebra, x.coefficients, w.coefficients)


@_entrywise("square", entries="curved")
@one_output
def squared(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """The elementwise square."""
    series = square(context.algebra, inputs[0].coefficients)
    series[0] = _compat.bind(equation, inputs[0].primal)[0]
    return series


# --- quotients and powers ---------------------------------------------------------------


@_entrywise("div", entries="curved", steep=True)
@one_output
def quotient(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    r"""$y_d = (u_d - \sum_{s \ge 1} w_s y_{d-s})/w_0$."""
    (aval,) = _compat.output_avals(equation)
    u, w = (raised(value, aval.shape) for value in inputs)
    if not is_active(w):
        w = jnp.asarray(w)
        series: Series = map_channels(lambda c: divide(c, w), u)
        return series
    algebra = context.algebra
    above = coefficients(u, algebra)
    below = w.coefficients
    bottom = w.primal
    # What has no unit's channel, such as a derivative's series, is 0 over 0 too.
    value = None
    if above[0] is not None:
        value = _compat.bind(equation, *map(primal, inputs))[0]
    series = [value, *[None] * (algebra.size - 1)]
    for here in map(algebra.of_degree, range(1, algebra.order + 1)):
        taken = sums_of_products(algebra, here, below, series)
        for k, part in zip(here, taken, strict=True):
            top = add_up(above[k], scaled(-1, part))
            series[k] = None if top is None else divide(top, bottom)
    return series


@_entrywise("pow", entries="curved", steep=True)
@one_output
def power(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """x**r: the binomial series for constant r, else exp(r log x)."""
    (aval,) = _compat.output_avals(equation)
    algebra = context.algebra
    x, r = (raised(value, aval.shape) for value in inputs)
    value = _compat.bind(equation, *map(primal, inputs))[0]
    base, start = coefficients(x, algebra), jnp.asarray(primal(x))
    if is_active(r):
        safe = jnp.where(start == 0, 1, start)
        log, _ = logarithm(algebra, [safe, *base[1:]], lax.log(safe))
        exponent = product(algebra, r.coefficients, log)
        series, _ = exponential(algebra, exponent, jnp.where(start == 0, 1, value))
        at_zero = _power_of_zero(algebra, base, r.coefficients, value)
        series = [
            _where(start == 0, a, b, aval) for a, b in zip(at_zero, series, strict=True)
        ]
    else:
        slopes = _power_slopes(start, jnp.asarray(r), algebra.order)
        series = compose(algebra, base, [value, *slopes])
    series[0] = value
    return series


def _power_of_zero(
    algebra: TaylorAlgebra,
    x: Channels,
    r: Channels,
    value: Array,
) -> Series:
    """Returns x**r where x starts at 0: as if r were constant, until its change counts.

    The change of r enters as x**r log(x) times it, which has a limit in a degree only
    if the factor x**r vanishes there; where it does not, there is no derivative.
    """
    assert r[0] is not None
    start = jnp.asarray(x[0])
    steady = compose(algebra, x, [value, *_power_slopes(start, r[0], algebra.order)])
    change = product(algebra, steady, [None, *r[1:]])
    broken = jnp.zeros((), bool)
    series: Series = [value]
    fixed = all(c is None for c in x[1:])
    for degree in range(1, algebra.order + 1):
        channels = algebra.of_degree(degree)
        for k in channels:
            if (moved := change[k]) is not None:
                counts = moved != 0
                if moved.ndim > value.ndim:
                    counts = jnp.any(counts, family_axis(value.ndim))
                broken = broken | counts
        # The first derivative of 0**r by r is 0 in JAX, at the jump r = 0 too.
        here = False if fixed and degree == 1 else broken
        series += [
            _where(jnp.asarray(here), jnp.full((), jnp.nan), steady[k], value)
            for k in channels
        ]
    return series


def _where(which: Array, a: Coefficient, b: Coefficient, like: Any) -> Coefficient:
    """Selects between channels, each direction of a family alike."""
    if a is None and b is None:
        return None
    zero = jnp.zeros((), like.dtype)
    a, b = (zero if c is None else c.astype(like.dtype) for c in (a, b))
    rank = max(a.ndim, b.ndim)
    if rank > len(like.shape):
        axis = family_axis(len(like.shape))
        which, a, b = (
            c if c.ndim in (0, rank) else jnp.expand_dims(c, axis)
            for c in (which, a, b)
        )
    return jnp.where(which, a, b)


def _power_slopes(x: Array, r: Array, order: int) -> list[Array]:
    """The binomial series' terms; where the coefficient is zero, so is the term.

    Hence x**2.0 has the derivatives of x*x at 0, and not 0 * inf.
    """
    exponent = r.astype(x.dtype)
    slopes = []
    coefficient = jnp.ones_like(exponent)
    for k in range(1, order + 1):
        coefficient = coefficient * (exponent - (k - 1)) / k
        vanishes = coefficient == 0
        safe = jnp.where(vanishes, 1.0, exponent - k).astype(x.dtype)
        term = jnp.where(vanishes, 0.0, coefficient).astype(x.dtype)
        slopes.append(multiply(term, jnp.power(x, safe)))
    return slopes


@_entrywise("atan2", entries="curved", steep=True)
@one_output
def atan2(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    r"""Solves $(x^2 + y^2)\, D\theta = x\, D y - y\, D x$."""
    algebra = context.algebra
    (aval,) = _compat.output_avals(equation)
    y, x = (coefficients(raised(value, aval.shape), algebra) for value in inputs)
    radius = list(map(add_up, product(algebra, x, x), product(algebra, y, y)))
    angle: Series = [_compat.bind(equation, *map(primal, inputs))[0]]
    angle += [None] * (algebra.size - 1)
    for here in map(algebra.of_degree, range(1, algebra.order + 1)):
        forth, back, known = (
            derived(algebra, here, moving, beside)
            for moving, beside in ((y, x), (x, y), (angle, radius))
        )
        for k, plus, *minus in zip(here, forth, back, known, strict=True):
            turn = add_up(plus, *(scaled(-1, c) for c in minus))
            angle[k] = None if turn is None else divide(turn, radius[0])
    return angle


# --- choices by plain values ------------------------------------------------------------


@_entrywise("max", "min", entries="selecting")
@one_output
def extreme(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """The channels of the larger or smaller one; at a tie the mean, as JAX has it."""
    wins = lax.gt if equation.primitive.name == "max" else lax.lt
    (aval,) = _compat.output_avals(equation)
    left, right = (
        jnp.broadcast_to(jnp.asarray(primal(value)), aval.shape) for value in inputs
    )
    first, tie = wins(left, right), lax.eq(left, right)

    def chosen(a: Array, b: Array) -> Array:
        return jnp.where(tie, scale(0.5, a + b), jnp.where(first, a, b))

    rank = len(aval.shape)
    columns = [
        coefficients(raised(value, aval.shape), context.algebra) for value in inputs
    ]
    series: Series = [_compat.bind(equation, *map(primal, inputs))[0]]
    for channel in zip(*(column[1:] for column in columns), strict=True):
        if all(c is None for c in channel):
            series.append(None)
            continue
        operands = [(instantiate(c, aval.shape, aval.dtype), rank) for c in channel]
        series.append(lift(chosen, rank, *operands))
    return series


@_entrywise("clamp", entries="selecting")
@one_output
def clamp(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """The channels of whichever of bound and operand is returned.

    At the bounds themselves the derivative is zero, as JAX has it.
    """
    (aval,) = _compat.output_avals(equation)
    low, x, high = (jnp.asarray(primal(value)) for value in inputs)
    taken = ((x < low) & (low < high), (low < x) & (x < high), high < x)
    rank = len(aval.shape)

    def kept(here: Array, c: Coefficient) -> Coefficient:
        if c is None:
            return None
        full = instantiate(c, aval.shape, aval.dtype)
        return lift(lambda one: jnp.where(here, one, 0), rank, (full, rank))

    columns = [
        coefficients(raised(value, aval.shape), context.algebra) for value in inputs
    ]
    series: Series = [_compat.bind(equation, low, x, high)[0]]
    for channel in zip(*(column[1:] for column in columns), strict=True):
        series.append(add_up(*map(kept, taken, channel)))
    return series


@_entrywise("select_n", entries="selecting")
@one_output
def select(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Selects in every channel by the plain predicate.

    A branch that is not taken cannot leak: its channels are never multiplied.
    """
    which, cases = primal(inputs[0]), inputs[1:]
    (aval,) = _compat.output_avals(equation)
    rank = len(aval.shape)
    columns = [coefficients(case, context.algebra) for case in cases]
    series: Series = [_compat.bind(equation, which, *map(primal, cases))[0]]
    for channel in zip(*(column[1:] for column in columns), strict=True):
        if all(c is None for c in channel):
            series.append(None)
            continue
        operands = [(instantiate(c, aval.shape, aval.dtype), rank) for c in channel]
        chosen = lift(lambda *arrays: lax.select_n(which, *arrays), rank, *operands)
        series.append(chosen)
    return series


@_entrywise("rem")
@one_output
def remainder(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """U - trunc(u/w) w: the quotient is constant between its jumps."""
    (aval,) = _compat.output_avals(equation)
    u, w = (raised(value, aval.shape) for value in inputs)
    value = _compat.bind(equation, *map(primal, inputs))[0]
    quotient = jnp.round((jnp.asarray(primal(u)) - value) / primal(w))
    above, below = (coefficients(v, context.algebra) for v in (u, w))
    series: Series = [value]
    for a, b in zip(above[1:], below[1:], strict=True):
        taken: Coefficient = None if b is None else lax.neg(multiply(quotient, b))
        series.append(add_up(a, taken))
    return series
