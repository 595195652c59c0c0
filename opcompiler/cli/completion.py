"""What the shell offers when TAB is pressed; `opcompiler --install-completion`.

A press takes as long as the package to load, about two seconds.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from opcompiler.planning import STRATEGIES

STRATEGY_NAMES = ("auto", *sorted(STRATEGIES))


def strategies(incomplete: str) -> list[str]:
    """Offers the names of strategies."""
    return [name for name in STRATEGY_NAMES if name.startswith(incomplete)]


def files(*suffixes: str) -> Callable[[str], list[str]]:
    """Returns what offers files of some kinds, and the folders on the way to them."""

    def offer(incomplete: str) -> list[str]:
        folder, start = os.path.split(incomplete)
        return sorted(_fitting(folder, start, suffixes))

    return offer


def _fitting(folder: str, start: str, suffixes: tuple[str, ...]) -> Iterable[str]:
    try:
        found = list(Path(folder or ".").iterdir())
    except OSError:
        return
    for path in found:
        if not path.name.startswith(start) or (path.name[0] == "." and not start):
            continue
        # The folder stays as the user wrote it.
        name = os.path.join(folder, path.name)
        if path.is_dir():
            yield f"{name}/"
        elif path.suffix in suffixes:
            yield name
