"""The share of a test's cases that `make test` runs; `make test-slow` runs the others.

For cases of one kind: other sizes, other types, other members of a table. Which of them
run by default is a fixed rule of their order or a list of names, never a draw.

>>> kept, other = one_in(2, ["a", "b"])
>>> kept, other.values, [mark.name for mark in other.marks]
('a', ('b',), ['slow'])
"""

from collections.abc import Iterable

import pytest


def one_in(step: int, cases: Iterable, start: int = 0) -> list:
    """Marks as slow all cases but every `step`-th, from that at place `start` on."""
    return [
        case if place % step == start else _slow(case)
        for place, case in enumerate(cases)
    ]


def only(kept: Iterable, cases: Iterable) -> list:
    """Marks as slow all cases but those in `kept`, each of which has to be a case."""
    kept, cases = set(kept), list(cases)
    assert kept <= set(cases), kept - set(cases)
    return [case if case in kept else _slow(case) for case in cases]


def _slow(case: object) -> object:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
