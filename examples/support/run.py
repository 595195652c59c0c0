"""A run of a script: its options, and what it leaves in a folder.

A run called `name` leaves in the folder `--out`

    name.log             every line that was said, the final numbers last
    name.json            the same numbers for programs
    name.png             the figure
    name.checkpoints/    the last state of each phase of training, by orbax

so `--out docs/gallery` makes the gallery's files (checkpoints are not committed).
`--bare` leaves the numbers alone.
"""

import argparse
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import matplotlib as mpl
import orbax.checkpoint as ocp

from examples.support.turns import Turns

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

FIGURE_DPI = 80


def parser(about: str | None, steps: int, out: str = "runs") -> argparse.ArgumentParser:
    """Returns a parser with the options that every script has.

    Args:
        about: the script's docstring, shown by `--help`.
        steps: the default of `--steps`, the small setting.
        out: the default of `--out`.
    """
    options = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--steps", type=int, default=steps, help="steps of Adam")
    options.add_argument(
        "--limit", type=float, default=math.inf, help="seconds of steps, at most"
    )
    options.add_argument("--seed", type=int, default=0, help="of everything random")
    options.add_argument(
        "--out", type=Path, default=Path(out), help="folder of results"
    )
    options.add_argument(
        "--resume", action="store_true", help="go on from a checkpoint"
    )
    options.add_argument(
        "--bare", action="store_true", help="no figure and no checkpoints"
    )
    options.add_argument(
        "--turns", type=Path, help="a file: runs that share it are timed one by one"
    )
    return options


class Run:
    """The folder of a run, and its log.

    Args:
        name: of the files.
        folder: made if it is not there.
        resume: whether `restore` gives what an earlier run has saved.
        bare: whether figures and checkpoints are left out.
        turns: with the other runs of this time.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        resume: bool = False,
        bare: bool = False,
        turns: Path | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.resume = resume
        self.bare = bare
        self.turns = Turns(turns)
        folder.mkdir(parents=True, exist_ok=True)
        self._log = self.path("log")
        self._log.write_text("")

    @classmethod
    def of(cls, name: str, options: argparse.Namespace) -> "Run":
        """Returns the run that the options of `parser` describe."""
        return cls(name, options.out, options.resume, options.bare, options.turns)

    def path(self, suffix: str) -> Path:
        """Returns the path of one of the run's files."""
        return self.folder / f"{self.name}.{suffix}"

    def say(self, line: object) -> None:
        """Prints a line and keeps it in the log."""
        print(line)
        with self._log.open("a") as log:
            log.write(f"{line}\n")

    def numbers(self, **found: Any) -> None:
        """Says the final numbers, one a line, and writes them as JSON."""
        for name, value in found.items():
            if not isinstance(value, list | tuple | Mapping):
                shown = f"{value:.6g}" if isinstance(value, float) else value
                self.say(f"{name.replace('_', ' ')}: {shown}")
        self.path("json").write_text(json.dumps(found, indent=1) + "\n")

    def figure(self, draw: Callable[[], Figure]) -> None:
        """Draws and writes the figure, small enough for a repository."""
        if self.bare:
            return
        figure = draw()
        figure.savefig(self.path("png"), dpi=FIGURE_DPI)
        plt.close(figure)

    def save(self, state: Any, phase: str) -> None:
        """Writes a checkpoint of a pytree of arrays over the last one of a phase."""
        if self.bare:
            return
        with ocp.StandardCheckpointer() as checkpoints:
            checkpoints.save(self._checkpoint(phase), state, force=True)

    def restore(self, state: Any, phase: str) -> Any:
        """Returns a phase's checkpoint if this run resumes one, else `state` itself.

        Args:
            state: a pytree with the structure, shapes and dtypes that were saved.
            phase: of training.
        """
        if not (self.resume and self._checkpoint(phase).exists()):
            return state
        form = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
        with ocp.StandardCheckpointer() as checkpoints:
            return checkpoints.restore(self._checkpoint(phase), form)

    def _checkpoint(self, phase: str) -> Path:
        folder = self.path("checkpoints").absolute()
        folder.mkdir(exist_ok=True)
        return folder / phase.replace(" ", "_")
