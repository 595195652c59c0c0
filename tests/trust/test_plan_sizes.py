"""Hostile sizes: a plan is read and proved, or refused, in well under a second."""

import json
from collections.abc import Callable
from fractions import Fraction
from math import comb

import pytest

import opcompiler as oc
from opcompiler.algebra import proof
from opcompiler.algebra.weil import univariate
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import Plan, Push, ReadOut
from tests.hang import finishes

NAMES = tuple(f"x{i}" for i in range(40))


def jets(width: int, order: int, pushes: int = 1, wanted: int = 0) -> str:
    """Jets along dense directions, and the read-out of one derivative."""
    channels = [{"degree": k, "label": str(k)} for k in range(order + 1)]
    products = [
        [i, j, i + j, "1"] for i in range(1, order) for j in range(i, order + 1 - i)
    ]
    seeds = [
        [[], [[i, str((i + 2) ** n % 97 + 1)] for i in range(width)]]
        + [[]] * (order - 1)
        for n in range(1, pushes + 1)
    ]  # fmt: skip
    exponents = [0] * width
    exponents[0] = wanted or order
    return dump(
        sites=[list(NAMES[:width])],
        pushes=[push(channels, products, s) for s in seeds],
        readouts=[
            {"field": "u", "site": 0, "symbol": [[exponents, "1"]],
             "terms": [[n, order, str(n + 1)] for n in range(pushes)]}
        ],
    )  # fmt: skip


def push(channels, products, seeds, kind="taylor"):
    return {
        "site": 0, "kind": kind, "channels": channels, "products": products,
        "seeds": seeds,
    }  # fmt: skip


def dump(**parts) -> str:
    data = {"format": "opcompiler-plan", "version": 1, "strategy": "s", "choices": []}
    return json.dumps({**data, "sites": [["x"]], "pushes": [], "readouts": [], **parts})


def readout(symbol, terms=()):
    return {"field": "u", "site": 0, "symbol": symbol, "terms": list(terms)}


def dense(size: int) -> str:
    """All pairs of channels of degree 1 feed all of degree 2."""
    channels = [{"degree": 0, "label": "1"}]
    channels += [{"degree": 1, "label": "a"}] * size + [
        {"degree": 2, "label": "b"}
    ] * size
    products = [
        [i, j, k, str(i * j + k)]
        for i in range(1, size + 1)
        for j in range(i, size + 1)
        for k in range(size + 1, 2 * size + 1)
    ]
    seeds = [[[0, "1"]] if 1 <= k <= size else [] for k in range(2 * size + 1)]
    terms = [[0, k, "1"] for k in range(size + 1, 2 * size + 1)]
    return dump(
        pushes=[push(channels, products, seeds)],
        readouts=[readout([[[2], "1"]], terms)],
    )


UNIT = [{"degree": 0, "label": "1"}]
HOSTILE: dict[str, Callable[[], str | bytes]] = {
    "a jet in many arguments": lambda: jets(30, 24),
    "its value": lambda: jets(12, 40, wanted=40),
    "jets that cancel": lambda: jets(10, 12, pushes=12),
    "many dense pushes": lambda: jets(40, 6, pushes=20),
    "dense products": lambda: dense(12),
    "a huge exponent": lambda: dump(readouts=[readout([[[10**9], "1"]])]),
    "many exponents": lambda: dump(
        sites=[list(NAMES)], readouts=[readout([[[1] * 40, "1"]])]
    ),
    "huge exponents": lambda: dump(
        sites=[["x"] * 1000], readouts=[readout([[[10**4000] * 1000, "1"]])]
    ),
    "many channels": lambda: dump(
        pushes=[push(UNIT + [{"degree": 1, "label": "a"}] * 20_000, [], [])]
    ),
    "a million channels": lambda: dump(pushes=[push(["C"], [], [])]).replace(
        '"C"', ",".join(['{"degree": 1, "label": "a"}'] * 10**6)
    ),
    "a family of a million": lambda: dump(
        pushes=[push([*UNIT, {"degree": 1, "label": "a", "count": 10**6}], [], [[], []])]
    ),
    "a huge degree": lambda: dump(
        pushes=[push([*UNIT, {"degree": 10**9, "label": "a"}], [], [])]
    ),
    "dual numbers of order 999": lambda: dump(
        pushes=[push([*UNIT, {"degree": 999, "label": "a"}], [], [[], []], "nested")]
    ),
    "nested lists": lambda: "[" * 10**6,
    "nested objects": lambda: '{"sites":' * 10**5,
    "a nested value": lambda: dump(sites="S").replace('"S"', "[" * 900 + "]" * 900),
    "many digits": lambda: dump(readouts=[readout([[[2], "9" * 10**6]])]),
    "an integer of many digits": lambda: dump(sites=[[9]]).replace("9", "9" * 10**6),
    "a number out of range": lambda: dump(readouts=[readout([[[2], "9" * 400]])]),
    "a small number": lambda: dump(readouts=[readout([[[2], "1/" + "9" * 400]])]),
    "a float": lambda: dump(readouts=[readout([[[2.0], "1"]])]),
    "nan": lambda: dump(sites=[[float("nan")]]),
    "infinity": lambda: dump(readouts=[readout([[[float("inf")], "1"]])]),
    "a key twice": lambda: dump().replace('"sites"', '"pushes"'),
    "an unknown key": lambda: dump(cost=3),
    "an unknown key inside": lambda: dump(readouts=[{**readout([]), "cost": 3}]),
    "a derivative twice": lambda: dump(readouts=[readout([[[1], "1"], [[1], "2"]])]),
    "escape sequences": lambda: dump(sites=[["\x1b[2J"]]),
    "half a character": lambda: dump(sites=[["\ud800"]]),
    "a long name": lambda: dump(sites=[["x" * 10**6]]),
    "too long a text": lambda: " " * 20_000_001,
    "no text": lambda: b"{}",
    "a unit with the square root of a large square": lambda: dump(
        readouts=[readout([[[1], {"a": "0", "b": "1", "sqrt": 10**4000}]])]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sizes_are_answered_soon(name: str) -> None:
    text = HOSTILE[name]()
    try:
        with finishes(20):
            proved, message, hint = Plan.from_json(text).verify(), "", "none"
    except oc.OperatorError as refusal:
        proved, message, hint = False, str(refusal), refusal.hint
    assert proved is False
    assert hint
    assert len(message) < 500


def test_a_proof_that_takes_too_long_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(proof, "STEPS", 100)
    plan = Plan.from_json(jets(10, 12, pushes=12))
    with pytest.raises(oc.OperatorError, match="too large to be proved"):
        plan.verify()
    assert plan.proved is None
    assert "too large" in str(plan)


def test_a_long_jet_is_proved() -> None:
    """The 40th derivative along (1, 2): 41 terms, by 41 vectors."""
    order = 40
    seeds = ((), ((0, Fraction(1)), (1, Fraction(2))), *((),) * (order - 1))
    symbol = OperatorSymbol.of(
        {
            MultiIndex((order - k, k)): Fraction(comb(order, k) * 2**k)
            for k in range(order + 1)
        }
    )
    factorial = MultiIndex((order,)).factorial
    terms = ((0, order, Fraction(factorial)),)
    plan = Plan(
        "by hand", (("x", "y"),), (Push(0, univariate(order), seeds),),
        (ReadOut(Functional("u", 0, symbol), terms),),
    )  # fmt: skip
    assert plan.verify()
    assert Plan.from_json(plan.to_json()) == plan
