r"""How an elementwise function of one array is evaluated in an algebra.

In: the channels of u and a description of the function. Out: the channels of $\sigma(u)$.

    @elementwise("tanh")                       # a recurrence in any algebra
    def tanh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve: ...

    @by_derivatives("lgamma")                  # the Taylor coefficients at one number
    def log_gamma(equation: Equation, start: Array, order: int) -> Curve: ...

A recurrence is written with a derivation $D$ that multiplies each channel by a weight
(`TaylorAlgebra.derivations`), so that it holds in every graded algebra:

$$ D y = z\, D u, \qquad z = \sigma'(u) . $$

At low order in several directions it is cheaper to take the scalar derivatives
$\sigma^{(k)}(u_0)/k!$ from the same recurrence in one variable and to *compose* them with
the nilpotent part of u, because that needs one product per order. A program that holds
elementwise primitives only, such as the body of `gelu`, is composed in the same way: it
costs no more products than `tanh`. In a large algebra a series is one array of *rows*, so
that a recurrence has one step per degree, whatever the number of channels is.

The plain value always comes from the primitive itself.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
    scale,
    Series,
    times_composed,
)
from opcompiler.taylor.interpret import apply
from opcompiler.taylor.primitives import Context, one_output, primitive, row_of
from opcompiler.taylor.rules import local
from opcompiler.taylor.rules.sparse_entries import pointwise as pointwise_at_places
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    coefficients,
    instantiate,
    is_active,
    make,
    Value,
)

Channels = Sequence[Coefficient]

Curve = tuple[Series, Series]
"""The coefficients of a function and of its derivative."""

Recurrence = Callable[[TaylorAlgebra, Channels, Array], Curve]
"""(algebra, coefficients of u, plain value of y) -> coefficients of y and of z."""

Derivatives = Callable[[_compat.Equation, Array, int], Curve]
"""(equation, u_0, K) -> the coefficients 0 ... K in one variable, at every entry of u_0."""

Both = Callable[[TaylorAlgebra, Channels], Curve]
"""A recurrence in an algebra, at a series, whose plain value is known."""

_one_array = partial(
    primitive,
    kind="elementwise",
    sparse=pointwise_at_places,
    local=local.entrywise,
)


def elementwise(
    *names: str,
    curved: bool = True,
    steep: bool = False,
    closed: Derivatives | None = None,
) -> Callable[[Recurrence], Recurrence]:
    """Declares elementwise primitives of one operand by their recurrence.

    Args:
        names: of the primitives.
        curved: whether second derivatives are not zero.
        steep: whether derivatives may be infinite or very large.
        closed: the scalar derivatives, if less arithmetic gives them up to order
            `CLOSED_UPTO`.
    """

    def declare(recurrence: Recurrence) -> Recurrence:
        @one_output
        def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
            return _by_recurrence(context, equation, inputs[0], recurrence, closed)

        _one_array(*names, entries="curved" if curved else "", steep=steep)(rule)
        return recurrence

    return declare


def by_derivatives(
    *names: str, curved: bool = True, steep: bool = False
) -> Callable[[Derivatives], Derivatives]:
    """Declares elementwise primitives of one operand by their scalar derivatives."""

    def declare(derivatives: Derivatives) -> Derivatives:
        @one_output
        def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
            (u,), algebra = inputs, context.algebra
            scalar = partial(derivatives, equation)
            return composed(algebra, u, lambda start: scalar(start, algebra.order))

        _one_array(*names, entries="curved" if curved else "", steep=steep)(rule)
        return derivatives

    return declare


CLOSED_UPTO = 4
"""The order up to which a closed form of scalar derivatives is as exact as a recurrence."""


def _by_recurrence(
    context: Context,
    equation: Any,
    u: AlgebraArray,
    recurrence: Recurrence,
    closed: Derivatives | None,
) -> Series:
    """Runs a recurrence in the algebra, or in one variable and composes."""
    algebra, dtype = context.algebra, u.dtype  # below, no function holds a tracer

    def in_algebra(algebra: TaylorAlgebra, series: Channels) -> Curve:
        value = _compat.bind(equation, plain_value(series))[0]
        return recurrence(algebra, series, value)

    def in_one_variable(start: Array) -> Curve:
        if closed is not None and algebra.order <= CLOSED_UPTO:
            return closed(equation, start, algebra.order)
        line = univariate(algebra.order)
        tangent = [start, jnp.ones((), dtype), *[None] * (algebra.order - 1)]
        return recurrence(line, tangent, _compat.bind(equation, start)[0])

    if should_compose(context):
        return composed(algebra, u, in_one_variable)
    return with_slope(algebra, (u.primal, *u.coefficients[1:]), in_algebra)


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
    u: AlgebraArray,
    scalar: Callable[..., Curve],
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

    def derivative(primals: Any, tangents: Any) -> Curve:
        (series, given), (du, moved) = primals, tangents
        value, slope = scalar(plain_value(series), *given)
        y = compose(algebra, series, value)
        du = jax.tree.map(
            lambda d: d if _compat.moves(d) else jnp.zeros(d.shape, d.dtype), du
        )
        dy = times_composed(algebra, series, slope, du)
        places = [i for i, d in enumerate(moved) if _compat.moves(d)]

        def by_given(*values: Array) -> Series:
            operands = list(given)
            for place, value in zip(places, values, strict=True):
                operands[place] = value
            return compose(algebra, series, scalar(plain_value(series), *operands)[0])

        if places:
            arrays, rates = ([column[i] for i in places] for column in (given, moved))
            rate = jax.jvp(by_given, arrays, rates)[1]
            dy = [add_up(a, b) for a, b in zip(dy, rate, strict=True)]
        return y, [_like(d, c) for d, c in zip(dy, y, strict=True)]

    sigma.defjvp(derivative, symbolic_zeros=True)
    return sigma((u.primal, *u.coefficients[1:]), tuple(given))


# --- programs of elementwise primitives -------------------------------------------------


def is_pointwise(context: Context, equation: Any, inputs: Sequence[Value]) -> bool:
    """Whether a call is an elementwise function of one array, worth composing.

    Then its scalar derivatives are taken once, in one variable, whatever the number of
    channels; `gelu` costs no more products than `tanh`. In an algebra of one direction
    the body itself is as good.
    """
    avals = _compat.output_avals(equation)
    active = [value for value in inputs if is_active(value)]
    if len(active) != 1 or len(avals) != 1 or not should_compose(context):
        return False
    if avals[0].shape != active[0].shape or avals[0].dtype != active[0].dtype:
        return False
    return _is_curved(equation) and is_pointwise_call(equation, avals[0].shape)


def is_pointwise_call(equation: Any, shape: tuple[int, ...]) -> bool:
    """Whether a call holds elementwise equations only.

    A custom rule says itself how tangents are selected; its body may select, too. In
    another body a branch that is not taken may not be finite, and a slope of zero times
    infinity would not vanish.
    """
    if row_of(equation).entries:
        return True
    jaxpr, _ = _compat.body(equation)
    allowed = ("curved", "flat")
    if equation.primitive.name == "custom_jvp_call":
        allowed = ("curved", "flat", "selecting")

    def fits(inner: Any) -> bool:
        if any(a.shape not in ((), shape) for a in _compat.output_avals(inner)):
            return False
        if inner.primitive.name == "custom_jvp_call":
            return _is_curved(inner) and is_pointwise_call(inner, shape)
        if inner.primitive.name in ("jit", "pjit"):
            return all(map(fits, _compat.body(inner)[0].eqns))
        return row_of(inner).entries in allowed

    shapes = [getattr(v.aval, "shape", None) for v in jaxpr.invars]
    return all(map(fits, jaxpr.eqns)) and all(s in ((), shape) for s in shapes)


def _is_curved(equation: Any) -> bool:
    """Whether composing is worth something: for logaddexp it is, for relu not."""
    if row_of(equation).entries:
        return row_of(equation).entries == "curved"
    if equation.primitive.name in ("jit", "pjit", "custom_jvp_call"):
        return any(map(_is_curved, _compat.body(equation)[0].eqns))
    return False


def pointwise(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Composes the scalar derivatives of a pointwise call with its operand."""
    (aval,) = _compat.output_avals(equation)
    (place,) = (i for i, value in enumerate(inputs) if is_active(value))
    u = inputs[place]
    shape, dtype = u.shape, u.dtype
    given = [value for i, value in enumerate(inputs) if i != place]
    # One order more, because the derivative of the result is composed too.
    line = Context(univariate(context.algebra.order + 1))

    def scalar(start: Array, *given: Any) -> Curve:
        one = jnp.ones((1,) * start.ndim, start.dtype)
        tangent = (start, one, *(None,) * (line.algebra.order - 1))
        operands = list(given)
        operands.insert(place, AlgebraArray(shape, dtype, tangent))
        (curve,) = apply(line, equation, operands)
        value = list(coefficients(curve, line.algebra))
        slope = [None if c is None else scale(k, c) for k, c in enumerate(value)]
        return value[:-1], slope[1:]

    series = composed(context.algebra, u, scalar, given)
    return [make(series, aval.shape, aval.dtype)]


# --- by recurrence in the algebra; in a large one its channels are rows of one array -----


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


def with_slope(algebra: TaylorAlgebra, u: Channels, both: Both) -> Series:
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
    def derivative(primals: Any, tangents: Any) -> Curve:
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


def plain_value(u: Channels) -> Array:
    """Returns the unit's channel, which must be there."""
    assert u[0] is not None
    return u[0]
