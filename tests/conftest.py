"""Double precision everywhere, and derandomised property tests."""

import gc
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import settings

jax.config.update("jax_enable_x64", True)

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture
def light_heap() -> Iterator[None]:
    """What earlier tests left behind is not collected again while one is timed."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


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
