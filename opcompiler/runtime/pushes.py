"""Runs the pushes of a plan on a network, at all points of a site at once."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.minimal import Tangent
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional
from opcompiler.planning import Plan, Push
from opcompiler.planning.algebra import plan_algebra
from opcompiler.runtime.networks import Group, Network
from opcompiler.runtime.precision import as_precise_as
from opcompiler.runtime.tracing import Traced
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.push import push as taylor_push, tangent_row
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import AlgebraArray, instantiate, Value

Channels = Callable[[int], Array]
"""Channel number -> its array at all points, (N,) or (N, m)."""


def evaluate_functionals(
    plan: Plan, group: Group, sites: Mapping[int, Array], tuning: Tuning = DEFAULT
) -> dict[Functional, Array]:
    """Evaluates every functional of a plan; returns arrays of shape (N,).

    Args:
        plan: for functionals of the group's fields only.
        group: the fields and the network that gives them.
        sites: the points, (N, number of arguments), of each site to be evaluated.
        tuning: how the algebras are laid out.

    Raises:
        OperatorError: if the plan is none, or its numbers do not fit the points' dtype.
    """
    check_runs(plan, sites.values())
    if any(map(_curved, plan.pushes)) and _orders_matter(group, plan, sites):
        # Slots of a jet share its parameter, so they have no order to take a mean over.
        plan = plan_algebra([r.functional for r in plan.readouts], plan.sites)
    # The kinds of `planning/kinds.py`, which says what each computes.
    kinds = {
        "nested": partial(_nested, _orders_matter(group, plan, sites)),
        "reverse": partial(_reverse, _places(plan, group), tuning),
        "taylor": partial(_taylor, tuning),
    }
    pushed = {
        number: kinds[push.kind](
            group.network, sites[push.site], push, _read_channels(plan, number)
        )
        for number, push in enumerate(plan.pushes)
        if push.site in sites
    }
    values: dict[Functional, Array] = {}
    for readout in plan.readouts:
        functional = readout.functional
        if functional.site not in sites:
            continue
        points = sites[functional.site]
        total: Any = jnp.zeros((), points.dtype)
        for number, (push, channel, c) in enumerate(readout.terms):
            array = pushed[push](channel)
            array = group.pick(array, functional.field) if array.ndim == 2 else array
            term = array if c == 1 else array * float(c)
            total = term if number == 0 else total + term
        values[functional] = as_precise_as(points.dtype, total)
    return values


def check_runs(plan: Plan, points: Iterable[Array]) -> None:
    """Refuses a plan that does not mean one thing, or not in a dtype.

    Args:
        plan: to be run.
        points: of its sites.

    Raises:
        OperatorError: if the plan is not of the form that its proof is of, or one of its
            numbers is zero or infinite in a dtype.
    """
    plan.check()
    least, most = plan.range
    for dtype in {array.dtype for array in points}:
        tiny, large = float(jnp.finfo(dtype).tiny), float(jnp.finfo(dtype).max)
        if least < tiny or most > large:
            extreme = least if least < tiny else most
            raise OperatorError(
                f"a number of the operator does not fit {dtype}",
                expression=f"{extreme:.3g}",
                hint="give points of float64, or scale the equation",
            )


def _curved(push: Push) -> bool:
    """Whether a push goes along a curve, and not only along straight lines."""
    return push.kind == "taylor" and any(
        seed and channel.degree > 1
        for seed, channel in zip(push.seeds, push.algebra.channels, strict=True)
    )


def _orders_matter(group: Group, plan: Plan, sites: Mapping[int, Array]) -> bool:
    return any(
        group.network.orders_matter(sites[push.site])
        for push in plan.pushes
        if push.site in sites
    )


def _read_channels(plan: Plan, push: int) -> frozenset[int]:
    """Returns the channels of one push that read-outs use."""
    terms = (term for readout in plan.readouts for term in readout.terms)
    return frozenset(channel for number, channel, _ in terms if number == push)


def _taylor(
    tuning: Tuning,
    network: Network,
    points: Array,
    push: Push,
    wanted: frozenset[int],
) -> Channels:
    """One pass of our engine: the batched network, interpreted in the algebra."""
    seeds = [_row(tangent, points) for tangent in push.seeds[1:]]
    channels = push.algebra.channels
    curved = [k for k in wanted if channels[k].degree > 1]

    def run(points: Array) -> dict[int, Array]:
        (value,) = taylor_push(
            jax.vmap(network), points, seeds, push.algebra, wanted, tuning
        )
        flat = curved and not any(_has_channel(value, k) for k in curved)
        if flat and _has_kinks(jax.make_jaxpr(network)(points[0])):
            _warn_piecewise_linear()
        return {k: _channel(value, k) for k in wanted}

    if tuning.remat:
        run = jax.checkpoint(run, policy=jax.checkpoint_policies.dots_saveable)
    return run(points).__getitem__


def _has_channel(value: Value, channel: int) -> bool:
    return isinstance(value, AlgebraArray) and value.coefficients[channel] is not None


def _has_kinks(jaxpr: Any) -> bool:
    """Whether a program is more than affine: then it was meant to be curved."""
    return any(
        row_of(equation).kink
        or any(_has_kinks(v) for v in equation.params.values() if hasattr(v, "eqns"))
        for equation in jaxpr.eqns
    )


def _warn_piecewise_linear() -> None:
    warnings.warn(
        "derivatives of order 2 and higher of this network are zero everywhere: it is "
        "piecewise linear in its arguments (relu?); take a smooth activation such as "
        "tanh or gelu, if it is to be trained on them",
        category=UserWarning,
        stacklevel=2,
    )


def _channel(value: Value, channel: int) -> Array:
    if isinstance(value, AlgebraArray):
        return value.dense(channel)
    return value if channel == 0 else instantiate(None, value.shape, value.dtype)


def _nested(
    orders_matter: bool,
    network: Traced,
    points: Array,
    push: Push,
    wanted: frozenset[int],
) -> Channels:
    """Nested `jax.jvp`, one per unit of order; only the top channel is asked for.

    Where custom rules make the order of the derivatives matter, the mean over all orders
    is taken, which is what every algebra holds.
    """
    del wanted
    first = push.algebra.of_degree(1) if push.algebra.order else ()
    tangents = [push.seeds[channel] for channel in first]
    words = (
        sorted(set(itertools.permutations(tangents))) if orders_matter else [tangents]
    )

    def along(word: Sequence[Tangent]) -> Array:
        fun = network.by_body if word else network
        for tangent in word:
            row = tangent_row(tangent, points.shape[1], points.dtype)
            assert row is not None  # the form of a nested push
            fun = _directional(fun, row)
        return jax.vmap(fun)(points)

    values = along(words[0])
    for word in words[1:]:
        values = values + along(word)
    mean = values / len(words) if len(words) > 1 else values
    return lambda channel: mean


def _places(plan: Plan, group: Group) -> tuple[int, ...]:
    """Returns the outputs of the network that reverse passes are needed for."""
    numbers = {n for n, push in enumerate(plan.pushes) if push.kind == "reverse"}
    fields = {
        readout.functional.field
        for readout in plan.readouts
        if any(number in numbers for number, _, _ in readout.terms)
    }
    return tuple(n for f in group.fields if f in fields for n in group.places(f))


def _reverse(
    places: tuple[int, ...],
    tuning: Tuning,
    network: Traced,
    points: Array,
    push: Push,
    wanted: frozenset[int],
) -> Channels:
    """One forward pass, and a reverse pass for each output that is asked for.

    What JAX cannot reverse (a `while_loop`), and complex values, which would need two
    passes each, go through our engine in the same algebra.
    """
    at = partial(_value_and_slopes, network, places)
    try:
        shape, _ = jax.eval_shape(at, points[0])
    except (NotImplementedError, TypeError, ValueError):
        return _taylor(tuning, network, points, push, wanted)
    if jnp.issubdtype(shape.dtype, jnp.complexfloating):
        return _taylor(tuning, network, points, push, wanted)
    value, slopes = jax.vmap(at)(points)

    def channel(number: int) -> Array:
        tangent = push.seeds[number]
        if number == 0:
            return value
        if len(tangent) == 1 and tangent[0][1] == 1:
            return slopes[..., tangent[0][0]]
        row = tangent_row(tangent, points.shape[1], points.dtype)
        return jnp.zeros_like(value) if row is None else slopes @ row

    return channel


def _value_and_slopes(
    network: Traced, places: tuple[int, ...], point: Array
) -> tuple[Array, Array]:
    """Returns the outputs at one point and their gradients, zero where not asked for."""
    value, pull = jax.vjp(network.by_body, point)
    rows = [jnp.zeros_like(point)] * max(value.size, 1)
    for place in places:
        unit = jnp.zeros(value.size, value.dtype).at[place].set(1)
        (rows[place],) = pull(unit.reshape(value.shape))
    return value, jnp.stack(rows).reshape(*value.shape, point.size)


def _directional(fun: Network, tangent: Array) -> Network:
    def along(point: Array) -> Array:
        varied = _compat.vary(tangent, _compat.varying(point))
        return jax.jvp(fun, (point,), (varied,))[1]

    return along


def _row(tangent: Tangent, points: Array) -> Array | None:
    """Returns a tangent as one row, (1, d), the same at all points; none if empty."""
    vector = tangent_row(tangent, points.shape[1], points.dtype)
    return None if vector is None else vector[None, :]
