r"""Held sums become functionals in few directions: every index that can be is contracted.

In: an expression over leaves and held sums. Out: the same expression over functionals of
sites whose directions run, and over sums of those. With u(x), x of 1000 components:

    Sum(x[i] * D(u, x[i]), i)                one derivative along the tangent x: no sum left
    Sum(D(u, x[i], 2), i)                    a sum over i of u_ii: one direction runs
    Sum(g[i]**2 * D(u, x[i], 2), i)          the same along g_i e_i: no coefficient left
    Sum(s[i,k] * s[j,k] * D(u, x[i], x[j]))  a sum over k of u along column k of s, twice
    Sum(sin(D(u, x[i])), i)                  one reverse pass gives all terms
    Sum(x[i] * sin(D(u, x[i], 2)), i)        a sum over i of a program in x_i and u_ii

An index is contracted if a leaf is differentiated by it once, $\sum_i b_i \partial_i u$:
derivatives are linear in each of their tangents, so the sum moves into the tangent. What is
left runs: it is evaluated at all tuples of the remaining indices, or at those that an
estimator draws, so fewer indices are fewer pushes, and a smaller variance.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.frontend.held import Held, HeldSum, Leaf, Limit
from opcompiler.frontend.indexed_programs import IndexedPrograms
from opcompiler.frontend.naming import ordered, printable
from opcompiler.frontend.open_sites import component, OPEN, OpenSites
from opcompiler.frontend.ranges import place_of
from opcompiler.ir import (
    Body,
    Combination,
    Direction,
    Extent,
    Functional,
    MultiIndex,
    OperatorSymbol,
)


@dataclass(frozen=True, slots=True)
class OpenSum:
    """A sum before its body is written as a program.

    Attributes:
        site: number of the open site whose directions run with it; `None` if it holds no
            derivatives that run.
        extents: of the indices.
        body: over functionals' dummies, canonical indices, components, leaves and other
            sums; one dummy alone for a bare sum.
    """

    site: int | None
    extents: tuple[Extent, ...]
    body: sp.Expr


class Contraction:
    """Contracts the sums of one set of equations.

    Args:
        held: what the dummies stand for.
        programs: writes coefficients.
        sites: get the directions.
        shared: whether sums over the same indices run together.

    Attributes:
        functionals: the dummy of each functional, open, in order of first need.
        sums: the dummy of each sum that is left, in order of first need.
    """

    def __init__(
        self, held: Held, programs: IndexedPrograms, sites: OpenSites, shared: bool
    ) -> None:
        self._held, self._programs, self._sites = held, programs, sites
        self._shared = shared
        self.functionals: dict[Functional, sp.Dummy] = {}
        self.sums: dict[OpenSum, sp.Dummy] = {}

    def read(self, expr: sp.Expr) -> sp.Expr:
        """Replaces held sums, and derivatives by fixed components, by dummies."""
        expr = self._held.merged(expr)
        found: dict[sp.Basic, sp.Expr] = {}
        for symbol in ordered(expr):
            if held := self._held.sum(symbol):
                found[symbol] = self._sum(held)
            elif (leaf := self._held.leaf(symbol)) and leaf.along:
                site = self._sites.at(leaf.arguments)
                found[symbol] = self._functional(leaf, site, [])
        return expr.xreplace(found)

    def argument(self, expr: sp.Expr) -> sp.Expr:
        """Returns an argument of a field likewise.

        Raises:
            OperatorError: for a sum in it that is not contracted to one derivative.
        """
        if not any(self._held.leaf(s) or self._held.sum(s) for s in expr.free_symbols):
            return expr
        value = self.read(expr)
        if value.has(*self.sums.values()):
            raise OperatorError(
                "the place of a field depends on a sum over the components of a vector",
                expression=printable(self._held.readable(expr)),
                hint="declare the vector with up to 10 components, or give the sum as a "
                "field of its own, with an equation",
            )
        return value

    def _sum(self, held: HeldSum) -> sp.Expr:
        limits = tuple(reversed(held.limits))
        inner = {s: h for s in ordered(held.body) if (h := self._held.sum(s))}
        body = held.body.xreplace({s: self._sum(h) for s, h in inner.items()})
        self._check_places(body)
        running = self._running(body)
        if not running:
            return self._add(None, limits, self._canonical(body, limits))
        factors = sp.Mul.make_args(body)
        if len(running) == 1 and running[0] in factors:
            rest = [f for f in factors if f is not running[0]]
            leaf = self._held.leaf(running[0])
            assert leaf is not None
            return self._linear(leaf, rest, limits)
        return self._nonlinear(body, running, limits)

    def _check_places(self, body: sp.Expr) -> None:
        for symbol in self._held.leaves(body):
            leaf = self._held.leaf(symbol)
            if leaf and any(map(self._held.indices, leaf.arguments)):
                raise OperatorError(
                    "the place of a field runs with the index of a sum",
                    expression=printable(self._held.readable(symbol)),
                    hint="declare the vector with up to 10 components, or write the terms "
                    "out: sum(u(x, t - k) for k in range(5))",
                )

    def _running(self, body: sp.Expr) -> list[sp.Symbol]:
        """Returns the leaves in a body that are differentiated by components."""
        leaves = ((s, self._held.leaf(s)) for s in self._held.leaves(body))
        found = (s for s, leaf in leaves if leaf and leaf.along)
        return sorted(found, key=lambda s: s.dummy_index)

    def _nonlinear(
        self, body: sp.Expr, running: list[sp.Symbol], limits: tuple[Limit, ...]
    ) -> sp.Expr:
        """A function of derivatives: all of its indices run."""
        leaves = {s: leaf for s in running if (leaf := self._held.leaf(s))}
        arguments = {leaf.arguments for leaf in leaves.values()}
        if len(arguments) > 1:
            raise OperatorError(
                "a sum over components multiplies derivatives at different points",
                expression=printable(self._held.readable(body)),
                hint="only derivatives at one evaluation point can stand in one term",
            )
        first = all(
            len(leaf.along) == 1 and not leaf.index.order for leaf in leaves.values()
        )
        # First derivatives by single components are the gradient: one reverse pass gives
        # every term, so drawing some of them would save nothing.
        gradient = first and len(limits) == 1
        draw = 0 if gradient else self._draw()
        site = self._sites.at(*arguments, _extents(limits), draw, gradient)
        names = self._names(limits)
        order = self._programs.canonical
        functionals = {
            symbol: self._functional(leaf.moved(leaf.arguments, names), site, order)
            for symbol, leaf in leaves.items()
        }
        body = self._canonical(body.xreplace(functionals), limits)
        return self._add(site, limits, body)

    def _linear(
        self, leaf: Leaf, factors: list[sp.Expr], limits: tuple[Limit, ...]
    ) -> sp.Expr:
        """Coefficients times one derivative: what can be is contracted."""
        contracted = self._contractible(leaf, factors, limits)
        kept = tuple(limit for limit in limits if limit[0] not in contracted)
        extents = _extents(kept)
        taken = {f for parts in contracted.values() for f in parts}
        rest = [f for f in factors if f not in taken]
        # A tangent for each contracted index, its coefficients perhaps in the kept ones.
        # It is one direction however many components it sums, so the index costs no push.
        tangents: dict[sp.Symbol, Direction] = {}
        ranges = {i: (a, b) for i, a, b in limits}
        for index, parts in contracted.items():
            ((place, number),) = [e for e in leaf.along if e[1].has(index)]
            _, shift = place_of(number, [index])
            indices = {i: ranges[i] for i, _, _ in kept} | {index: ranges[index]}
            body = self._programs.body([sp.Mul(*parts)], indices)
            tangents[index] = Combination(
                "", place, ranges[index], len(kept), shift, body
            )
        # A coefficient g^k before the k-th derivative is the length g of the direction:
        # then the sum is bare, and the push adds it up and keeps no term.
        scale = None
        orders = Counter(number for _, number in leaf.along)
        if len(kept) == len(orders) == 1 and rest and not self._holds_leaves(rest):
            (order,) = orders.values()
            roots = [_root(f, order) for f in rest]
            if all(root is not None for root in roots):
                indices = dict(zip([kept[0][0]], extents, strict=True))
                scale, rest = self._programs.body([sp.Mul(*roots)], indices), []
        site = self._sites.at(leaf.arguments, extents, self._draw() if kept else 0)
        order = [index for index, _, _ in kept]
        functional = self._functional(leaf, site, order, tangents, scale)
        if not kept:
            return sp.Mul(*rest) * functional
        body = self._canonical(sp.Mul(*rest), kept) * functional
        return self._add(site, kept, body)

    def _contractible(
        self, leaf: Leaf, factors: Sequence[sp.Expr], limits: tuple[Limit, ...]
    ) -> dict[sp.Symbol, list[sp.Expr]]:
        """Returns the indices that become a tangent each, with its coefficients."""
        found: dict[sp.Symbol, list[sp.Expr]] = {}
        # Coefficients of one tangent may run with other indices: those have to stay.
        needed: set[sp.Symbol] = set()
        for index, _, _ in limits:
            uses = [number for _, number in leaf.along if number.has(index)]
            mine = [f for f in factors if index in self._held.indices(f)]
            others = {i for f in mine for i in self._held.indices(f)} - {index}
            if (
                len(uses) == 1
                and not self._holds_leaves(mine)
                and index not in needed
                and not others & set(found)
            ):
                found[index] = mine
                needed |= others
        return found

    def _holds_leaves(self, factors: Sequence[sp.Expr]) -> bool:
        return any(self._held.leaves(factor) for factor in factors)

    def _functional(
        self,
        leaf: Leaf,
        site: int,
        order: Sequence[sp.Symbol],
        tangents: Mapping[sp.Symbol, Direction] | None = None,
        scale: Body | None = None,
    ) -> sp.Dummy:
        """Returns the dummy of a leaf as a functional of a site.

        Args:
            leaf: one derivative.
            site: number of the open site.
            order: the indices that run there, the first, the second, ...
            tangents: the directions of contracted indices.
            scale: the length of the one direction that runs.
        """
        host = self._sites[site]
        powers: Counter[int] = Counter()
        for place, number in leaf.along:
            tangent = [d for i, d in (tangents or {}).items() if number.has(i)]
            if tangent:
                direction = tangent[0]
            else:
                index, shift = place_of(number, order)
                length = None if index is None else scale
                direction = component(host.arguments, place, index, shift, scale=length)
            powers[host.number(direction)] += 1
        for place, power in leaf.index.powers.items():
            powers[host.argument(place)] += power
        symbol = OperatorSymbol.partial(MultiIndex.of(OPEN, powers))
        functional = Functional(leaf.field, site, symbol)
        dummy = sp.Dummy(f"wanted_{len(self.functionals)}")
        return self.functionals.setdefault(functional, dummy)

    def _draw(self) -> int:
        """Returns the number of a sum's draw: sums over the same indices share one."""
        return 0 if self._shared else len(self.sums)

    def _names(self, limits: tuple[Limit, ...]) -> dict[sp.Symbol, sp.Symbol]:
        indices = [index for index, _, _ in limits]
        return dict(zip(indices, self._programs.canonical, strict=False))

    def _canonical(self, body: sp.Expr, limits: tuple[Limit, ...]) -> sp.Expr:
        """Names indices by their place in the sum, so that equal sums are equal."""
        return self._held.moved(body, self._names(limits))

    def _add(
        self, site: int | None, limits: tuple[Limit, ...], body: sp.Expr
    ) -> sp.Dummy:
        dummy = sp.Dummy(f"sum_{len(self.sums)}")
        return self.sums.setdefault(OpenSum(site, _extents(limits), body), dummy)


def _extents(limits: Sequence[Limit]) -> tuple[Extent, ...]:
    return tuple((a, b) for _, a, b in limits)


def _root(factor: sp.Expr, order: int) -> sp.Expr | None:
    """Returns g of a factor $g^k$, written as a power with a whole exponent."""
    base, exponent = factor.as_base_exp()
    if exponent.is_Integer and int(exponent) % order == 0:
        return base ** (int(exponent) // order)
    return None
