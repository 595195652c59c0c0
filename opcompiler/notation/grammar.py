"""The grammar files, and the parsers made of them."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from lark import Lark, Token

from opcompiler.notation.syntax import Node

_BY_PLACE = ("NEWLINE", "SEMICOLON", "BAR", "NORM", "ELEMENT", "INFINITY", "SUMMATION")


class _Kept:
    """Keeps the terminals that only the layout knows; Lark would drop them."""

    always_accept = _BY_PLACE

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Returns the stream as it is."""
        return stream


def grammar_text(name: str) -> str:
    """Returns a grammar file: from the wheel, or from a checkout beside the package."""
    shipped = files("opcompiler") / "_grammar" / name
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "grammar" / name
    return checkout.read_text(encoding="utf-8")


@cache
def operator_lexer() -> Lark:
    """Returns what cuts text into terminals, built once.

    Apart from the parser, because Lark would build it again for every text.
    """
    return Lark(
        grammar_text("operator.lark"), parser=None, lexer="basic", postlex=_Kept()
    )


@cache
def operator_parser() -> Lark:
    """Returns the LALR(1) parser of the text notation, built once (about 0.1 s)."""
    return Lark(
        grammar_text("operator.lark"),
        parser="lalr",
        lexer="basic",
        postlex=_Kept(),
        tree_class=Node,
        maybe_placeholders=False,
    )
