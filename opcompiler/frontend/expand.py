r"""Every derivative of a field becomes a leaf, every sum over components a held sum.

In: an expression as the user wrote it. Out: one over the dummies of `held.py`, without
derivatives: those of products, quotients, functions and sums are expanded by the chain
rule, mixed ones are merged whatever the order in which they were taken, `Subs` and
integrals move the evaluation point. With `u = u(x, y)`:

    D(exp(x)*u, x, y)          ->  exp(x)*u_y + exp(x)*u_xy           (two leaves)
    Subs(D(u, x), x, 0)        ->  the leaf of u(0, y) with index (1, 0)
    D(K(u), x)                 ->  K_1(u)*u_x: a leaf at a place that holds another one
    D(Sum(sin(x[i]), i), x[k]) ->  cos(x[k])                          (a delta collapses)

A held sum stays one expression in an index, whatever the number of terms. Its derivative
by a component $x_k$, of $\sum_i f(x_i, x_{i+1}, u)$, is

$$ \sum_i \frac{\partial f}{\partial u}\, \partial_k u
   + f_1(x_k, x_{k+1}) + f_2(x_{k-1}, x_k) , $$

the last two where k, and k - 1, are in the sum's range. So the terms of a Laplacian of
such a sum are again one sum, and cost what one evaluation of it costs.
"""

import operator
from collections import defaultdict

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.errors import OperatorError
from opcompiler.frontend import derivative_checks as checks
from opcompiler.frontend.differentiate import (
    finite_at_zero,
    LeafDerivative,
    total_derivative,
)
from opcompiler.frontend.held import Held, HeldSum, Leaf, Limit
from opcompiler.frontend.integrals import mapped, outermost
from opcompiler.frontend.naming import printable
from opcompiler.frontend.ranges import bounds, check_component, reads, size_of
from opcompiler.frontend.signature import Signature
from opcompiler.frontend.write_out import at_index, plain_sum
from opcompiler.ir import check_order, HIGHEST_ORDER, MultiIndex

_FEW_TERMS = 4
"""Shorter sums are left as they were written."""

_BEHIND = sp.Dummy("behind")
"""Stands for whatever a field or a sum in an argument depends on."""

_Bound = tuple[sp.Symbol, ...]
"""The variables that `Subs` and integrals around an expression bind."""


