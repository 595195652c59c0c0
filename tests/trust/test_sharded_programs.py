"""Inside `jax.shard_map` with its defaults all that runs that runs under nested jvp."""

import pytest

from tests.end_to_end.test_devices import finished, started


def test_every_primitive_and_residuals() -> None:
    assert not finished(started(2, "tests.trust.sharded_programs")).strip()


@pytest.mark.slow
def test_every_program() -> None:
    assert not finished(started(2, "tests.trust.sharded_programs", "--all")).strip()
