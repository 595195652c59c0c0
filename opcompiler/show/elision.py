"""Leaving out the middle of what is long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from opcompiler.algebra.quadratic import Exact
from opcompiler.ir import linear_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Elided:
    """Stands for items left out; as text `… 46 more`."""

    count: int

    def __str__(self) -> str:
        return f"… {self.count} more"


def elide(items: Sequence[T], at_most: int, tail: int = 1) -> list[T | Elided]:
    """Returns the items, the middle replaced if they are more than `at_most`.

    Args:
        items: in order.
        at_most: how many entries the result may have, the mark included.
        tail: how many of the last items are kept.
    """
    if len(items) <= at_most:
        return list(items)
    head = at_most - tail - 1
    end = len(items) - tail
    return [*items[:head], Elided(end - head), *items[end:]]


def shortened(text: str, at_most: int) -> str:
    """Returns a text cut to some number of characters, with `…` at the end."""
    return text if len(text) <= at_most else f"{text[: at_most - 1].rstrip()}…"


def sum_text(terms: Iterable[tuple[str, Exact]], at_most: int = 7) -> str:
    """Writes a combination as `linear_text` does; long ones as `a + … 46 more + z`."""
    every = list(terms)
    if len(every) <= at_most:
        return linear_text(every)
    head, last = every[: at_most - 2], every[-1]
    mark = Elided(len(every) - at_most + 1)
    return f"{linear_text(head)} + {mark} + {linear_text([last])}".replace("+ -", "- ")
