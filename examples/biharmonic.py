"""The biharmonic equation on an annulus in many dimensions (STDE, appendix J.3).

    Lap^2 u = g,   1 < |x| < 2,   u = 0 on both spheres,

u = (1 - |x|^2)(4 - |x|^2) N(x). Of Gaussian directions v, E D^4 u[v, v, v, v] = 3 Lap^2 u;
what the constraint adds is derived apart, its first derivatives are exact.

Small:  python -m examples.biharmonic
Paper:  python -m examples.biharmonic --samples 512 --steps 10000
"""

import argparse

from examples.problems import biharmonic
from examples.support.run import Run
from examples.support.solve import arguments, picture, solve


def options() -> argparse.ArgumentParser:
    """Returns the options of the script."""
    found = arguments(__doc__, steps=500, dim=100, method="dense")
    found.set_defaults(samples=16, points=100)
    return found


def main(given: argparse.Namespace) -> dict:
    """Returns the numbers that the run says."""
    problem = biharmonic.on_annulus(given.dim, given.seed)
    run = Run.of(f"biharmonic_{given.method}", given)
    solved = solve(problem, given, run, distribution="gaussian")
    run.figure(lambda: picture(solved.numbers, "a (1 - |x|²)(4 - |x|²)"))
    run.numbers(**solved.numbers)
    return solved.numbers


if __name__ == "__main__":
    main(options().parse_args())
