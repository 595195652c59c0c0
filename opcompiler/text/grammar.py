"""The grammar file, and the parser made of it."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from lark import Lark, Token

from opcompiler.text.syntax import Node


class _Kept:
    """Keeps the terminals that only the layout knows; Lark would drop them."""

    def __init__(self, *terminals: str) -> None:
        self.always_accept = terminals

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Returns the stream as it is."""
        return stream


_BY_PLACE = _Kept(
    *("NEWLINE", "SEMICOLON", "BAR", "NORM", "ELEMENT", "INFINITY", "SUMMATION")
)


def _grammar() -> str:
    """Returns the grammar: from the wheel, or from a checkout beside the package."""
    shipped = files("opcompiler") / "_grammar" / "operator.lark"
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "grammar" / "operator.lark"
    return checkout.read_text(encoding="utf-8")


@cache
def lexer() -> Lark:
    """Returns what cuts text into the terminals of the grammar, built once.

    Apart from the parser, because Lark would build it again for every text.
    """
    return Lark(_grammar(), parser=None, lexer="basic", postlex=_BY_PLACE)


@cache
def parser() -> Lark:
    """Returns the LALR(1) parser, built once (about 0.1 s)."""
    return Lark(
        _grammar(),
        parser="lalr",
        lexer="basic",
        postlex=_BY_PLACE,
        tree_class=Node,
        maybe_placeholders=False,
    )
