"""The views of a plan, by name: one table for those of the package and for yours.

A view is a function whose first argument is a plan, as `opcompiler.Plan.view` calls it:

    register_view("size", lambda plan: f"{plan.channels} channels")
    residual.plan.view("size")

The package's own views stand in `opcompiler/show`, one file each. They are entered as
`module:function` and imported when they are used: a plan is made, run and proved without
what draws it (networkx, rich, jinja2), and `planning` does not import `show` above it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from opcompiler.edge import public
from opcompiler.errors import OperatorError

View = Callable[..., Any]

_VIEWS: dict[str, View | str] = {
    "table": "opcompiler.show.table:plan_table",
    "comparison": "opcompiler.show.comparison:plan_comparison",
    "html": "opcompiler.show.page:plan_page",
    "card": "opcompiler.show.page:plan_card",
    "svg": "opcompiler.show.svg:plan_svg",
    "graph": "opcompiler.show.graph:plan_graph",
    "latex": "opcompiler.show.latex:plan_latex",
    "json": "opcompiler.show.serial:plan_json",
}


@public('oc.register_view("size", lambda plan: f"{plan.channels} channels")')
def register_view(name: str, view: Callable[..., Any]) -> None:
    """Adds a view of plans, which `Plan.view` and `opcompiler plan --view` then know.

    Args:
        name: by which it is asked for; a view of that name is replaced.
        view: a function of a plan, and of options by name, that returns what is shown:
            text, if the command line is to print it.

    Raises:
        OperatorError: for a name of the package's own views.

    Examples:
        >>> oc.register_view("size", lambda plan: f"{plan.channels} channels")
        >>> x = sp.Symbol("x")
        >>> oc.compile(sp.Function("u")(x).diff(x, 2)).plan.view("size")
        '3 channels'
    """
    if isinstance(_VIEWS.get(name), str):
        raise OperatorError(
            f"{name} is a view of the package's own", hint="give yours another name"
        )
    _VIEWS[name] = view


def view_names() -> tuple[str, ...]:
    """Returns the names of all views, in alphabetical order."""
    return tuple(sorted(_VIEWS))


def find_view(name: str) -> View:
    """Returns the view of a name.

    Raises:
        OperatorError: if there is none, with the names that there are.
    """
    if name not in _VIEWS:
        raise OperatorError(
            f"there is no view {name!r}",
            hint=f"choose one of: {', '.join(view_names())}",
        )
    entry = _VIEWS[name]
    return loaded(entry) if isinstance(entry, str) else entry


def loaded(place: str) -> Callable[..., Any]:
    """Returns what stands at `module:name`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
