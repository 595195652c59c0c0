"""`opcompiler.integrations.deepxde` against `dde.grad`, in DeepXDE's own training."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests import apart

PROGRAM = Path(__file__).parent / "deepxde_program.py"
PAGE = PROGRAM.parents[2] / "docs" / "tools" / "deepxde.md"


def shorter(program: str) -> str:
    """Returns the page's program with few steps of a small network."""
    for usual, short in (
        ("iterations=1500, display_every=500", "iterations=20"),
        ("[2, 24, 24, 1]", "[2, 8, 1]"),
        # A plain number becomes an array of another type in the first steps, and each
        # type is a program.
        ("dde.Variable(0.5)", "dde.Variable(np.float64(0.5))"),
    ):
        assert usual in program
        program = program.replace(usual, short)
    return program


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `deepxde_program.py` finds, at home, as DeepXDE writes there."""
    home = tmp_path_factory.mktemp("home")
    (page,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (home / "page.py").write_text(shorter(page))
    backend = {"DDE_BACKEND": "jax", "HOME": str(home)}
    (result,) = apart.run((PROGRAM, "page.py"), cwd=home, env=backend, timeout=300)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stderr[result.stderr.index("{") :])


@pytest.mark.parametrize("part", ["burgers", "stokes", "inverse"])
def test_training_takes_the_steps_of_the_equation_by_hand(found, part) -> None:
    (losses, ends), (wanted, wanted_ends) = found[part]
    assert len(losses) > 1
    assert losses[0] != losses[-1]
    np.testing.assert_allclose(losses, wanted, rtol=1e-9)
    np.testing.assert_allclose(ends, wanted_ends, rtol=1e-9)
    if part == "inverse":
        assert ends != [0.5, 2.0]


def test_mistakes(found) -> None:
    backend, unknowns = found["mistakes"]
    assert "DDE_BACKEND=jax" in backend
    assert "0 external trainable variables for 1 unknown" in unknowns


def test_the_program_of_the_page_in_few_steps(found) -> None:
    loss, rigidity = found["page"]
    assert loss < 10
    assert rigidity != 0.5
