r"""Strategy `partition`: univariate jets whose tangents sit in different slots.

In: the symbols of one site, for instance $u_{xxy}$. Out: a push for each of a few jets, and
each symbol as a combination of their coefficients. Here that is one jet of order 7, with x
in slot 2 and y in slot 3, because 7 = 2 + 2 + 3 in no other way:

    cheapest_jets([u_xxy])             # (Jet(((2, ((0, 1),)), (3, ((1, 1),))), 7),)
    read_off(jets, [u_xxy])            # [{(0, 7): 2}]: J_7 holds u_xxy/2

Coordinate $i$ in slot $s_i$ gives $\partial^\alpha u$ at order $k = \sum \alpha_i s_i$,
together with every other $\partial^\beta u$ with $\sum \beta_i s_i = k$: one for each
partition of k into slots (`slots.py`). Those are got rid of in three ways:

* slots for which there are none: one *pure* jet. Its order explodes: 7 for $u_{xxy}$,
  17 for $u_{xyz}$, 49 for $u_{xyzw}$;
* jets with the signs of some tangents flipped, $2^{|F|}$ of them for a set $F$ of
  coordinates: the signed sum keeps $\beta$ of the parity of $\alpha$ in $F$ only;
* other jets, which give what is left, to be subtracted.

All slots equal and $F$ all coordinates but one is polarisation; a combination of the three
is a *scheme*.

The file goes from the whole to its parts: the strategy; blocks of symbols in coordinates
that have nothing to do with each other (a Laplacian is one 2-jet for each coordinate); the
candidates for a block, which are straight lines, one jet of everything, and joined schemes
of its partial derivatives; the schemes of one partial derivative; the slots that are tried.
Of all candidates the one of the fewest channels is taken, after jets and orders that the
symbols do not need have been left out. Whether jets give a symbol is decided by exact
elimination, `slots.read_off`.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
section 4.1 and appendix F.2; its tables are checked in
`tests/planning/test_contamination.py`.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, islice, product

from opcompiler.algebra.weil import Channel, Tangent, TaylorAlgebra, univariate
from opcompiler.ir import linear_text, MultiIndex, OperatorSymbol, variables
from opcompiler.planning.kinds import Push, Terms
from opcompiler.planning.polarization import shared_directions, term_by_term
from opcompiler.planning.slots import (
    axis,
    contents,
    Jet,
    line,
    merged,
    moved,
    one_hot,
    price,
    read_off,
    restricted_partitions,
    Row,
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

_FEW = 12
"""Up to so many partial derivatives, slots are searched; above, lines are taken."""

_TRIES = 3_000
"""So many slots are tried for one jet of everything."""

_STATES = 4
"""Sets of jets that are kept while schemes are joined."""

_REMOVALS = 24
"""Of more jets than these it is not tried whether one can go."""

_SHOWN = 3
"""So many partial derivatives are named in a channel's label."""


def plan_partition(
    symbols: Sequence[OperatorSymbol], site: int, arguments: tuple[str, ...]
) -> tuple[list[Push], list[Terms]]:
    """Plans univariate jets that together give all symbols of one site."""
    jets = cheapest_jets([p for p in symbols if p.order]) or (Jet((), 0),)
    found = read_off(jets, symbols)
    assert found is not None, f"these jets do not give {symbols}"
    pushes = [jet_push(site, jet, arguments) for jet in jets]
    return pushes, [tuple((j, k, c) for (j, k), c in row.items()) for row in found]


def jet_push(site: int, jet: Jet, arguments: Sequence[str]) -> Push:
    """Returns a jet as a push: the univariate algebra and a seed for each slot."""
    algebra = univariate(jet.order)
    channels = (
        Channel(k, _label(content, arguments))
        for k, content in enumerate(contents(jet))
    )
    tangents: dict[int, Tangent] = dict(jet.curve)
    seeds = tuple(tangents.get(k, ()) for k in range(jet.order + 1))
    return Push(site, TaylorAlgebra(tuple(channels), algebra.products), seeds)


def _label(content: Row, arguments: Sequence[str]) -> str:
    """Writes the partial derivatives that a coefficient holds: `xxx/6 + xy + ...`."""
    terms: list[tuple[str, Fraction]] = []
    for places, c in sorted(content.items(), reverse=True)[:_SHOWN]:
        alpha = MultiIndex.of(len(arguments), Counter(places))
        name = alpha.label("", arguments).lstrip("_") or "1"
        terms.append((name, Fraction(c) / alpha.factorial))
    more = " + ..." if len(content) > _SHOWN else ""
    return linear_text(terms) + more


def cheapest_jets(symbols: Sequence[OperatorSymbol]) -> tuple[Jet, ...]:
    """Returns the cheapest jets found from which all symbols can be read off.

    Args:
        symbols: homogeneous, of order at least 1.
    """
    jets: list[Jet] = []
    for block in _blocks(symbols):
        jets += _block_jets(block)
    return separate(merged(jets))


