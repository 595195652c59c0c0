"""`python -m tests.benchmarks [--write] [--only WORD]`."""

import argparse

from rich.progress import track

from tests.benchmarks import biharmonic, navier_stokes, report
from tests.benchmarks.network import apply, setting
from tests.benchmarks.timing import floor, measure

ROWS = {
    "navier-stokes": navier_stokes.row,
    "biharmonic-2d": lambda: biharmonic.row(2),
    "biharmonic-5d": lambda: biharmonic.row(5),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    options = parser.parse_args()
    results = []
    names = [name for name in ROWS if options.only in name]
    for name in track(names, description="measuring"):
        row = ROWS[name]()
        params, points = setting(row.dim, row.fields)
        results += measure(row, params, points)
        results.append(floor(row, apply, params, points))
    report.show(results)
    if options.write:
        report.write(results)


if __name__ == "__main__":
    main()
