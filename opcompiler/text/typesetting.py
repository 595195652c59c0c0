r"""A problem as LaTeX, for people to read.

`_Typeset` writes expressions as `formulas.py` does for the text notation, in other signs.
"""

from __future__ import annotations

import re

import sympy as sp
from sympy.core.relational import Relational

from opcompiler.edge import public
from opcompiler.text.formulas import (
    ATOM,
    Formulas,
    negative,
    POWER,
    PRODUCT,
    split_product,
    SUM,
)
from opcompiler.text.names import GREEK_NAMES
from opcompiler.text.printing import scope_of
from opcompiler.text.problem import Coordinate, Field, Parameter, Problem

_NO_COMMAND = frozenset((
    *("Alpha", "Beta", "Epsilon", "Zeta", "Eta", "Iota", "Kappa", "Mu", "Nu", "Omicron"),
    *("Rho", "Tau", "Chi", "omicron"),
))  # fmt: skip
_COMMANDS = {name: f"\\{name}" for name in GREEK_NAMES if name not in _NO_COMMAND}
_COMMANDS |= {"lam": "\\lambda", "Lam": "\\Lambda"}
_PLAIN = {
    **{name: f"\\{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh",
       "cosh", "tanh", "coth", "exp", "log", "max", "min", "arg")},
    "asin": "\\arcsin", "acos": "\\arccos", "atan": "\\arctan",
}  # fmt: skip
_RELATIONS = {"<": "<", ">": ">", "<=": "\\leq", ">=": "\\geq", "==": "=",
              "!=": "\\neq"}  # fmt: skip


