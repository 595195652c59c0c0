r"""Strategy `polarization`: univariate jets along directions.

In: functionals, for instance $u_{xxy}$. Out: one push per site, whose algebra carries a
jet along each of a few directions, and read-outs from it. It works by writing each symbol
as a sum of powers of linear forms,

$$ p(\xi) = \sum_r c_r\, (v_r\cdot\xi)^k \quad\Longleftrightarrow\quad
   p(\partial)\,u = \sum_r c_r\, D^k u[v_r, \dots, v_r] . $$

| symbol                     | directions                    | source                    |
|----------------------------|-------------------------------|---------------------------|
| order 2                    | its rank                      | completing squares        |
| $\xi^\alpha$               | half of $\prod (\alpha_i+1)$  | signed sum                |
| $\Delta^m$ in the plane    | $m + 1$, for m = 1, 2, 3, 5   | regular polygon; Reznick  |
| $\Delta^2$ in space        | 6; 7 with rational components | icosahedron; cube; Reznick |
| $\Delta^2$ in d dimensions | $d^2$ at most                 | pairs of axes; Reznick    |

Other symbols are taken term by term. A jet of order k gives all lower orders along its
direction too, so symbols are decomposed from the highest order down, and one that the
directions at hand already give costs nothing.

This is the classical scheme, kept to be compared with; the operator's own algebra never
carries more channels, so decompositions of least rank are not searched for.

Sources: Griewank, Utke, Walther, Evaluating higher derivative tensors by forward
propagation of univariate Taylor series, Math. Comp. 69 (2000); Reznick, Sums of Even
Powers of Real Linear Forms, Memoirs AMS 463 (1992); Dangel et al., Collapsing Taylor Mode
Automatic Differentiation, arXiv 2505.13644.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, combinations_with_replacement

from opcompiler.algebra.quadratic import Exact, quadratic
from opcompiler.algebra.weil import Channel, Tangent, TaylorAlgebra
from opcompiler.ir import (
    argument_name,
    linear_text,
    MultiIndex,
    OperatorSymbol,
    variables,
)
from opcompiler.planning.kinds import Push, Terms
from opcompiler.planning.slots import Jet, line, read_off

PowerSum = dict[Tangent, Exact]
"""Directions $v_r$ with their weights $c_r$; the power is the symbol's order."""

_MONOMIALS = 130
"""Directions at hand are tried for symbols of up to so many possible monomials."""

_SHARED = 24
"""Of more symbols than these no directions are shared but by chance."""

_GRID = 40
"""Grids of up to so many directions are solved for."""

_OWN = 2
"""So many directions of its own a symbol may add to those at hand."""


def plan_polarization(
    symbols: Sequence[OperatorSymbol], site: int, arguments: tuple[str, ...]
) -> tuple[list[Push], list[Terms]]:
    """Plans one push for all symbols of one site."""
    jets = CollapsedJets(shared_directions([p for p in symbols if p.order]), arguments)
    rows = [
        # Of order 0 there is the value itself, times a constant.
        jets.readout(p) if p.order else [(0, c) for _, c in p.terms]
        for p in symbols
    ]
    push = Push(site, jets.algebra(), jets.seeds())
    return [push], [tuple((0, channel, c) for channel, c in row) for row in rows]


# --- symbols as sums of powers ------------------------------------------------------


def shared_directions(
    symbols: Sequence[OperatorSymbol], rational: bool = False
) -> dict[OperatorSymbol, PowerSum]:
    """Writes homogeneous symbols of order at least 1 as powers, sharing directions.

    Args:
        symbols: what is wanted.
        rational: whether directions must have rational components.
    """
    own = {p: decompose(p, rational) for p in symbols}
    few = len(own) <= _SHARED
    if not few and (known := _on_a_grid(symbols, own)):
        return known
    sums: dict[OperatorSymbol, PowerSum] = {}
    free: dict[Tangent, None] = {}
    for p in sorted(symbols, key=lambda p: (-p.order, len(own[p]))):
        options = [own[p]]
        if few and free and not own[p].keys() <= free.keys():
            options += [_along(free, vs, p) for vs in (own[p], term_by_term(p))]
        found = [option for option in options if option is not None]
        sums[p] = min(found, key=lambda powers: len(powers.keys() - free.keys()))
        free |= dict.fromkeys(sums[p])
    return sums


