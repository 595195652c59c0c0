"""Every derivative of a field becomes a leaf: (field, multi-index, evaluation point).

Derivatives of products, quotients and functions are expanded by the chain rule; mixed
derivatives are merged whatever the order in which they were taken; `Subs` moves the
evaluation point. A leaf is a SymPy dummy, so the expression above it is ordinary SymPy.
"""

import operator
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.errors import OperatorError
from opcompiler.frontend.differentiate import finite_at_zero, total_derivative
from opcompiler.frontend.held_sums import component_slope, HeldSums
from opcompiler.frontend.integrals import mapped, outermost
from opcompiler.frontend.naming import printable
from opcompiler.frontend.plain_sums import written_out
from opcompiler.frontend.signature import Signature
from opcompiler.frontend.vectors import check_component
from opcompiler.ir import check_order, HIGHEST_ORDER, MultiIndex

_PARTS = (sp.re, sp.im, sp.conjugate, sp.arg, sp.Abs, sp.sign)

_FEW_TERMS = 4
"""Shorter sums are left as they were written."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One partial derivative of one field at one evaluation point.

    Attributes:
        applied: the field at its evaluation point.
        index: derivatives by its plain arguments.
        along: derivatives by components of vector arguments, sorted: (number of the
            argument, number of the component, perhaps an index), once per order.
    """

    applied: AppliedUndef
    index: MultiIndex
    along: tuple[tuple[int, sp.Expr], ...] = ()

    @property
    def field(self) -> str:
        """Name of the field."""
        return self.applied.func.__name__

    @property
    def arguments(self) -> tuple[sp.Expr, ...]:
        """The evaluation point."""
        return self.applied.args

    @property
    def readable(self) -> sp.Expr:
        """The derivative as a user writes it, by `Subs` at a place that is computed."""
        places = {
            n: sp.Symbol(f"xi_{n + 1}")
            for n in self.index.slots()
            if not isinstance(self.arguments[n], sp.Symbol)
        }
        arguments = [places.get(n, a) for n, a in enumerate(self.arguments)]
        field = self.applied.func(*arguments)
        steps = [
            *((arguments[n], 1) for n in self.index.slots()),
            *((arguments[n][number], 1) for n, number in self.along),
        ]
        if steps:
            field = sp.Derivative(field, *steps, evaluate=False)
        moved = tuple(self.arguments[n] for n in places)
        return sp.Subs(field, tuple(places.values()), moved) if places else field

    @property
    def order(self) -> int:
        """Of the derivative, all arguments together."""
        return self.index.order + len(self.along)

    def by_component(self, place: int, number: sp.Expr) -> "Leaf":
        """Returns the next leaf, differentiated by a component of a vector argument."""
        along = sorted((*self.along, (place, number)), key=_along_key)
        return replace(self, along=tuple(along))

    def moved(self, values: Mapping[sp.Basic, sp.Expr]) -> "Leaf":
        """Returns the leaf at another point."""
        arguments = (a.xreplace(values) for a in self.arguments)
        return replace(self, applied=self.applied.func(*arguments))

    def renamed(self, names: dict[sp.Symbol, sp.Expr]) -> "Leaf":
        """Returns the leaf with other indices."""
        along = ((place, number.xreplace(names)) for place, number in self.along)
        return replace(self, along=tuple(sorted(along, key=_along_key)))


def _along_key(entry: tuple[int, sp.Expr]) -> tuple[int, object]:
    return entry[0], sp.default_sort_key(entry[1])


def _placed(expr: sp.Basic) -> set[sp.Basic]:
    """Returns the symbols that say where fields stand: in arguments, or put by `Subs`.

    SymPy writes u_x at the parameter s as a derivative by s, `Derivative(u(t, s), s)`.
    """
    places = [a for applied in expr.atoms(AppliedUndef) for a in applied.args]
    places += [value for moved in expr.atoms(sp.Subs) for value in moved.point]
    return {symbol for place in places for symbol in place.free_symbols}


