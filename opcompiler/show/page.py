"""A plan as one web page that needs nothing but itself: no network, no script.

In: a plan, and perhaps the text of its function and of its sums. Out: an HTML document, or
a fragment for notebooks.

    Path("plan.html").write_text(plan_page(residual.plan))

This file turns the plan into words and numbers; `templates/` says how they look. The
templates escape all text except the drawing, which escapes its own. Large tables lose their
middle, so that a plan of a thousand channels is still a page that a browser can show.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from opcompiler.algebra.weil import Constant, TaylorAlgebra
from opcompiler.ir import argument_name
from opcompiler.planning.plan import Plan, ReadOut
from opcompiler.show.comparison import compare_strategies
from opcompiler.show.reasons import plan_reasons
from opcompiler.show.svg import NAMESPACE, plan_svg
from opcompiler.show.words import (
    channel_operators,
    elide,
    Elided,
    GLOSSARY,
    NOUNS,
    operator_text,
    shortened,
    sum_text,
    tangent_text,
)
from opcompiler.visible import visible

_ROWS, _COLUMNS, _PUSHES = 16, 12, 6
_GRID, _GRID_LINES = 16, 12
_TEXT, _EQUATION = 60, 500

Row = dict[str, Any] | str
"""A line of a table; a text where lines are left out."""


def plan_page(
    plan: Plan,
    source: str | None = None,
    sums: Sequence[str] = (),
    equations: Sequence[str] = (),
    costs: Sequence[str] = (),
) -> str:
    """Returns an HTML document that shows everything about a plan, and all strategies.

    Args:
        plan: to be shown.
        source: the emitted function as Python, if there is one.
        sums: how sums over components are evaluated, a line each.
        equations: what was compiled, a line each.
        costs: what a network makes of it, the lines of `Residual.explain`.
    """
    candidates = compare_strategies(plan.functionals, plan.sites)
    prices = [c.plan.cost.time for c in candidates if c.plan]
    comparison = [
        {
            "strategy": c.strategy,
            "plan": c.plan,
            "share": 100 * c.plan.cost.time / max(prices) if c.plan else 0,
            "reason": c.reason,
            "chosen": c.chosen,
            "this": c.strategy == plan.strategy,
        }
        for c in candidates
    ]
    return _rendered(
        "page.html",
        plan,
        equations,
        comparison=comparison,
        source=source,
        sums=sums,
        costs=costs,
        reasons=plan_reasons(plan),
        nouns=NOUNS,
        glossary=GLOSSARY,
    )


def plan_card(plan: Plan, equations: Sequence[str] = ()) -> str:
    """Returns an HTML fragment for notebooks: summary, drawing, channels, read-outs."""
    return _rendered("card.html", plan, equations)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("opcompiler.show", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(template: str, plan: Plan, equations: Sequence[str], **more: Any) -> str:
    fields = dict.fromkeys(functional.field for functional in plan.functionals)
    text = (
        _templates()
        .get_template(template)
        .render(
            title=f"Plan for {', '.join(fields)}" if fields else "Plan for nothing",
            equations=[shortened(e, _EQUATION) for e in elide(equations, _ROWS)],
            plan=plan,
            proved=plan.proved,
            svg=plan_svg(plan).replace(f' xmlns="{NAMESPACE}"', ""),
            readouts=elide(
                [_readout(plan, readout) for readout in plan.readouts], _ROWS
            ),
            several=len(plan.pushes) > 1,
            pushes=[
                f"{number} pushes"
                if isinstance(number, Elided)
                else _push(plan, number)
                for number in elide(range(len(plan.pushes)), _PUSHES)
            ],
            **more,
        )
    )
    return visible(text)


def _readout(plan: Plan, readout: ReadOut) -> Row:
    functional = readout.functional
    arguments = plan.sites[functional.site]
    label = sum_text(
        (alpha.label(functional.field, arguments), c)
        for alpha, c in functional.symbol.terms
    )
    several = len(plan.pushes) > 1
    terms = sum_text(
        (f"c{channel}@{push}" if several else f"c{channel}", c)
        for push, channel, c in readout.terms
    )
    return {"functional": label, "terms": terms}


def _push(plan: Plan, number: int) -> Row:
    push = plan.pushes[number]
    algebra, arguments = push.algebra, plan.sites[push.site]
    where = ["…" if isinstance(a, Elided) else a for a in elide(arguments, _COLUMNS)]

    # A row for each channel; its label, if it does not only repeat the operator.
    rows: list[dict[str, Any]] = []
    for k, carried in enumerate(channel_operators(push, len(arguments))):
        channel = algebra.channels[k]
        operator = operator_text(carried, arguments)
        shown = operator.replace("∂_", "").split(" + ")
        repeats = {t for t in shown if "…" not in t} <= set(channel.label.split(" + "))
        start = tangent_text(push, k, arguments) if push.seeds[k] else "–"
        rows.append(
            {
                "number": f"c{k}",
                "degree": channel.degree,
                "operator": operator,
                "label": "" if repeats else shortened(channel.label, _TEXT),
                "start": start if k else "the point",
            }
        )

    # The tangents' components: a row per channel, a column per argument.
    columns = elide(range(len(arguments)), _COLUMNS)
    names = [
        "…" if isinstance(i, Elided) else argument_name(arguments, i) for i in columns
    ]
    tangents: list[tuple[str, list[str]]] = []
    for k in elide([k for k, seed in enumerate(push.seeds) if seed], _COLUMNS):
        if isinstance(k, Elided):
            tangents.append(("…", [""] * len(columns)))
            continue
        seed = dict(push.seeds[k])
        hidden = "" if seed.keys() <= set(columns) else "…"
        cells = [
            hidden if isinstance(i, Elided) else str(seed.get(i, "")) for i in columns
        ]
        tangents.append((f"c{k}", cells))

    return {
        "number": number,
        "where": ", ".join(where),
        "size": algebra.size,
        "degrees": " + ".join(map(str, algebra.degrees)),
        "channels": elide(rows, _ROWS),
        "labelled": any(row["label"] for row in rows),
        "tangents": {"names": names, "rows": tangents},
        "grid": _products(algebra),
    }


def _products(algebra: TaylorAlgebra) -> Row:
    """The multiplication table; a large one loses its middle."""
    most = algebra.size if algebra.size <= _GRID else _GRID_LINES
    lines = elide(range(algebra.size), most, tail=3)
    return {
        "names": ["…" if isinstance(i, Elided) else f"c{i}" for i in lines],
        "labels": [
            i if isinstance(i, Elided) else algebra.channels[i].label for i in lines
        ],
        "rows": [[_product(algebra, i, j) for j in lines] for i in lines],
        "left_out": sum(i.left_out for i in lines if isinstance(i, Elided)),
    }


def _product(algebra: TaylorAlgebra, i: int | Elided, j: int | Elided) -> Row:
    """One product: its text, its degree over the order as heat, and itself in full."""
    if isinstance(i, Elided) or isinstance(j, Elided):
        return {"text": "…", "heat": 0, "title": ""}
    text = f"c{i + j}"  # of the unit with another
    if i and j:
        text = " + ".join(_term(k, c) for k, c in algebra.table.get((i, j), ()))
    title = f"c{i} · c{j} = {text or 0}"
    degree = algebra.channels[i].degree + algebra.channels[j].degree
    heat = (degree + 1) / (algebra.order + 1) if text else 0
    return {"text": text, "heat": heat, "title": title}


def _term(channel: int, c: Constant) -> str:
    if isinstance(c, tuple):
        return f"({', '.join(map(str, c))})·c{channel}"
    return f"c{channel}" if c == 1 else f"{c}·c{channel}"