@public("oc.to_latex(problem)")
def to_latex(problem: Problem) -> str:
    r"""Returns a problem as one `aligned` block, to be put between `\[` and `\]`.

    Declarations, definitions, equations and conditions, one a row, each with its word.
    LaTeX is written, never read: the text notation reads the signs of papers in Unicode.

    Args:
        problem: what `parse` or `load` returned.

    Returns:
        The rows, aligned: `oc.to_latex(oc.parse("coordinates x; field u; u_x = u"))` has
        the row `\text{equation equation1: } \frac{\partial u}{\partial x} = u`.

    Raises:
        OperatorError: if it holds SymPy nodes that the notation has no form for.
    """
    formulas = _Typeset(scope_of(problem))
    rows = [_parameter(p, formulas) for p in problem.parameters]
    rows += [_coordinate(c, formulas) for c in problem.coordinates]
    rows += [_field(f, formulas) for f in problem.fields]
    rows += [
        f"{_words('define')} {_shown(name)} = {formulas.value(value)}"
        for name, value in problem.definitions.items()
    ]
    said = {name: ("equation", e) for name, e in problem.equations.items()}
    said |= {name: (c.kind, c.equation) for name, c in problem.conditions.items()}
    for name, (kind, equation) in said.items():
        words = _words(f"{kind} {_escaped(name)}:")
        rows.append(f"{words} {formulas.sides(equation)}")
    body = " \\\\\n".join(f"& {row}" for row in rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n"


def _words(words: str) -> str:
    return f"\\text{{{words} }}"


def _parameter(parameter: Parameter, formulas: _Typeset) -> str:
    row = f"{_words('unknown' if parameter.unknown else 'parameter')} "
    row += _shown(parameter.name)
    if parameter.value is None:
        return row
    return f"{row} = {formulas.text(parameter.value)}"


def _coordinate(coordinate: Coordinate, formulas: _Typeset) -> str:
    word = _words("time" if coordinate.time else "coordinates")
    row = f"{word} {_shown(coordinate.name)}"
    region = "\\mathbb{R}" if coordinate.dimension is not None else ""
    if coordinate.interval is not None:
        ends = ", ".join(_end(end, formulas) for end in coordinate.interval)
        region = f"\\left[{ends}\\right]"
    if coordinate.dimension is not None:
        region += f"^{{{formulas.text(coordinate.dimension)}}}"
    return f"{row} \\in {region}" if region else row


def _end(end: sp.Expr, formulas: _Typeset) -> str:
    if end.is_infinite:
        return "-\\infty" if end == -sp.oo else "\\infty"
    return formulas.text(end)


def _field(field: Field, formulas: _Typeset) -> str:
    kind = "coefficient" if field.known else "field"
    row = f"{_words(f'complex {kind}' if field.complex else kind)} {_shown(field.name)}"
    if field.shape is not None:
        return f"{row}\\left[{', '.join(map(formulas.text, field.shape))}\\right]"
    row += _grouped(", ".join(map(_shown, field.arguments)))
    if field.components is None:
        return row
    return f"{row} \\in \\mathbb{{R}}^{{{field.components}}}"


def _escaped(name: str) -> str:
    r"""Returns a word for `\text` and `\mathrm`."""
    return name.replace("_", "\\_")


def _shown(name: str) -> str:
    """Returns a name without components: a letter, a Greek one, or upright letters."""
    if len(name) == 1:
        return name
    return _COMMANDS.get(name) or f"\\mathrm{{{_escaped(name)}}}"


def _grouped(text: str) -> str:
    """Returns a formula in parentheses."""
    return f"\\left({text}\\right)"


class _Typeset(Formulas):
    """Writes expressions over the names of a scope, in LaTeX."""

    def bracketed(self, text: str) -> str:
        """Returns a formula in parentheses."""
        return _grouped(text)

    def shown(self, name: str) -> str:
        """Returns a declared name, without components."""
        return _shown(name)

    def _name(self, name: str) -> str:
        for vector in (*self._scope.coordinates, *self._scope.fields):
            number = name.removeprefix(vector)
            if number != name and number.isdigit() and self._is_component(vector, name):
                return f"{_shown(vector)}_{{{number}}}"
        return _shown(name)

    def _is_component(self, vector: str, name: str) -> bool:
        coordinate = self._scope.coordinates.get(vector)
        if coordinate is not None and coordinate.dimension is not None:
            return name in map(str, coordinate.symbols)
        field = self._scope.fields.get(vector)
        return field is not None and vector != name and name in field.names

    def _function(self, name: str, arguments: tuple[sp.Basic, ...]) -> tuple[str, int]:
        inside = self._list(arguments)
        if name == "abs":
            return f"\\left|{inside}\\right|", ATOM
        if name == "conj":
            return f"\\overline{{{inside}}}", ATOM
        head = _PLAIN.get(name, f"\\operatorname{{{name}}}")
        return f"{head}{_grouped(inside)}", ATOM

    def _constant(self, expr: sp.Basic) -> tuple[str, int]:
        return {sp.pi: "\\pi", sp.I: "i", sp.E: "\\exp\\left(1\\right)"}[expr], ATOM

    def _number(self, expr: sp.Rational) -> tuple[str, int]:
        if expr.q == 1:
            return str(expr.p), ATOM if expr.p >= 0 else SUM
        text = f"\\frac{{{abs(expr.p)}}}{{{expr.q}}}"
        return (text, ATOM) if expr.p > 0 else (f"-{text}", SUM)

    def _decimal(self, expr: sp.Float) -> tuple[str, int]:
        digits, _, exponent = repr(float(expr)).partition("e")
        if exponent:
            return (
                f"{digits} \\times 10^{{{int(exponent)}}}",
                PRODUCT if expr > 0 else SUM,
            )
        return digits, ATOM if expr >= 0 else SUM

    def _mul(self, expr: sp.Mul) -> tuple[str, int]:
        number, above, below = split_product(expr)
        size = abs(number)
        bases = [*above, *(f.base if isinstance(f, sp.Pow) else f for f in below)]
        apart = size != 1 and any(isinstance(base, sp.Add) for base in bases)
        parts = [self._within(factor, POWER) for factor in above]
        if not apart:
            parts = [str(size.p)] * (size.p != 1 or not parts) + parts
            denominators = [str(size.q)] if size.q != 1 else []
        else:
            denominators = []
        denominators += [self._within(factor, POWER) for factor in below]
        text = _joined(parts) if parts else "1"
        if denominators:
            text = f"\\frac{{{text}}}{{{_joined(denominators)}}}"
        if apart:
            first = not denominators and isinstance(above[0], sp.Add)
            pair = [text, self.text(size)]
            text = _joined(pair if first else pair[::-1])
        return (f"-{text}", SUM) if number < 0 else (text, PRODUCT)

    def _pow(self, expr: sp.Pow) -> tuple[str, int]:
        base, exponent = expr.base, expr.exp
        if exponent == sp.Rational(1, 2):
            return f"\\sqrt{{{self.text(base)}}}", ATOM
        if negative(exponent):
            return f"\\frac{{1}}{{{self.text(sp.Pow(base, -exponent))}}}", ATOM
        return f"{self.factor(base)}^{{{self.text(exponent)}}}", POWER

    def factor(self, expr: sp.Basic) -> str:
        """Returns the formula, in parentheses if it is no name, number or call."""
        text = self._within(expr, ATOM)
        # A raised star, prime or bracket behind a name would be read otherwise.
        return _grouped(text) if text.startswith(("\\frac", "\\int", "-")) else text

    def _derivative(self, expr: sp.Derivative) -> tuple[str, int]:
        counts = [(v, int(n)) for v, n in expr.variable_count]
        total = sum(n for _, n in counts)
        above = f"^{{{total}}}" if total > 1 else ""
        below = "\\,".join(
            f"\\partial {self.text(v)}" + (f"^{{{n}}}" if n > 1 else "")
            for v, n in counts
        )
        operand = self._within(expr.expr, ATOM)
        return f"\\frac{{\\partial{above} {operand}}}{{{below}}}", ATOM

    def _subs(self, expr: sp.Subs) -> tuple[str, int]:
        pairs = zip(expr.variables, expr.point, strict=True)
        pins = ", ".join(f"{self.text(v)}={self.text(p)}" for v, p in pairs)
        return f"\\left.{self.text(expr.expr)}\\right|_{{{pins}}}", ATOM

    def _indexed(self, expr: sp.Indexed) -> tuple[str, int]:
        places = tuple(i + 1 for i in expr.indices)
        return f"{_shown(str(expr.base.label))}_{{{self._list(places)}}}", ATOM

    def _ranges(
        self, ranges: list[tuple[sp.Symbol, sp.Expr, sp.Expr]], body: sp.Expr
    ) -> tuple[str, int]:
        signs = (
            f"\\sum_{{{self.text(i)}={self.text(a)}}}^{{{self.text(b)}}}"
            for i, a, b in ranges
        )
        return f"{' '.join(signs)} {self._within(body, PRODUCT)}", PRODUCT

    def _integral(self, expr: sp.Integral) -> tuple[str, int]:
        text = self.text(expr.function)
        for variable, lower, upper in expr.limits:
            ends = f"_{{{self.text(lower)}}}^{{{self.text(upper)}}}"
            text = f"\\int{ends} {text} \\,\\mathrm{{d}}{self.text(variable)}"
        return text, ATOM

    def _cases(self, pieces: list[sp.Tuple], last: sp.Basic) -> str:
        rows = [
            f"{self.text(v)} & \\text{{if }} {self._condition(c)}" for v, c in pieces
        ]
        rows.append(f"{self.text(last)} & \\text{{otherwise}}")
        body = " \\\\ ".join(rows)
        return f"\\begin{{cases}} {body} \\end{{cases}}"

    def _condition(self, when: sp.Basic) -> str:
        if isinstance(when, Relational):
            sign = _RELATIONS[when.rel_op]
            return f"{self.text(when.lhs)} {sign} {self.text(when.rhs)}"
        text = super()._condition(when)
        return text.replace(" and ", " \\land ").replace(" or ", " \\lor ")


def _joined(factors: list[str]) -> str:
    r"""Returns a product; `\cdot` before what would be read with the rest."""
    text = factors[0]
    for factor in factors[1:]:
        doubtful = factor.startswith(("\\left(", "\\left.")) or factor[0].isdigit()
        glued = re.search(r"\\[A-Za-z]+$", text) and factor[0].isalpha()
        text += (" \\cdot " if doubtful else " " if glued else " \\, ") + factor
    return text
