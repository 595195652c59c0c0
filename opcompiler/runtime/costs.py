r"""What a residual costs with a network: each push, and draws beside all terms.

In: a residual, a network and points. Out: lines for `residual.explain(net, points)`. The
residual's pushes are traced, not run, and their arithmetic is counted
(`taylor/price.py`); the unit is one evaluation of the network at the points. So everything
that the engine finds out about the network is in the price: layers that end the dimension,
parts that depend on few coordinates, draws that take rows of a matrix.

    u at (x): 5.29 evaluations of the network
      1000 directions, 1 per element
      all 1000 at every element from dot_general, net.py:12 (apply) (1 per element before)
      64 in the place of 1000 behind dot_general, net.py:12 (apply)

A sampled sum is priced with all of its terms, too. These have no variance, which a draw has
until it is of all terms. Draws are priced as anything else is: they may pass narrow layers,
too, and then more samples than that layer has outputs cost hardly more.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import jax

from opcompiler import _compat
from opcompiler.errors import OperatorError
from opcompiler.runtime.calls import Functions, Inputs
from opcompiler.runtime.networks import check_outputs, Group, read_networks
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.sums import evaluate_sites
from opcompiler.taylor.price import operations
from opcompiler.taylor.watch import Watch, watching


@dataclass(frozen=True)
class Cost:
    """What the pushes of a network at a site take.

    Attributes:
        site: its number.
        what: the fields and where they stand.
        evaluations: their arithmetic, in that of the network alone at the points.
        events: what became of families of directions.
    """

    site: int
    what: str
    evaluations: float
    events: tuple[str, ...]


def cost_lines(
    residual: Any, net: Any, functions: Functions, inputs: Inputs
) -> list[str]:
    """Returns lines about every push, and about every sampled sum beside all its terms.

    Args:
        residual: the `Residual`.
        net: the network, or several by field.
        functions: that are parameters, as `Residual._read` gives them.
        inputs: points and all else of a call.
    """
    where, _ = residual._batch(functions, inputs)
    groups = read_networks(net, residual.operator, inputs.points)

    def price(residual: Any, only: Collection[int] | None = None) -> list[Cost]:
        key = None if residual.estimator is None else inputs.key
        given = inputs._replace(key=key)
        found: list[Cost] = []

        def trace() -> None:
            _, batch = residual._batch(functions, given)
            found.extend(_costs(residual, groups, batch, only))

        # Nothing of what is computed for it becomes part of a program.
        jax.eval_shape(trace)
        return found

    costs = price(residual)
    lines = [f"costs at {where.count} points, in evaluations of the network"]
    for cost in costs:
        lines.append(f"  {cost.what}: {cost.evaluations:.3g}")
        lines += [f"    {event}" for event in cost.events]
    if residual.estimator is not None:
        lines += ["", "draws beside all terms, in evaluations of the network"]
        for number, site in enumerate(residual.exact.operator.sites):
            if site.sampled:
                lines.append(f"  {_draw_line(residual, number, costs, price)}")
    return lines


def _costs(
    residual: Any, groups: Sequence[Group], batch: Any, only: Collection[int] | None
) -> Iterator[Cost]:
    """Yields what the pushes at each site take, or at some of them."""
    scene, sites = residual._arguments(batch)
    operator, tuning = residual.operator, residual.tuning
    for group in groups:
        plan = residual._plan_for(group.fields)
        for number in dict.fromkeys(push.site for push in plan.pushes):
            if only is not None and number not in only:
                continue
            given = sites[number]
            where = given.where
            group = check_outputs(group, where, dict(operator.kinds))
            watch = Watch()
            with watching(watch):
                if given.plain:
                    at = {number: where}
                    push = partial(evaluate_functionals, plan, group, at, tuning)
                else:
                    push = partial(
                        evaluate_sites, operator, plan, group, {number: given}, scene,
                        batch.draws, tuning,
                    )  # fmt: skip
                program, _ = _compat.trace(lambda push=push: list(push().values()))
            alone, _ = _compat.trace(where.over(group.network), *where.starts)
            price = operations(program.eqns) / max(operations(alone.eqns), 1)
            place = ", ".join(operator.sites[number].arguments)
            what = f"{', '.join(group.fields)} at ({place})"
            yield Cost(number, what, price, tuple(watch.events))


def _draw_line(
    residual: Any, number: int, costs: Sequence[Cost], price: Callable[..., list[Cost]]
) -> str:
    """Says what the sums of a site of `residual.exact` cost, drawn and with all terms."""
    exact, drawn = residual.exact, residual.operator
    names = {name for s in exact.operator.sums if s.site == number for name in s.names}
    # An estimator may put sums at several sites in the place of one; names stay.
    sites = {s.site for s in drawn.sums if names & set(s.names)}
    draw = sum(cost.evaluations for cost in costs if cost.site in sites)
    terms = prod(b - a + 1 for a, b in exact.operator.sites[number].extents)
    what = f"{', '.join(sorted(names))}: this draw {draw:.3g}"
    try:
        every = sum(cost.evaluations for cost in price(exact, {number}))
    except OperatorError as error:  # too many to be written out
        return f"{what}; {error.problem}"
    line = f"{what}, all {terms} terms {every:.3g} without variance"
    if every > _WORTH * draw:
        return line
    more = "no more" if every <= draw else "hardly more"
    return f"{line}: they cost {more}, leave the estimator out"


_WORTH = 1.25
"""All terms may cost so many times a draw, and be the better choice."""
