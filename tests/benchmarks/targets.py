"""Targets beside what was measured: `python -m tests.benchmarks.targets` writes the page.

Reads docs/benchmarks/cpu.jsonl and derivatives.jsonl; measures nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import FOLDER

Row = dict[str, dict[str, float]]
"""Contestants and what was measured of each."""

HEAD = ("row", "what", "against", "target", "measured", "where it falls short")
OURS = "opcompiler"

LAPLACIAN_10D = "Laplacian in 10D, 128-128-128-128, 256 points"
LAPLACIAN_50D = "Laplacian in 50D, 128-128-128-128, 128 points"
LAPLACIAN_WIDE = "Laplacian in 50D, 768-768-512-512, 64 points"
BILAPLACIAN_2D = "bilaplacian in 2D, 128-128-128-128, 256 points"
BILAPLACIAN_5D = "bilaplacian in 5D, 128-128-128-128, 256 points"
MIXED = "u_xxxy, 128-128-128-128, 256 points"
SERIES = "derivatives 0...8, 128-128-128, 1024 points"
JET = "jax.experimental.jet"
HESSIAN, HESSIANS = "trace of jax.hessian", "traces of jax.hessian"


@dataclass(frozen=True)
class Target:
    """At least `factor` times faster than a contestant in one column of a row."""

    row: str
    column: str
    contestant: str
    factor: float


TARGETS = (
    Target(LAPLACIAN_10D, "gradient", HESSIAN, 10),
    Target(LAPLACIAN_10D, "gradient", JET, 4),
    Target(LAPLACIAN_10D, "gradient", "folx", 1),
    Target(LAPLACIAN_50D, "gradient", HESSIAN, 10),
    Target(LAPLACIAN_50D, "gradient", JET, 6),
    Target(LAPLACIAN_50D, "gradient", "folx", 2),
    Target(LAPLACIAN_WIDE, "evaluation", JET, 2),
    Target(LAPLACIAN_WIDE, "gradient", JET, 2),
    Target(LAPLACIAN_WIDE, "evaluation", "folx", 1),
    Target(LAPLACIAN_WIDE, "gradient", "folx", 1),
    Target(BILAPLACIAN_2D, "evaluation", HESSIANS, 25),
    Target(BILAPLACIAN_2D, "gradient", HESSIANS, 20),
    Target(BILAPLACIAN_2D, "evaluation", "folx of folx", 2.3),
    Target(BILAPLACIAN_5D, "evaluation", HESSIANS, 20),
    Target(BILAPLACIAN_5D, "evaluation", JET, 3),
    Target(BILAPLACIAN_5D, "evaluation", "folx of folx", 3),
    Target(BILAPLACIAN_5D, "gradient", "folx of folx", 1.3),
    Target(MIXED, "gradient", "STDE 9-jet", 2),
    Target(MIXED, "gradient", f"{JET}, polarised", 10),
    Target(MIXED, "gradient", "nested jvp", 1.2),
    Target(SERIES, "gradient", "nested jvp", 15),
    Target(SERIES, "gradient", JET, 3),
    Target(SERIES, "compile_gradient", "nested jvp", 20),
)


def read(path: Path) -> dict[str, Row]:
    """Returns the rows of a file of measurements."""
    rows: dict[str, Row] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        rows.setdefault(record["row"], {})[record["contestant"]] = record
    return rows


def line(target: Target, row: Row) -> tuple[str, ...]:
    """Returns a line of the table: the target, what is measured, what is missing."""
    theirs, ours = (row[c][target.column] for c in (target.contestant, OURS))
    missed = "" if theirs / ours >= target.factor else _missed(target, row)
    what = {"compile_gradient": "compilation, gradient"}.get(
        target.column, target.column
    )
    return (
        target.row,
        what,
        target.contestant,
        f"{target.factor:g}",
        f"{theirs / ours:.2f}",
        missed,
    )


def _missed(target: Target, row: Row) -> str:
    """By how much, and what the target leaves for all but the matrix products."""
    ours = row[OURS][target.column]
    wanted = row[target.contestant][target.column] / target.factor
    unit = "s" if target.column.startswith("compile") else "ms"
    text = f"needs {wanted:.2f} {unit}, takes {ours:.2f}"
    floor = next((m for c, m in row.items() if c.startswith("(floor")), None)
    if floor is None:
        return text
    least = floor[target.column]
    text = f"{text}; bare matmuls {least:.2f}"
    return f"{text}: below the floor" if wanted < least else text


def series_line(rows: dict[str, Row]) -> tuple[str, ...]:
    """n-TangentProp's figure: the least ratio of a step over n = 2, ..., 10."""
    ratios = [
        step(row[rival]) / step(row[OURS])
        for name, row in rows.items()
        if not name.startswith("derivatives 0...1,")
        for rival in ("nested jvp", JET)
    ]
    head = ("derivatives 0...n, n = 2...10, 24-24-24, 256 points", "both")
    return (
        *head,
        "nested jvp and jet, at every n",
        "1",
        f"{min(ratios):.2f} at least",
        "",
    )


