"""SymPy expressions as formulas of the notation.

The order of factors matters: SymPy multiplies a number into a sum at once, so a formula
must not put the two side by side where the tree keeps them apart.
"""

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from opcompiler.errors import OperatorError
from opcompiler.text.errors import MeaningError
from opcompiler.text.scope import Scope
from opcompiler.text.sums import shifted
from opcompiler.text.values import Value

SUM, PRODUCT, POWER, ATOM = range(4)

_FUNCTIONS: dict[str, str] = {
    "Abs": "abs",
    "Heaviside": "heaviside",
    "Max": "max",
    "Min": "min",
    "Mod": "mod",
    "ceiling": "ceil",
    "conjugate": "conj",
}
_PLAIN = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "sech",
        "csch",
        "asinh",
        "acosh",
        "atanh",
        "exp",
        "log",
        "erf",
        "erfc",
        "erfinv",
        "gamma",
        "loggamma",
        "sign",
        "floor",
        "re",
        "im",
        "arg",
        "atan2",
    ]
)


class Formulas:
    """Writes expressions over the names of a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._home = scope.home

    def text(self, expr: sp.Basic) -> str:
        """Returns the formula of an expression.

        Raises:
            OperatorError: if the notation has no form for a part of it.
        """
        return self._write(expr)[0]

    def factor(self, expr: sp.Basic) -> str:
        """Returns the formula, in parentheses if it is more than one name or number."""
        return self._within(expr, ATOM)

    def value(self, value: Value) -> str:
        """Returns the formula of an expression, or of a vector or tensor of them."""
        if not isinstance(value, tuple):
            return self.text(value)
        parts = ", ".join(map(self.value, value))
        return self.bracketed(parts if len(value) > 1 else f"{parts},")

    def sides(self, equation: sp.Eq) -> str:
        """Returns the formula of an equation."""
        return f"{self.text(equation.lhs)} = {self.text(equation.rhs)}"

    def bracketed(self, text: str) -> str:
        """Returns a formula in parentheses."""
        return f"({text})"

    def shown(self, name: str) -> str:
        """Returns a declared name, without components."""
        return name

    def _within(self, expr: sp.Basic, least: int) -> str:
        text, binding = self._write(expr)
        return text if binding >= least else self.bracketed(text)

    def _write(self, expr: sp.Basic) -> tuple[str, int]:
        """Returns the formula and how tightly it binds."""
        if expr in self._home:
            return self._name(self._home[expr]), ATOM
        for kind, writer in _WRITERS:
            if isinstance(expr, kind):
                return getattr(self, writer)(expr)
        name = type(expr).__name__
        if name in _FUNCTIONS or name in _PLAIN:
            arguments = expr.args[:1] if name == "Heaviside" else expr.args
            return self._function(_FUNCTIONS.get(name, name), arguments)
        raise OperatorError(
            f"the notation has no form for {name}",
            expression=expr,
            hint="write it by the functions listed in grammar/README.md",
        )

    def _function(self, name: str, arguments: tuple[sp.Basic, ...]) -> tuple[str, int]:
        return f"{name}({self._list(arguments)})", ATOM

    def _list(self, parts: tuple[sp.Basic, ...]) -> str:
        return ", ".join(self.text(part) for part in parts)

    def _symbol(self, expr: sp.Symbol) -> tuple[str, int]:
        return self._name(expr.name), ATOM

    def _name(self, name: str) -> str:
        return self.shown(name)

    def _constant(self, expr: sp.Basic) -> tuple[str, int]:
        return {sp.pi: "pi", sp.I: "I", sp.E: "exp(1)"}[expr], ATOM

    def _number(self, expr: sp.Rational) -> tuple[str, int]:
        if expr.q != 1:
            return f"{expr.p}/{expr.q}", PRODUCT if expr.p > 0 else SUM
        return str(expr.p), ATOM if expr.p >= 0 else SUM

    def _decimal(self, expr: sp.Float) -> tuple[str, int]:
        return repr(float(expr)), ATOM if expr >= 0 else SUM

    def _add(self, expr: sp.Add) -> tuple[str, int]:
        terms = sorted(expr.args, key=lambda a: (negative(a), a.is_Number))
        text = ""
        for term in terms:
            sign = "-" if negative(term) else "+"
            inner = self._within(-term if sign == "-" else term, PRODUCT)
            if text:
                text += f" {sign} {inner}"
            else:
                text = self.text(term)
        return text, SUM

    def _mul(self, expr: sp.Mul) -> tuple[str, int]:
        number, above, below = split_product(expr)
        parts = [self._within(factor, POWER) for factor in above]
        only_sums = bool(above) and isinstance(above[0], sp.Add)
        if only_sums and number != 1:
            parts.append(f"({self.text(number)})")
            number = sp.S.One
        if abs(number.p) != 1 or not parts:
            parts.insert(0, str(abs(number.p)))
        text = "*".join(parts) + ("" if number.q == 1 else f"/{number.q}")
        for factor in below:
            text += f"/{self._within(factor, POWER)}"
        return (f"-{text}", SUM) if number < 0 else (text, PRODUCT)

    def _pow(self, expr: sp.Pow) -> tuple[str, int]:
        base, exponent = expr.base, expr.exp
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self.text(base)})", ATOM
        if negative(exponent):
            below = self._within(sp.Pow(base, -exponent), POWER)
            return f"1/{below}", PRODUCT
        return f"{self.factor(base)}^{self.factor(exponent)}", POWER

    def _derivative(self, expr: sp.Derivative) -> tuple[str, int]:
        counts = [(v, int(n)) for v, n in expr.variable_count]
        name = self._home.get(expr.expr)
        if name is not None and all(isinstance(v, sp.Symbol) for v, _ in counts):
            by = [str(v) for v, n in counts for _ in range(n)]
            short = f"{name}_{''.join(by)}"
            if self._reads_as(short, name, tuple(by)):
                return short, ATOM
        steps = "".join(
            f", {self.text(v)}" + (f", {n}" if n > 1 else "") for v, n in counts
        )
        return f"d({self.text(expr.expr)}{steps})", ATOM

    def _reads_as(self, short: str, name: str, by: tuple[str, ...]) -> bool:
        try:
            declared = self._scope.lookup(short) is not None
            return not declared and self._scope.derivative(short) == (name, by)
        except MeaningError:
            return False

    def _subs(self, expr: sp.Subs) -> tuple[str, int]:
        pairs = zip(expr.variables, expr.point, strict=True)
        pins = ", ".join(f"{v}={self.text(p)}" for v, p in pairs)
        return f"{self._within(expr.expr, ATOM)}({pins})", ATOM

    def _applied(self, expr: AppliedUndef) -> tuple[str, int]:
        name = expr.func.__name__
        declared = self._scope.field_of(name)
        if declared is not None:
            point = self._point(declared.arguments, expr.args)
            return f"{self._name(name)}{self.bracketed(point)}", ATOM
        raise OperatorError(
            f"{name} is not a field of the problem",
            expression=expr,
            hint="declare it among the problem's fields",
        )

    def _point(self, names: tuple[str, ...], values: tuple[sp.Basic, ...]) -> str:
        parts, place = [], 0
        for name in names:
            coordinate = self._scope.coordinates[name]
            count = len(coordinate.symbols)
            own = values[place : place + count]
            place += count
            vector = coordinate.dimension is not None and coordinate.written_out
            parts.append(self._vector(own) if vector else self.text(own[0]))
        return ", ".join(parts)

    def _vector(self, values: tuple[sp.Basic, ...]) -> str:
        for coordinate in self._scope.coordinates.values():
            if coordinate.symbols == values:
                return self.shown(coordinate.name)
        return self.bracketed(self._list(values) + ("," if len(values) == 1 else ""))

    def _base(self, expr: sp.IndexedBase) -> tuple[str, int]:
        return self.shown(str(expr.label)), ATOM

    def _indexed(self, expr: sp.Indexed) -> tuple[str, int]:
        places = tuple(i + 1 for i in expr.indices)
        return f"{expr.base.label}[{self._list(places)}]", ATOM

    def _total(self, expr: sp.Sum) -> tuple[str, int]:
        body, ranges = expr.function, []
        for index, lower, upper in expr.limits:
            body = shifted(body, index, -1)
            ranges.insert(0, (index, lower + 1, upper + 1))
        return self._ranges(ranges, body)

    def _ranges(
        self, ranges: list[tuple[sp.Symbol, sp.Expr, sp.Expr]], body: sp.Expr
    ) -> tuple[str, int]:
        shown = [f"{i}={self.text(a)}..{self.text(b)}" for i, a, b in ranges]
        return f"sum({', '.join(shown)}, {self.text(body)})", ATOM

    def _integral(self, expr: sp.Integral) -> tuple[str, int]:
        text = self.text(expr.function)
        for variable, lower, upper in expr.limits:
            text = f"int({text}, {variable}, {self.text(lower)}, {self.text(upper)})"
        return text, ATOM

    def _piecewise(self, expr: sp.Piecewise) -> tuple[str, int]:
        *pieces, (last, always) = expr.args
        if always != sp.true:
            raise OperatorError(
                "a Piecewise without a last value",
                expression=expr,
                hint="give it one under the condition True",
            )
        return self._cases(pieces, last), ATOM

    def _cases(self, pieces: list[sp.Tuple], last: sp.Basic) -> str:
        parts = [f"{self._condition(when)}, {self.text(v)}" for v, when in pieces]
        return f"where({', '.join([*parts, self.text(last)])})"

    def _condition(self, when: sp.Basic) -> str:
        if isinstance(when, Relational):
            return f"{self.text(when.lhs)} {when.rel_op} {self.text(when.rhs)}"
        if isinstance(when, sp.And | sp.Or):
            word = " and " if isinstance(when, sp.And) else " or "
            parts = [
                self.bracketed(text) if isinstance(part, sp.And | sp.Or) else text
                for part in when.args
                for text in [self._condition(part)]
            ]
            return word.join(parts)
        raise OperatorError(
            f"the notation has no form for the condition {when}",
            hint="write comparisons joined by and, or",
        )


def split_product(
    product: sp.Mul,
) -> tuple[sp.Rational, list[sp.Expr], list[sp.Expr]]:
    """Returns the number of a product, its factors above the line, and those below."""
    number, _ = product.as_coeff_Mul(rational=True)
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    for factor in product.args if number == 1 else product.args[1:]:
        if isinstance(factor, sp.Pow) and negative(factor.exp):
            below.append(sp.Pow(factor.base, -factor.exp))
        else:
            above.append(factor)
    above.sort(key=lambda f: (isinstance(f, sp.Add), isinstance(f, sp.Derivative)))
    return number, above, below


def negative(expr: sp.Basic) -> bool:
    """Whether an expression is written with a minus."""
    number = expr.as_coeff_Mul(rational=True)[0] if isinstance(expr, sp.Expr) else 1
    return bool(number < 0)


_WRITERS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (sp.Symbol, "_symbol"),
    ((type(sp.pi), type(sp.I), type(sp.E)), "_constant"),
    (sp.Rational, "_number"),
    (sp.Float, "_decimal"),
    (sp.Add, "_add"),
    (sp.Mul, "_mul"),
    (sp.Pow, "_pow"),
    (sp.Derivative, "_derivative"),
    (sp.Subs, "_subs"),
    (AppliedUndef, "_applied"),
    (sp.Indexed, "_indexed"),
    (sp.IndexedBase, "_base"),
    (sp.Sum, "_total"),
    (sp.Integral, "_integral"),
    (sp.Piecewise, "_piecewise"),
)
