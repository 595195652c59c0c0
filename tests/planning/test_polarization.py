"""Waring decompositions: proofs, numbers of directions, collapse, agreement in numbers."""

import itertools
from dataclasses import replace
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings, strategies as st

import opcompiler as oc
from opcompiler.algebra.quadratic import Quadratic
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import make_plan
from opcompiler.planning.polarization import (
    cube,
    decompose,
    icosahedron,
    pairs_of_axes,
    regular_polygon,
    shared_directions,
    signed_sum,
    term_by_term,
)
from tests.hang import finishes

NAMES = "xyzwv"


def partial(*exponents):
    return OperatorSymbol.partial(MultiIndex(exponents))


def laplacian(dim, power=1):
    """The symbol of a power of the Laplacian, by the multinomial theorem."""
    terms = {}
    for chosen in itertools.product(range(dim), repeat=power):
        alpha = MultiIndex(tuple(2 * chosen.count(i) for i in range(dim)))
        terms[alpha] = terms.get(alpha, 0) + 1
    return OperatorSymbol.of(terms)


def plan_of(*symbols):
    names = NAMES if symbols[0].dim <= 5 else [f"x{i}" for i in range(symbols[0].dim)]
    functionals = tuple(Functional("u", 0, symbol) for symbol in symbols)
    return make_plan(functionals, (tuple(names[: symbols[0].dim]),), "polarization")


def expand(powers, order, dim):
    """The coefficients of a sum of powers, multiplied out."""
    total: dict = {}
    for vector, weight in powers.items():
        product = {MultiIndex.zero(dim): weight}
        for _ in range(order):
            bigger: dict = {}
            for alpha, c in product.items():
                for place, component in vector:
                    beta = alpha + MultiIndex.unit(dim, place)
                    bigger[beta] = bigger.get(beta, 0) + c * component
            product = bigger
        for alpha, c in product.items():
            total[alpha] = total.get(alpha, 0) + c
    return {alpha: c for alpha, c in total.items() if c}


def is_proved(powers, symbol):
    return expand(powers, symbol.order, symbol.dim) == dict(symbol.terms)


# Numbers of real directions. The real rank of a monomial in two variables is its order
# (Boij, Carlini, Geramita), which the signed sum attains up to u_xxyy; the powers of the
# Laplacian are in Reznick's memoir.
COUNTS = {
    "xy": (partial(1, 1), 2),
    "xxy": (partial(2, 1), 3),
    "xxxy": (partial(3, 1), 4),
    "xxyy": (partial(2, 2), 4),
    "xxxxy": (partial(4, 1), 5),
    "xxxyy": (partial(3, 2), 6),
    "xxxyyy": (partial(3, 3), 8),
    "xyz": (partial(1, 1, 1), 4),
    "xxyz": (partial(2, 1, 1), 6),
    "xyzw": (partial(1, 1, 1, 1), 8),
    "xxyyzz": (partial(2, 2, 2), 13),
    "Laplacian 5D": (laplacian(5), 5),
    "biharmonic 2D": (laplacian(2, 2), 3),
    "biharmonic 3D": (laplacian(3, 2), 6),
    "biharmonic 4D": (laplacian(4, 2), 12),
    "biharmonic 5D": (laplacian(5, 2), 25),
    "triharmonic 2D": (laplacian(2, 3), 4),
    "triharmonic 3D": (laplacian(3, 3), 25),
}


@pytest.mark.parametrize("name", COUNTS)
def test_numbers_of_directions(name: str) -> None:
    symbol, count = COUNTS[name]
    powers = decompose(symbol)
    assert is_proved(powers, symbol)
    assert len(powers) <= count
    plan = plan_of(symbol)
    assert plan.verify()
    assert plan.channels <= 1 + count * (symbol.order - 1) + 1  # collapsed


