"""What `auto` takes, and that it says why."""

import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend import normalize
from opcompiler.planning import joined, make_plan, Plan
from opcompiler.planning.cost import plan_cost
from opcompiler.planning.kinds import DEVICES
from opcompiler.planning.strategies import STRATEGIES
from opcompiler.show.comparison import predicted_costs
from tests.corpus import in_scope
from tests.draws import uniform
from tests.hang import finishes
from tests.planning.test_channel_table import ROWS
from tests.shares import one_in

t, x, y, z = sp.symbols("t x y z")
u = sp.Function("u")(x, y)


def test_the_cheapest_at_every_site() -> None:
    residual = oc.compile([u.diff(x, 3, y), u.subs(x, 0), u.diff(y).subs(x, 1)])
    plan = residual.plan
    assert len(plan.choices) == len({push.site for push in plan.pushes}) == 3
    for choice in plan.choices:
        costs = dict(choice.predicted)
        assert set(costs) <= {"algebra", "reverse"}
        every = predicted_costs(plan, choice)
        assert set(every) == set(STRATEGIES)
        assert every.items() >= costs.items()
        assert every[choice.strategy] == min(every.values())
    assert plan.strategy == "algebra"
    assert plan.verify()


def test_the_reasons_are_shown_and_kept() -> None:
    plan = oc.compile(u.diff(x, 3, y)).plan
    assert Plan.from_json(plan.to_json()) == plan
    reason = str(plan).partition("chosen: ")[2].partition("certificate")[0]
    for name in STRATEGIES:
        assert name in reason
    assert oc.compile(u.diff(x), strategy="nested").plan.choices == ()


def test_strategies_join_in_one_plan() -> None:
    """A nested push beside a Taylor push, as `auto` may join them."""
    residual = oc.compile([u.diff(x, 2), u.diff(x, y).subs(x, 0)])
    sites = residual.plan.sites
    mixed = joined_plan(residual, sites)
    assert {push.kind for push in mixed.pushes} == {"taylor", "nested"}
    assert mixed.verify()
    residual.plan = mixed
    residual._plan_for = lambda fields: mixed
    net = lambda p: jnp.sin(p[0] + 2 * p[1]) * p[0]
    points = uniform(0, (4, 2))
    whole = oc.compile([u.diff(x, 2), u.diff(x, y).subs(x, 0)])
    found, want = jax.jit(lambda p: (residual(net, p), whole(net, p)))(points)
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def joined_plan(residual, sites) -> Plan:
    here = tuple(f for f in residual.plan.functionals if f.site == 0)
    there = tuple(f for f in residual.plan.functionals if f.site == 1)
    plans = [make_plan(here, sites, "algebra"), make_plan(there, sites, "nested")]
    return joined(plans, residual.plan.functionals, sites, "algebra+nested")


def test_a_broken_nested_push_is_not_proved() -> None:
    text = oc.compile(u.diff(x, y), strategy="nested").plan.to_json()
    assert Plan.from_json(text).verify()
    # Dual numbers read at another channel than the last are not what jvp gives.
    taylor = oc.compile([u.diff(x), u.diff(x, y)]).plan.to_json()
    assert Plan.from_json(taylor).verify()
    for kind in ("nested", "magic"):
        with pytest.raises(oc.OperatorError, match="this is not a plan"):
            Plan.from_json(taylor.replace('"taylor"', f'"{kind}"'))


def test_structural_zeros_cost_nothing() -> None:
    plan = oc.compile([u.diff(x, y), u.diff(x, 2)], strategy="partition").plan
    assert plan.channels == 6
    assert plan.cost.passes == 5


def test_devices_weigh_products_otherwise() -> None:
    plan = oc.compile(u.diff(x, 2, y, 2)).plan
    times = {name: plan_cost(plan.pushes, plan.readouts, name).time for name in DEVICES}
    assert times["gpu"] < times["cpu"]


def test_a_large_system_is_planned_without_searching() -> None:
    """Three fields in three dimensions, order four: the other strategies are not asked."""
    fields = [sp.Function(name)(t, x, y, z) for name in "uvw"]

    def laplacian(f):
        return sum(f.diff(a, 2) for a in (x, y, z))

    equations = [
        f.diff(t) + sum(g * f.diff(a) for g, a in zip(fields, (x, y, z), strict=True))
        - laplacian(f) + laplacian(laplacian(f)) + f.diff(x, 2, y, z)
        for f in fields
    ]  # fmt: skip
    plan = oc.compile(equations).plan
    assert plan.verify()
    assert plan.channels < 40


def test_three_fields_in_space_to_order_four_are_planned() -> None:
    """In 1.5 s here."""
    fields = [sp.Function(name)(x, y, z) for name in "uvw"]
    orders = [a for a in itertools.product(range(5), repeat=3) if 0 < sum(a) <= 4]
    wanted = [
        f.diff(*((c, k) for c, k in zip((x, y, z), a, strict=True) if k))
        for f in fields
        for a in orders
    ]
    make_plan.cache_clear()
    with finishes():
        plan = oc.compile(wanted).plan
    assert plan.channels == 35


CHOICES = json.loads(Path(__file__).with_name("auto_choices.json").read_text())
"""What weighing all five strategies chose, site by site."""


def operators() -> dict[str, tuple]:
    """What each is normalised of."""
    corpus = {r.name: (r.equations, r.coordinates) for r in in_scope()}
    return corpus | {name: (equations,) for name, (equations, _) in ROWS.items()}


@pytest.mark.parametrize("start", one_in(2, range(2)))
def test_the_choices_on_the_corpus_are_those_of_all_strategies(start: int) -> None:
    every = operators()
    assert every.keys() == CHOICES.keys()
    for name, equations in list(every.items())[start::2]:
        operator = normalize(*equations)
        sites = tuple(site.labels for site in operator.sites)
        plan = make_plan(operator.functionals, sites)
        assert [choice.strategy for choice in plan.choices] == CHOICES[name], name


def test_what_cannot_win_is_not_planned(monkeypatch) -> None:
    for name in ("nested", "partition", "polarization"):
        monkeypatch.setitem(STRATEGIES, name, None)
    make_plan.cache_clear()
    assert oc.compile([u.diff(x, 2, y, 2), u.diff(x) ** 2 + u.diff(y)]).plan.verify()
    make_plan.cache_clear()


def test_planning_by_one_strategy_ends() -> None:
    """The biharmonic operator in five dimensions, in 8 ms here."""
    operator = normalize(ROWS["biharmonic 5D"][0])
    sites = tuple(site.labels for site in operator.sites)
    make_plan.cache_clear()
    with finishes(20):
        make_plan(operator.functionals, sites)
