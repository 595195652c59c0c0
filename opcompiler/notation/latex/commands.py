"""Commands with arguments: functions, roots, sums, integrals, cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lark import Token

from opcompiler.notation.latex import words
from opcompiler.notation.latex.differentials import fraction, partial
from opcompiler.notation.names import spelled

if TYPE_CHECKING:
    from opcompiler.notation.latex.cutting import Cutter

_OPERANDS = {"LETTERS", "NUMBER", "LPAR", "LBRACE", "WORDS"}


def function(cutter: Cutter, name: str, token: Token) -> None:
    r"""Writes `\sin x`, `\sin(x)`, `\sin^2 x`, `\max(a, b)` as calls."""
    power: list[Token] = []
    if cutter.next_is("POW"):
        power = cutter.subscript()
        if len(power) != 1 or power[0].type != "NUMBER":
            shown = "".join(map(str, power))
            hint = f"write ({token} x)^{{{shown}}}, or \\arcsin for an inverse function"
            raise cutter.error(token, f"{token}^{{{shown}}} is no plain power", hint)
    cutter.emit("FUNCTION", token, name)
    _arguments(cutter, token)
    for digits in power:
        cutter.emit("POW", digits, "^")
        cutter.emit("NUMBER", digits, star=False)


def _arguments(cutter: Cutter, token: Token) -> None:
    if cutter.next_is("COMMAND") and str(cutter.peek()) == "\\left":
        following = cutter.peek(1)
        if following is not None and following.type == "LPAR":
            cutter.take()
            cutter.lefts.append("(")
    if not cutter.next_is("LPAR"):
        braced = cutter.next_is("LBRACE")
        cutter.bracketed(token)
        if not braced:
            _refuse_doubtful(cutter, token)
        return
    end = cutter.matching(cutter.place)
    cutter.emit("_OPEN", cutter.take())
    cutter.ended = False
    cutter.until(end)
    cutter.emit("_CLOSE", cutter.take())
    cutter.ended = True


def _refuse_doubtful(cutter: Cutter, token: Token) -> None:
    r"""Refuses `\sin 2 x`: what stands behind the argument may belong to it."""
    following = cutter.peek()
    if following is None:
        return
    word = str(following)[1:]
    greek = following.type == "COMMAND" and (
        word in words.GREEK or word in words.FRACTIONS or word == "sqrt"
    )
    if following.type in _OPERANDS or greek or following.type == "POW":
        start = token.start_pos or 0
        inner = cutter.source.text[token.end_pos : following.start_pos].strip()
        whole = cutter.source.text[start : following.end_pos]
        more = cutter.source.text[following.start_pos : following.end_pos]
        raise cutter.error(
            token,
            f"{whole} can be read in two ways",
            f"write {token}({inner} {more}) or {token}({inner}) {more}",
        )


def root(cutter: Cutter, token: Token) -> None:
    r"""Writes `\sqrt{x}` and `\sqrt[3]{x}`."""
    if not cutter.next_is("LSQB"):
        cutter.emit("FUNCTION", token, "sqrt")
        cutter.bracketed(token)
        return
    end = cutter.matching(cutter.place)
    cutter.emit("ROOT", token)
    cutter.emit("_OPEN", cutter.take())
    cutter.until(end)
    cutter.emit("COMMA", cutter.take(), ",")
    cutter.argument()
    cutter.emit("_CLOSE", cutter.raw[cutter.place - 1])
    cutter.ended = True


def total(cutter: Cutter, token: Token) -> None:
    r"""Writes `\sum_{i=1}^{d}`, `\sum_{i,j=1}^{d}`; what follows is summed."""
    lower, upper = _limits(cutter, token, "write \\sum_{i=1}^{d}")
    equals = next((n for n, t in enumerate(lower) if t.type == "EQUALS"), None)
    if equals is None:
        raise cutter.error(token, "a sum needs its range", "write \\sum_{i=1}^{d}")
    letters = [t for t in lower[:equals] if t.type != "COMMA"]
    cutter.emit("SUM", token, "sum")
    cutter.emit("_OPEN", token)
    for place, letter in enumerate(letters):
        if place:
            cutter.emit("COMMA", token, ",")
        cutter.emit("NAME", letter, spelled(str(letter).lstrip("\\")))
        cutter.emit("EQUALS", token, "=")
        cutter.out += cutter.inner(lower[equals + 1 :]).row()
        cutter.emit("RANGE", token, "..")
        cutter.out += cutter.inner(upper).row()
    cutter.emit("_CLOSE", token)
    cutter.ended = False


def _limits(cutter: Cutter, token: Token, hint: str) -> tuple[list[Token], list[Token]]:
    """Reads `_{...}^{...}`, in either order."""
    found: dict[str, list[Token]] = {}
    while len(found) < 2 and cutter.next_is("UNDER", "POW"):
        kind = cutter.raw[cutter.place].type
        found[kind] = cutter.subscript()
    if len(found) < 2:
        raise cutter.error(token, "limits are missing", hint)
    return found["UNDER"], found["POW"]


def integral(cutter: Cutter, token: Token) -> None:
    r"""Writes `\int_a^b`; its integrand ends with `ds`."""
    lower, upper = _limits(cutter, token, "write \\int_0^x u(s) \\, ds")
    cutter.emit("INTEGRAL", token)
    cutter.emit("_OPEN", token)
    cutter.out += cutter.inner(lower).row()
    cutter.emit("COMMA", token, ",")
    cutter.out += cutter.inner(upper).row()
    cutter.emit("_CLOSE", token)
    cutter.ended = False
    cutter.integrals += 1


def dotted(cutter: Cutter, token: Token) -> None:
    r"""Writes `\dot u`, `\ddot{u}`."""
    cutter.emit("DOTTED", token, str(token)[1:].removesuffix("ot"))
    cutter.argument()


def norm(cutter: Cutter, token: Token) -> None:
    r"""Writes `\| v \|`."""
    cutter.emit("RNORM" if cutter.ended else "LNORM", token)


def environment(cutter: Cutter, token: Token) -> None:
    r"""Reads `\begin{cases}` and vectors in columns or rows; others only align."""
    name = str(token).partition("{")[2][:-1]
    if name in words.ENVIRONMENTS:
        return
    begins = str(token).startswith("\\begin")
    if name == "cases" and begins:
        _cases(cutter, token)
    elif name in ("pmatrix", "bmatrix") and begins:
        _vector(cutter, token)
    else:
        hint = "cases, pmatrix, bmatrix, aligned and its like are read"
        raise cutter.error(token, f"{token} means nothing here", hint)


def _end(cutter: Cutter, token: Token) -> int:
    """Returns the place of the environment's end."""
    depth = 1
    for place in range(cutter.place, len(cutter.raw)):
        if cutter.raw[place].type == "ENVIRONMENT":
            depth += 1 if str(cutter.raw[place]).startswith("\\begin") else -1
        if depth == 0:
            return place
    raise cutter.error(token, f"{token} is never ended", "add its \\end")