def test_no_fewer_real_directions_give_xxyy() -> None:
    """Three directions need a cubic that annihilates it: only a x^3 + b y^3 does.

    Its discriminant -27 a^2 b^2 is never positive, so it never has three real roots.
    """
    a, b, x = sp.symbols("a b x", real=True)
    x1, y1 = sp.symbols("x1 y1")
    cubic = sum(c * x1**i * y1 ** (3 - i) for i, c in enumerate(sp.symbols("c:4")))
    kills = sp.expand(
        sum(
            c * sp.diff(x1**2 * y1**2, (x1, i), (y1, 3 - i))
            for i, c in enumerate(sp.symbols("c:4"))
        )
    )
    c0, c1, c2, c3 = sp.symbols("c:4")
    assert sp.solve(sp.Poly(kills, x1, y1).coeffs(), [c1, c2]) == {c1: 0, c2: 0}
    assert cubic.subs({c1: 0, c2: 0}) == c0 * y1**3 + c3 * x1**3
    assert sp.discriminant(a * x**3 + b, x) == -27 * a**2 * b**2


@pytest.mark.parametrize("dim", range(2, 9))
def test_formula_for_the_biharmonic(dim: int) -> None:
    powers = pairs_of_axes(tuple(range(dim)))
    assert is_proved(powers, laplacian(dim, 2))
    assert len(powers) == dim * dim - (dim if dim == 4 else 0)


@pytest.mark.parametrize("power", [1, 2, 3, 5])
def test_regular_polygons(power: int) -> None:
    powers = regular_polygon(power)
    assert is_proved(powers, laplacian(2, power))
    assert len(powers) == power + 1


def test_the_icosahedron_over_the_golden_field() -> None:
    powers = icosahedron()
    assert is_proved(powers, laplacian(3, 2))
    assert {type(c) for v in powers for _, c in v} == {Fraction, Quadratic}


def test_sixty_degrees() -> None:
    """The weight is 8/9 for unit vectors; the direction (1, sqrt 3) has length 2."""
    assert sorted(decompose(laplacian(2, 2)).values()) == [
        Fraction(1, 18),
        Fraction(1, 18),
        Fraction(8, 9),
    ]


