"""The picture: network, exact solution, their difference, and the front in time."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opcompiler.demo.burgers import Comparison

MOMENTS = (0.25, 0.5, 0.75, 1.0)


def draw(comparison: Comparison, title: str, path: Path) -> None:
    """Writes the picture to `path`; the ending of its name chooses the format."""
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    maps, curves = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    maps.suptitle(title)
    _maps(maps.subplots(1, 3, sharey=True), comparison)
    _curves(curves.subplots(1, len(MOMENTS), sharey=True), comparison)
    figure.savefig(path, dpi=150)


def _maps(axes: np.ndarray, comparison: Comparison) -> None:
    difference = np.abs(comparison.network - comparison.exact)
    panels = (
        ("network", comparison.network, {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}),
        ("Cole–Hopf", comparison.exact, {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}),
        ("absolute error", difference, {"cmap": "magma", "vmin": 0}),
    )
    for axis, (name, values, colours) in zip(axes, panels, strict=True):
        image = axis.pcolormesh(
            comparison.t, comparison.x, values.T, rasterized=True, **colours
        )
        axis.set(title=name, xlabel="$t$")
        axis.figure.colorbar(image, ax=axis, label="$u$" if axis is not axes[2] else "")
    axes[0].set_ylabel("$x$")


def _curves(axes: np.ndarray, comparison: Comparison) -> None:
    for axis, moment in zip(axes, MOMENTS, strict=True):
        row = int(np.argmin(np.abs(comparison.t - moment)))
        _curve(axis, comparison, row)
        axis.set(title=f"$t = {comparison.t[row]:.2f}$", xlabel="$x$", xlim=(-1, 1))
    axes[0].set_ylabel("$u$")
    axes[0].legend(loc="upper right", frameon=False)


def _curve(axis: Axes, comparison: Comparison, row: int) -> None:
    axis.plot(comparison.x, comparison.exact[row], color="0.7", lw=3, label="Cole–Hopf")
    axis.plot(
        comparison.x, comparison.network[row], "--", color="C3", lw=1.4, label="network"
    )
