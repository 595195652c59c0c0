"""Every command line of docs/cli.md runs, in a folder as the page describes it."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from opcompiler.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


LINES = [line for block in blocks("console") for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (problem,) = blocks("pde")
    Path("burgers.pde").write_text(problem)
    (network,) = blocks("python")
    Path("network.py").write_text(network)
    (points,) = re.findall(r"points: `numpy\.save\(.*?default_rng\((\d)\)", PAGE)
    np.save("pts.npy", np.random.default_rng(int(points)).random((100, 2)))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", LINES)
def test_the_line_runs(line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "opcompiler"
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    for option in ("--html", "--out", "-o"):
        if option in arguments:
            assert Path(arguments[arguments.index(option) + 1]).stat().st_size


def test_every_command_is_on_the_page() -> None:
    ours = {
        command.name or command.callback.__name__ for command in app.registered_commands
    }
    assert ours == set(re.findall(r"^## (\w+):", PAGE, re.MULTILINE))
    assert {line.split()[1] for line in LINES} == ours - {"demo"}
