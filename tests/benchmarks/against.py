"""The rows of `make bench` in this checkout and in another one, side by side.

`python -m tests.benchmarks.against CHECKOUT [--only WORD] [--write NAME]`: CHECKOUT is a
folder that holds another commit (`git worktree add CHECKOUT COMMIT`). Each checkout serves
its own contestant of a row, the first, from its own process; the two take turns, so that
the machine is the same for both. Two processes of one program differ by up to a tenth, by
where their arrays lie: `--pairs 3` takes medians over three processes of each.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parents[2]
REPEATS = 31
SPARSE = (1_000, 10_000, 100_000)


class Side:
    """One checkout's process, which serves one row."""

    def __init__(self, checkout: Path, row: str):
        """Starts the process and waits until both programs are compiled."""
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(checkout), "--serve", row],
            env={**os.environ, "PYTHONPATH": str(checkout)}, cwd=checkout, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.compile_values, self.compile_gradient = map(
            float, self.process.stdout.readline().split()
        )

    def milliseconds(self, program: str) -> float:
        """Runs "values" or "gradient" twice and returns the second time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(program, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def stop(self) -> None:
        """Ends the process."""
        self.process.communicate()


def names(checkout: Path) -> list[str]:
    """Returns the rows a checkout has."""
    found = subprocess.run(
        [sys.executable, "-P", __file__, str(checkout), "--list"],
        env={**os.environ, "PYTHONPATH": str(checkout)}, cwd=checkout, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    return found.stdout.split()


def serve(name: str) -> None:
    """Compiles a row's first contestant, then runs what is asked on standard input."""
    import jax
    import jax.numpy as jnp

    answers = sys.stdout
    sys.stdout = sys.stderr  # what a rival prints is no answer
    params, points, evaluate = _contestant(name)

    def loss(params, points):
        return jnp.mean(evaluate(params, points) ** 2)

    programs, taken = {}, []
    for part, function in {"values": evaluate, "gradient": jax.grad(loss)}.items():
        start = time.perf_counter()
        programs[part] = jax.jit(function).lower(params, points).compile()
        taken.append(time.perf_counter() - start)
    print(*taken, file=answers, flush=True)
    for line in sys.stdin:
        program = programs[line.strip()]
        jax.block_until_ready(program(params, points))
        start = time.perf_counter()
        jax.block_until_ready(program(params, points))
        print(1e3 * (time.perf_counter() - start), file=answers, flush=True)


def _contestant(name: str):
    # Imported from the checkout that PYTHONPATH names, whichever commit that is.
    from tests.benchmarks import network, sparse
    from tests.benchmarks.__main__ import ROWS

    if name not in ROWS:
        dim = int(name.removeprefix("sparse-"))
        row = sparse.row(dim)
        params, points = sparse.scene(dim)
    else:
        row = ROWS[name]()
        params, points = (
            row.setting()
            if hasattr(row, "setting")
            else network.setting(row.dim, row.fields, row.hidden, row.points)
        )
    return params, points, next(iter(row.contestants.values()))


def compare(other: Path, name: str, pairs: int) -> list[float]:
    """Returns medians there and here: values, gradients, and both compilations."""
    found = [_pair(other, name) for _ in range(pairs)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def _pair(other: Path, name: str) -> list[float]:
    sides = [Side(checkout, name) for checkout in (other, HERE)]
    found: list[float] = []
    for program in ("values", "gradient"):
        times: list[list[float]] = [[], []]
        for turn in range(REPEATS):
            order = (0, 1) if turn % 2 else (1, 0)
            for side in order:
                times[side].append(sides[side].milliseconds(program))
        found += map(statistics.median, times)
    for side in sides:
        side.stop()
    seconds = [(s.compile_values, s.compile_gradient) for s in sides]
    return found + [second for pair in zip(*seconds, strict=True) for second in pair]


def _commit(checkout: Path) -> str:
    command = ["git", "log", "-1", "--format=%h of %as", "HEAD"]
    return subprocess.check_output(command, cwd=checkout, text=True).strip()


HEAD = """\
| row | values then | now | now / then | gradient then | now | now / then | \
compiled then | now |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |
"""


def line(name: str, found: list[float]) -> str:
    """One row of the table."""
    values, slopes = found[0:2], found[2:4]
    cells = [name]
    for then, now in (values, slopes):
        cells += [f"{then:.2f}", f"{now:.2f}", f"{now / then:.2f}"]
    cells += [f"{found[4]:.1f}, {found[6]:.1f}", f"{found[5]:.1f}, {found[7]:.1f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.against", description=__doc__
    )
    parser.add_argument("checkout", type=Path, help="a folder with the other commit")
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    parser.add_argument("--write", default="", help="docs/benchmarks/NAME.md")
    parser.add_argument("--pairs", type=int, default=1, help="of processes")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if options.list:
        from tests.benchmarks.__main__ import ROWS

        print(*ROWS, *(f"sparse-{dim}" for dim in SPARSE))
        return
    other = options.checkout.resolve()
    here = set(names(HERE))
    both = [n for n in names(other) if n in here and options.only in n]
    lines = []
    for name in both:
        lines.append(line(name, compare(other, name, options.pairs)))
        print(lines[-1], flush=True)
    if options.write:
        from tests.benchmarks import report

        title = "# Two commits side by side\n\n"
        told = (
            f"Then {_commit(other)}, now {_commit(HERE)}. Milliseconds, medians of calls "
            "in turns, one process for each commit; "
            f"compilation of values and gradient in seconds. {report.machine()}\n\n"
        )
        page = title + told + HEAD + "\n".join(lines) + "\n"
        (report.FOLDER / f"{options.write}.md").write_text(page)


if __name__ == "__main__":
    main()
