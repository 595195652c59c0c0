"""Double precision everywhere, and derandomised property tests."""

import ctypes
import functools
import gc
import itertools
import os
from pathlib import Path

import jax
import pytest
from hypothesis import settings
from jax._src.interpreters import mlir

jax.config.update("jax_enable_x64", True)
# Whoever mends the package needs its frames; tests/trust/test_tracebacks.py hides them.
jax.config.update("jax_traceback_filtering", "off")

# What each of ten thousand small programs costs before it is compiled, whatever it
# computes: the lines of Python behind it, which nobody reads, and a context of MLIR, 7 ms.
jax.config.update("jax_traceback_in_locations_limit", 0)
_new_context = mlir.make_ir_context
_shared_context = functools.cache(_new_context)


def _context() -> mlir.ir.Context:
    """Returns the one of this process, or a new one in the midst of another lowering."""
    return _shared_context() if mlir.ir.Context.current is None else _new_context()


mlir.make_ir_context = _context

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


# Millions of small objects live as long as a worker; the collector need not walk over
# them as often as in a small process, and never over those that were made for collecting.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


_PAGES, _MAPPED = Path("/proc/self/statm"), Path("/proc/self/maps")
_MOST_BYTES, _LEAST_GROWTH, _MOST_MAPPED = 1_600 << 20, 200 << 20, 40_000
_tests = itertools.count()
_size_when_cleared = 0


def _resident() -> int:
    """Returns the bytes of memory of this process, as Linux counts them."""
    return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _mapped() -> int:
    """Returns the regions of memory of this process; to read so many takes 20 ms."""
    return _MAPPED.read_text().count("\n")


def pytest_runtest_teardown() -> None:
    """Forgets compiled programs in time.

    Each takes memory, and some regions of it, of which Linux gives a process 65 530;
    whoever asks for more is killed inside of XLA. What a clearing could not free
    is not tried again before the process has grown.
    """
    global _size_when_cleared
    if not _PAGES.exists():
        return
    large = _resident() >= max(_MOST_BYTES, _size_when_cleared + _LEAST_GROWTH)
    if not large and (next(_tests) % 10 or _mapped() < _MOST_MAPPED):
        return
    jax.clear_caches()
    _shared_context.cache_clear()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else the C library keeps the pages
    _size_when_cleared = _resident()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Marks the tests of `slow.txt`; see there."""
    starts = _slow_tests((Path(__file__).parent / "slow.txt").read_text())
    for item in items:
        if item.nodeid.startswith(starts):
            item.add_marker(pytest.mark.slow)


def _slow_tests(text: str) -> tuple[str, ...]:
    """Returns how the names of slow tests start."""
    starts: list[str] = []
    test = ""
    for line in text.splitlines():
        if line.startswith(" "):
            if starts[-1] == test:
                starts.pop()
            starts.append(f"{test}[{line.strip()}")
        elif line and not line.startswith("#"):
            test = line
            starts.append(test)
    return tuple(starts)
