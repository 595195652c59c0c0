r"""Sums over components that are not written out, and the chain rule through them.

A held sum is a symbol, like a leaf. Its body stays one expression in an index, whatever
the number of terms. The derivative by a component $x_k$ of $\sum_i f(x_i, x_{i+1}, u)$ is

$$ \sum_i \frac{\partial f}{\partial u}\, \partial_k u
   + f_1(x_k, x_{k+1}) + f_2(x_{k-1}, x_k) , $$

the last two where k, and k - 1, are in the sum's range: the terms of a Laplacian of such a
sum are again one sum, and cost what one evaluation of it costs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.relational import Relational

from opcompiler.errors import OperatorError
from opcompiler.frontend.differentiate import total_derivative
from opcompiler.frontend.naming import ordered, printable
from opcompiler.frontend.plain_sums import bounds
from opcompiler.frontend.ranges import narrowed, places, reads
from opcompiler.frontend.vectors import at_index, check_component, size_of

if TYPE_CHECKING:
    from opcompiler.frontend.expand import Leaves

Limit = tuple[sp.Dummy, int, int]
"""An index with its first and last value."""


@dataclass(frozen=True, slots=True)
class HeldSum:
    """A sum over indices of a product, in leaves, components and symbols."""

    limits: tuple[Limit, ...]
    body: sp.Expr


class HeldSums:
    """The held sums of one set of equations, and the dummies that stand for them."""

    def __init__(self, leaves: "Leaves") -> None:
        self._leaves = leaves
        self._symbols: dict[HeldSum, sp.Dummy] = {}
        self._sums: dict[sp.Symbol, HeldSum] = {}
        self._ranges: dict[sp.Symbol, tuple[int, int]] = {}

    def __contains__(self, symbol: sp.Basic) -> bool:
        return symbol in self._sums

    def __getitem__(self, symbol: sp.Symbol) -> HeldSum:
        return self._sums[symbol]

    def hold(self, expr: sp.Sum, bound: tuple[sp.Symbol, ...]) -> sp.Expr:
        """Returns a SymPy sum as an expression over held sums."""
        body, sign = expr.function, 1
        limits = []
        for index, lower, upper in expr.limits:
            first, last, direction = bounds(expr, lower, upper)
            if last < first:
                return sp.S.Zero
            sign *= direction
            fresh = self._index(str(index), first, last)
            body = at_index(body, index, fresh)
            limits.append((fresh, first, last))
        self._check_places(body, expr)
        return sign * self.over(self._leaves.expand_inside(body, bound), limits)

    def _check_places(self, body: sp.Expr, expr: sp.Sum) -> None:
        """Refuses components beyond the arrays whose shapes are known."""
        for place, spans in reads(body, self._ranges):
            for axis, span in enumerate(spans):
                if span is not None:
                    size = size_of(place.base, axis)
                    check_component(expr, span, size, printable(place))

    def _index(self, name: str, first: int, last: int) -> sp.Dummy:
        index = sp.Dummy(name, integer=True)
        self._ranges[index] = (first, last)
        return index

    def indices(self, expr: sp.Basic) -> set[sp.Symbol]:
        """Returns the indices that an expression depends on, also through symbols."""
        found: set[sp.Symbol] = set()
        for symbol in expr.free_symbols:
            if symbol in self._ranges:
                found.add(symbol)
            elif symbol in self._leaves:
                for _, place in self._leaves[symbol].along:
                    found |= self.indices(place)
            elif symbol in self._sums:
                held = self._sums[symbol]
                found |= self.indices(held.body) - {limit[0] for limit in held.limits}
        return found

    def over(self, body: sp.Expr, limits: Sequence[Limit]) -> sp.Expr:
        """Sums an expression over indices, the first limit innermost."""
        for limit in limits:
            terms = sp.Add.make_args(body)
            body = sp.Add(*(self._term_over(term, limit) for term in terms))
        return body

    def _term_over(self, term: sp.Expr, limit: Limit) -> sp.Expr:
        """Takes out what does not depend on the index, and multiplies out what does."""
        index, first, last = limit
        inner = [f for f in sp.Mul.make_args(term) if index in self.indices(f)]
        outer = sp.Mul(*(f for f in sp.Mul.make_args(term) if f not in inner))
        if not inner:
            return outer * (last - first + 1)
        product = sp.expand_mul(sp.Mul(*inner), deep=False)
        if isinstance(product, sp.Add):
            return outer * self.over(product, [limit])
        return outer * self._product_over(list(sp.Mul.make_args(product)), limit)

    def _product_over(self, inner: list[sp.Expr], limit: Limit) -> sp.Expr:
        index, _, _ = limit
        for factor in inner:
            if isinstance(factor, sp.KroneckerDelta):
                rest = sp.Mul(*(f for f in inner if f is not factor))
                collapsed = self._collapsed(rest, factor, limit)
                if collapsed is not None:
                    return collapsed
        cases = [f for f in inner if isinstance(f, sp.Piecewise)]
        if len(cases) == 1:
            narrowed = self._narrowed(inner, cases[0], limit)
            if narrowed is not None:
                return narrowed
        sums = {s for f in inner for s in f.free_symbols if s in self._sums}
        nested = [s for s in sums if index in self.indices(s)]
        if not nested:
            return self._symbol(HeldSum((limit,), sp.Mul(*inner)))
        if len(nested) > 1 or nested[0] not in inner:
            raise OperatorError(
                "a sum stands inside of another, but not as a plain factor",
                expression=printable(self.readable(sp.Mul(*inner))),
                hint="sums over several indices may be multiplied by factors and added; "
                "a function of an inner sum that depends on the outer index cannot be "
                "compiled",
            )
        held = self._sums[nested[0]]
        rest = sp.Mul(*(f for f in inner if f is not nested[0]))
        return self._symbol(HeldSum((*held.limits, limit), rest * held.body))

    def _collapsed(
        self, rest: sp.Expr, delta: sp.KroneckerDelta, limit: Limit
    ) -> sp.Expr | None:
        r"""Returns $\sum_i \delta_{i+a,b} f(i) = f(b - a)$, if b - a is in the range."""
        index, first, last = limit
        left, right = delta.args
        shift = left - right - index if left.has(index) else right - left - index
        if shift.has(index):
            return None
        return self._within(self.renamed(rest, {index: -shift}), -shift, first, last)

    def _narrowed(
        self, factors: list[sp.Expr], cases: sp.Piecewise, limit: Limit
    ) -> sp.Expr | None:
        """Sums a value that is zero outside of a range over that range alone.

        Counted from 0, so that sums of equally many terms share what they compute.
        """
        index, first, last = limit
        if len(cases.args) != 2 or cases.args[1][0] != 0:
            return None
        value, when = cases.args[0]
        for condition in sp.And.make_args(when):
            solved = isinstance(condition, Relational) and not condition.has(sp.Ne)
            if not solved or condition.free_symbols != {index}:
                return None
        found = narrowed({index: (first, last)}, when)
        if found is None:
            return sp.S.Zero
        first, last = found[index]
        fresh = self._index(index.name, 0, last - first)
        moved = [value if f is cases else f for f in factors]
        body = self.renamed(sp.Mul(*moved), {index: fresh + first})
        return self.over(body, [(fresh, 0, last - first)])

    def _within(self, value: sp.Expr, place: sp.Expr, first: int, last: int) -> sp.Expr:
        """Returns a value where a place is in a range, 0 elsewhere."""
        lowest, highest = places(place, self._ranges) or (first - 1, last + 1)
        conditions = []
        if lowest < first:
            conditions.append(sp.Ge(place, first))
        if highest > last:
            conditions.append(sp.Le(place, last))
        when = sp.And(*conditions)
        if when is sp.true:
            return value
        return sp.Piecewise((value, when), (sp.S.Zero, True))

    def _symbol(self, held: HeldSum) -> sp.Dummy:
        if held not in self._symbols:
            dummy = sp.Dummy(f"sum_{len(self._symbols)}")
            self._symbols[held] = dummy
            self._sums[dummy] = held
        return self._symbols[held]

    def slope(self, symbol: sp.Symbol, coordinate: sp.Expr) -> sp.Expr:
        """Returns the derivative of a held sum by a coordinate or a component."""
        held = self._sums[symbol]
        fresh = {i: self._index(i.name, a, b) for i, a, b in held.limits}
        body = self.renamed(held.body, fresh)
        limits = [(fresh[i], a, b) for i, a, b in held.limits]
        through = total_derivative(body, coordinate, self._through_leaves)
        result = self.over(through, limits)
        if not isinstance(coordinate, sp.Indexed):
            return result
        for place in sorted(body.atoms(sp.Indexed), key=sp.default_sort_key):
            if place.base == coordinate.base:
                result += self._at_component(body, limits, place, coordinate)
        return result

    def _through_leaves(self, symbol: sp.Expr, coordinate: sp.Expr) -> sp.Expr:
        if isinstance(symbol, sp.Indexed):
            return sp.S.Zero
        return self._leaves.slope(symbol, coordinate)

    def _at_component(
        self,
        body: sp.Expr,
        limits: list[Limit],
        place: sp.Indexed,
        coordinate: sp.Indexed,
    ) -> sp.Expr:
        """Returns what the body's dependence on one component x[i + shift] gives."""
        partial = total_derivative(
            body, place, lambda s, c: sp.S.One if s == c else sp.S.Zero
        )
        (at,), (k,) = place.indices, coordinate.indices
        own = [limit for limit in limits if at.has(limit[0])]
        if not own:
            return component_slope(place, coordinate) * self.over(partial, limits)
        index, first, last = own[0]
        shift = at - index
        if not shift.is_Integer:
            raise OperatorError(
                "a component's index is not an index of the sum plus a number",
                expression=printable(place),
                hint="write x[i], x[i + 1], ...; strided components cannot be "
                "differentiated by",
            )
        value = self.renamed(partial, {index: k - shift})
        others = [limit for limit in limits if limit[0] != index]
        return self.over(self._within(value, k - shift, first, last), others)

    def merged(self, expr: sp.Expr) -> sp.Expr:
        """Joins sums without fields that are added with numbers: one sum is one pass."""
        if not expr.args or not any(s in self._sums for s in expr.free_symbols):
            return expr
        if not isinstance(expr, sp.Add):
            return expr.func(*map(self.merged, expr.args))
        groups: dict[tuple[tuple[int, int], ...], list[tuple[sp.Expr, HeldSum]]] = {}
        others = []
        for term in expr.args:
            number, symbol = term.as_coeff_Mul()
            held = self._sums.get(symbol)
            if held is None or any(s in self._leaves for s in held.body.free_symbols):
                others.append(self.merged(term))
            else:
                extents = tuple((a, b) for _, a, b in held.limits)
                groups.setdefault(extents, []).append((number, held))
        return sp.Add(*others, *map(self._joined, groups.values()))

    def _joined(self, members: list[tuple[sp.Expr, HeldSum]]) -> sp.Expr:
        limits = members[0][1].limits
        bodies = []
        for number, held in members:
            names = {
                old[0]: new[0] for old, new in zip(held.limits, limits, strict=True)
            }
            bodies.append(number * self.renamed(held.body, names))
        return self._symbol(HeldSum(limits, sp.Add(*bodies)))

    def changed(
        self, symbol: sp.Symbol, change: Callable[[sp.Expr], sp.Expr]
    ) -> sp.Dummy:
        """Returns the symbol of a held sum with another body."""
        held = self._sums[symbol]
        return self._symbol(HeldSum(held.limits, change(held.body)))

    def renamed(self, expr: sp.Expr, names: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
        """Replaces indices, also those behind leaves and held sums."""
        moved: dict[sp.Basic, sp.Basic] = dict(names)
        for symbol in ordered(expr):
            if symbol in self._leaves:
                leaf = self._leaves[symbol].renamed(names)
                moved[symbol] = self._leaves.symbol(leaf)
            elif symbol in self._sums:
                held = self._sums[symbol]
                body = self.renamed(held.body, names)
                moved[symbol] = self._symbol(HeldSum(held.limits, body))
        return expr.xreplace(moved)

    def readable(self, expr: sp.Expr) -> sp.Expr:
        """Returns an expression with its sums and leaves as they were written."""
        known: dict[sp.Basic, sp.Basic] = {}
        for symbol in expr.free_symbols:
            if symbol in self._sums:
                held = self._sums[symbol]
                named = {i: sp.Symbol(i.name) for i, _, _ in held.limits}
                body = self.readable(held.body).xreplace(named)
                limits = [(named[i], a, b) for i, a, b in held.limits]
                known[symbol] = sp.Sum(body, *limits)
            elif symbol in self._leaves:
                known[symbol] = self._leaves[symbol].readable
        return expr.xreplace(known)


def component_slope(place: sp.Indexed, coordinate: sp.Expr) -> sp.Expr:
    r"""Returns $\partial x_a / \partial x_k = \delta_{ak}$, a number where it is one."""
    if not isinstance(coordinate, sp.Indexed) or place.base != coordinate.base:
        return sp.S.Zero
    (a,), (k,) = place.indices, coordinate.indices
    return sp.KroneckerDelta(a, k)
