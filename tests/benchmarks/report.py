"""Tables: on screen, and as Markdown and JSON lines under docs/benchmarks."""

import json
import os
import platform
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import jax
from rich.console import Console
from rich.table import Table

from tests.benchmarks.timing import Measurement

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
HEAD = ("operator", "contestant", "evaluation ms", "ratio", "gradient ms", "ratio",
        "compile s", "memory MiB", "difference")  # fmt: skip


def machine() -> str:
    """Says where and with what the numbers were taken."""
    device = jax.devices()[0]
    name = device.device_kind if device.platform != "cpu" else _processor()
    return (
        f"{name}, {os.cpu_count()} cores, jax {jax.__version__}, "
        f"folx {version('folx')}, "
        f"Python {platform.python_version()}, {date.today().isoformat()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [
        line.split(":")[1].strip() for line in lines if line.startswith("model name")
    ]
    return models[0] if models else platform.processor()


def lines(results: list[Measurement]) -> list[tuple[str, ...]]:
    """One line per contestant; ratios are theirs to ours, so above 1 we are faster."""
    table = []
    for m in results:
        ours = next(r for r in results if r.row == m.row)
        table.append(
            (
                m.row,
                m.contestant,
                f"{m.evaluation:.2f}",
                f"{m.evaluation / ours.evaluation:.2f}",
                f"{m.gradient:.2f}",
                f"{m.gradient / ours.gradient:.2f}",
                f"{m.compile_evaluation:.1f} + {m.compile_gradient:.1f}",
                f"{m.memory:.1f}",
                "" if m.difference is None else f"{m.difference:.0e}",
            )
        )
    return table


def show(results: list[Measurement]) -> None:
    """Prints the table."""
    table = Table(*HEAD, title=machine())
    for line in lines(results):
        table.add_row(*line)
    Console(width=130).print(table)


def page(title: str, results: list[Measurement], note: str) -> str:
    """Returns a page with the table, in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *lines(results)]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"# {title}\n\n{machine()}\n\n{note}\n\n{text}\n"


def _with_rows_before(results: list[Measurement], file: Path) -> list[Measurement]:
    """Returns results in the order of a file's rows, with those that are only there."""
    rows: dict[str, list[Measurement]] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        record = json.loads(line)
        # All but the day.
        if record.pop("machine").rpartition(",")[0] == machine().rpartition(",")[0]:
            rows.setdefault(record["row"], []).append(Measurement(**record))
    measured = {m.row for m in results}
    rows |= {row: [m for m in results if m.row == row] for row in measured}
    return [m for row in rows.values() for m in row]


def write(results: list[Measurement]) -> None:
    """Writes docs/benchmarks/<platform>.md and .jsonl.

    Rows that were measured before, on the same machine, stay where they are until they are
    measured again.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = jax.devices()[0].platform
    results = _with_rows_before(results, FOLDER / f"{name}.jsonl")
    note = (
        "Tanh networks, float32. folx dense and sparse(k): sparsity threshold 0 and k. "
        "Medians of contestants run in turns, each as long as five milliseconds or two "
        "calls, of which the last counts, in another order each time; the gradient is "
        "that of the mean squared residual by the network's parameters. A ratio is the "
        "contestant's time over ours. The floor is the matrix products of all our "
        "channels, without activations. Compilation is that of values and of gradients; "
        "memory is what the gradient's program needs beside arguments and results."
    )
    (FOLDER / f"{name}.md").write_text(page(f"Benchmarks on {name}", results, note))
    records = [json.dumps({**asdict(m), "machine": machine()}) for m in results]
    (FOLDER / f"{name}.jsonl").write_text("\n".join(records) + "\n")
