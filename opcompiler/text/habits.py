"""Habits of other notations: what people write, and what they are told to write here."""

import re
from collections.abc import Callable, Iterable

from lark import Token

from opcompiler.text.names import Alphabet, bases, spelled

_DERIVATIVE = "a derivative is u_x, d(u, x) or du/dx; a file is read by oc.load(path)"
_COMMENT = "comments begin with #"
_LATEX = "LaTeX is not read; the signs of papers are, in Unicode: ∂u/∂t = ν ∇²u"
_DOTTED = "a derivative by time is u_t"
_SIGNS = {
    ".": _DERIVATIVE,
    "%": _COMMENT,
    "!": "a factorial is gamma(n + 1)",
    "$": _LATEX,
    "\\": _LATEX,
    "{": "brackets are ( ) and [ ]; for several places write a condition each",
    "&": "conditions are joined by and, or, not",
    "\u0307": _DOTTED,
    "\u0308": "a second derivative by time is u_tt",
    "’": "a prime is '; with several coordinates write u_x",
}

_BETWEEN = {"dot": "·", "cross": "×", "outer": "⊗", "inner": "·"}
_COORDINATES = "declare coordinates: `coordinates t, x`"
_DEFINE = "a definition is `define q = u_x`"
_WORDS = {
    **dict.fromkeys(("variables", "variable", "vars", "var", "coords"), _COORDINATES),
    **dict.fromkeys(("independent", "space"), _COORDINATES),
    **dict.fromkeys(("function", "functions", "dependent"), "write `field u(t, x)`"),
    **dict.fromkeys(("const", "constant", "constants"), "write `parameter k = 1`"),
    **dict.fromkeys(("param", "params"), "write `parameter k = 1`"),
    **dict.fromkeys(("let", "def", "set"), _DEFINE),
    "domain": "a domain stands with its coordinate: `coordinates x in [0, 1]`",
    "eq": "an equation has a label, or none: `heat: u_t = u_xx`",
    "bc": "write `boundary left: u = 0 at x = 0`",
    "ic": "write `initial: u = 0 at t = 0`",
    "for": "a sum is sum(i=1..3, u^i)",
}
_MODULES = frozenset(
    (
        "np",
        "numpy",
        "jnp",
        "jax",
        "math",
        "cmath",
        "sp",
        "sympy",
        "scipy",
        "torch",
        "tf",
    )
)
_PLACES = "a condition has one place: write one for x = 0 and another for x = 1"
_PERIODIC = "a condition is written out, e.g. `periodic: u(t, 0) = u(t, 1)`"


def about_sign(text: str, place: int) -> str:
    """Returns what to write for a sign of a text that means nothing."""
    sign = text[place]
    module = re.search(r"(\w+)$", text[max(0, place - 100) : place])
    if sign == "." and module is not None and module[1] in _MODULES:
        wanted = re.match(r"\.(?:[\w.]*\.)?(\w+)", text[place : place + 100])
        name = wanted[1] if wanted else "sin"
        return f"functions and constants stand without a module: write {name}"
    usual = "names, numbers, + - * / ^ ( ) [ ] = and the operators of the notation"
    return _SIGNS.get(sign, usual)


def about_token(
    token: Token,
    before: Token | None,
    expected: set[str],
    is_function: Callable[[str], bool],
) -> str | None:
    """Returns what to write for a token that cannot stand where it does, if known."""
    if before is None:
        return None
    if before.type == "NAME" and is_function(before.value):
        if token.type in ("NAME", "NUMBER"):
            return f"a function has brackets: write {before.value}({token.value})"
        if token.type == "SUPER":
            return f"a power stands behind the brackets: write {before.value}(x)^2"
    found = (say(token, before, expected) for say in (_of_words, _of_signs, _of_ends))
    return next((hint for hint in found if hint), None)


