"""Writes SymPy expressions as a straight-line program of JAX operations: `emit`.

In: expressions over symbols, `x*tanh(u) + 2*u`. Out: a `Program`, one step per operation:

    s0 = jnp.tanh(u);  s1 = mul(x, s0);  s2 = mul(2.0, u);  s3 = add(s1, s2)

SymPy's own printers are not used: they lose digits of floats, emit Python's `math` for
special functions and cannot be evaluated without running generated text.
`opcompiler/functions.py` says which SymPy function becomes which JAX function.

Every number is written as a float, `2.0*u`, because it runs as one: an integer of 32 bits
would wrap. Constants are evaluated first, whole, see `constants.py`; so no step computes
with numbers alone, unless SymPy cannot.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import count

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue
from sympy.utilities.iterables import sift

from opcompiler.errors import OperatorError
from opcompiler.frontend.constants import as_number
from opcompiler.frontend.traversal import parts
from opcompiler.functions import (
    entry_of,
    HIGHEST_ORDER,
    reciprocal_gamma,
    untranslated,
)
from opcompiler.held_tensors import (
    Adjugate,
    Determinant,
    Einsum,
    Element,
    HeldTensor,
    Inverse,
    Written,
)
from opcompiler.ir import Operand, Program, Step


def emit(expressions: Sequence[sp.Expr], inputs: Sequence[str]) -> Program:
    """Writes expressions as one program; common subexpressions are computed once.

    Args:
        expressions: over symbols whose names are all among `inputs`.
        inputs: names the program is called with.

    Raises:
        OperatorError: for a function that has no meaning in JAX.
    """
    return _Emitter(inputs).program(list(expressions))


class _Emitter:
    """The steps written so far, and what is known by which name.

    A `Piecewise` is written last, where it is read, because a branch may need inputs of
    its own, see `_branch`: until then a symbol stands for it. A symbol stands for an
    element of a held tensor as well, and for a common subexpression: `_stands_for` has all.
    `_written_as` has the elements of written tensors over such symbols.
    """

    def __init__(self, inputs: Sequence[str]) -> None:
        self._inputs = tuple(inputs)
        self._steps: list[Step] = []
        self._known: dict[sp.Basic, Operand] = {}
        self._stands_for: dict[sp.Basic, sp.Basic] = {}
        self._written_as: dict[sp.Basic, sp.Basic] = {}
        taken = set(inputs)
        self._fresh = (n for i in count() if (n := f"s{i}") not in taken)

    def program(self, expressions: list[sp.Expr]) -> Program:
        # What a branch needs is computed for that branch alone, so not shared.
        expressions = [self._without_cases(_without_poles(e)) for e in expressions]
        # The elements of written tensors are expressions like the others: they share
        # subexpressions with them, and with each other.
        tensors = [p for p in parts(*expressions) if isinstance(p, HeldTensor)]
        inner = list(dict.fromkeys(e for t in tensors for e in _expressions_of(t)))
        outer = [self._without_elements(e) for e in (*expressions, *inner)]
        dummies = (sp.Dummy(f"shared_{i}") for i in count())
        shared, bodies = sp.cse(outer, symbols=dummies, order="canonical")
        constants: dict[sp.Basic, sp.Basic] = {}
        common: dict[sp.Basic, sp.Basic] = {}
        for symbol, body in shared:
            body = body.xreplace(constants)
            if body.is_number:  # only the whole constant it is part of has a value
                constants[symbol] = body
            else:
                common[symbol] = body
        bodies = [body.xreplace(constants) for body in bodies]
        self._written_as |= zip(inner, bodies[len(expressions) :], strict=True)
        self._stands_for |= common
        for symbol in common:
            self._operand(symbol)
        outputs = tuple(map(self._operand, bodies[: len(expressions)]))
        return Program(self._inputs, tuple(self._steps), outputs)

    def _without_cases(self, expr: sp.Basic) -> sp.Basic:
        """Puts a symbol in the place of each outermost `Piecewise`."""
        if not expr.has(sp.Piecewise):
            return expr
        if isinstance(expr, sp.Piecewise):
            return self._symbol_for(expr)
        return expr.func(*map(self._without_cases, expr.args))

    def _without_elements(self, expr: sp.Basic) -> sp.Basic:
        """Puts a symbol in the place of each element of a held tensor."""
        if not expr.has(Element):
            return expr
        if isinstance(expr, Element):
            return self._symbol_for(expr)
        return expr.func(*map(self._without_elements, expr.args))

    def _symbol_for(self, part: sp.Basic) -> sp.Basic:
        known = {stood: symbol for symbol, stood in self._stands_for.items()}
        symbol = known.get(part) or sp.Dummy(f"part_{len(self._stands_for)}")
        self._stands_for[symbol] = part
        return symbol

    def _step(self, function: str, *operands: Operand) -> str:
        name = next(self._fresh)
        self._steps.append(Step(name, function, operands))
        return name

    def _fold(self, function: str, operands: Sequence[Operand]) -> Operand:
        return reduce(lambda left, right: self._step(function, left, right), operands)

    def _operand(self, expr: sp.Basic) -> Operand:
        if expr not in self._known:
            self._known[expr] = self._write(expr)
        return self._known[expr]

    def _write(self, expr: sp.Basic) -> Operand:
        if expr in self._stands_for:
            return self._operand(self._stands_for[expr])
        if isinstance(expr, sp.Symbol):
            return expr.name
        number = as_number(expr)
        if number is not None:
            return number
        match expr:
            case BooleanTrue() | BooleanFalse():
                return bool(expr)
            case sp.Add():
                return self._sum(expr)
            case sp.Mul():
                return self._product(expr)
            case sp.Pow():
                return self._power(expr.base, expr.exp)
            case sp.Piecewise():
                return self._piecewise(expr)
            case Element():
                tensor = self._operand(expr.tensor)
                if not expr.place:
                    return tensor
                return self._step("linalg.element", tensor, expr.place)
            case HeldTensor():
                return self._tensor(expr)
        return self._call(expr)

    def _tensor(self, tensor: HeldTensor) -> Operand:
        """Writes a held tensor, one array with its axes first."""
        match tensor:
            case Written():
                elements = map(self._inner, tensor.elements)
                return self._step("linalg.stack", tensor.shape, *elements)
            case Einsum():
                return self._einsum(tensor)
        name = _OF_MATRICES[type(tensor)]
        return self._step(name, *map(self._operand, tensor.args))

    def _inner(self, expr: sp.Expr) -> Operand:
        """Writes an expression that stands in a tensor."""
        return self._operand(self._written_as.get(expr, expr))

    def _einsum(self, tensor: Einsum) -> Operand:
        total: Operand | None = None
        for c, inputs, output, tensors in tensor.terms:
            minus, size = c.could_extract_minus_sign(), _size(c)
            axes = [tuple(map(ord, letters)) for letters in inputs]
            factors = list(map(self._operand, tensors))
            if not size.is_number:  # a factor that moves is a tensor without axes
                axes.append(())
                factors.append(self._inner(size))
            part = factors[0]
            if len(factors) > 1 or inputs[0] != output:
                out = tuple(map(ord, output))
                part = self._step("linalg.einsum", *axes, out, *factors)
            if size.is_number and size != 1:
                part = self._step("mul", self._operand(size), part)
            if total is None:
                total = self._step("neg", part) if minus else part
            else:
                name = "linalg.sub" if minus else "linalg.add"
                total = self._step(name, len(output), total, part)
        assert total is not None
        return total

    def _sum(self, expr: sp.Add) -> Operand:
        numbers, terms = sift(expr.args, lambda term: term.is_number, binary=True)
        if terms and numbers:
            terms = [sp.Add(*numbers), *terms]
        terms = terms or list(expr.args)
        plus = [t for t in terms if not t.could_extract_minus_sign()]
        minus = [-t for t in terms if t.could_extract_minus_sign()]
        if not plus:
            return self._step("neg", self._operand(-expr))
        total = self._operand(plus[0])
        for function, others in (("add", plus[1:]), ("sub", minus)):
            for term in others:
                total = self._step(function, total, self._operand(term))
        return total

    def _product(self, expr: sp.Mul) -> Operand:
        number, rest = expr.as_coeff_Mul(rational=True)
        if number.is_negative:
            return self._step("neg", self._operand(-expr))
        above, below = _fraction(sp.Rational(number), rest)
        result = self._operand(above[0]) if above else 1.0
        for factor in above[1:]:
            result = self._step("mul", result, self._operand(factor))
        if below:
            divisor = self._operand(below[0])
            for factor in below[1:]:
                divisor = self._step("mul", divisor, self._operand(factor))
            result = self._step("div", result, divisor)
        return result

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> Operand:
        raised = as_number(exponent)
        if raised == -1:
            return self._step("div", 1.0, self._operand(base))
        if isinstance(raised, float) and raised.is_integer():  # 2 and 2.0 alike
            if abs(raised) > _LARGEST_EXPONENT:
                raise OperatorError(
                    "this exponent is too large",
                    expression=base**exponent,
                    hint=f"whole exponents go up to {_LARGEST_EXPONENT}",
                )
            return self._step("lax.integer_pow", self._operand(base), int(raised))
        if raised == 0.5:
            return self._step("jnp.sqrt", self._operand(base))
        if raised == -0.5:
            return self._step("lax.rsqrt", self._operand(base))
        if base is sp.E:
            return self._step("jnp.exp", self._operand(exponent))
        return self._step("jnp.power", self._operand(base), self._operand(exponent))

    def _piecewise(self, expr: sp.Piecewise) -> Operand:
        result: Operand = float("nan")
        for place, (value, when) in reversed(list(enumerate(expr.args))):
            earlier = [condition for _, condition in expr.args[:place]]
            branch = self._branch(value, sp.And(when, *map(sp.Not, earlier)))
            if isinstance(when, BooleanTrue):
                result = branch
            else:
                result = self._step("jnp.where", self._operand(when), branch, result)
        return result

    def _branch(self, value: sp.Basic, taken: sp.Basic) -> Operand:
        """Writes a branch so that it is not singular where it is not taken.

        A gradient multiplies the branch that is not taken by zero, and zero times infinity
        is not zero; so a branch sees only values at points where it is taken.
        """
        if isinstance(taken, BooleanTrue) or _is_finite(value):
            return self._operand(value)
        where = self._operand(taken)
        # The same program, but every symbol is read through a guard.
        inside = _Emitter(self._inputs)
        inside._steps, inside._fresh = self._steps, self._fresh
        inside._stands_for, inside._written_as = self._stands_for, self._written_as
        for symbol in sorted(value.free_symbols, key=lambda s: s.name):
            inside._known[symbol] = self._step("guard", where, self._operand(symbol))
        return inside._operand(value)

    def _call(self, expr: sp.Basic) -> Operand:
        entry = entry_of(expr)
        if entry.identity is not None:
            written = entry.identity(*expr.args)
            if written is not None:
                return self._operand(written)
        static = (0,) if entry.by_order else entry.static
        if not entry.jax or (entry.by_order and not _is_order(expr.args[0])):
            raise untranslated(expr)
        operands = [
            int(argument) if place in static else self._operand(argument)
            for place, argument in enumerate(expr.args)
        ]
        if entry.folded:
            return self._fold(entry.jax, operands)
        return self._step(entry.jax, *operands)


_OF_MATRICES: dict[type[HeldTensor], str] = {
    Inverse: "linalg.inverse",
    Determinant: "linalg.det",
    Adjugate: "linalg.adjugate",
}


def _expressions_of(tensor: HeldTensor) -> Iterable[sp.Expr]:
    """Returns the expressions that stand in a tensor itself, not in others inside it."""
    match tensor:
        case Written():
            return tensor.elements
        case Einsum():
            return (_size(c) for c, *_ in tensor.terms)
    return ()


def _size(factor: sp.Expr) -> sp.Expr:
    """Returns a factor without its minus."""
    return -factor if factor.could_extract_minus_sign() else factor


def _is_order(order: sp.Basic) -> bool:
    return isinstance(order, sp.Integer) and 0 <= int(order) <= HIGHEST_ORDER


def _fraction(
    number: sp.Rational, rest: sp.Expr
) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """Returns the factors above and below the line, the number split between them.

    A fraction of small integers is split, so that it is rounded once, in the division. Any
    other constant is one factor.
    """
    constants, factors = sift(
        sp.Mul.make_args(rest), lambda factor: factor.is_number, binary=True
    )
    if not factors:  # a constant that SymPy cannot evaluate
        constants, factors = [], constants
    constant = sp.Mul(number, *constants)
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    for factor in factors:
        power = factor.exp if isinstance(factor, sp.Pow) else sp.S.One
        if power.is_Number and power.is_negative:
            below.append(sp.Pow(factor.base, -power))
        else:
            above.append(factor)
    if not constant.is_Rational or max(abs(constant.p), constant.q) > _EXACT:
        return [constant, *above], below
    if constant.p != 1:
        above.insert(0, sp.Integer(constant.p))
    if constant.q != 1:
        below.insert(0, sp.Integer(constant.q))
    return above, below


_EXACT = 2**53
"""Up to this, whole numbers are doubles, and a fraction of two is rounded once."""

_LARGEST_EXPONENT = 2**31 - 1


def _is_finite(expr: sp.Basic) -> bool:
    """Whether values and slopes are finite at all finite real arguments."""
    match expr:
        case sp.Pow():
            whole = isinstance(expr.exp, sp.Integer) and expr.exp.is_nonnegative
            return bool(whole) and _is_finite(expr.base)
        case sp.Expr(is_number=True) | sp.Symbol():
            return True
        case sp.Add() | sp.Mul():
            return all(map(_is_finite, expr.args))
    return entry_of(expr).finite and all(map(_is_finite, expr.args))


def _without_poles(expr: sp.Basic) -> sp.Basic:
    """Returns an expression in which 1/Gamma is not one over a pole."""
    if not expr.has(sp.gamma):
        return expr
    return expr.replace(
        lambda e: isinstance(e, sp.Pow) and reciprocal_gamma(*e.args) is not None,
        lambda e: reciprocal_gamma(*e.args),
    )
