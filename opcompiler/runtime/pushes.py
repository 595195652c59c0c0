"""Runs the pushes of a plan on a network, at all points of a site at once.

In: a plan, the network of a group of fields, the points of every plain site. Out: the
values of the functionals, one number per point, with the axes of the points:

    evaluate_functionals(plan, group, {0: points})  ->  {u_xx at site 0: (N,), ...}

`planning/kinds.py` says what a push of each kind computes; `RUNS` has a function per kind,
under the same name, that computes it. Read-outs then add channels up. Sites whose
directions run with the indices of sums are pushed in `sums.py`.
"""

import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import Tangent
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional
from opcompiler.planning import make_plan, Plan, Push
from opcompiler.runtime.networks import Group
from opcompiler.runtime.points import Points
from opcompiler.runtime.precision import as_precise_as
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.push import push as taylor_push, tangent_row
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import AlgebraArray, instantiate

Channels = Callable[[int], Array]
"""Channel number -> its array at all points, (*axes) or (*axes, m)."""


def evaluate_functionals(
    plan: Plan, group: Group, sites: Mapping[int, Points], tuning: Tuning = DEFAULT
) -> dict[Functional, Array]:
    """Evaluates every functional of a plan; returns arrays that broadcast to the points.

    Args:
        plan: for functionals of the group's fields only.
        group: the fields and the network that gives them.
        sites: the points of each site to be evaluated.
        tuning: how the algebras are laid out.

    Raises:
        OperatorError: if the plan is none, or its numbers do not fit the points' dtype.
    """
    check_runs(plan, (points.dtype for points in sites.values()))
    orders_matter = any(
        group.network.orders_matter(sites[push.site].like)
        for push in plan.pushes
        if push.site in sites
    )
    if orders_matter and any(map(_curved, plan.pushes)):
        # Slots of a jet share its parameter, so they have no order to take a mean over.
        plan = make_plan(plan.functionals, plan.sites, "algebra")
    pushed: dict[int, Channels] = {}
    for number, push in enumerate(plan.pushes):
        if push.site in sites:
            read = [
                (channel, readout.functional.field)
                for readout in plan.readouts
                for of, channel, _ in readout.terms
                if of == number
            ]
            wanted = frozenset(channel for channel, _ in read)
            fields = frozenset(field for _, field in read)
            one = Pass(group, sites[push.site], push, wanted, fields, orders_matter)
            pushed[number] = RUNS[push.kind](one, tuning)
    values: dict[Functional, Array] = {}
    for readout in plan.readouts:
        functional = readout.functional
        if functional.site not in sites:
            continue
        points = sites[functional.site]
        total: Any = jnp.zeros((), points.dtype)
        for number, (push, channel, c) in enumerate(readout.terms):
            array = pushed[push](channel)
            if array.ndim > len(points.shape):
                array = group.pick(array, functional.field)
            term = array if c == 1 else array * float(c)
            total = term if number == 0 else total + term
        values[functional] = as_precise_as(points.dtype, total)
    return values


def check_runs(plan: Plan, dtypes: Iterable[Any]) -> None:
    """Refuses a plan that does not mean one thing, or not in a dtype.

    Args:
        plan: to be run.
        dtypes: of the points of its sites.

    Raises:
        OperatorError: if the plan is not of the form that its proof is of, or one of its
            numbers is zero or infinite in a dtype.
    """
    plan.check()
    least, most = plan.range
    for dtype in set(dtypes):
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


@dataclass(frozen=True)
class Pass:
    """One push of a network, at the points of its site.

    Attributes:
        group: the fields and the network that gives them.
        points: of the site.
        push: what is to be computed.
        wanted: the channels that read-outs use.
        fields: the fields that are read from it.
        orders_matter: whether mixed derivatives may depend on their order, because
            the network holds custom rules.
    """

    group: Group
    points: Points
    push: Push
    wanted: frozenset[int]
    fields: frozenset[str]
    orders_matter: bool

    def row(self, tangent: Tangent) -> Array | None:
        """Returns a tangent as a vector, (d,); none if it is empty."""
        return tangent_row(tangent, self.points.width, self.points.dtype)


