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


def with_rows_before(flat: list[Measurement]) -> dict[str, list[dict[str, Any]]]:
    """Returns the records of rows that were measured now, and of those in the file."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in FILE.read_text().splitlines() if FILE.exists() else []:
        record = json.loads(line)
        rows.setdefault(record["row"], []).append(record)
    now: dict[str, list[dict[str, Any]]] = {}
    for m in flat:
        record = {**asdict(m), "machine": report.machine()}
        now.setdefault(m.row, []).append(record)
    return rows | now


def without_machine(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "machine"}


def draw(results: list[list[Measurement]]) -> None:
    """Draws the three panels, a line per contestant."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    orders = range(1, len(results) + 1)
    for axis, (field, title) in zip(axes, PANELS, strict=True):
        for place, first in enumerate(results[0]):
            name = (
                "(floor: matmuls)" if "floor" in first.contestant else first.contestant
            )
            times = [getattr(row[place], field) for row in results]
            dashed = "--" if name.startswith("(") else "-o"
            axis.semilogy(orders, times, dashed, label=name, markersize=4)
        axis.set(xlabel="n, the highest derivative", title=title)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.suptitle(
        f"Derivatives 0...n, tanh 24-24-24, 256 points; {report.machine()}", fontsize=9
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
        draw(
            [[Measurement(**without_machine(r)) for r in row] for row in rows.values()]
        )
        records = [json.dumps(record) for row in rows.values() for record in row]
        FILE.write_text("\n".join(records) + "\n")


if __name__ == "__main__":
    main()
