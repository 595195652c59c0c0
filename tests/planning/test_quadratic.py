"""Numbers of a quadratic field: field laws, one form per number, order, floats."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from opcompiler.algebra.quadratic import inverse, Quadratic, quadratic

rationals = st.fractions(-9, 9, max_denominator=9)
numbers = st.builds(quadratic, rationals, rationals, st.just(5))
nonzero = numbers.filter(bool)
few = settings(max_examples=30)
PHI = quadratic(Fraction(1, 2), Fraction(1, 2), 5)


@few
@given(numbers, numbers, numbers)
def test_it_is_a_commutative_ring(a, b, c) -> None:
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - b == -(b - a)


@few
@given(numbers, nonzero)
def test_division_undoes_multiplication(a, b) -> None:
    assert (a / b) * b == a
    assert b * inverse(b) == 1
    assert 1 / b == inverse(b) == b**-1


@few
@given(numbers, numbers)
def test_a_number_has_one_form(a, b) -> None:
    total = a + b
    assert type(total) in (Fraction, Quadratic)
    assert type(a - a) is Fraction
    assert hash((total, 1)) == hash((b + a, 1))


@few
@given(numbers, numbers)
def test_order_and_float_agree(a, b) -> None:
    if a == b:
        return
    assert (a < b) != (b < a)
    assert (a < b) == (b > a)
    assert float(abs(a)) == pytest.approx(abs(float(a)))
    if abs(float(a) - float(b)) > 1e-12:
        assert (a < b) == (float(a) < float(b))


def test_floats_do_not_cancel() -> None:
    tiny = PHI**-40  # 4e-9, the difference of two numbers near 1e8
    assert float(tiny) == pytest.approx(((1 + math.sqrt(5)) / 2) ** -40, rel=1e-13)


def test_the_golden_ratio() -> None:
    assert PHI * PHI == PHI + 1
    assert str(PHI) == "(1 + sqrt(5))/2"
    assert str(-PHI / 2) == "(-1 - sqrt(5))/4"
    assert str(quadratic(0, Fraction(-2, 3), 3)) == "-2*sqrt(3)/3"


def test_fields_do_not_mix() -> None:
    with pytest.raises(ValueError, match="different fields"):
        _ = PHI + quadratic(0, 1, 3)
    with pytest.raises(ValueError, match="Fraction"):
        Quadratic(Fraction(1), Fraction(0), 3)
