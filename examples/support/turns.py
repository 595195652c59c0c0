"""Runs beside each other that are timed one after the other.

What starts and compiles takes most of a short run and needs no quiet; the steps do. All
runs that are given the same file prepare together, and then take turns.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """A lock on a file, shared by all who prepare and held alone by who is timed.

    Nobody is timed while another still prepares, and a process that dies gives its part
    back. Without a file everything is at once.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file.open("w") if file else None
        self.prepare()

    def prepare(self) -> None:
        """Waits while another is timed, and lets nobody be until `alone`."""
        self._lock(fcntl.LOCK_SH)

    def close(self) -> None:
        """Leaves the others alone."""
        if self._file:
            self._file.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until all others have prepared, and keeps them waiting until the end."""
        self._lock(fcntl.LOCK_EX)
        try:
            yield
        finally:
            self._lock(fcntl.LOCK_UN)

    def _lock(self, kind: int) -> None:
        if self._file:
            fcntl.flock(self._file, kind)
