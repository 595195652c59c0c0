"""Strategies side by side: what each would cost for the same functionals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opcompiler.show.plain_text import plain_text, simple_table

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
    numbers = ("pushes", "channels", "products", "cost")
    table = simple_table("strategy", *numbers, "", right=numbers)
    for candidate in candidates:
        note = "<- auto" if candidate.chosen else ""
        if candidate.plan is None:
            table.add_row(candidate.strategy, "-", "-", "-", "-", candidate.reason)
        else:
            table.add_row(candidate.strategy, *_numbers(candidate.plan), note)
    return plain_text(table)


def _numbers(plan: Plan) -> tuple[str, str, str, str]:
    cost = plan.cost
    counts = (len(plan.pushes), plan.channels, cost.products)
    return (*map(str, counts), f"{cost.time:.1f}")