class Leaves:
    """The leaves of one set of equations, and the dummies that stand for them."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._coordinates = frozenset(signature.coordinates)
        self._symbols: dict[Leaf, sp.Dummy] = {}
        self._leaves: dict[sp.Symbol, Leaf] = {}
        self._places: dict[AppliedUndef, dict[sp.Basic, list[int]]] = {}
        self._known: dict[tuple[sp.Symbol, ...], dict[sp.Basic, sp.Expr]] = {}
        self.sums = HeldSums(self)

    def __contains__(self, symbol: sp.Basic) -> bool:
        return symbol in self._leaves

    def __getitem__(self, symbol: sp.Symbol) -> Leaf:
        return self._leaves[symbol]

    def symbol(self, leaf: Leaf) -> sp.Dummy:
        """Returns the dummy of a leaf, the same one for equal leaves."""
        if leaf not in self._symbols:
            # A field declared real stays real, so that SymPy may use it.
            real = leaf.applied.is_extended_real
            # SymPy sorts by names; so sorted, leaves are in the order of their indices.
            steps = [f"{9999 - i}.{a:02}" for i, a in leaf.index.powers.items()]
            along = (str(number) for _, number in leaf.along)
            name = "_".join((leaf.field, *steps, *along))
            dummy = sp.Dummy(name, real=True) if real else sp.Dummy(name)
            self._symbols[leaf] = dummy
            self._leaves[dummy] = leaf
        return self._symbols[leaf]

    def expand(self, expr: sp.Expr) -> sp.Expr:
        """Returns `expr` with every derivative and every field replaced by leaves."""
        return self._expand(finite_at_zero(expr), ())

    def expand_inside(self, expr: sp.Expr, bound: tuple[sp.Symbol, ...]) -> sp.Expr:
        """Returns the body of a sum expanded, `bound` the variables of `Subs` around."""
        return self._expand(expr, bound)

    def _expand(self, expr: sp.Basic, bound: tuple[sp.Symbol, ...]) -> sp.Expr:
        """Expands each distinct part once, however often it stands there."""
        known = self._known.setdefault(bound, {})
        if expr not in known:
            known[expr] = self._expand_part(expr, bound)
        return known[expr]

    def _expand_part(self, expr: sp.Basic, bound: tuple[sp.Symbol, ...]) -> sp.Expr:
        if isinstance(expr, AppliedUndef):
            return self.symbol(Leaf(expr, MultiIndex.zero(len(expr.args))))
        if isinstance(expr, sp.Derivative):
            return self._expand_derivative(expr, bound)
        if isinstance(expr, sp.Subs):
            return self._expand_substitution(expr, bound)
        if isinstance(expr, sp.Sum) and expr.function.has(sp.Indexed):
            return self.sums.hold(expr, bound)
        if isinstance(expr, sp.Sum | sp.Product):
            return self._expand(written_out(expr), bound)
        if isinstance(expr, sp.UnevaluatedExpr):
            return self._expand(expr.args[0], bound)
        if not expr.args:
            return expr
        if isinstance(expr, sp.Integral):
            return self._expand_integral(expr, bound)
        parts = [self._expand(a, bound) for a in expr.args]
        unchanged = all(map(operator.is_, parts, expr.args))
        return expr if unchanged else expr.func(*parts)

    def _expand_derivative(
        self, expr: sp.Derivative, bound: tuple[sp.Symbol, ...]
    ) -> sp.Expr:
        steps = self._derivative_steps(expr, bound)
        result = self._expand(expr.expr, bound)
        for variable in steps:
            if variable in self:
                self._check_by_field(expr, result, variable)
                result = total_derivative(result, variable, _plain_slope)
            else:
                result = _merged(total_derivative(result, variable, self.slope))
        return result

    def _derivative_steps(
        self, expr: sp.Derivative, bound: tuple[sp.Symbol, ...]
    ) -> list[sp.Symbol]:
        """Returns the variables of a derivative, repeated by their counts.

        A field, or a derivative of one, is a variable too.
        """
        steps: list[sp.Symbol] = []
        numbers = [n for _, n in expr.variable_count if isinstance(n, sp.Integer)]
        check_order(sum(map(int, numbers)), expr)
        for variable, count in expr.variable_count:
            by_field = isinstance(variable, AppliedUndef | sp.Derivative)
            if not by_field and not isinstance(variable, sp.Symbol | sp.Indexed):
                raise OperatorError(
                    f"a derivative is taken by {variable}, which is not a coordinate",
                    expression=expr,
                    hint="differentiate by a symbol that is an argument of the field",
                )
            if not isinstance(count, sp.Integer):
                raise OperatorError(
                    f"the order {count} of a derivative is not a number",
                    expression=expr,
                    hint=f"put an integer for {count} before compiling: "
                    f"expr.subs({count}, 2)",
                )
            if by_field:
                variable = self._expand(variable, bound)
            else:
                self._check_variable(expr, variable, bound)
            steps.extend([variable] * int(count))
        return steps

    def _check_by_field(
        self, expr: sp.Derivative, under: sp.Expr, leaf: sp.Symbol
    ) -> None:
        """Refuses a derivative by a field of what is not a function of it alone."""
        held = {s for s in under.free_symbols if s in self.sums}
        parts = () if leaf.is_extended_real else _PARTS
        if held or any(part.has(leaf) for part in under.atoms(*parts) if parts):
            raise OperatorError(
                f"this is differentiated by {self[leaf].readable}, and "
                + ("a sum stands in it" if held else "by its parts or modulus"),
                expression=expr,
                hint="differentiate the terms of the sum"
                if held
                else f"declare the field real: Function('{self[leaf].field}', real=True)",
            )

    def _check_variable(
        self, expr: sp.Derivative, variable: sp.Symbol, bound: tuple[sp.Symbol, ...]
    ) -> None:
        if isinstance(variable, sp.Indexed):
            self._check_component(expr, variable)
            return
        lone = expr.expr
        while isinstance(lone, sp.Derivative):
            lone = lone.expr
        applied = isinstance(lone, AppliedUndef)
        if not applied and not lone.has(AppliedUndef):
            return
        if re.search(r"\w ?[*+/-] ?\w", variable.name):
            raise OperatorError(
                "SymPy's chain rule has made a symbol of an expression, and loses its way",
                expression=expr,
                hint="hold the derivative: oc.D(u(x*t, x + t), x, t)",
            )
        known = variable in self._coordinates or variable in bound
        if not known and variable not in _placed(expr.expr):
            raise OperatorError(
                f"a field is differentiated by {variable}, "
                "which is a parameter and not a coordinate",
                expression=expr,
                hint=f"make {variable} an argument of the field, or differentiate "
                f"the compiled residual by it with jax.grad",
            )
        if applied and variable not in self._places_of(lone):
            raise OperatorError(
                f"{variable} is not among the arguments of {lone}, "
                "so this derivative would be zero",
                expression=expr,
                hint=f"give the field the argument {variable}; for the derivative at "
                f"a pinned point write Subs(Derivative(u({variable}), {variable}), "
                f"{variable}, value)",
            )

    def _check_component(self, expr: sp.Derivative, variable: sp.Indexed) -> None:
        size = self._signature.sizes.get(variable.base)
        if size is None or len(variable.indices) != 1:
            raise OperatorError(
                f"a derivative is taken by {printable(variable)}, which is no component of "
                "a vector coordinate",
                expression=printable(expr),
                hint=f"make {variable.base} an argument of the field, "
                f"u({variable.base}), or write the coordinates out as separate symbols",
            )
        if variable.indices[0].is_Integer:
            number = int(variable.indices[0])
            check_component(variable, (number, number), size)

    def _expand_substitution(
        self, expr: sp.Subs, bound: tuple[sp.Symbol, ...]
    ) -> sp.Expr:
        _refuse_two_readings(expr)
        self._refuse_components(expr)
        inner = self._expand(expr.expr, (*bound, *expr.variables))
        values = [self._expand(value, bound) for value in expr.point]
        return self._moved(inner, dict(zip(expr.variables, values, strict=True)))

    def _refuse_components(self, expr: sp.Subs) -> None:
        """Refuses values of single components of a vector that stays whole."""
        for variable in expr.variables:
            if isinstance(variable, sp.Indexed | sp.IndexedBase):
                raise OperatorError(
                    f"{variable} alone is replaced in a vector of many components",
                    expression=printable(expr),
                    hint="write the components out: declare the vector with up to 10 "
                    "components; or give the residual points where they have that value",
                )

    def _expand_integral(
        self, expr: sp.Integral, bound: tuple[sp.Symbol, ...]
    ) -> sp.Expr:
        body, variable, lower, upper = outermost(expr, bound)
        inner = self._expand(body, (*bound, variable))
        self._refuse_running(expr, inner)
        ends = (self._expand(end, bound) for end in (lower, upper))
        axis = self._signature.axes[variable.name]
        place, half = mapped(*ends, axis.node)
        return axis.over(half * self._moved(inner, {variable: place}))

    def _refuse_running(self, expr: sp.Integral, inner: sp.Expr) -> None:
        """Refuses what runs with the components of a vector under an integral."""
        for symbol in inner.free_symbols:
            vector = symbol in self and any(
                isinstance(a, sp.IndexedBase) for a in self[symbol].arguments
            )
            if vector or symbol in self.sums:
                raise OperatorError(
                    "an integral of a field of a vector of many components",
                    expression=printable(expr),
                    hint="write the components out: declare the vector with up to 10 "
                    "components, or separate symbols",
                )

    def _moved(self, inner: sp.Expr, values: dict[sp.Basic, sp.Expr]) -> sp.Expr:
        """Returns an expanded expression with symbols replaced, in fields and sums too."""
        moved = dict(values)
        for symbol in _sorted_dummies(inner):
            if symbol in self:
                moved[symbol] = self.symbol(self[symbol].moved(values))
            elif symbol in self.sums:
                moved[symbol] = self.sums.changed(
                    symbol, lambda body: self._moved(body, values)
                )
        return inner.xreplace(moved)

    def slope(self, symbol: sp.Expr, coordinate: sp.Expr) -> sp.Expr:
        """The chain rule of one leaf: each argument's slope times the next leaf."""
        if symbol == coordinate:
            return sp.S.One
        if isinstance(symbol, sp.Indexed):
            return component_slope(symbol, coordinate)
        if symbol in self.sums:
            return self.sums.slope(symbol, coordinate)
        if symbol not in self:
            return sp.S.Zero
        leaf = self[symbol]
        if leaf.order >= HIGHEST_ORDER:
            check_order(leaf.order + 1, leaf.readable)
        terms = []
        places = self._places_of(leaf.applied)
        if isinstance(coordinate, sp.Indexed):
            for place in places.get(coordinate.base, ()):
                next_leaf = leaf.by_component(place, coordinate.indices[0])
                terms.append(self.symbol(next_leaf))
        for place in places.get(coordinate, ()):
            rate = total_derivative(leaf.arguments[place], coordinate, _plain_slope)
            if rate != 0:
                index = leaf.index + MultiIndex.unit(leaf.index.dim, place)
                terms.append(rate * self.symbol(replace(leaf, index=index)))
        return sp.Add(*terms)

    def _places_of(self, applied: AppliedUndef) -> Mapping[sp.Basic, list[int]]:
        """Returns which arguments of a field hold a symbol; vectors hold themselves."""
        if applied not in self._places:
            places: dict[sp.Basic, list[int]] = defaultdict(list)
            for place, argument in enumerate(applied.args):
                whole = isinstance(argument, sp.IndexedBase)
                for symbol in (argument,) if whole else argument.free_symbols:
                    places[symbol].append(place)
            self._places[applied] = dict(places)
        return self._places[applied]


