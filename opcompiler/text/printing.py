"""From a problem back to text: `parse(to_text(problem)) == problem`.

In: a `Problem`. Out: its declarations, definitions, equations and conditions, one a line:

    coordinates x in [0, 1]
    field u(x)
    equation equation1: u_xx = 2*u

The text is ASCII, with everything spelled out: definitions stay for reference, while the
equations hold them written out, and derivatives at points stand in the place of `at` and
of vector operators.

`Writer` walks over a problem and its expressions; each method writes one kind of thing in
the notation. `typesetting.py` overrides those that look different in LaTeX. An expression
is written together with how tightly it binds, SUM to ATOM, which decides about parentheses.
The order of factors matters: SymPy multiplies a number into a sum at once, so a formula
must not put the two side by side where the tree keeps them apart.
"""

from collections.abc import Iterator

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.functions import Entry, entry_of
from opcompiler.held_tensors import (
    Determinant,
    Einsum,
    Element,
    HeldTensor,
    Inverse,
)
from opcompiler.text.mistakes import MeaningError
from opcompiler.text.problem import Coordinate, Field, Problem
from opcompiler.text.scope import Scope
from opcompiler.text.values import Value

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly a formula binds, from loose to tight."""

Written = tuple[str, int]
"""A formula, and how tightly it binds."""


@public("oc.to_text(problem)")
def to_text(problem: Problem) -> str:
    """Returns a problem in the notation; `parse` reads it back to an equal problem.

    Args:
        problem: of `parse` or `load`, or changed since.

    Returns:
        The text, a line for each declaration, equation and condition.

    Raises:
        OperatorError: if it holds SymPy nodes that the notation has no form for.

    Examples:
        >>> print(oc.to_text(oc.parse("coordinates t, x; field u; ∂u/∂t = ∇²u")), end="")
        time t
        coordinates x
        field u(t, x)
        equation equation1: u_t = u_xx
    """
    return "\n".join(Writer(problem).lines()) + "\n"


class Writer:
    """Writes a problem, and expressions over its names, in the text notation."""

    reals = "R"
    element = "in"
    infinity = "inf"
    determinant = "det"
    constants = {sp.pi: "pi", sp.I: "I", sp.E: "exp(1)"}  # noqa: RUF012

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._scope = Scope(any(f.complex for f in problem.fields))
        self._scope.parameters |= {p.name: p for p in problem.parameters}
        for coordinate in problem.coordinates:
            self._scope.add_coordinate(coordinate)
        for declared in problem.fields:
            self._scope.add_field(declared)
        self._home = self._scope.home

    # --- The signs of the notation -------------------------------------------------------

    def words(self, words: str) -> str:
        """Returns the words that a line begins with."""
        return words

    def shown(self, name: str) -> str:
        """Returns a declared name, without components."""
        return name

    def name(self, name: str) -> str:
        """Returns a name, perhaps of a component."""
        return name

    def bracketed(self, text: str) -> str:
        """Returns a formula in parentheses."""
        return f"({text})"

    def squared(self, text: str) -> str:
        """Returns a formula in square brackets."""
        return f"[{text}]"

    def raised(self, expr: sp.Expr) -> str:
        """Returns an exponent of R, the number of components."""
        return f"^{self.factor(expr)}"

    # --- Lines ---------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        """Yields the problem's declarations, definitions, equations and conditions."""
        problem = self._problem
        for p in problem.parameters:
            line = f"{self.words('unknown' if p.unknown else 'parameter')} "
            line += self.shown(p.name)
            yield line if p.value is None else f"{line} = {self.text(p.value)}"
        yield from map(self._coordinate, problem.coordinates)
        yield from map(self._field, problem.fields)
        for name, value in problem.definitions.items():
            yield f"{self.words('define')} {self.shown(name)} = {self.value(value)}"
        for name, equation in problem.equations.items():
            yield self._equation("equation", name, equation)
        for name, condition in problem.conditions.items():
            yield self._equation(condition.kind, name, condition.equation)

    def _equation(self, kind: str, name: str, equation: sp.Eq) -> str:
        sides = f"{self.text(equation.lhs)} = {self.text(equation.rhs)}"
        return f"{self.words(f'{kind} {name}:')} {sides}"

    def _coordinate(self, coordinate: Coordinate) -> str:
        word = self.words("time" if coordinate.time else "coordinates")
        line = f"{word} {self.shown(coordinate.name)}"
        region = self.reals if coordinate.dimension is not None else ""
        if coordinate.interval is not None:
            region = self.squared(", ".join(map(self._end, coordinate.interval)))
        if coordinate.dimension is not None:
            region += self.raised(coordinate.dimension)
        return f"{line} {self.element} {region}" if region else line

    def _end(self, end: sp.Expr) -> str:
        if end.is_infinite:
            return "-" * (end == -sp.oo) + self.infinity
        return self.text(end)

    def _field(self, field: Field) -> str:
        kind = "coefficient" if field.known else "field"
        line = (
            f"{self.words('complex ' * field.complex + kind)} {self.shown(field.name)}"
        )
        if field.shape is not None:
            return line + self.squared(", ".join(map(self.text, field.shape)))
        line += self.bracketed(", ".join(map(self.shown, field.arguments)))
        if field.components is None:
            return line
        components = self.raised(sp.Integer(field.components))
        return f"{line} {self.element} {self.reals}{components}"

    # --- Expressions ---------------------------------------------------------------------

    def text(self, expr: sp.Basic) -> str:
        """Returns the formula of an expression.

        Raises:
            OperatorError: if the notation has no form for a part of it.
        """
        return self._write(expr)[0]

    def value(self, value: Value) -> str:
        """Returns the formula of an expression, or of a vector or tensor of them."""
        if not isinstance(value, tuple):
            return self.text(value)
        parts = ", ".join(map(self.value, value))
        return self.bracketed(parts if len(value) > 1 else f"{parts},")

    def factor(self, expr: sp.Basic) -> str:
        """Returns the formula, in parentheses if it is more than one name or number."""
        return self._within(expr, ATOM)

    def _within(self, expr: sp.Basic, least: int) -> str:
        text, binding = self._write(expr)
        return text if binding >= least else self.bracketed(text)

    def _list(self, parts: tuple[sp.Basic, ...]) -> str:
        return ", ".join(self.text(part) for part in parts)

    def _write(self, expr: sp.Basic) -> Written:
        if expr in self._home:
            return self.name(self._home[expr]), ATOM
        match expr:
            case sp.Symbol():
                return self.name(expr.name), ATOM
            case sp.pi | sp.I | sp.E:
                return self.constants[expr], ATOM
            case sp.Rational():
                return self._rational(expr)
            case sp.Float():
                return self._decimal(expr)
            case sp.Add():
                return self._sum(expr)
            case sp.Mul():
                return self._product(expr)
            case sp.Pow():
                return self._power(expr.base, expr.exp)
            case sp.Derivative():
                return self._derivative(
                    expr.expr, [(v, int(n)) for v, n in expr.variable_count]
                )
            case sp.Subs():
                return self._pinned(
                    expr.expr, list(zip(expr.variables, expr.point, strict=True))
                )
            case AppliedUndef():
                return self._applied(expr)
            case sp.Indexed():
                # The notation counts places from 1, SymPy from 0; so do ranges of sums.
                places = self._list(tuple(i + 1 for i in expr.indices))
                return self._indexed(str(expr.base.label), places)
            case sp.IndexedBase():
                return self.shown(str(expr.label)), ATOM
            case Element():
                return self._element(expr)
            case sp.Sum():
                body, ranges = expr.function, []
                for index, lower, upper in expr.limits:
                    body = body.xreplace({index: index - 1})
                    ends = self.text(lower + 1), self.text(upper + 1)
                    ranges.insert(0, (self.text(index), *ends))
                return self._ranges(ranges, body)
            case sp.Integral():
                text = self.text(expr.function)
                for variable, lower, upper in expr.limits:
                    ends = self.text(lower), self.text(upper)
                    text = self._integral(text, self.text(variable), *ends)
                return text, ATOM
            case sp.Piecewise():
                *pieces, (last, always) = expr.args
                if always == sp.true:
                    cases = [(self._condition(c), self.text(v)) for v, c in pieces]
                    return self._cases(cases, self.text(last)), ATOM
                raise OperatorError(
                    "a Piecewise without a last value",
                    expression=expr,
                    hint="give it one under the condition True",
                )
        entry = entry_of(expr)
        if not entry.text:
            raise OperatorError(
                f"the notation has no form for {type(expr).__name__}",
                expression=expr,
                hint="write it by the functions listed in grammar/README.md",
            )
        value_at_the_jump = isinstance(expr, sp.Heaviside)  # SymPy's second argument
        inside = self._list(expr.args[:1] if value_at_the_jump else expr.args)
        return self._function(entry, inside), ATOM

    def _function(self, entry: Entry, inside: str) -> str:
        return f"{entry.text.split()[0]}({inside})"

    def _rational(self, expr: sp.Rational) -> Written:
        if expr.q != 1:
            return f"{expr.p}/{expr.q}", PRODUCT if expr.p > 0 else SUM
        return str(expr.p), ATOM if expr.p >= 0 else SUM

    def _decimal(self, expr: sp.Float) -> Written:
        return repr(float(expr)), ATOM if expr >= 0 else SUM

    def _sum(self, expr: sp.Add) -> Written:
        first, *others = sorted(expr.args, key=lambda a: (negative(a), a.is_Number))
        text = self.text(first)
        for term in others:
            sign = "-" if negative(term) else "+"
            text += f" {sign} {self._within(-term if sign == '-' else term, PRODUCT)}"
        return text, SUM

    def _product(self, expr: sp.Mul) -> Written:
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

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> Written:
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self.text(base)})", ATOM
        if negative(exponent):
            return f"1/{self._within(sp.Pow(base, -exponent), POWER)}", PRODUCT
        return f"{self.factor(base)}^{self.factor(exponent)}", POWER

    def _derivative(self, of: sp.Expr, counts: list[tuple[sp.Expr, int]]) -> Written:
        name = self._home.get(of)
        ((by, primes), *others) = counts
        if name is not None and not others and of.args == (by,) and by in self._home:
            return self.name(name) + "'" * primes, ATOM
        if name is not None and all(isinstance(v, sp.Symbol) for v, _ in counts):
            by = [str(v) for v, n in counts for _ in range(n)]
            short = f"{name}_{''.join(by)}"
            if self._reads_as(short, name, tuple(by)):
                return short, ATOM
        steps = "".join(
            f", {self.text(v)}" + (f", {n}" if n > 1 else "") for v, n in counts
        )
        return f"d({self.text(of)}{steps})", ATOM

    def _reads_as(self, short: str, name: str, by: tuple[str, ...]) -> bool:
        try:
            declared = self._scope.lookup(short) is not None
            return not declared and self._scope.derivative(short) == (name, by)
        except MeaningError:
            return False

    def _pinned(self, of: sp.Expr, pins: list[tuple[sp.Expr, sp.Expr]]) -> Written:
        names = (self._home.get(v, str(v)) for v, _ in pins)
        at = ", ".join(
            f"{n}={self.text(p)}" for n, (_, p) in zip(names, pins, strict=True)
        )
        return f"{self.factor(of)}({at})", ATOM

    def _applied(self, expr: AppliedUndef) -> Written:
        """Writes a field elsewhere than at home, vectors among its arguments whole."""
        name = expr.func.__name__
        declared = self._scope.field_of(name)
        if declared is None:
            raise OperatorError(
                f"{name} is not a field of the problem",
                expression=expr,
                hint="declare it among the problem's fields",
            )
        parts, place = [], 0
        for argument in declared.arguments:
            coordinate = self._scope.coordinates.get(argument)
            own = expr.args[place : place + len(self._scope.symbols_of(argument))]
            place += len(own)
            written_out = (
                coordinate is not None
                and coordinate.dimension is not None
                and coordinate.written_out
            )
            parts.append(self._vector(own) if written_out else self.text(own[0]))
        return f"{self.name(name)}{self.bracketed(', '.join(parts))}", ATOM

    def _vector(self, values: tuple[sp.Basic, ...]) -> str:
        for coordinate in self._scope.coordinates.values():
            if coordinate.symbols == values:
                return self.shown(coordinate.name)
        return self.bracketed(self._list(values) + ("," if len(values) == 1 else ""))

    def _indexed(self, base: str, places: str) -> Written:
        return f"{base}[{places}]", ATOM

    def _element(self, expr: Element) -> Written:
        """Writes a number of a held tensor; sums of products are written out."""
        tensor = expr.tensor
        if isinstance(tensor, Determinant):
            return f"{self.determinant}{self._matrix(tensor.args[0])}", ATOM
        if isinstance(tensor, Inverse):
            return self._inverse(tensor.args[0], expr.place), ATOM
        if isinstance(tensor, Einsum):
            return self._write(tensor.product_at(expr.place))
        raise OperatorError(
            f"the notation has no form for the {type(tensor).__name__} of a matrix",
            expression=expr,
            hint="hold the derivative, oc.D(oc.det(M), x), or write it out: .doit()",
        )

    def _inverse(self, matrix: HeldTensor, place: tuple[int, ...]) -> str:
        i, j = place
        return f"inv{self._matrix(matrix)}[{i + 1}, {j + 1}]"

    def _matrix(self, matrix: HeldTensor) -> str:
        """Returns a matrix in parentheses."""
        return self.bracketed(self.value(self._table(matrix)))

    def _table(self, matrix: HeldTensor) -> tuple[tuple[sp.Expr, ...], ...]:
        rows, columns = matrix.shape
        return tuple(
            tuple(Element(matrix, i, j) for j in range(columns)) for i in range(rows)
        )

    def _ranges(self, ranges: list[tuple[str, str, str]], body: sp.Expr) -> Written:
        shown = [f"{index}={lower}..{upper}" for index, lower, upper in ranges]
        return f"sum({', '.join(shown)}, {self.text(body)})", ATOM

    def _integral(self, body: str, variable: str, lower: str, upper: str) -> str:
        return f"int({body}, {variable}, {lower}, {upper})"

    def _cases(self, pieces: list[tuple[str, str]], last: str) -> str:
        parts = [f"{condition}, {value}" for condition, value in pieces]
        return f"where({', '.join([*parts, last])})"

    def _condition(self, when: sp.Basic) -> str:
        match when:
            case Relational():
                sides = self.text(when.lhs), self.text(when.rhs)
                return self._relation(when.rel_op).join(sides)
            case sp.And() | sp.Or():
                parts = [
                    self.bracketed(text) if isinstance(part, sp.And | sp.Or) else text
                    for part in when.args
                    for text in [self._condition(part)]
                ]
                word = "and" if isinstance(when, sp.And) else "or"
                return self._relation(word).join(parts)
        raise OperatorError(
            f"the notation has no form for the condition {when}",
            hint="write comparisons joined by and, or",
        )

    def _relation(self, sign: str) -> str:
        return f" {sign} "


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
