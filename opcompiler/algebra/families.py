r"""Families: many channels that differ only in their direction, held as one.

In the algebra of a Laplacian every $\varepsilon_i$ multiplies itself alone, and all
squares fall into one channel. One channel with an axis of directions then stands for
all of them, and its square is summed over that axis.

In: an algebra. Out: a `Folding`, the algebra with families and where each channel went.

    1, e1 ... e50, s, where ei ei = s   ->   1, e (a family of 50), s, where sum(e e) = s

Folding changes the layout of a push and nothing else. A family is one array in one matrix
product instead of 50; that is why it pays, and why the proof of a plan never sees it.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from opcompiler.algebra.weil import Channel, Constant, TaylorAlgebra
from opcompiler.errors import OperatorError

_Key = tuple[tuple[str, int], ...]
"""An entry as one direction sees it: ("own", place) or ("single", channel), thrice."""


@dataclass(frozen=True)
class Folding:
    """An algebra with its families folded, and where each channel went.

    Attributes:
        explicit: the algebra as it was.
        folded: the same with families.
        places: for every explicit channel its folded channel and its position along
            the family's axis (0 for a single channel).
    """

    explicit: TaylorAlgebra
    folded: TaylorAlgebra
    places: tuple[tuple[int, int], ...]

    def members(self, channel: int) -> tuple[int, ...]:
        """Returns the explicit channels of a folded one, in the order of its axis."""
        found = [(at, k) for k, (to, at) in enumerate(self.places) if to == channel]
        return tuple(k for _, k in sorted(found))


def fold(algebra: TaylorAlgebra, at_least: int) -> Folding | None:
    """Folds the largest set of like directions; `None` if it has too few.

    Args:
        algebra: an algebra without families.
        at_least: the smallest family worth an axis.
    """
    owners = _owners(algebra)
    if owners is None:
        return None
    # Directions are alike if their channels have the same degrees and the same products by
    # local name. The constants may differ: then they are kept as one tuple per product.
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    views = {r: _view(algebra, owners, r) for r in set(owners.values())}
    for direction, (degrees, view) in sorted(views.items()):
        groups[degrees, frozenset(view)].append(direction)
    directions = max(groups.values(), key=len, default=[])
    if len(directions) < at_least:
        return None
    return _folded(algebra, owners, directions, views)


def narrowed(folding: Folding, start: int, stop: int) -> Folding:
    """Returns the folding of the family's directions `start` to `stop` alone.

    Args:
        folding: with all directions.
        start: the first place along the family's axis.
        stop: the place behind the last, at least two further.
    """
    before = folding.folded.channels
    kept = [
        k
        for k, (channel, at) in enumerate(folding.places)
        if before[channel].count == 1 or start <= at < stop
    ]
    number = {k: n for n, k in enumerate(kept)}
    explicit = TaylorAlgebra(
        tuple(folding.explicit.channels[k] for k in kept),
        tuple(
            (number[i], number[j], number[k], c)
            for i, j, k, c in folding.explicit.products
            if i in number and j in number and k in number
        ),
    )
    channels = tuple(
        replace(channel, count=stop - start) if channel.count > 1 else channel
        for channel in before
    )
    products = tuple(
        (i, j, k, c[start:stop] if isinstance(c, tuple) else c)
        for i, j, k, c in folding.folded.products
    )
    places = (folding.places[k] for k in kept)
    return Folding(
        explicit,
        TaylorAlgebra(channels, products),
        tuple(
            (channel, at - start if before[channel].count > 1 else 0)
            for channel, at in places
        ),
    )


@lru_cache(maxsize=256)
def written_out(algebra: TaylorAlgebra) -> Folding:
    """Returns the folding of an algebra that was given with families from the start."""
    first: list[int] = []
    channels: list[Channel] = []
    for channel in algebra.channels:
        first.append(len(channels))
        channels += [replace(channel, count=1)] * channel.count
    products: list[tuple[int, int, int, Constant]] = []
    for *numbers, c in algebra.products:
        counts = [algebra.channels[k].count for k in numbers]
        for r in range(max(counts)):
            i, j, k = (
                first[k] + (r if count > 1 else 0)
                for k, count in zip(numbers, counts, strict=True)
            )
            products.append((*_sorted(i, j), k, c[r] if isinstance(c, tuple) else c))
    places = tuple(
        (number, at)
        for number, channel in enumerate(algebra.channels)
        for at in range(channel.count)
    )
    return Folding(TaylorAlgebra(tuple(channels), tuple(products)), algebra, places)


def summed_channels(algebra: TaylorAlgebra) -> frozenset[int]:
    """Returns the single channels that grow by what a family gives.

    Raises:
        OperatorError: if they are multiplied by each other or by a family.
    """
    family = {k for k, channel in enumerate(algebra.channels) if channel.count > 1}
    summed: set[int] = set()
    for i, j, k, _ in sorted(algebra.products, key=lambda p: p[2]):
        factors = {i, j}
        if k not in family and factors & (family | summed):
            summed.add(k)
        if factors & summed and factors <= family | summed:
            raise OperatorError(
                "the operator does not split into a sum over its directions",
                expression=f"({algebra.channels[i].label}) * "
                f"({algebra.channels[j].label})",
                hint="leave chunk out: this operator couples its directions",
            )
    return frozenset(summed)


@dataclass(frozen=True)
class Split:
    """An algebra with families, seen without them and by one direction alone.

    Attributes:
        algebra: with families.
        bare: without them; what a value is where no direction reaches.
        kept: for every channel of `bare` its number in `algebra`.
        alone: all channels single, as one direction sees them; into a summed channel
            it gives its own share. Constants that differ stay one per direction.
        touched: the channels that a direction can change: families and summed ones.
    """

    algebra: TaylorAlgebra
    bare: TaylorAlgebra
    kept: tuple[int, ...]
    alone: TaylorAlgebra
    touched: frozenset[int]

    @property
    def count(self) -> int:
        """Number of directions."""
        return max(channel.count for channel in self.algebra.channels)


@lru_cache(maxsize=256)
def split(algebra: TaylorAlgebra) -> Split | None:
    """Splits an algebra into what each direction adds to what is there without any.

    Returns:
        `None` if directions are multiplied by each other, or have several lengths.
    """
    counts = {channel.count for channel in algebra.channels} - {1}
    try:
        summed = summed_channels(algebra)
    except OperatorError:
        return None
    if len(counts) != 1:
        return None
    channels = algebra.channels
    kept = tuple(k for k, channel in enumerate(channels) if channel.count == 1)
    number = {k: n for n, k in enumerate(kept)}
    bare = tuple(
        (number[i], number[j], number[k], c)
        for i, j, k, c in algebra.products
        if i in number and j in number and k in number
    )
    return Split(
        algebra,
        TaylorAlgebra(tuple(channels[k] for k in kept), bare),
        kept,
        TaylorAlgebra(tuple(replace(c, count=1) for c in channels), algebra.products),
        summed | (set(range(len(channels))) - set(kept)),
    )


def _owners(algebra: TaylorAlgebra) -> dict[int, int] | None:
    """Says which direction each channel belongs to, if it belongs to one alone.

    Directions are the degree-one channels that multiply no other degree-one channel.
    `None` if some product mixes two directions at a higher degree.
    """
    if algebra.order == 0:
        return None
    # e_i e_j with i != j couples two directions: neither can stand alone in a family.
    first = set(algebra.of_degree(1))
    mixed = {
        r
        for i, j, _, _ in algebra.products
        if i != j and {i, j} <= first
        for r in (i, j)
    }
    owners = {r: r for r in first - mixed}
    for k in range(1, algebra.size):
        fed_by: set[int] = set()
        for i, j, _ in algebra.entries[k]:
            pair = {owners[c] for c in (i, j) if c in owners}
            if len(pair) > 1:
                return None
            # -1: the channel is fed from outside of all directions too.
            fed_by |= pair or {-1}
        if k not in first and len(fed_by) == 1 and -1 not in fed_by:
            owners[k] = fed_by.pop()
    return owners


def _view(
    algebra: TaylorAlgebra, owners: dict[int, int], direction: int
) -> tuple[tuple[int, ...], dict[_Key, Fraction]]:
    """Returns the degrees of a direction's channels, and its products by local name."""
    mine = [k for k in range(algebra.size) if owners.get(k) == direction]
    local = {k: place for place, k in enumerate(mine)}
    view: dict[_Key, Fraction] = {}
    for *channels, c in algebra.products:
        if any(k in local for k in channels):
            names = [
                ("own", local[k]) if k in local else ("single", k) for k in channels
            ]
            assert isinstance(c, Fraction)
            view[(*sorted(names[:2]), names[2])] = c
    return tuple(algebra.channels[k].degree for k in mine), view


