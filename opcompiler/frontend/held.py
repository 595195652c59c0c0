r"""The symbolic stage of derivatives and sums: what a dummy in an expression stands for.

In: fields, derivatives and sums over components, one by one. Out: a SymPy dummy for each,
the same one for equal ones, so that the expression above them is ordinary SymPy. With
`u = u(t, x)`, x of 1000 components:

    D(u, t)                                 dummy of Leaf(u(t, x), index=(1, 0))
    D(u, x[i], 2)                           dummy of Leaf(u(t, x), along=((1, i), (1, i)))
    Sum(x[i] * D(u, x[i], 2), i)            dummy of HeldSum(((i, 0, 999),), x[i] * leaf)

A held sum is one product under its indices, and nothing in it is without them: `over`
brings every sum into that form. It takes out factors, multiplies out, collapses a
Kronecker delta, narrows the range by a case. So equal sums are equal as data, whatever
they were written as, and what comes next (`contract.py`) sees one product at a time.

Nothing here differentiates: that is `expand.py`, which makes leaves and sums from others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from opcompiler.errors import OperatorError
from opcompiler.frontend.naming import ordered, printable
from opcompiler.frontend.ranges import narrowed, places
from opcompiler.ir import MultiIndex

Limit = tuple[sp.Dummy, int, int]
"""An index with its first and last value."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One partial derivative of one field at one evaluation point.

    Attributes:
        applied: the field at its evaluation point, which may hold dummies of other leaves.
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
    def order(self) -> int:
        """Of the derivative, all arguments together."""
        return self.index.order + len(self.along)

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

    def by_argument(self, place: int) -> "Leaf":
        """Returns the next leaf, differentiated by a plain argument."""
        return replace(self, index=self.index + MultiIndex.unit(self.index.dim, place))

    def by_component(self, place: int, number: sp.Expr) -> "Leaf":
        """Returns the next leaf, differentiated by a component of a vector argument."""
        return replace(self, along=_sorted((*self.along, (place, number))))

    def moved(
        self, arguments: Sequence[sp.Expr], names: Mapping[sp.Basic, sp.Basic]
    ) -> "Leaf":
        """Returns the leaf at another point, with other indices."""
        return replace(
            self,
            applied=self.applied.func(*arguments),
            along=_sorted((place, n.xreplace(names)) for place, n in self.along),
        )


def _sorted(along: object) -> tuple[tuple[int, sp.Expr], ...]:
    return tuple(sorted(along, key=lambda e: (e[0], sp.default_sort_key(e[1]))))


@dataclass(frozen=True, slots=True)
class HeldSum:
    """A sum over indices of a product, in leaves, components and symbols."""

    limits: tuple[Limit, ...]
    body: sp.Expr