def _cases(cutter: Cutter, token: Token) -> None:
    end = _end(cutter, token)
    cutter.emit("CASES", token)
    last = cutter.raw[end]
    while cutter.peek() is not last:
        if cutter.next_is("NEXT_ROW"):
            at = cutter.take()
            if cutter.peek() is not last:
                cutter.emit("_NEXT", at)
        elif cutter.next_is("TAB"):
            _when(cutter, cutter.take())
        else:
            cutter.unit()
    cutter.emit("_CLOSE", cutter.take())
    cutter.ended = True


def _when(cutter: Cutter, tab: Token) -> None:
    """Reads the condition's first word, `for` or `otherwise`, if there is one."""
    word = ""
    if cutter.next_is("WORDS"):
        word = words.content(str(cutter.peek())).strip(" ,:")
    if word in words.OTHERWISE:
        cutter.emit("OTHERWISE", cutter.take())
        return
    cutter.emit("WHEN", cutter.take() if word in words.WHEN else tab)


def _vector(cutter: Cutter, token: Token) -> None:
    end = _end(cutter, token)
    cutter.emit("LPAR", token)
    last = cutter.raw[end]
    while cutter.peek() is not last:
        if cutter.next_is("NEXT_ROW", "TAB"):
            cutter.emit("COMMA", cutter.take(), ",")
        else:
            cutter.unit()
    cutter.emit("RPAR", cutter.take(), ")")


def left(cutter: Cutter, token: Token) -> None:
    r"""Reads `\left` with its delimiter."""
    cutter.left(token)


def right(cutter: Cutter, token: Token) -> None:
    r"""Reads `\right` with its delimiter."""
    cutter.right(token)


TABLE: dict[str, Callable[[Cutter, Token], None]] = {
    **dict.fromkeys(words.FRACTIONS, fraction),
    **dict.fromkeys(("dot", "ddot", "dddot"), dotted),
    "partial": partial,
    "sqrt": root,
    "sum": total,
    "int": integral,
    "left": left,
    "right": right,
    "|": norm,
}
