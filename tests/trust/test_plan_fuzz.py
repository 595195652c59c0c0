"""Mutated plans: refused when read, not proved, or worth what they say they are."""

import json
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

import opcompiler as oc
from opcompiler.planning import Plan
from tests.trust.plan_fuzz import mutate, NAMES, plans, run_by_jax, truth, value_of

QUICK = "irrational", "cubic, algebra", "cubic, nested", "mixed, reverse", "joined"


@pytest.mark.parametrize("name", NAMES)
def test_the_evaluator_gives_the_derivatives_of_right_plans(name: str) -> None:
    data = json.loads(plans()[name].to_json())
    assert plans()[name].verify()
    assert value_of(data) == truth(data)


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES],
)
def test_the_evaluator_gives_what_the_runtime_gives(name: str) -> None:
    plan = plans()[name]
    want = [float(c) for c in value_of(json.loads(plan.to_json()))]
    np.testing.assert_allclose(run_by_jax(plan), want, rtol=1e-12)


@pytest.mark.parametrize("name", ["cubic, algebra", "cubic, nested", "joined"])
def test_the_evaluator_gives_what_the_runtime_gives_for_wrong_plans(name: str) -> None:
    """Seeds and read-outs changed at random: the algebra remains one."""
    rng = random.Random(4)
    data = json.loads(plans()[name].to_json())
    for push in data["pushes"]:
        for seed in push["seeds"]:
            for entry in seed:
                entry[1] = rng.choice(["2", "-1/3", "5"])
    for readout in data["readouts"]:
        for term in readout["terms"]:
            term[2] = rng.choice(["3", "-1/2"])
    plan = Plan.from_json(json.dumps(data))
    assert not plan.verify()
    want = [float(c) for c in value_of(data)]
    np.testing.assert_allclose(run_by_jax(plan), want, rtol=1e-12)


def read(text: str) -> tuple[Plan | None, str]:
    """Returns the plan, or the hint of the refusal."""
    try:
        return Plan.from_json(text), ""
    except oc.OperatorError as refusal:
        return None, refusal.hint


def fuzz(count: int, seed: int) -> tuple[Counter, list[str]]:
    """Mutates; returns what became of the plans, and those that are believed."""
    rng = random.Random(seed)
    texts = {name: plan.to_json() for name, plan in plans().items()}
    fate: Counter[str] = Counter()
    believed = []
    for _ in range(count):
        name = rng.choice(list(texts))
        text = mutate(texts[name], rng)
        plan, hint = read(text)
        if plan is None:
            assert hint
            fate["refused"] += 1
            continue
        if not plan.verify():
            fate["not proved"] += 1
            continue
        data = json.loads(text)
        assert value_of(data) == truth(data), (name, text)
        if plan.functionals == plans()[name].functionals:
            assert value_of(data) == value_of(json.loads(texts[name])), (name, text)
            fate["same value"] += 1
        else:
            fate["right for other functionals"] += 1
        believed.append(text)
    return fate, believed


def run_and_compare(texts: list[str]) -> None:
    for text in texts:
        want = np.array([float(Fraction(c)) for c in truth(json.loads(text))])
        scale = max([1.0, *abs(want)])
        found = np.array(run_by_jax(Plan.from_json(text)))
        np.testing.assert_allclose(found / scale, want / scale, rtol=1e-9, atol=1e-9)


def test_mutations() -> None:
    fate, believed = fuzz(400, 3)
    assert min(fate.values()) > 5, fate
    run_and_compare(
        [text for text in believed if len(json.loads(text)["sites"]) == 3][:2]
    )


@pytest.mark.slow
def test_many_mutations() -> None:
    fate, believed = fuzz(100_000, 1)
    assert sum(fate.values()) == 100_000
    run_and_compare(random.Random(2).sample(believed, 100))
