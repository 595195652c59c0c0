"""The README's table: `python -m tests.benchmarks.front_door [--write] [--only WORD]`.

A step of training (`opcompiler/demo/races.py`) for operators of all kinds, beside what
people and what experts write by hand. `--write` leaves every measurement and the page in
docs/benchmarks, and the table in the README, where each style has its fastest.
"""

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax.experimental.jet import jet
from rich.progress import Progress

import opcompiler as oc
from opcompiler.demo import perceptron, problems, races
from opcompiler.demo.races import EXPERT, of_perceptrons, OURS, PEOPLE, per_point, Race
from tests.benchmarks import (
    biharmonic,
    laplacian,
    narrow,
    navier_stokes,
    product,
    report,
    rivals,
)

NAME = "front_door"
README = Path(__file__).parents[2] / "README.md"
ROUNDS, SECONDS = 31, 20.0


def plate() -> Race:
    race = races.plate()
    others = {
        "jet": per_point(biharmonic.polarised(2)),
        "folx of folx": per_point(biharmonic.folded),
    }
    return replace(race, expert={**race.expert, **others})


def ten_dimensions() -> Race:
    race = races.laplacian()
    others = {
        "nested jvp": per_point(laplacian.nested),
        "jet": per_point(laplacian.univariate),
    }
    return replace(race, expert={**race.expert, **others})


def derivatives() -> Race:
    return races.derivatives(by_grad=6)


# --- a Sobolev loss of third order ------------------------------------------------------


def kdv_by_grad(net, point):
    """r, r_x and r_xx, each derivative by a nest of `jax.grad`."""
    u = lambda t, x: net(jnp.stack([t, x]))
    u_t, u_x = jax.grad(u, 0), jax.grad(u, 1)
    u_xxx = jax.grad(jax.grad(u_x, 1), 1)
    r = lambda t, x: u_t(t, x) + 6 * u(t, x) * u_x(t, x) + u_xxx(t, x)
    r_x = jax.grad(r, 1)
    return jnp.stack([f(*point) for f in (r, r_x, jax.grad(r_x, 1))])


def kdv_by_jvp(net, point):
    """One nest along x that carries all that lower orders share."""
    e_t, e_x = jnp.eye(2, dtype=point.dtype)

    def r(z):
        def first(z):
            return jax.jvp(net, (z,), (e_x,))

        def second(z):
            (u, u_x), (_, u_xx) = jax.jvp(first, (z,), (e_x,))
            return u, u_x, u_xx

        (u, u_x, _), (_, _, u_xxx) = jax.jvp(second, (z,), (e_x,))
        return jax.jvp(net, (z,), (e_t,))[1] + 6 * u * u_x + u_xxx

    r_x = lambda z: jax.jvp(r, (z,), (e_x,))
    (value, slope), (_, bend) = jax.jvp(r_x, (point,), (e_x,))
    return jnp.stack([value, slope, bend])


def kdv_by_jet(net, point):
    """A jet in x of order 5, and one of order 2 of u_t; products by Leibniz."""
    e_t, e_x = jnp.eye(2, dtype=point.dtype)
    zero = jnp.zeros_like(point)
    value, u = jet(net, (point,), ((e_x, *[zero] * 4),))
    u = [value, *u]
    slope = lambda z: jax.jvp(net, (z,), (e_t,))[1]
    start, later = jet(slope, (point,), ((e_x, zero),))
    u_t = [start, *later]
    square = [u[0] * u[1], u[1] ** 2 + u[0] * u[2], 3 * u[1] * u[2] + u[0] * u[3]]
    return jnp.stack([u_t[k] + 6 * square[k] + u[3 + k] for k in range(3)])


def kdv_sobolev() -> Race:
    t, x = sp.symbols("t x")
    u = sp.Function("u")(t, x)
    family = oc.sobolev(u.diff(t) + 6 * u * u.diff(x) + u.diff(x, 3), 2, x)
    bound = oc.compile(family).bind(perceptron.apply)
    return Race(
        "KdV's residual r, r_x and r_xx (a Sobolev loss)",
        *of_perceptrons(2, (64,) * 4, 512),
        lambda params, points: jnp.stack(
            jax.tree.leaves(bound(params, points)), axis=-1
        ),
        expert={"nested jvp": per_point(kdv_by_jvp), "jet": per_point(kdv_by_jet)},
        people={"nested jax.grad": per_point(kdv_by_grad)},
    )


