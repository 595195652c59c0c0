"""What jets hold: against direct Taylor expansion, and the published tables' errors."""

import itertools
import math
import random
from fractions import Fraction

import pytest
import sympy as sp
from sympy.utilities.iterables import partitions

from opcompiler.errors import OperatorError
from opcompiler.ir import MultiIndex, OperatorSymbol
from opcompiler.planning.contamination import contamination
from opcompiler.planning.partition import single_jet
from opcompiler.planning.slots import contents
from tests.shares import one_in


def partial(*exponents):
    return OperatorSymbol.partial(MultiIndex(exponents))


# Shi et al., NeurIPS 2024, as printed in equations 21 and 66 and as it stands in their
# code, beside what the coefficients hold; the last entry is what one may divide by.
PUBLISHED_13_JET = {
    6: ("xx", 1, {"xx": 10}),
    7: ("xy", 35, {"xy": 35, "t": 1}),
    11: ("ty", 330, {"ty": 330, "xyy": 5775}),
    13: ("xxxy", 200200, {"xxxy": 200200, "xxt": 17160}),
}


@pytest.mark.parametrize("order", PUBLISHED_13_JET)
def test_errors_of_the_published_13_jet(order: int) -> None:
    report = contamination({3: "x", 4: "y", 7: "t"}, 13)
    wanted, claimed, holds = PUBLISHED_13_JET[order]
    assert {k: report.coefficient(k, order) for k in holds} == holds
    assert len(report.outputs[order].terms) == len(holds)
    claim_is_right = report.is_pure(wanted, order) and holds[wanted] == claimed
    assert not claim_is_right
    others = {k: c for k, c in holds.items() if k != wanted}
    assert len(report.unwanted(wanted, order).terms) == len(others)


def test_the_published_9_jet_divides_by_the_wrong_number() -> None:
    report = contamination({2: "x", 3: "y"}, 9)
    assert report.coefficient("xxxy", 9) == 1260  # 840 in print
    assert report.coefficient("yyy", 9) == 280
    assert report.recipe("xxxy", 9) == "u_xxxy = (J9 - 280*u_yyy)/1260"
    assert not report.is_pure("xxxy", 9)


def test_what_is_right_in_the_published_tables() -> None:
    report = contamination({2: "x", 3: "y"}, 7)
    assert report.recipe("xxy", 7) == "u_xxy = J7/105"
    assert report.recipe("xy", 5) == "u_xy = J5/10"
    assert report.recipe("x", 2) == "u_x = J2"
    assert contamination({1: "x", 2: "y"}, 4).outputs[4] == OperatorSymbol.of(
        {MultiIndex((0, 2)): 3, MultiIndex((2, 1)): 6, MultiIndex((4, 0)): 1}
    )
    gkdv = contamination({1: "x", 4: "t"}, 7)
    assert gkdv.recipe("txxx", 7) == "u_xxxt = (J7 - u_xxxxxxx)/35"
    assert gkdv.recipe("tx", 5) == "u_xt = (J5 - u_xxxxx)/5"
    assert gkdv.recipe("t", 4) == "u_t = J4 - u_xxxx"
    assert contamination({2: "t", 3: "x"}, 5).is_pure("tx", 5)  # 10 u_tx


def test_nine_others_in_the_example_of_order_sixteen() -> None:
    """Slots (2, 3, 4) for u_xxxyyz: the source mentions one other term."""
    report = contamination({2: "x", 3: "y", 4: "z"}, 16)
    assert report.orders("xxxyyz") == (16,)
    assert len(report.unwanted("xxxyyz", 16).terms) == 9


# The cheapest pure slots of seeds.md, section 1.2: order, slots, coefficient.
PURE = {
    (1, 1): (5, (2, 3), 10),
    (2, 1): (7, (2, 3), 105),
    (3, 1): (11, (2, 5), 6930),
    (2, 2): (14, (3, 4), 1051050),
    (1, 1, 1): (17, (4, 6, 7), 4084080),
    (4, 1): (13, (2, 5), 135135),
    (3, 2): (17, (3, 4), 238238000),
    (2, 1, 1): (23, (4, 6, 9), None),
    (1, 1, 1, 1): (49, (8, 12, 14, 15), None),
    (2, 2, 2): (68, (9, 12, 13), None),
    (3, 3): (27, (4, 5), None),
}


@pytest.mark.parametrize("exponents", PURE)
def test_pure_single_jets_explode(exponents) -> None:
    order, slots, coefficient = PURE[exponents]
    jet = single_jet([partial(*exponents)])
    assert jet.order == order
    assert sorted(slot for slot, _ in jet.curve) == sorted(slots)
    assert len(contents(jet)[order]) == 1
    if coefficient:
        names = "xyzw"[: len(exponents)]
        by_slot = {slot: names[i] for slot, ((i, _),) in jet.curve}
        report = contamination(by_slot, order, names)
        assert report.is_pure(MultiIndex(exponents), order)
        assert report.coefficient(MultiIndex(exponents), order) == coefficient


