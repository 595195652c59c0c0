"""The papers' tables as Markdown: any script over a grid of its options.

Every cell is a run of its own in a process of its own, so that its peak memory is its own;
it shows steps per second, peak MB (of the device, or of the process on a CPU), and the
errors of the last iterate, mean and deviation over the seeds. What does not fit is said.

Tables 1-3:  python -m examples.tables elliptic --across dim 100 1000 10000 100000 1000000
                 --down method exact sparse stde nested nested_sparse --steps 10000
Table 10:    python -m examples.tables elliptic --across block 1 10 50 100
                 --dim 1000000 --method sparse
Table 11:    python -m examples.tables high_order --across width 128 256
                 --down method auto partition nested --equation kp

`--gpu` is tables 1-3 for the sampled methods, with at most 12 s of steps a cell: all cells
compile beside each other and then take their steps in turns, in four minutes on one H200.

One table, short, on a CPU:  python -m examples.tables elliptic --out tables --steps 300
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPTS = ("elliptic", "parabolic", "hjb", "biharmonic", "high_order", "gpinn")
SHOWN = {
    "steps_done": "steps",
    "steps_per_second": "steps/s",
    "steps_per_second_at_best": "steps/s of the fastest steps",
    "peak_megabytes": "MB",
    "relative_l1": "L1",
    "relative_l2": "L2",
    "relative_error": "error",
    "trivial_l2": "trivial L2",
    "compile_seconds": "compilation, s",
}
GPU = {
    "across": ["dim", "100", "1000", "10000", "100000", "1000000"],
    "down": ["method", "sparse", "stde", "nested_sparse"],
    "together": 15,
    "within": 215.0,
    "name": "tables_gpu",
}
GPU_RUN = ["--steps", "10000", "--limit", "12", "--test", "2000"]
"""What `--gpu` asks of the table, and of every run in it."""

Place = tuple[str, str]
"""What stands at a cell's row and column."""

Outcome = dict[str, Any] | str
"""The numbers of a run, or why there are none."""


def alone(script: str, words: Sequence[str], seconds: float) -> Outcome:
    """Returns what a script says, run in a process of its own for at most so long."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", f"examples.{script}", *words]
        try:
            done = subprocess.run(
                [*command, "--bare", "--out", folder],
                timeout=max(seconds, 0.01), capture_output=True, text=True, check=False,
                env=os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "out of time"
        for found in Path(folder).glob("*.json"):
            return json.loads(found.read_text())
    said = done.stdout + done.stderr
    if done.returncode < 0 or "RESOURCE_EXHAUSTED" in said or "MemoryError" in said:
        return "out of memory"
    raise RuntimeError(f"{' '.join(command)}\n{said[-4000:]}")


@contextmanager
def queue(file: Path | None) -> Iterator[list[str]]:
    """Gives the option by which runs beside each other are timed one after the other."""
    with tempfile.NamedTemporaryFile() as own:
        yield ["--turns", str(file or own.name)]


def results(
    options: argparse.Namespace, rest: Sequence[str]
) -> Iterator[tuple[Place, Outcome]]:
    """Runs the grid, and gives the outcomes as they come."""
    (column, *across), (row, *down) = options.across, options.down
    end = time.monotonic() + options.within

    def cell(place: Place, seed: int) -> tuple[Place, Outcome]:
        words = [f"--{row}", place[0], f"--{column}", place[1], "--seed", str(seed)]
        left = end - time.monotonic()
        return place, alone(options.script, [*words, *rest, *turns], left)

    with queue(options.turns) as turns, ThreadPoolExecutor(options.together) as pool:
        cells = itertools.product(itertools.product(down, across), options.seeds)
        for done in as_completed([pool.submit(cell, *each) for each in cells]):
            yield done.result()


def markdown(
    options: argparse.Namespace, found: Mapping[Place, Sequence[Outcome]], command: str
) -> str:
    """Returns a table of every number that the runs say."""
    (column, *across), (row, *down) = options.across, options.down
    runs = [run for cell in found.values() for run in cell if isinstance(run, dict)]
    devices = sorted({run["device"] for run in runs})
    seeds = ", ".join(map(str, options.seeds))
    lines = [f"`{command}`", "", f"On {', '.join(devices)}; seeds {seeds}."]
    for kind, title in SHOWN.items():
        if not any(kind in run for run in runs):
            continue
        lines += ["", f"**{title}**", ""]
        lines.append(f"| {row} \\ {column} | {' | '.join(across)} |")
        lines.append("|---" * (len(across) + 1) + "|")
        for vertical in down:
            cells = (found.get((vertical, h), ()) for h in across)
            shown = (_summary(cell, kind) for cell in cells)
            lines.append(f"| {vertical} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _summary(runs: Sequence[Outcome], kind: str) -> str:
    reasons = {run for run in runs if isinstance(run, str)}
    if reasons:
        return ", ".join(sorted(reasons))
    values = [run[kind] for run in runs if isinstance(run, dict) and kind in run]
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) == 1 or kind == "peak_megabytes":
        return f"{mean:.4g}" if mean < 1e4 else f"{mean:.0f}"
    return f"{mean:.3g} ± {statistics.stdev(values):.1g}"


def options() -> argparse.ArgumentParser:
    """Returns the options of the table; all others go to the script."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("script", choices=SCRIPTS)
    found.add_argument(
        "--gpu", action="store_true", help="the table of one GPU session"
    )
    found.add_argument("--across", nargs="+", default=["dim", "100", "1000"])
    found.add_argument("--down", nargs="+", default=["method", "exact", "sparse"])
    found.add_argument("--seeds", nargs="+", type=int, default=[0])
    found.add_argument("--out", type=Path, help="folder to write, besides printing")
    found.add_argument("--name", default="tables", help="of the files in the folder")
    found.add_argument("--together", type=int, default=1, help="runs at a time")
    found.add_argument(
        "--turns", type=Path, help="a file shared with what else may disturb"
    )
    found.add_argument(
        "--within", type=float, default=86_400.0, help="seconds for everything"
    )
    return found


def parsed(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the table's options, and the words for the script."""
    found = options()
    if "--gpu" in words and words[0] not in SCRIPTS:
        words = ["elliptic", *words]
    given, rest = found.parse_known_args(words)
    if given.gpu:
        found.set_defaults(**GPU)
        given, rest = found.parse_known_args(words)
        rest = [*GPU_RUN, *rest]
    return given, rest


def main(words: Sequence[str]) -> str:
    """Runs the grid, writes what there is after every cell, and returns it."""
    given, rest = parsed(words)
    command = f"python -m examples.tables {' '.join(words)}"
    found: dict[Place, list[Outcome]] = {}
    text = ""
    for place, outcome in results(given, rest):
        found.setdefault(place, []).append(outcome)
        said = outcome if isinstance(outcome, str) else "done"
        print(f"{' '.join(place)}: {said}", file=sys.stderr, flush=True)
        text = markdown(given, found, command)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            (given.out / f"{given.name}.md").write_text(text)
            every = [{"place": place, "runs": runs} for place, runs in found.items()]
            records = "\n".join(map(json.dumps, every))
            (given.out / f"{given.name}.jsonl").write_text(records + "\n")
    return text


if __name__ == "__main__":
    print(main(sys.argv[1:]))
