"""Reading JSON that may be wrong: every value knows its place in the text."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from opcompiler.algebra.quadratic import Exact
from opcompiler.errors import OperatorError
from opcompiler.planning.form import is_sized
from opcompiler.show.numbers import read_number

_LENGTH = 20_000_000
"""Characters of the longest text that is read: a second or two."""

_TEXT = 100_000


def parse(text: str) -> Reader:
    """Parses JSON text; numbers of JSON are integers, other numbers are texts.

    Raises:
        OperatorError: if it is not JSON, or too long, or names one entry twice.
    """
    if len(text) > _LENGTH:
        raise OperatorError(
            f"this text is too long for a plan: {len(text)} characters",
            hint=f"a plan has at most {_LENGTH}",
        )
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
        return Reader(found, "")
    # A ValueError is also what Python says to an integer of too many digits.
    except (ValueError, RecursionError) as error:
        raise OperatorError(
            f"this text is not JSON: {error}",
            hint="give what `Plan.to_json()` returned",
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {_shortened(twice)} occurs twice in one object")
    return found


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{_shortened(text)}: a number that is no integer is a text here")


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

    def only(self, *names: str) -> None:
        """Refuses an object with entries of other names."""
        for name in self.value if isinstance(self.value, dict) else ():
            if name not in names:
                self.refuse(f"only the keys {', '.join(names)}, not {_shortened(name)}")

    def require(self, name: str, value: object) -> None:
        """Checks that an entry has the one value that can be read."""
        entry = self.key(name)
        if type(entry.value) is not type(value) or entry.value != value:
            entry.refuse(repr(value))

    def items(
        self, *, exactly: int | None = None, most: int | None = None
    ) -> list[Reader]:
        """Returns the entries of a list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        if most is not None and len(self.value) > most:
            self.refuse(f"a list of length {most} at most")
        if exactly is not None and len(self.value) != exactly:
            self.refuse(f"a list of length {exactly}")
        return [Reader(v, f"{self.path}[{i}]") for i, v in enumerate(self.value)]

    def text(self) -> str:
        """Returns a string of characters that can be printed."""
        if not isinstance(self.value, str):
            self.refuse("a text")
        if len(self.value) > _TEXT or not self.value.isprintable():
            self.refuse(f"at most {_TEXT} characters, all of them printable")
        return self.value

    def integer(self, *, least: int = 0, below: int | None = None) -> int:
        """Returns an integer in a range; `true` is none."""
        inside = type(self.value) is int and self.value >= least
        if not inside or (below is not None and self.value >= below):
            end = "" if below is None else f" and below {below}"
            self.refuse(f"an integer of at least {least}{end}")
        return self.value

    def number(self) -> Exact:
        """Returns an exact number that a float can hold the size of."""
        number = read_number(self.value)
        if number and not is_sized(number):
            self.refuse("a number whose size a float can hold")
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
    if isinstance(value, list | dict) and len(value) > 60:
        return f"{len(value)} entries"
    try:
        text = json.dumps(value, ensure_ascii=False)
        text = text if text.isprintable() else json.dumps(value)
    except RecursionError:
        text = f"{type(value).__name__} of many levels"
    return text if len(text) <= 60 else f"{text[:57]}..."
