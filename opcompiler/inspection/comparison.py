"""Strategies side by side: what each would cost for the same functionals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from opcompiler.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a strategy makes of some functionals.

    Attributes:
        strategy: its name.
        plan: its plan; `None` if it refuses.
        reason: why it refuses; empty if it does not.
        chosen: whether `auto` takes it.
    """

    strategy: str
    plan: Plan | None
    reason: str = ""
    chosen: bool = False


def comparison_table(candidates: Sequence[Candidate]) -> str:
    """Returns a plain-text table, one row per strategy; `auto` marks the chosen one."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("strategy")
    for column in ("pushes", "channels", "products", "cost"):
        table.add_column(column, justify="right")
    table.add_column("", overflow="fold")
    for candidate in candidates:
        note = "<- auto" if candidate.chosen else ""
        if candidate.plan is None:
            table.add_row(candidate.strategy, "-", "-", "-", "-", candidate.reason)
        else:
            table.add_row(candidate.strategy, *_numbers(candidate.plan), note)
    stream = StringIO()
    console = Console(
        file=stream, width=96, highlight=False, color_system=None, markup=False
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _numbers(plan: Plan) -> tuple[str, str, str, str]:
    cost = plan.cost
    counts = (len(plan.pushes), plan.channels, cost.products)
    return (*map(str, counts), f"{cost.time:.1f}")
