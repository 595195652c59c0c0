r"""Held sums become templates: operators in a few directions that run with indices.

What need not run does not. An index by which a leaf is differentiated once is *contracted*:
$\sum_i b_i \partial_i u$ is one derivative along the tangent b, and
$\sum_{ijk} \sigma_{ik} \sigma_{jk} \partial_i \partial_j u$ runs with k alone, along the
columns of $\sigma$. A coefficient $g_i^k$ of $\partial_i^k$ becomes the length of the
direction. Of nonlinear terms in first derivatives alone, $\sum_i g(x_i, \partial_i u)$, one
reverse pass gives all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.frontend.bodies import Bodies, place_of
from opcompiler.frontend.expand import Leaf, Leaves
from opcompiler.frontend.held_sums import HeldSum, Limit
from opcompiler.frontend.naming import ordered, printable
from opcompiler.ir import (
    Argument,
    Combination,
    Component,
    Direction,
    Extent,
)

Key = tuple[tuple[sp.Expr, ...], tuple[Extent, ...], int, bool]
"""Evaluation point, extents of the indices, number of the draw, whether a gradient."""

Counts = tuple[tuple[int, int], ...]
"""Orders by direction number: what becomes a multi-index."""


@dataclass
class Draft:
    """A template while its directions are being found."""

    key: Key
    directions: list[Direction] = field(default_factory=list)

    def number(self, direction: Direction) -> int:
        """Returns the number of a direction, a new one if need be."""
        if direction not in self.directions:
            self.directions.append(direction)
        return self.directions.index(direction)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A functional while its template is a draft."""

    key: Key
    field: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class DraftSum:
    """A sum over a template's indices, or over all if there is no template.

    Attributes:
        key: of the template.
        extents: of the indices.
        body: an expression in the symbols of what is wanted, canonical indices,
            components, unindexed leaves; one such symbol alone for a bare sum.
    """

    key: Key | None
    extents: tuple[Extent, ...]
    body: sp.Expr


