"""Inside `jax.shard_map` with its defaults all that runs that runs under nested jvp."""

from tests.end_to_end.test_devices import finished, started


def test_every_program_and_residuals() -> None:
    assert not finished(started(2, "tests.trust.sharded_programs")).strip()
