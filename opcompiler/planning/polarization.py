r"""Strategy `polarization`: univariate jets along few directions.

Each symbol is written as a sum of powers, $p(\xi) = \sum_r c_r (v_r\cdot\xi)^k$, and read
off one jet per direction (`waring`); the jets of a site travel in one algebra, with top
orders summed where they can be (`collapsed_jets`). All functionals of a site share their
directions: a jet of order k also gives all lower orders along its direction.

A monomial may use complex directions instead, where these are fewer
(`roots_of_unity`); the plan with fewer channels is taken.

Source: Griewank, Utke, Walther, Evaluating higher derivative tensors by forward
propagation of univariate Taylor series, Math. Comp. 69 (2000).
"""

from collections.abc import Iterable, Iterator, Sequence

from opcompiler.core.quadratic import Exact, Quadratic
from opcompiler.core.symbol import Functional, OperatorSymbol
from opcompiler.planning.collapsed_jets import CollapsedJets, Strand, Wanted
from opcompiler.planning.direction_search import (
    is_small,
    monomials,
    search,
    within_reach,
)
from opcompiler.planning.plan import Plan, Push, ReadOut
from opcompiler.planning.power_sums import PowerSum, Tangent, variables, weights
from opcompiler.planning.roots_of_unity import count_directions, Orbit, roots_of_unity
from opcompiler.planning.waring import decompose, needs_search

_APART = 90
"""Symbols of a site are searched one by one up to so many monomials; then together."""

_Terms = tuple[tuple[int, int, Exact], ...]


def plan_polarization(
    functionals: Sequence[Functional], sites: Sequence[tuple[str, ...]]
) -> Plan:
    """Plans one push per evaluation site, joint over all its functionals."""
    pushes: list[Push] = []
    terms: dict[Functional, _Terms] = {}
    for site in dict.fromkeys(f.site for f in functionals):
        here = [f for f in functionals if f.site == site]
        symbols = list(dict.fromkeys(f.symbol for f in here if f.symbol.order))
        jets = _fewest_channels(symbols, sites[site])
        for f in here:
            # Of order 0 there is the value itself, times a constant.
            row = (
                jets.readout(symbols.index(f.symbol))
                if f.symbol.order
                else [(0, c) for _, c in f.symbol.terms]
            )
            terms[f] = tuple((len(pushes), channel, c) for channel, c in row)
        pushes.append(Push(site, jets.algebra, jets.seeds()))
    readouts = tuple(ReadOut(f, terms[f]) for f in functionals)
    return Plan("polarization", tuple(sites), tuple(pushes), readouts)


def _fewest_channels(
    symbols: Sequence[OperatorSymbol], arguments: Sequence[str]
) -> CollapsedJets:
    """Compares real directions only with complex ones for the monomials they suit."""
    plain = _jets(shared_directions(symbols), {}, symbols, arguments)
    if not _few(symbols):
        return plain
    orbits = {p: found for p in symbols if (found := _fewer_complex(p))}
    if not orbits:
        return plain
    rest = [p for p in symbols if p not in orbits]
    mixed = _jets(shared_directions(rest), orbits, symbols, arguments)
    return min(plain, mixed, key=lambda jets: jets.size)


def _fewer_complex(symbol: OperatorSymbol) -> list[Orbit] | None:
    """Returns complex directions for a monomial if they are fewer than real ones."""
    if len(symbol.terms) != 1 or len(variables([symbol])) < 2:
        return None
    ((alpha, c),) = symbol.terms
    orbits = roots_of_unity(alpha, c)
    return orbits if count_directions(orbits) < len(decompose(symbol)) else None


def _jets(
    sums: dict[OperatorSymbol, PowerSum],
    orbits: dict[OperatorSymbol, list[Orbit]],
    symbols: Sequence[OperatorSymbol],
    arguments: Sequence[str],
) -> CollapsedJets:
    """Numbers the jets and says how each symbol is read off them."""
    numbers: dict[Strand, int] = {}
    wanted: list[Wanted] = []
    for p in symbols:
        parts = (
            [(orbit.strand(), orbit.weights()) for orbit in orbits[p]]
            if p in orbits
            else [(Strand((v,)), (c,)) for v, c in sums[p].items()]
        )
        counted = {numbers.setdefault(s, len(numbers)): w for s, w in parts}
        wanted.append(Wanted(p.order, counted))
    return CollapsedJets(list(numbers), wanted, arguments)


