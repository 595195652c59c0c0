"""Conditions in text: brackets, and, or, not, equality; their values at points."""

import itertools
import operator

import jax
import numpy as np
import pytest

import opcompiler as oc

POINTS = np.array(list(itertools.product((-2.0, -1.0, -0.5, 0.0, 0.5, 1.0), repeat=2)))

CONDITIONS = {
    "(x > 0)": lambda x, y: x > 0,
    "((x > 0))": lambda x, y: x > 0,
    "(x>0 and y>0) or x < -1": lambda x, y: (x > 0) & (y > 0) | (x < -1),
    "x>0 and y>0 or x < -1": lambda x, y: (x > 0) & (y > 0) | (x < -1),
    "x>0 and (y>0 or x < -1)": lambda x, y: (x > 0) & ((y > 0) | (x < -1)),
    "not x > 0": lambda x, y: ~(x > 0),
    "not (x > 0)": lambda x, y: ~(x > 0),
    "not x > 0 and y > 0": lambda x, y: ~(x > 0) & (y > 0),
    "not (x > 0 and y > 0)": lambda x, y: ~((x > 0) & (y > 0)),
    "not (x > 0 or not y > 0)": lambda x, y: ~((x > 0) | ~(y > 0)),
    "not not x >= 0": lambda x, y: x >= 0,
    "x == 0": lambda x, y: x == 0,
    "x != 0": lambda x, y: x != 0,
    "not x == 0": lambda x, y: x != 0,
    "x == y": operator.eq,
    "(x + 1)*(y + 1) == 0": lambda x, y: (x == -1) | (y == -1),
    "x ≤ 0 and y ≥ 0 and not x == y": lambda x, y: (x <= 0) & (y >= 0) & (x != y),
    "(0 < x and x < 1) or (0 < y and y < 1)": lambda x, y: (x == 0.5) | (y == 0.5),
    "abs(x) > 0.5 and (x < y or y == -2)": lambda x, y: (
        (abs(x) > 0.5) & ((x < y) | (y == -2))
    ),
    "u > 0 or (u == 0 and not y < 0)": lambda x, y: (
        (x * y > 0) | (x * y == 0) & (y >= 0)
    ),
}


def of_condition(condition: str) -> oc.Problem:
    text = f"coordinates x, y; field u; e: u + where({condition}, 10, 20) = 0"
    return oc.parse(text)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_is_written_as_it_was_read(condition: str) -> None:
    problem = of_condition(condition)
    assert oc.parse(oc.to_text(problem)) == problem
    assert "where" in oc.to_text(problem)
    assert "cases" in oc.to_latex(problem)


def test_a_condition_chooses_what_it_says() -> None:
    residuals = {c: oc.compile(of_condition(c)) for c in CONDITIONS}
    net = lambda z: z[0] * z[1]
    run = jax.jit(lambda p: {c: r(net, p)["e"] for c, r in residuals.items()})
    x, y = np.asarray(POINTS).T
    for condition, got in run(POINTS).items():
        want = x * y + np.where(CONDITIONS[condition](x, y), 10, 20)
        np.testing.assert_allclose(got, want, rtol=1e-14, err_msg=condition)


def test_several_conditions_in_a_row() -> None:
    text = """coordinates x, y; field u
    e: u + where((x > 0) and not (y > 0), 1, x == 0 or (y == 0), 2, 3) = 0"""
    x, y = np.asarray(POINTS).T
    want = np.where((x > 0) & ~(y > 0), 1, np.where((x == 0) | (y == 0), 2, 3))
    got = oc.compile(oc.parse(text))(lambda z: 0.0 * z[0], POINTS)["e"]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("0 < x < 1", "0 < x and x < 1"),
        ("x = 0", "a comparison has =="),
        ("x > 0 & y > 0", "and, or, not"),
        ("x > 0 && y > 0", "and, or, not"),
        ("x", "write x < 0"),
        ("(x > 0) + 1", "write x < 0"),
        ("x > 0 and x <= 0", "leave it out"),
        ("x > 0 or x <= 0", "leave it out"),
        ("x === 0", "expected"),
        ("(x > 0", "close"),
        ("not", "expected"),
        ("v > 0", "component"),
        ("psi > 0", "abs(psi)"),
    ],
)
def test_what_is_no_condition(condition: str, hint: str) -> None:
    context = "coordinates x, y; field u; vector field v; complex field psi; "
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(f"{context}u = where({condition}, 1, 2)")
    assert hint in caught.value.hint


def test_comparisons_of_numbers_are_decided() -> None:
    """An index of a sum that is written out is a number."""
    cases = {
        "sum(i=1..3, where(i == 2, u, i))": "u + 4",
        "sum(i=1..3, where(i > 1 and x > 0, u, i))": "1 + where(x > 0, u, 2) "
        "+ where(x > 0, u, 3)",
        "where(1e300 < 1e300, u, 1)^2": "1",
        "where(pi > 3 or x > 0, u, 1)": "u",
        "where(1 == 2, u, x > 0, 2, not 3 > 2, 5, 3)": "where(x > 0, 2, 3)",
        "where(sqrt(2)*sqrt(2) == 2, u, 1)": "u",
    }
    for one, other in cases.items():
        context = "coordinates x; field u; define q = "
        got, want = (oc.parse(context + text).definitions["q"] for text in (one, other))
        assert got == want


def test_a_comparison_is_no_value() -> None:
    for text in (
        "(x > 0)*u = 0",
        "u + (x == 0) = 0",
        "sin(x > 0)*u = 0",
        "|x < 0|*u = 0",
    ):
        with pytest.raises(oc.OperatorError):
            oc.parse(f"coordinates x; field u; {text}")


def test_names_that_are_words_of_conditions() -> None:
    problem = oc.parse(
        "coordinates x; field u; parameter not; where(x > not, 1, 2)*u = 0"
    )
    assert [p.name for p in problem.parameters] == ["not"]
    with pytest.raises(oc.OperatorError, match="a comparison stands here"):
        oc.parse("coordinates x; field u; u(x==0) = 1")
