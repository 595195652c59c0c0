r"""A plan as JSON: an exact round trip, for files and for other programs.

    plan    ::= {format, version, strategy, choices, sites, pushes, readouts}
    choice  ::= {site, strategy, predicted: [[strategy, number], ...]}
    push    ::= {site, kind, channels: [{degree, label}], products, seeds}
    product ::= [i, j, k, number]           seed ::= [[argument, number], ...]
    readout ::= {field, site, symbol: [[exponents, number], ...],
                 terms: [[push, channel, number], ...]}
    number  ::= "p" | "p/q" | {a, b, sqrt: n} for a + b sqrt(n)

Numbers are text, so that no reader can round them. The text may come from anywhere, so
reading builds data and runs nothing. It is done in three steps: what is read has the shape
of `_PLAN`, which is the grammar above as data, and nothing else; sizes that would fill the
memory are refused; then `Plan.check` looks at the form (`planning/form.py`). Each of them
names the place that does not fit.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NoReturn

from opcompiler.algebra.quadratic import Exact, Quadratic
from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning.form import is_sized
from opcompiler.planning.plan import Choice, Plan, Push, ReadOut

FORMAT = "opcompiler-plan"
VERSION = 1

_CHANNELS = 10_000
"""Above so many channels, or lower derivatives of one, no plan is compiled or proved."""

_ORDERS = 1000
"""Above this no order is meant; it would only fill the memory."""

_LENGTH, _TEXT = 20_000_000, 100_000
"""Characters of the longest text that is read, a second or two; of the longest name."""

_RADICAND = 1_000_000


# Writing.


def plan_json(plan: Plan) -> str:
    """Returns the plan as JSON text; `read_plan` gives an equal plan back."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "strategy": plan.strategy,
        "choices": [
            {
                "site": choice.site,
                "strategy": choice.strategy,
                "predicted": [
                    [name, _number_json(Fraction(str(time)))]
                    for name, time in choice.predicted
                ],
            }
            for choice in plan.choices
        ],
        "sites": plan.sites,
        "pushes": [
            {
                "site": push.site,
                "kind": push.kind,
                "channels": [
                    {"degree": channel.degree, "label": channel.label}
                    for channel in push.algebra.channels
                ],
                "products": [
                    [i, j, k, _number_json(c)] for i, j, k, c in push.algebra.products
                ],
                "seeds": [
                    [[i, _number_json(c)] for i, c in seed] for seed in push.seeds
                ],
            }
            for push in plan.pushes
        ],
        "readouts": [
            {
                "field": readout.functional.field,
                "site": readout.functional.site,
                "symbol": [
                    [alpha.exponents, _number_json(c)]
                    for alpha, c in readout.functional.symbol.terms
                ],
                "terms": [[push, k, _number_json(c)] for push, k, c in readout.terms],
            }
            for readout in plan.readouts
        ],
    }
    return json.dumps(data, ensure_ascii=False)


def _number_json(number: Exact | int) -> Any:
    if isinstance(number, Quadratic):
        parts = number.rational, number.irrational
        return {"a": str(parts[0]), "b": str(parts[1]), "sqrt": number.radicand}
    assert isinstance(number, Fraction | int), f"not an exact number: {number!r}"
    return str(number)


# What each entry must be: a function that returns its value or raises `_MisfitError`.


class _MisfitError(Exception):
    """Says what was expected where something else stands."""


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise _MisfitError("a text")
    if len(data) > _TEXT or not data.isprintable():
        raise _MisfitError(f"at most {_TEXT} characters, all of them printable")
    return data


def _index(data: Any) -> int:
    if type(data) is not int or data < 0:  # `true` is no integer
        raise _MisfitError("an integer of at least 0")
    return data


def _degree(data: Any) -> int:
    if type(data) is not int or not 0 <= data < _ORDERS:
        raise _MisfitError(f"an integer of at least 0 and below {_ORDERS}")
    return data


def _number(data: Any) -> Exact:
    number = _exact(data)
    if number is None:
        raise _MisfitError(
            'an exact number, "3", "-1/2", or {"a": "1", "b": "1/2", "sqrt": 3} '
            "for 1 + sqrt(3)/2"
        )
    if number and not is_sized(number):
        raise _MisfitError("a number whose size a float can hold")
    return number


def _rational(data: Any) -> Fraction:
    number = _number(data)
    if not isinstance(number, Fraction):
        raise _MisfitError('a rational number as text, "3" or "-1/2"')
    return number


def _exact(data: Any) -> Exact | None:
    if isinstance(data, str):
        # Strict on purpose: `Fraction` itself would also take `1e999999999`.
        match = re.fullmatch(r"(-?[0-9]{1,1000})(?:/([1-9][0-9]{0,999}))?", data)
        return Fraction(int(match[1]), int(match[2] or 1)) if match else None
    if not isinstance(data, dict) or data.keys() != {"a", "b", "sqrt"}:
        return None
    n = data["sqrt"]
    a, b = (
        _exact(data[name]) if isinstance(data[name], str) else None for name in "ab"
    )
    # One number, one form: otherwise equality of forms would not be that of numbers.
    if a is None or not b or type(n) is not int or not 2 <= n <= _RADICAND:
        return None
    if not all(n % (k * k) for k in range(2, math.isqrt(n) + 1)):
        return None
    return Quadratic(a, b, n)


def _only(wanted: object) -> Callable[[Any], Any]:
    def leaf(data: Any) -> Any:
        if type(data) is not type(wanted) or data != wanted:
            raise _MisfitError(repr(wanted))
        return data

    return leaf