def _refuse_two_readings(expr: sp.Subs) -> None:
    """Refuses a point that holds a variable replaced after it.

    SymPy writes one `Subs` inside of another as a single one, and then nothing tells
    whether the variables are replaced at once or one after the other.
    """
    for place, value in enumerate(expr.point):
        for later in expr.variables[place + 1 :]:
            if value.has(later):
                raise OperatorError(
                    f"{later} is replaced too, and stands in what is put for "
                    f"{expr.variables[place]}",
                    expression=expr,
                    hint="SymPy merges nested Subs, and then this has two readings; write "
                    "one Subs whose values hold none of its variables",
                )


def _merged(expr: sp.Expr) -> sp.Expr:
    """Adds up like terms where that makes an expression shorter.

    Each application of the chain rule doubles the terms of a product; most of them are
    alike, and the next derivative would double them again.
    """
    if not isinstance(expr, sp.Add) or len(expr.args) < _FEW_TERMS:
        return expr
    merged = sp.expand(expr, deep=False)
    return merged if merged.count_ops() < expr.count_ops() else expr


def _plain_slope(symbol: sp.Symbol, coordinate: sp.Symbol) -> sp.Expr:
    return sp.S.One if symbol == coordinate else sp.S.Zero


def _sorted_dummies(expr: sp.Expr) -> list[sp.Symbol]:
    dummies = [s for s in expr.free_symbols if isinstance(s, sp.Dummy)]
    return sorted(dummies, key=lambda s: s.dummy_index)
