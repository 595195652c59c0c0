"""The trained solution, the reference and their difference, in one picture."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from opcompiler.demo.burgers import Solution


def draw(solution: Solution, nu: float, path: Path) -> None:
    """Writes a PNG: two fields, their difference, and sections at three times."""
    with mpl.rc_context({"font.size": 9, "axes.titlesize": 10}):
        figure = Figure(figsize=(11, 6), layout="constrained")
        top = figure.subplots(2, 2)
        difference = solution.network - solution.reference
        panels = [
            (top[0, 0], solution.network, "network", "RdBu_r", 1.0),
            (top[0, 1], solution.reference, "reference (Cole-Hopf)", "RdBu_r", 1.0),
            (top[1, 0], difference, "difference", "PuOr_r", np.abs(difference).max()),
        ]
        for axes, values, title, colours, largest in panels:
            mesh = axes.pcolormesh(
                solution.times, solution.places, values.T, cmap=colours,
                vmin=-largest, vmax=largest, shading="gouraud", rasterized=True,
            )  # fmt: skip
            axes.set(title=title, xlabel="t", ylabel="x")
            figure.colorbar(mesh, ax=axes, label="u" if largest == 1 else "Δu")
        _sections(top[1, 1], solution)
        figure.suptitle(
            f"Burgers, ν = {nu:.4g}: relative L2 error {100 * solution.error:.2f} %"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)


def _sections(axes: mpl.axes.Axes, solution: Solution) -> None:
    for time, colour in ((0.25, "tab:green"), (0.5, "tab:orange"), (1.0, "tab:red")):
        row = int(np.argmin(np.abs(solution.times - time)))
        axes.plot(solution.places, solution.reference[row], color="0.6", linewidth=3)
        axes.plot(
            solution.places, solution.network[row], color=colour, linestyle="--",
            label=f"t = {time}",
        )  # fmt: skip
    axes.set(title="sections (grey: reference)", xlabel="x", ylabel="u")
    axes.legend(frameon=False)
