"""Arrays in files; nothing that is read is executed, nor believed.

An .npy file begins with a header that says how large its array is. That is compared with
the size of the file, and of the memory, before anything is allocated.
"""

import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from opcompiler.cli.app import unwritable
from opcompiler.errors import OperatorError

_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_array(path: Path) -> np.ndarray:
    """Reads numbers from an .npy file.

    Raises:
        OperatorError: if it cannot be read, or holds no numbers, or fewer than it says.
    """
    try:
        # Non-blocking: opening a pipe without a writer would wait for ever.
        with os.fdopen(os.open(path, _READING), "rb") as file:
            _check_size(file, path)
            file.seek(0)
            # Pickled objects would be code.
            return np.load(file, allow_pickle=False)
    except OSError as error:
        raise OperatorError(
            f"cannot read {path}: {error.strerror or 'it is cut short'}",
            hint="give the name of a file that numpy.save wrote",
        ) from None
    except MemoryError:
        raise _no_memory(path) from None


def _check_size(file: BinaryIO, path: Path) -> None:
    """Refuses a file that is no array of numbers, or has not the size that it says."""
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise OperatorError(
            f"{path} is no plain file",
            hint="give the name of a file that numpy.save wrote",
        )
    shape, dtype = _header(file, path)
    if dtype.kind not in "fciub" or any(extent < 0 for extent in shape):
        raise _no_numbers(path)
    claimed, there = math.prod(shape) * dtype.itemsize, found.st_size - file.tell()
    if claimed > there:
        raise OperatorError(
            f"{path} says that it holds {claimed} bytes of numbers, and holds {there}",
            expression=f"{path} {shape} {dtype}"[:200],
            hint="write it again by numpy.save",
        )
    if claimed > _memory():
        raise _no_memory(path)


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the shape and the type that a header says."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        shape, _, dtype = readers[npy.read_magic(file)](file)
    # Whatever stands in the header of a file that is none, or is made to harm.
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise _no_numbers(path) from None
    return shape, dtype


def _no_numbers(path: Path) -> OperatorError:
    hint = "write it by numpy.save, from an array of floats"
    if path.suffix in (".npz", ".csv", ".txt", ".dat", ".json"):
        load = "load(name)['points']" if path.suffix == ".npz" else "loadtxt(name)"
        hint = f"only .npy is read: numpy.save('points.npy', numpy.{load})"
    return OperatorError(f"{path} is no array of numbers", hint=hint)


def _memory() -> float:
    """Returns the bytes of this machine's memory, where it says."""
    if not hasattr(os, "sysconf"):
        return math.inf
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _no_memory(path: Path) -> OperatorError:
    return OperatorError(
        f"{path} does not fit into the memory", hint="evaluate fewer points at a time"
    )


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
