"""The meaning of expressions: from the syntax tree to SymPy, by declared names only.

In: a reader and a part of the tree; out: a SymPy expression, or a tuple for a vector. Each
rule of `grammar/operator.lark` has one function, which the table `RULES` names at the end.

    u_t = k ∂²u/∂x²     u_t: `name`;  k * (quotient): `product`;  ∂²u/∂x²: `quotient`

Calls and components, `head(...)` and `head[...]`, are read in `heads.py`.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy as sp
from lark import Token

from opcompiler.text import application, heads, limits, shapes
from opcompiler.text.derivatives import differentiate
from opcompiler.text.habits import unknown_name
from opcompiler.text.mistakes import MeaningError
from opcompiler.text.precedence import (
    refuse_doubtful_dot,
    refuse_doubtful_power,
    refuse_doubtful_product,
    regrouped,
)
from opcompiler.text.reader import Reader, Rule
from opcompiler.text.scope import Scope
from opcompiler.text.spelling import spelled
from opcompiler.text.syntax import Node
from opcompiler.text.values import shape, Value

# Atoms.


def _number(reader: Reader, node: Node) -> Value:
    text = str(node.children[0])
    exponent = text.lower().partition("e")[2]
    large = (
        len(exponent) > 5 or abs(int(exponent or 0)) > limits.LARGEST_DECIMAL_EXPONENT
    )
    if len(text) > limits.LONGEST_NUMBER or large:
        raise MeaningError(
            "this number is too long",
            f"up to {limits.LONGEST_NUMBER} characters, and exponents of ten up to "
            f"{limits.LARGEST_DECIMAL_EXPONENT}",
        )
    exact = Fraction(text)
    return sp.Rational(exact.numerator, exact.denominator)


def _name(reader: Reader, node: Node) -> Value:
    """What is declared, else a derivative: `u_xx`."""
    scope = reader.scope
    name = spelled(str(node.children[0]))
    value = scope.lookup(name)
    if value is not None:
        return reader.charge(value) if name in scope.definitions else value
    if heads.is_function(name):
        raise MeaningError(
            f"{name} is a function",
            f"give it arguments, {name}(...), or declare it: `parameter {name}`",
        )
    reading = scope.derivative(name)
    if reading is None:
        raise unknown_name(scope, name)
    base = scope.lookup(reading[0])
    assert base is not None
    return reader.charge(_by_names(reader, base, reading[1]))


def _by_names(reader: Reader, value: Value, by: Sequence[str]) -> Value:
    symbols = reader.scope.symbols
    return differentiate(value, [(symbols[name], 1) for name in by], reader.scope)


def _primed(reader: Reader, node: Node) -> Value:
    name, primes = node.tokens("NAME", "PRIME")
    value = reader.scope.lookup(spelled(str(name)))
    declared = reader.scope.field_of(spelled(str(name)))
    arguments = reader.scope.arguments(declared) if declared else ()
    if value is None or len(arguments) != 1:
        raise MeaningError(
            f"a prime on {name}, which is not a field of one coordinate",
            f"write d({name}, x)",
        )
    return differentiate(value, [(arguments[0], len(primes))], reader.scope)


def _group(reader: Reader, node: Node) -> Value:
    return reader.value(node.nodes[0])


def _tuple(reader: Reader, node: Node) -> Value:
    values = tuple(map(reader.value, node.nodes))
    if len(set(map(shape, values))) > 1:
        raise MeaningError(
            "a vector of parts of different shapes", "components are all scalars"
        )
    return values


def _modulus(reader: Reader, node: Node) -> Value:
    value = reader.value(node.nodes[0])
    if isinstance(value, tuple):
        return reader.charge(shapes.norm(value, reader.scope))
    return application.apply("abs", [value])


def _length(reader: Reader, node: Node) -> Value:
    return reader.charge(shapes.norm(reader.value(node.nodes[0]), reader.scope))


def _no_value(problem: str, hint: str) -> Rule:
    """What may stand among arguments only."""

    def refuse(reader: Reader, node: Node) -> Value:
        raise MeaningError(problem, hint)

    return refuse


# Arithmetic.


def _sum(reader: Reader, node: Node) -> Value:
    terms: list[Value] = []
    sign = sp.S.One
    for part in node.children:
        if isinstance(part, Token):
            sign = sp.S.NegativeOne if part.type == "MINUS" else sp.S.One
        else:
            value = reader.value(part)
            terms.append(value if sign == 1 else shapes.scale(sign, value))
    return shapes.add(terms)


def _sign(reader: Reader, node: Node) -> Value:
    value = reader.value(node.nodes[0])
    return shapes.scale(sp.S.NegativeOne, value) if node.tokens("MINUS") else value


def _product(reader: Reader, node: Node) -> Value:
    refuse_doubtful_product(reader, node)
    last = node.nodes[0]
    value = reader.value(last)
    contracted: Token | None = None  # the sign of the product with `last`, of vectors
    for sign, factor in zip(node.children[1::2], node.children[2::2], strict=True):
        assert isinstance(sign, Token)
        assert isinstance(factor, Node)
        if sign.type == "SLASH":
            below = reader.scalar(factor, "a divisor")
            value = shapes.times(limits.power(below, sp.S.NegativeOne), value)
            continue
        left, right = value, reader.value(factor)
        again = contracted is not None and contracted.type == sign.type
        if again and shape(right) and (sign.type != "CROSS" or shape(left)):
            # In the plane `a×b×c` has a meaning in one reading only.
            raise regrouped(reader, node, (contracted, sign), (last, factor))
        if sign.type == "CROSS":
            value = reader.charge(shapes.cross(left, right))
        elif sign.type == "OTIMES":
            value = reader.charge(shapes.outer(left, right))
        elif sign.type == "DOT":
            words = reader.words(node.start, sign.start_pos or 0)
            refuse_doubtful_dot(left, right, (words, reader.text(factor)))
            value = shapes.dot(left, right)
        else:
            value = shapes.times(left, right)
        if shape(right):
            inner = sign.type == "DOT" and shape(left) and len(shape(right)) == 1
            contracted = sign if inner or sign.type == "CROSS" else None
            last = factor
    return value


def _power(reader: Reader, node: Node) -> Value:
    base = node.children[0]
    assert isinstance(base, Node)
    words = reader.text(base)
    bare = base.kind == "name" and not reader.scope.declares(spelled(words))
    if bare and heads.is_function(words):
        raise MeaningError(
            f"{words} is a function", f"raise what it gives: {words}(x)^2"
        )
    value = reader.value(base)
    if isinstance(value, tuple):
        raise MeaningError(
            f"a power of {shapes.shown(value)}", "write dot(v, v) or norm(v)^2"
        )
    raised = node.children[-1]
    if isinstance(raised, Node):
        return limits.power(value, reader.scalar(raised, "an exponent"))
    return limits.power(value, sp.Integer(superscript(raised)))


def superscript(token: Token) -> int:
    """Returns the number that raised digits spell."""
    digits = str(token).translate(_DIGITS)
    if len(digits) > 4:
        raise MeaningError("this exponent is too large", "exponents go up to 1000")
    return int(digits)


_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def _radical(reader: Reader, node: Node) -> Value:
    refuse_doubtful_power(reader, node)
    return limits.power(reader.scalar(node.nodes[0]), sp.Rational(1, 2))


# Differential operators written as signs.


def _operand(reader: Reader, node: Node) -> Value:
    refuse_doubtful_power(reader, node)
    return reader.value(node.nodes[-1])


def _over_space(operator: Callable[[Value, shapes.Space, Scope], Value]) -> Rule:
    """`∇·v`, `∇×v`: an operator over all coordinates of space."""

    def rule(reader: Reader, node: Node) -> Value:
        scope = reader.scope
        return reader.charge(operator(_operand(reader, node), scope.space, scope))

    return rule


def _grad(reader: Reader, node: Node) -> Value:
    of = reader.text(node.nodes[-1])
    operator = lambda value, space, scope: shapes.grad(value, space, scope, of)
    return _over_space(operator)(reader, node)


def _laplacians(times: dict[int, int]) -> Rule:
    """`∇²u`, `∇⁴u`, `Δ²u`: how often Laplace's operator is taken, by the exponent."""

    def rule(reader: Reader, node: Node) -> Value:
        order = _order_among(node.children)
        if order not in times:
            raise MeaningError(
                f"the power {order} of this operator is not a repeated Laplacian",
                "write ∇²u, ∇⁴u, Δu, Δ²u or Δ³u",
            )
        value, scope = _operand(reader, node), reader.scope
        for _ in range(times[order]):
            value = reader.charge(shapes.laplacian(value, scope.space, scope))
        return value

    return rule


