"""n-TangentProp's timing figure: `python -m tests.benchmarks.figure [--write] [--upto N]`.

All derivatives 0...n of a tanh network, 3 x 24, at 256 points, for n = 1 ... 10: time of
values, and of the parameter gradient. Source: arXiv 2412.09752, figure 3. Nested
differentiation takes a quarter of an hour at n = 10; with `--upto` the higher orders stay
as they were measured before.
"""

import argparse
import json
from dataclasses import asdict
from typing import Any

import matplotlib as mpl
from rich.progress import track

from tests.benchmarks import report, series
from tests.benchmarks.network import setting
from tests.benchmarks.timing import measure, Measurement

mpl.use("Agg")
import matplotlib.pyplot as plt

NAME = "derivatives"
FILE = report.FOLDER / f"{NAME}.jsonl"
PANELS = (
    ("evaluation", "evaluation, ms"),
    ("gradient", "gradient, ms"),
    ("compile_gradient", "compilation of the gradient, s"),
)


Record = dict[str, Any]
"""A measurement, and the machine that it was taken on."""


def with_rows_before(flat: list[Measurement]) -> dict[str, list[Record]]:
    """Returns the rows that were measured now, and the others of the file."""
    rows: dict[str, list[Record]] = {}
    for line in FILE.read_text().splitlines() if FILE.exists() else []:
        record = json.loads(line)
        rows.setdefault(record["row"], []).append(record)
    now: dict[str, list[Record]] = {}
    for m in flat:
        record = {**asdict(m), "machine": report.machine()}
        now.setdefault(m.row, []).append(record)
    return rows | now


def draw(rows: list[list[Record]]) -> None:
    """Draws the three panels, a line per contestant; what is older stands in the title."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    orders = range(1, len(rows) + 1)
    for axis, (field, title) in zip(axes, PANELS, strict=True):
        for place, first in enumerate(rows[0]):
            name = first["contestant"]
            name = "(floor: matmuls)" if "floor" in name else name
            times = [row[place][field] for row in rows]
            dashed = "--" if name.startswith("(") else "-o"
            axis.semilogy(orders, times, dashed, label=name, markersize=4)
        axis.set(xlabel="n, the highest derivative", title=title)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    now = rows[0][0]["machine"]
    older = [
        f"n = {order}: {row[0]['machine'].rpartition(', ')[2]}"
        for order, row in zip(orders, rows, strict=True)
        if row[0]["machine"] != now
    ]
    figure.suptitle(
        "; ".join(["Derivatives 0...n, tanh 24-24-24, 256 points", now, *older]),
        fontsize=9,
    )
    figure.savefig(report.FOLDER / f"{NAME}.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.figure", description=__doc__
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument("--upto", type=int, default=10, help="the highest order")
    options = parser.parse_args()
    results = []
    for order in track(range(1, options.upto + 1), description="measuring"):
        row = series.row(order, (24,) * 3, 256)
        params, points = setting(row.dim, row.fields, row.hidden, row.points)
        results.append(measure(row, params, points))
    flat = [m for row in results for m in row]
    report.show(flat)
    if options.write:
        rows = with_rows_before(flat)
        draw(list(rows.values()))
        records = [json.dumps(record) for row in rows.values() for record in row]
        FILE.write_text("\n".join(records) + "\n")


if __name__ == "__main__":
    main()