# --- second order in the plane: little to gain ------------------------------------------


def flow_by_hessian(net, point):
    """Jacobian and Hessian of all three fields."""
    f, first = net(point), jax.jacfwd(net)(point)
    second = jax.hessian(net)(point)
    bent = second[:, 1, 1] + second[:, 2, 2]
    return navier_stokes.equations(f, *first.T, bent)


def flow() -> Race:
    given = problems.navier_stokes()
    names = ("momentum x", "momentum y", "continuity")
    bound = oc.compile([given[k] for k in names], fields=["u", "v", "p"]).bind(
        perceptron.apply
    )
    experts = {
        "nested jvp": navier_stokes.nested,
        "jet": navier_stokes.univariate,
        "folx": navier_stokes.forward_laplacian,
    }
    return Race(
        "Navier-Stokes in the plane",
        *of_perceptrons(3, (128,) * 4, 256, outputs=3),
        lambda params, points: jnp.stack(
            bound(params, points, nu=navier_stokes.NU), axis=-1
        ),
        expert={name: per_point(run) for name, run in experts.items()},
        people={"jax.hessian": per_point(flow_by_hessian)},
    )


# --- exact in ten thousand dimensions ---------------------------------------------------


def many_dimensions(dim: int = 10_000, points: int = 16) -> Race:
    x = oc.vector("x", dim)
    bound = oc.compile(oc.laplacian(sp.Function("u")(x), x)).bind(perceptron.apply)
    by = lambda way: per_point(lambda net, z: rivals.laplacian(way, net, z))
    return Race(
        f"exact Laplacian in {dim:,} dimensions".replace(",", " "),
        *of_perceptrons(dim, (64,) * 4, points),
        bound,
        expert={
            "folx": by(rivals.folx),
            "folx, reduced to 64 directions by hand": narrow.folx_by_hand,
        },
        people={"jvp of jax.grad, one by one": by(rivals.checkpointed_loop)},
    )


# --- a grid -----------------------------------------------------------------------------


def on_grid(count: int = 24) -> Race:
    row = product.separable_row(count)

    def setting(dtype):
        params, points = row.setting()
        return jax.tree.map(lambda a: a.astype(dtype), (params, points))

    def one(params, point):
        net = lambda z: product.separable(params, z)
        return races.laplacian_by_hessian(net, point) + net(point) ** 3

    return Race(
        f"Laplacian + u³ on a grid of {count}³",
        f"separable network, {count**3} points",
        setting,
        row.contestants["opcompiler, grid"],
        expert={"jvp along each axis, einsum": row.contestants["by hand"]},
        people={"jax.hessian at every point": jax.vmap(one, (None, 0))},
    )


DOORS = {
    "plate": plate, "laplacian": ten_dimensions, "derivatives": derivatives,
    "kdv": kdv_sobolev, "flow": flow, "many": many_dimensions, "grid": on_grid,
}  # fmt: skip


# --- what is written --------------------------------------------------------------------

HEAD = ("a step of training", OURS, EXPERT, PEOPLE)
ALL = (
    "operator", "contestant", "style", "step", "to ours", "compile", "gradients differ by",
)  # fmt: skip
BEGIN, END = "<!-- front door -->", "<!-- end of front door -->"
Records = list[dict[str, Any]]


