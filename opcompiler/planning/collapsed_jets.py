r"""Many univariate jets in one algebra, their top orders summed where nobody needs each.

A jet along $v$ has the channels $u_j = D^j u[v^j]/j!$, $j = 1 \dots k$, and
$(u w)_j = \sum_i u_i w_{j-i}$. If of the order $k$ only $s = \sum_r c_r u^{(r)}_k$ is
wanted, the recursion for $s$ needs the lower orders of every jet but none of order $k$:

$$ (u w)_s = u_0 w_s + u_s w_0 + \sum_r c_r \sum_{i=1}^{k-1} u^{(r)}_i w^{(r)}_{k-i}, $$

so one summed channel stands for all, $1 + R(k-1) + 1$ channels instead of $1 + R k$.
Source: Collapsing Taylor Mode Automatic Differentiation, arXiv 2505.13644.

A jet may have its coefficients in a number field (`Strand`); then each order has one
channel per element of the field's basis.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from opcompiler.core.algebra import Channel, TaylorAlgebra
from opcompiler.core.apolar import Tangent
from opcompiler.core.multiindex import argument_name
from opcompiler.core.quadratic import Exact
from opcompiler.core.symbol import linear_text


@dataclass(frozen=True, slots=True)
class Strand:
    """One univariate jet with coefficients in a number field.

    Attributes:
        seeds: the direction, one tangent per element of the field's basis.
        products: `products[a][b]` is the product of two basis elements, in the basis.
    """

    seeds: tuple[Tangent, ...]
    products: tuple[tuple[tuple[Fraction, ...], ...], ...] = (((Fraction(1),),),)

    @property
    def size(self) -> int:
        """Channels per order."""
        return len(self.seeds)


@dataclass(frozen=True)
class Wanted:
    """A number to be read off: weighted powers of one order.

    Attributes:
        order: the power.
        weights: for a strand, what each of its parts counts.
    """

    order: int
    weights: Mapping[int, tuple[Exact, ...]]


class CollapsedJets:
    """The algebra of some jets from which given sums of powers can be read.

    Args:
        strands: the jets; each is carried as far as it is needed.
        wanted: what is read.
        arguments: names of the function's arguments, for labels.
    """

    def __init__(
        self,
        strands: Sequence[Strand],
        wanted: Sequence[Wanted],
        arguments: Sequence[str],
    ) -> None:
        self._strands = strands
        self._wanted = wanted
        self._arguments = arguments
        self._lengths, self._collapsed = _tops(strands, wanted)
        keys = [
            (order, strand, part)
            for strand, length in enumerate(self._lengths)
            for order in range(1, length + 1)
            for part in range(strands[strand].size)
        ]
        keys += [(wanted[w].order, len(strands), w) for w in self._collapsed]
        self._place = {key: n for n, key in enumerate(sorted(keys), 1)}

    @property
    def size(self) -> int:
        """Number of channels, the unit included."""
        return len(self._place) + 1

    @cached_property
    def algebra(self) -> TaylorAlgebra:
        """The structure constants."""
        channels = [Channel(0, "1")]
        channels += [Channel(key[0], self._label(*key)) for key in self._place]
        total: dict[tuple[int, int, int], Fraction] = defaultdict(Fraction)
        for i, j, k, c in self._products():
            total[min(i, j), max(i, j), k] += c
        products = tuple((*at, c) for at, c in sorted(total.items()) if c)
        return TaylorAlgebra(tuple(channels), products)

    def _products(self) -> Iterator[tuple[int, int, int, Fraction]]:
        for number in range(len(self._strands)):
            length = self._lengths[number]
            for order in range(2, 2 * length + 1):
                for i, j, shares in self._pairs(number, order):
                    if order <= length:
                        for part, c in enumerate(shares):
                            yield i, j, self._place[order, number, part], c
            for w, scale in self._collapsed.items():
                if number in self._summed[w]:
                    wanted = self._wanted[w]
                    to = self._place[wanted.order, len(self._strands), w]
                    weights = [c / scale for c in wanted.weights[number]]
                    for i, j, shares in self._pairs(number, wanted.order):
                        yield i, j, to, _dot(weights, shares)

    def _pairs(
        self, number: int, order: int
    ) -> Iterator[tuple[int, int, tuple[Fraction, ...]]]:
        """Yields the pairs of channels of one strand whose orders add up to this."""
        strand, length = self._strands[number], self._lengths[number]
        for low in range(max(1, order - length), order // 2 + 1):
            for a in range(strand.size):
                for b in range(a if 2 * low == order else 0, strand.size):
                    i = self._place[low, number, a]
                    j = self._place[order - low, number, b]
                    yield i, j, strand.products[a][b]

    @cached_property
    def _summed(self) -> dict[int, set[int]]:
        """For each collapsed sum the strands that do not carry their own top order."""
        return {
            w: {s for s in one.weights if self._lengths[s] < one.order}
            for w, one in enumerate(self._wanted)
            if w in self._collapsed
        }

    def seeds(self) -> tuple[Tangent, ...]:
        """Returns the tangent of each channel; only those of order one have any."""
        first = (
            self._strands[strand].seeds[part]
            if order == 1 and strand < len(self._strands)
            else ()
            for order, strand, part in self._place
        )
        return ((), *first)

    def readout(self, w: int) -> list[tuple[int, Exact]]:
        """Returns a wanted number as a combination of channels."""
        wanted = self._wanted[w]
        factor = math.factorial(wanted.order)
        terms: list[tuple[int, Exact]] = [
            (self._place[wanted.order, strand, part], c * factor)
            for strand, weights in wanted.weights.items()
            if self._lengths[strand] >= wanted.order
            for part, c in enumerate(weights)
            if c
        ]
        if w in self._collapsed:
            channel = self._place[wanted.order, len(self._strands), w]
            terms.append((channel, self._collapsed[w] * factor))
        return sorted(terms, key=lambda term: term[0])

    def _label(self, order: int, strand: int, part: int) -> str:
        if strand == len(self._strands):
            return f"sum of {len(self._summed[part])} jets, order {order}"
        below = "" if order < 2 else f"/{math.factorial(order)}"
        power = "" if order < 2 else f"^{order}"
        if self._strands[strand].size > 1:
            return f"z{strand}{power}{below}, part {part + 1}"
        seed = self._strands[strand].seeds[0]
        vector = linear_text((argument_name(self._arguments, i), c) for i, c in seed)
        several = len(seed) > 1 and order > 1
        return f"({vector}){power}{below}" if several else f"{vector}{power}{below}"


def _dot(weights: Sequence[Exact], shares: Sequence[Fraction]) -> Fraction:
    total = sum((w * s for w, s in zip(weights, shares, strict=True)), Fraction(0))
    assert isinstance(total, Fraction)
    return total


def _tops(
    strands: Sequence[Strand], wanted: Sequence[Wanted]
) -> tuple[list[int], dict[int, Exact]]:
    """Decides which jets carry their own top order, and which sums are collapsed.

    Returns:
        The number of orders each strand carries, and for each collapsed sum the common
        factor of its weights.
    """
    lengths = [0] * len(strands)
    collapsed: dict[int, Exact] = {}
    for order in sorted({w.order for w in wanted}, reverse=True):
        ends = {
            number: {s for s in one.weights if lengths[s] < order}
            for number, one in enumerate(wanted)
            if one.order == order
        }
        sums, alone = _cover(strands, wanted, ends, order)
        for s in set[int]().union(*ends.values()):
            lengths[s] = max(lengths[s], order if s in alone else order - 1)
        for number in sums:
            if rest := ends[number] - alone:
                collapsed[number] = _common_factor(wanted[number], rest)
    return lengths, collapsed


def _cover(
    strands: Sequence[Strand],
    wanted: Sequence[Wanted],
    ends: Mapping[int, set[int]],
    order: int,
) -> tuple[set[int], set[int]]:
    """Returns the sums to collapse and the strands to carry to the top, at one order.

    Every strand that a sum needs must be one or the sum the other: a vertex cover.
    """
    alone: set[int] = set()
    for number, strands_of_one in ends.items():
        # Structure constants are rational; of order one there is nothing to collapse.
        alike = _commensurable(wanted[number], strands_of_one) if order > 1 else set()
        alone |= strands_of_one - alike
    rest = {number: found - alone for number, found in ends.items() if found - alone}
    fields = {n for n, found in rest.items() if any(strands[s].size > 1 for s in found)}
    sums, own = vertex_cover({n: e for n, e in rest.items() if n not in fields})
    return sums | fields, alone | own


def _commensurable(wanted: Wanted, strands: set[int]) -> set[int]:
    """Returns the largest set of strands whose weights have rational ratios."""
    classes: list[tuple[Exact, set[int]]] = []
    for s in sorted(strands):
        first = next(c for c in wanted.weights[s] if c)
        for reference, members in classes:
            if all(isinstance(c / reference, Fraction) for c in wanted.weights[s]):
                members.add(s)
                break
        else:
            classes.append((first, {s}))
    return max((members for _, members in classes), key=len, default=set[int]())


def _common_factor(wanted: Wanted, strands: set[int]) -> Exact:
    """Returns the factor that leaves coprime integers as weights."""
    weights = [c for s in sorted(strands) for c in wanted.weights[s] if c]
    ratios = [c / weights[0] for c in weights]
    rational = [c for c in ratios if isinstance(c, Fraction)]
    common = math.lcm(*(c.denominator for c in rational))
    return weights[0] * Fraction(math.gcd(*(int(c * common) for c in rational)), common)


def vertex_cover(edges: Mapping[int, set[int]]) -> tuple[set[int], set[int]]:
    """Returns the fewest vertices of a bipartite graph that touch every edge.

    By Kőnig's theorem from a largest matching; on a tie the right-hand side is taken.

    Args:
        edges: for a vertex on the left its neighbours on the right.

    Returns:
        The vertices chosen on the left, and on the right.
    """
    partner: dict[int, int] = {}

    def augment(left: int, seen: set[int]) -> bool:
        for right in sorted(edges[left] - seen):
            seen.add(right)
            if right not in partner or augment(partner[right], seen):
                partner[right] = left
                return True
        return False

    for left in edges:
        augment(left, set())
    right_side = {right for ends in edges.values() for right in ends}
    back: dict[int, set[int]] = defaultdict(set)
    for left, ends in edges.items():
        for right in ends:
            back[right].add(left)
    # Alternating paths from the free vertices on the right: what they reach on the left
    # is in the cover, and so is what they do not reach on the right.
    match_of = {left: right for right, left in partner.items()}
    pending = [right for right in right_side if right not in partner]
    reached_right, reached_left = set(pending), set[int]()
    while pending:
        for left in back[pending.pop()] - reached_left:
            reached_left.add(left)
            if match_of[left] not in reached_right:
                reached_right.add(match_of[left])
                pending.append(match_of[left])
    return reached_left, right_side - reached_right