def _of_words(token: Token, before: Token, expected: set[str]) -> str | None:
    if token.type not in ("NAME", "NUMBER", "AND"):
        return None
    if token.value == "and":
        return _PLACES if "COMMA" in expected else None
    if token.value == "if":
        return "a choice is where(x > 0, a, b)"
    if token.value == "for":
        return _WORDS["for"]
    if before.type == "NAME" and str(before.value).lower() in _WORDS:
        return _WORDS[str(before.value).lower()]
    if token.value in _BETWEEN:
        return f"write {token.value}(a, b), or a {_BETWEEN[token.value]} b"
    if token.type == "NUMBER" and before.type == "COMMA" and expected == {"NAME"}:
        return f"expected a name; {_PLACES}"
    if before.type == "NUMBER" and token.value in ("i", "j", "I"):
        return f"the imaginary unit is a factor: write {before.value}*I"
    if token.type == before.type == "NUMBER":
        return f"write * between {before.value} and {token.value}, or a comma"
    return None


def _of_signs(token: Token, before: Token, expected: set[str]) -> str | None:
    if token.type == "CMP":
        if "RPAR" in expected:
            return "two are compared at a time: 0 < x and x < 1"
        return "an equation has =; comparisons stand in where(x < 0, a, b)"
    if token.type == "EQUALS" and "AT" in expected and "EQUALS" not in expected:
        return "an equation has two sides: write the other one on a line of its own"
    if token.type == "LPAR" and before.type == "SUPER":
        return "a power stands behind the brackets: sin(x)^2; a product needs its sign"
    if token.type == "LPAR" and before.type == "IN":
        return "an interval is written [0, 1], its ends included"
    if token.type == "COLON" and "EQUALS" in expected:
        return "a value is given by ="
    if token.type == "SLASH" and before.type == "NAME" and "PARTIAL" in expected:
        return "an operator before a quotient needs brackets: ∂/∂x (∂u/∂y)"
    if token.type == "SLASH" and (before.type == "SLASH" or "STAR" not in expected):
        return _COMMENT
    return None


def _of_ends(token: Token, before: Token, expected: set[str]) -> str | None:
    if token.type in ("SEP", "$END") and expected == {"COLON", "AT"}:
        return _PERIODIC
    return None


def about_name(
    name: str,
    coordinates: Alphabet,
    differentiable: Callable[[str], bool],
    fields: Iterable[str],
) -> str | None:
    """Returns what to write for a name that means nothing, if it looks like something.

    Args:
        name: as spelled.
        coordinates: names of the scalar ones.
        differentiable: whether a name may have subscripts.
        fields: names of fields.
    """
    if name in ("e", "E"):
        return "Euler's number is exp(1), and e^x is exp(x)"
    for field in fields:
        if re.fullmatch(rf"d\d?{re.escape(field)}", name):
            order = int(name[1]) if name[1].isdigit() else 1
            power = f"^{order}" if order > 1 else ""
            return f"write d{power}{field}/dx{power}, or {field}_{'x' * order}"
        rest = name.removeprefix(field)
        if rest and rest != name and coordinates.splits(rest):
            return f"did you mean {field}_{rest}?"
    for base, subscript in bases(name):
        known = not len(coordinates) or coordinates.splits(subscript)
        if known and not differentiable(base) and subscript.isalpha():
            if len(coordinates):
                return f"to be a derivative of {base}, declare `field {base}`"
            return (
                f"to be a derivative, declare `coordinates {', '.join(subscript[:1])}` "
                f"and `field {base}`"
            )
    return None


def about_subscript(base: str, subscript: str, coordinates: Alphabet) -> str | None:
    """Returns what `u_2x` and `u_x2` are here."""
    orders = re.fullmatch(r"(?:(\d)([^\W\d_]+)|([^\W\d_]+)(\d))", spelled(subscript))
    if orders is None:
        return None
    number, name = orders[1] or orders[4], orders[2] or orders[3]
    if name not in coordinates or number == "0":
        return None
    return f"write {base}_{name * int(number)}, or d({base}, {name}, {number})"