class Held:
    """What the dummies of one set of equations stand for, and the algebra of its sums."""

    def __init__(self) -> None:
        self._symbols: dict[Leaf | HeldSum, sp.Dummy] = {}
        self._leaves: dict[sp.Basic, Leaf] = {}
        self._sums: dict[sp.Basic, HeldSum] = {}
        self.ranges: dict[sp.Basic, tuple[int, int]] = {}
        """Of every index, the first and the last value."""

    def leaf(self, symbol: sp.Basic) -> Leaf | None:
        """Returns the leaf that a symbol stands for, if it is one's."""
        return self._leaves.get(symbol)

    def sum(self, symbol: sp.Basic) -> HeldSum | None:
        """Returns the held sum that a symbol stands for, if it is one's."""
        return self._sums.get(symbol)

    def leaves(self, expr: sp.Basic) -> list[sp.Symbol]:
        """Returns the symbols of leaves in an expression, not those behind sums."""
        return [s for s in expr.free_symbols if s in self._leaves]

    def symbol(self, meaning: Leaf | HeldSum) -> sp.Dummy:
        """Returns the dummy that stands for a leaf or a sum, the same one for equals."""
        known = self._symbols.get(meaning)
        if known is not None:
            return known
        if isinstance(meaning, HeldSum):
            dummy = sp.Dummy(f"sum_{len(self._sums)}")
            self._sums[dummy] = meaning
        else:
            # SymPy sorts by names: these give leaves the order of their indices.
            steps = [f"{9999 - i}.{a:02}" for i, a in meaning.index.powers.items()]
            along = (str(number) for _, number in meaning.along)
            name = "_".join((meaning.field, *steps, *along))
            # A field declared real stays real, so that SymPy may use it.
            real = meaning.applied.is_extended_real
            dummy = sp.Dummy(name, real=True) if real else sp.Dummy(name)
            self._leaves[dummy] = meaning
        self._symbols[meaning] = dummy
        return dummy

    def new_index(self, name: str, first: int, last: int) -> sp.Dummy:
        """Returns an index that no other sum has: names say nothing, dummies bind."""
        index = sp.Dummy(name, integer=True)
        self.ranges[index] = (first, last)
        return index

    # What stands behind symbols ------------------------------------------------------

    def indices(self, expr: sp.Basic) -> set[sp.Symbol]:
        """Returns the indices that an expression depends on, also through symbols."""
        found: set[sp.Symbol] = set()
        for symbol in expr.free_symbols:
            if symbol in self.ranges:
                found.add(symbol)
            elif leaf := self.leaf(symbol):
                for place in (*(n for _, n in leaf.along), *leaf.arguments):
                    found |= self.indices(place)
            elif held := self.sum(symbol):
                found |= self.indices(held.body) - {limit[0] for limit in held.limits}
        return found

    def moved(self, expr: sp.Expr, values: Mapping[sp.Basic, sp.Basic]) -> sp.Expr:
        """Replaces symbols and indices, also those behind leaves and held sums."""
        found: dict[sp.Basic, sp.Basic] = dict(values)
        for symbol in ordered(expr):
            if symbol in values:
                continue
            if leaf := self.leaf(symbol):
                arguments = [self.moved(a, values) for a in leaf.arguments]
                found[symbol] = self.symbol(leaf.moved(arguments, values))
            elif held := self.sum(symbol):
                body = self.moved(held.body, values)
                found[symbol] = self.symbol(HeldSum(held.limits, body))
        return expr.xreplace(found)

    def behind(self, expr: sp.Expr) -> Iterator[sp.Expr]:
        """Yields an expression, and those in the arguments of its fields."""
        yield expr
        for symbol in self.leaves(expr):
            for argument in self._leaves[symbol].arguments:
                yield from self.behind(argument)

    def readable(self, expr: sp.Expr) -> sp.Expr:
        """Returns an expression with its sums and leaves as they were written."""
        known: dict[sp.Basic, sp.Basic] = {}
        for symbol in expr.free_symbols:
            if held := self.sum(symbol):
                named = {i: sp.Symbol(i.name) for i, _, _ in held.limits}
                body = self.readable(held.body).xreplace(named)
                limits = [(named[i], a, b) for i, a, b in held.limits]
                known[symbol] = sp.Sum(body, *limits)
            elif leaf := self.leaf(symbol):
                arguments = [self.readable(a) for a in leaf.arguments]
                known[symbol] = leaf.moved(arguments, {}).readable
        return expr.xreplace(known)

    # The algebra of sums -------------------------------------------------------------

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
        """Sums a product, each factor of which depends on the index."""
        index, first, last = limit
        # sum_i delta_{i+a, b} f(i) = f(b - a), if b - a is in the range.
        for factor in inner:
            if isinstance(factor, sp.KroneckerDelta):
                left, right = factor.args
                shift = (left - right if left.has(index) else right - left) - index
                if not shift.has(index):
                    rest = sp.Mul(*(f for f in inner if f is not factor))
                    value = self.moved(rest, {index: -shift})
                    return self.within(value, -shift, first, last)
        cases = [f for f in inner if isinstance(f, sp.Piecewise)]
        if len(cases) == 1:
            shorter = self._over_case(inner, cases[0], limit)
            if shorter is not None:
                return shorter
        sums = {s for f in inner for s in f.free_symbols if self.sum(s)}
        nested = [s for s in sums if index in self.indices(s)]
        if not nested:
            return self.symbol(HeldSum((limit,), sp.Mul(*inner)))
        # One sum inside of another, as a factor: one sum over the indices of both.
        if len(nested) > 1 or nested[0] not in inner:
            raise OperatorError(
                "a sum stands inside of another, but not as a plain factor",
                expression=printable(self.readable(sp.Mul(*inner))),
                hint="sums over several indices may be multiplied by factors and added; "
                "a function of an inner sum that depends on the outer index cannot be "
                "compiled",
            )
        # The product goes under both indices, so that contraction sees all factors of a
        # term at once: only then can the inner index move into a tangent.
        held = self._sums[nested[0]]
        rest = sp.Mul(*(f for f in inner if f is not nested[0]))
        return self.symbol(HeldSum((*held.limits, limit), rest * held.body))

    def _over_case(
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
        fresh = self.new_index(index.name, 0, last - first)
        moved = [value if f is cases else f for f in factors]
        body = self.moved(sp.Mul(*moved), {index: fresh + first})
        return self.over(body, [(fresh, 0, last - first)])

    def within(self, value: sp.Expr, place: sp.Expr, first: int, last: int) -> sp.Expr:
        """Returns a value where a place is in a range, 0 elsewhere."""
        lowest, highest = places(place, self.ranges) or (first - 1, last + 1)
        conditions = []
        if lowest < first:
            conditions.append(sp.Ge(place, first))
        if highest > last:
            conditions.append(sp.Le(place, last))
        when = sp.And(*conditions)
        if when is sp.true:
            return value
        return sp.Piecewise((value, when), (sp.S.Zero, True))

    def merged(self, expr: sp.Expr) -> sp.Expr:
        """Joins sums without fields that are added with numbers: one sum is one pass."""
        if not expr.args or not any(self.sum(s) for s in expr.free_symbols):
            return expr
        if not isinstance(expr, sp.Add):
            return expr.func(*map(self.merged, expr.args))
        groups: dict[tuple[tuple[int, int], ...], list[tuple[sp.Expr, HeldSum]]] = {}
        others = []
        for term in expr.args:
            number, symbol = term.as_coeff_Mul()
            held = self.sum(symbol)
            if held is None or self.leaves(held.body):
                others.append(self.merged(term))
            else:
                extents = tuple((a, b) for _, a, b in held.limits)
                groups.setdefault(extents, []).append((number, held))
        for members in groups.values():
            limits = members[0][1].limits
            bodies = []
            for number, held in members:
                pairs = zip(held.limits, limits, strict=True)
                names = {old[0]: new[0] for old, new in pairs}
                bodies.append(number * self.moved(held.body, names))
            others.append(self.symbol(HeldSum(limits, sp.Add(*bodies))))
        return sp.Add(*others)
