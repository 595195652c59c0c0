r"""A plan as JSON: an exact round trip, for files and for other programs.

    plan    ::= {format, version, strategy, choices, sites, pushes, readouts}
    choice  ::= {site, strategy, predicted: [[strategy, number], ...]}
    push    ::= {site, kind, channels: [{degree, label, count?}], products, seeds}
    product ::= [i, j, k, constant]         seed ::= [[argument, number], ...]
    readout ::= {field, site, symbol: [[exponents, number], ...],
                 terms: [[push, channel, number], ...]}
    number  ::= "p" | "p/q" | {a, b, sqrt: n} for a + b sqrt(n)
    constant ::= number | [number, ...]  the latter: one per direction of a family

Numbers are text, so that no reader can round them. Reading builds data and runs nothing.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, TYPE_CHECKING

from opcompiler.core.algebra import Channel, Constant, TaylorAlgebra
from opcompiler.core.multiindex import MultiIndex
from opcompiler.core.symbol import Functional, OperatorSymbol
from opcompiler.inspection.numbers import number_json
from opcompiler.inspection.reading import parse, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from opcompiler.planning.plan import Choice, Plan, Push, ReadOut

FORMAT = "opcompiler-plan"
VERSION = 1

_ORDERS = 1000
"""Above this no order is meant; it would only fill the memory."""


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
        "products": [[i, j, k, _constant(c)] for i, j, k, c in push.algebra.products],
        "seeds": [[[i, number_json(c)] for i, c in seed] for seed in push.seeds],
    }


def _channel_data(channel: Channel) -> dict[str, Any]:
    data: dict[str, Any] = {"degree": channel.degree, "label": channel.label}
    return data if channel.count == 1 else {**data, "count": channel.count}


def _constant(c: Constant) -> Any:
    return [number_json(part) for part in c] if isinstance(c, tuple) else number_json(c)


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


def read_plan(
    text: str,
    plan: Callable[..., Plan],
    push: Callable[..., Push],
    readout: Callable[..., ReadOut],
    choice: Callable[..., Choice],
) -> Plan:
    """Builds the plan that `plan_json` wrote.

    The form is checked, numbers of channels included; whether the plan is *right* is
    what `Plan.verify` says. The four constructors are arguments because planning
    imports this room, not the other way round.

    Raises:
        OperatorError: naming the place in the text and what was expected there.
    """
    top = parse(text)
    top.require("format", FORMAT)
    top.require("version", VERSION)
    sites = tuple(
        tuple(name.text() for name in site.items()) for site in top.key("sites").items()
    )
    pushes = tuple(push(*_read_push(p, sites)) for p in top.key("pushes").items())
    sizes = [p.algebra.size for p in pushes]
    readouts = tuple(
        readout(*_read_readout(r, sites, sizes)) for r in top.key("readouts").items()
    )
    choices = tuple(choice(*_read_choice(c, sites)) for c in top.key("choices").items())
    return plan(top.key("strategy").text(), sites, pushes, readouts, choices)


def _read_choice(reader: Reader, sites: _Sites) -> tuple[Any, ...]:
    predicted = tuple(
        (name.text(), float(time.number()))
        for name, time in (p.items(exactly=2) for p in reader.key("predicted").items())
    )
    site = reader.key("site").integer(below=len(sites))
    return site, reader.key("strategy").text(), predicted


_Sites = tuple[tuple[str, ...], ...]


def _read_push(reader: Reader, sites: _Sites) -> tuple[Any, ...]:
    site = reader.key("site").integer(below=len(sites))
    channels = _read_channels(reader.key("channels"))
    products = tuple(_read_product(p, channels) for p in reader.key("products").items())
    rows = reader.key("seeds").items(exactly=len(channels))
    seeds = tuple(
        tuple(
            (place.integer(below=len(sites[site])), c.number())
            for place, c in (entry.items(exactly=2) for entry in row.items())
        )
        for row in rows
    )
    if seeds[0]:
        rows[0].refuse("[], because the unit starts from the point itself")
    return site, TaylorAlgebra(channels, products), seeds, reader.key("kind").text()


def _read_channels(reader: Reader) -> tuple[Channel, ...]:
    channels = tuple(
        Channel(
            c.key("degree").integer(below=_ORDERS),
            c.key("label").text(),
            c.key("count").integer(least=1) if c.has("count") else 1,
        )
        for c in reader.items()
    )
    degrees = [c.degree for c in channels]
    if not degrees or degrees[0] or 0 in degrees[1:] or degrees != sorted(degrees):
        reader.refuse("the unit of degree 0, then channels of degrees 1, 2, ... sorted")
    return channels


def _read_product(reader: Reader, channels: tuple[Channel, ...]) -> Any:
    *places, last = reader.items(exactly=4)
    i, j, k = (place.integer(least=1, below=len(channels)) for place in places)
    if i > j or channels[i].degree + channels[j].degree != channels[k].degree:
        reader.refuse("channels i <= j whose degrees add up to that of k")
    if not last.is_list():
        return i, j, k, last.number()
    directions = max(channels[n].count for n in (i, j, k))
    return i, j, k, tuple(c.number() for c in last.items(exactly=directions))


def _read_readout(
    reader: Reader, sites: _Sites, sizes: list[int]
) -> tuple[Functional, tuple[Any, ...]]:
    site = reader.key("site").integer(below=len(sites))
    symbol = {}
    for entry in reader.key("symbol").items():
        exponents, c = entry.items(exactly=2)
        places = exponents.items(exactly=len(sites[site]))
        symbol[MultiIndex(tuple(p.integer(below=_ORDERS) for p in places))] = (
            c.rational()
        )
    terms = []
    for term in reader.key("terms").items():
        push, channel, c = term.items(exactly=3)
        number = push.integer(below=len(sizes))
        terms.append((number, channel.integer(below=sizes[number]), c.number()))
    functional = Functional(reader.key("field").text(), site, OperatorSymbol.of(symbol))
    return functional, tuple(terms)