def shared_directions(
    symbols: Sequence[OperatorSymbol],
) -> dict[OperatorSymbol, PowerSum]:
    """Writes homogeneous symbols of order at least 1 as powers, sharing directions.

    From the highest order down, because jets give the lower orders too.
    """
    sums: dict[OperatorSymbol, PowerSum] = {}
    free: dict[Tangent, None] = {}
    few = _few(symbols)
    for order in sorted({p.order for p in symbols}, reverse=True):
        level = [p for p in symbols if p.order == order]
        # All at once is one linear system; where it has no solution, parts may have one.
        found = _along(free, level) or {}
        for p in level if not found else ():
            found |= _along(free, [p]) or {}
        sums |= found
        open_ones = [p for p in level if p not in sums]
        if open_ones:
            options = list(_options(open_ones, list(free), few))
            sums |= min(options, key=lambda option: _new(option, free))
        free |= {v: None for p in level for v in sums[p]}
    return sums


def _few(symbols: Sequence[OperatorSymbol]) -> bool:
    return (
        sum(monomials(len(variables([p])), p.order) for p in symbols if needs_search(p))
        <= _APART
    )


def _new(sums: dict[OperatorSymbol, PowerSum], free: dict[Tangent, None]) -> int:
    return len({v for one in sums.values() for v in one} - free.keys())


def _options(
    symbols: list[OperatorSymbol], free: list[Tangent], few: bool
) -> Iterator[dict[OperatorSymbol, PowerSum]]:
    """Yields ways to write symbols of one order: all together, and one by one."""
    found = None
    if within_reach(symbols) and (free or len(symbols) > 1):
        directions = search(symbols, [v for v in free if not _radicands(v)])
        found = weights(directions, symbols, symbols[0].order)
    if found is None or few or not any(map(needs_search, symbols)):
        yield _one_by_one(symbols, free)
    if found is not None:
        yield dict(zip(symbols, found, strict=True))


def _one_by_one(
    symbols: list[OperatorSymbol], free: list[Tangent]
) -> dict[OperatorSymbol, PowerSum]:
    """Decomposes each symbol, the easiest first; later ones use earlier directions."""
    known = dict.fromkeys(free)
    sums: dict[OperatorSymbol, PowerSum] = {}
    for p in sorted(symbols, key=lambda p: len(decompose(p))):
        sums |= _along(known, [p]) or {p: decompose(p)}
        known |= dict.fromkeys(sums[p])
    return sums


def _along(
    free: dict[Tangent, None], symbols: list[OperatorSymbol]
) -> dict[OperatorSymbol, PowerSum] | None:
    """Writes symbols of one order as powers along given directions, if they span them."""
    if not free:
        return None
    if not any(map(needs_search, symbols)):
        known = {p: decompose(p) for p in symbols}
        if all(one.keys() <= free.keys() for one in known.values()):
            return known
    near = _near(free, symbols)
    fields = {n for v in near for n in _radicands(v)}
    for field in (set[int](), *({n} for n in sorted(fields))):
        usable = [v for v in near if _radicands(v) <= field]
        usable.sort(key=lambda v: (bool(_radicands(v)), len(v)))
        found = weights(usable, symbols, symbols[0].order) if usable else None
        if found is not None:
            return dict(zip(symbols, found, strict=True))
    return None


def _near(free: Iterable[Tangent], symbols: Sequence[OperatorSymbol]) -> list[Tangent]:
    """Returns the directions that may help, fewer where variables become too many."""
    places = set(variables(symbols))
    near = [v for v in free if any(i in places for i, _ in v)]
    joint = {i for v in near for i, _ in v} | places
    if not is_small(len(joint), symbols[0].order):
        near = [v for v in near if all(i in places for i, _ in v)]
    return near if within_reach(symbols) else []


def _radicands(vector: Tangent) -> set[int]:
    """The numbers under the roots in a direction's components."""
    return {c.radicand for _, c in vector if isinstance(c, Quadratic)}