def _partial(reader: Reader, node: Node) -> Value:
    """`∂_x u`, `∂_{xy} u`, `∂²_x u`, `∂_x² u`: the order above, behind, or in letters."""
    token = node.tokens("PARTIAL_SUB")[0]
    above, _, written = str(token)[1:].partition("_")
    subscript = spelled(written)
    readings = reader.scope.alphabet.splits(subscript)
    if len(readings) > 1:
        shown = " and as ".join(", ".join(reading) for reading in readings)
        raise MeaningError(
            f"the subscript {subscript} can be read as {shown}",
            "write d(u, ...) with the one you mean",
            at=token,
        )
    if not readings:
        raise MeaningError(
            f"{subscript!r} is not made of coordinates",
            f"the coordinates are {', '.join(reader.scope.symbols)}",
            at=token,
        )
    by = readings[0]
    order = _order(above, token) if above else len(by)
    if order != len(by):
        if len(by) > 1:
            raise MeaningError(
                f"the order is {order} and the subscript has {len(by)}",
                f"write ∂_{''.join(by)} u, or d(u, {', '.join(by)})",
            )
        by = by * order
    behind = node.tokens("SUPER", "NUMBER")
    if behind:
        if above or len(by) > 1:
            value = reader.text(node.nodes[-1])
            once, twice = (f"d({value}, {', '.join(by * n)})" for n in (1, 2))
            raise MeaningError(
                f"{reader.text(node)} can be read in two ways",
                f"write {once}, or {twice}",
            )
        by = by * _order(str(behind[0]), token)
    return reader.charge(_by_names(reader, _operand(reader, node), by))


