"""Writes SymPy expressions as a straight-line program of JAX operations.

SymPy's own printers are not used: they lose digits of floats, emit Python's `math` for
special functions and cannot be evaluated without running generated text. The tables in
`functions.py` say which SymPy function becomes which JAX one.

Every number is written as a float, `2.0*u`, for it runs as one: an integer of 32 bits would
wrap. Constants are evaluated first, whole, see `numbers.py`; so no step computes with
numbers alone, unless SymPy cannot.
"""

from collections.abc import Sequence
from itertools import count

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue
from sympy.utilities.iterables import sift

from opcompiler.errors import OperatorError
from opcompiler.frontend.functions import (
    BY_IDENTITY,
    DIRECT,
    FOLDED,
    HIGHEST_ORDER,
    OF_WHOLE_ORDER,
    STATIC,
    untranslated,
    without_poles,
)
from opcompiler.frontend.numbers import as_number, is_whole
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
    def __init__(self, inputs: Sequence[str]) -> None:
        self._inputs = tuple(inputs)
        self._steps: list[Step] = []
        self._known: dict[sp.Basic, Operand] = {}
        self._cases: dict[sp.Basic, sp.Basic] = {}
        taken = set(inputs)
        self._fresh = (n for i in count() if (n := f"s{i}") not in taken)

    def program(self, expressions: list[sp.Expr]) -> Program:
        # What a branch needs is computed for that branch alone, so not shared.
        expressions = [self._without_cases(without_poles(e)) for e in expressions]
        shared, bodies = sp.cse(expressions, symbols=_dummies(), order="canonical")
        constants: dict[sp.Basic, sp.Basic] = {}
        for symbol, body in shared:
            body = body.xreplace(constants)
            if body.is_number:  # only the whole constant it is part of has a value
                constants[symbol] = body
            else:
                self._known[symbol] = self._operand(body)
        outputs = tuple(self._operand(body.xreplace(constants)) for body in bodies)
        return Program(self._inputs, tuple(self._steps), outputs)

    def _without_cases(self, expr: sp.Basic) -> sp.Basic:
        """Puts a symbol in the place of each outermost `Piecewise`."""
        if not expr.has(sp.Piecewise):
            return expr
        if isinstance(expr, sp.Piecewise):
            known = {case: symbol for symbol, case in self._cases.items()}
            symbol = known.get(expr) or sp.Dummy(f"cases_{len(self._cases)}")
            self._cases[symbol] = expr
            return symbol
        return expr.func(*map(self._without_cases, expr.args))

    def _step(self, function: str, *operands: Operand) -> str:
        name = next(self._fresh)
        self._steps.append(Step(name, function, operands))
        return name

    def _operand(self, expr: sp.Basic) -> Operand:
        if expr not in self._known:
            self._known[expr] = self._write(expr)
        return self._known[expr]

    def _write(self, expr: sp.Basic) -> Operand:
        if expr in self._cases:
            return self._operand(self._cases[expr])
        if isinstance(expr, sp.Symbol):
            return expr.name
        number = as_number(expr)
        if number is not None:
            return number
        if isinstance(expr, BooleanTrue | BooleanFalse):
            return bool(expr)
        if isinstance(expr, sp.Add):
            return self._write_sum(expr)
        if isinstance(expr, sp.Mul):
            return self._write_product(expr)
        if isinstance(expr, sp.Pow):
            return self._write_power(expr.base, expr.exp)
        if isinstance(expr, sp.Piecewise):
            return self._write_piecewise(expr)
        return self._write_function(expr)

    def _write_sum(self, expr: sp.Add) -> Operand:
        numbers, terms = sift(expr.args, lambda term: term.is_number, binary=True)
        folded = [sp.Add(*numbers), *terms] if numbers else terms
        terms = folded if terms else list(expr.args)
        plus = [t for t in terms if not t.could_extract_minus_sign()]
        minus = [-t for t in terms if t.could_extract_minus_sign()]
        if not plus:
            return self._step("neg", self._operand(-expr))
        total = self._operand(plus[0])
        for term in plus[1:]:
            total = self._step("add", total, self._operand(term))
        for term in minus:
            total = self._step("sub", total, self._operand(term))
        return total

    def _write_product(self, expr: sp.Mul) -> Operand:
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

    def _write_power(self, base: sp.Expr, exponent: sp.Expr) -> Operand:
        raised = as_number(exponent)
        if raised == -1:
            return self._step("div", 1.0, self._operand(base))
        if is_whole(raised):
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

    def _write_piecewise(self, expr: sp.Piecewise) -> Operand:
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
        """Writes a branch so that where it is not taken it is not singular either.

        A gradient multiplies what is not taken by zero, and zero times infinity is not
        zero; so a branch sees only values at points where it is taken.
        """
        if isinstance(taken, BooleanTrue) or _is_entire(value):
            return self._operand(value)
        where = self._operand(taken)
        inside = _Emitter(self._inputs)
        inside._steps, inside._fresh = self._steps, self._fresh
        inside._cases = self._cases
        for symbol in sorted(value.free_symbols, key=lambda s: s.name):
            inside._known[symbol] = self._step("guard", where, self._operand(symbol))
        return inside._operand(value)

    def _write_function(self, expr: sp.Basic) -> Operand:
        kind = type(expr)
        if kind in BY_IDENTITY:
            written = BY_IDENTITY[kind](*expr.args)
            if written is not None:
                return self._operand(written)
        if kind in OF_WHOLE_ORDER and _is_whole(expr.args[0]):
            order, argument = expr.args
            return self._step(OF_WHOLE_ORDER[kind], int(order), self._operand(argument))
        if isinstance(expr, sp.ITE):
            return self._step("jnp.where", *map(self._operand, expr.args))
        name = DIRECT.get(kind)
        if name is None:
            raise untranslated(expr)
        static = STATIC.get(kind, ())
        operands = [
            int(argument) if place in static else self._operand(argument)
            for place, argument in enumerate(expr.args)
        ]
        if isinstance(expr, FOLDED):
            result = operands[0]
            for operand in operands[1:]:
                result = self._step(name, result, operand)
            return result
        return self._step(name, *operands)


def _is_whole(order: sp.Basic) -> bool:
    return isinstance(order, sp.Integer) and 0 <= int(order) <= HIGHEST_ORDER


def _dummies() -> "count[sp.Dummy]":
    return (sp.Dummy(f"shared_{i}") for i in count())


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
        if isinstance(factor, sp.Pow) and _negative(factor.exp):
            below.append(sp.Pow(factor.base, -factor.exp))
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


_ENTIRE = (sp.Add, sp.Mul, sp.Symbol, sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh,
           sp.atan, sp.asinh, sp.erf, sp.erfc, sp.sign, sp.Abs)  # fmt: skip


def _is_entire(expr: sp.Basic) -> bool:
    """Whether values and slopes are finite at all finite real arguments."""
    if isinstance(expr, sp.Pow):
        whole = isinstance(expr.exp, sp.Integer) and expr.exp.is_nonnegative
        return bool(whole) and _is_entire(expr.base)
    if expr.is_number:
        return True
    return isinstance(expr, _ENTIRE) and all(map(_is_entire, expr.args))


def _negative(exponent: sp.Expr) -> bool:
    return bool(exponent.is_Number and exponent.is_negative)
