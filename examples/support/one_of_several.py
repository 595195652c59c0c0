"""Scripts that train one of several problems: their options, and their picture.

They need no more than the packages that they show; runs with checkpoints are in `run.py`.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


def options(
    about: str | None, problems: Iterable[str], default: str, steps: int
) -> argparse.Namespace:
    """Returns what the command line says: `problem`, `steps`, `seed`, `figure`.

    Args:
        about: the script's docstring, shown by `--help`.
        problems: what `--problem` may name.
        default: one of them.
        steps: the default of `--steps`.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problem", choices=list(problems), default=default)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", help="a file to write a picture to")
    return parser.parse_args()


@contextmanager
def picture(path: str, columns: int, size: tuple[float, float]) -> Iterator[Any]:
    """Gives the axes of a picture, one or a row of them, and writes it to a file.

    Args:
        path: of the file.
        columns: of axes.
        size: of the picture, in inches.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained")
    yield axes
    figure.savefig(path, dpi=80)
    plt.close(figure)
