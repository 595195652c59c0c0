"""A plan that verifies runs as it was proved; forged ones are refused by name."""

import json
from dataclasses import replace
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.algebra.proof import amplification, is_associative, LOSS
from opcompiler.algebra.weil import Channel, dual_numbers, TaylorAlgebra, univariate
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import Plan, Push, ReadOut
from opcompiler.planning.kinds import KINDS
from opcompiler.runtime.networks import Group
from opcompiler.runtime.points import Points
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.tracing import Traced

x, y = sp.symbols("x y")
u = sp.Function("u")(x, y)
ONE = Fraction(1)
X, Y = ((0, ONE),), ((1, ONE),)


def sine(p):
    return jnp.sin(p[0]) * p[1]


def text_of(strategy: str, *equations) -> dict:
    return json.loads(oc.compile(list(equations), strategy=strategy).plan.to_json())


def nested() -> dict:
    return text_of("nested", u.diff(x, y))


def taylor() -> dict:
    return text_of("algebra", u.diff(x, y), u.diff(x))


def forge(data: dict, *path, to) -> dict:
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to(inner[path[-1]]) if callable(to) else to
    return data


TERMS = "readouts", 0, "terms"
FORGED = {
    "nested, an empty seed": forge(nested(), "pushes", 0, "seeds", 2, to=[]),
    "nested, all seeds empty": forge(nested(), "pushes", 0, "seeds", to=[[]] * 4),
    "nested, a seed of the top channel": forge(
        nested(), "pushes", 0, "seeds", 3, to=[[0, "1"]]
    ),
    "nested, read before the end": forge(nested(), *TERMS, 0, 1, to=1),
    "nested, a product left out": forge(nested(), "pushes", 0, "products", to=[]),
    "nested, a constant": forge(nested(), "pushes", 0, "products", 0, 3, to="2"),
    "nested, a degree": forge(nested(), "pushes", 0, "channels", 3, "degree", to=3),
    "terms that cancel": forge(
        taylor(), *TERMS,
        to=lambda t: [*t, [*t[0][:2], "1" + "0" * 17], [*t[0][:2], "-1" + "0" * 17]],
    ),
    "a term of 0": forge(taylor(), *TERMS, to=lambda t: [*t, [0, 1, "0"]]),
    "count": forge(
        taylor(), "pushes", 0, "channels", 1, to=lambda c: {**c, "count": 2}
    ),
    "count of 1": forge(
        taylor(), "pushes", 0, "channels", 1, to=lambda c: {**c, "count": 1}
    ),
    "a product twice": forge(taylor(), "pushes", 0, "products", to=lambda p: p * 2),
    "a product the other way round": forge(
        taylor(), "pushes", 0, "products", 0, to=lambda p: [p[1], p[0], *p[2:]]
    ),
    "an argument twice": forge(taylor(), "pushes", 0, "seeds", 1, to=lambda s: s * 2),
    "a read-out twice": forge(taylor(), "readouts", to=lambda r: [*r, r[0]]),
    "a channel that is not there": forge(taylor(), *TERMS, 0, 1, to=9),
    "a push that is not there": forge(taylor(), *TERMS, 0, 0, to=1),
    "a negative channel": forge(taylor(), *TERMS, 0, 1, to=-1),
    "a boolean channel": forge(taylor(), *TERMS, 0, 1, to=True),
    "reverse along a curve": forge(
        taylor(), "pushes", 0,
        to=lambda p: {**p, "kind": "reverse", "seeds": [*p["seeds"][:-1], [[0, "1"]]]},
    ),
    "no kind of push": forge(taylor(), "pushes", 0, "kind", to="magic"),
    "a choice at no site": forge(taylor(), "choices", to=[
        {"site": 4, "strategy": "algebra", "predicted": []}]),
    "an irrational constant": forge(
        taylor(), "pushes", 0, "products", 0, 3, to={"a": "0", "b": "1", "sqrt": 2}
    ),
    "a number that is none": forge(taylor(), *TERMS, 0, 2, to="٣"),
    "a number too large": forge(taylor(), *TERMS, 0, 2, to="1" + "0" * 309),
    "a number too small": forge(taylor(), *TERMS, 0, 2, to="1/1" + "0" * 309),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_plan_is_not_read(name: str) -> None:
    with pytest.raises(oc.OperatorError, match="this is not a plan") as caught:
        Plan.from_json(json.dumps(FORGED[name]))
    assert "expected here" in caught.value.hint


def second(*pushes: Push, terms) -> Plan:
    """A plan for u_xx of u(x, y), made by hand."""
    symbol = OperatorSymbol.partial(MultiIndex((2, 0)))
    return Plan(
        "by hand", (("x", "y"),), pushes, (ReadOut(Functional("u", 0, symbol), terms),)
    )


JET = Push(0, univariate(2), ((), X, ()))
TWO = ((0, 2, Fraction(2)),)
BIG = Fraction(10**17)
WRONG = {
    "an empty seed in nested mode": second(
        Push(0, dual_numbers(2), ((), X, (), ()), "nested"), terms=((0, 3, ONE),)
    ),
    "terms that cancel": second(
        JET, terms=((0, 2, Fraction(2)), (0, 2, BIG), (0, 2, -BIG))
    ),
    "a family": second(
        replace(
            JET,
            algebra=replace(
                univariate(2),
                channels=(Channel(0, "1"), Channel(1, "t", 2), Channel(2, "t^2")),
            ),
        ),
        terms=TWO,
    ),
    "a float": second(JET, terms=((0, 2, 2.0),)),  # pyright: ignore[reportArgumentType]
    "two channels of one place": second(
        replace(JET, algebra=replace(univariate(2), products=univariate(2).products * 2)),
        terms=((0, 2, ONE),),
    ),
    "an argument twice": second(replace(JET, seeds=((), X + X, ())), terms=TWO),
    "a seed too few": second(replace(JET, seeds=((), X)), terms=TWO),
    "a unit that starts from a tangent": second(replace(JET, seeds=(X, X, ())), terms=TWO),
    "another site": replace(
        second(JET, terms=TWO), sites=(("x", "y"), ("x", "y")),
        pushes=(replace(JET, site=1),),
    ),
    "reverse along a curve": second(
        replace(JET, kind="reverse", seeds=((), X, Y)), terms=TWO
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_of_the_form_is_neither_proved_nor_run(name: str) -> None:
    plan = WRONG[name]
    assert not plan.verify()
    group = Group(("u",), Traced(sine))
    points = {site: Points.rows(jnp.ones((1, 2))) for site in range(len(plan.sites))}
    with pytest.raises(oc.OperatorError, match="this is not a plan"):
        evaluate_functionals(plan, group, points)


def test_the_plan_by_hand_is_right() -> None:
    plan = second(JET, terms=TWO)
    assert plan.verify()
    points = jnp.array([[0.3, 0.7]])
    ((_, value),) = evaluate_functionals(
        plan, Group(("u",), Traced(sine)), {0: Points.rows(points)}
    ).items()
    np.testing.assert_allclose(value, -np.sin(0.3) * 0.7, rtol=1e-13)


@pytest.mark.parametrize(
    "shift", [Fraction(10**17), Fraction(-(10**40), 3), 10**300 * ONE]
)
def test_what_cancels_between_pushes_is_not_proved(shift) -> None:
    """Exactly right, and nothing of it is left in floats."""
    terms = ((0, 2, 2 + shift), (1, 2, -shift))
    plan = second(JET, JET, terms=terms)
    assert not plan.verify()
    pushes = [(push.algebra, push.seeds) for push in plan.pushes]
    claims = [(r.terms, r.functional.symbol) for r in plan.readouts]
    assert amplification(pushes, claims)[0] > LOSS
    small = ((0, 2, Fraction(5)), (1, 2, Fraction(-3)))
    assert second(JET, JET, terms=small).verify()


@pytest.mark.parametrize("size", [Fraction(1, 10**160), Fraction(10**160)])
def test_channels_that_no_float_holds_are_not_proved(size) -> None:
    tangent = ((0, size),)
    terms = ((0, 2, 2 / size**2),) if size > 1 else ((0, 2, Fraction(2)),)
    plan = second(replace(JET, seeds=((), tangent, ())), terms=terms)
    assert not plan.verify()


def test_numbers_that_float32_does_not_hold_are_refused_there() -> None:
    plan = second(
        replace(JET, seeds=((), ((0, Fraction(1, 10**25)),), ())),
        terms=((0, 2, Fraction(2 * 10**50)),),
    )
    assert plan.verify()
    group = Group(("u",), Traced(sine))
    points = jnp.array([[0.3, 0.7]])
    (value,) = evaluate_functionals(plan, group, {0: Points.rows(points)}).values()
    np.testing.assert_allclose(value, -np.sin(0.3) * 0.7, rtol=1e-12)
    with pytest.raises(oc.OperatorError, match="float32"):
        evaluate_functionals(plan, group, {0: Points.rows(points.astype(jnp.float32))})


def test_two_square_roots_are_not_compared() -> None:
    data = json.loads(second(JET, JET, terms=((0, 2, ONE), (1, 2, ONE))).to_json())
    for number, root in enumerate((2, 3)):
        entry = {"a": "0", "b": "1", "sqrt": root}
        data["pushes"][number]["seeds"][1] = [[0, entry]]
        data["readouts"][0]["terms"][number][2] = f"1/{root}"
    assert not Plan.from_json(json.dumps(data)).verify()


def test_an_algebra_that_is_not_associative_is_found() -> None:
    r"""(a a) b = c b = 0 and a (a b) = a d = e, though all degrees fit."""
    channels = tuple(Channel(d, str(d)) for d in (0, 1, 1, 2, 2, 3))
    products = ((1, 1, 3, ONE), (1, 2, 4, ONE), (1, 4, 5, ONE))
    assert not is_associative(TaylorAlgebra(channels, products))
    assert is_associative(TaylorAlgebra(channels, (*products, (2, 3, 5, ONE))))


def test_every_kind_of_push_is_run_and_proved() -> None:
    """The names of the proof are those of the run."""
    points = {0: Points.rows(jnp.array([[0.3, 0.7]]))}
    group = Group(("u",), Traced(lambda p: jnp.sin(p[0]) * p[1] ** 2))
    want = np.cos(0.3) * 0.7**2
    first = Functional("u", 0, OperatorSymbol.partial(MultiIndex((1, 0))))
    for kind in KINDS:
        push = Push(0, univariate(1), ((), X), kind)
        plan = Plan("s", (("x", "y"),), (push,), (ReadOut(first, ((0, 1, ONE),)),))
        assert plan.verify()
        ((_, value),) = evaluate_functionals(plan, group, points).items()
        np.testing.assert_allclose(value, [want], rtol=1e-13)
