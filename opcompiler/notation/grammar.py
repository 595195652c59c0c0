"""The grammar files, and the parsers made of them."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from lark import Lark, Token

from opcompiler.notation.syntax import Node


class _Kept:
    """Keeps the terminals that only the layout knows; Lark would drop them."""

    def __init__(self, *terminals: str) -> None:
        self.always_accept = terminals

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Returns the stream as it is."""
        return stream


_BY_PLACE = {
    "operator": _Kept(
        *("NEWLINE", "SEMICOLON", "BAR", "NORM", "ELEMENT", "INFINITY", "SUMMATION")
    ),
    "latex": _Kept(
        *("NEXT_ROW", "WORDS", "ENVIRONMENT", "MARK", "COMMAND", "LETTERS", "UNDER"),
        *("LBRACE", "RBRACE", "BAR", "NORM", "QUOTE", "TAB", "FULL_STOP"),
    ),
}


def grammar_text(name: str) -> str:
    """Returns a grammar file: from the wheel, or from a checkout beside the package."""
    shipped = files("opcompiler") / "_grammar" / name
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "grammar" / name
    return checkout.read_text(encoding="utf-8")


@cache
def lexer(name: str) -> Lark:
    """Returns what cuts text into the terminals of a grammar, built once.

    Apart from the parser, because Lark would build it again for every text.
    """
    return Lark(
        grammar_text(f"{name}.lark"),
        parser=None,
        lexer="basic",
        postlex=_BY_PLACE[name],
    )


@cache
def parser(name: str) -> Lark:
    """Returns the LALR(1) parser of a grammar, built once (about 0.1 s)."""
    return Lark(
        grammar_text(f"{name}.lark"),
        parser="lalr",
        lexer="basic",
        postlex=_BY_PLACE[name],
        tree_class=Node,
        maybe_placeholders=False,
    )