def taylor(one: Pass, tuning: Tuning) -> Channels:
    """One pass of our engine: the batched network, interpreted in the algebra."""
    push, wanted, points = one.push, one.wanted, one.points
    rows = [one.row(tangent) for tangent in push.seeds[1:]]
    seeds = [points.seed(row) for row in rows]
    curved = [k for k in wanted if push.algebra.channels[k].degree > 1]

    def run(*starts: Array) -> dict[int, Array]:
        network = one.group.network
        over = points.over(network)
        (value,) = taylor_push(
            lambda starts: over(*starts), starts, seeds, push.algebra, wanted, tuning,
            # One point goes without an axis of points, see `Points.over`.
            mapped=points.mapped and points.count > 1,
        )  # fmt: skip
        if isinstance(value, AlgebraArray):
            found = {k: value.dense(k) for k in wanted}
            flat = all(value.coefficients[k] is None for k in curved)
        else:  # a network that is constant
            zero = lambda: instantiate(None, value.shape, value.dtype)
            found = {k: zero() if k else value for k in wanted}
            flat = True
        if curved and flat and _has_kinks(jax.make_jaxpr(network)(points.one)):
            warnings.warn(
                "derivatives of order 2 and higher of this network are zero everywhere: "
                "it is piecewise linear in its arguments (relu?); take a smooth activation "
                "such as tanh or gelu, if it is to be trained on them",
                category=UserWarning,
                stacklevel=2,
            )
        return {k: points.unrolled(array) for k, array in found.items()}

    if tuning.remat:
        run = jax.checkpoint(run, policy=jax.checkpoint_policies.dots_saveable)
    return run(*points.starts).__getitem__


def _has_kinks(jaxpr: Any) -> bool:
    """Whether a program is more than affine: then it was meant to be curved."""
    return any(
        row_of(equation).kink
        or any(_has_kinks(v) for v in equation.params.values() if hasattr(v, "eqns"))
        for equation in jaxpr.eqns
    )


def nested(one: Pass, tuning: Tuning) -> Channels:
    """Nested `jax.jvp`, one per unit of order; only the top channel is asked for.

    Where custom rules make the order of the derivatives matter, the mean over all orders
    is taken, which is what every algebra holds.
    """
    del tuning
    algebra, network = one.push.algebra, one.group.network
    first = algebra.of_degree(1) if algebra.order else ()
    tangents = [one.push.seeds[channel] for channel in first]
    words = [tangents]
    if one.orders_matter:
        words = sorted(set(itertools.permutations(tangents)))

    def along(word: Sequence[Tangent]) -> Array:
        fun: Any = network.by_body if word else network
        for tangent in word:
            fun = _directional(fun, one.row(tangent))
        return one.points.map(fun)

    total = along(words[0])
    for word in words[1:]:
        total = total + along(word)
    mean = total / len(words) if len(words) > 1 else total
    return lambda channel: mean


def _directional(fun: Callable[[Array], Array], tangent: Any) -> Any:
    def along(point: Array) -> Array:
        varied = _compat.vary(tangent, _compat.varying(point))
        return jax.jvp(fun, (point,), (varied,))[1]

    return along


def reverse(one: Pass, tuning: Tuning) -> Channels:
    """One forward pass, and a reverse pass for each output that is asked for.

    What JAX cannot reverse (a `while_loop`), and complex values, which would need two
    passes each, go through our engine in the same algebra; so do the axes of a grid, which
    a reverse pass would join.
    """
    group, points = one.group, one.points
    if not points.mapped:
        return taylor(one, tuning)
    places = [n for f in group.fields if f in one.fields for n in group.places(f)]

    def at(point: Array) -> tuple[Array, Array]:
        """Returns the outputs and their gradients, zero where not asked for."""
        value, pull = jax.vjp(group.network.by_body, point)
        rows = [jnp.zeros_like(point)] * max(value.size, 1)
        for place in places:
            unit = jnp.zeros(value.size, value.dtype).at[place].set(1)
            (rows[place],) = pull(unit.reshape(value.shape))
        return value, jnp.stack(rows).reshape(*value.shape, point.size)

    try:
        shape, _ = jax.eval_shape(at, points.one)
    except (NotImplementedError, TypeError, ValueError):
        return taylor(one, tuning)
    if jnp.issubdtype(shape.dtype, jnp.complexfloating):
        return taylor(one, tuning)
    value, slopes = points.map(at)

    def channel(number: int) -> Array:
        tangent = one.push.seeds[number]
        if number == 0:
            return value
        if len(tangent) == 1 and tangent[0][1] == 1:
            return slopes[..., tangent[0][0]]
        row = one.row(tangent)
        return jnp.zeros_like(value) if row is None else slopes @ row

    return channel


RUNS: dict[str, Callable[[Pass, Tuning], Channels]] = {
    "taylor": taylor,
    "reverse": reverse,
    "nested": nested,
}
"""How pushes run, by kind; `planning/kinds.py` has the same names."""