SETS = {
    "gradient and Hessian": (
        [partial(1, 0), partial(0, 1), partial(2, 0), partial(1, 1), partial(0, 2)], 7,
    ),
    "Laplacian and xy": ([laplacian(2), partial(1, 1)], 6),
    "Kuramoto-Sivashinsky": (
        [partial(1, 0), partial(0, 1), laplacian(2), laplacian(2, 2)], 13,
    ),
    "2D KdV": (  # t, x, y: six directions, as published
        [partial(1, 0, 1), partial(0, 3, 1), partial(0, 1, 1), partial(0, 1, 0),
         partial(0, 0, 1), partial(0, 2, 0)], 17,
    ),
    "0 to 9": ([partial(k) for k in range(10)], 10),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_functionals_share_directions(name: str) -> None:
    symbols, channels = SETS[name]
    plan = plan_of(*symbols)
    assert plan.verify()
    assert plan.channels <= channels


def test_a_wrong_weight_is_caught() -> None:
    symbol = laplacian(2, 2)
    for wrong in (partial(2, 2), partial(4, 0)):
        terms = dict(symbol.terms)
        (alpha,) = dict(wrong.terms)
        terms[alpha] += Fraction(1, 1000)
        assert not is_proved(decompose(symbol), OperatorSymbol.of(terms))


def test_irrational_numbers_are_proved_in_the_plan_not_rounded() -> None:
    """The weights of the icosahedron are (3 - sqrt 5)/12, exactly."""
    plan = plan_of(laplacian(3, 2))
    terms = [c for readout in plan.readouts for _, _, c in readout.terms]
    assert any(isinstance(c, Quadratic) for c in terms)
    assert plan.verify()


def test_floats_are_refused_wherever_they_hide() -> None:
    plan = plan_of(laplacian(2, 2))
    (push,) = plan.pushes
    seeds = tuple(tuple((i, float(c)) for i, c in seed) for seed in push.seeds)
    *products, (i, j, k, c) = push.algebra.products
    algebra = replace(push.algebra, products=(*products, (i, j, k, float(c))))
    assert not replace(plan, pushes=(replace(push, seeds=seeds),)).verify()
    assert not replace(plan, pushes=(replace(push, algebra=algebra),)).verify()


@st.composite
def symbols(draw):
    """Random homogeneous symbols in up to four variables, of order up to six."""
    dim = draw(st.integers(1, 4))
    order = draw(st.integers(1, 6))
    chosen = draw(
        st.lists(
            st.lists(st.integers(0, dim - 1), min_size=order, max_size=order),
            min_size=1,
            max_size=4,
        )
    )
    numbers = st.fractions(-3, 3, max_denominator=4).filter(bool)
    return OperatorSymbol.of(
        {
            MultiIndex(tuple(c.count(i) for i in range(dim))): draw(numbers)
            for c in chosen
        }
    )


@settings(deadline=None, max_examples=10)
@given(symbols())
def test_random_symbols_are_proved(symbol) -> None:
    powers = decompose(symbol)
    assert is_proved(powers, symbol)
    assert is_proved(term_by_term(symbol), symbol)
    assert plan_of(symbol).verify()


@settings(deadline=None, max_examples=10)
@given(st.lists(symbols().filter(lambda p: p.dim == 3), min_size=2, max_size=4))
def test_random_sets_are_proved(several) -> None:
    assert plan_of(*dict.fromkeys(several)).verify()


@pytest.mark.parametrize("exponents", [(1, 1), (3, 0, 2), (2, 1, 1), (1, 1, 1, 1)])
def test_the_signed_sum_always_exists(exponents) -> None:
    assert is_proved(signed_sum(MultiIndex(exponents)), partial(*exponents))


def test_directions_at_hand_are_used() -> None:
    """u_xy needs one direction where the jets along both axes are there anyway."""
    several = [partial(2, 0), partial(0, 2), partial(1, 1)]
    sums = shared_directions(several)
    assert len({v for powers in sums.values() for v in powers}) == 3
    assert all(is_proved(powers, p) for p, powers in sums.items())


def test_rational_directions_where_they_are_asked_for() -> None:
    assert is_proved(cube(), laplacian(3, 2))
    for symbol in (laplacian(2, 2), laplacian(3, 2), laplacian(2, 5)):
        powers = decompose(symbol, rational=True)
        assert is_proved(powers, symbol)
        assert all(isinstance(c, Fraction) for v in powers for _, c in v)


@pytest.mark.parametrize(
    "wanted",
    [
        [laplacian(50)],
        [laplacian(50), *(partial(*(int(i == j) for j in range(50))) for i in range(50))],
        [laplacian(3, 3)],
        [OperatorSymbol.of({MultiIndex(a): i + 1 for i, a in enumerate(
            a for a in itertools.product(range(7), repeat=4) if sum(a) == 6)})],
        [partial(*a) for a in itertools.product(range(7), repeat=4) if 0 < sum(a) < 7],
    ],
    ids=["50D", "50D with gradient", "triharmonic", "84 terms", "all to order 6"],
)  # fmt: skip
def test_planning_takes_bounded_time(wanted) -> None:
    with finishes():  # a second at most here
        plan_of(*wanted)


x, y, z = sp.symbols("x y z")
U = sp.Function("u")(x, y, z)
V = sp.Function("u")(x, y)


def power_of_laplacian(u, over, power):
    for _ in range(power):
        u = sum(sp.diff(u, (c, 2)) for c in over)
    return u


COMPILED = {
    "u_xy": V.diff(x, y),
    "u_xxxy": V.diff(x, 3, y),
    "u_xxyy": V.diff(x, 2, y, 2),
    "u_xyz": U.diff(x, y, z),
    "u_xxyyz": U.diff(x, 2, y, 2, z),
    "biharmonic 2D": power_of_laplacian(V, (x, y), 2),
    "biharmonic 3D": power_of_laplacian(U, (x, y, z), 2),
    "several": V.diff(x) * V.diff(x, 2, y) + V.diff(y) ** 2 * V.diff(x, y)
    + power_of_laplacian(V, (x, y), 2) + x * V,
    "sites": V.diff(x, y).subs(x, 0) - V.diff(x, 2).subs(y, 1),
}  # fmt: skip


def network(dim):
    chance = np.random.default_rng(7)
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
    points = np.random.default_rng(3).uniform(-1, 1, (5, dim))
    columns = dict(zip((x, y, z), points.T, strict=False))
    both = [oc.compile(equation, strategy=way) for way in ("polarization", "nested")]
    found, wanted = _values(both, network(dim), columns)
    scale = np.max(np.abs(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * scale)


def _values(residuals, u, columns):
    at = {str(c): columns[sp.Symbol(str(c))] for c in residuals[0].coordinates}
    return jax.jit(lambda at: [residual({"u": u}, at) for residual in residuals])(at)
