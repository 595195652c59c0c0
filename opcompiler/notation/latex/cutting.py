r"""From LaTeX to the tokens of `grammar/latex.lark`: what commands and places mean.

LaTeX has no sign for a product and none for a call, so the declared names decide:
`u(t, 0)` is a field at a point and `\nu(x + 1)` is a product. A subscript belongs to its
name (`u_{xx}`, `x_1`), a row of letters is cut into declared names.
"""

from collections.abc import Callable, Sequence

from lark import Token

from opcompiler.notation import calls
from opcompiler.notation.errors import nearest
from opcompiler.notation.latex import commands, words
from opcompiler.notation.latex.tape import Tape
from opcompiler.notation.names import spelled
from opcompiler.notation.syntax import DEEPEST

_PLAIN = {
    *("PLUS", "MINUS", "STAR", "SLASH", "EQUALS", "CMP", "COMMA", "COLON", "LPAR"),
    "RPAR",
}


class Cutter(Tape):
    """Makes tokens of one row, by the declared names."""

    def unit(self) -> None:
        """Makes tokens of one unit."""
        self.depth += 1
        token = self.peek()
        if token is None:
            last = self.raw[-1]
            raise self.error(last, "this row ends too early", "something is not closed")
        if self.depth > DEEPEST:
            raise self.error(
                token, "the text is nested too deeply", "split it by names"
            )
        if token.type in _PLAIN:
            self.emit(token.type, self.take())
        else:
            _UNITS[token.type](self, self.take())
        self.depth -= 1

    def _number(self, token: Token) -> None:
        self.emit("NUMBER", token)

    def _letters(self, token: Token) -> None:
        if self._differential(token):
            return
        if str(token) == "e" and self.next_is("POW") and not self.declared("e"):
            self.take()
            self.emit("FUNCTION", token, "exp")
            self.bracketed(token)
            return
        pieces = self._cut(str(token))
        start = token.start_pos or 0
        for piece in pieces:
            part = Token("LETTERS", piece, start_pos=start, end_pos=start + len(piece))
            start += len(piece)
            last = piece is pieces[-1]
            self.name(spelled(piece), part) if last else self.emit("NAME", part, piece)

    def _cut(self, word: str) -> list[str]:
        """Cuts letters into the longest declared names, else single letters."""
        if self.declaring:
            return [word]
        pieces = []
        while word:
            ends = range(len(word), 1, -1)
            known = (end for end in ends if self.declared(word[:end]))
            end = next(known, 1)
            pieces.append(word[:end])
            word = word[end:]
        return pieces

    def _differential(self, token: Token) -> bool:
        """Reads the `ds` that ends an integral."""
        word = str(token)
        upright = token.type == "WORDS"
        known = self.declared(word) or self.declared("d")
        if not self.integrals or word[0] != "d" or (known and not upright):
            return False
        self.integrals -= 1
        self.emit("_D", token)
        if len(word) > 1:
            self.emit("NAME", token, spelled(word[1:]))
        else:
            self.ended = False
            self.unit()
        return True

    def name(self, base: str, first: Token) -> None:
        """Writes a name with its subscript, and the bracket of a call behind it."""
        inside = self.subscript() if self.next_is("UNDER") else []
        if inside and self._indices(base, first, inside):
            return
        full = self.subscripted(base, inside)
        self.emit("NAME", first, full)
        ahead = 1 if self.next_is("COMMAND") and str(self.peek()) == "\\left" else 0
        bracket = self.peek(ahead)
        opens = bracket is not None and bracket.type == "LPAR"
        if bracket is not None and opens and (self.declaring or self.is_field(full)):
            self.place += ahead + 1
            if ahead:
                self.lefts.append("(")
            self.emit("LPAR", bracket, star=False)

    def subscripted(self, base: str, inside: Sequence[Token]) -> str:
        """Returns the name that a base and its subscript make."""
        if not inside:
            return base
        text = "".join(self._subscript_part(token) for token in inside)
        if self.declaring or self.declared(f"{base}{text}"):
            return f"{base}{text}"
        return f"{base}_{text}"

    def _subscript_part(self, token: Token) -> str:
        word = str(token)
        if token.type in ("LETTERS", "NUMBER"):
            return spelled(word)
        if token.type == "WORDS":
            return spelled(words.content(word))
        if token.type == "COMMAND" and word[1:] in words.GREEK:
            return words.GREEK[word[1:]]
        if token.type in ("COMMA", "UNDER", "LBRACE", "RBRACE"):
            return ""
        raise self.error(
            token, f"{word} cannot stand in a subscript", "subscripts are names"
        )

    def _indices(self, base: str, first: Token, inside: Sequence[Token]) -> bool:
        """Writes `A_{ij}`, `x_{i+1}` as entries, where the base has components."""
        field = self.scope.fields.get(base)
        table = field is not None and field.shape is not None
        vector = base in self.scope.coordinates or (
            field is not None and field.components is not None
        )
        running = str(inside[0]) in self.running and (
            len(inside) == 1 or inside[1].type in ("PLUS", "MINUS")
        )
        number = inside[0].type == "NUMBER" and not self.declared(f"{base}{inside[0]}")
        if not table and not (vector and (running or number)):
            return False
        self.emit("NAME", first, base)
        bracket = inside[0]
        self.emit("LSQB", bracket, "[")
        for token in self.inner(inside).row():
            comma = token.type == "STAR" and table
            self.emit("COMMA" if comma else token.type, token, star=False)
        self.emit("RSQB", inside[-1], "]")
        return True

    def is_field(self, name: str) -> bool:
        """Whether a name takes arguments: a field, or a derivative of one."""
        fields = self.scope.fields.values()
        names = {n for f in fields for n in (f.name, *f.names) if f.shape is None}
        base = name
        while base:
            if base in names:
                return True
            base = base.rpartition("_")[0]
        return False

    # Superscripts, primes, bars.

    def _raised(self, token: Token) -> None:
        self.place -= 1
        inside = self.subscript()
        prefix = bool(self.out) and self.out[-1].type in ("NABLA", "DELTA")
        shown = "".join(map(str, inside))
        mark = self._mark(shown)
        if mark is not None:
            self.emit(*mark[:1], token, mark[1])
            return
        self.emit("POW", token)
        if len(inside) == 1 and inside[0].type == "NUMBER":
            self.emit("NUMBER", inside[0])
        elif len(inside) == 1 and self._is_name(inside[0]):
            self.emit("NAME", inside[0], spelled(str(inside[0]).lstrip("\\")))
        else:
            self.emit("_OPEN", token)
            self.out += self.inner(inside).row()
            self.emit("_CLOSE", inside[-1])
        self.ended = not prefix

    def _is_name(self, token: Token) -> bool:
        if token.type == "LETTERS":
            return len(token) == 1 or self.declared(str(token))
        return token.type == "COMMAND" and str(token)[1:] in words.GREEK

    def _mark(self, shown: str) -> tuple[str, str] | None:
        """Reads a superscript that is no power."""
        primes = shown.count("\\prime")
        if primes and shown == "\\prime" * primes:
            return "PRIME", "'" * primes
        if shown in ("*", "\\ast"):
            return "CONJUGATED", shown
        if shown == "\\top" or (
            shown in ("T", "\\mathsf{T}") and not self.declared("T")
        ):
            return "TRANSPOSED", shown
        on_name = bool(self.out) and self.out[-1].type == "NAME"
        if on_name and shown[:1] == "(" and shown[1:-1].isdigit() and len(shown) < 5:
            return "PRIME", "'" * int(shown[1:-1])
        return None

    def _prime(self, token: Token) -> None:
        self.emit("PRIME", token)

    def _bar(self, token: Token) -> None:
        kind = "BAR" if token.type == "BAR" else "NORM"
        if kind == "BAR" and self.next_is("UNDER"):
            self.evaluated(token)
            return
        closes = self.bars and self.ended
        self.bars += -1 if closes else 1
        self.emit(("R" if closes else "L") + kind, token)

    def evaluated(self, bar: Token) -> None:
        """Reads the `_{x=0}` behind a bar."""
        self.take()
        self.ended = False
        self.emit("EVALUATED", bar)
        self.bracketed(bar)

    def _under(self, token: Token) -> None:
        raise self.error(
            token, "this subscript has no name", "write u_{xx}^2, the subscript first"
        )

    def _braces(self, token: Token) -> None:
        end = self.matching(self.place - 1)
        self.emit("LPAR", token)
        self.until(end)
        self.emit("RPAR", self.take())

    def _stray(self, token: Token) -> None:
        raise self.error(token, "this bracket closes nothing", "open it, or drop it")

    def _square(self, token: Token) -> None:
        """Square brackets are round ones, but in declarations."""
        kind = token.type if self.declaring else token.type[0] + "PAR"
        self.emit(kind, token, star=not self.declaring)

    def _full_stop(self, token: Token) -> None:
        if self.place < len(self.raw):
            raise self.error(token, "this full stop means nothing here", "drop it")

    def _next_row(self, token: Token) -> None:
        problem = "this row ends inside of something that is not closed"
        raise self.error(token, problem, "close it before, or drop the row's end")

    def _silent(self, token: Token) -> None:
        """Reads what says nothing: alignment."""

    # Words.

    def _words(self, token: Token) -> None:
        text = words.content(str(token)).strip()
        if text == "" or text in (",", "."):
            return
        if self.integrals and text == "d":
            start, end = token.start_pos, token.end_pos
            self._differential(Token("WORDS", "d", start_pos=start, end_pos=end))
        elif text in words.CONNECTING:
            self.emit(words.CONNECTING[text], token)
        elif text == "in":
            self.emit("IN", token)
        elif self._is_head(text):
            commands.function(self, text, token)
        else:
            self.name(spelled(text.lstrip("\\")), token)

    def _is_head(self, text: str) -> bool:
        known = text in words.OPERATORS or calls.is_function(text)
        return known and not self.declared(text)

    def _command(self, token: Token) -> None:
        word = str(token)[1:]
        if word in words.SILENT:
            return
        if word in words.GREEK and not (word == "Delta" and not self.declared(word)):
            self.name(words.GREEK[word], token)
        elif word in words.CONSTANTS:
            self.name(words.CONSTANTS[word], token)
        else:
            self._by_table(word, token)

    def _by_table(self, word: str, token: Token) -> None:
        own = commands.TABLE.get(word)
        if own is not None:
            own(self, token)
        elif word in words.FUNCTIONS:
            commands.function(self, words.FUNCTIONS[word], token)
        elif word in words.SIGNS:
            self._sign(word, token)
        else:
            known = [*commands.TABLE, *words.FUNCTIONS, *words.SIGNS, *words.GREEK]
            hint = nearest(word, known, "grammar/README.md lists the commands")
            raise self.error(token, f"the command \\{word} means nothing here", hint)

    def _sign(self, word: str, token: Token) -> None:
        kind = words.SIGNS[word]
        following = self.peek()
        numbers = (
            bool(self.out)
            and self.out[-1].type == "NUMBER"
            and following is not None
            and following.type == "NUMBER"
        )
        kind = "STAR" if kind == "CROSS" and numbers else kind
        self.emit(kind, token, words.COMPARED.get(word, ""))

    def left(self, token: Token) -> None:
        r"""Reads `\left` and its delimiter."""
        delimiter = self.peek()
        self.lefts.append(str(delimiter))
        if self.next_is("FULL_STOP"):
            self.emit("LPAR", self.take())
        elif self.next_is("BAR", "NORM") or str(delimiter) == "\\|":
            self.emit("LBAR" if self.next_is("BAR") else "LNORM", self.take())

    def right(self, token: Token) -> None:
        r"""Reads `\right` and its delimiter."""
        left = self.lefts.pop() if self.lefts else None
        if left is None or self.peek() is None:
            raise self.error(token, "\\right without \\left", "write them in pairs")
        if left == ".":
            bar = self.take()
            self.emit("RPAR", token)
            if bar.type != "BAR" or not self.next_is("UNDER"):
                hint = "write \\left. u \\right|_{x=0}"
                raise self.error(bar, "nothing is evaluated here", hint)
            self.evaluated(bar)
        elif self.next_is("BAR", "NORM") or str(self.peek()) == "\\|":
            self.emit("RBAR" if self.next_is("BAR") else "RNORM", self.take())


_Unit = Callable[[Cutter, Token], None]
_UNITS: dict[str, _Unit] = {
    "NUMBER": Cutter._number,
    "LETTERS": Cutter._letters,
    "POW": Cutter._raised,
    "QUOTE": Cutter._prime,
    "BAR": Cutter._bar,
    "NORM": Cutter._bar,
    "UNDER": Cutter._under,
    "LBRACE": Cutter._braces,
    "RBRACE": Cutter._stray,
    "LSQB": Cutter._square,
    "RSQB": Cutter._square,
    "FULL_STOP": Cutter._full_stop,
    "TAB": Cutter._silent,
    "NEXT_ROW": Cutter._next_row,
    "MARK": Cutter._silent,
    "WORDS": Cutter._words,
    "COMMAND": Cutter._command,
    "ENVIRONMENT": commands.environment,
}
