"""All terms of a Laplacian beside a draw of 16, trained for about equal seconds.

Two-body Sine-Gordon and Allen-Cahn equations on the unit ball in 100 000 dimensions, with
u = (1 - |x|^2) N(x), as in `examples.elliptic`. Behind a first layer of 128 outputs an
exact Laplacian takes 128 directions, whatever the dimension. Both begin with a last layer
that is solved, and take as many steps of Adam as the first steps say fit into the seconds,
at a rate that falls to zero.

Small:  python -m examples.equal_time --dim 1000 --seconds 10
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from examples import elliptic
from examples.problems.elliptic import named
from examples.support.run import Run
from examples.support.solve import solve
from examples.support.words import words

DIM = 100_000
EQUATIONS = ("sine_gordon", "allen_cahn")
METHODS = ("exact", "sparse")
TRIED = 10
"""Steps that say how many fit into the seconds."""


def options() -> argparse.ArgumentParser:
    """Returns the options of the script: those of `examples.elliptic`, and seconds."""
    found = elliptic.options()
    found.description = __doc__
    found.set_defaults(dim=DIM, solve=6)
    found.add_argument("--seconds", type=float, default=300.0, help="of steps, each")
    return found


def main(given: argparse.Namespace) -> dict[str, Any]:
    """Returns the numbers of each run, by equation and method."""
    size = "" if given.dim == DIM else f"_{given.dim}"
    run = Run.of(f"equal_time{size}", given)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as parts:
        for equation in EQUATIONS:
            problem = named(equation, given.solution, given.dim, given.seed)
            for method in METHODS:
                chosen = argparse.Namespace(**{**vars(given), "method": method})
                name = f"{run.name}_{equation}_{method}"
                chosen.steps, chosen.test, chosen.solve = TRIED, 1, 0
                tried = solve(problem, chosen, Run(name, Path(parts), bare=True))
                rate = tried.numbers["steps_per_second"]
                chosen.steps = max(TRIED, int(rate * given.seconds))
                chosen.test, chosen.solve = given.test, given.solve
                found = solve(problem, chosen, Run(name, Path(parts))).numbers
                results[f"{equation} {method}"] = found
                run.say(line(found))
    run.figure(lambda: picture(results, given))
    run.numbers(**results)
    return results


def line(found: dict[str, Any]) -> str:
    """Returns what is said of a run."""
    return (
        f"{words(found['problem'])}, d = {found['dim']}, {found['method']}: "
        f"relative L2 error {found['relative_l2']:.3e} "
        f"(solved last layer {found['relative_l2_at_the_start']:.3e}, "
        f"best a (1 - |x|^2) {found['trivial_l2']:.3e}) "
        f"after {found['steps_done']} steps in {found['history']['seconds'][-1]:.0f} s, "
        f"{found['steps_per_second']:.2f} it/s, {found['peak_megabytes']:.0f} MB; "
        f"solved in {found['solving_seconds']:.0f} s, compiled in "
        f"{found['compile_seconds']:.0f} s, loss {found['first_loss']:.2e} to "
        f"{found['last_loss']:.2e}"
    )


def picture(results: dict[str, Any], given: argparse.Namespace) -> Figure:
    """Returns errors against seconds of steps, one equation beside the other."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    names = {"exact": "all terms", "sparse": f"{given.samples} sampled terms"}
    for axis, equation in zip(axes, EQUATIONS, strict=True):
        for method in METHODS:
            found = results[f"{equation} {method}"]
            history = found["history"]
            seconds = [0.0, *history["seconds"]]
            errors = [found["relative_l2_at_the_start"], *history["errors"]]
            told = f"{names[method]}: {100 * found['relative_l2']:.3g} %"
            axis.semilogy(seconds, errors, label=told, lw=1)
        trivial = results[f"{equation} {METHODS[-1]}"]["trivial_l2"]
        told = f"a (1 - |x|²): {100 * trivial:.3g} %"
        axis.axhline(trivial, color="0.4", ls="--", label=told)
        axis.set(title=words(f"{equation}_{given.solution}"), xlabel="seconds of steps")
        axis.legend(fontsize="small")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("relative L2 error")
    figure.suptitle(
        f"Errors against seconds, from a solved last layer, d = {given.dim:,}"
    )
    return figure


if __name__ == "__main__":
    main(options().parse_args())