def _order(written: str, place: Token) -> int:
    """Returns the order that an exponent on a `∂` says."""
    text = written.lstrip("^*").translate(_DIGITS)
    if not text.isdigit() or len(text) > 3 or not int(text):
        raise MeaningError(f"the order {text}", "orders are small integers", at=place)
    return int(text)


def _quotient(reader: Reader, node: Node) -> Value:
    return _by_quotient(reader, node, reader.value(node.nodes[0]))


def _operator_quotient(reader: Reader, node: Node) -> Value:
    return _by_quotient(reader, node, _operand(reader, node))


def _by_quotient(reader: Reader, node: Node, value: Value) -> Value:
    """`∂²u/∂x∂y`: the orders above and below the line must agree."""
    symbols = reader.scope.symbols
    slash = next(i for i, part in enumerate(node.children) if _is(part, "SLASH"))
    above = _order_among(node.children[1:slash], 1)
    below = node.children[slash + 1 :]
    steps: list[tuple[str, int]] = []
    for place, token in enumerate(below):
        if _is(token, "NAME"):
            order = _order_among(below[place + 1 : place + 3], 1)
            steps.append((spelled(str(token)), order))
    total = sum(order for _, order in steps)
    if total != above:
        raise MeaningError(
            f"the order is {above} above the line and {total} below",
            "write ∂²u/∂x² for a second derivative, (∂u/∂x)² for a square",
        )
    for name, _ in steps:
        if name not in symbols:
            hint = f"the coordinates are {', '.join(symbols)}"
            raise MeaningError(f"{name} is not a coordinate", hint)
    by = [(symbols[name], order) for name, order in steps if order]
    return reader.charge(differentiate(value, by, reader.scope))


def _order_among(children: Sequence[Node | Token], otherwise: int = 0) -> int:
    """Returns the order that stands first among some tokens, if there is one."""
    for part in children:
        if _is(part, "SUPER"):
            return superscript(Token("SUPER", part))
        if _is(part, "NUMBER"):
            if str(part).isdigit() and len(str(part)) < 4:
                return int(str(part))
            raise MeaningError(f"the order {part}", "orders are small integers")
        if _is(part, "PARTIAL"):
            return otherwise
    return otherwise


def _is(part: Node | Token, kind: str) -> bool:
    return isinstance(part, Token) and part.type == kind


def _along(reader: Reader, node: Node) -> Value:
    """`(v·∇)u`."""
    scope = reader.scope
    value = _operand(reader, node)
    velocity = reader.value(node.nodes[0])
    return reader.charge(shapes.advect(velocity, value, scope.space, scope))


def _material(reader: Reader, node: Node) -> Value:
    return reader.charge(heads.material(_operand(reader, node), reader.scope))


def _material_of(reader: Reader, node: Node) -> Value:
    """`Du/Dt`."""
    name = spelled(str(node.children[0]).partition("/")[0])
    value = reader.scope.lookup(name)
    assert value is not None
    return reader.charge(heads.material(value, reader.scope))


_COMPARISON = _no_value("a comparison is no value", "use it in where(x < 0, a, b)")
RULES: dict[str, Rule] = {
    "number": _number,
    "name": _name,
    "primed": _primed,
    "group": _group,
    "tuple": _tuple,
    "modulus": _modulus,
    "length": _length,
    "call": heads.call,
    "index": heads.index,
    "sum": _sum,
    "sign": _sign,
    "product": _product,
    "power": _power,
    "radical": _radical,
    "grad": _grad,
    "div": _over_space(shapes.div),
    "curl": _over_space(shapes.curl),
    "laplacian": _over_space(shapes.laplacian),
    "nabla_power": _laplacians({2: 1, 4: 2}),
    "laplacian_power": _laplacians({1: 1, 2: 2, 3: 3}),
    "partial": _partial,
    "quotient": _quotient,
    "operator_quotient": _operator_quotient,
    "along": _along,
    "material": _material,
    "material_of": _material_of,
    # Read by the heads that take them, `where`, `sum` and fields; nowhere else.
    "relation": _COMPARISON,
    "conjunction": _COMPARISON,
    "disjunction": _COMPARISON,
    "negation": _COMPARISON,
    "named": _no_value(
        "a coordinate is fixed here", "only fields are taken at points: u(x=0)"
    ),
    "ranged": _no_value(
        "a range stands here", "ranges belong to sums: sum(i=1..n, ...)"
    ),
}
"""The function that reads each rule of the grammar."""
