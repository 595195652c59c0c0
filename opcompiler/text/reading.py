"""From text to the syntax tree, and what is told where it does not parse."""

from collections.abc import Iterable
from functools import cache

from lark import Token
from lark.exceptions import UnexpectedToken

from opcompiler.text.calls import is_function
from opcompiler.text.errors import NotationError, Source
from opcompiler.text.grammar import parser as grammar_parser
from opcompiler.text.habits import about_token
from opcompiler.text.layout import tokens_of
from opcompiler.text.syntax import Node, TooDeepError

_IN_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "LBAR": "'|'",
    "RBAR": "'|'",
    "LNORM": "'‖'",
    "RNORM": "'‖'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUALS": "'='",
    "IN": "'in'",
    "AT": "'at'",
    "SLASH": "'/'",
    "SEP": "the end of the line",
    "$END": "the end of the text",
    "RANGE": "'..'",
}
_OPERATORS = {
    "PLUS",
    "MINUS",
    "STAR",
    "SLASH",
    "POW",
    "DOT",
    "CROSS",
    "OTIMES",
    "SUPER",
}
_OPERANDS = {"NAME", "NUMBER", "LPAR", "PARTIAL", "NABLA", "DELTA", "LBAR", "LNORM"}


def read_tree(source: Source) -> Node:
    """Returns the syntax tree of a text: a node `start` of statements.

    Raises:
        NotationError: if the text is not of the notation, or beyond its limits.
    """
    tokens = tokens_of(source)
    parser = grammar_parser().parse_interactive()
    before: Token | None = None
    try:
        for token in tokens:
            parser.feed_token(token)
            before = token
        place = len(source.text.rstrip())
        end = Token("$END", "", start_pos=place, end_pos=place)
        tree = parser.feed_token(end)
    except UnexpectedToken as error:
        raise _refusal(source, error.token, before, parser.accepts()) from None
    except TooDeepError as error:
        raise source.error(
            "the text is nested too deeply",
            error.start,
            error.start + 1,
            hint="name its parts: define part = ...",
        ) from None
    return tree


def _refusal(
    source: Source, token: Token, before: Token | None, accepts: Iterable[str]
) -> NotationError:
    """Returns the error about a token that cannot stand where it does."""
    expected = set(accepts)
    start, end = token.start_pos or 0, token.end_pos or 0
    if token.type == "SEP":
        start = end = before.end_pos or 0 if before is not None else start
    found = {"$END": "the text ends too early", "SEP": "the line ends too early"}.get(
        token.type, f"{token.value!r} cannot stand here"
    )
    return source.error(found, start, end, hint=_hint(token, before, expected))


def _hint(token: Token, before: Token | None, expected: set[str]) -> str:
    habit = about_token(token, before, expected, is_function)
    if habit is not None:
        return habit
    if before is not None and "STAR" in expected and token.type in _OPERANDS:
        left, right = before.value, token.value
        if before.type in ("NAME", "NUMBER") and token.type == "NAME":
            return f"products need their sign: write {left}*{right}"
        return f"products need their sign: write * between {left} and {right}"
    words = [_IN_WORDS[kind] for kind in _rank(expected) if kind in _IN_WORDS]
    if expected >= {"PLUS", "STAR"}:
        words = ["an operator", *(w for w in words if w != "'/'")]
    if expected >= {"NAME", "NUMBER", "LPAR"}:
        words = ["an expression"]
    return "expected " + (" or ".join(words[:6]) or "something else")


@cache
def _order() -> dict[str, int]:
    return {kind: place for place, kind in enumerate(_IN_WORDS)}


def _rank(kinds: set[str]) -> list[str]:
    return sorted(kinds - (_OPERATORS - {"SLASH"}), key=lambda k: _order().get(k, 99))
