"""n-TangentProp's grid: `python -m tests.benchmarks.grid [--write] [--paper]`.

All derivatives 0...n of tanh networks of several depths and widths, at several numbers of
points: ratio of the rivals' times to ours for values (forward), for the rest of a training
step (backward: gradient minus values), and for both. Source: arXiv 2412.09752, figure 4.
`--write` leaves the table, the picture and every measurement in docs/benchmarks.
"""

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import matplotlib as mpl
import numpy as np
from rich.progress import track

from tests.benchmarks import report, series
from tests.benchmarks.network import setting
from tests.benchmarks.timing import measure, Measurement

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

NAME = "derivative_grid"
SMALL = {
    "depth": (3, 5), "width": (24, 128), "points": (32, 1024), "order": (1, 3, 6, 8),
}  # fmt: skip
PAPER = {
    "depth": (3, 5, 7), "width": (24, 64, 128), "points": (32, 256, 1024, 4096),
    "order": (1, 3, 6, 8),
}  # fmt: skip
HIGH = 8
"""From this order on nested differentiation compiles for a minute and more: outside of
`--paper` only the least depth and width are tried."""
REPEATS = 15
RIVALS = ("nested jvp", "jax.experimental.jet")
LEAST = 1e-3
"""Milliseconds: no difference of two medians is taken for less."""
Cell = tuple[int, int, int, int]
Results = dict[int, list[list[Measurement]]]
"""By order, a list of networks, each with its contestants."""
PARTS = {
    "forward": lambda m: m.evaluation,
    "backward": lambda m: max(m.gradient - m.evaluation, LEAST),
    "both": lambda m: m.gradient,
}


def ratios(results: Sequence[list[Measurement]], rival: str, part: str) -> np.ndarray:
    """Returns the rival's times over ours, one per configuration."""
    time = PARTS[part]
    pairs = [(row[0], next(m for m in row if m.contestant == rival)) for row in results]
    return np.array([time(theirs) / time(ours) for ours, theirs in pairs])


def draw(results: Results, about: str) -> Figure:
    """Draws a panel per part: a column of dots per order, a dot per configuration."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.4), sharey=True, layout="constrained"
    )
    for axis, part in zip(axes, PARTS, strict=True):
        for shift, rival in zip((-0.12, 0.12), RIVALS, strict=True):
            for place, (order, rows) in enumerate(results.items()):
                found = ratios(rows, rival, part)
                colour = "C1" if shift < 0 else "C2"
                label = rival if order == next(iter(results)) else None
                across = np.full(found.size, place + shift)
                axis.semilogy(across, found, f"{colour}.", ms=5, alpha=0.6, label=label)
                axis.semilogy(place + shift, np.median(found), f"{colour}_", ms=16)
        axis.axhline(1, color="k", lw=0.8)
        axis.set(title=part, xlabel="n, the highest derivative")
        axis.set_xticks(range(len(results)), list(results))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("time / time of opcompiler")
    axes[0].legend(fontsize=8, loc="upper left")
    figure.suptitle(about.replace("; medians", "\nmedians"), fontsize=8)
    return figure


def cells(grid: Mapping[str, tuple[int, ...]], paper: bool) -> list[Cell]:
    """Returns the configurations: depth, width, points, order."""
    depths, widths, *_ = grid.values()
    least = (min(depths), min(widths))
    return [
        (depth, width, points, order)
        for depth, width, points, order in itertools.product(*grid.values())
        if paper or order < HIGH or (depth, width) == least
    ]


def table(results: Results) -> str:
    """Returns medians and ranges of the ratios, in Markdown."""
    head = ("n", "networks", "rival", *PARTS, "slower than the rival in both")
    rows = [head, ("---",) * len(head)]
    for order, measured in results.items():
        for rival in RIVALS:
            found = [ratios(measured, rival, part) for part in PARTS]
            shown = [
                f"{np.median(r):.2f} ({r.min():.2f} ... {r.max():.2f})" for r in found
            ]
            lost = f"{np.sum(found[-1] < 1)} of {len(measured)}"
            rows.append((str(order), str(len(measured)), rival, *shown, lost))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(results: Results, about: str) -> None:
    """Writes the page, the picture, and every measurement."""
    draw(results, about).savefig(report.FOLDER / f"{NAME}.png", dpi=90)
    page = TEXT.format(about=about, table=table(results), name=NAME)
    (report.FOLDER / f"{NAME}.md").write_text(page)
    flat = [m for rows in results.values() for row in rows for m in row]
    records = [json.dumps({**asdict(m), "machine": report.machine()}) for m in flat]
    (report.FOLDER / f"{NAME}.jsonl").write_text("\n".join(records) + "\n")


TEXT = """# All derivatives up to n, over depth, width and points

{about}

`python -m tests.benchmarks.grid --write`. Tanh networks, float32. Times of a rival over
ours, median over the networks (least ... greatest); above 1 we are faster. "Forward" is
values, "both" the gradient of the mean square by the parameters, "backward" the difference.
Nested jvp takes each derivative by a nest of its own.
Every measurement: [{name}.jsonl]({name}.jsonl).

{table}

![a dot per network]({name}.png)
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.grid", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument(
        "--paper", action="store_true", help="the published grid; hours"
    )
    options = parser.parse_args()
    grid = PAPER if options.paper else SMALL
    results: Results = {order: [] for order in grid["order"]}
    for depth, width, points, order in track(
        cells(grid, options.paper), description="measuring"
    ):
        row = series.row(order, (width,) * depth, points)
        params, z = setting(row.dim, row.fields, row.hidden, row.points)
        results[order].append(measure(replace(row, repeats=REPEATS), params, z))
    print(table(results))
    if options.write:
        tried = ", ".join(f"{k} {v}" for k, v in grid.items() if k != "order")
        least = (
            "" if options.paper else f"; from n = {HIGH} on the least depth and width"
        )
        write(results, f"{tried}{least}; medians of {REPEATS}; {report.machine()}")


if __name__ == "__main__":
    main()
