"""Jets with tangent slots: proofs, expected jets, agreement with nested forward mode."""

import itertools
from collections import Counter
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings, strategies as st
from sympy.utilities.iterables import partitions

import opcompiler as oc
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import make_plan
from opcompiler.planning.partition import schemes, single_jet, straight_lines
from opcompiler.planning.slots import (
    axis,
    canonical,
    Jet,
    merged,
    one_hot,
    price,
    read_off,
    restricted_partitions,
)

NAMES = "txyz"


def partial(*exponents):
    return OperatorSymbol.partial(MultiIndex(exponents))


def symbol(**terms):
    """`symbol(xxyy=2)`, over the coordinates t, x, y, z."""
    return OperatorSymbol.of(
        {MultiIndex(tuple(map(name.count, NAMES))): c for name, c in terms.items()}
    )


def partials(names):
    return [symbol(**{name: 1}) for name in names.split()]


def laplacian(dim, power=1):
    terms = Counter(
        MultiIndex(tuple(2 * chosen.count(i) for i in range(dim)))
        for chosen in itertools.product(range(dim), repeat=power)
    )
    return OperatorSymbol.of(terms)


def plan_of(*symbols):
    dim = symbols[0].dim
    names = tuple(NAMES[:dim]) if dim <= 4 else tuple(f"x{i}" for i in range(dim))
    functionals = tuple(Functional("u", 0, p) for p in symbols)
    return make_plan(functionals, (names,), "partition")


def jets(plan):
    """Each push as its order and the slots of its coordinates."""
    return sorted(
        (
            (
                push.algebra.order,
                {i: k for k, seed in enumerate(push.seeds) for i, _ in seed},
            )
            for push in plan.pushes
        ),
        key=lambda jet: (jet[0], sorted(jet[1].items())),
    )


@pytest.mark.parametrize("parts", [(1,), (2, 3), (3, 1, 2), (4, 6, 9), (8, 12, 14, 15)])
def test_restricted_partitions(parts) -> None:
    for total in range(31):
        found = list(restricted_partitions(parts, total))
        wanted = {
            tuple(p.get(s, 0) for s in parts)
            for p in partitions(total)
            if set(p) <= set(parts)
        }
        assert set(found) == wanted
        assert len(found) == len(wanted)


def test_equal_parts_are_told_apart() -> None:
    assert set(restricted_partitions((1, 1), 2)) == {(2, 0), (1, 1), (0, 2)}
    assert list(restricted_partitions((), 0)) == [()]
    assert not list(restricted_partitions((), 1))
    assert not list(restricted_partitions((2, 4), 7))


