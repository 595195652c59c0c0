r"""Strategy `partition`: univariate jets whose tangents sit in different slots.

One jet may give several mixed partial derivatives at once, each at an order of its own,
and beside it what else adds up to the same order; see `slots`. Candidates are

* straight lines, which always solve the problem;
* one jet of everything;
* schemes for the single partial derivatives (`slot_search`), joined;

and of all of these the fewest channels, after what is not needed has been taken out.
Symbols in coordinates that have nothing to do with each other are planned apart: a
Laplacian is one 2-jet for each coordinate. Whether jets give a symbol is decided by
exact elimination.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
section 4.1 and appendix F.2; its tables are checked in
`tests/planning/test_contamination.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from opcompiler.algebra.weil import Channel, Tangent, TaylorAlgebra, univariate
from opcompiler.ir import linear_text, MultiIndex, OperatorSymbol, variables
from opcompiler.planning.kinds import Push, Terms
from opcompiler.planning.polarization import shared_directions
from opcompiler.planning.slot_search import Scheme, schemes, single_jet
from opcompiler.planning.slots import (
    axis,
    contents,
    Jet,
    line,
    merged,
    moved,
    price,
    read_off,
    Row,
    separate,
)

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