def step(m: dict[str, float]) -> float:
    return m["evaluation"] + m["gradient"]


def floors(rows: dict[str, Row]) -> list[tuple[str, ...]]:
    """Returns how far each row is from its bare matrix products, if it has a floor."""
    lines = []
    for name, row in rows.items():
        floor = next((m for c, m in row.items() if c.startswith("(floor")), None)
        if floor is None:
            continue
        ours, *_ = row.values()
        ratios = (ours[c] / floor[c] for c in ("evaluation", "gradient"))
        lines.append((name, *(f"{r:.2f}" for r in ratios)))
    return lines


NO_RIVALS = ("(", "opcompiler", "oc.", "one gradient")
"""How the names of references begin, and of other ways of ours."""


def rivals(rows: dict[str, Row], column: str) -> Iterator[tuple[str, str, float]]:
    """Yields row, rival, and its time over ours; ours is the first of its row."""
    for name, row in rows.items():
        ours, *_ = row.values()
        for rival, m in row.items():
            if not rival.startswith(NO_RIVALS):
                yield name, rival, m[column] / ours[column]


def slower(rows: dict[str, Row], column: str) -> list[str]:
    """Returns who beats us by more than 10 %, and when that was measured."""
    return [
        f"{name}, {column}: {rival} takes {ratio:.2f} of our time "
        f"({rows[name][rival]['machine'].rpartition(', ')[2]})"
        for name, rival, ratio in rivals(rows, column)
        if 1.1 * ratio < 1
    ]


def markdown(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    return "\n".join(
        f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *lines)
    )


def page() -> str:
    """Returns docs/benchmarks/README.md."""
    rows, figure = read(FOLDER / "cpu.jsonl"), read(FOLDER / "derivatives.jsonl")
    lines = [line(t, rows[t.row]) for t in TARGETS] + [series_line(figure)]
    beaten = [
        *slower(rows, "evaluation"), *slower(rows, "gradient"),
        *slower(figure, "evaluation"), *slower(figure, "gradient"),
    ]  # fmt: skip
    sparse = "| [sparse.md](sparse.md) | sampled sums in many dimensions |\n"
    return TEXT.format(
        sparse=sparse if (FOLDER / "sparse.md").exists() else "",
        machine=rows[SERIES][OURS]["machine"],
        table=markdown(HEAD, lines),
        missed=sum(bool(entry[-1]) for entry in lines),
        count=len(lines),
        beaten="\n".join(f"* {text}" for text in beaten) or "None.",
        least=min(r for t in (rows, figure) for *_, r in rivals(t, "gradient")),
        floors=markdown(("row", "evaluation", "gradient"), floors(rows)),
    )


TEXT = """# Benchmarks

`python -m tests.benchmarks.targets` writes this page from the tables beside it.

| page | what |
| --- | --- |
| [cpu.md](cpu.md), [gpu.md](gpu.md) | rivals, by `make bench` |
| [strategies.md](strategies.md) | every strategy on the corpus, predicted and measured |
| [derivatives.png](derivatives.png) | all derivatives up to n: n-TangentProp's figure |
| [derivative_grid.md](derivative_grid.md) | the same over depth, width and points |
{sparse}| [structure.md](structure.md) | parts, narrow layers, many points |
| [other people's programs](../tools/README.md) | jaxpi, jinns, DeepXDE, wavefunctions |
| [before_layout.md](before_layout.md) | beside the commit before the layout changed |
| [sine_gordon_million.md](sine_gordon_million.md) | 10^6 dimensions, one GPU |

## Targets

{machine}.

Times faster than the contestant. "Nested" for powers of the Laplacian is `jax.hessian`, as
people mostly write it; nested `jvp`, written with care, stands beside it in cpu.md and is
closer: 1.1 to 1.9 in values and 2.9 to 6.5 in gradients on 2026-11-30.

{table}

{missed} of {count} are missed. Why:

* *Below the floor*: the bare matrix products of our channels alone, timed in the same run,
  take longer than the target allows, and no algebra has fewer channels.
* Otherwise what the target leaves beside the matmuls is too little for what is elementwise
  (tanh, its derivatives, the products of the algebra): the last column says how little. In
  values alone XLA on a CPU fuses nested `jvp` and folx as well as ours.

## Slower than the best rival by more than 10 %

{beaten}

In gradients the least of all ratios to a rival is {least:.2f}.

## Distance from the floor

Our time over that of the bare matrix products of all channels; the goal is 1.5.

{floors}
"""


def main() -> None:
    (FOLDER / "README.md").write_text(page())


if __name__ == "__main__":
    main()
