"""JSON: what is written is read back; what is not a plan is refused with its place."""

import copy
import json
from fractions import Fraction

import pytest

import opcompiler as oc
from opcompiler.algebra.quadratic import Quadratic
from opcompiler.algebra.weil import Channel, TaylorAlgebra, univariate
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import Plan, Push, ReadOut
from tests.show.gallery import every_plan, OPERATORS, plan_of

THIRD = OperatorSymbol.partial(MultiIndex((2,)))
HALF = Fraction(1, 2)


@pytest.mark.parametrize("name", OPERATORS)
def test_round_trip(name: str) -> None:
    for plan in every_plan(name):
        again = Plan.from_json(plan.to_json())
        assert again == plan
        assert hash(again) == hash(plan)
        assert again.verify()
        assert again.to_json() == plan.to_json()


def with_direction(component) -> Plan:
    """The second derivative, read off along a direction of length `component`."""
    push = Push(0, univariate(2), ((), ((0, component),), ()))
    readout = ReadOut(Functional("u", 0, THIRD), ((0, 2, 2 / (component * component)),))
    return Plan("by hand", (("x",),), (push,), (readout,))


@pytest.mark.parametrize(
    "number",
    [
        Fraction(-7, 3),
        Fraction(10**50, 3),
        Quadratic(HALF, HALF, 5),
        Quadratic(Fraction(0), -HALF, 3),
    ],
    ids=str,
)
def test_numbers_are_kept_exactly(number) -> None:
    plan = with_direction(number)
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert type(again.pushes[0].seeds[1][0][1]) is type(number)
    assert again.verify()


def test_families_are_refused() -> None:
    """A plan says what every channel is; families are found when it is run."""
    channels = (Channel(0, "1"), Channel(1, "x, ...", 3), Channel(2, "sum"))
    algebra = TaylorAlgebra(channels, ((1, 1, 2, Fraction(1)),))
    plan = Plan("by hand", (("x",),), (Push(0, algebra, ((), (), ())),), ())
    assert not plan.verify()
    with pytest.raises(oc.OperatorError, match="channels"):
        plan.check()
    data = json.loads(plan.to_json())
    data["pushes"][0]["channels"][1]["count"] = 3
    with pytest.raises(oc.OperatorError, match="channels") as caught:
        Plan.from_json(json.dumps(data))
    assert "count" in caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, "9" * 5000])
def test_text_that_is_no_json(text: str) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        Plan.from_json(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("format",), "other", "'opcompiler-plan'"),
        (("version",), 2, "1"),
        (("version",), True, "1"),
        (("strategy",), None, "a text"),
        (("sites",), "x", "a list"),
        (("pushes", 0, "site"), 1, "below 1"),
        (("pushes", 0, "channels"), [], "the unit"),
        (("pushes", 0, "channels", 1, "degree"), 0, "the unit"),
        (("pushes", 0, "channels", 1, "degree"), 10**9, "below 1000"),
        (("pushes", 0, "products", 0, 0), 0, "at least 1"),
        (("pushes", 0, "products", 0, 2), 1, "degrees add up"),
        (("pushes", 0, "products", 0, 3), "1/0", "exact number"),
        (("pushes", 0, "products", 0, 3), 1, "exact number"),
        (("pushes", 0, "products", 0, 3), "1e9", "exact number"),
        (("pushes", 0, "products", 0, 3), ["1", "1"], "exact number"),
        (("pushes", 0, "seeds"), [], "length 4"),
        (("pushes", 0, "seeds", 0), [[0, "1"]], "the point itself"),
        (("pushes", 0, "seeds", 1, 0, 0), 2, "below 2"),
        (("pushes", 0, "seeds", 1, 0, 1), {"a": "0", "b": "0", "sqrt": 3}, "exact"),
        (("pushes", 0, "seeds", 1, 0, 1), {"a": "0", "b": "1", "sqrt": 4}, "exact"),
        (("readouts", 0, "symbol", 0, 0), [1], "length 2"),
        (("readouts", 0, "symbol", 0, 1), {"a": "0", "b": "1", "sqrt": 2}, "rational"),
        (("readouts", 0, "terms", 0, 1), 9, "below 4"),
    ],
)
def test_the_place_of_a_mistake_is_named(place, value, expected) -> None:
    data = json.loads(plan_of("burgers").to_json())
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(oc.OperatorError) as caught:
        Plan.from_json(json.dumps(data))
    assert str(place[0]) in caught.value.problem
    assert expected in caught.value.hint


JUNK = [None, True, -1, 10**9, 1.5, "", "x", "1/0", [], [[]], {}, {"a": 1}]


def places(data, path=()):
    yield path
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries:
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


def test_junk_anywhere_is_refused_or_harmless() -> None:
    """Every value in turn replaced: an error of ours, or a plan that can be shown."""
    data = json.loads(plan_of("mixed").to_json())
    for path in list(places(data))[1:]:
        for junk in JUNK:
            changed = copy.deepcopy(data)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = junk
            try:
                plan = Plan.from_json(json.dumps(changed))
            except oc.OperatorError:
                continue
            plan.verify()
            assert str(plan)
            assert plan.to_svg()
            assert plan.to_latex()


def test_a_missing_entry_is_named() -> None:
    data = json.loads(plan_of("mixed").to_json())
    del data["pushes"][0]["seeds"]
    with pytest.raises(oc.OperatorError, match=r"pushes\[0\]") as caught:
        Plan.from_json(json.dumps(data))
    assert "'seeds'" in caught.value.hint


def test_a_wrong_plan_is_read_and_then_fails_its_certificate() -> None:
    data = json.loads(plan_of("burgers").to_json())
    data["readouts"][2]["terms"][0][2] = "3"
    assert not Plan.from_json(json.dumps(data)).verify()
