"""Compiled residuals on more than one device: the same numbers, nothing put together."""

import os
import re
import socket

import pytest

from tests import apart

SHARDED = "tests.end_to_end.sharded"


def printed(devices: int, *programs: tuple[str, ...]) -> list[str]:
    """What modules print, each with its words, in processes of so many devices."""
    count = f"--xla_force_host_platform_device_count={devices}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {count}"  # those of the suite, too
    return apart.printed(
        *(("-m", *words) for words in programs), env={"XLA_FLAGS": flags}
    )


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return str(probe.getsockname()[1])


def lines_of(output: str) -> list[list[str]]:
    return [line.split("; ") for line in output.splitlines() if line.count("; ") == 3]


def check(output: str, count: int) -> None:
    lines = lines_of(output)
    assert len(lines) == count
    for name, mesh, difference, whole in lines:
        assert float(difference) < 1e-12, (name, mesh)
        assert whole == "in parts", (name, mesh)


def test_eight_devices() -> None:
    names = "sum, sampled per point", "grid"
    check(*printed(8, (SHARDED, "--only", *names)), 2)


@pytest.mark.slow
def test_all_residuals_on_all_meshes() -> None:
    check(*printed(8, (SHARDED,)), 18)


def pair(*options: str) -> list[str]:
    return printed(4, *((*options, "--process", n) for n in "01"))


def test_two_processes() -> None:
    for output in pair(SHARDED, "--only", "low-dimensional", "--port", free_port()):
        check(output, 1)


@pytest.mark.slow
def test_all_residuals_on_two_processes() -> None:
    for output in pair(SHARDED, "--port", free_port()):
        check(output, 18)


@pytest.mark.slow
def test_the_example_gives_the_same_loss_everywhere() -> None:
    small = ("--dim", "200", "--points", "16", "--steps", "5")
    name = "examples.distributed"
    host = f"localhost:{free_port()}"
    outputs = [
        *printed(1, (name, *small)),
        *printed(8, (name, *small, "--coordinates", "2")),
        *pair(name, *small, "--coordinates", "2", "--coordinator", host,
              "--processes", "2"),
    ]  # fmt: skip
    losses = [float(re.search(r"loss ([\d.e+-]+)", out)[1]) for out in outputs]
    assert losses == pytest.approx(losses[:1] * 4, rel=1e-4)
    assert "8 devices of 2 processes" in outputs[-1]
