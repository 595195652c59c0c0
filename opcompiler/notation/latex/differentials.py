"""Fractions, among them those that are derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lark import Token

from opcompiler.notation.latex import words

if TYPE_CHECKING:
    from opcompiler.notation.latex.cutting import Cutter


def fraction(cutter: Cutter, token: Token) -> None:
    r"""Writes `\frac{a}{b}`, and `\frac{\partial^2 u}{\partial x^2}` as a derivative."""
    if cutter.next_is("LBRACE"):
        middle = cutter.matching(cutter.place) + 1
        if middle < len(cutter.raw) and cutter.raw[middle].type == "LBRACE":
            above = cutter.raw[cutter.place + 1 : middle - 1]
            end = cutter.matching(middle)
            below = cutter.raw[middle + 1 : end]
            kind = _differentials(cutter, above, below)
            if kind is not None:
                cutter.place = end + 1
                kind(cutter, token, above, below)
                return
    cutter.emit("_FRAC", token)
    cutter.bracketed(token)
    cutter.emit("SLASH", cutter.raw[cutter.place - 1], "/")
    cutter.bracketed(token)


_Kind = Callable[["Cutter", Token, Sequence[Token], Sequence[Token]], None]


def _differentials(
    cutter: Cutter, above: Sequence[Token], below: Sequence[Token]
) -> _Kind | None:
    signs = (_sign(cutter, above), _sign(cutter, below))
    if signs in (("\\partial", "\\partial"), ("d", "d")):
        return _quotient
    return _material if signs == ("D", "D") else None


def _sign(cutter: Cutter, part: Sequence[Token]) -> str | None:
    r"""Returns `\partial`, `d` or `D` where a part of a fraction begins with it."""
    if not part:
        return None
    word = str(part[0])
    if word == "\\partial":
        return None if len(part) > 1 and part[1].type == "UNDER" else word
    if part[0].type == "WORDS":
        word = words.content(word)
        return word if word in ("d", "D") else None
    known = cutter.declared(word) or cutter.declared(word[0])
    if part[0].type == "LETTERS" and word[0] in "dD" and not known:
        return word[0]
    return None


def _without_sign(part: Sequence[Token]) -> list[Token]:
    r"""Drops the first `\partial` or `d`, which may be glued to a name."""
    first = part[0]
    if first.type == "LETTERS" and len(first) > 1:
        start = (first.start_pos or 0) + 1
        glued = Token("LETTERS", first[1:], start_pos=start, end_pos=first.end_pos)
        return [glued, *part[1:]]
    return list(part[1:])


def _quotient(
    cutter: Cutter, token: Token, above: Sequence[Token], below: Sequence[Token]
) -> None:
    rest = cutter.inner(_without_sign(above))
    order = _order(rest)
    steps = _steps(cutter, below)
    operand = rest.raw[rest.place :]
    running = any("[" in map(str, step) for step in steps)
    if running and operand:
        _running_derivative(cutter, token, operand, steps)
        return
    cutter.emit("_FRAC", token)
    cutter.emit("PARTIAL", token)
    cutter.out += order
    if operand:
        cutter.emit("_OPEN", token)
        cutter.out += cutter.inner(operand).row()
        cutter.emit("_CLOSE", token)
    cutter.emit("SLASH", token, "/")
    for step in steps:
        cutter.emit("PARTIAL", token)
        cutter.out += step
    cutter.emit("_CLOSE", token)
    cutter.ended = bool(operand)


def _order(part: Cutter) -> list[Token]:
    """Reads the `^2` behind a sign of differentials."""
    if not part.next_is("POW"):
        return []
    at = part.raw[part.place]
    inside = part.subscript()
    if len(inside) != 1 or inside[0].type != "NUMBER":
        raise part.error(at, "this order is no number", "write \\partial^2 u")
    part.ended = False
    part.emit("POW", at)
    part.emit("NUMBER", inside[0])
    found, part.out, part.ended = part.out[-2:], part.out[:-2], False
    return found


def _steps(cutter: Cutter, below: Sequence[Token]) -> list[list[Token]]:
    r"""Reads `\partial x^2 \partial y`: for each coordinate its name and order."""
    steps = []
    rest: list[Token] = list(below)
    while rest:
        if _sign(cutter, rest) is None:
            raise cutter.error(
                rest[0],
                f"{rest[0]} is no differential",
                "write \\partial x \\partial y",
            )
        sign = rest[0]
        rest = _without_sign(rest)
        if not rest:
            raise cutter.error(sign, "a differential of nothing", "write \\partial x")
        glued = rest[0]
        if glued.type == "LETTERS" and "d" in glued[1:] and not cutter.declared(glued):
            place = glued.index("d", 1)  # `dxdy`
            start = glued.start_pos or 0
            rest[0:1] = [
                Token("LETTERS", text, start_pos=at, end_pos=at + len(text))
                for text, at in ((glued[:place], start), (glued[place:], start + place))
            ]
        part = cutter.inner(rest)
        part.unit()
        name = part.out
        if part.next_is("POW"):
            name = [*name, *_order(part)]
        steps.append(name)
        rest = part.raw[part.place :]
    return steps


def _running_derivative(
    cutter: Cutter, token: Token, operand: Sequence[Token], steps: list[list[Token]]
) -> None:
    """Writes a derivative by indexed components as a call of `d`."""
    cutter.emit("FUNCTION", token, "d")
    cutter.emit("_OPEN", token)
    cutter.out += cutter.inner(operand).row()
    for step in steps:
        cutter.emit("COMMA", token, ",")
        for part in step:
            if part.type == "POW":
                cutter.emit("COMMA", token, ",")
            else:
                cutter.out.append(part)
    cutter.emit("_CLOSE", token)
    cutter.ended = True


def _material(
    cutter: Cutter, token: Token, above: Sequence[Token], below: Sequence[Token]
) -> None:
    time = "".join(map(str, _without_sign(below)))
    cutter.emit("MATERIAL", token, f"/{time}")
    operand = _without_sign(above)
    if operand:
        cutter.emit("LPAR", token, star=False)
        cutter.out += cutter.inner(operand).row()
        cutter.emit("RPAR", token)


def partial(cutter: Cutter, token: Token) -> None:
    r"""Writes `\partial_x`, `\partial_{xy}`, `\partial_x^2`."""
    if not cutter.next_is("UNDER"):
        raise cutter.error(
            token,
            "\\partial stands alone",
            "write \\partial_x u or \\frac{\\partial u}{\\partial x}",
        )
    name = cutter.subscripted("", cutter.subscript()).lstrip("_")
    count = 1
    if cutter.next_is("POW"):
        ended = cutter.ended
        digits = _order(cutter)[1]
        cutter.ended = ended
        count = int(digits) if len(digits) < 3 else 99
    cutter.emit("PARTIAL_SUB", token, "∂_" + "_".join([name] * count))