class Templates:
    """Reads held sums into drafts of templates.

    Attributes:
        drafts: by key, in order of first need.
        wanted: the symbol of each functional of a template.
        sums: the symbol of each sum.
    """

    def __init__(self, leaves: Leaves, bodies: Bodies, shared: bool = True) -> None:
        self._leaves = leaves
        self._shared = shared
        self._bodies = bodies
        self.drafts: dict[Key, Draft] = {}
        self.wanted: dict[Wanted, sp.Dummy] = {}
        self.sums: dict[DraftSum, sp.Dummy] = {}

    def read(self, expr: sp.Expr) -> sp.Expr:
        """Replaces held sums, and derivatives by fixed components, by symbols."""
        expr = self._leaves.sums.merged(expr)
        found: dict[sp.Basic, sp.Expr] = {}
        for symbol in ordered(expr):
            if symbol in self._leaves.sums:
                found[symbol] = self._sum(self._leaves.sums[symbol])
            elif symbol in self._leaves and self._leaves[symbol].along:
                leaf = self._leaves[symbol]
                found[symbol] = self._want((leaf.arguments, (), 0, False), leaf, {}, {})
        return expr.xreplace(found)

    def _sum(self, held: HeldSum) -> sp.Expr:
        limits = tuple(reversed(held.limits))
        inner = [s for s in ordered(held.body) if s in self._leaves.sums]
        body = held.body.xreplace({s: self._sum(self._leaves.sums[s]) for s in inner})
        running = self._running(body)
        factors = sp.Mul.make_args(body)
        if not running:
            return self._add_sum(None, limits, body)
        lone = len(running) == 1 and running[0] in factors
        if lone:
            rest = [f for f in factors if f is not running[0]]
            return self._linear(self._leaves[running[0]], rest, limits)
        return self._nonlinear(body, running, limits)

    def _draw(self) -> int:
        """Returns the number of a sum's draw: sums over the same indices share one."""
        return 0 if self._shared else len(self.sums)

    def _running(self, body: sp.Expr) -> list[sp.Symbol]:
        """Returns the leaves in a body that are differentiated by components."""
        found = (s for s in body.free_symbols if s in self._leaves)
        return sorted(
            (s for s in found if self._leaves[s].along), key=lambda s: s.dummy_index
        )

    def _nonlinear(
        self, body: sp.Expr, running: list[sp.Symbol], limits: tuple[Limit, ...]
    ) -> sp.Expr:
        leaves = [self._leaves[s] for s in running]
        arguments = {leaf.arguments for leaf in leaves}
        if len(arguments) > 1:
            raise OperatorError(
                "a sum over components multiplies derivatives at different points",
                expression=printable(self._leaves.sums.readable(body)),
                hint="only derivatives at one evaluation point can stand in one term",
            )
        first = all(len(leaf.along) == 1 and not leaf.index.order for leaf in leaves)
        gradient = first and len(limits) == 1
        draw = 0 if gradient else self._draw()
        key = (leaves[0].arguments, _extents(limits), draw, gradient)
        canonical = self._canonical(limits)
        names = {
            symbol: self._want(key, leaf.renamed(canonical), {}, {})
            for symbol, leaf in zip(running, leaves, strict=True)
        }
        renamed = self._leaves.sums.renamed(body.xreplace(names), canonical)
        return self._add_sum(key, limits, renamed, renamed=True)

    def _linear(
        self, leaf: Leaf, factors: list[sp.Expr], limits: tuple[Limit, ...]
    ) -> sp.Expr:
        contracted = self._contractible(leaf, factors, limits)
        kept = tuple(limit for limit in limits if limit[0] not in contracted)
        canonical = self._canonical(kept)
        rest = [
            f for f in factors if not any(f in part for part in contracted.values())
        ]
        key = (leaf.arguments, _extents(kept), self._draw() if kept else 0, False)
        tangents = {
            index: self._combination(leaf, index, parts, limits, kept)
            for index, parts in contracted.items()
        }
        scales, rest = self._absorbed(leaf, rest, kept)
        wanted = self._want(key, leaf, tangents, scales, canonical)
        if not kept:
            return sp.Mul(*rest) * wanted
        body = self._leaves.sums.renamed(sp.Mul(*rest), canonical) * wanted
        return self._add_sum(key, kept, body, renamed=True)

    def _contractible(
        self, leaf: Leaf, factors: Sequence[sp.Expr], limits: tuple[Limit, ...]
    ) -> dict[sp.Symbol, list[sp.Expr]]:
        """Returns the indices that become a tangent each, with its coefficients."""
        found: dict[sp.Symbol, list[sp.Expr]] = {}
        needed: set[sp.Symbol] = set()
        indices = self._leaves.sums.indices
        for index, _, _ in limits:
            uses = [number for _, number in leaf.along if number.has(index)]
            mine = [f for f in factors if index in indices(f)]
            others = {i for f in mine for i in indices(f)} - {index}
            free = not any(s in self._leaves for f in mine for s in f.free_symbols)
            if (
                len(uses) == 1
                and free
                and index not in needed
                and not others & set(found)
            ):
                found[index] = mine
                needed |= others
        return found

    def _combination(
        self,
        leaf: Leaf,
        index: sp.Symbol,
        parts: list[sp.Expr],
        limits: tuple[Limit, ...],
        kept: tuple[Limit, ...],
    ) -> Combination:
        ((place, number),) = [e for e in leaf.along if e[1].has(index)]
        _, shift = place_of(number, [index])
        (extent,) = [(a, b) for i, a, b in limits if i == index]
        indices = {i: (a, b) for i, a, b in kept} | {index: extent}
        body = self._bodies.body([sp.Mul(*parts)], indices)
        return Combination("", place, extent, len(kept), shift, body)

    def _absorbed(
        self, leaf: Leaf, factors: list[sp.Expr], kept: tuple[Limit, ...]
    ) -> tuple[dict[sp.Symbol, sp.Expr], list[sp.Expr]]:
        r"""Takes $g^k$ before $\partial_i^k$ into the direction, as its length g."""
        orders = Counter(number for _, number in leaf.along)
        if len(kept) != 1 or len(orders) != 1 or not factors:
            return {}, factors
        ((_, order),) = orders.items()
        roots = [_root(f, order) for f in factors]
        plain = not any(s in self._leaves for f in factors for s in f.free_symbols)
        if not plain or any(root is None for root in roots):
            return {}, factors
        return {kept[0][0]: sp.Mul(*roots)}, []

    def _want(
        self,
        key: Key,
        leaf: Leaf,
        tangents: Mapping[sp.Symbol, Combination],
        scales: Mapping[sp.Symbol, sp.Expr],
        canonical: Mapping[sp.Symbol, sp.Symbol] | None = None,
    ) -> sp.Dummy:
        """Returns the symbol of a leaf as a functional of a template."""
        draft = self.drafts.setdefault(key, Draft(key))
        counts: Counter[int] = Counter()
        for place, number in leaf.along:
            counts[
                draft.number(
                    self._direction(place, number, tangents, scales, canonical, key[1])
                )
            ] += 1
        for place, order in leaf.index.powers.items():
            label = str(leaf.arguments[place])
            counts[draft.number(Argument(label, place))] += order
        wanted = Wanted(key, leaf.field, tuple(sorted(counts.items())))
        return self.wanted.setdefault(wanted, sp.Dummy(f"wanted_{len(self.wanted)}"))

    def _direction(
        self,
        place: int,
        number: sp.Expr,
        tangents: Mapping[sp.Symbol, Combination],
        scales: Mapping[sp.Symbol, sp.Expr],
        canonical: Mapping[sp.Symbol, sp.Symbol] | None,
        extents: tuple[Extent, ...],
    ) -> Direction:
        for index, tangent in tangents.items():
            if number.has(index):
                return tangent
        order = list(canonical) if canonical else self._bodies.canonical
        index, shift = place_of(number, order)
        scale = None
        if index is not None and order[index] in scales:
            indices = dict(zip(order, extents, strict=False))
            scale = self._bodies.body([scales[order[index]]], indices)
        return Component("", place, index, shift, scale)

    def _canonical(self, limits: tuple[Limit, ...]) -> dict[sp.Symbol, sp.Symbol]:
        return {
            limit[0]: c
            for limit, c in zip(limits, self._bodies.canonical, strict=False)
        }

    def _add_sum(
        self,
        key: Key | None,
        limits: tuple[Limit, ...],
        body: sp.Expr,
        renamed: bool = False,
    ) -> sp.Dummy:
        if not renamed:
            body = self._leaves.sums.renamed(body, self._canonical(limits))
        draft = DraftSum(key, _extents(limits), body)
        return self.sums.setdefault(draft, sp.Dummy(f"sum_{len(self.sums)}"))


def _extents(limits: Sequence[Limit]) -> tuple[Extent, ...]:
    return tuple((a, b) for _, a, b in limits)


def _root(factor: sp.Expr, order: int) -> sp.Expr | None:
    """Returns g of a factor $g^k$, written as a power with a whole exponent."""
    base, exponent = factor.as_base_exp()
    if exponent.is_Integer and int(exponent) % order == 0:
        return base ** (int(exponent) // order)
    return None
