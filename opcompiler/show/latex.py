r"""A plan as formulas: what channels are, how they multiply, how they are read off.

c_3      = 1/2 ∂_x^2                            the operator that a channel carries
c_3(f g) = f c_3(g) + c_3(f) g + c_1(f) c_1(g)  Leibniz' rule, for channels read off
∂_x^2 u  = 2 c_3(u)                             the read-out
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from opcompiler.algebra.quadratic import Exact, Quadratic
from opcompiler.ir import argument_name, MultiIndex
from opcompiler.planning.plan import Plan, ReadOut
from opcompiler.show.words import channel_operators, elide, Elided

_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau"
    "|upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
_SPECIAL = {c: f"\\{c}" for c in "{}$%&#_"} | {
    "\\": "\\backslash ",
    "^": "\\wedge ",
    "~": "\\sim ",
    " ": "\\ ",
}
_TERMS = 8
_LINES = 16
_PUSHES = 6

_Line = tuple[str, str]

_DOTS: _Line = ("\\vdots", "\\vdots")


def plan_latex(plan: Plan) -> str:
    r"""Returns the plan as one `aligned` block, to be put between `\[` and `\]`.

    Long sums and long lists lose their middle.
    """
    lines: list[_Line] = []
    for number in elide(range(len(plan.pushes)), _PUSHES):
        if isinstance(number, Elided):
            lines.append(_DOTS)
            continue
        push = plan.pushes[number]
        arguments = plan.sites[push.site]
        # The operators that channels carry.
        operators = channel_operators(push, len(arguments))
        lines += _elided_lines(
            (
                _channel(plan, number, k),
                _sum((_partial(alpha, arguments) or "1", c) for alpha, c in operator),
            )
            for k, operator in enumerate(operators)
        )
        # Leibniz' rule, for the channels that are read off.
        read = {k for r in plan.readouts for p, k, _ in r.terms if p == number and k}
        rules: list[_Line] = []
        for k in sorted(read):
            name = _channel(plan, number, k)
            one = Fraction(1)
            terms: list[tuple[str, Exact]] = [
                (f"f\\,{name}(g)", one),
                (f"{name}(f)\\,g", one),
            ]
            for i, j, c in push.algebra.entries[k]:
                left, right = _channel(plan, number, i), _channel(plan, number, j)
                terms.append((f"{left}(f)\\,{right}(g)", c))
            rules.append((f"{name}(f g)", _sum(terms)))
        lines += _elided_lines(rules)
    lines += _elided_lines(_readout(plan, readout) for readout in plan.readouts)
    body = " \\\\\n".join(f"{left} &= {right}" for left, right in lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _elided_lines(lines: Iterable[_Line]) -> list[_Line]:
    short = elide(list(lines), _LINES)
    return [_DOTS if isinstance(line, Elided) else line for line in short]


def _readout(plan: Plan, readout: ReadOut) -> _Line:
    functional = readout.functional
    arguments = plan.sites[functional.site]
    plain = all(argument.isidentifier() for argument in arguments)
    field = _name(functional.field)
    point = "" if plain else f"({', '.join(map(_name, arguments))})"
    wanted = _sum(
        (f"{_partial(alpha, arguments)} {field}{point}".strip(), c)
        for alpha, c in functional.symbol.terms
    )
    read = _sum((f"{_channel(plan, p, k)}({field})", c) for p, k, c in readout.terms)
    return wanted, read


def _channel(plan: Plan, push: int, number: int) -> str:
    above = f"^{{({push})}}" if len(plan.pushes) > 1 else ""
    return f"c_{{{number}}}{above}"


def _partial(alpha: MultiIndex, arguments: Sequence[str]) -> str:
    return " ".join(
        f"\\partial_{{{_name(argument_name(arguments, i))}}}"
        + (f"^{{{power}}}" if power > 1 else "")
        for i, power in alpha.powers.items()
    )


def _sum(terms: Iterable[tuple[str, Exact]]) -> str:
    text = ""
    for term in elide(list(terms), _TERMS):
        if isinstance(term, Elided):
            text += " + \\cdots"
            continue
        name, c = term
        size = abs(c)
        factor = "" if size == 1 else f"{_number(size)}\\,"
        text += f"{' - ' if c < 0 else ' + '}{factor}{name}"
    return text.strip().removeprefix("+ ") or "0"


def _number(c: Exact) -> str:
    """Writes a positive number."""
    if isinstance(c, Quadratic):
        parts = [(f"\\sqrt{{{c.radicand}}}", c.irrational)]
        if not c.rational:
            return _sum(parts)
        return f"\\left({_sum([('1', c.rational), *parts])}\\right)"
    if c.denominator == 1:
        return str(c.numerator)
    return f"\\frac{{{c.numerator}}}{{{c.denominator}}}"


def _name(name: str) -> str:
    r"""Writes a name: `nu` as `\nu`, `x12` as `x_{12}`, `rate` upright."""
    match = re.fullmatch(r"([A-Za-z]+?)_?([0-9]*)", name)
    if match is None:
        upright = "".join(_SPECIAL.get(letter, letter) for letter in name)
        return name if name.isdigit() else f"\\mathrm{{{upright}}}"
    word = match[1]
    if _GREEK.fullmatch(word):
        letters = f"\\{word}"
    else:
        letters = word if len(word) == 1 else f"\\mathrm{{{word}}}"
    return f"{letters}_{{{match[2]}}}" if match[2] else letters