_PLAN = {
    "format": _only(FORMAT),
    "version": _only(VERSION),
    "strategy": _text,
    "choices": [{"site": _index, "strategy": _text, "predicted": [(_text, _rational)]}],
    "sites": [[_text]],
    "pushes": [
        {
            "site": _index,
            "kind": _text,
            "channels": [{"degree": _degree, "label": _text}, _CHANNELS],
            "products": [(_index, _index, _index, _rational)],
            "seeds": [[(_index, _number)]],
        }
    ],
    "readouts": [
        {
            "field": _text,
            "site": _index,
            "symbol": [([_index], _rational)],
            "terms": [(_index, _index, _number)],
        }
    ],
}
"""A dict has these keys and no others; a tuple these entries; a list any number of entries
like its first, or as many as its second says."""


# Reading.


def read_plan(text: str) -> Plan:
    """Builds the plan that `plan_json` wrote.

    Shape, sizes and form are checked; whether the plan is *right* is what `Plan.verify`
    says.

    Raises:
        OperatorError: naming the place in the text and what was expected there.
    """
    data = _read(_parsed(text), _PLAN, "")
    pushes = []
    for push in data["pushes"]:
        channels = tuple(Channel(c["degree"], c["label"]) for c in push["channels"])
        algebra = TaylorAlgebra(channels, push["products"])
        pushes.append(Push(push["site"], algebra, push["seeds"], push["kind"]))
    if sum(push.algebra.size for push in pushes) > _CHANNELS:
        expected = f"pushes of at most {_CHANNELS} channels in all"
        _refuse("pushes", data["pushes"], expected)
    readouts = []
    for n, readout in enumerate(data["readouts"]):
        for m, (exponents, _) in enumerate(readout["symbol"]):
            # The largest first: a product of numbers that are all too large takes time.
            if (
                max(exponents, default=0) >= _CHANNELS
                or math.prod(e + 1 for e in exponents) > _CHANNELS
            ):
                expected = f"an order with at most {_CHANNELS} lower derivatives"
                _refuse(f"readouts[{n}].symbol[{m}][0]", exponents, expected)
        # As it is, not by `OperatorSymbol.of`: the form refuses zeros and repetitions.
        terms = sorted(((MultiIndex(e), c) for e, c in readout["symbol"]), reverse=True)
        symbol = OperatorSymbol(tuple(terms))
        functional = Functional(readout["field"], readout["site"], symbol)
        readouts.append(ReadOut(functional, readout["terms"]))
    choices = []
    for choice in data["choices"]:
        predicted = tuple((name, float(time)) for name, time in choice["predicted"])
        choices.append(Choice(choice["site"], choice["strategy"], predicted))
    plan = Plan(
        data["strategy"], data["sites"], tuple(pushes), tuple(readouts), tuple(choices)
    )
    plan.check()
    return plan


def _parsed(text: str) -> Any:
    """Parses JSON; objects whose keys differ, and no numbers but integers."""
    if len(text) > _LENGTH:
        raise OperatorError(
            f"this text is too long for a plan: {len(text)} characters",
            hint=f"a plan has at most {_LENGTH}",
        )

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
            raise ValueError(f"the key {_brief(twice)} occurs twice in one object")
        return found

    def no_float(text: str) -> NoReturn:
        raise ValueError(f"{_brief(text)}: a number that is no integer is a text here")

    try:
        return json.loads(
            text, object_pairs_hook=once, parse_float=no_float, parse_constant=no_float
        )
    # A ValueError is also what Python says to an integer of too many digits.
    except (ValueError, RecursionError) as error:
        raise OperatorError(
            f"this text is not JSON: {error}",
            hint="give what `Plan.to_json()` returned",
        ) from None


def _read(data: Any, shape: Any, path: str) -> Any:
    """Returns data of a shape: dicts stay dicts, lists become tuples."""
    if isinstance(shape, dict):
        for name in shape:
            if not isinstance(data, dict) or name not in data:
                _refuse(path, data, f"an object with the key {name!r}")
        for name in data:
            if name not in shape:
                known = ", ".join(shape)
                _refuse(path, data, f"only the keys {known}, not {_brief(name)}")
        return {
            name: _read(data[name], part, f"{path}.{name}".lstrip("."))
            for name, part in shape.items()
        }
    if isinstance(shape, list | tuple):
        if not isinstance(data, list):
            _refuse(path, data, "a list")
        if isinstance(shape, tuple) and len(data) != len(shape):
            _refuse(path, data, f"a list of length {len(shape)}")
        if isinstance(shape, list) and len(data) > max(shape[1:], default=len(data)):
            _refuse(path, data, f"a list of length {shape[1]} at most")
        parts = shape if isinstance(shape, tuple) else shape[:1] * len(data)
        return tuple(
            _read(entry, part, f"{path}[{n}]")
            for n, (entry, part) in enumerate(zip(data, parts, strict=True))
        )
    try:
        return shape(data)
    except _MisfitError as misfit:
        _refuse(path, data, str(misfit))


def _refuse(path: str, value: Any, expected: str) -> NoReturn:
    raise OperatorError(
        f"this is not a plan: {path or 'the text'} does not fit",
        expression=_brief(value),
        hint=f"expected here: {expected}",
    )


def _brief(value: Any) -> str:
    if isinstance(value, list | tuple | dict) and len(value) > 60:
        return f"{len(value)} entries"
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        text = text if text.isprintable() else json.dumps(value, default=str)
    except RecursionError:
        text = f"{type(value).__name__} of many levels"
    return text if len(text) <= 60 else f"{text[:57]}..."
