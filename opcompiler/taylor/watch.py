"""What becomes of the directions of a push, written down while it runs.

In: pushes that are traced inside of `watching`. Out: how their families began, where they
were written out in all directions, exchanged for fewer, or cut into chunks:

    watch = Watch()
    with watching(watch):
        jax.eval_shape(lambda: push(net, point, seeds, algebra))
    watch.events      # "200 directions, 1 per element", "all 200 at every element from ..."

Nothing of this changes what a push computes. The rules of primitives know nothing of it:
`interpret.evaluate` compares what goes into an equation with what comes out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opcompiler import _compat
from opcompiler.taylor.places import SparseArray
from opcompiler.taylor.support import families_of, is_local
from opcompiler.taylor.value import AlgebraArray, family_axis, Value


@dataclass
class Watch:
    """What is found out about the families of a push.

    Attributes:
        largest: numbers in the largest family.
        events: what became of families, in order, each once.
    """

    largest: int = 0
    events: list[str] = field(default_factory=list)
    _quiet: bool = False

    def note(self, event: str) -> None:
        """Writes an event down, if it is a new one."""
        if not self._quiet and event not in self.events:
            self.events.append(event)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Writes no events down inside: what runs there is no equation of the network."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def begins(self, starts: Sequence[Value], chunk: int | None) -> None:
        """Writes down how the arguments of a push hold their directions."""
        if chunk is not None:
            self.note(f"{chunk} directions at a time")
        for start in starts:
            if is_local(start):
                support = start.support
                self.note(f"{support.count} directions, {support.lanes} per element")
            elif isinstance(start, SparseArray):
                self.note(f"{start.split.count} directions, each at its own places")
            elif count := directions(start):
                self.note(f"{count} directions, all of them at every element")

    def ran(
        self, equation: Any, inputs: Sequence[Value], outputs: Sequence[Value]
    ) -> None:
        """Writes down that an equation took parts of families, and gave all directions."""
        dense = max(map(directions, outputs), default=0)
        if dense and any(isinstance(x, SparseArray) or is_local(x) for x in inputs):
            lanes = max((x.support.lanes for x in inputs if is_local(x)), default=0)
            before = f" ({lanes} per element before)" if lanes else ""
            self.note(f"all {dense} at every element from {_place(equation)}{before}")

    def exchanged(self, equation: Any, before: int, after: int) -> None:
        """Writes down that behind an equation fewer directions stand for all."""
        if before != after:
            self.note(f"{after} in the place of {before} behind {_place(equation)}")


def directions(value: Value) -> int:
    """Returns how many directions a value holds at every element; 0 if none, or parts."""
    if not isinstance(value, AlgebraArray) or is_local(value):
        return 0
    axis = family_axis(len(value.shape))
    return max((c.shape[axis] for c in families_of(value).values()), default=0)


def _place(equation: Any) -> str:
    return f"{equation.primitive.name}, {_compat.source_line(equation)}"


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Lets all pushes that run inside write down what becomes of their directions."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)


def current_watch() -> Watch | None:
    """Returns what pushes write to now, if anybody watches."""
    return _WATCH.get()
