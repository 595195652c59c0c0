"""The papers' tables as Markdown: any script over a grid of its options.

Every cell is a run of its own in a process of its own, so that its peak memory is its own;
it shows steps per second, peak MB (of the device, or of the process on a CPU), and the
errors of the last iterate, mean and deviation over the seeds. What does not fit is said.

Tables 1-3:  python -m examples.tables elliptic --across dim 100 1000 10000 100000 1000000
                 --down method exact sparse dense nested nested_sparse --steps 10000
Table 10:    python -m examples.tables elliptic --across block 1 10 50 100
                 --dim 1000000 --method sparse
Table 11:    python -m examples.tables high_order --across width 128 256
                 --down method auto partition nested --equation kp
"""

import argparse
import importlib
import itertools
import multiprocessing
import resource
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import jax

SCRIPTS = ("elliptic", "parabolic", "hjb", "biharmonic", "high_order", "gpinn")
SHOWN = {
    "steps_per_second": "steps/s",
    "peak_megabytes": "MB",
    "relative_l1": "L1",
    "relative_l2": "L2",
    "relative_error": "error",
    "trivial_l2": "trivial L2",
    "cpu_seconds": "CPU s",
}


def cell(script: str, words: list[str]) -> dict[str, Any]:
    """Runs a script with its options, and returns its numbers and the peak memory."""
    module = importlib.import_module(f"examples.{script}")
    with tempfile.TemporaryDirectory() as folder:
        numbers = module.main(module.options().parse_args([*words, "--out", folder]))
    memory = jax.local_devices()[0].memory_stats() or {}
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    peak = memory.get("peak_bytes_in_use", process)
    return {**numbers, "peak_megabytes": peak / 2**20}


def alone(script: str, words: list[str]) -> dict[str, Any] | str:
    """Returns the numbers of a cell in a process of its own, or why there are none."""
    start = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=start) as pool:
        try:
            return pool.submit(cell, script, words).result()
        except BrokenProcessPool:
            return "killed"
        except (RuntimeError, MemoryError) as error:
            if "memory" in str(error).lower() or isinstance(error, MemoryError):
                return "out of memory"
            raise


def table(options: argparse.Namespace, rest: list[str]) -> str:
    """Runs the grid and returns it as Markdown."""
    (column, *across), (row, *down) = options.across, options.down
    kinds: dict[str, dict[tuple[str, str], str]] = {}
    for vertical, horizontal in itertools.product(down, across):
        place = (vertical, horizontal)
        words = [f"--{row}", vertical, f"--{column}", horizontal, *rest]
        runs = [
            alone(options.script, [*words, "--seed", str(seed)])
            for seed in options.seeds
        ]
        for kind in SHOWN:
            shown = _summary(runs, kind)
            if shown:
                kinds.setdefault(kind, {})[place] = shown
    lines = [f"`python -m examples.tables {' '.join(sys.argv[1:])}`", ""]
    lines.append(f"On {_machine()}; seeds {', '.join(map(str, options.seeds))}.")
    for kind, cells in kinds.items():
        lines += ["", f"**{SHOWN[kind]}**", ""]
        lines.append(f"| {row} \\ {column} | {' | '.join(across)} |")
        lines.append("|---" * (len(across) + 1) + "|")
        for vertical in down:
            shown = (cells.get((vertical, h), "") for h in across)
            lines.append(f"| {vertical} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _summary(runs: list[dict[str, Any] | str], kind: str) -> str:
    reasons = {run for run in runs if isinstance(run, str)}
    if reasons:
        return ", ".join(sorted(reasons))
    values = [run[kind] for run in runs if isinstance(run, dict) and kind in run]
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) == 1 or kind == "peak_megabytes":
        return f"{mean:.4g}"
    return f"{mean:.3g} ± {statistics.stdev(values):.1g}"


def _machine() -> str:
    """Names the device without starting it in this process."""
    start = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=start) as pool:
        return pool.submit(_device).result()


def _device() -> str:
    device = jax.local_devices()[0]
    count = multiprocessing.cpu_count()
    return device.device_kind if device.platform != "cpu" else f"{count} CPU cores"


def options() -> argparse.ArgumentParser:
    """Returns the options of the table; all others go to the script."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("script", choices=SCRIPTS)
    found.add_argument("--across", nargs="+", default=["dim", "100", "1000"])
    found.add_argument("--down", nargs="+", default=["method", "exact", "sparse"])
    found.add_argument("--seeds", nargs="+", type=int, default=[0])
    found.add_argument("--table", type=Path, help="file to write, besides printing")
    return found


if __name__ == "__main__":
    given, others = options().parse_known_args()
    text = table(given, others)
    print(text)
    if given.table:
        given.table.parent.mkdir(parents=True, exist_ok=True)
        given.table.write_text(text)
