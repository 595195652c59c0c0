"""Inside `jax.shard_map` with its defaults all that runs that runs under nested jvp."""

import pytest

from tests.end_to_end.test_devices import printed


def test_programs_and_residuals_of_every_kind() -> None:
    (said,) = printed(2, ("tests.trust.sharded_programs",))
    assert not said.strip()


@pytest.mark.slow
def test_every_program_and_residual() -> None:
    (said,) = printed(2, ("tests.trust.sharded_programs", "--all"))
    assert not said.strip()
