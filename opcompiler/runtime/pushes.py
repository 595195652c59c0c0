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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import Tangent, TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional
from opcompiler.planning import make_plan, Plan, Push
from opcompiler.runtime.networks import Group
from opcompiler.runtime.points import Points
from opcompiler.runtime.precision import as_precise_as
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.push import push as taylor_push, tangent_row
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import AlgebraArray, instantiate, primal, Value

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
    algebra, network = one.push.algebra, one.group.network

    def run(*starts: Array) -> dict[int, Array]:
        (value,) = _pushed(network, one, starts, algebra, one.wanted, tuning)
        curved = [k for k in one.wanted if algebra.channels[k].degree > 1]
        if curved and not any(_moves(value, k) for k in curved):
            _warn_of_kinks(one)
        return {k: one.points.unrolled(_channel(value, k)) for k in one.wanted}

    return _run(run, one, tuning).__getitem__


def _pushed(
    function: Callable[[Array], Any], one: Pass, starts: Sequence[Array],
    algebra: TaylorAlgebra, wanted: Collection[int], tuning: Tuning,
) -> list[Value]:  # fmt: skip
    """Pushes a function of one point, at all points, along the seeds of a pass."""
    points = one.points
    over = points.over(function)
    return taylor_push(
        lambda starts: over(*starts), starts,
        [points.seed(one.row(tangent)) for tangent in one.push.seeds[1 : algebra.size]],
        algebra, wanted, tuning,
        # One point goes without an axis of points, see `Points.over`.
        mapped=points.mapped and points.count > 1,
    )  # fmt: skip


def _run(run: Callable[..., Any], one: Pass, tuning: Tuning) -> Any:
    if tuning.remat:
        run = jax.checkpoint(run, policy=jax.checkpoint_policies.dots_saveable)
    return run(*one.points.starts)


def _moves(value: Value, channel: int) -> bool:
    """Whether a channel is not zero by construction."""
    return isinstance(value, AlgebraArray) and value.coefficients[channel] is not None


def _channel(value: Value, channel: int) -> Array:
    """Returns a channel; of a constant function it is zero."""
    if isinstance(value, AlgebraArray):
        return value.dense(channel)
    return instantiate(None, value.shape, value.dtype) if channel else value


def _warn_of_kinks(one: Pass) -> None:
    if _has_kinks(jax.make_jaxpr(one.group.network)(one.points.one)):
        warnings.warn(
            "derivatives of order 2 and higher of this network are zero everywhere: "
            "it is piecewise linear in its arguments (relu?); take a smooth activation "
            "such as tanh or gelu, if it is to be trained on them",
            category=UserWarning,
            stacklevel=3,
        )


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


_FOLD_FROM = 5
"""Directions from which they are a family where a program of reverse passes is pushed. It
has more operations than a network alone, so folding pays earlier (perceptrons of width 64
and 128, unfolded over folded: 4 directions 1.0 in values and 0.9 in gradients, 5 1.1 to 1.4
and 1.1, 8 1.2 to 1.6 and 1.0 to 1.1)."""


def reverse(one: Pass, tuning: Tuning) -> Channels:
    """The last derivative by a reverse pass for each output that is asked for.

    What JAX cannot reverse (a `while_loop`), and complex values, which would need two
    passes each, go through our engine in the same algebra; so do the axes of a grid, which
    a reverse pass would join, derivatives that depend on their order, and networks of
    which a reverse pass makes NaN (`Traced.is_reversible`).
    """
    group, points, algebra = one.group, one.points, one.push.algebra
    order = algebra.order
    if not (
        points.mapped
        and (order <= 1 or not one.orders_matter)
        and group.network.is_reversible(points.like)
    ):
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
    if order <= 1:
        value, slopes = points.map(at)
        along = partial(_along, one, slopes)
        return lambda k: along(k) if k else value

    lower = algebra.truncated(order - 1)
    # Euler's theorem: pairs of a direction and a channel of the gradient.
    terms = {
        k: [(i, j, float(c) / order) for i, j, c in algebra.entries[k]
            if one.push.seeds[i]]
        for k in sorted(one.wanted) if k >= lower.size
    }  # fmt: skip
    needed = {j for pairs in terms.values() for _, j, _ in pairs}
    early = replace(tuning, fold_from=min(tuning.fold_from, _FOLD_FROM))

    def run(*starts: Array) -> dict[int, Array]:
        read = {k for k in one.wanted if k < lower.size}
        value, slopes = _pushed(at, one, starts, lower, read | needed, early)
        found = {k: _channel(value, k) for k in read}
        if terms and not any(_moves(slopes, j) for j in needed):
            _warn_of_kinks(one)
        rates = {j: _channel(slopes, j) for j in needed}
        for k, pairs in terms.items():
            parts = [c * _along(one, rates[j], i) for i, j, c in pairs]
            found[k] = (
                reduce(jnp.add, parts) if parts else jnp.zeros_like(primal(value))
            )
        return {k: points.unrolled(array) for k, array in found.items()}

    try:
        return _run(run, one, tuning).__getitem__
    except OperatorError:  # of what JAX's rule for a derivative is made of
        return taylor(one, tuning)


def _along(one: Pass, slopes: Array, channel: int) -> Array:
    """Returns derivatives along the tangent of a channel, from gradients (..., d)."""
    tangent = one.push.seeds[channel]
    if len(tangent) == 1 and tangent[0][1] == 1:
        return slopes[..., tangent[0][0]]
    row = one.row(tangent)
    return jnp.zeros_like(slopes[..., 0]) if row is None else slopes @ row


RUNS: dict[str, Callable[[Pass, Tuning], Channels]] = {
    "taylor": taylor,
    "reverse": reverse,
    "nested": nested,
}
"""How pushes run, by kind; `planning/kinds.py` has the same names."""
