"""Elliptic equations in many dimensions (STDE, section 5.1, and its code).

    L(u) = L(s),   u = 0 on the sphere,

for the Poisson, Allen-Cahn and Sine-Gordon operators on the unit ball and solutions s of
two-body and three-body terms, or of plane waves; u = (1 - |x|^2) N(x). The source L(s) is
derived by the compiler, and so is the product rule of the constraint, so that a sampled
method samples Lap N alone. `--solution exponentials` is on the unit cube, where the values
on the sides are trained beside the equation.

Small:  python -m examples.elliptic --equation allen_cahn --method exact
Paper:  python -m examples.elliptic --dim 100000 --method sparse --steps 10000
"""

import argparse

from examples.problems import elliptic
from examples.support.run import Run
from examples.support.solve import arguments, picture, solve

DIM = 100


def options() -> argparse.ArgumentParser:
    """Returns the options of the script."""
    found = arguments(__doc__, steps=1000, dim=DIM)
    known = [*elliptic.SOLUTIONS, elliptic.ON_CUBE]
    found.add_argument("--equation", choices=elliptic.OPERATORS, default="allen_cahn")
    found.add_argument("--solution", choices=known, default="two_body")
    return found


def main(given: argparse.Namespace) -> dict:
    """Returns the numbers that the run says."""
    problem = elliptic.named(given.equation, given.solution, given.dim, given.seed)
    size = "" if given.dim == DIM else f"_{given.dim}"
    run = Run.of(f"elliptic_{problem.name}_{given.method}{size}", given)
    solved = solve(problem, given, run)
    trivial = "a constant" if problem.sides else "a (1 - |x|²)"
    run.figure(lambda: picture(solved.numbers, trivial))
    run.numbers(**solved.numbers)
    return solved.numbers


if __name__ == "__main__":
    main(options().parse_args())
