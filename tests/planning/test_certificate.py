"""The certificate must fire: every way to break a plan is caught."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import make_plan

SITES = (("x", "y", "z"),)


def biharmonic():
    terms = {
        MultiIndex((4, 0, 0)): 1,
        MultiIndex((2, 2, 0)): 2,
        MultiIndex((0, 4, 0)): 1,
    }
    return Functional("u", 0, OperatorSymbol.of(terms))


PLAN = make_plan((biharmonic(),), SITES)


def broken(push, **changes):
    return replace(PLAN, pushes=(replace(push, **changes),))


def test_the_plan_itself_is_right() -> None:
    assert PLAN.verify()


@pytest.mark.parametrize("place", range(len(PLAN.pushes[0].algebra.products)))
def test_every_structure_constant_matters(place: int) -> None:
    (push,) = PLAN.pushes
    products = list(push.algebra.products)
    i, j, k, c = products[place]
    products[place] = (i, j, k, 2 * c)
    assert not broken(
        push, algebra=replace(push.algebra, products=tuple(products))
    ).verify()


@pytest.mark.parametrize("channel", [1, 2])
def test_every_seed_matters(channel: int) -> None:
    (push,) = PLAN.pushes
    seeds = list(push.seeds)
    seeds[channel] = tuple((i, 3 * c) for i, c in seeds[channel])
    assert not broken(push, seeds=tuple(seeds)).verify()


def test_a_wrong_or_inexact_read_out_is_caught() -> None:
    (readout,) = PLAN.readouts
    ((push, channel, c),) = readout.terms
    wrong = replace(readout, terms=((push, channel, c + 1),))
    inexact = replace(readout, terms=((push, channel, float(c)),))
    assert not replace(PLAN, readouts=(wrong,)).verify()
    assert not replace(PLAN, readouts=(inexact,)).verify()


def test_a_read_out_of_another_site_is_caught() -> None:
    (readout,) = PLAN.readouts
    elsewhere = replace(readout.functional, site=1)
    assert not replace(
        PLAN, readouts=(replace(readout, functional=elsewhere),)
    ).verify()


multi_indices = st.tuples(*[st.integers(0, 3)] * 3).map(MultiIndex)


@st.composite
def functionals(draw):
    """Random homogeneous symbols in three variables, of order up to 5."""
    indices = draw(
        st.lists(multi_indices.filter(lambda a: a.order <= 5), min_size=1, max_size=4)
    )
    same = [a for a in indices if a.order == indices[0].order]
    numbers = st.fractions(-3, 3, max_denominator=4).filter(bool)
    return Functional("u", 0, OperatorSymbol.of({a: draw(numbers) for a in same}))


@settings(deadline=None, max_examples=60)
@given(st.lists(functionals(), min_size=1, max_size=3, unique=True))
def test_any_set_of_functionals_is_planned_right(wanted) -> None:
    plan = make_plan(tuple(wanted), SITES)
    assert plan.verify()
    assert all(type(c) is Fraction for *_, c in plan.pushes[0].algebra.products)


@settings(deadline=None, max_examples=40)
@given(st.lists(functionals(), min_size=1, max_size=3, unique=True))
def test_the_channels_are_the_span_of_all_derivatives(wanted) -> None:
    """Minimality, by ranks of catalecticants computed another way."""
    rows: dict[int, list[OperatorSymbol]] = {
        0: [OperatorSymbol.partial(MultiIndex((0,) * 3))]
    }
    pending = [f.symbol for f in wanted]
    while pending:
        symbol = pending.pop()
        if symbol.terms:
            rows.setdefault(symbol.order, []).append(symbol)
            pending += [symbol.derivative(i) for i in range(3)]
    degrees = make_plan(tuple(wanted), SITES).pushes[0].algebra.degrees
    assert degrees == tuple(rank(rows[d]) for d in sorted(rows))


def rank(symbols) -> int:
    import sympy as sp

    columns = sorted({a for s in symbols for a, _ in s.terms})
    matrix = sp.Matrix(
        [
            [sp.Rational(str(dict(s.terms).get(a, 0))) for a in columns]
            for s in set(symbols)
        ]
    )
    return matrix.rank()