def table(records: Records) -> str:
    """Returns the README's table: of each style the fastest."""
    rows = [HEAD, ("---", "---:", "---:", "---:")]
    for name in dict.fromkeys(r["operator"] for r in records):
        found = [r for r in records if r["operator"] == name]
        best = [
            min(
                (r for r in found if r["style"] == style),
                key=lambda r: r["step_seconds"],
            )
            for style in (OURS, EXPERT, PEOPLE)
        ]
        cells = [_cell(r, best[0]) for r in best]
        rows.append((f"{name}<br><sub>{best[0]['scene']}</sub>", *cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(record: dict[str, Any], ours: dict[str, Any]) -> str:
    times = (
        f"{_written(record['step_seconds'])} ({_written(record['compile_seconds'])})"
    )
    if record is ours:
        return f"**{times}**"
    ratio = record["step_seconds"] / ours["step_seconds"]
    digits = 1 if ratio < 10 else 0
    return f"{times}<br><sub>{record['contestant']}: {ratio:.{digits}f}×</sub>"


def _written(seconds: float) -> str:
    """Two digits, in ms or s; no line breaks before the unit."""
    number, unit = (seconds, "s") if seconds >= 0.5 else (1e3 * seconds, "ms")
    return f"{number:.{1 if number < 10 else 0}f}\N{NO-BREAK SPACE}{unit}"


def page(records: Records) -> str:
    """Returns the page with everybody's numbers."""
    rows = [ALL, ("---",) * len(ALL)]
    for r in records:
        ours = next(o for o in records if o["operator"] == r["operator"])
        gap = "" if r is ours or r["difference"] is None else f"{r['difference']:.0e}"
        rows.append(
            (
                f"{r['operator']}, {r['scene']}", r["contestant"], r["style"],
                _written(r["step_seconds"]),
                f"{r['step_seconds'] / ours['step_seconds']:.2f}",
                _written(r["compile_seconds"]), gap,
            )
        )  # fmt: skip
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return TEXT.format(machine=records[0]["machine"], table=lines, name=NAME)


TEXT = """# The front door: a step of training

{machine}

`python -m tests.benchmarks.front_door --write`. The loss is the mean of the squared
residual; a step is its gradient by the parameters, jitted, in float32. Contestants take
turns; the second of two runs in a turn counts; medians. Compilation is that of the step.
Every measurement: [{name}.jsonl]({name}.jsonl).

{table}
"""


def read() -> Records:
    """Returns what is stored."""
    file = report.FOLDER / f"{NAME}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def in_readme(text: str, records: Records) -> str:
    """Returns the README with the table of these records."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    below = f"<sub>{records[0]['machine']}</sub>"
    return f"{before}{BEGIN}\n{table(records)}\n\n{below}\n{END}{after}"


def write(records: Records) -> None:
    """Writes the measurements, the page, and the README's table."""
    lines = [json.dumps(record) for record in records]
    (report.FOLDER / f"{NAME}.jsonl").write_text("\n".join(lines) + "\n")
    (report.FOLDER / f"{NAME}.md").write_text(page(records))
    README.write_text(in_readme(README.read_text(), records))


def where() -> str:
    """Says on what, and how busy it is: 1 is this program with one thread."""
    return f"{report.machine()}, load average {os.getloadavg()[0]:.0f}"


def measured(names: Iterable[str]) -> Records:
    """Measures some of the doors."""
    records: Records = []
    with Progress(
        *Progress.get_default_columns()[1:], "{task.description}"
    ) as progress:
        names = list(names)
        task = progress.add_task("", total=len(names))
        for name in names:
            race = DOORS[name]()
            say = lambda text: progress.update(task, description=text)
            for result in races.measure(race, say, ROUNDS, SECONDS):
                records.append(
                    {
                        "door": name, "operator": race.name, "scene": race.scene,
                        **asdict(result), "machine": where(),
                    }
                )  # fmt: skip
            progress.advance(task)
    return records


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.front_door", description=__doc__
    )
    parser.add_argument("--write", action="store_true", help="write pages and README")
    parser.add_argument("--only", default="", help="doors whose name holds this word")
    options = parser.parse_args()
    records = measured(name for name in DOORS if options.only in name)
    print(table(records))
    if options.write:
        new = {r["door"] for r in records}
        kept = [r for r in read() if r["door"] not in new] if options.only else []
        write(sorted(kept + records, key=lambda r: list(DOORS).index(r["door"])))


if __name__ == "__main__":
    main()
