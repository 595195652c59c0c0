"""`opcompiler eval`: values of the residuals of a network at points.

In: a problem or a program, points in a file, and the name of a network. Out: a summary of
the values as a table or JSON, and perhaps all values in a file.

    opcompiler eval burgers.pde --points pts.npy --net network:u

The network is the user's own code, which the command imports and runs. `sources.py` keeps
its errors apart from errors of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from json import dumps
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

import opcompiler as oc
from opcompiler.cli.app import app, cell, errors_reported, examples, say
from opcompiler.cli.options import (
    Json,
    numbers_and_files,
    Operator,
    SetArrays,
    Strategy,
)
from opcompiler.cli.sources import (
    columns,
    compiled,
    labels,
    parameters,
    quadrature,
    read_name,
    read_operator,
    UserCode,
)

if TYPE_CHECKING:
    import numpy as np

    Values = dict[str, np.ndarray]


@app.command(
    "eval",
    epilog=examples(
        "opcompiler eval burgers.pde --points pts.npy --net network:u",
        "opcompiler eval burgers.pde --points pts.npy --net network:u --equation initial",
        "opcompiler eval heat.pde --points pts.npy --net nets:fields --set k=2 --out r.npy",
    ),
)
def evaluate(
    file: Operator,
    points: Annotated[
        Path,
        typer.Option(
            help="an .npy file of shape (N, D), a column for each coordinate in their "
            "order; its precision is that of the evaluation"
        ),
    ],
    net: Annotated[
        str,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="your network, imported from the current folder: the module is RUN. A "
            "JAX function of ONE point, (D,) -> () or (m,), or a dict of such functions "
            "by field",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="write the values here: .npy, a column for each equation, or .npz, an "
            "array for each"
        ),
    ] = None,
    equation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="one equation or condition; every equation by default"
        ),
    ] = None,
    parameter: SetArrays = None,
    nodes: Annotated[
        int,
        typer.Option("--quadrature", min=1, help="Gauss nodes of every integral"),
    ] = 16,
    strategy: Strategy = None,
    json: Json = False,
) -> None:
    """Evaluates every equation's residual on your network at your points."""
    from opcompiler.cli.arrays import (
        check_name,
        check_points,
        read_array,
        write_arrays,
    )

    code = read_name(net)
    numbers, files = numbers_and_files(parameter)
    with errors_reported():
        if out is not None:
            check_name(out)
        # A text's numbers may be dimensions; a program knows nothing of ours.
        text = not file.endswith(".py")
        operator = _chosen(read_operator(file, numbers if text else {}), equation)
        residual = compiled(operator, strategy)
        places = read_array(points)
        check_points(places, points, columns(residual))
        named = {name: read_array(path) for name, path in files.items()}
        named |= {} if text else numbers
        chosen = parameters(operator, residual, named)
        rules = quadrature(residual, nodes)
        arrays = _values(residual, code, places, chosen, rules)
        values = dict(zip(labels(operator, residual), arrays, strict=True))
        if out is not None:
            write_arrays(out, values)
    if json:
        say(_as_json(values, places))
    else:
        Console(highlight=False).print(_table(values, places))
        if out is not None:
            say(f"wrote {out}")


def _chosen(operator: Any, name: str | None) -> Any:
    if name is None:
        return operator
    if not isinstance(operator, oc.Problem):
        raise oc.OperatorError(
            "--equation names an equation of a .pde file",
            hint="in a program, assign the one equation",
        )
    for part in (operator.equation, operator.condition):
        with suppress(oc.OperatorError):
            return part(name)
    there = ", ".join((*operator.equations, *operator.conditions)) or "none"
    raise oc.OperatorError(
        f"there is no equation or condition {name!r}", hint=f"there are {there}"
    )


def _values(
    residual: oc.Residual,
    code: UserCode,
    places: np.ndarray,
    parameters: Mapping[str, Any],
    rules: Any,
) -> list[np.ndarray]:
    """Evaluates all equations at once, in the precision of the points."""
    import jax
    import numpy as np

    with jax.enable_x64(places.dtype == np.float64), code.watched():
        network = code.network()
        if isinstance(network, Mapping):
            bound: Any = {name: _bound(each) for name, each in network.items()}
        else:
            bound = _bound(network)
        # Compiled, where a plain function would run step by step.
        found = residual.bind(bound)((), places, quadrature=rules, **parameters)
        return [np.asarray(array) for array in _listed(found)]


def _bound(network: Any) -> Any:
    return lambda _, point: network(point)


def _listed(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return list(found.values())
    return list(found) if isinstance(found, tuple) else [found]


def _table(values: Values, places: np.ndarray) -> Table:
    table = Table(title=f"residuals at {len(places)} points", title_style="bold")
    table.add_column("equation")
    for column in ("RMS", "max", "at"):
        table.add_column(column, justify="right")
    for name, array in values.items():
        rms, largest, place = _judged(array)
        where = ", ".join(f"{c:.4g}" for c in places[place][:4])
        more = ", ..." if places.shape[1] > 4 else ""
        table.add_row(cell(name), f"{rms:.3e}", f"{largest:.3e}", f"({where}{more})")
    return table


def _as_json(values: Values, places: np.ndarray) -> str:
    data = {}
    for name, array in values.items():
        rms, largest, place = _judged(array)
        at = [float(c) for c in places[place]]
        data[name] = {"rms": _number(rms), "max": _number(largest), "at": at}
    return dumps({"points": len(places), "equations": data}, indent=2)


def _judged(array: np.ndarray) -> tuple[float, float, int]:
    """Returns the root of the mean square, the largest modulus, and where that is."""
    import numpy as np

    sizes = np.abs(array)
    place = int(np.argmax(sizes))  # the first NaN, if there is one
    return float(np.sqrt(np.mean(sizes**2))), float(sizes[place]), place


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if isfinite(value) else None
