"""The examples run as scripts, in JAX's default precision.

One in a process of its own (`tests/apart.py`), the others in that of the tests.
"""

import io
import re
import runpy
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import jax
import pytest

from tests import apart

FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, steps: int, *more: str) -> str:
    """Returns what a script prints."""
    command = [str(FOLDER / name), "--steps", str(steps), *more]
    printed = io.StringIO()
    with (
        jax.enable_x64(False),
        mock.patch.object(sys, "argv", command),
        redirect_stdout(printed),
    ):
        runpy.run_path(command[0], run_name="__main__")
    return printed.getvalue()


def run_apart(name: str, steps: int) -> str:
    """Returns what a script prints, from a process of its own."""
    (said,) = apart.printed((FOLDER / name, "--steps", str(steps)))
    return said


@pytest.mark.parametrize(
    ("steps", "error"), [(200, 50), pytest.param(1500, 5, marks=pytest.mark.slow)]
)
def test_poisson_with_equinox(steps: int, error: float) -> None:
    """It learns in the steps of the first row, and has learned in those of the second."""
    said = run_apart("poisson_equinox.py", steps)
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
    ("script", "problem", "steps", "error"),
    [
        ("deeponet", "antiderivative", 60, 60),
        pytest.param("deeponet", "antiderivative", 1500, 5, marks=pytest.mark.slow),
        pytest.param("deeponet", "reaction", 1500, 12, marks=pytest.mark.slow),
        ("fields_at_fields", "richards", 150, 20),
        pytest.param("fields_at_fields", "richards", 3000, 1, marks=pytest.mark.slow),
        pytest.param("fields_at_fields", "delay", 3000, 1, marks=pytest.mark.slow),
        pytest.param("fields_at_fields", "stefan", 3000, 2, marks=pytest.mark.slow),
    ],
)
def test_a_problem_of_a_script(
    script: str, problem: str, steps: int, error: float
) -> None:
    said = run(f"{script}.py", steps, "--problem", problem)
    found = re.search(r"([\d.]+) %", said)
    assert found is not None
    assert float(found[1]) < error


@pytest.mark.slow
def test_all_terms_beside_a_draw(tmp_path: Path) -> None:
    few = ["--dim", "20", "--seconds", "0.1", "--test", "40", "--out", str(tmp_path)]
    said = run("equal_time.py", 1, *few)
    assert said.count("relative L2 error") == 4
    assert (tmp_path / "equal_time_20.png").exists()