# Channels of the cheapest jets found, and of straight lines alone. Nothing says that
# the first are the least possible; they are not to grow.
CHANNELS = {
    "u_xy": (partials("xy"), 6, 6),
    "u_xxy": (partials("xxy"), 8, 12),
    "u_xxxy": (partials("xxxy"), 12, 20),
    "u_xxyy": (partials("xxyy"), 15, 20),
    "u_xyz": (partials("xyz"), 16, 16),
    "u_xxyz": (partials("xxyz"), 22, 30),
    "u_txyz": (partials("txyz"), 40, 40),
    "u_xxyyzz": (partials("xxyyzz"), 69, 91),
    "gradient": (partials("x y z"), 6, 6),
    "Hessian 2D": (partials("xx xy yy"), 9, 9),
    "gradient and Hessian": (partials("x y xx xy yy"), 9, 9),
    "Laplacian 3D": ([laplacian(3)], 9, 9),
    "biharmonic 2D": ([laplacian(2, 2)], 20, 20),
    "biharmonic 3D": ([laplacian(3, 2)], 35, 35),
    "triharmonic 2D": ([laplacian(2, 3)], 28, 28),
    "Burgers": (partials("t x xx"), 5, 5),
    "KdV": (partials("t x xxx"), 6, 6),
    "Navier-Stokes": ([*partials("t x y z"), symbol(xx=1, yy=1, zz=1)], 11, 11),
    "KP": (partials("tx x xx xxxx yy"), 12, 14),
    "2D KdV": (partials("ty xxxy xy x y xx"), 18, 26),
    "gKdV": (partials("t x xxx tt tx xx txxx xxxx"), 15, 20),
    "Camassa-Holm": (partials("t x xx xxx txx"), 10, 12),
    "0 to 9": ([partial(k) for k in range(10)], 10, 10),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels(name: str) -> None:
    symbols, channels, straight = CHANNELS[name]
    plan = plan_of(*symbols)
    assert plan.verify()
    assert plan.channels <= channels
    assert price(straight_lines([p for p in symbols if p.order]))[0] >= plan.channels
    assert channels <= straight


def test_one_jet_of_order_seven() -> None:
    """u_xxy at order 7 of slots (2, 3): 105 with factorials, 1/2 without."""
    plan = plan_of(partial(2, 1))
    assert jets(plan) == [(7, {0: 2, 1: 3})]
    assert [c for r in plan.readouts for *_, c in r.terms] == [2]
    assert single_jet([partial(2, 1)]) == Jet(one_hot({0: 2, 1: 3}), 7)


def test_the_jet_of_order_nine_with_a_correction() -> None:
    """u_xxxy from slots (2, 3), u_yyy taken away by a jet along y."""
    nine, cubic = Jet(one_hot({0: 2, 1: 3}), 9), Jet(axis(1), 3)
    assert read_off([nine], [partial(3, 1)]) is None
    # J9 = (1260 u_xxxy + 280 u_yyy) / 9! * (2!)^3 3! and so on: 1/6 and 1/6.
    found = read_off([nine, cubic], [partial(3, 1)])
    assert found == [{(0, 9): Fraction(6), (1, 3): Fraction(-6)}]


def test_the_cost_prefers_low_orders_among_equals() -> None:
    """For u_xy two 2-jets have as many channels as the 5-jet of slots (2, 3)."""
    assert jets(plan_of(partial(1, 1))) == [(2, {0: 1, 1: 1})] * 2
    assert max(order for order, _ in jets(plan_of(partial(3, 1)))) == 5
    assert single_jet([partial(1, 1)]).channels == 6
    assert single_jet([partial(3, 1)]).channels == 12


def test_single_jets_of_several() -> None:
    burgers = partials("t x xx")
    jet = single_jet(burgers)
    assert jet == Jet(one_hot({0: 3, 1: 2}), 4)
    assert read_off([jet], burgers) is not None
    assert single_jet(burgers, below=4) is None
    # At order 6 of slots (2, 3) there is u_xxx beside u_yy.
    assert single_jet([laplacian(2)]) == Jet(one_hot({0: 3, 1: 4}), 8)
    square = OperatorSymbol.of({MultiIndex(a): c for a, c in
                                (((2, 0), 1), ((1, 1), 2), ((0, 2), 1))})  # fmt: skip
    assert single_jet([square]).order == 2


@pytest.mark.parametrize("exponents", [(1, 1), (3, 1), (2, 2), (1, 1, 1), (3, 2, 1)])
def test_every_scheme_gives_its_derivative(exponents) -> None:
    found = schemes(exponents)
    assert list(found) == sorted(found, key=price)
    for scheme in found:
        assert read_off(scheme, [partial(*exponents)]) is not None


def test_a_curve_and_its_reverse_are_one() -> None:
    forth = one_hot({0: 1, 1: 2, 2: 3}, {0: -1})
    back = one_hot({0: 1, 1: 2, 2: 3}, {2: -1})
    assert canonical(forth) == back
    assert merged([Jet(forth, 3), Jet(back, 5)]) == {back: 5}


def test_nothing_to_plan_but_the_value() -> None:
    plan = plan_of(partial(0, 0))
    assert plan.verify()
    assert plan.channels == 1
    assert plan_of(partial(0, 0), partial(0, 1)).channels == 2


def test_fifty_dimensions() -> None:
    plan = plan_of(laplacian(50))
    assert jets(plan) == [(2, {i: 1}) for i in range(50)]
    assert plan.verify()
    gradient = [partial(*(int(i == j) for j in range(50))) for i in range(50)]
    assert plan_of(laplacian(50), *gradient).channels == 150
    assert plan_of(*gradient).channels == 100


def test_a_direction_for_each_first_order_symbol() -> None:
    wind = symbol(t=1, x=Fraction(3, 2), y=Fraction(-7, 5))
    plan = plan_of(wind)
    assert plan.channels == 2
    assert [int(c) for _, c in plan.pushes[0].seeds[1]] == [10, 15, -14]
    assert plan_of(wind, symbol(x=1), symbol(t=5, y=-7)).channels == 4
    assert plan_of(wind, symbol(tt=1, xx=1, yy=1)).channels == 9
    assert plan_of(wind, symbol(xxy=1)).channels == 8 + 2


def test_quadratic_forms_by_completing_squares() -> None:
    form = symbol(xx=2, xy=-3, yy=Fraction(5, 7), zz=1)
    assert plan_of(form).channels == 9
    assert plan_of(form).verify()


def test_dense_tangents_where_slots_are_shared() -> None:
    """u_xxyz = half the difference of two: x in slot 2, y + z and y - z in slot 3."""
    plan = plan_of(symbol(xxyz=1))
    assert jets(plan) == [(10, {1: 2, 2: 3, 3: 3})] * 2
    assert plan.verify()


@st.composite
def symbols(draw, dim=None, most=6):
    """Random homogeneous symbols in up to four variables, of order up to six."""
    dim = dim or draw(st.integers(1, 4))
    order = draw(st.integers(1, most))
    factors = st.lists(st.integers(0, dim - 1), min_size=order, max_size=order)
    numbers = st.fractions(-3, 3, max_denominator=4).filter(bool)
    chosen = draw(st.lists(factors, min_size=1, max_size=3))
    return OperatorSymbol.of(
        {MultiIndex(tuple(map(c.count, range(dim)))): draw(numbers) for c in chosen}
    )


@settings(deadline=None, max_examples=12)
@given(symbols())
def test_random_symbols_are_proved(one) -> None:
    plan = plan_of(one)
    assert plan.verify()
    assert plan.channels <= price(straight_lines([one]))[0]
    numbers = [c for readout in plan.readouts for *_, c in readout.terms]
    seeds = [c for push in plan.pushes for seed in push.seeds for _, c in seed]
    assert {type(c) for c in numbers + seeds} == {Fraction}


@settings(deadline=None, max_examples=6)
@given(st.lists(symbols(dim=3, most=4), min_size=2, max_size=4, unique=True))
def test_random_sets_are_proved(several) -> None:
    plan = plan_of(*several)
    assert plan.verify()
    assert plan.channels <= price(straight_lines(several))[0]


def test_many_partials_fall_back_to_lines() -> None:
    everything = [
        partial(*a) for a in itertools.product(range(5), repeat=3) if 0 < sum(a) < 5
    ]
    plan = plan_of(*everything)
    assert plan.verify()
    assert plan.channels == 15 * 5  # one 4-jet for each monomial of order 4


x, y, z = sp.symbols("x y z")
U = sp.Function("u")(x, y, z)
V = sp.Function("u")(x, y)

COMPILED = {
    "u": V**2,
    "u_xy": V.diff(x, y),
    "u_xxy": V.diff(x, 2, y),
    "u_xxxy": V.diff(x, 3, y),
    "u_xxyy": V.diff(x, 2, y, 2),
    "u_xyz": U.diff(x, y, z),
    "u_xxyz": U.diff(x, 2, y, z),
    "u_xxyyzz": U.diff(x, 2, y, 2, z, 2),
    "KdV": V.diff(x) + V * V.diff(y) + V.diff(y, 3),
    "biharmonic": V.diff(x, 4) + 2 * V.diff(x, 2, y, 2) + V.diff(y, 4),
    "several": V.diff(x) * V.diff(x, 2, y) + V.diff(y) ** 2 * V.diff(x, y) + x * V,
    "sites": V.diff(x, y).subs(x, 0) - V.diff(x, 2).subs(y, 1),
}


def network(dim):
    chance = np.random.default_rng(11)
    sizes = [dim, 8, 8, 1]
    parameters = [
        (chance.normal(size=(m, n)) / np.sqrt(m), 0.3 * chance.normal(size=n))
        for m, n in itertools.pairwise(sizes)
    ]

    def u(point):
        for weight, bias in parameters[:-1]:
            point = jnp.tanh(point @ weight + bias)
        weight, bias = parameters[-1]
        return (point @ weight + bias)[0]

    return u


@pytest.mark.parametrize("name", COMPILED)
def test_it_agrees_with_nested_forward_mode(name: str) -> None:
    equation = COMPILED[name]
    dim = 3 if equation.has(z) else 2
    points = np.random.default_rng(5).uniform(-1, 1, (5, dim))
    columns = dict(zip((x, y, z), points.T, strict=False))
    both = [oc.compile(equation, strategy=way) for way in ("partition", "nested")]
    found, wanted = _values(both, network(dim), columns)
    scale = np.max(np.abs(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * scale)


# Equations of the source that have exact solutions, with coordinates z for time.
K, L = 1.3, 0.6
SOLVED = {
    "2D KdV": (
        U.diff(z, y) + U.diff(x, 3, y) - U.diff(x, 2) + 2 * U.diff(y, 2)
        + 3 * (U.diff(x, y) * U.diff(x) + U.diff(y) * U.diff(x, 2)),
        lambda p: jnp.tanh((p[0] + p[1]) / 2 - p[2]),
    ),
    "KP": (
        U.diff(z, x) + 6 * U.diff(x) ** 2 + 6 * U * U.diff(x, 2) + U.diff(x, 4)
        + 3 * U.diff(y, 2),
        lambda p: K**2 / 2
        / jnp.cosh((K * p[0] + L * p[1] - (K**4 + 3 * L**2) / K * p[2]) / 2) ** 2,
    ),
    "sine-Gordon": (
        U.diff(x, z) - sp.sin(U),
        lambda p: 4 * jnp.arctan(jnp.exp(K * p[0] + p[2] / K)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVED)
def test_exact_solutions_have_no_residual(name: str) -> None:
    equation, solution = SOLVED[name]
    residual = oc.compile(equation, strategy="partition")
    points = np.random.default_rng(2).uniform(-1, 1, (1000, 3))
    columns = dict(zip((x, y, z), points.T, strict=True))
    (found,) = _values([residual], solution, columns)
    assert np.max(np.abs(found)) < 1e-9


def _values(residuals, u, columns):
    at = {str(c): columns[sp.Symbol(str(c))] for c in residuals[0].coordinates}
    return jax.jit(lambda at: [residual({"u": u}, at) for residual in residuals])(at)
