"""Hints: what people write out of habit, and what to write here.

In: a sign, a token or a name that means nothing where it stands; out: a sentence.

    %        comments begin with #
    sin x    a function has brackets: write sin(x)
    ux       did you mean u_x?
"""

import re
from collections.abc import Iterable

from lark import Token

from opcompiler.text.heads import is_function
from opcompiler.text.mistakes import MeaningError, nearest
from opcompiler.text.scope import INFINITE, Scope
from opcompiler.text.spelling import Alphabet, bases, GREEK_NAMES, spelled

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
_MODULES = {
    *(
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
    ),
}
_PLACES = "a condition has one place: write one for x = 0 and another for x = 1"
_PERIODIC = "a condition is written out, e.g. `periodic: u(t, 0) = u(t, 1)`"


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
_OPERANDS = {"NAME", "NUMBER", "LPAR", "PARTIAL", "NABLA", "DELTA", "LBAR", "LNORM"}


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


def about_token(token: Token, before: Token | None, expected: set[str]) -> str:
    """Returns what to write for a token that cannot stand where it does.

    Args:
        token: the one that cannot.
        before: the one in front of it.
        expected: the kinds of tokens that could stand here.
    """
    if before is not None:
        if before.type == "NAME" and is_function(before.value):
            if token.type in ("NAME", "NUMBER"):
                return f"a function has brackets: write {before.value}({token.value})"
            if token.type == "SUPER":
                return f"a power stands behind the brackets: write {before.value}(x)^2"
        habit = _of_words(token, before, expected) or _of_signs(token, before, expected)
        if habit:
            return habit
        if "STAR" in expected and token.type in _OPERANDS:
            left, right = before.value, token.value
            if before.type in ("NAME", "NUMBER") and token.type == "NAME":
                return f"products need their sign: write {left}*{right}"
            return f"products need their sign: write * between {left} and {right}"
    # No habit that is known: what could stand here.
    kinds = [kind for kind in _IN_WORDS if kind in expected]
    words = [_IN_WORDS[kind] for kind in kinds]
    if expected >= {"PLUS", "STAR"}:
        words = ["an operator", *(w for w in words if w != "'/'")]
    if expected >= {"NAME", "NUMBER", "LPAR"}:
        words = ["an expression"]
    return "expected " + (" or ".join(words[:6]) or "something else")


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
    if token.type in ("SEP", "$END") and expected == {"COLON", "AT"}:
        return _PERIODIC
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


def unknown_name(
    scope: Scope, name: str, known: Iterable[str] | None = None
) -> MeaningError:
    """Returns the error about a name that means nothing; `known` ones for the hint."""
    known = scope.names if known is None else list(known)
    for base, subscript in bases(name):
        if scope.is_differentiable(base):
            there = f"the coordinates are {', '.join(scope.symbols) or 'none'}"
            return MeaningError(
                f"{name} is neither declared nor a derivative of {base}: "
                f"{subscript!r} is not made of coordinates",
                _about_subscript(base, subscript, scope.alphabet)
                or nearest(name, known, there),
            )
    if name in ("I", "i"):
        hint = "declare a complex field: `complex field psi(t, x)`"
        return MeaningError(f"the imaginary unit {name} in a real problem", hint)
    if name in INFINITE:
        return MeaningError(
            "infinity is no number here",
            "a domain may end there, x in [0, inf]; elsewhere write a large number",
        )
    declare = f"declare it: `parameter {name}`, or as a field or coordinate"
    near = nearest(name, known, "")
    if near and len(name) > 2 and name not in GREEK_NAMES:  # `nu` is no misspelt `u`
        declare = f"{near} Otherwise {declare}"
    return MeaningError(
        f"there is no name {name!r}", about_name(scope, name) or declare
    )


def about_name(scope: Scope, name: str) -> str | None:
    """Returns what to write for a name that means nothing, if it looks like something."""
    if name in ("e", "E"):
        return "Euler's number is exp(1), and e^x is exp(x)"
    for field in (*scope.fields, *scope.functions):
        if re.fullmatch(rf"d\d?{re.escape(field)}", name):
            order = int(name[1]) if name[1].isdigit() else 1
            power = f"^{order}" if order > 1 else ""
            return f"write d{power}{field}/dx{power}, or {field}_{'x' * order}"
        rest = name.removeprefix(field)
        if rest and rest != name and scope.alphabet.splits(rest):
            return f"did you mean {field}_{rest}?"
    for base, subscript in bases(name):
        known = not len(scope.alphabet) or scope.alphabet.splits(subscript)
        if known and not scope.is_differentiable(base) and subscript.isalpha():
            if len(scope.alphabet):
                return f"to be a derivative of {base}, declare `field {base}`"
            return (
                f"to be a derivative, declare `coordinates {', '.join(subscript[:1])}` "
                f"and `field {base}`"
            )
    return None


def _about_subscript(base: str, subscript: str, coordinates: Alphabet) -> str | None:
    """Returns what `u_2x` and `u_x2` are here."""
    orders = re.fullmatch(r"(?:(\d)([^\W\d_]+)|([^\W\d_]+)(\d))", spelled(subscript))
    if orders is None:
        return None
    number, name = orders[1] or orders[4], orders[2] or orders[3]
    if name not in coordinates or number == "0":
        return None
    return f"write {base}_{name * int(number)}, or d({base}, {name}, {number})"