def _blocks(symbols: Sequence[OperatorSymbol]) -> list[list[OperatorSymbol]]:
    """Splits symbols into parts in coordinates that have nothing to do with each other."""
    parent: dict[int, int] = {}

    def root(place: int) -> int:
        while parent.setdefault(place, place) != place:
            place = parent[place]
        return place

    for symbol in symbols:
        for alpha, _ in symbol.terms:
            # One direction gives all of a first-order symbol: it is not taken apart.
            mixed = variables([symbol]) if symbol.order == 1 else alpha.slots()
            for place in mixed[1:]:
                parent[root(place)] = root(mixed[0])
    blocks: dict[int, dict[OperatorSymbol, None]] = defaultdict(dict)
    for symbol in symbols:
        parts: dict[int, dict[MultiIndex, Fraction]] = defaultdict(dict)
        for alpha, c in symbol.terms:
            parts[root(alpha.slots()[0])][alpha] = c
        for place, terms in parts.items():
            blocks[place][OperatorSymbol.of(terms)] = None
    return [list(block) for block in blocks.values()]


def _block_jets(symbols: Sequence[OperatorSymbol]) -> Scheme:
    """Returns the cheapest jets found for symbols whose coordinates belong together."""
    places = variables(symbols)
    if len(places) == 1:
        return (Jet(axis(places[0]), max(p.order for p in symbols)),)
    candidates = dict.fromkeys(
        _shortened(jets, symbols) or jets for jets in _candidates(symbols)
    )
    best = sorted(candidates, key=price)[:2]
    if len(best) > 1:
        best.append(separate(merged(jet for jets in best for jet in jets)))
    return min((_needed(jets, symbols) for jets in best), key=price)


def _candidates(symbols: Sequence[OperatorSymbol]) -> Iterator[Scheme]:
    """Yields sets of jets from which the symbols can be read off."""
    straight = straight_lines(symbols)
    yield straight
    if len({alpha for p in symbols for alpha, _ in p.terms}) > _FEW:
        return
    everything = single_jet(symbols, price(straight)[0], _TRIES)
    if everything:
        yield (everything,)
    yield from _joined(symbols)


def straight_lines(symbols: Sequence[OperatorSymbol]) -> Scheme:
    """Returns jets along rational directions that give symbols."""
    sums = shared_directions(symbols, rational=True)
    return separate(
        merged(Jet(line(v), p.order) for p, powers in sums.items() for v in powers)
    )


def _joined(symbols: Sequence[OperatorSymbol]) -> list[Scheme]:
    """Joins schemes of single symbols, the highest orders first.

    A beam search: a symbol that the jets give already costs nothing; otherwise each
    state branches over the symbol's schemes.
    """
    options = {p: _options(p, len(symbols) > 1) for p in symbols}
    ranked = sorted(
        symbols, key=lambda p: (p.order, price(options[p][0])), reverse=True
    )
    states: list[Scheme] = [()]
    for symbol in ranked:
        grown: dict[Scheme, None] = {}
        for state in states:
            if state and read_off(state, [symbol]) is not None:
                grown[state] = None
            else:
                for option in options[symbol]:
                    grown[separate(merged([*state, *option]))] = None
        states = sorted(grown, key=price)[:_STATES]
    return states


def _options(symbol: OperatorSymbol, several: bool) -> list[Scheme]:
    """Returns schemes for one symbol, the cheapest first."""
    alphas = [alpha for alpha, _ in symbol.terms]
    if len(alphas) > 1:
        if symbol.order == 1:
            return [straight_lines([symbol])]
        found = [straight_lines([symbol])] if several else []
        found += _joined([OperatorSymbol.partial(alpha) for alpha in alphas])
        return sorted(found, key=price)
    exponents = alphas[0].powers
    places = sorted(exponents, key=lambda i: -exponents[i])
    return [
        separate(merged(moved(jet, places) for jet in scheme))
        for scheme in schemes(tuple(exponents[i] for i in places))
    ]


def _needed(jets: Scheme, symbols: Sequence[OperatorSymbol]) -> Scheme:
    """Returns the jets without what the symbols do not need, the dearest tried first."""
    kept = _shortened(jets, symbols)
    assert kept is not None, f"these jets do not give {symbols}"
    if len(kept) > _REMOVALS:
        return kept
    for jet in sorted(kept, key=lambda jet: -jet.order):
        rest = tuple(other for other in kept if other.curve != jet.curve)
        kept = _shortened(rest, symbols) or kept
    return kept


def _shortened(jets: Scheme, symbols: Sequence[OperatorSymbol]) -> Scheme | None:
    """Cuts jets at the highest order that is read; `None` if they do not suffice."""
    found = read_off(jets, symbols)
    if found is None:
        return None
    orders: dict[int, int] = {}
    for combination in found:
        for j, k in combination:
            orders[j] = max(k, orders.get(j, 0))
    return separate(merged(Jet(jets[j].curve, k) for j, k in orders.items()))


# --- one jet of everything, and the schemes of one partial derivative -----------------


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
