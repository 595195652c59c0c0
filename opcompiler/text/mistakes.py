"""Mistakes with a place: file, line, column and a caret under the offending words.

What is wrong is raised as a `MeaningError`, by code that knows no text; it may name a part
of the tree, by default it is about the part that is being read. `reader.py` and
`statements.py` turn it into the `NotationError` that users see, by the `Source`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from lark import Token

from opcompiler.errors import OperatorError
from opcompiler.text.syntax import Node, span

_WIDEST = 100


class NotationError(OperatorError):
    """A text that cannot be read, and where.

    Attributes:
        file: the name under which the text was read.
        line: counted from 1.
        column: counted from 1, in characters.
        problem: what is wrong, in one sentence.
        expression: the offending words.
        hint: what was expected and how to mend it.
    """

    def __init__(
        self,
        problem: str,
        *,
        place: tuple[str, int, int],
        expression: str,
        picture: str,
        hint: str,
    ) -> None:
        self.file, self.line, self.column = place
        self._picture = picture
        super().__init__(problem, expression=expression, hint=hint)

    def _message(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.problem}\n{self._picture}\n  hint: {self.hint}"


class MeaningError(Exception):
    """What is wrong with a part of the text.

    Attributes:
        problem: what is wrong, in one sentence.
        hint: how to mend it.
        at: the part of the text; `None` for the part that is being read.
    """

    def __init__(
        self, problem: str, hint: str, *, at: Node | Token | None = None
    ) -> None:
        self.problem = problem
        self.hint = hint
        self.at = at
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Source:
    """A text under the name of its file, for pointing into it."""

    text: str
    file: str

    def words(self, part: Node | Token) -> str:
        """Returns a part of the text as it was written."""
        return self.text[slice(*span(part))]

    def about(self, part: Node | Token, problem: str, hint: str) -> NotationError:
        """Returns the error about a part of the text."""
        return self.error(problem, *span(part), hint=hint)

    def placed(self, error: MeaningError, part: Node | Token) -> NotationError:
        """Returns an error with its place, `part` unless it has one of its own."""
        return self.about(error.at or part, error.problem, error.hint)

    def error(self, problem: str, start: int, end: int, *, hint: str) -> NotationError:
        """Returns the error about the characters from `start` up to `end`."""
        begin = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", start)
        stop = len(self.text) if stop < 0 else stop
        line = self.text.count("\n", 0, start) + 1
        # A long line is shown around the place only.
        left = max(begin, start - _WIDEST // 2)
        right = min(stop, left + _WIDEST)
        width = max(1, min(end, right) - start)
        shown = "".join(_visible(c) for c in self.text[left:right])
        picture = f"    {shown}\n    {' ' * (start - left)}{'^' * width}"
        return NotationError(
            problem,
            place=(self.file, line, start - begin + 1),
            expression=self.text[start : min(end, start + _WIDEST)],
            picture=picture,
            hint=hint,
        )


def _visible(character: str) -> str:
    return character if character.isprintable() else " "


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """Returns a hint with the known names closest to `name`, or `otherwise`.

    Close is what is spelt alike, or begins with the name: `norm` of `normalisation`.
    """
    names = sorted(set(known))
    longer = [other for other in names if len(name) > 2 and other.startswith(name)]
    close = get_close_matches(name, names, n=3, cutoff=0.6) or longer[:3]
    return f"did you mean {' or '.join(close)}?" if close else otherwise
