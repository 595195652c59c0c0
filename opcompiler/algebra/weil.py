r"""Graded Weil algebras by structure constants: what a Taylor channel is.

A value in the algebra is $\hat u = \sum_b u_b\,\varepsilon_b$. Channel 0 is the unit
(the plain value); every other channel has a degree of at least 1 and is nilpotent. The
product of two values is

$$ (u w)_k = u_0 w_k + u_k w_0 + \sum_{ij} C^k_{ij}\, u_i w_j . $$

See `docs/theory.md`, section 3.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import Any

from opcompiler.algebra.elimination import Echelon
from opcompiler.algebra.quadratic import Exact

Tangent = tuple[tuple[int, Exact], ...]
"""A sparse vector over a function's arguments: (argument, component), zeros left out."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One coefficient that travels with the value.

    Attributes:
        degree: the grade; 0 only for the unit.
        label: what the channel holds, for people.
        count: number of directions of a *family*: channels alike but for their
            direction, held as one array with one axis more. 1 for a single channel.
    """

    degree: int
    label: str
    count: int = 1


Constant = Fraction | tuple[Fraction, ...]
"""A structure constant; one per direction where families take part and they differ."""


@dataclass(frozen=True)
class TaylorAlgebra:
    r"""A commutative graded algebra with nilpotent part.

    Attributes:
        channels: the basis, sorted by degree; the first is the unit.
        products: the structure constants `(i, j, k, c)` with `1 <= i <= j`, meaning
            $\varepsilon_i \varepsilon_j \ni c\,\varepsilon_k$; the unit's are implied.
            A family times a family, or times a single channel, acts direction by
            direction; into a single channel the directions are summed.
        blocks: the algebra whose channels of degree d are, as rows of one array, channel
            d of this one; see `by_degree`.
    """

    channels: tuple[Channel, ...]
    products: tuple[tuple[int, int, int, Constant], ...]
    blocks: "TaylorAlgebra | None" = None

    @property
    def size(self) -> int:
        """Number of channels, the unit included."""
        return len(self.channels)

    @cached_property
    def order(self) -> int:
        """The highest degree."""
        return max(channel.degree for channel in self.channels)

    @cached_property
    def has_families(self) -> bool:
        """Whether any channel stands for several."""
        return any(channel.count > 1 for channel in self.channels)

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        """Number of channels of degree 0, 1, 2, ... (the Hilbert function)."""
        counts = [0] * (self.order + 1)
        for channel in self.channels:
            counts[channel.degree] += 1
        return tuple(counts)

    def of_degree(self, degree: int) -> tuple[int, ...]:
        """Returns the channels of one degree."""
        return self._by_degree[degree]

    @cached_property
    def _by_degree(self) -> dict[int, tuple[int, ...]]:
        found: dict[int, list[int]] = {d: [] for d in range(self.order + 1)}
        for place, channel in enumerate(self.channels):
            found[channel.degree].append(place)
        return {d: tuple(places) for d, places in found.items()}

    @cached_property
    def entries(self) -> dict[int, tuple[tuple[int, int, Constant], ...]]:
        """The ordered pairs `(i, j, c)` that feed each channel, the unit left out."""
        found: dict[int, list[tuple[int, int, Constant]]] = defaultdict(list)
        for i, j, k, c in self.products:
            found[k].append((i, j, c))
            if i != j:
                found[k].append((j, i, c))
        return {k: tuple(found[k]) for k in range(self.size)}

    @cached_property
    def constants(self) -> int:
        """Number of structure constants, over ordered pairs without the unit."""
        return sum(map(len, self.entries.values()))

    @cached_property
    def with_unit(self) -> dict[int, tuple[tuple[int, int, Constant], ...]]:
        """The ordered pairs that feed each channel, those with the unit first."""
        one = Fraction(1)
        above = {
            k: ((0, k, one), (k, 0, one), *self.entries[k]) for k in range(1, self.size)
        }
        return {0: ((0, 0, one),), **above}

    @cached_property
    def derivations(self) -> tuple[dict[int, Any], ...]:
        r"""By channel the weights of the derivation with the fewest products there.

        Weights w of the channels are a derivation $D\varepsilon_i = w_i\varepsilon_i$ if
        $w_i + w_j = w_k$ wherever $\varepsilon_i\varepsilon_j$ holds $\varepsilon_k$. The
        degree is one, Euler's; the number of factors y in $x^a y^b$ is another. Zeros are
        left out.
        """
        equations: Echelon[int, int] = Echelon()
        for i, j, k, _ in self.products:
            sides = Counter((i, j))
            sides[k] -= 1
            equations.add(sides, {})
        # Each channel that no product decides on has weight 1 in one of them, 0 in others.
        euler = {k: channel.degree for k, channel in enumerate(self.channels)}
        others: dict[int, dict[int, Any]] = defaultdict(dict)
        for k in range(1, self.size):
            row, _ = equations.rows.get(k, ({k: -1}, {}))
            for free in row.keys() - equations.rows.keys():
                others[free][k] = -row[free]
        if len(others) == 1:
            return (euler,) * self.size

        def fewest(k: int) -> dict[int, Any]:
            known = [euler, *(weights for weights in others.values() if k in weights)]
            firsts = [i for i, _, _ in self.entries[k]]
            return min(known, key=lambda weights: sum(i in weights for i in firsts))

        return tuple(map(fewest, range(self.size)))

    def share(self, i: int, k: int) -> Fraction:
        r"""Returns $w_i/w_k$ of channel k's derivation: $y_k = \sum (w_i/w_k)\, u_i z_j$.

        That is $D y = z\, D u$ for y of which z is the derivative by u.
        """
        weights = self.derivations[k]
        return Fraction(weights.get(i, 0)) / Fraction(weights[k])

    @cached_property
    def table(self) -> dict[tuple[int, int], tuple[tuple[int, Constant], ...]]:
        """What each ordered pair of channels feeds: `(i, j)` to its `(k, c)`."""
        found: dict[tuple[int, int], list[tuple[int, Constant]]] = defaultdict(list)
        for k, entries in self.entries.items():
            for i, j, c in entries:
                found[i, j].append((k, c))
        return {pair: tuple(terms) for pair, terms in found.items()}

    @cached_property
    def by_degree(self) -> "TaylorAlgebra":
        """The same algebra in another layout: one channel of rows per degree.

        It multiplies as jets in one variable do, only that the product of two channels is
        a sum over a table (`between_degrees`), so that whatever is solved degree by degree
        is solved by the same steps.
        """
        line = univariate(self.order)
        return TaylorAlgebra(line.channels, line.products, self)

    @cached_property
    def between_degrees(
        self,
    ) -> dict[tuple[int, int], tuple[tuple[int, int, int, Constant], ...]]:
        """The products of degree p and degree q: `(p, q)` to `(i, j, k, c)`.

        Channels are counted within their degree.
        """
        place = {k: n for d in self._by_degree.values() for n, k in enumerate(d)}
        degree = [channel.degree for channel in self.channels]
        found: dict[Any, list[tuple[int, int, int, Constant]]] = defaultdict(list)
        for k, entries in self.with_unit.items():
            for i, j, c in entries:
                rows = (place[i], place[j], place[k], c)
                found[degree[i], degree[j]].append(rows)
        return {pair: tuple(terms) for pair, terms in found.items()}

    def truncated(self, order: int) -> "TaylorAlgebra":
        """Returns the quotient by all degrees above `order`.

        Channels are sorted by degree, so the first ones keep their numbers.
        """
        return self._truncations[order]

    @cached_property
    def _truncations(self) -> dict[int, "TaylorAlgebra"]:
        def cut(order: int) -> TaylorAlgebra:
            if order >= self.order:
                return self
            kept = tuple(c for c in self.channels if c.degree <= order)
            products = tuple(p for p in self.products if p[2] < len(kept))
            return TaylorAlgebra(kept, products)

        return {order: cut(order) for order in range(self.order + 1)}


def univariate(order: int) -> TaylorAlgebra:
    r"""The algebra $R[\varepsilon]/\varepsilon^{n+1}$ of univariate jets."""
    channels = tuple(Channel(k, f"t^{k}" if k else "1") for k in range(order + 1))
    products = tuple(
        (i, j, i + j, Fraction(1))
        for i in range(1, order)
        for j in range(i, order + 1 - i)
    )
    return TaylorAlgebra(channels, products)


def dual_numbers(count: int) -> TaylorAlgebra:
    """Returns the product of `count` dual numbers; channels are sets of them."""
    sets = [
        frozenset(s) for k in range(count + 1) for s in combinations(range(count), k)
    ]
    place = {s: i for i, s in enumerate(sets)}
    channels = tuple(
        Channel(len(s), "".join(f"e{i + 1}" for i in sorted(s)) or "1") for s in sets
    )
    products = tuple(
        (place[a], place[b], place[a | b], Fraction(1))
        for a in sets[1:]
        for b in sets[1:]
        if place[a] <= place[b] and not a & b
    )
    return TaylorAlgebra(channels, products)