def _folded(
    algebra: TaylorAlgebra,
    owners: dict[int, int],
    directions: list[int],
    views: dict[int, tuple[tuple[int, ...], dict[_Key, Fraction]]],
) -> Folding:
    """Builds the folded algebra; families come first within their degree."""
    degrees, pattern = views[directions[0]]
    inside = {k: owners[k] for k in owners if owners[k] in directions}
    singles = [k for k in range(algebra.size) if k not in inside]
    order = [(algebra.channels[k].degree, "single", k) for k in singles]
    order += [(degree, "own", place) for place, degree in enumerate(degrees)]
    order.sort()
    number = {(kind, place): n for n, (_, kind, place) in enumerate(order)}
    mine = {r: [k for k in inside if inside[k] == r] for r in directions}
    channels = tuple(
        algebra.channels[place]
        if kind == "single"
        else _family(algebra.channels[mine[directions[0]][place]], len(directions))
        for _, kind, place in order
    )
    products: list[tuple[int, int, int, Constant]] = [
        (*_sorted(number["single", i], number["single", j]), number["single", k], c)
        for i, j, k, c in algebra.products
        if not {i, j, k} & set(inside)
    ]
    for key in pattern:
        i, j, k = (number[name] for name in key)
        weights = tuple(views[r][1][key] for r in directions)
        same = len(set(weights)) == 1
        products.append((*_sorted(i, j), k, weights[0] if same else weights))
    places = [(0, 0)] * algebra.size
    for k in singles:
        places[k] = (number["single", k], 0)
    for at, direction in enumerate(directions):
        for place, k in enumerate(sorted(mine[direction])):
            places[k] = (number["own", place], at)
    folded = TaylorAlgebra(channels, tuple(sorted(products, key=lambda p: p[:3])))
    return Folding(algebra, folded, tuple(places))


def _family(channel: Channel, count: int) -> Channel:
    return Channel(channel.degree, f"{channel.label}, ...", count)


def _sorted(i: int, j: int) -> tuple[int, int]:
    return (i, j) if i <= j else (j, i)
