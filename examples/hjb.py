"""Hamilton-Jacobi-Bellman, Black-Scholes-Barenblatt and wave equations, many dimensions.

Terminal, or initial, values are built in: u = (T - t) N(x, t) + g(x), or its like. The
published code could not sample these equations; here any sum is sampled.

Small:  python -m examples.hjb --equation hjb_lqg
Paper:  python -m examples.hjb --equation bsb --dim 100000 --method sparse --steps 10000
"""

import argparse

from examples.problems import evolution
from examples.support.run import Run
from examples.support.solve import arguments, picture, solve


def options() -> argparse.ArgumentParser:
    """Returns the options of the script."""
    found = arguments(__doc__, steps=1000, dim=100, method="sparse", radial=True)
    found.add_argument("--equation", choices=evolution.PROBLEMS, default="hjb_lqg")
    found.set_defaults(rate=3e-3)
    return found


def main(given: argparse.Namespace) -> dict:
    """Returns the numbers that the run says."""
    problem = evolution.PROBLEMS[given.equation](given.dim)
    run = Run.of(f"hjb_{problem.name}_{given.method}", given)
    solved = solve(problem, given, run)
    run.figure(lambda: picture(solved.numbers, "ansatz with a constant"))
    run.numbers(**solved.numbers)
    return solved.numbers


if __name__ == "__main__":
    main(options().parse_args())
