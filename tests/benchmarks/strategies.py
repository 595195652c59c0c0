"""Every strategy on every operator of the corpus: predicted and measured cost.

`python -m tests.benchmarks.strategies [--write] [--only WORD]`. What is timed is the
plan alone, all derivatives of the fields that share their arguments, on one tanh network
4 x 64 with as many outputs, at 256 points, in float32: values, and the parameter gradient
of the mean squares. Strategies run in turns; medians.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import jax
import jax.numpy as jnp
from rich.progress import track

from opcompiler.errors import OperatorError
from opcompiler.frontend import normalize
from opcompiler.ir import Functional
from opcompiler.planning import make_plan, Plan
from opcompiler.planning.strategies import STRATEGIES
from opcompiler.runtime.networks import Group
from opcompiler.runtime.points import Points
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.tracing import Traced
from tests.benchmarks import report
from tests.benchmarks.network import apply, setting
from tests.corpus import in_scope

HIDDEN = (64,) * 4
POINTS = 256
REPEATS = 15
HOPELESS = 8.0
"""A strategy predicted to cost so many times the cheapest one is not timed."""


@dataclass(frozen=True)
class Trial:
    """One strategy on one operator; milliseconds."""

    operator: str
    strategy: str
    chosen: bool
    channels: int
    predicted: float
    evaluation: float | None = None
    gradient: float | None = None

    @property
    def step(self) -> float:
        """Values and gradient together, as in training."""
        assert self.gradient is not None
        return self.gradient


Site = tuple[str, ...]


def operators() -> Iterator[tuple[str, tuple[Functional, ...], tuple[Site, ...]]]:
    """The distinct sets of functionals of the corpus, named by their first record."""
    seen = set()
    for record in in_scope():
        operator = normalize(list(record.equations), record.coordinates)
        sites = tuple(site.labels for site in operator.sites)
        arity = dict(zip(operator.fields, operator.arity, strict=True))
        groups: dict[object, list[Functional]] = defaultdict(list)
        for functional in operator.functionals:
            groups[arity[functional.field]].append(functional)
        wanted = tuple(max(groups.values(), key=len))
        key = frozenset((f.site, f.symbol) for f in wanted)
        if key not in seen and max(f.symbol.order for f in wanted) > 0:
            seen.add(key)
            yield record.name, wanted, sites


def trials(name: str, wanted: tuple[Functional, ...], sites: tuple[Site, ...]) -> list:
    """Plans and times all strategies on one operator."""
    plans: dict[str, Plan] = {}
    for strategy in STRATEGIES:
        try:
            plans[strategy] = make_plan(wanted, sites, strategy)
        except OperatorError:
            continue
    auto = make_plan(wanted, sites)
    least = min(plan.cost.time for plan in plans.values())
    timed = {s: p for s, p in plans.items() if p.cost.time < HOPELESS * least}
    found = race(timed, wanted)
    return [
        Trial(name, strategy, same_work(plan, auto), plan.channels, plan.cost.time,
              *found.get(strategy, (None, None)))
        for strategy, plan in plans.items()
    ]  # fmt: skip


def same_work(plan: Plan, auto: Plan) -> bool:
    return plan.pushes == auto.pushes


def race(plans: dict[str, Plan], wanted: tuple[Functional, ...]) -> dict:
    """Returns medians (evaluation, gradient) of each plan."""
    fields = tuple(dict.fromkeys(f.field for f in wanted))
    dim = wanted[0].symbol.dim
    params, points = setting(dim, len(fields), HIDDEN, POINTS)
    places = {f.site for f in wanted}

    def evaluate(plan):
        def values(params, points):
            group = Group(fields, Traced(lambda z: apply(params, z)))
            found = evaluate_functionals(
                plan, group, dict.fromkeys(places, Points.rows(points))
            )
            return jnp.stack([found[f] for f in wanted])

        return values

    times = {}
    for number, transform in enumerate((lambda f: f, slope)):
        compiled = {
            name: jax.jit(transform(evaluate(plan))).lower(params, points).compile()
            for name, plan in plans.items()
        }
        taken = defaultdict(list)
        for turn in range(REPEATS + 2):
            for name, function in compiled.items():
                start = time.perf_counter()
                jax.block_until_ready(function(params, points))
                if turn > 1:
                    taken[name].append(1e3 * (time.perf_counter() - start))
        times[number] = {name: statistics.median(t) for name, t in taken.items()}
    return {name: (times[0][name], times[1][name]) for name in plans}


def slope(function):
    return jax.grad(lambda params, points: jnp.mean(function(params, points) ** 2))


def ranks(values: list[float]) -> list[float]:
    """Ranks from 0, ties averaged."""
    order = sorted(values)
    return [
        (order.index(v) + len(order) - 1 - order[::-1].index(v)) / 2 for v in values
    ]


def correlation(pairs: list[tuple[float, float]]) -> float:
    """Spearman's rank correlation."""
    first, second = (ranks(list(column)) for column in zip(*pairs, strict=True))
    return statistics.correlation(first, second)


def summary(results: list[Trial]) -> str:
    """The two figures the cost model is judged by."""
    timed = [t for t in results if t.gradient is not None]
    overall = correlation([(t.predicted, t.step) for t in timed])
    rows = defaultdict(list)
    for trial in timed:
        rows[trial.operator].append(trial)
    ratios = {
        name: min(t.step for t in row if t.chosen) / min(t.step for t in row)
        for name, row in rows.items()
        if any(t.chosen for t in row)
    }
    good = sum(ratio <= 1.1 for ratio in ratios.values())
    worst = max(ratios, key=lambda name: ratios[name])
    return (
        f"{len(rows)} operators, {len(timed)} timed plans. Rank correlation of predicted "
        f"cost and gradient time: {overall:.3f}. `auto` is within 10 % of the fastest "
        f"strategy in {good} of {len(ratios)} operators "
        f"({100 * good / len(ratios):.0f} %); at worst {ratios[worst]:.2f} times it "
        f"({worst})."
    )


def table(results: list[Trial]) -> str:
    head = (
        "| operator | strategy | channels | predicted | evaluation ms | gradient ms |"
    )
    lines = [head, "| --- | --- | --- | --- | --- | --- |"]
    for t in results:
        strategy = f"**{t.strategy}**" if t.chosen else t.strategy
        times = ["" if v is None else f"{v:.2f}" for v in (t.evaluation, t.gradient)]
        lines.append(
            f"| {t.operator} | {strategy} | {t.channels} | {t.predicted:.1f} | "
            f"{times[0]} | {times[1]} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.strategies", description=__doc__
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument("--only", default="", help="operators whose name holds this")
    options = parser.parse_args()
    results: list[Trial] = []
    chosen = [o for o in operators() if options.only in o[0]]
    for operator in track(chosen, description="measuring"):
        results += trials(*operator)
    note = (
        "What `auto` takes is bold; no times: predicted to cost more than "
        f"{HOPELESS:.0f} times the cheapest. Predicted: a training step in forward "
        "passes of the network."
    )
    page = (
        f"# Strategies\n\n{report.machine()}\n\n{summary(results)}\n\n{note}\n\n"
        f"{table(results)}\n"
    )
    print(summary(results))
    if options.write:
        (report.FOLDER / "strategies.md").write_text(page)
        records = "\n".join(json.dumps(asdict(t)) for t in results)
        (report.FOLDER / "strategies.jsonl").write_text(records + "\n")


if __name__ == "__main__":
    main()
