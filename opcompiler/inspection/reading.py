"""Reading JSON that may be wrong: every value knows its place in the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from opcompiler.core.errors import OperatorError
from opcompiler.core.quadratic import Exact
from opcompiler.inspection.numbers import read_number


def parse(text: str) -> Reader:
    """Parses JSON text.

    Raises:
        OperatorError: if it is not JSON.
    """
    try:
        return Reader(json.loads(text), "")
    # A ValueError is also what Python says to an integer of too many digits.
    except (ValueError, RecursionError) as error:
        raise OperatorError(
            f"this text is not JSON: {error}",
            hint="give what `Plan.to_json()` returned",
        ) from None


@dataclass(frozen=True)
class Reader:
    """A JSON value and where it stands; each method checks, then returns.

    Attributes:
        value: as `json.loads` gave it.
        path: the place, `pushes[0].seeds[1]`; empty for the whole text.
    """

    value: Any
    path: str

    def refuse(self, expected: str) -> NoReturn:
        """Raises an error that says what was expected here."""
        raise OperatorError(
            f"this is not a plan: {self.path or 'the text'} does not fit",
            expression=_shortened(self.value),
            hint=f"expected here: {expected}",
        )

    def has(self, name: str) -> bool:
        """Whether an object has a key."""
        return isinstance(self.value, dict) and name in self.value

    def key(self, name: str) -> Reader:
        """Returns an object's entry."""
        if not self.has(name):
            self.refuse(f"an object with the key {name!r}")
        return Reader(self.value[name], f"{self.path}.{name}".lstrip("."))

    def require(self, name: str, value: object) -> None:
        """Checks that an entry has the one value that can be read."""
        entry = self.key(name)
        if type(entry.value) is not type(value) or entry.value != value:
            entry.refuse(repr(value))

    def items(self, exactly: int | None = None) -> list[Reader]:
        """Returns the entries of a list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        if exactly is not None and len(self.value) != exactly:
            self.refuse(f"a list of length {exactly}")
        return [Reader(v, f"{self.path}[{i}]") for i, v in enumerate(self.value)]

    def text(self) -> str:
        """Returns a string."""
        if not isinstance(self.value, str):
            self.refuse("a text")
        return self.value

    def is_list(self) -> bool:
        """Whether the value is a list."""
        return isinstance(self.value, list)

    def integer(self, *, least: int = 0, below: int | None = None) -> int:
        """Returns an integer in a range; `true` is none."""
        inside = type(self.value) is int and self.value >= least
        if not inside or (below is not None and self.value >= below):
            end = "" if below is None else f" and below {below}"
            self.refuse(f"an integer of at least {least}{end}")
        return self.value

    def number(self) -> Exact:
        """Returns an exact number."""
        number = read_number(self.value)
        if number is None:
            self.refuse(
                'an exact number, "3", "-1/2", or {"a": "1", "b": "1/2", "sqrt": 3} '
                "for 1 + sqrt(3)/2"
            )
        return number

    def rational(self) -> Fraction:
        """Returns a rational number."""
        number = self.number()
        if not isinstance(number, Fraction):
            self.refuse('a rational number as text, "3" or "-1/2"')
        return number


def _shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
