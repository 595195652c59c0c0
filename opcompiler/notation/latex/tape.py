"""Reading raw tokens and writing tokens: what every part of the cutter needs."""

from collections.abc import Sequence

from lark import Token

from opcompiler.notation.errors import NotationError, Source
from opcompiler.notation.names import spelled
from opcompiler.notation.scope import Scope

_STARTS = {
    *(
        "NAME",
        "NUMBER",
        "LPAR",
        "_FRAC",
        "ROOT",
        "FUNCTION",
        "SUM",
        "INTEGRAL",
        "CASES",
    ),
    *("DOTTED", "LBAR", "LNORM", "NABLA", "DELTA", "PARTIAL_SUB", "MATERIAL"),
}
_ENDS = {
    *("NAME", "NUMBER", "RPAR", "RSQB", "RBAR", "RNORM", "PRIME", "CONJUGATED"),
    "TRANSPOSED",
}
_NO_ARGUMENT = {"RBRACE", "RPAR", "NEXT_ROW", "TAB", "UNDER", "POW", "ENVIRONMENT"}
_CLOSERS = {"LBRACE": "RBRACE", "LPAR": "RPAR", "LSQB": "RSQB"}


class Tape:
    """Reads raw tokens and writes tokens of the grammar.

    Attributes:
        raw: the terminals, of which `place` is the next.
        out: the tokens made so far.
    """

    def __init__(
        self,
        source: Source,
        raw: Sequence[Token],
        scope: Scope,
        declaring: bool = False,
    ) -> None:
        self.source, self.raw, self.scope = source, list(raw), scope
        self.declaring = declaring
        self.running = _running(raw)
        self.place = 0
        self.out: list[Token] = []
        self.ended = False
        self.depth = 0
        self.bars = 0
        self.lefts: list[str] = []
        self.integrals = 0

    def row(self) -> list[Token]:
        """Returns the tokens of the whole row."""
        while self.place < len(self.raw):
            self.unit()
        return self.out

    def peek(self, ahead: int = 0) -> Token | None:
        """Returns a raw token that has not been read yet."""
        place = self.place + ahead
        return self.raw[place] if place < len(self.raw) else None

    def next_is(self, *kinds: str) -> bool:
        """Whether the next raw token is of some kinds."""
        token = self.peek()
        return token is not None and token.type in kinds

    def take(self) -> Token:
        """Reads a raw token."""
        token = self.raw[self.place]
        self.place += 1
        return token

    def emit(self, kind: str, at: Token, value: str = "", star: bool = True) -> None:
        """Writes a token that stands where `at` does, a STAR before it if it must."""
        if self.ended and star and kind in _STARTS:
            start = at.start_pos or 0
            self.out.append(Token("STAR", "*", start_pos=start, end_pos=start))
        self.out.append(
            Token(kind, value or str(at), start_pos=at.start_pos, end_pos=at.end_pos)
        )
        operator = len(self.out) > 1 and self.out[-2].type == "NABLA"  # `(v·∇)`
        self.ended = kind in _ENDS and not (kind == "RPAR" and operator)

    def error(self, at: Token, problem: str, hint: str) -> NotationError:
        """Returns an error about a raw token."""
        return self.source.error(problem, at.start_pos or 0, at.end_pos or 0, hint=hint)

    def matching(self, opening: int) -> int:
        """Returns the place of the bracket that closes the one at `opening`."""
        close, kind = _CLOSERS[self.raw[opening].type], self.raw[opening].type
        depth = 0
        for place in range(opening, len(self.raw)):
            depth += (self.raw[place].type == kind) - (self.raw[place].type == close)
            if depth == 0:
                return place
        raise self.error(self.raw[opening], "this bracket is never closed", "close it")

    def until(self, end: int) -> None:
        """Makes tokens of everything before what stands at a place now."""
        last = self.raw[end]
        while self.peek() is not last:
            if self.peek() is None:
                self._stray(last)
            self.unit()

    def bracketed(self, at: Token, closes: bool = True) -> None:
        """Makes one braced argument, or one unit, a group of its own."""
        self.emit("_OPEN", at)
        self.argument()
        self.emit("_CLOSE", self.raw[self.place - 1])
        self.ended = closes

    def argument(self) -> None:
        """Makes tokens of a braced argument; without braces of one letter or digit."""
        self.ended = False
        if self.next_is("LBRACE"):
            end = self.matching(self.place)
            self.take()
            self.until(end)
            self.take()
        elif self.peek() is None:
            last = self.raw[self.place - 1]
            raise self.error(last, "this command has no argument", "write it in braces")
        else:
            self._split_first()
            self.unit()

    def _split_first(self) -> None:
        """LaTeX takes one letter or digit where there are no braces."""
        token = self.raw[self.place]
        if token.type in ("LETTERS", "NUMBER") and len(token) > 1 and token[0] != ".":
            start = token.start_pos or 0
            halves = (str(token)[:1], start), (str(token)[1:], start + 1)
            self.raw[self.place : self.place + 1] = [
                Token(token.type, text, start_pos=at, end_pos=at + len(text))
                for text, at in halves
            ]

    def declared(self, name: str) -> bool:
        """Whether a name is declared."""
        return spelled(name) in self.scope.names

    def subscript(self) -> list[Token]:
        """Reads `_x` or `_{...}`, `^x` or `^{...}`; returns the raw tokens in it."""
        under = self.take()
        if self.next_is("LBRACE"):
            end = self.matching(self.place)
            inside = self.raw[self.place + 1 : end]
            self.place = end + 1
        elif self.peek() is None:
            raise self.error(under, "there is nothing behind this sign", "write u_{x}")
        else:
            self._split_first()
            inside = [self.take()]
            if inside[0].type in _NO_ARGUMENT:
                raise self.error(
                    under, "there is nothing behind this sign", "write u_{x}"
                )
        if not inside:
            raise self.error(under, "this subscript is empty", "write u_{x}")
        return inside

    def inner(self, raw: Sequence[Token]) -> "Tape":
        """Returns a cutter of a part, apart from what stands around it."""
        inner = type(self)(self.source, raw, self.scope)
        inner.depth, inner.running = self.depth, self.running
        return inner

    def unit(self) -> None:
        """Makes tokens of one unit: a name with its subscript, a command, a sign."""
        raise NotImplementedError


def _running(raw: Sequence[Token]) -> set[str]:
    """Returns the letters that sums of a row run over: those before `=` below them."""
    found: set[str] = set()
    for place, token in enumerate(raw):
        if token.type == "COMMAND" and str(token) == "\\sum":
            for inner in raw[place + 1 : place + 12]:
                if inner.type == "EQUALS":
                    break
                if inner.type == "LETTERS":
                    found.add(str(inner))
    return found
