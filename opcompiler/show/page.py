"""A plan as one web page that needs nothing but itself: no network, no script.

This file turns the plan into words and numbers; `templates/` says how they look. All
text is escaped there, except the drawing, which escapes its own.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from opcompiler.ir import argument_name
from opcompiler.planning.plan import Plan, Push, ReadOut
from opcompiler.show.comparison import compare_strategies
from opcompiler.show.elision import elide, Elided, shortened, sum_text
from opcompiler.show.operators import channel_operators, operator_text
from opcompiler.show.products import product_grid
from opcompiler.show.svg import NAMESPACE, plan_svg
from opcompiler.visible import visible

_ROWS = 16
_COLUMNS = 12
_PUSHES = 6
_TEXT = 60

Row = dict[str, Any] | str
"""A line of a table; a text where lines are left out."""


def plan_page(
    plan: Plan,
    source: str | None = None,
    sums: Sequence[str] = (),
) -> str:
    """Returns an HTML document that shows everything about a plan, and all strategies.

    Args:
        plan: to be shown.
        source: the emitted function as Python, if there is one.
        sums: how sums over components are evaluated, a line each.
    """
    page = _template("page.html").render(
        **_summary(plan),
        pushes=_pushes(plan),
        comparison=_comparison(plan),
        source=source,
        sums=sums,
    )
    return visible(page)


def plan_card(plan: Plan) -> str:
    """Returns an HTML fragment for notebooks: summary, drawing, channels, read-outs."""
    card = _template("card.html").render(**_summary(plan), pushes=_pushes(plan))
    return visible(card)


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=PackageLoader("opcompiler.show", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _summary(plan: Plan) -> dict[str, Any]:
    fields = dict.fromkeys(functional.field for functional in plan.functionals)
    return {
        "title": f"Plan for {', '.join(fields)}" if fields else "Plan for nothing",
        "plan": plan,
        "proved": plan.proved,
        "svg": Markup(plan_svg(plan).replace(f' xmlns="{NAMESPACE}"', "")),
        "readouts": _rows([_readout(plan, readout) for readout in plan.readouts]),
        "several": len(plan.pushes) > 1,
    }


def _rows(rows: Sequence[dict[str, Any]]) -> list[Row]:
    return [str(r) if isinstance(r, Elided) else r for r in elide(rows, _ROWS)]


def _readout(plan: Plan, readout: ReadOut) -> dict[str, Any]:
    functional = readout.functional
    several = len(plan.pushes) > 1
    arguments = plan.sites[functional.site]
    label = sum_text(
        (alpha.label(functional.field, arguments), c)
        for alpha, c in functional.symbol.terms
    )
    terms = sum_text(
        (f"c{channel}" + (f"@{push}" if several else ""), c)
        for push, channel, c in readout.terms
    )
    return {"functional": label, "terms": terms}


def _pushes(plan: Plan) -> list[Row]:
    return [
        f"{number} pushes" if isinstance(number, Elided) else _push(plan, number)
        for number in elide(range(len(plan.pushes)), _PUSHES)
    ]


def _push(plan: Plan, number: int) -> dict[str, Any]:
    push = plan.pushes[number]
    arguments = plan.sites[push.site]
    where = ["…" if isinstance(a, Elided) else a for a in elide(arguments, _COLUMNS)]
    channels = _channels(push, arguments)
    return {
        "number": number,
        "where": ", ".join(where),
        "size": push.algebra.size,
        "degrees": " + ".join(map(str, push.algebra.degrees)),
        "channels": _rows(channels),
        "labelled": any(c["label"] for c in channels),
        "tangents": _tangents(push, arguments),
        "grid": product_grid(push.algebra),
    }


def _channels(push: Push, arguments: tuple[str, ...]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for k, carried in enumerate(channel_operators(push, len(arguments))):
        channel = push.algebra.channels[k]
        tangent = sum_text(
            (f"e_{argument_name(arguments, i)}", c) for i, c in push.seeds[k]
        )
        start = tangent if push.seeds[k] else "–"
        operator = operator_text(carried, arguments)
        label = "" if _same(operator, channel.label) else channel.label
        rows.append(
            {
                "number": f"c{k}",
                "degree": channel.degree,
                "operator": operator,
                "label": shortened(label, _TEXT),
                "start": start if k else "the point",
            }
        )
    return rows


def _same(operator: str, label: str) -> bool:
    """Whether a label only repeats the operator: its first terms, in any order."""
    shown = {
        term for term in operator.replace("∂_", "").split(" + ") if "…" not in term
    }
    return shown <= set(label.split(" + "))


def _tangents(push: Push, arguments: tuple[str, ...]) -> dict[str, Any]:
    """The tangents' components as a grid: a row per channel, a column per argument."""
    columns = elide(range(len(arguments)), _COLUMNS)
    shown = {i for i in columns if not isinstance(i, Elided)}
    rows: list[tuple[str, list[str]]] = []
    for k in elide([k for k, seed in enumerate(push.seeds) if seed], _COLUMNS):
        if isinstance(k, Elided):
            rows.append(("…", [""] * len(columns)))
            continue
        seed = dict(push.seeds[k])
        hidden = "" if seed.keys() <= shown else "…"
        cells = [
            hidden if isinstance(i, Elided) else str(seed.get(i, "")) for i in columns
        ]
        rows.append((f"c{k}", cells))
    names = [
        "…" if isinstance(i, Elided) else argument_name(arguments, i) for i in columns
    ]
    return {"names": names, "rows": rows}


def _comparison(plan: Plan) -> list[dict[str, Any]]:
    candidates = compare_strategies(plan.functionals, plan.sites)
    most = max((c.plan.channels for c in candidates if c.plan), default=1)
    return [
        {
            "strategy": c.strategy,
            "plan": c.plan,
            "share": 100 * c.plan.channels / most if c.plan else 0,
            "reason": c.reason,
            "chosen": c.chosen,
            "this": c.strategy == plan.strategy,
        }
        for c in candidates
    ]
