r"""A problem as LaTeX, for people to read: `to_latex`.

In: a `Problem`. Out: LaTeX, a line for each equation and condition.

    oc.to_latex(oc.parse(text))         # \frac{\partial^{2} u}{\partial x^{2}} for u_xx

`_Typesetter` is the `Writer` of the text notation with other signs: both print the same
trees with the same brackets, so a problem cannot mean one thing as text and another as
LaTeX. LaTeX is not read back.
"""

import re

import sympy as sp

from opcompiler.edge import public
from opcompiler.functions import Entry
from opcompiler.held_tensors import HeldTensor
from opcompiler.text.printing import (
    ATOM,
    negative,
    POWER,
    PRODUCT,
    split_product,
    SUM,
    Writer,
    Written,
)
from opcompiler.text.problem import Problem
from opcompiler.text.spelling import GREEK_NAMES

_NO_COMMAND = frozenset((
    *("Alpha", "Beta", "Epsilon", "Zeta", "Eta", "Iota", "Kappa", "Mu", "Nu", "Omicron"),
    *("Rho", "Tau", "Chi", "omicron"),
))  # fmt: skip
_COMMANDS = {name: f"\\{name}" for name in GREEK_NAMES if name not in _NO_COMMAND}
_COMMANDS |= {"lam": "\\lambda", "Lam": "\\Lambda"}
_RELATIONS = {"<=": "\\leq", ">=": "\\geq", "==": "=", "!=": "\\neq", "and": "\\land",
              "or": "\\lor"}  # fmt: skip


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

    Examples:
        >>> problem = oc.parse("coordinates x; field u; u_xx = 0")
        >>> print(oc.to_latex(problem), end="")
        \begin{aligned}
        & \text{coordinates } x \\
        & \text{field } u\left(x\right) \\
        & \text{equation equation1: } \frac{\partial^{2} u}{\partial x^{2}} = 0
        \end{aligned}
    """
    body = " \\\\\n".join(f"& {row}" for row in _Typesetter(problem).lines())
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n"


def _escaped(name: str) -> str:
    r"""Returns a word for `\text` and `\mathrm`."""
    return name.replace("_", "\\_")


class _Typesetter(Writer):
    """Writes a problem, and expressions over its names, in LaTeX."""

    reals = "\\mathbb{R}"
    element = "\\in"
    infinity = "\\infty"
    determinant = "\\det"
    constants = {sp.pi: "\\pi", sp.I: "i", sp.E: "\\exp\\left(1\\right)"}  # noqa: RUF012

    def words(self, words: str) -> str:
        """Returns the words that a row begins with."""
        return f"\\text{{{_escaped(words)} }}"

    def shown(self, name: str) -> str:
        """Returns a name without components: a letter, a Greek one, or upright letters."""
        if len(name) == 1:
            return name
        return _COMMANDS.get(name) or f"\\mathrm{{{_escaped(name)}}}"

    def name(self, name: str) -> str:
        """Returns a name; the number of a component is its index."""
        for vector in (*self._scope.coordinates, *self._scope.fields):
            number = name.removeprefix(vector)
            if number != name and number.isdigit() and self._is_component(vector, name):
                return f"{self.shown(vector)}_{{{number}}}"
        return self.shown(name)

    def _is_component(self, vector: str, name: str) -> bool:
        coordinate = self._scope.coordinates.get(vector)
        if coordinate is not None and coordinate.dimension is not None:
            return name in map(str, coordinate.symbols)
        field = self._scope.fields.get(vector)
        return field is not None and vector != name and name in field.names

    def bracketed(self, text: str) -> str:
        """Returns a formula in parentheses."""
        return f"\\left({text}\\right)"

    def squared(self, text: str) -> str:
        """Returns a formula in square brackets."""
        return f"\\left[{text}\\right]"

    def raised(self, expr: sp.Expr) -> str:
        """Returns an exponent."""
        return f"^{{{self.text(expr)}}}"

    def factor(self, expr: sp.Basic) -> str:
        """Returns the formula, in parentheses if it is no name, number or call."""
        text = self._within(expr, ATOM)
        # A raised star, prime or bracket behind a name would be read otherwise.
        fence = text.startswith(("\\frac", "\\int", "-"))
        return self.bracketed(text) if fence else text

    def _function(self, entry: Entry, inside: str) -> str:
        if "%s" in entry.latex:
            return entry.latex.replace("%s", inside)
        head = entry.latex or f"\\operatorname{{{entry.text.split()[0]}}}"
        return f"{head}{self.bracketed(inside)}"

    def _rational(self, expr: sp.Rational) -> Written:
        if expr.q == 1:
            return super()._rational(expr)
        text = f"\\frac{{{abs(expr.p)}}}{{{expr.q}}}"
        return (text, ATOM) if expr.p > 0 else (f"-{text}", SUM)

    def _decimal(self, expr: sp.Float) -> Written:
        digits, _, exponent = repr(float(expr)).partition("e")
        if not exponent:
            return super()._decimal(expr)
        power = f"{digits} \\times 10^{{{int(exponent)}}}"
        return power, PRODUCT if expr > 0 else SUM

    def _product(self, expr: sp.Mul) -> Written:
        number, above, below = split_product(expr)
        size = abs(number)
        parts = [self._within(factor, POWER) for factor in above]
        denominators = [self._within(factor, POWER) for factor in below]
        bases = [*above, *(f.base if isinstance(f, sp.Pow) else f for f in below)]
        apart = size != 1 and any(isinstance(base, sp.Add) for base in bases)
        if not apart:
            if size.p != 1 or not parts:
                parts.insert(0, str(size.p))
            if size.q != 1:
                denominators.insert(0, str(size.q))
        text = _joined(parts) if parts else "1"
        if denominators:
            text = f"\\frac{{{text}}}{{{_joined(denominators)}}}"
        if apart:
            first = not denominators and isinstance(above[0], sp.Add)
            pair = [text, self.text(size)]
            text = _joined(pair if first else pair[::-1])
        return (f"-{text}", SUM) if number < 0 else (text, PRODUCT)

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> Written:
        if exponent == sp.Rational(1, 2):
            return f"\\sqrt{{{self.text(base)}}}", ATOM
        if negative(exponent):
            return f"\\frac{{1}}{{{self.text(sp.Pow(base, -exponent))}}}", ATOM
        return f"{self.factor(base)}{self.raised(exponent)}", POWER

    def _derivative(self, of: sp.Expr, counts: list[tuple[sp.Expr, int]]) -> Written:
        total = sum(n for _, n in counts)
        above = f"^{{{total}}}" if total > 1 else ""
        below = "\\,".join(
            f"\\partial {self.text(v)}" + (f"^{{{n}}}" if n > 1 else "")
            for v, n in counts
        )
        operand = self._within(of, ATOM)
        return f"\\frac{{\\partial{above} {operand}}}{{{below}}}", ATOM

    def _pinned(self, of: sp.Expr, pins: list[tuple[sp.Expr, sp.Expr]]) -> Written:
        at = ", ".join(f"{self.text(v)}={self.text(p)}" for v, p in pins)
        return f"\\left.{self.text(of)}\\right|_{{{at}}}", ATOM

    def _indexed(self, base: str, places: str) -> Written:
        return f"{self.shown(base)}_{{{places}}}", ATOM

    def _inverse(self, matrix: HeldTensor, place: tuple[int, ...]) -> str:
        i, j = place
        return f"\\left({self._matrix(matrix)}^{{-1}}\\right)_{{{i + 1} {j + 1}}}"

    def _matrix(self, matrix: HeldTensor) -> str:
        rows = (" & ".join(map(self.text, row)) for row in self._table(matrix))
        inside = " \\\\ ".join(rows)
        return f"\\begin{{pmatrix}} {inside} \\end{{pmatrix}}"

    def _ranges(self, ranges: list[tuple[str, str, str]], body: sp.Expr) -> Written:
        signs = (
            f"\\sum_{{{index}={lower}}}^{{{upper}}}" for index, lower, upper in ranges
        )
        return f"{' '.join(signs)} {self._within(body, PRODUCT)}", PRODUCT

    def _integral(self, body: str, variable: str, lower: str, upper: str) -> str:
        return f"\\int_{{{lower}}}^{{{upper}}} {body} \\,\\mathrm{{d}}{variable}"

    def _cases(self, pieces: list[tuple[str, str]], last: str) -> str:
        rows = [f"{value} & \\text{{if }} {condition}" for condition, value in pieces]
        body = " \\\\ ".join([*rows, f"{last} & \\text{{otherwise}}"])
        return f"\\begin{{cases}} {body} \\end{{cases}}"

    def _relation(self, sign: str) -> str:
        return f" {_RELATIONS.get(sign, sign)} "


def _joined(factors: list[str]) -> str:
    r"""Returns a product; `\cdot` before what would be read with the rest."""
    text = factors[0]
    for factor in factors[1:]:
        doubtful = factor.startswith(("\\left(", "\\left.")) or factor[0].isdigit()
        glued = re.search(r"\\[A-Za-z]+$", text) and factor[0].isalpha()
        text += (" \\cdot " if doubtful else " " if glued else " \\, ") + factor
    return text
