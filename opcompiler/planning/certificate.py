r"""The proof that a plan is right.

A push maps the i-th argument to $a_i = x_i + n_i$, $n_i = \sum_b s_{b,i}\,\varepsilon_b$.
If the algebra is commutative and associative, a smooth function's value at $a$ is its
Taylor polynomial there, whatever program computes it. So a read-out r, a linear function
of channels, is worth $P_r(\partial)\,u$ at x, where

$$ P_r(\xi) = \sum_\beta r(n^\beta)\, \xi^\beta / \beta! , \qquad
   P_r(0) = r(1), \qquad \partial_i P_r = P_{r \circ n_i} ,$$

and the plan is right if $P_r = p$ for each functional p. Monomials are too many to be
listed, but pairs $(r, p)$ are vectors, and $T_i (r, p) = (r \circ n_i, \partial_i p)$ is
linear: $P_r = p$ if and only if $r(1) = p(0)$ on all that the $T_i$ make of $(r, p)$, and a
basis of that space is enough. Where the plan is right r determines p, so the basis has no
more vectors than the plan has channels. (The equivalence of weighted automata;
Schuetzenberger 1961.)

Numbers are rational or of a quadratic field, and are compared exactly. What is proved
exactly must also survive floats: `amplification` bounds what cancels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from opcompiler.algebra.quadratic import Exact, inverse, Quadratic
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.planning.form import check_form

if TYPE_CHECKING:
    from opcompiler.planning.plan import Plan, Push, ReadOut

Number = Exact | int
"""Integers stay integers here: they are ten times faster."""

Channel = tuple[int, int]
"""A channel of a plan: (push, channel)."""

Places = tuple[int, ...]
"""A monomial as its factors in order: (0, 0, 2) is the first squared times the third."""

Vector = tuple[dict[Channel, Number], dict[Places, Number]]
"""A pair (r, p), zeros left out."""

STEPS = 6_000_000
"""Multiplications of small numbers after which a proof is given up: a second or two."""

_TINY = 1e-290
"""A channel that is smaller loses digits."""

_FRACTION = 16
"""Multiplications of integers that take as long as one of fractions."""

LOSS = 1e4
"""Largest amplification of rounding: what cancels beside what is left. Our strategies stay
below 60 on random operators of order 6."""


def check_plan(plan: Plan) -> bool:
    """Returns whether every read-out equals its functional, exactly.

    Raises:
        OperatorError: if the plan is too large to be proved.
    """
    try:
        check_form(plan)
    except OperatorError:
        return False
    work = _Work()
    algebras = dict.fromkeys(push.algebra for push in plan.pushes)
    if not all(is_associative(algebra, work) for algebra in algebras):
        return False
    steps = [_Step(number, push) for number, push in enumerate(plan.pushes)]
    try:
        groups = _by_field(plan)
        proved = all(_equivalent(steps, group, work) for group in groups)
    except ValueError:  # two quadratic fields meet: nothing here compares their numbers
        return False
    if not proved:
        return False
    work(sum(p.algebra.order * len(p.algebra.products) for p in plan.pushes) // 4)
    # Less than 1 is impossible, but for numbers too small for a float.
    return all(0.5 < loss <= LOSS for loss in amplification(plan))


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


def _by_field(plan: Plan) -> list[list[ReadOut]]:
    """Groups read-outs by the square root in their numbers, which meet in one proof."""
    groups: dict[frozenset[int], list[ReadOut]] = defaultdict(list)
    seeds = [
        {c.radicand for tangent in push.seeds for _, c in tangent if _is_irrational(c)}
        for push in plan.pushes
    ]
    for readout in plan.readouts:
        roots = {c.radicand for *_, c in readout.terms if isinstance(c, Quadratic)}
        roots.update(*(seeds[push] for push, _, _ in readout.terms))
        groups[frozenset(roots)].append(readout)
    return list(groups.values())


class _Step:
    r"""The maps $r \mapsto r \circ n_i$ of one push, by the channel that r reads."""

    def __init__(self, number: int, push: Push) -> None:
        self.number = number
        self.push = push
        self._back: dict[int, tuple[tuple[int, int, Number], ...]] = {}

    def back(self, channel: int) -> tuple[tuple[int, int, Number], ...]:
        """Returns what reading a channel becomes: (argument, channel, number)."""
        if channel not in self._back:
            seeds, entries = self.push.seeds, self.push.algebra.entries
            found = [(argument, 0, _plain(s)) for argument, s in seeds[channel]]
            for b, m, c in entries[channel]:
                found += [(a, m, _plain(c) * _plain(s)) for a, s in seeds[b]]
            self._back[channel] = tuple(found)
        return self._back[channel]


def _is_irrational(c: Number) -> bool:
    return isinstance(c, Quadratic)


def _plain(c: Number | tuple[Fraction, ...]) -> Number:
    """Returns an integer as an `int`."""
    assert not isinstance(c, tuple)  # families are not of the form of a plan
    if isinstance(c, Fraction) and c.denominator == 1:
        return c.numerator
    return c


def _equivalent(steps: list[_Step], readouts: list[ReadOut], work: _Work) -> bool:
    """Returns whether $P_r = p$ for all read-outs, by a basis of what the $T_i$ make."""
    pending: list[Vector] = []
    for readout in readouts:
        wanted = {a.slots(): _plain(c) for a, c in readout.functional.symbol.terms}
        orders = [steps[p].push.algebra.order for p, _, _ in readout.terms]
        if max(map(len, wanted), default=0) > max(orders, default=0):
            return False
        terms = {(p, k): _plain(c) for p, k, c in readout.terms}
        pending.append((terms, wanted))
    basis: dict[Channel, tuple[Vector, int]] = {}
    while pending:
        (reads, symbol), weight = _reduced(pending.pop(), basis, work)
        if not reads:
            if symbol:
                return False
            continue
        unit = sum((c for (_, k), c in reads.items() if k == 0), start=0)
        if unit != symbol.get((), 0):
            return False
        pivot = max(reads)
        scale = inverse(reads[pivot])
        vector = (
            {key: _plain(c * scale) for key, c in reads.items()},
            {key: _plain(c * scale) for key, c in symbol.items()},
        )
        basis[pivot] = vector, _weight(vector)
        work((len(reads) + len(symbol)) * weight)
        pending += _stepped(steps, vector, weight, work)
    return True


def _reduced(
    vector: Vector, basis: dict[Channel, tuple[Vector, int]], work: _Work
) -> tuple[Vector, int]:
    """Subtracts basis vectors until the last channel is no pivot; weighs the rest."""
    parts = dict(vector[0]), dict(vector[1])
    weight = _weight(vector)
    while parts[0] and (pivot := max(parts[0])) in basis:
        row, row_weight = basis[pivot]
        # Sizes of numbers add up in a product; those of small ones do not count.
        weight = max(weight, row_weight) + max(row_weight - _FRACTION, 0)
        work((len(parts[0]) + len(row[0]) + len(row[1])) * weight)
        c = parts[0][pivot]
        for into, terms in zip(parts, row, strict=True):
            for key, x in terms.items():
                rest = into.get(key, 0) - c * x
                if rest:
                    into[key] = rest
                else:
                    into.pop(key, None)
    return parts, _weight(parts)


def _stepped(
    steps: list[_Step], vector: Vector, weight: int, work: _Work
) -> list[Vector]:
    """Returns $T_i (r, p)$ for all i for which it is not zero."""
    reads: dict[int, dict[Channel, Number]] = defaultdict(lambda: defaultdict(int))
    slopes: dict[int, dict[Places, Number]] = defaultdict(dict)
    for (number, channel), c in vector[0].items():
        back = steps[number].back(channel)
        work((1 + len(back)) * weight)
        for argument, m, x in back:
            reads[argument][number, m] += c * x
    for places, c in vector[1].items():
        work(len(places))
        for argument in set(places):
            at = places.index(argument)
            lower = (*places[:at], *places[at + 1 :])
            slopes[argument][lower] = c * places.count(argument)
    return [
        ({key: c for key, c in reads[i].items() if c}, slopes[i])
        for i in sorted({*reads, *slopes})
    ]


def _weight(vector: Vector) -> int:
    """Says how much slower the numbers of a vector are than small integers."""
    numbers = chain(vector[0].values(), vector[1].values())
    return max((_size(c) for c in numbers), default=1)


def _size(c: Number) -> int:
    if isinstance(c, Quadratic):
        return 2 * (_size(c.rational) + _size(c.irrational))
    bits = c.numerator.bit_length() + c.denominator.bit_length()
    return (1 if isinstance(c, int) else _FRACTION) + bits // 64


def is_associative(algebra: TaylorAlgebra, work: _Work | None = None) -> bool:
    """Returns whether an algebra of good form is associative; it commutes by form.

    The elements g with (g a) b = g (a b) for all a and b are closed under products, so it
    is enough to look at channels that generate the others.
    """
    work = work or _Work()
    table = {
        pair: {k: _plain(c) for k, c in terms} for pair, terms in algebra.table.items()
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


def amplification(plan: Plan) -> list[float]:
    r"""Bounds for each read-out how much larger its terms are than what is left of them.

    The terms are at most $\sum_b |r_b|\, E_b$ with $E = \exp \sum_i |n_i|$ in the algebra
    of absolute values, if all derivatives are at most 1; and the functional then is up to
    $\sum_\alpha |p_\alpha|$. Infinite where a channel's size is none that a float holds.
    """
    sizes = [channel_sizes(push) for push in plan.pushes]
    found = []
    for readout in plan.readouts:
        left = sum(abs(float(c)) for _, c in readout.functional.symbol.terms)
        read = [(abs(float(c)), sizes[p][k]) for p, k, c in readout.terms]
        total = sum(c * size for c, size in read)
        if not math.isfinite(total) or any(0 < size < _TINY for _, size in read):
            total = math.inf
        found.append(total / left if left else math.inf if total else 1.0)
    return found


def channel_sizes(push: Push) -> list[float]:
    """Returns a bound on every channel, for a network whose derivatives are at most 1."""
    size = push.algebra.size
    nilpotent = [sum(abs(float(c)) for _, c in tangent) for tangent in push.seeds]
    entries = {
        k: [(nilpotent[i] * abs(float(c)), j) for i, j, c in terms if nilpotent[i]]
        for k, terms in push.algebra.entries.items()
    }
    power = [1.0] + [0.0] * (size - 1)
    total = list(power)
    for n in range(1, push.algebra.order + 1):
        # `power` times the nilpotent part; the unit, channel 0, is in no entry.
        power = [
            (nilpotent[k] * power[0] + sum(c * power[j] for c, j in entries[k])) / n
            for k in range(size)
        ]
        if not any(power):
            break
        total = [a + b for a, b in zip(total, power, strict=True)]
    return total
