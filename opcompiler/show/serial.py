r"""A plan as JSON: an exact round trip, for files and for other programs.

    plan    ::= {format, version, strategy, choices, sites, pushes, readouts}
    choice  ::= {site, strategy, predicted: [[strategy, number], ...]}
    push    ::= {site, kind, channels: [{degree, label}], products, seeds}
    product ::= [i, j, k, number]           seed ::= [[argument, number], ...]
    readout ::= {field, site, symbol: [[exponents, number], ...],
                 terms: [[push, channel, number], ...]}
    number  ::= "p" | "p/q" | {a, b, sqrt: n} for a + b sqrt(n)

Numbers are text, so that no reader can round them. Reading builds data and runs nothing.
It checks types and sizes here, then the form of the plan (`planning/form.py`); an entry
that is not named above is refused.
"""

import json
from fractions import Fraction
from math import prod
from typing import Any

from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning.plan import Choice, Plan, Push, ReadOut
from opcompiler.show.numbers import number_json
from opcompiler.show.reading import parse, Reader

FORMAT = "opcompiler-plan"
VERSION = 1

_ORDERS = 1000
"""Above this no order is meant; it would only fill the memory."""

_CHANNELS = 10_000
"""Above so many channels, or lower derivatives of one, no plan is compiled or proved."""


def plan_json(plan: Plan) -> str:
    """Returns the plan as JSON text; `read_plan` gives an equal plan back."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "strategy": plan.strategy,
        "choices": [_choice_data(choice) for choice in plan.choices],
        "sites": [list(site) for site in plan.sites],
        "pushes": [_push_data(push) for push in plan.pushes],
        "readouts": [_readout_data(readout) for readout in plan.readouts],
    }
    return json.dumps(data, ensure_ascii=False)


def _choice_data(choice: Choice) -> dict[str, Any]:
    return {
        "site": choice.site,
        "strategy": choice.strategy,
        "predicted": [
            [name, number_json(Fraction(str(time)))] for name, time in choice.predicted
        ],
    }


def _push_data(push: Push) -> dict[str, Any]:
    return {
        "site": push.site,
        "kind": push.kind,
        "channels": [_channel_data(channel) for channel in push.algebra.channels],
        "products": [[i, j, k, number_json(c)] for i, j, k, c in push.algebra.products],
        "seeds": [[[i, number_json(c)] for i, c in seed] for seed in push.seeds],
    }


def _channel_data(channel: Channel) -> dict[str, Any]:
    return {"degree": channel.degree, "label": channel.label}


def _readout_data(readout: ReadOut) -> dict[str, Any]:
    functional = readout.functional
    return {
        "field": functional.field,
        "site": functional.site,
        "symbol": [
            [list(alpha.exponents), number_json(c)]
            for alpha, c in functional.symbol.terms
        ],
        "terms": [[push, k, number_json(c)] for push, k, c in readout.terms],
    }


def read_plan(text: str) -> Plan:
    """Builds the plan that `plan_json` wrote.

    Types, sizes and form are checked; whether the plan is *right* is what `Plan.verify`
    says.

    Raises:
        OperatorError: naming the place in the text and what was expected there.
    """
    top = parse(text)
    top.require("format", FORMAT)
    top.require("version", VERSION)
    top.only("format", "version", "strategy", "choices", "sites", "pushes", "readouts")
    sites = tuple(
        tuple(name.text() for name in site.items()) for site in top.key("sites").items()
    )
    widths = [len(site) for site in sites]
    pushes = tuple(Push(*_read_push(p)) for p in top.key("pushes").items())
    if sum(p.algebra.size for p in pushes) > _CHANNELS:
        top.key("pushes").refuse(f"pushes of at most {_CHANNELS} channels in all")
    readouts = tuple(
        ReadOut(*_read_readout(r, widths)) for r in top.key("readouts").items()
    )
    choices = tuple(Choice(*_read_choice(c)) for c in top.key("choices").items())
    read = Plan(top.key("strategy").text(), sites, pushes, readouts, choices)
    read.check()
    return read


def _read_choice(reader: Reader) -> tuple[Any, ...]:
    reader.only("site", "strategy", "predicted")
    predicted = tuple(
        (name.text(), float(time.rational()))
        for name, time in (p.items(exactly=2) for p in reader.key("predicted").items())
    )
    return reader.key("site").integer(), reader.key("strategy").text(), predicted


def _read_push(reader: Reader) -> tuple[Any, ...]:
    reader.only("site", "kind", "channels", "products", "seeds")
    channels = tuple(
        _read_channel(c) for c in reader.key("channels").items(most=_CHANNELS)
    )
    products = tuple(_read_product(p) for p in reader.key("products").items())
    seeds = tuple(
        tuple(
            (place.integer(), c.number())
            for place, c in (entry.items(exactly=2) for entry in row.items())
        )
        for row in reader.key("seeds").items()
    )
    algebra = TaylorAlgebra(channels, products)
    return reader.key("site").integer(), algebra, seeds, reader.key("kind").text()


def _read_channel(reader: Reader) -> Channel:
    reader.only("degree", "label")
    degree = reader.key("degree").integer(below=_ORDERS)
    return Channel(degree, reader.key("label").text())


def _read_product(reader: Reader) -> tuple[int, int, int, Fraction]:
    i, j, k, c = reader.items(exactly=4)
    return i.integer(), j.integer(), k.integer(), c.rational()


def _read_readout(
    reader: Reader, widths: list[int]
) -> tuple[Functional, tuple[Any, ...]]:
    reader.only("field", "site", "symbol", "terms")
    site = reader.key("site").integer(below=len(widths))
    symbol: dict[MultiIndex, Fraction] = {}
    for entry in reader.key("symbol").items():
        exponents, c = entry.items(exactly=2)
        alpha = MultiIndex(
            tuple(e.integer() for e in exponents.items(exactly=widths[site]))
        )
        # The largest first: a product of numbers that are all too large takes its time.
        if (
            max(alpha.exponents, default=0) >= _CHANNELS
            or prod(e + 1 for e in alpha.exponents) > _CHANNELS
        ):
            exponents.refuse(f"an order with at most {_CHANNELS} lower derivatives")
        if alpha in symbol:
            entry.refuse("a derivative that has not been named yet")
        symbol[alpha] = c.rational()
        if not symbol[alpha]:
            c.refuse("no number 0: zeros are left out")
    terms = tuple(
        (push.integer(), channel.integer(), c.number())
        for push, channel, c in (
            t.items(exactly=3) for t in reader.key("terms").items()
        )
    )
    field = reader.key("field").text()
    return Functional(field, site, OperatorSymbol.of(symbol)), terms