def _on_a_grid(
    symbols: Sequence[OperatorSymbol], own: Mapping[OperatorSymbol, PowerSum]
) -> dict[OperatorSymbol, PowerSum] | None:
    """Writes many symbols of few variables along as many directions as monomials.

    The powers of all vectors of non-negative integers that add up to the order are a
    basis of the forms of that order: interpolation on the grid of a simplex.
    """
    places = variables(symbols)
    order = max(p.order for p in symbols)
    count = math.comb(len(places) + order - 1, order)
    if not count <= min(_GRID, len({v for powers in own.values() for v in powers})):
        return None
    grid = [
        _primitive(direction(Counter(chosen)))[0]
        for chosen in combinations_with_replacement(places, order)
    ]
    found = read_off([Jet(line(v), order) for v in grid], symbols)
    return found and {
        p: {grid[j]: c / math.factorial(p.order) for (j, _), c in row.items()}
        for p, row in zip(symbols, found, strict=True)
    }


def _along(
    free: Iterable[Tangent], own: Iterable[Tangent], symbol: OperatorSymbol
) -> PowerSum | None:
    """Writes a symbol as powers along rational directions at hand and few of its own.

    For instance u_xy needs one of its own directions beside both axes. Directions in
    further variables may help too, if the linear system stays small.
    """
    places = set(variables([symbol]))
    rational = [v for v in free if all(isinstance(c, Fraction) for _, c in v)]
    for near in (
        [v for v in rational if any(i in places for i, _ in v)],
        [v for v in rational if all(i in places for i, _ in v)],
    ):
        joint = places.union(i for v in near for i, _ in v)
        if math.comb(len(joint) + symbol.order - 1, symbol.order) <= _MONOMIALS:
            break
    else:
        return None
    more = [v for v in own if v not in near and all(type(c) is Fraction for _, c in v)]
    for count in range(min(len(more), _OWN) + 1 if near else 0):
        vectors = [*near, *more[:count]]
        found = read_off([Jet(line(v), symbol.order) for v in vectors], [symbol])
        if found is not None:
            below = math.factorial(symbol.order)
            return {vectors[j]: c / below for (j, _), c in found[0].items()}
    return None


def decompose(symbol: OperatorSymbol, rational: bool = False) -> PowerSum:
    """Writes a homogeneous symbol of order at least 1 as a sum of powers."""
    if symbol.order == 1:
        scale = symbol.terms[0][1]
        vector = direction({a.slots()[0]: c / scale for a, c in symbol.terms})
        return _collected([(vector, scale)], 1)
    if symbol.order == 2:
        return _squares(symbol)
    known = _laplacian_power(symbol, rational)
    return term_by_term(symbol) if known is None else known


def term_by_term(symbol: OperatorSymbol) -> PowerSum:
    """Decomposes each monomial; directions that they share count once."""
    terms = ((v, c * w) for a, c in symbol.terms for v, w in signed_sum(a).items())
    return _collected(terms, symbol.order)


def direction(components: Mapping[int, Exact | int]) -> Tangent:
    """Returns a vector in sparse form."""
    sparse = sorted((i, c) for i, c in components.items() if c)
    return tuple((i, Fraction(c) if isinstance(c, int) else c) for i, c in sparse)


def _collected(terms: Iterable[tuple[Tangent, Exact]], order: int) -> PowerSum:
    """Adds up weighted powers; parallel rational directions become one."""
    total: PowerSum = defaultdict(Fraction)
    for vector, weight in terms:
        short, factor = _primitive(vector)
        total[short] = total[short] + weight * factor**order
    return {vector: weight for vector, weight in total.items() if weight}


def _primitive(vector: Tangent) -> tuple[Tangent, Fraction]:
    """Returns coprime integers, the first positive, and the factor that was taken out."""
    rational = [c for _, c in vector if isinstance(c, Fraction)]
    if len(rational) < len(vector):
        return vector, Fraction(1)
    common = math.lcm(*(c.denominator for c in rational))
    factor = Fraction(math.gcd(*(int(c * common) for c in rational)), common)
    if rational[0] < 0:
        factor = -factor
    return tuple((i, c / factor) for i, c in vector), factor


def signed_sum(alpha: MultiIndex) -> PowerSum:
    r"""One monomial, by polarisation; it always exists.

    $$ \xi^\alpha = \frac{1}{2^k k!} \sum_{0\le j\le\alpha} (-1)^{|j|} \binom{\alpha}{j}
       \bigl((\alpha - 2j)\cdot\xi\bigr)^k $$
    """
    if len(set(alpha.slots())) == 1:
        return {direction({alpha.slots()[0]: 1}): Fraction(1)}
    order = alpha.order
    common = Fraction(1, 2**order * math.factorial(order))
    terms: list[tuple[Tangent, Exact]] = []
    for shift in alpha.below():
        pairs = list(zip(alpha.exponents, shift.exponents, strict=True))
        vector = direction({i: a - 2 * j for i, (a, j) in enumerate(pairs)})
        ways = math.prod(math.comb(a, j) for a, j in pairs)
        if vector:
            terms.append((vector, (-1) ** shift.order * ways * common))
    return _collected(terms, order)


