r"""The proof that read-outs of Taylor algebras are the functionals they are said to be.

In: *pushes*, an algebra and a tangent for each of its channels, and *claims*, a
combination of channels and the symbol it should be worth. Out: whether every claim holds,
by exact arithmetic:

    u_xx = OperatorSymbol.partial(MultiIndex((2, 0)))
    jet = univariate(2), ((), ((0, Fraction(1)),), ())
    prove([jet], [(((0, 2, Fraction(2)),), u_xx)])     # True: 2 times channel 2 of push 0

A push maps the i-th argument to $a_i = x_i + n_i$, $n_i = \sum_b s_{b,i}\,\varepsilon_b$.
If the algebra is commutative and associative, a smooth function's value at $a$ is its
Taylor polynomial there, whatever program computes it. So a read-out r, a linear function
of channels, is worth $P_r(\partial)\,u$ at x, where

$$ P_r(\xi) = \sum_\beta r(n^\beta)\, \xi^\beta / \beta! , \qquad
   P_r(0) = r(1), \qquad \partial_i P_r = P_{r \circ n_i} ,$$

and the claim is right if $P_r = p$. Monomials are too many to be listed, but pairs
$(r, p)$ are vectors, and $T_i (r, p) = (r \circ n_i, \partial_i p)$ is linear: $P_r = p$ if
and only if $r(1) = p(0)$ on all that the $T_i$ make of $(r, p)$, and a basis of that space
is enough. Where a claim is right r determines p, so the basis has no more vectors than
there are channels. (The equivalence of weighted automata; Schützenberger 1961.)

Numbers are rational or of a quadratic field, and are compared exactly. What is proved
exactly must also survive floats: `amplification` bounds what cancels.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any

from opcompiler.algebra.elimination import Echelon, Number, plain
from opcompiler.algebra.quadratic import Exact, Quadratic
from opcompiler.algebra.weil import Tangent, TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.ir import OperatorSymbol

PushData = tuple[TaylorAlgebra, Sequence[Tangent]]
"""An algebra, and for every channel the tangent it starts from."""

Claim = tuple[Sequence[tuple[int, int, Exact]], OperatorSymbol]
"""A combination, (push, channel, coefficient) each, and what it is said to be worth."""

Channel = tuple[int, int]
"""A channel: (push, channel)."""

Places = tuple[int, ...]
"""A monomial as its factors in order: (0, 0, 2) is the first squared times the third."""

STEPS = 6_000_000
"""Multiplications of small numbers after which a proof is given up: a second or two."""

_FRACTION = 16
"""Multiplications of integers that take as long as one of fractions."""

_TINY = 1e-290
"""A channel that is smaller loses digits."""

LOSS = 1e4
"""Largest amplification of rounding: what cancels beside what is left. Our strategies stay
below 60 on random operators of order 6."""


class _Work:
    """Counts the work of a proof, and gives up."""

    def __init__(self) -> None:
        self.left = STEPS

    def __call__(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise OperatorError(
                "this plan is too large to be proved",
                expression=f"more than {STEPS} multiplications",
                hint="check smaller ones: a functional at a time",
            )

    def on(self, *vectors: Mapping[Any, Number]) -> None:
        """Counts what it takes to go once through vectors, by the size of their numbers."""
        numbers = chain.from_iterable(vector.values() for vector in vectors)
        self(sum(map(len, vectors)) * max(map(_size, numbers), default=1))


def _size(c: Number) -> int:
    """Says how much slower a number is than a small integer."""
    if isinstance(c, Quadratic):
        return 2 * (_size(c.rational) + _size(c.irrational))
    bits = c.numerator.bit_length() + c.denominator.bit_length()
    return (1 if isinstance(c, int) else _FRACTION) + bits // 64


def prove(pushes: Sequence[PushData], claims: Sequence[Claim]) -> bool:
    """Returns whether every claim holds, in exact arithmetic and in floats.

    Args:
        pushes: of good form: `planning/form.py` checks it.
        claims: the same.

    Raises:
        OperatorError: if they are too large to be proved.
    """
    work = _Work()
    for algebra in dict.fromkeys(algebra for algebra, _ in pushes):
        if not is_associative(algebra, work):
            return False
    try:
        proved = all(_holds(pushes, group, work) for group in _by_field(pushes, claims))
    except ValueError:  # two quadratic fields meet: nothing here compares their numbers
        return False
    if not proved:
        return False
    work(sum(algebra.order * len(algebra.products) for algebra, _ in pushes) // 4)
    # Less than 1 is impossible, but for numbers too small for a float.
    return all(0.5 < loss <= LOSS for loss in amplification(pushes, claims))


def _by_field(
    pushes: Sequence[PushData], claims: Sequence[Claim]
) -> Iterable[list[Claim]]:
    """Groups claims by the square roots in their numbers, which meet in one proof."""

    def roots(numbers: Iterable[Exact]) -> set[int]:
        return {c.radicand for c in numbers if isinstance(c, Quadratic)}

    of_push = [roots(c for tangent in seeds for _, c in tangent) for _, seeds in pushes]
    groups: dict[frozenset[int], list[Claim]] = defaultdict(list)
    for claim in claims:
        found = roots(c for *_, c in claim[0])
        found.update(*(of_push[push] for push, _, _ in claim[0]))
        groups[frozenset(found)].append(claim)
    return groups.values()


def _holds(pushes: Sequence[PushData], claims: Sequence[Claim], work: _Work) -> bool:
    """Returns whether $P_r = p$ for all claims, by a basis of what the $T_i$ make."""
    pending: list[tuple[dict[Channel, Number], dict[Places, Number]]] = []
    for terms, symbol in claims:
        # A symbol of an order that no channel reaches is wrong, however long its chain.
        highest = max((pushes[push][0].order for push, _, _ in terms), default=0)
        if symbol.order > highest:
            return False
        reads = {(push, k): plain(c) for push, k, c in terms}
        pending.append((reads, {a.slots(): plain(c) for a, c in symbol.terms}))
    # What reading a channel becomes after n_i: (i, channel, number), as needed.
    back: dict[Channel, list[tuple[int, int, Number]]] = {}
    basis: Echelon[Channel, Places] = Echelon(spend=work.on)
    while pending:
        reads, symbol = basis.reduce(*pending.pop())
        if not reads:
            if symbol:
                return False
            continue
        # r(1): the unit is channel 0 of each push.
        unit = sum((c for (_, k), c in reads.items() if k == 0), start=0)
        if unit != symbol.get((), 0):
            return False
        work.on(reads, symbol)
        basis.add(reads, symbol)
        # T_i (r, p) for all i for which it is not zero.
        stepped: dict[int, dict[Channel, Number]] = defaultdict(
            lambda: defaultdict(int)
        )
        slopes: dict[int, dict[Places, Number]] = defaultdict(dict)
        for (number, channel), c in reads.items():
            if (number, channel) not in back:
                algebra, seeds = pushes[number]
                back[number, channel] = [
                    (i, 0, plain(s)) for i, s in seeds[channel]
                ] + [
                    (i, m, _single(x) * plain(s))
                    for b, m, x in algebra.entries[channel]
                    for i, s in seeds[b]
                ]
            work(len(back[number, channel]) * _size(c))
            for i, m, x in back[number, channel]:
                stepped[i][number, m] += c * x
        for places, c in symbol.items():
            work(len(places))
            for i in set(places):
                at = places.index(i)
                slopes[i][*places[:at], *places[at + 1 :]] = c * places.count(i)
        for i in sorted({*stepped, *slopes}):
            pending.append(({k: c for k, c in stepped[i].items() if c}, slopes[i]))
    return True


def _single(c: Fraction | tuple[Fraction, ...]) -> Number:
    assert not isinstance(c, tuple)  # the form of a plan has no families
    return plain(c)


def is_associative(algebra: TaylorAlgebra, work: _Work | None = None) -> bool:
    """Returns whether an algebra of good form is associative; it commutes by form.

    The elements g with (g a) b = g (a b) for all a and b are closed under products, so it
    is enough to look at channels that generate the others.
    """
    work = work or _Work()
    table = {
        pair: {k: _single(c) for k, c in terms} for pair, terms in algebra.table.items()
    }
    partners: dict[int, list[int]] = defaultdict(list)
    makers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for i, j in table:
        partners[i].append(j)
        for k in table[i, j]:
            makers[k].append((i, j))
    weight = max(
        (_size(c) for terms in table.values() for c in terms.values()), default=1
    )
    work(2 * len(table))
    made = {next(iter(terms)) for terms in table.values() if len(terms) == 1}
    for g in set(range(1, algebra.size)) - made:
        # What (g a) b and g (a b) are made of: (a, b), the number, what it multiplies.
        left = (
            (a, b, c, table[m, b])
            for a in partners[g]
            for m, c in table[g, a].items()
            for b in partners[m]
        )
        right = (
            (a, b, -table[a, b][m], table[g, m])
            for m in partners[g]
            for a, b in makers[m]
        )
        gap: dict[tuple[int, int, int], Number] = defaultdict(int)
        for a, b, c, terms in chain(left, right):
            work(len(terms) * weight)
            for k, x in terms.items():
                gap[a, b, k] += c * x
        if any(gap.values()):
            return False
    return True


def amplification(pushes: Sequence[PushData], claims: Sequence[Claim]) -> list[float]:
    r"""Bounds for each claim how much larger its terms are than what is left of them.

    The terms are at most $\sum_b |r_b|\, E_b$ with $E = \exp \sum_i |n_i|$ in the algebra
    of absolute values, if all derivatives are at most 1; and the functional then is up to
    $\sum_\alpha |p_\alpha|$. Infinite where a channel's size is none that a float holds.
    """
    sizes = [_channel_sizes(*push) for push in pushes]
    found = []
    for terms, symbol in claims:
        left = sum(abs(float(c)) for _, c in symbol.terms)
        read = [(abs(float(c)), sizes[p][k]) for p, k, c in terms]
        total = sum(c * size for c, size in read)
        if not math.isfinite(total) or any(0 < size < _TINY for _, size in read):
            total = math.inf
        found.append(total / left if left else math.inf if total else 1.0)
    return found


def _channel_sizes(algebra: TaylorAlgebra, seeds: Sequence[Tangent]) -> list[float]:
    """Returns a bound on every channel, for a network whose derivatives are at most 1."""
    nilpotent = [sum(abs(float(c)) for _, c in tangent) for tangent in seeds]
    entries = [
        [
            (nilpotent[i] * abs(float(_single(c))), j)
            for i, j, c in algebra.entries[k]
            if nilpotent[i]
        ]
        for k in range(algebra.size)
    ]
    power = [1.0] + [0.0] * (algebra.size - 1)
    total = list(power)
    for n in range(1, algebra.order + 1):
        # `power` times the nilpotent part; the unit, channel 0, is in no entry.
        power = [
            (nilpotent[k] * power[0] + sum(c * power[j] for c, j in entries[k])) / n
            for k in range(algebra.size)
        ]
        if not any(power):
            break
        total = [a + b for a, b in zip(total, power, strict=True)]
    return total
