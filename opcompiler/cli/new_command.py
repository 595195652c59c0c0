"""`opcompiler new`: a problem as a training program, complete, to be edited.

In: a problem. Out: a Python program with network, sampler, losses, optimiser and picture.

    opcompiler new burgers.pde      writes burgers.py
    python burgers.py               trains, writes burgers.png

`templates/training.py.jinja` is the program; this file says what of the problem goes into
it. What the text leaves open stands in the program with a placeholder and the word YOURS.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Annotated, Any, TYPE_CHECKING

import typer

import opcompiler as oc
from opcompiler.cli.app import app, errors_reported, examples, say, unwritable
from opcompiler.cli.emit_command import escaped
from opcompiler.cli.options import Notation, numbers, Set
from opcompiler.cli.sources import is_text, read_problem, reads_its_points

if TYPE_CHECKING:
    from opcompiler.text.problem import Coordinate, Field

_STEPS, _POINTS, _CONDITION_WEIGHT = 5000, 512, 10.0
_FEW = 8


@app.command(
    epilog=examples(
        "opcompiler new burgers.pde",
        "opcompiler new poisson.pde --set d=5 -o poisson_5d.py",
        "opcompiler new 'coordinates x; field u; u_xx = 2; u(0) = 0; u(1) = 1' -o line.py",
    )
)
def new(
    file: Notation,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="the program; FILE with .py for .pde by default"
        ),
    ] = None,
    parameter: Set = None,
) -> None:
    """Writes a complete training program for a problem, which you run and edit.

    It holds the problem's text, a network, points, a loss for each residual, Adam, and a
    picture. It needs jax, optax, matplotlib and opcompiler, and nothing of this command.
    """
    with errors_reported():
        values = numbers(parameter)
        problem = read_problem(file, values)
        inline = is_text(file)
        if out is None:
            out = Path("problem.py" if inline else Path(file).with_suffix(".py").name)
        text = file if inline else Path(file).read_text(encoding="utf-8")
        program, open_ends = training_text(problem, text, values, out.name)
        try:
            with out.open("x", encoding="utf-8") as stream:
                stream.write(program)
        except FileExistsError:
            raise oc.OperatorError(
                f"{out} is there already",
                hint="give another name, -o NAME.py, or remove it first",
            ) from None
        except OSError as error:
            raise unwritable(out, error) from None
        say(f"wrote {out}; run it: python {out}")
        for line in open_ends:
            say(f"to be filled in where it says YOURS: {line}")


def training_text(
    problem: oc.Problem, text: str, values: dict[str, float], script: str
) -> tuple[str, list[str]]:
    """Returns the program, and what the problem leaves open.

    Args:
        problem: with an equation or a condition.
        text: it was read from.
        values: of parameters, that were set when it was read.
        script: the name of the program's file.

    Raises:
        OperatorError: if the problem cannot be compiled, or states nothing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    if not problem.equations and not problem.conditions:
        raise oc.OperatorError(
            "the text states neither an equation nor a condition",
            hint="write one: coordinates t, x; field u; heat: u_t = u_xx",
        )
    coordinates = _Columns(problem)
    groups, coefficients = _networks(problem, coordinates)
    parts, needs = _parts(problem, coordinates)
    arrays = {f.name: _shape(f, problem) for f in problem.fields if f.shape}
    given = {n: f"jnp.ones({arrays[n]})" if n in arrays else "1.0" for n in needs}
    functions = [(g["fields"], g["function"]) for g in (*groups, *coefficients)]
    several = len(functions) > 1
    guesses = {n: 1.0 if g is None else g for n, g in problem.unknowns.items()}
    stem = Path(script).stem
    template = Environment(
        loader=PackageLoader("opcompiler.cli", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    ).get_template("training.py.jinja")
    program = template.render(
        title=escaped(stem),
        script=escaped(script),
        picture=escaped(f"{stem}.png").replace('"', '\\"'),
        measured=escaped(f"{stem}.csv").replace('"', '\\"'),
        text=escaped(text.strip()),
        options=f", parameters={values!r}" if values else "",
        steps=_STEPS,
        points=_POINTS,
        given=given,
        columns=coordinates.listed,
        undeclared=", ".join(coordinates.undeclared),
        low=coordinates.ends(0),
        high=coordinates.ends(1),
        space=coordinates.space,
        boundary=any(part["points"] == "walls" for part in parts),
        inside=any(part["points"] != "walls" for part in parts),
        normals=any("normals" in part["options"] for part in parts),
        groups=groups,
        coefficients=coefficients,
        networks=_dict(functions) if several else None,
        parts=parts,
        conditions=bool(problem.conditions),
        rule=any("RULE" in part["options"] for part in parts),
        unknowns=guesses,
        printed="".join(f"  {n} {{params['unknowns']['{n}']:.5g}}" for n in guesses),
        **_picture(coordinates),
    )
    left = [*given, *(c["says"] for c in coefficients)]
    left += [f"the interval of {name}" for name in coordinates.undeclared]
    left += [f"measurements, {stem}.csv"] * bool(guesses)
    left += ["conditions, of which the text has none"] * (not problem.conditions)
    return program, left


class _Columns:
    """The columns of the points: their names, intervals, and which are time.

    Attributes:
        names: a name for each column.
        undeclared: coordinates without a finite interval.
        space: the columns that are no time.
    """

    def __init__(self, problem: oc.Problem) -> None:
        self.names: list[str] = []
        self.undeclared: list[str] = []
        self.space: list[int] = []
        self._places: dict[str, range] = {}
        self._ends: list[tuple[int, tuple[float, float]]] = []
        for coordinate in problem.coordinates:
            count = _count(coordinate)
            begin = len(self.names)
            self._places[coordinate.name] = range(begin, begin + count)
            symbols = coordinate.symbols
            self.names += (
                [str(symbol) for symbol in symbols]
                if len(symbols) == count
                else [f"{coordinate.name}[{n + 1}]" for n in range(count)]
            )
            self._ends.append((count, self._interval(coordinate)))
            if not coordinate.time:
                self.space += self._places[coordinate.name]

    def _interval(self, coordinate: Coordinate) -> tuple[float, float]:
        low, high = (0.0, 1.0) if coordinate.time else (-1.0, 1.0)
        ends = coordinate.interval or ()
        if len(ends) == 2 and all(end.is_number and end.is_finite for end in ends):
            return float(ends[0]), float(ends[1])
        self.undeclared.append(coordinate.name)
        if ends and ends[0].is_number and ends[0].is_finite:
            return float(ends[0]), float(ends[0]) + 1
        return low, high

    @property
    def listed(self) -> str:
        """All names, or the first and the last."""
        shown = self.names
        if len(shown) > _FEW:
            shown = [*shown[:3], "...", shown[-1]]
        return ", ".join(shown)

    def ends(self, side: int) -> str:
        """Returns the array of all lower, or all upper ends, as Python."""
        if len(self.names) <= _FEW:
            return f"jnp.array({[e[side] for n, e in self._ends for _ in range(n)]})"
        pieces = [f"jnp.full({n}, {e[side]!r})" for n, e in self._ends]
        return (
            pieces[0] if len(pieces) == 1 else f"jnp.concatenate([{', '.join(pieces)}])"
        )

    def places(self, arguments: tuple[str, ...]) -> list[int] | None:
        """Returns the columns of a field's arguments, if all are coordinates."""
        if not all(name in self._places for name in arguments):
            return None
        return [place for name in arguments for place in self._places[name]]


def _count(coordinate: Coordinate) -> int:
    if coordinate.dimension is None:
        return 1
    if not coordinate.dimension.is_Integer:
        raise oc.OperatorError(
            f"the number of components of {coordinate.name} has no value",
            expression=f"{coordinate.name} in R^{coordinate.dimension}",
            hint=f"--set {coordinate.dimension}=5",
        )
    return int(coordinate.dimension)


def _networks(
    problem: oc.Problem, columns: _Columns
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the networks of the unknown fields, one for each tuple of arguments, and
    the functions of the known ones.
    """
    by_arguments: dict[tuple[str, ...], list[Field]] = {}
    for field in problem.fields:
        if not field.known and field.shape is None:
            by_arguments.setdefault(field.arguments, []).append(field)
    groups: list[dict[str, Any]] = []
    for arguments, fields in by_arguments.items():
        own = [name for field in fields for name in field.names]
        suffix = "" if len(by_arguments) == 1 else f"_{own[0]}"
        places = columns.places(arguments)
        whole = places == list(range(len(columns.names)))
        values, outputs = [], 0
        for field in fields:
            for name in field.names:
                parts = ("Re {}", "Im {}") if field.complex else ("{}",)
                for part in parts:
                    values.append((part.format(name), f"outputs{suffix}[{outputs}]"))
                    outputs += 1
        groups.append(
            {
                "fields": own,
                "function": f"network{suffix}",
                "result": f"outputs{suffix}",
                "shown": [] if places is None else values,
                "says": ", ".join(name for name, _ in values),
                "arguments": ", ".join(arguments),
                "inputs": len(places or arguments),
                "outputs": outputs,
                "law": places is None,
                "places": None if whole or places is None else _numbers(places),
            }
        )
    coefficients = [
        {
            "fields": list(field.names),
            "function": f"known_{field.name}",
            "says": f"{field.name}({', '.join(field.arguments)})",
            "shape": () if field.components is None else (field.components,),
        }
        for field in problem.fields
        if field.known and field.shape is None
    ]
    return groups, coefficients


def _numbers(places: list[int]) -> str:
    if places == list(range(places[0], places[-1] + 1)) and len(places) > 1:
        return f"jnp.arange({places[0]}, {places[-1] + 1})"
    return f"jnp.array({places})"


def _dict(functions: list[tuple[list[str], str]]) -> str:
    keys = [
        dumps(own[0]) if len(own) == 1 else f"({', '.join(map(dumps, own))})"
        for own, _ in functions
    ]
    pairs = zip(keys, functions, strict=True)
    return f"{{{', '.join(f'{key}: {function}' for key, (_, function) in pairs)}}}"


def _shape(table: Field, problem: oc.Problem) -> tuple[int, ...]:
    values = {str(name): value for name, value in problem.defaults.items()}
    return tuple(int(extent.subs(values)) for extent in table.shape or ())


def _parts(
    problem: oc.Problem, columns: _Columns
) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns what is compiled and minimised, and the parameters without a value."""
    declared = {parameter.name for parameter in problem.parameters}
    parts, needs = [], dict[str, None]()
    for label, source, part in _statements(problem):
        residual = oc.compile(part)
        options, normal = [], False
        for name in residual.parameters:
            side = name.removeprefix("normal_")
            if name in problem.unknowns:
                options.append(f'{name}=params["unknowns"]["{name}"]')
            elif name not in declared and side != name and side in columns.names:
                options.append(f"{name}=normals[:, {columns.names.index(side)}]")
                normal = True
            elif name not in residual.defaults:
                options.append(f'{name}=GIVEN["{name}"]')
                needs[name] = None
        rules = [f'"{axis}": RULE' for axis, _, _ in residual.operator.axes]
        if rules:
            options.append(f"quadrature={{{', '.join(rules)}}}")
        condition = problem.conditions.get(label)
        points = "points"
        if normal or (condition is not None and reads_its_points(residual)):
            points = "walls"
            times = [n for n in range(len(columns.names)) if n not in columns.space]
            if condition is not None and condition.kind == "initial" and times:
                points = f"points.at[:, {times[0]}].set(LOW[{times[0]}])"
        elif not _varies(part, problem):
            points = "points[:1]"
        parts.append(
            {
                "label": label,
                "source": source,
                "points": points,
                "options": "".join(f", {option}" for option in options),
                "weight": 1.0 if condition is None else _CONDITION_WEIGHT,
            }
        )
    return parts, list(needs)


def _statements(problem: oc.Problem) -> Iterator[tuple[str, str, Any]]:
    """Yields label, Python and part of all that is minimised; equations go together."""
    labels = list(problem.equations)
    if len(labels) == 1:
        yield labels[0], "problem", problem
    elif labels:
        yield "all equations", "problem", problem
    for label in problem.conditions:
        source = f"problem.condition({dumps(label)})"
        yield label, source, problem.condition(label)


def _varies(part: Any, problem: oc.Problem) -> bool:
    """Whether an equation reads a column of the points."""
    read = {s.name for e in part.equations.values() for s in e.free_symbols}
    return any(str(symbol) in read for symbol in problem.symbols)


def _picture(columns: _Columns) -> dict[str, Any]:
    """Returns what is drawn over which columns, the others held."""
    count = len(columns.names)
    times = [n for n in range(count) if n not in columns.space]
    chosen = sorted((columns.space + times)[:2])
    held = None
    if count > 2:
        held = "(LOW + HIGH) / 2"
        last = [n for n in times if n not in chosen]
        if last:
            held = f"({held}).at[{last[0]}].set(HIGH[{last[0]}])"
    return {
        "drawn": [(n, columns.names[n]) for n in chosen],
        "held": held,
    }
