"""The examples run, in a process of their own and in JAX's default precision."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, steps: int, *more: str) -> str:
    command = [sys.executable, FOLDER / name, "--steps", str(steps), *more]
    root = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=root)
    return done.stdout


@pytest.mark.parametrize(
    ("steps", "error"), [(200, 50), pytest.param(1500, 5, marks=pytest.mark.slow)]
)
def test_poisson_with_equinox(steps: int, error: float) -> None:
    """It learns in the steps of the first row, and has learned in those of the second."""
    said = run("poisson_equinox.py", steps)
    found = re.search(rf"error after {steps} steps: ([\d.]+) %", said)
    assert found is not None
    assert float(found[1]) < error


@pytest.mark.slow
@pytest.mark.parametrize("steps", [20])
def test_viscosity_with_flax(steps: int) -> None:
    assert "true 0.2" in run("viscosity_from_data.py", steps)


@pytest.mark.slow
def test_viscosity_is_found() -> None:
    found = re.search(r"viscosity ([\d.]+)", run("viscosity_from_data.py", 4000))
    assert found is not None
    assert float(found[1]) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(
    ("steps", "error"), [(30, 100), pytest.param(1500, 1, marks=pytest.mark.slow)]
)
def test_neo_hooke(steps: int, error: float) -> None:
    said = run("neo_hooke.py", steps)
    nested = re.search(r"nested derivatives: (\S+)", said)
    found = re.search(r"displacement ([\d.]+) %", said)
    assert nested is not None
    assert found is not None
    assert float(nested[1]) < 1e-5
    assert float(found[1]) < error


@pytest.mark.parametrize(
    ("steps", "error"), [(300, 40), pytest.param(2000, 2, marks=pytest.mark.slow)]
)
def test_separable_helmholtz(steps: int, error: float) -> None:
    found = re.search(r"points: ([\d.]+) %", run("separable_helmholtz.py", steps))
    assert found is not None
    assert float(found[1]) < error


@pytest.mark.parametrize(
    ("problem", "steps", "error"),
    [
        ("antiderivative", 200, 60),
        pytest.param("antiderivative", 1500, 5, marks=pytest.mark.slow),
        pytest.param("reaction", 1500, 12, marks=pytest.mark.slow),
    ],
)
def test_deeponet(problem: str, steps: int, error: float) -> None:
    said = run("deeponet.py", steps, "--problem", problem)
    found = re.search(r"mean ([\d.]+) %", said)
    assert found is not None
    assert float(found[1]) < error


@pytest.mark.parametrize(
    ("problem", "steps", "error"),
    [
        ("richards", 300, 20),
        pytest.param("richards", 3000, 1, marks=pytest.mark.slow),
        pytest.param("delay", 3000, 1, marks=pytest.mark.slow),
        pytest.param("stefan", 3000, 2, marks=pytest.mark.slow),
    ],
)
def test_fields_at_fields(problem: str, steps: int, error: float) -> None:
    said = run("fields_at_fields.py", steps, "--problem", problem)
    found = re.search(r"steps: ([\d.]+) %", said)
    assert found is not None
    assert float(found[1]) < error
