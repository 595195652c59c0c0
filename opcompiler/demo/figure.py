"""The picture: network, exact solution, their difference, and the front in time."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from opcompiler.demo.burgers import Comparison

MOMENTS = (0.25, 0.5, 0.75, 1.0)


def draw(comparison: Comparison, title: str, path: Path) -> None:
    """Writes the picture to `path`; the ending of its name chooses the format."""
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    rows = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.15, 1))
    maps, curves = rows[:, 0]
    maps.suptitle(title)
    _maps(maps.subplots(1, 3, sharey=True), comparison)
    _curves(curves.subplots(1, len(MOMENTS), sharey=True), comparison)
    figure.savefig(path, dpi=150)


def _maps(axes: np.ndarray, comparison: Comparison) -> None:
    difference = comparison.network - comparison.exact
    largest = max(float(np.abs(difference).max()), 1e-12)
    heights = {"cmap": "RdBu_r", "norm": Normalize(-1, 1)}
    errors = {"cmap": "RdBu_r", "norm": Normalize(-largest, largest)}
    _map(axes[0], comparison, comparison.network, heights, "network $u$")
    image = _map(
        axes[1], comparison, comparison.exact, heights, "exact $u$, by Cole and Hopf"
    )
    axes[1].figure.colorbar(image, ax=axes[:2], label="$u$", aspect=16)
    image = _map(axes[2], comparison, difference, errors, "network − exact")
    axes[2].figure.colorbar(image, ax=axes[2], label="difference of $u$", aspect=16)
    axes[0].set_ylabel("place $x$")


def _map(
    axis: Axes, comparison: Comparison, values: np.ndarray, colours: dict, name: str
) -> QuadMesh:
    axis.set(title=name, xlabel="time $t$", yticks=np.linspace(-1, 1, 5))
    return axis.pcolormesh(
        comparison.t, comparison.x, values.T, rasterized=True, **colours
    )


def _curves(axes: np.ndarray, comparison: Comparison) -> None:
    for axis, moment in zip(axes, MOMENTS, strict=True):
        row = int(np.argmin(np.abs(comparison.t - moment)))
        _curve(axis, comparison, row)
        axis.set(
            title=f"$t = {comparison.t[row]:.2f}$",
            xlabel="place $x$",
            xticks=(-1, 0, 1),
        )
    axes[0].set_ylabel("$u$")
    axes[0].legend(loc="upper right", frameon=False)


def _curve(axis: Axes, comparison: Comparison, row: int) -> None:
    axis.plot(comparison.x, comparison.exact[row], color="0.7", lw=3, label="exact")
    axis.plot(
        comparison.x, comparison.network[row], "--", color="C3", lw=1.4, label="network"
    )
