r"""The cheapest slots for one partial derivative, and for one jet of all.

Coordinate $i$ in slot $s_i$ gives $\partial^\alpha u$ at order $k = \sum \alpha_i s_i$,
together with every other $\partial^\beta u$ with $\sum \beta_i s_i = k$. Those are got
rid of in three ways:

* slots for which there are none: one *pure* jet. Its order explodes: 7 for $u_{xxy}$,
  17 for $u_{xyz}$, 49 for $u_{xyzw}$;
* jets with the signs of some tangents flipped, $2^{|F|}$ of them for a set $F$ of
  coordinates: the signed sum keeps $\beta$ of the parity of $\alpha$ in $F$ only;
* other jets, which give what is left, to be subtracted.

All slots equal and $F$ all coordinates but one is polarisation; a combination of the
three is a *scheme*. Source: Shi et al., NeurIPS 2024, appendix F.2, for slots.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, islice, product

from opcompiler.ir import MultiIndex, OperatorSymbol, variables
from opcompiler.planning.polarization import term_by_term
from opcompiler.planning.slots import (
    axis,
    Jet,
    line,
    merged,
    one_hot,
    price,
    restricted_partitions,
    row,
    separate,
)

Scheme = tuple[Jet, ...]
"""Jets that together give one partial derivative."""

Exponents = tuple[int, ...]

_SLOTS = 2_000
"""Slots tried for one partial derivative."""

_OTHERS = 64
"""So many unwanted partial derivatives in a coefficient are too many."""

_KEPT = 6
"""Schemes kept for one partial derivative; the second best may be better to share."""

_SLACK = Fraction(4, 3)
"""Schemes up to so many times the channels of the best are kept."""


def single_jet(
    symbols: Sequence[OperatorSymbol], below: int | None = None, tries: int = 20_000
) -> Jet | None:
    """Returns the jet of least order that gives all symbols purely, by itself.

    Args:
        symbols: at least one, all of order at least 1.
        below: give up at this order.
        tries: give up after so many slots.

    Returns:
        `None` if there is none, or none among the slots that are tried.
    """
    places = variables(symbols)
    wanted = [
        {tuple(m.count(i) for i in places): c for m, c in row(p).items()}
        for p in symbols
    ]
    for weight, slots in islice(_slots(wanted, below), tries):
        if all(_is_pure(slots, terms) for terms in wanted):
            return Jet(one_hot(dict(zip(places, slots, strict=True))), weight)
    return None


def _is_pure(slots: Sequence[int], terms: Mapping[Exponents, Fraction | int]) -> bool:
    """Whether a symbol is a combination of coefficients; they share no derivative."""
    by_order: dict[int, dict[Exponents, Fraction]] = defaultdict(dict)
    for beta, c in terms.items():
        by_order[_weight(beta, slots)][beta] = c
    return all(
        len(set(part.values())) == 1
        and all(beta in part for beta in restricted_partitions(slots, order))
        for order, part in by_order.items()
    )


def _weight(exponents: Exponents, slots: Sequence[int]) -> int:
    return sum(e * s for e, s in zip(exponents, slots, strict=True))


def _slots(
    wanted: Sequence[Mapping[Exponents, Fraction | int]], below: int | None = None
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yields `(order, slots)`, the least order that holds all first; no end by itself.

    Of slots that only differ by coordinates that are alike, one is yielded.
    """
    every = sorted({beta for terms in wanted for beta in terms})
    twins = _twins(wanted)
    done, top = 0, max(map(sum, every))
    while below is None or done < below - 1:
        batch = (
            (max(_weight(beta, slots) for beta in every), slots)
            for slots in _assignments(every, twins, top)
        )
        fresh = ((w, s) for w, s in batch if w > done and math.gcd(*s) == 1)
        for weight, slots in sorted(fresh):
            if below is not None and weight >= below:
                return
            yield weight, slots
        # By quarters: what is generated twice stays little, what is sorted too.
        done, top = top, top + max(1, top // 4)


def _twins(wanted: Sequence[Mapping[Exponents, Fraction | int]]) -> list[int | None]:
    """Returns for each coordinate the last one before that it can be swapped with."""
    count = len(next(iter(wanted[0])))
    symbols = {frozenset(terms.items()) for terms in wanted}

    def alike(i: int, j: int) -> bool:
        order = list(range(count))
        order[i], order[j] = j, i
        swapped = {
            frozenset((tuple(beta[k] for k in order), c) for beta, c in terms)
            for terms in symbols
        }
        return swapped == symbols

    return [
        next((i for i in reversed(range(j)) if alike(i, j)), None) for j in range(count)
    ]


def _assignments(
    every: Sequence[Exponents], twins: Sequence[int | None], top: int
) -> Iterator[tuple[int, ...]]:
    """Yields slots that hold all exponents up to order `top`."""
    count = len(twins)

    def extend(slots: tuple[int, ...], left: list[int]) -> Iterator[tuple[int, ...]]:
        place = len(slots)
        if place == count:
            yield slots
            return
        twin = twins[place]
        slot = 1 if twin is None else slots[twin]
        while True:
            # What is behind needs a slot of 1 at least.
            rest = [r - slot * b[place] for r, b in zip(left, every, strict=True)]
            behind = (sum(b[place + 1 :]) for b in every)
            if any(r < b for r, b in zip(rest, behind, strict=True)):
                return
            yield from extend((*slots, slot), rest)
            slot += 1

    return extend((), [top] * len(every))


@lru_cache(maxsize=512)
def schemes(exponents: Exponents) -> tuple[Scheme, ...]:
    """Returns ways to get one partial derivative, the cheapest first.

    What has to be subtracted comes from jets along axes. Mixed derivatives would be
    possible too; that was tried for all patterns of up to four coordinates and order 6,
    and none became cheaper.

    Args:
        exponents: of the coordinates 0, 1, ...; all positive.
    """
    powers = term_by_term(OperatorSymbol.partial(MultiIndex(exponents)))
    straight = separate(merged(Jet(line(v), sum(exponents)) for v in powers))
    found = {straight: None}
    best = price(straight)[0]
    if len(exponents) > 1:
        for weight, slots in islice(_slots([{exponents: Fraction(1)}]), _SLOTS):
            limit = int(_SLACK * best)
            if weight + 1 > limit:
                break
            for scheme in _slot_schemes(exponents, slots, limit):
                found[scheme] = None
                best = min(best, price(scheme)[0])
    ranked = sorted(found, key=price)
    return tuple(s for s in ranked[:_KEPT] if price(s)[0] <= _SLACK * best)


def _slot_schemes(
    exponents: Exponents, slots: tuple[int, ...], limit: int
) -> Iterator[Scheme]:
    """Yields schemes of at most `limit` channels with given slots."""
    order = _weight(exponents, slots)
    flips = [f for f in _subsets(len(slots)) if (order + 1) * 2 ** len(f) <= limit]
    others = _others(exponents, slots, _OTHERS if len(flips) > 1 else limit - order)
    seen: set[tuple[Exponents, ...]] = set()
    for flipped in flips if others is not None else ():
        left = tuple(b for b, odd in others or () if not odd.intersection(flipped))
        if left not in seen and not any(map(_is_mixed, left)):
            seen.add(left)
            axes = [Jet(axis(beta.index(sum(beta))), sum(beta)) for beta in left]
            scheme = separate(merged([*_signed(slots, flipped, order), *axes]))
            if price(scheme)[0] <= limit:
                yield scheme


def _others(
    exponents: Exponents, slots: tuple[int, ...], most: int
) -> list[tuple[Exponents, frozenset[int]]] | None:
    """Returns what else is in the coefficient, and which flips cancel it.

    `None` if it is too much, or has a mixed derivative that no flip cancels.
    """
    found: list[tuple[Exponents, frozenset[int]]] = []
    for beta in restricted_partitions(slots, _weight(exponents, slots)):
        if beta != exponents:
            pairs = enumerate(zip(beta, exponents, strict=True))
            odd = frozenset(i for i, (b, a) in pairs if (b - a) % 2)
            if len(found) == most or (not odd and _is_mixed(beta)):
                return None
            found.append((beta, odd))
    return found


def _is_mixed(exponents: Exponents) -> bool:
    return max(exponents) < sum(exponents)


def _subsets(count: int) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(range(count), r) for r in range(count))


def _signed(
    slots: tuple[int, ...], flipped: tuple[int, ...], order: int
) -> Iterator[Jet]:
    """Yields the jets with all signs of the flipped coordinates."""
    places = dict(enumerate(slots))
    for signs in product((1, -1), repeat=len(flipped)):
        yield Jet(one_hot(places, dict(zip(flipped, signs, strict=True))), order)
