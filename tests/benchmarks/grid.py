"""n-TangentProp's grid: `python -m tests.benchmarks.grid [--write] [--paper]`.

All derivatives 0...n of tanh networks of several depths and widths, at several numbers of
points: ratio of the rivals' times to ours for values (forward), for the rest of a training
step (backward: gradient minus values), and for both. Source: arXiv 2412.09752, figure 4.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict

import matplotlib as mpl
import numpy as np
from rich.progress import track

from tests.benchmarks import report, series
from tests.benchmarks.network import setting
from tests.benchmarks.timing import measure, Measurement

mpl.use("Agg")
import matplotlib.pyplot as plt

NAME = "derivative_grid"
SMALL = {"depth": (3, 5), "width": (24, 96), "points": (32, 512), "order": (1, 3, 5)}
PAPER = {
    "depth": (3, 5, 7), "width": (24, 64, 128), "points": (32, 256, 1024, 4096),
    "order": (1, 3, 6, 8),
}  # fmt: skip
PARTS = {
    "forward": lambda m: m.evaluation,
    "backward": lambda m: m.gradient - m.evaluation,
    "both": lambda m: m.gradient,
}


def ratios(results: Sequence[list[Measurement]], rival: str, part: str) -> np.ndarray:
    """Returns the rival's times over ours, one per configuration."""
    time = PARTS[part]
    pairs = [(row[0], next(m for m in row if m.contestant == rival)) for row in results]
    return np.array([time(theirs) / time(ours) for ours, theirs in pairs])


def draw(results: dict[int, list[list[Measurement]]], about: str) -> plt.Figure:
    """Draws a panel per part: a column of dots per order, a dot per configuration."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.4), sharey=True, layout="constrained"
    )
    for axis, part in zip(axes, PARTS, strict=True):
        for shift, rival in ((-0.12, "nested jvp"), (0.12, "jax.experimental.jet")):
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
    figure.suptitle(about, fontsize=9)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.grid", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument(
        "--paper", action="store_true", help="the published grid; hours"
    )
    options = parser.parse_args()
    grid = PAPER if options.paper else SMALL
    configurations = list(itertools.product(*grid.values()))
    results: dict[int, list[list[Measurement]]] = {order: [] for order in grid["order"]}
    for depth, width, points, order in track(configurations, description="measuring"):
        row = series.row(order, (width,) * depth, points)
        params, z = setting(row.dim, row.fields, row.hidden, row.points)
        results[order].append(measure(row, params, z))
    for order, part in itertools.product(results, PARTS):
        for rival in ("nested jvp", "jax.experimental.jet"):
            found = ratios(results[order], rival, part)
            print(
                f"n = {order}, {part}, {rival}: {np.median(found):.2f} "
                f"({found.min():.2f} ... {found.max():.2f})"
            )
    if options.write:
        tried = ", ".join(f"{k} {v}" for k, v in grid.items() if k != "order")
        draw(results, f"{tried}; {report.machine()}").savefig(
            report.FOLDER / f"{NAME}.png", dpi=90
        )
        flat = [m for rows in results.values() for row in rows for m in row]
        records = [json.dumps({**asdict(m), "machine": report.machine()}) for m in flat]
        (report.FOLDER / f"{NAME}.jsonl").write_text("\n".join(records) + "\n")


if __name__ == "__main__":
    main()