def _squares(symbol: OperatorSymbol) -> PowerSum:
    """A quadratic form as squares, as many as its rank: Lagrange's reduction."""
    places = variables([symbol])
    rest = {tuple(alpha.slots()): c for alpha, c in symbol.terms}
    terms: list[tuple[Tangent, Exact]] = []

    def subtract(vector: Mapping[int, Fraction], weight: Fraction) -> None:
        terms.append((direction(vector), weight))
        for i, j in combinations_with_replacement(places, 2):
            both = vector.get(i, Fraction(0)) * vector.get(j, Fraction(0))
            c = rest.pop((i, j), Fraction(0)) - weight * both * (1 if i == j else 2)
            if c:
                rest[i, j] = c

    def half_slope(i: int) -> dict[int, Fraction]:
        slopes = {k: rest.get((min(i, k), max(i, k)), Fraction(0)) for k in places}
        return {k: c if k == i else c / 2 for k, c in slopes.items() if c}

    while rest:
        squares = [i for i, j in rest if i == j]
        if squares:  # the one with the fewest terms first
            i = min(squares, key=lambda i: (len(half_slope(i)), i))
            row, c = half_slope(i), rest[i, i]
            subtract({k: a / c for k, a in row.items()}, c)
        else:  # 2 A B = ((A + B)^2 - (A - B)^2) / 2 with the slopes A, B of x_i x_j
            i, j = min(rest)
            a, b, c = half_slope(i), half_slope(j), rest[i, j] / 2
            for sign in (1, -1):
                joint = {k: a.get(k, 0) + sign * b.get(k, 0) for k in places}
                subtract({k: v / c for k, v in joint.items() if v}, sign * c / 2)
    return _collected(terms, 2)


