"""From LaTeX to a problem: rows, their tokens, their trees, their meaning."""

from collections.abc import Iterator, Mapping

import sympy as sp
from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from opcompiler.notation.errors import NotationError, Source
from opcompiler.notation.grammar import lexer, parser
from opcompiler.notation.latex import words
from opcompiler.notation.latex.cutting import Cutter
from opcompiler.notation.layout import DECLARE, KINDS, MODIFIERS
from opcompiler.notation.limits import LONGEST_NAME, LONGEST_TEXT, MOST_TOKENS
from opcompiler.notation.problem import Problem
from opcompiler.notation.reading import read_tree, refusal
from opcompiler.notation.scope import Scope
from opcompiler.notation.statements import read_statements
from opcompiler.notation.syntax import DEEPEST, Node, TooDeepError

_ALIGNS = {f"{side}{{{name}}}" for name in words.ENVIRONMENTS for side in ("\\begin",
           "\\end")}  # fmt: skip


def read_latex(
    source: Source, declarations: Source, given: Mapping[str, sp.Expr]
) -> Problem:
    """Returns the problem of declarations in the text notation and rows in LaTeX.

    Raises:
        NotationError: with the place of what is wrong, in either of them.
    """
    written = [(declarations, node) for node in read_tree(declarations).nodes]
    rows = _rows(source)
    declaring = [row for row in rows if _declares(row)]
    for row in declaring:
        written.append((source, _tree(source, row, Scope(), declaring=True)))
    others = [row for row in rows if not _declares(row)]

    def equations(scope: Scope) -> Iterator[tuple[Source, Node]]:
        for row in others:
            yield source, _tree(source, row, scope)

    return read_statements(written, equations, given)


def _rows(source: Source) -> list[list[Token]]:
    """Cuts a text into terminals, and these at row ends outside of environments."""
    rows: list[list[Token]] = [[]]
    inside = 0
    for token in _terminals(source):
        if token.type == "ENVIRONMENT":
            if str(token).replace(" ", "") in _ALIGNS:
                if not inside:
                    rows.append([])
                continue
            inside += 1 if str(token).startswith("\\begin") else -1
        if token.type == "NEXT_ROW" and not inside:
            rows.append([])
        else:
            rows[-1].append(token)
    return [row for row in rows if any(t.type not in ("TAB", "MARK") for t in row)]


def _terminals(source: Source) -> list[Token]:
    if len(source.text) > LONGEST_TEXT:
        raise source.error(
            f"the text has {len(source.text)} characters",
            0,
            1,
            hint=f"texts of up to {LONGEST_TEXT} characters are read",
        )
    tokens: list[Token] = []
    depth = 0
    try:
        for token in lexer("latex").lex(source.text):
            tokens.append(token)
            depth += (token.type in ("LBRACE", "LPAR")) - (
                token.type in ("RBRACE", "RPAR")
            )
            long = token.type in ("LETTERS", "WORDS", "MARK", "QUOTE")
            if long and len(token) > LONGEST_NAME:
                hint = f"names have up to {LONGEST_NAME} characters"
                raise _at(source, token, "this name is too long", hint)
            if depth > DEEPEST or len(tokens) > MOST_TOKENS:
                what = "is nested too deeply" if depth > DEEPEST else "is too long"
                raise _at(source, token, f"the text {what}", "split it into rows")
    except UnexpectedCharacters as error:
        place = error.pos_in_stream
        raise source.error(
            f"the sign {source.text[place]!r} means nothing here",
            place,
            place + 1,
            hint="names, numbers, commands, braces and + - * / ^ _ ( ) = are read",
        ) from None
    return tokens


def _at(source: Source, token: Token, problem: str, hint: str) -> NotationError:
    return source.error(problem, token.start_pos or 0, token.end_pos or 0, hint=hint)


def _opening(row: list[Token]) -> tuple[Token, list[str]] | None:
    r"""Returns the `\text{...}` that a row begins with, and its words."""
    first = next((t for t in row if t.type not in ("TAB", "MARK")), None)
    if first is None or not str(first).startswith("\\text"):
        return None
    return first, words.content(str(first)).replace(":", " : ").split()


def _declares(row: list[Token]) -> bool:
    opening = _opening(row)
    if opening is None:
        return False
    said = [word for word in opening[1] if word not in MODIFIERS]
    # Velocities and definitions are expressions: they are read in their order.
    return bool(said) and DECLARE.get(said[0]) not in (None, "VELOCITY", "DEFINE")


def _tree(
    source: Source, row: list[Token], scope: Scope, declaring: bool = False
) -> Node:
    """Returns the tree of one row."""
    tokens: list[Token] = []
    opening = _opening(row)
    if opening is not None:
        tokens = _head(source, *opening)
        row = row[row.index(opening[0]) + 1 :] if tokens else row
    tokens += Cutter(source, row, scope, declaring).row()
    interactive = parser("latex").parse_interactive()
    before: Token | None = None
    try:
        for token in tokens:
            interactive.feed_token(token)
            before = token
        place = (before.end_pos or 0) if before is not None else 0
        end = Token("$END", "", start_pos=place, end_pos=place)
        tree = interactive.feed_token(end)
    except UnexpectedToken as error:
        accepts = interactive.accepts()
        raise refusal(source, error.token, before, accepts) from None
    except TooDeepError as error:
        raise source.error(
            "the text is nested too deeply",
            error.start,
            error.start + 1,
            hint="name its parts by definitions",
        ) from None
    if not tree.nodes:
        raise _at(source, row[0], "this row says nothing", "drop it")
    return tree.nodes[0]


def _head(source: Source, token: Token, said: list[str]) -> list[Token]:
    r"""Returns what `\text{field }` or `\text{initial left: }` stands for."""

    def made(kind: str, value: str) -> Token:
        return Token(kind, value, start_pos=token.start_pos, end_pos=token.end_pos)

    plain = [word for word in said if word not in MODIFIERS]
    if len(plain) == 1 and plain[0] in DECLARE:
        return [made(DECLARE[plain[0]], " ".join(said))]
    if not said or said[-1] != ":":
        return []
    kinds = [made("KIND", said[0])] if said[0] in KINDS else []
    names = [made("NAME", name) for name in said[len(kinds) : -1]]
    if len(names) > 1 or not (kinds or names):
        raise _at(source, token, "this label is not one name", "write \\text{heat: }")
    return [*kinds, *names, made("COLON", ":")]