def by_the_formula(slots, exponents, order):
    """k! / prod(alpha_i! (s_i!)^alpha_i), in integers."""
    below = math.prod(
        math.factorial(e) * math.factorial(s) ** e
        for s, e in zip(slots, exponents, strict=True)
    )
    return math.factorial(order) // below


@pytest.mark.parametrize("count", [1, 2, 3])
def test_coefficients_by_partitions(count: int) -> None:
    """All slots up to 9 that increase, against SymPy's partitions and the formula."""
    names = "xyz"[:count]
    for slots in itertools.combinations(range(1, 10), count):
        order = 13 if count < 3 else 11
        report = contamination(dict(zip(slots, names, strict=True)), order)
        for k in range(order + 1):
            wanted = {
                tuple(p.get(s, 0) for s in slots)
                for p in partitions(k)
                if set(p) <= set(slots)
            }
            found = {alpha.exponents: c for alpha, c in report.outputs[k].terms}
            assert found.keys() == wanted
            for exponents, c in found.items():
                assert c == by_the_formula(slots, exponents, k)


e = sp.Symbol("e")


@pytest.mark.parametrize(
    "seed",
    one_in(12, range(12)),
)
def test_against_direct_taylor_expansion(seed: int) -> None:
    """A random polynomial along a random curve, dense tangents included."""
    chance = random.Random(seed)
    names = "xyz"
    slots = {
        slot: {v: Fraction(chance.randint(-3, 3), chance.randint(1, 3)) for v in names}
        for slot in chance.sample(range(1, 5), 2)
    }
    order = 5
    report = contamination(slots, order, names)
    variables = sp.symbols(list(names))
    polynomial = sum(
        chance.randint(-5, 5) * sp.prod(v**k for v, k in zip(variables, m, strict=True))
        for m in itertools.product(range(order + 1), repeat=3)
        if sum(m) <= order
    )
    curve = {
        v: sum(
            sp.Rational(tangent[str(v)]) * e**slot / sp.factorial(slot)
            for slot, tangent in slots.items()
        )
        for v in variables
    }
    along = sp.Poly(sp.expand(polynomial.subs(curve, simultaneous=True)), e)
    at_zero = dict.fromkeys(variables, 0)
    for k, output in enumerate(report.outputs):
        value = sum(
            sp.Rational(c)
            * sp.diff(polynomial, *zip(variables, a.exponents, strict=True)).subs(
                at_zero
            )
            for a, c in output.terms
        )
        assert value == along.coeff_monomial(e**k) * sp.factorial(k)


def test_the_report_can_be_read() -> None:
    text = str(contamination({3: "x", 4: "y", 7: "t"}, 13))
    assert "jet of order 13: e_x in slot 3, e_y in slot 4, e_t in slot 7" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert lines["J6"].split()[1:] == ["10*u_xx", "u_xx", "=", "J6/10"]
    assert "35*u_xy + u_t" in lines["J7"]
    assert "nothing alone: 2 derivatives" in lines["J7"]
    assert "200200*u_xxxy + 17160*u_xxt" in lines["J13"]
    assert "J5" not in lines
    assert max(map(len, text.splitlines())) <= 96
    wide = str(contamination({1: "x", 2: "y", 3: {"z": 2, "x": Fraction(-1, 2)}}, 9))
    assert max(map(len, wide.splitlines())) <= 96


def test_long_names() -> None:
    report = contamination({2: "x1", 3: "x2"}, 7)
    assert report.coefficient("x1,x1,x2", 7) == 105
    assert report.coefficient("x1", 2) == 1
    assert report.coefficient("", 0) == 1


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: contamination({0: "x"}, 3), "counted from 1"),
        (lambda: contamination({1: "x"}, 0), "counted from 1"),
        (lambda: contamination({1: "x"}, 3, ("y", "z")), "take y, z"),
        (lambda: contamination({1: "x"}, 3).coefficient("y", 1), "take x"),
        (lambda: contamination({1: "x"}, 3).coefficient("x", 4), "from J0 to J3"),
        (lambda: contamination({1: "x"}, 3).unwanted("xx", 3), "it is in J2"),
        (lambda: contamination({2: "x"}, 3).recipe("xx", 3), "no coefficient holds it"),
    ],
)
def test_what_is_refused(call, hint: str) -> None:
    with pytest.raises(OperatorError) as refusal:
        call()
    assert hint in refusal.value.hint