def _laplacian_power(symbol: OperatorSymbol, rational: bool) -> PowerSum | None:
    """Returns the textbook decomposition of a multiple of a power of the Laplacian."""
    power, odd = divmod(symbol.order, 2)
    places = variables([symbol])
    count = len(places)
    if odd or count < 2 or len(symbol.terms) != math.comb(power + count - 1, power):
        return None
    ratios: set[Fraction] = set()
    for alpha, c in symbol.terms:
        if any(e % 2 for e in alpha.exponents):
            return None
        half = MultiIndex(tuple(e // 2 for e in alpha.exponents))
        ratios.add(c * half.factorial / math.factorial(power))
    if len(ratios) > 1:
        return None
    (scale,) = ratios
    found: PowerSum | None = None
    if count == 2 and not (rational and power in _IRRATIONAL):
        found = regular_polygon(power, *places)
    elif power == 2 and count > 2:
        spatial = cube if rational else icosahedron
        found = spatial(*places) if count == 3 else pairs_of_axes(places)
    return found and {vector: scale * weight for vector, weight in found.items()}


_HALF = Fraction(1, 2)
_ROOT3 = quadratic(0, 1, 3)
_GOLDEN = quadratic(_HALF, _HALF, 5)

_POLYGONS: dict[int, list[tuple[Exact | int, Exact | int]]] = {
    1: [(1, 0), (0, 1)],
    2: [(1, 0), (1, _ROOT3), (1, -_ROOT3)],
    3: [(1, 0), (0, 1), (1, 1), (1, -1)],
    5: [(1, 0), (0, 1), (1, _ROOT3), (1, -_ROOT3), (_ROOT3, 1), (_ROOT3, -1)],
}
_IRRATIONAL = {2, 5}


def regular_polygon(power: int, x: int = 0, y: int = 1) -> PowerSum | None:
    r"""$\Delta^m$ in the plane: $m + 1$ directions at equal angles.

    For unit vectors $v_r$ at angles $\pi r/(m+1)$ all weights are
    $\frac{4^m}{m+1} / \binom{2m}{m}$; here they are stretched so that the numbers become
    simple. `None` where the angles are not of a quadratic field.
    """
    if power not in _POLYGONS:
        return None
    weight = Fraction(4**power, (power + 1) * math.comb(2 * power, power))
    return {
        direction({x: a, y: b}): weight / (a * a + b * b) ** power
        for a, b in _POLYGONS[power]
    }


def icosahedron(x: int = 0, y: int = 1, z: int = 2) -> PowerSum:
    r"""$\Delta^2$ in space: the 6 axes through the corners of an icosahedron.

    With $v = (0, 1, \pm\varphi)$ and its rotations all weights are
    $1/(6\varphi^2) = (3 - \sqrt 5)/12$.
    """
    weight = 1 / (6 * _GOLDEN**2)
    return {
        direction({i: 1, j: sign * _GOLDEN}): weight
        for i, j in ((x, y), (y, z), (z, x))
        for sign in (1, -1)
    }


def cube(x: int = 0, y: int = 1, z: int = 2) -> PowerSum:
    r"""$\Delta^2$ in space: the four diagonals and three axes of a cube.

    $\frac1{12} \sum_\pm (\xi \pm \eta \pm \zeta)^4 + \frac23 (\xi^4 + \eta^4 + \zeta^4)$.
    One direction more than the icosahedron has, and all of them rational.
    """
    diagonals: PowerSum = {
        direction({x: 1, y: a, z: b}): Fraction(1, 12) for a in (1, -1) for b in (1, -1)
    }
    return diagonals | {direction({i: 1}): Fraction(2, 3) for i in (x, y, z)}


def pairs_of_axes(places: tuple[int, ...]) -> PowerSum:
    r"""$\Delta^2 = \frac16 \sum_{i<j} [(e_i \pm e_j)^4] - \frac{d-4}{3} \sum_i e_i^4$."""
    terms: list[tuple[Tangent, Exact]] = [
        (direction({i: 1, j: sign}), Fraction(1, 6))
        for i, j in combinations(places, 2)
        for sign in (1, -1)
    ]
    axis = Fraction(4 - len(places), 3)
    return _collected([*terms, *((direction({i: 1}), axis) for i in places)], 4)


# --- jets in one algebra ------------------------------------------------------------


class CollapsedJets:
    r"""The algebra of jets along directions, their top orders summed where that is less.

    A jet along $v$ has the channels $u_j = D^j u[v^j]/j!$, $j = 1 \dots k$, and
    $(u w)_j = \sum_i u_i w_{j-i}$. If of order k only $s = \sum_r c_r u^{(r)}_k$ is
    wanted, the recursion for s needs the lower orders of every jet but none of order k:

    $$ (u w)_s = u_0 w_s + u_s w_0
       + \sum_r c_r \sum_{i=1}^{k-1} u^{(r)}_i w^{(r)}_{k-i}, $$

    so one summed channel stands for all, $1 + R(k-1) + 1$ channels instead of $1 + R k$.

    Args:
        sums: what is read, as sums of powers.
        arguments: names of the function's arguments, for labels.
    """

    def __init__(
        self, sums: Mapping[OperatorSymbol, PowerSum], arguments: Sequence[str]
    ) -> None:
        self._sums = sums
        self._arguments = arguments
        self._vectors = list(dict.fromkeys(v for s in sums.values() for v in s))
        self._lengths, self._collapsed = _tops(sums)
        # The directions of a collapsed sum that do not carry its order themselves.
        self._summed = {
            p: {
                v: n
                for n, v in enumerate(self._vectors)
                if v in sums[p] and self._lengths[v] < p.order
            }
            for p in self._collapsed
        }
        # A channel's key: (order, 0, number of a direction) or (order, 1, of a sum).
        keys = [
            (order, 0, number)
            for number, v in enumerate(self._vectors)
            for order in range(1, self._lengths[v] + 1)
        ]
        keys += [(p.order, 1, number) for number, p in enumerate(self._collapsed)]
        self._place = {key: n for n, key in enumerate(sorted(keys), 1)}

    def algebra(self) -> TaylorAlgebra:
        """Returns the algebra."""
        channels = [Channel(0, "1")]
        channels += [Channel(key[0], self._label(*key)) for key in self._place]
        total: dict[tuple[int, int, int], Fraction] = defaultdict(Fraction)
        for number, v in enumerate(self._vectors):
            for i, j, order in self._pairs(number):
                if order <= self._lengths[v]:
                    total[i, j, self._place[order, 0, number]] += 1
        for w, (p, scale) in enumerate(self._collapsed.items()):
            for v, number in self._summed[p].items():
                share = self._sums[p][v] / scale
                assert isinstance(share, Fraction)
                for i, j, order in self._pairs(number):
                    if order == p.order:
                        total[i, j, self._place[order, 1, w]] += share
        products = tuple((*at, c) for at, c in sorted(total.items()) if c)
        return TaylorAlgebra(tuple(channels), products)

    def _pairs(self, number: int) -> Iterator[tuple[int, int, int]]:
        """Yields pairs of channels of one jet, with the order of their product."""
        orders = range(1, self._lengths[self._vectors[number]] + 1)
        for low, high in combinations_with_replacement(orders, 2):
            i, j = self._place[low, 0, number], self._place[high, 0, number]
            yield i, j, low + high

    def seeds(self) -> tuple[Tangent, ...]:
        """Returns the tangent of each channel; only those of order one have any."""
        first = (
            self._vectors[number] if (order, summed) == (1, 0) else ()
            for order, summed, number in self._place
        )
        return ((), *first)

    def readout(self, symbol: OperatorSymbol) -> list[tuple[int, Exact]]:
        """Returns a symbol as a combination of channels."""
        factor = math.factorial(symbol.order)
        powers = self._sums[symbol]
        terms = {
            self._place[symbol.order, 0, number]: powers[v] * factor
            for number, v in enumerate(self._vectors)
            if v in powers and self._lengths[v] >= symbol.order
        }
        if symbol in self._collapsed:
            number = list(self._collapsed).index(symbol)
            scale = self._collapsed[symbol]
            terms[self._place[symbol.order, 1, number]] = scale * factor
        return sorted(terms.items())

    def _label(self, order: int, summed: int, number: int) -> str:
        if summed:
            count = len(self._summed[list(self._collapsed)[number]])
            return f"sum of {count} jets, order {order}"
        below = "" if order < 2 else f"/{math.factorial(order)}"
        power = "" if order < 2 else f"^{order}"
        seed = self._vectors[number]
        vector = linear_text((argument_name(self._arguments, i), c) for i, c in seed)
        several = len(seed) > 1 and order > 1
        return f"({vector}){power}{below}" if several else f"{vector}{power}{below}"


def _tops(
    sums: Mapping[OperatorSymbol, PowerSum],
) -> tuple[dict[Tangent, int], dict[OperatorSymbol, Exact]]:
    """Decides how far each direction is carried, and which sums are collapsed.

    At each order a sum and a direction are joined if the sum needs the direction's top.
    One of the two must be carried, so the fewest channels are a smallest vertex cover of
    this graph: Kőnig's theorem, from a largest matching.

    Returns:
        The orders that each direction carries, and for each collapsed sum the common
        factor of its weights: structure constants are rational.
    """
    import networkx as nx  # only those who name this strategy pay for it

    lengths = {v: 0 for one in sums.values() for v in one}
    collapsed: dict[OperatorSymbol, Exact] = {}
    number = {v: n for n, v in enumerate(lengths)}
    vectors = list(lengths)
    for order in sorted({p.order for p in sums}, reverse=True):
        level = [p for p in sums if p.order == order]
        # Numbers as nodes: the cover must not depend on how strings are hashed.
        graph = nx.Graph()
        for n, p in enumerate(level, len(vectors)):
            graph.add_node(n)
            graph.add_edges_from((n, number[v]) for v in sums[p] if lengths[v] < order)
        tops = {n for n in graph if n >= len(vectors)}
        if order > 1:
            matching = nx.bipartite.hopcroft_karp_matching(graph, tops)
            cover = nx.bipartite.to_vertex_cover(graph, matching, tops)
        else:  # nothing to collapse
            cover = {n for n in graph if n not in tops}
        carried = {vectors[n] for n in cover - tops}
        for n, p in enumerate(level, len(vectors)):
            needed = [v for v in sums[p] if lengths[v] < order and v not in carried]
            if n in cover and needed:
                collapsed[p] = _common_factor([sums[p][v] for v in needed])
        for n in sorted(graph):
            if n not in tops:
                v = vectors[n]
                lengths[v] = max(lengths[v], order if v in carried else order - 1)
    return lengths, collapsed


def _common_factor(weights: Sequence[Exact]) -> Exact:
    """Returns the factor that leaves coprime integers as weights."""
    ratios = [c / weights[0] for c in weights]
    rational = [c for c in ratios if isinstance(c, Fraction)]
    assert len(rational) == len(ratios), f"no common factor of {weights}"
    common = math.lcm(*(c.denominator for c in rational))
    return weights[0] * Fraction(math.gcd(*(int(c * common) for c in rational)), common)