class Expansion:
    """Expands the expressions of one set of equations.

    Attributes:
        held: what the dummies in the results stand for.
    """

    def __init__(self, signature: Signature) -> None:
        self.held = Held()
        self._signature = signature
        self._places: dict[AppliedUndef, dict[sp.Basic, list[int]]] = {}
        self._known: dict[_Bound, dict[sp.Basic, sp.Expr]] = {}

    def expand(self, expr: sp.Expr) -> sp.Expr:
        """Returns `expr` with every derivative and every field replaced by leaves."""
        return self._expand(finite_at_zero(expr), ())

    def _expand(self, expr: sp.Basic, bound: _Bound) -> sp.Expr:
        """Expands each distinct part once, however often it stands there."""
        known = self._known.setdefault(bound, {})
        if expr not in known:
            known[expr] = self._expand_part(expr, bound)
        return known[expr]

    def _expand_part(self, expr: sp.Basic, bound: _Bound) -> sp.Expr:
        if isinstance(expr, AppliedUndef):
            if any(a.args and a.has(AppliedUndef) for a in expr.args):
                expr = expr.func(*(self._expand(a, bound) for a in expr.args))
            return self.held.symbol(Leaf(expr, MultiIndex.zero(len(expr.args))))
        if isinstance(expr, sp.Derivative):
            return self._expand_derivative(expr, bound)
        if isinstance(expr, sp.Subs):
            checks.one_reading(expr)
            checks.whole_vectors(expr)
            inner = self._expand(expr.expr, (*bound, *expr.variables))
            values = [self._expand(value, bound) for value in expr.point]
            # A field may be replaced as well: K'(u) at u = 1/2.
            fields = AppliedUndef | sp.Derivative
            replaced = (
                self._expand(v, bound) if isinstance(v, fields) else v
                for v in expr.variables
            )
            pairs = zip(replaced, values, strict=True)
            return self.held.moved(inner, dict(pairs))
        if isinstance(expr, sp.Sum) and expr.function.has(sp.Indexed):
            return self._hold(expr, bound)
        if isinstance(expr, sp.Sum | sp.Product):
            return self._expand(plain_sum(expr), bound)
        if isinstance(expr, sp.UnevaluatedExpr):
            return self._expand(expr.args[0], bound)
        if not expr.args:
            return expr
        if isinstance(expr, sp.Integral):
            # On the reference interval, at the nodes of a rule that is given later.
            body, variable, lower, upper = outermost(expr, bound)
            inner = self._expand(body, (*bound, variable))
            checks.integrand(expr, inner, self.held)
            ends = (self._expand(end, bound) for end in (lower, upper))
            axis = self._signature.axes[variable.name]
            place, half = mapped(*ends, axis.node)
            return axis.over(half * self.held.moved(inner, {variable: place}))
        parts = [self._expand(a, bound) for a in expr.args]
        unchanged = all(map(operator.is_, parts, expr.args))
        return expr if unchanged else expr.func(*parts)

    def _expand_derivative(self, expr: sp.Derivative, bound: _Bound) -> sp.Expr:
        # The variables, repeated by their counts. A field, or a derivative of one, is a
        # variable too: by it a Lagrangian is differentiated.
        steps: list[sp.Symbol] = []
        numbers = [n for _, n in expr.variable_count if isinstance(n, sp.Integer)]
        check_order(sum(map(int, numbers)), expr)
        for variable, count in expr.variable_count:
            checks.kind_of_step(expr, variable, count)
            if isinstance(variable, AppliedUndef | sp.Derivative):
                variable = self._expand(variable, bound)
            else:
                checks.variable(expr, variable, bound, self._signature, self.places)
            steps.extend([variable] * int(count))
        result = self._expand(expr.expr, bound)
        for variable in steps:
            if leaf := self.held.leaf(variable):
                checks.by_field(expr, result, variable, leaf, self.held)
                result = total_derivative(result, variable, self._slope_by_field)
            else:
                result = _merged(total_derivative(result, variable, self.slope))
        return result

    def _hold(self, expr: sp.Sum, bound: _Bound) -> sp.Expr:
        """Returns a SymPy sum as an expression over held sums."""
        body, sign = expr.function, 1
        limits: list[Limit] = []
        for index, lower, upper in expr.limits:
            first, last, direction = bounds(expr, lower, upper)
            if last < first:
                return sp.S.Zero
            sign *= direction
            fresh = self.held.new_index(str(index), first, last)
            body = at_index(body, index, fresh)
            limits.append((fresh, first, last))
        # No component beyond the arrays whose shapes are known.
        for place, spans in reads(body, self.held.ranges):
            for axis, span in enumerate(spans):
                if span is not None:
                    size = size_of(place.base, axis)
                    check_component(expr, span, size, printable(place))
        return sign * self.held.over(self._expand(body, bound), limits)

    # The chain rule ------------------------------------------------------------------

    def slope(self, symbol: sp.Expr, coordinate: sp.Expr) -> sp.Expr:
        """Returns the derivative of a symbol by a coordinate or a component."""
        if symbol == coordinate:
            return sp.S.One
        if isinstance(symbol, sp.Indexed):
            return _component_slope(symbol, coordinate)
        if held := self.held.sum(symbol):
            return self._slope_of_sum(held, coordinate)
        if leaf := self.held.leaf(symbol):
            return self._slope_of_leaf(leaf, coordinate)
        return sp.S.Zero

    def _slope_of_leaf(self, leaf: Leaf, coordinate: sp.Expr) -> sp.Expr:
        """Each argument's slope times the next leaf."""
        terms = []
        if isinstance(coordinate, sp.Indexed):
            for place in self.places(leaf.applied).get(coordinate.base, ()):
                _check_next(leaf)
                following = leaf.by_component(place, coordinate.indices[0])
                terms.append(self.held.symbol(following))
        return sp.Add(*terms, self._through_arguments(leaf, coordinate, self.slope))

    def _slope_by_field(self, symbol: sp.Expr, variable: sp.Expr) -> sp.Expr:
        """Returns the derivative by a field alone: K'(u) of K(u), 0 of u_x, by u."""
        if symbol == variable:
            return sp.S.One
        if leaf := self.held.leaf(symbol):
            return self._through_arguments(leaf, variable, self._slope_by_field)
        return sp.S.Zero

    def _through_arguments(
        self, leaf: Leaf, variable: sp.Expr, slope: LeafDerivative
    ) -> sp.Expr:
        """Returns the chain rule through the plain arguments of a field."""
        places = self.places(leaf.applied)
        terms = []
        for place in sorted({*places.get(variable, ()), *places.get(_BEHIND, ())}):
            rate = total_derivative(leaf.arguments[place], variable, slope)
            if rate != 0:
                _check_next(leaf)
                terms.append(rate * self.held.symbol(leaf.by_argument(place)))
        return sp.Add(*terms)

    def _slope_of_sum(self, held: HeldSum, coordinate: sp.Expr) -> sp.Expr:
        # Indices of its own, so that those of the coordinate are not caught.
        fresh = {i: self.held.new_index(i.name, a, b) for i, a, b in held.limits}
        body = self.held.moved(held.body, fresh)
        limits = [(fresh[i], a, b) for i, a, b in held.limits]
        through_leaves = lambda symbol, by: (
            sp.S.Zero if isinstance(symbol, sp.Indexed) else self.slope(symbol, by)
        )
        through = total_derivative(body, coordinate, through_leaves)
        result = self.held.over(through, limits)
        if not isinstance(coordinate, sp.Indexed):
            return result
        for place in sorted(body.atoms(sp.Indexed), key=sp.default_sort_key):
            if place.base == coordinate.base:
                result += self._at_component(body, limits, place, coordinate)
        return result

    def _at_component(
        self,
        body: sp.Expr,
        limits: list[Limit],
        place: sp.Indexed,
        coordinate: sp.Indexed,
    ) -> sp.Expr:
        """Returns what the body's dependence on one component x[i + shift] gives."""
        partial = total_derivative(body, place, _plain_slope)
        (at,), (k,) = place.indices, coordinate.indices
        own = [limit for limit in limits if at.has(limit[0])]
        if not own:
            slope = _component_slope(place, coordinate)
            return slope * self.held.over(partial, limits)
        index, first, last = own[0]
        shift = at - index
        if not shift.is_Integer:
            raise OperatorError(
                "a component's index is not an index of the sum plus a number",
                expression=printable(place),
                hint="write x[i], x[i + 1], ...; strided components cannot be "
                "differentiated by",
            )
        # i + shift = k for one i alone: its term is left of the sum, if it is one of it.
        value = self.held.moved(partial, {index: k - shift})
        others = [limit for limit in limits if limit[0] != index]
        inside = self.held.within(value, k - shift, first, last)
        return self.held.over(inside, others)

    def places(self, applied: AppliedUndef) -> dict[sp.Basic, list[int]]:
        """Returns which arguments of a field hold a symbol; vectors hold themselves."""
        if applied not in self._places:
            places: dict[sp.Basic, list[int]] = defaultdict(list)
            for place, argument in enumerate(applied.args):
                whole = isinstance(argument, sp.IndexedBase)
                for symbol in (argument,) if whole else argument.free_symbols:
                    places[symbol].append(place)
                    if self.held.leaf(symbol) or self.held.sum(symbol):
                        places[_BEHIND].append(place)
            self._places[applied] = dict(places)
        return self._places[applied]


def _check_next(leaf: Leaf) -> None:
    """Refuses one more derivative of a leaf of the highest order."""
    if leaf.order >= HIGHEST_ORDER:
        check_order(leaf.order + 1, leaf.readable)


def _merged(expr: sp.Expr) -> sp.Expr:
    """Adds up like terms where that makes an expression shorter.

    Each application of the chain rule doubles the terms of a product; most of them are
    alike, and the next derivative would double them again.
    """
    if not isinstance(expr, sp.Add) or len(expr.args) < _FEW_TERMS:
        return expr
    merged = sp.expand(expr, deep=False)
    return merged if merged.count_ops() < expr.count_ops() else expr


def _plain_slope(symbol: sp.Expr, coordinate: sp.Expr) -> sp.Expr:
    return sp.S.One if symbol == coordinate else sp.S.Zero


def _component_slope(place: sp.Indexed, coordinate: sp.Expr) -> sp.Expr:
    r"""Returns $\partial x_a / \partial x_k = \delta_{ak}$, a number where it is one."""
    if not isinstance(coordinate, sp.Indexed) or place.base != coordinate.base:
        return sp.S.Zero
    (a,), (k,) = place.indices, coordinate.indices
    return sp.KroneckerDelta(a, k)
