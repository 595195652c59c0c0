"""`opcompiler.integrations.deepxde` against `dde.grad`, in DeepXDE's own training."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parent / "deepxde_program.py"


def run(program: Path, home: str) -> subprocess.CompletedProcess[str]:
    """Runs a program on DeepXDE's JAX backend, at home, as DeepXDE writes there."""
    root = str(PROGRAM.parents[2])
    environment = {**os.environ, "DDE_BACKEND": "jax", "HOME": home}
    environment |= {"PYTHONPATH": root, "JAX_ENABLE_X64": "1"}
    result = subprocess.run(
        [sys.executable, str(program)],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `deepxde_program.py` finds."""
    result = run(PROGRAM, str(tmp_path_factory.mktemp("home")))
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


def test_the_program_of_the_page_in_few_steps(tmp_path) -> None:
    page = PROGRAM.parents[2] / "docs" / "tools" / "deepxde.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    short = program.replace("iterations=1500, display_every=500", "iterations=20")
    assert short != program
    (tmp_path / "page.py").write_text(
        short + "print('LAST', history.loss_train[-1].sum(), float(model.params[1][0]))"
    )
    last = run(tmp_path / "page.py", str(tmp_path)).stdout.split("LAST")[1].split()
    loss, rigidity = map(float, last)
    assert loss < 10
    assert rigidity != 0.5
