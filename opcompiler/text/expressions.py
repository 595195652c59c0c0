"""The meaning of expressions: from the syntax tree to SymPy, by declared names only.

One method per rule of `grammar/operator.lark`, under the rule's name with an underscore
before it. A value is a SymPy expression, or a tuple for a vector. Nothing is evaluated
but arithmetic of numbers, within `limits`.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy as sp
from lark import Token
from sympy.logic.boolalg import BooleanAtom

from opcompiler.text import calls, limits, vectors
from opcompiler.text.derivatives import differentiate
from opcompiler.text.errors import MeaningError, NotationError, Source
from opcompiler.text.names import spelled
from opcompiler.text.precedence import (
    Chain,
    refuse_doubtful_dot,
    refuse_doubtful_power,
    refuse_doubtful_product,
)
from opcompiler.text.scope import INFINITE, Scope
from opcompiler.text.syntax import Node
from opcompiler.text.values import named, shape, Value

_COMPARE: dict[str, Callable[..., sp.Basic]] = {
    "<": sp.Lt,
    "<=": sp.Le,
    "≤": sp.Le,
    ">": sp.Gt,
    ">=": sp.Ge,
    "≥": sp.Ge,
    "==": sp.Eq,
    "!=": sp.Ne,
    "≠": sp.Ne,
}
_OPPOSITE = {sp.Lt: sp.Ge, sp.Le: sp.Gt, sp.Gt: sp.Le, sp.Ge: sp.Lt, sp.Eq: sp.Ne,
             sp.Ne: sp.Eq, sp.And: sp.Or, sp.Or: sp.And}  # fmt: skip
_COMPARISON = ("a comparison is no value", "use it in where(x < 0, a, b)")
_NO_VALUES = {
    "relation": _COMPARISON,
    "conjunction": _COMPARISON,
    "disjunction": _COMPARISON,
    "negation": _COMPARISON,
    "named": ("a coordinate is fixed here", "only fields are taken at points: u(x=0)"),
    "ranged": ("a range stands here", "ranges belong to sums: sum(i=1..n, ...)"),
}
_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


class Reader:
    """Reads the expressions of one text.

    Attributes:
        source: for pointing at mistakes.
        scope: the names declared so far.
    """

    def __init__(self, source: Source, scope: Scope) -> None:
        self.source = source
        self.scope = scope
        self._spent = 0

    def value(self, node: Node) -> Value:
        """Returns the value of an expression, a vector perhaps.

        Raises:
            NotationError: with the place of the innermost part that has no meaning.
        """
        try:
            self._spend(1)
            if node.kind in _NO_VALUES:
                raise MeaningError(*_NO_VALUES[node.kind])
            return getattr(self, f"_{node.kind}")(node)
        except MeaningError as error:
            raise self.error(node, error.problem, error.hint) from None

    def condition(self, node: Node, negated: bool = False) -> sp.Basic:
        """Returns comparisons joined by `and`, `or` and `not`, or the opposite of that.

        No `Not` is left: `not x > 0` is `x <= 0`.
        """
        if node.kind == "group":
            return self.condition(node.nodes[0], negated)
        if node.kind == "negation":
            return self.condition(node.nodes[0], not negated)
        if node.kind == "relation":
            return self._relation(node, negated)
        if node.kind not in ("conjunction", "disjunction"):
            told = "a comparison has ==" if node.kind == "named" else "write x < 0"
            raise self.error(node, "this is not a condition", told)
        join = sp.And if node.kind == "conjunction" else sp.Or
        join = _OPPOSITE[join] if negated else join
        parts = [self.condition(part, negated) for part in node.nodes]
        flat = [
            p for part in parts for p in (part.args if part.func == join else [part])
        ]
        joined = join(*flat, evaluate=False)
        if isinstance(joined, BooleanAtom) and joined not in flat:
            always = "always" if joined else "never"
            raise self.error(node, f"this condition {always} holds", "leave it out")
        return joined

    def _relation(self, node: Node, negated: bool) -> sp.Basic:
        left, right = (self.scalar(part) for part in node.nodes)
        compare = _COMPARE[str(node.tokens("CMP")[0])]
        if compare not in (sp.Eq, sp.Ne):
            for side, part in zip((left, right), node.nodes, strict=True):
                if self.scope.is_complex(side):
                    hint = f"compare abs({self.text(part)}) or re({self.text(part)})"
                    raise self.error(part, "complex numbers have no order", hint)
        compare = _OPPOSITE[compare] if negated else compare
        if left.is_number and right.is_number:
            gap = (left - right).evalf(30)  # an index of a sum, written out
            if not gap.is_real:
                raise self.error(
                    node, "complex numbers have no order", "compare abs(z)"
                )
            return sp.true if compare(sp.sign(gap), 0) else sp.false
        return compare(left, right, evaluate=False)

    def infinite(self, node: Node) -> sp.Expr | None:
        """Returns infinity where a part of the text says so, and `None` elsewhere."""
        inner, sign = node, 1
        while inner.kind in ("sign", "group"):
            sign *= -1 if inner.tokens("MINUS") else 1
            inner = inner.nodes[0]
        if inner.kind != "name":
            return None
        name = str(inner.children[0])
        return (
            sign * sp.oo if name in INFINITE and not self.scope.declares(name) else None
        )

    def scalar(self, node: Node, what: str = "this") -> sp.Expr:
        """Returns the value of an expression that must be a scalar."""
        value = self.value(node)
        try:
            return vectors.scalar(value, what)
        except MeaningError as error:
            raise self.error(node, error.problem, error.hint) from None

    def charge(self, value: Value) -> Value:
        """Counts what an operator or a definition has written out; returns it."""
        for part in vectors.flat(value):
            self._spend(limits.size(part))
        return value

    def text(self, node: Node | Token) -> str:
        """Returns the words of a node, as they were written."""
        if isinstance(node, Token):
            return self.source.text[node.start_pos : node.end_pos]
        return self.source.text[node.start : node.end]

    def words(self, start: int, end: int) -> str:
        """Returns what is written from one offset up to another."""
        return self.source.text[start:end].strip()

    def error(self, node: Node | Token, problem: str, hint: str) -> NotationError:
        """Returns an error about a part of the text."""
        if isinstance(node, Token):
            start, end = node.start_pos or 0, node.end_pos or 0
        else:
            start, end = node.start, node.end
        return self.source.error(problem, start, end, hint=hint)

    def _spend(self, amount: int) -> None:
        self._spent += amount
        if self._spent > limits.MOST_TERMS:
            raise MeaningError(
                "the equations are too long when everything is written out",
                f"up to {limits.MOST_TERMS} terms and factors are read",
            )

    # Atoms.

    def _number(self, node: Node) -> Value:
        text = str(node.children[0])
        exponent = text.lower().partition("e")[2]
        if len(text) > limits.LONGEST_NUMBER or len(exponent) > 5:
            raise _numeral_error()
        if abs(int(exponent or 0)) > limits.LARGEST_DECIMAL_EXPONENT:
            raise _numeral_error()
        exact = Fraction(text)
        return sp.Rational(exact.numerator, exact.denominator)

    def _name(self, node: Node) -> Value:
        name = spelled(str(node.children[0]))
        value = self.scope.lookup(name)
        if value is not None:
            known = name in self.scope.definitions
            return self.charge(value) if known else value
        if calls.is_function(name):
            raise MeaningError(
                f"{name} is a function",
                f"give it arguments, {name}(...), or declare it: `parameter {name}`",
            )
        return self.derivative_name(name)

    def derivative_name(self, name: str) -> Value:
        """Returns what a name like `u_xx` stands for."""
        reading = self.scope.derivative(name)
        if reading is None:
            raise self.scope.unknown(name)
        base, by = reading
        value = self.scope.lookup(base)
        assert value is not None
        return self.charge(self._by_names(value, by))

    def _by_names(self, value: Value, by: Sequence[str]) -> Value:
        symbols = self.scope.symbols
        return differentiate(value, [(symbols[name], 1) for name in by], self.scope)

    def _primed(self, node: Node) -> Value:
        name, primes = node.tokens("NAME", "PRIME")
        value = self.scope.lookup(spelled(str(name)))
        declared = self.scope.field_of(spelled(str(name)))
        arguments = self.scope.arguments(declared) if declared else ()
        if value is None or len(arguments) != 1:
            raise MeaningError(
                f"a prime on {name}, which is not a field of one coordinate",
                f"write d({name}, x)",
            )
        return differentiate(value, [(arguments[0], len(primes))], self.scope)

    def _group(self, node: Node) -> Value:
        return self.value(node.nodes[0])

    def _tuple(self, node: Node) -> Value:
        values = tuple(self.value(part) for part in node.nodes)
        if len({shape(value) for value in values}) > 1:
            raise MeaningError(
                "a vector of parts of different shapes", "components are all scalars"
            )
        return values

    def _modulus(self, node: Node) -> Value:
        value = self.value(node.nodes[0])
        if isinstance(value, tuple):
            return self.charge(vectors.norm(value, self.scope))
        return calls.modulus(value)

    def _length(self, node: Node) -> Value:
        return self.charge(vectors.norm(self.value(node.nodes[0]), self.scope))

    def _index(self, node: Node) -> Value:
        return calls.index(self, node)

    def _call(self, node: Node) -> Value:
        return calls.call(self, node)

    # Arithmetic.

    def _sum(self, node: Node) -> Value:
        terms: list[Value] = []
        sign = sp.S.One
        for part in node.children:
            if isinstance(part, Token):
                sign = sp.S.NegativeOne if part.type == "MINUS" else sp.S.One
            else:
                value = self.value(part)
                terms.append(value if sign == 1 else vectors.scale(sign, value))
        return vectors.add(terms)

    def _sign(self, node: Node) -> Value:
        value = self.value(node.nodes[0])
        minus = node.tokens("MINUS")
        return vectors.scale(sp.S.NegativeOne, value) if minus else value

    def _product(self, node: Node) -> Value:
        refuse_doubtful_product(node, self)
        chain = Chain(self.value(node.nodes[0]), node.nodes[0])
        for sign, factor in zip(node.children[1::2], node.children[2::2], strict=True):
            assert isinstance(sign, Token)
            assert isinstance(factor, Node)
            if sign.type == "SLASH":
                below = self.scalar(factor, "a divisor")
                over = limits.power(below, sp.S.NegativeOne)
                chain.grow(vectors.times(over, chain.value))
                continue
            right = self.value(factor)
            chain.refuse_regrouping(sign, right, factor, self)
            left = self.words(node.start, sign.start_pos or 0)
            value = self._times(
                chain.value, sign.type, right, (left, self.text(factor))
            )
            chain.multiply(value, sign, right, factor)
        return chain.value

    def _times(
        self, left: Value, sign: str, right: Value, words: tuple[str, str]
    ) -> Value:
        if sign == "CROSS":
            return self.charge(vectors.cross(left, right))
        if sign == "OTIMES":
            return self.charge(vectors.outer(left, right))
        if sign == "DOT":
            refuse_doubtful_dot(left, right, words)
            return vectors.dot(left, right)
        return vectors.times(left, right)

    def _power(self, node: Node) -> Value:
        base = node.children[0]
        assert isinstance(base, Node)
        words = self.text(base)
        bare = base.kind == "name" and not self.scope.declares(spelled(words))
        if bare and calls.is_function(words):
            raise MeaningError(
                f"{words} is a function", f"raise what it gives: {words}(x)^2"
            )
        value = self.value(base)
        if isinstance(value, tuple):
            raise MeaningError(
                f"a power of {vectors.shown(value)}", "write dot(v, v) or norm(v)^2"
            )
        raised = node.children[-1]
        if isinstance(raised, Node):
            return limits.power(value, self.scalar(raised, "an exponent"))
        return limits.power(value, sp.Integer(self.superscript(raised)))

    def superscript(self, token: Token) -> int:
        """Returns the number that raised digits spell."""
        digits = str(token).translate(_DIGITS)
        if len(digits) > 4:
            raise MeaningError("this exponent is too large", "exponents go up to 1000")
        return int(digits)

    def _radical(self, node: Node) -> Value:
        refuse_doubtful_power(node, self)
        return limits.power(self.scalar(node.nodes[0]), sp.Rational(1, 2))

    # Differential operators written as signs.

    def _operand(self, node: Node) -> Value:
        refuse_doubtful_power(node, self)
        return self.value(node.nodes[-1])

    def _grad(self, node: Node) -> Value:
        value = vectors.grad(self._operand(node), self.scope.space, self.scope)
        return self.charge(named(value, self.text(node.nodes[-1])))

    def _div(self, node: Node) -> Value:
        value = self._operand(node)
        return self.charge(vectors.div(value, self.scope.space, self.scope))

    def _curl(self, node: Node) -> Value:
        value = self._operand(node)
        return self.charge(vectors.curl(value, self.scope.space, self.scope))

    def _laplacian(self, node: Node) -> Value:
        value = self._operand(node)
        return self.charge(vectors.laplacian(value, self.scope.space, self.scope))

    def _nabla_power(self, node: Node) -> Value:
        return self._laplacians(node, {2: 1, 4: 2})

    def _laplacian_power(self, node: Node) -> Value:
        return self._laplacians(node, {1: 1, 2: 2, 3: 3})

    def _laplacians(self, node: Node, times: dict[int, int]) -> Value:
        order = self._orders(node.children)[0]
        if order not in times:
            raise MeaningError(
                f"the power {order} of this operator is not a repeated Laplacian",
                "write ∇²u, ∇⁴u, Δu, Δ²u or Δ³u",
            )
        value = self._operand(node)
        for _ in range(times[order]):
            value = self.charge(vectors.laplacian(value, self.scope.space, self.scope))
        return value

    def _partial(self, node: Node) -> Value:
        token = node.tokens("PARTIAL_SUB")[0]
        above, _, written = str(token)[1:].partition("_")
        subscript = spelled(written)
        readings = self.scope.alphabet.splits(subscript)
        if len(readings) != 1:
            raise self._subscript_error(token, subscript, readings)
        by = readings[0]
        order = self._order(Token("SUPER", above), token) if above else len(by)
        if order != len(by):
            by = self._repeated(node, by, order)
        behind = node.tokens("SUPER", "NUMBER")
        if behind:
            if above or len(by) > 1:
                value = self.text(node.nodes[-1])
                short = f"d({value}, {', '.join(by)})"
                twice = f"d({value}, {', '.join(by * 2)})"
                raise MeaningError(
                    f"{self.text(node)} can be read in two ways",
                    f"write {short}, or {twice}",
                )
            by = by * self._order(behind[0], token)
        return self.charge(self._by_names(self._operand(node), by))

    def _repeated(self, node: Node, by: tuple[str, ...], order: int) -> tuple[str, ...]:
        """Reads `∂²_x u`, in which the order stands before the one coordinate."""
        if len(by) == 1:
            return by * order
        raise MeaningError(
            f"the order is {order} and the subscript has {len(by)}",
            f"write ∂_{''.join(by)} u, or d(u, {', '.join(by)})",
        )

    def _order(self, written: Token, place: Token) -> int:
        """Returns the order that an exponent on a `∂` says."""
        text = str(written).lstrip("^*").translate(_DIGITS)
        if not text.isdigit() or len(text) > 3 or not int(text):
            raise self.error(place, f"the order {text}", "orders are small integers")
        return int(text)

    def _subscript_error(
        self, token: Token, subscript: str, readings: list[tuple[str, ...]]
    ) -> NotationError:
        if readings:
            shown = " and as ".join(", ".join(reading) for reading in readings)
            problem = f"the subscript {subscript} can be read as {shown}"
            return self.error(token, problem, "write d(u, ...) with the one you mean")
        known = ", ".join(self.scope.symbols)
        problem = f"{subscript!r} is not made of coordinates"
        return self.error(token, problem, f"the coordinates are {known}")

    def _quotient(self, node: Node) -> Value:
        value = self.value(node.nodes[0])
        return self._by_quotient(node, value)

    def _operator_quotient(self, node: Node) -> Value:
        return self._by_quotient(node, self._operand(node))

    def _by_quotient(self, node: Node, value: Value) -> Value:
        slash = next(i for i, c in enumerate(node.children) if _is(c, "SLASH"))
        above = self._orders(node.children[1:slash]) or [1]
        names: list[str] = []
        orders: list[int] = []
        rest = [c for c in node.children[slash + 1 :] if isinstance(c, Token)]
        for place, token in enumerate(rest):
            if token.type == "NAME":
                names.append(spelled(str(token)))
                orders.append((self._orders(rest[place + 1 : place + 3]) or [1])[0])
        if sum(orders) != above[0]:
            raise MeaningError(
                f"the order is {above[0]} above the line and {sum(orders)} below",
                "write ∂²u/∂x² for a second derivative, (∂u/∂x)² for a square",
            )
        for name in names:
            if name not in self.scope.symbols:
                raise MeaningError(
                    f"{name} is not a coordinate",
                    f"the coordinates are {', '.join(self.scope.symbols)}",
                )
        steps = [
            (self.scope.symbols[n], k) for n, k in zip(names, orders, strict=True) if k
        ]
        return self.charge(differentiate(value, steps, self.scope))

    def _orders(self, children: Sequence[Node | Token]) -> list[int]:
        """Returns the order that stands first among some tokens, if there is one."""
        for token in children:
            if _is(token, "SUPER"):
                return [self.superscript(Token("SUPER", token))]
            if _is(token, "NUMBER") and str(token).isdigit() and len(str(token)) < 4:
                return [int(str(token))]
            if _is(token, "NUMBER"):
                raise MeaningError(f"the order {token}", "orders are small integers")
            if _is(token, "PARTIAL"):
                return []
        return []

    def _along(self, node: Node) -> Value:
        velocity, _ = node.nodes
        value = self._operand(node)
        space = self.scope.space
        by = self.value(velocity)
        return self.charge(vectors.advect(by, value, space, self.scope))

    def _material(self, node: Node) -> Value:
        return calls.material(self, self._operand(node))

    def _material_of(self, node: Node) -> Value:
        name = spelled(str(node.children[0]).partition("/")[0])
        value = self.scope.lookup(name)
        assert value is not None
        return calls.material(self, value)


def _is(part: Node | Token, kind: str) -> bool:
    return isinstance(part, Token) and part.type == kind


def _numeral_error() -> MeaningError:
    return MeaningError(
        "this number is too long",
        f"up to {limits.LONGEST_NUMBER} characters, and exponents of ten up to "
        f"{limits.LARGEST_DECIMAL_EXPONENT}",
    )
