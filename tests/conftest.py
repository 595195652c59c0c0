"""Double precision everywhere, and derandomised property tests."""

import gc
import itertools
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import settings

jax.config.update("jax_enable_x64", True)
# Whoever mends the package needs its frames; tests/trust/test_tracebacks.py hides them.
jax.config.update("jax_traceback_filtering", "off")

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture
def light_heap() -> Iterator[None]:
    """What earlier tests left behind is not collected again while one is timed."""
    gc.freeze()
    yield
    gc.unfreeze()


_MAPPED = Path("/proc/self/maps")
_TESTS_PER_CHECK, _MOST_MAPPED = 50, 40_000
_ended = itertools.count(1)


def pytest_runtest_teardown() -> None:
    """Forgets compiled programs in time.

    Each takes some regions of memory, and Linux gives a process 65 530 of them; whoever
    asks for more is killed inside of XLA.
    """
    if next(_ended) % _TESTS_PER_CHECK or not _MAPPED.exists():
        return
    if _MAPPED.read_text().count("\n") > _MOST_MAPPED:
        jax.clear_caches()
        gc.collect()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Marks the tests of `slow.txt`; see there."""
    lines = (Path(__file__).parent / "slow.txt").read_text().splitlines()
    for start in (line for line in lines if line and not line.startswith("#")):
        for item in items:
            if item.nodeid.startswith(start):
                item.add_marker(pytest.mark.slow)
