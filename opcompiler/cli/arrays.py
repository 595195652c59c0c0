"""Arrays in files; nothing that is read is executed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from opcompiler.cli.failures import unwritable
from opcompiler.core.errors import OperatorError


def read_array(path: Path) -> np.ndarray:
    """Reads numbers from an .npy file.

    Raises:
        OperatorError: if it cannot be read, or holds no numbers.
    """
    try:
        # Pickled objects would be code.
        found = np.load(path, allow_pickle=False)
    except OSError as error:
        raise OperatorError(
            f"cannot read {path}: {error.strerror or 'it is cut short'}",
            hint="give the name of a file that numpy.save wrote",
        ) from None
    except (ValueError, EOFError):
        found = None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fciub":
        raise OperatorError(
            f"{path} is no array of numbers",
            hint="write it by numpy.save, from an array of floats",
        )
    return found


def check_points(points: np.ndarray, path: Path, columns: list[str]) -> None:
    """Refuses what has not the shape (N, D).

    Raises:
        OperatorError: with the columns that are wanted.
    """
    width = len(columns)
    if points.ndim != 2 or points.shape[1] != width or not points.size:
        named = ", ".join(columns if width <= 8 else [*columns[:3], "...", columns[-1]])
        raise OperatorError(
            f"the points in {path} have the shape {points.shape}",
            expression=f"{path} {points.shape}",
            hint=f"save an array of shape (N, {width}) with the columns {named}",
        )
    if points.dtype not in (np.float32, np.float64):
        raise OperatorError(
            f"the points in {path} are of dtype {points.dtype}",
            expression=f"{path} {points.dtype}",
            hint="save them as float32 or float64: points.astype(float)",
        )


def check_name(path: Path) -> None:
    """Refuses a name that says nothing of how arrays are to be written.

    Raises:
        OperatorError: with the names that do.
    """
    if path.suffix not in (".npy", ".npz"):
        raise OperatorError(
            f"values are not written as {path.suffix or 'a file without suffix'}",
            expression=str(path),
            hint="give the name of an .npy file (a column for each equation) or of an .npz "
            "file (an array for each)",
        )


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays of one length: .npz by name, .npy as columns.

    Raises:
        OperatorError: if the file cannot be written.
    """
    try:
        with path.open("wb") as file:
            if path.suffix == ".npz":
                np.savez(file, **arrays)
            else:
                np.save(file, np.stack(list(arrays.values()), axis=-1))
    except OSError as error:
        raise unwritable(path, error) from None
