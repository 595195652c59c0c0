"""The page on strategies: its code runs, its plans are proved, wrong ones refused."""

import re
from fractions import Fraction
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning import Push, STRATEGIES, univariate

PAGE = Path(__file__).parents[2] / "docs" / "extending" / "strategy.md"
t, x, y = sp.symbols("t x y")
u, v = sp.Function("u")(t, x, y), sp.Function("v")(t, x, y)
POINTS = np.random.default_rng(0).uniform(-1, 1, (4, 3))


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """Runs the page's code; what it registers is gone after the test."""
    monkeypatch.setattr(
        "opcompiler.planning.strategies.STRATEGIES", table := {**STRATEGIES}
    )
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code, {"__name__": "page"})
    assert "axes" in table


def network(p):
    return jnp.sin(p[0] + 2 * p[1]) * p[2] ** 3


NETWORKS = {"u": network, "v": lambda p: network(p) ** 2}
EQUATIONS = [
    u.diff(t) - u.diff(x, 2) - 3 * u.diff(y, 2) + u,
    v.diff(y, 3) - v.diff(x),
    v,
]


def test_it_plans_what_others_plan() -> None:
    found = oc.compile(EQUATIONS, strategy="axes")
    assert found.plan.strategy == "axes"
    assert found.plan.verify()
    assert {push.algebra.order for push in found.plan.pushes} == {1, 2, 3}
    wanted = oc.compile(EQUATIONS)
    both = jax.jit(lambda z: (found(NETWORKS, z), wanted(NETWORKS, z)))
    for one, other in zip(*both(POINTS), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert "axes" in oc.compile(EQUATIONS[1]).plan.comparison()


def test_it_refuses_by_itself() -> None:
    with pytest.raises(oc.OperatorError, match="mixed"):
        oc.compile(u.diff(x, y), strategy="axes")


def jet(symbols, site, factor, channels=3):
    push = Push(site, univariate(2), ((), ((1, Fraction(1)),), ())[:channels])
    return [push], [((0, 2, factor),) for _ in symbols]


WRONG = {
    "a factorial forgotten": (lambda p, s, a: jet(p, s, Fraction(1)), "is not right"),
    "a float": (lambda p, s, a: jet(p, s, 2.0), "this is not a plan"),
    "a seed too few": (lambda p, s, a: jet(p, s, Fraction(2), 2), "this is not a plan"),
    "another site": (lambda p, s, a: jet(p, s + 1, Fraction(2)), "this is not a plan"),
    "no rows": (lambda p, s, a: (jet(p, s, Fraction(2))[0], []), "a row per symbol"),
    "no pushes": (
        lambda p, s, a: ([None], jet(p, s, Fraction(2))[1]),
        "answer with pushes",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_plan_is_refused(name) -> None:
    strategy, message = WRONG[name]
    oc.register_strategy("wrong", strategy)
    with pytest.raises(oc.OperatorError, match=message):
        oc.compile(u.diff(x, 2), strategy="wrong")


def test_a_name_of_ones_own_is_replaced_and_no_other() -> None:
    oc.register_strategy("mine", lambda p, s, a: jet(p, s, Fraction(1)))
    oc.register_strategy("mine", lambda p, s, a: jet(p, s, Fraction(2)))
    assert oc.compile(u.diff(x, 2), strategy="mine").plan.verify()
    for name in ("algebra", "auto"):
        with pytest.raises(oc.OperatorError, match="already"):
            oc.register_strategy(name, lambda p, s, a: jet(p, s, Fraction(2)))
