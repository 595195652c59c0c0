"""`opcompiler check` and `opcompiler plan` on problems in the notation."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app

EXAMPLES = Path(__file__).parents[2] / "grammar" / "examples"
HEAT = "coordinates t, x; field u; heat: u_t = u_xx; point: u(0, 0) = 1"


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def fails(*arguments: str, code: int = 1) -> str:
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stderr


def test_check_prints_the_problem_back() -> None:
    result = invoke("check", HEAT)
    assert result.exit_code == 0, result.output
    assert oc.parse(result.stdout) == oc.parse(HEAT)
    assert "# heat: 4 channels" in result.stdout
    assert "# point: 1 channels" in result.stdout


def test_a_text_that_states_nothing_does_not_pass(tmp_path) -> None:
    (tmp_path / "empty.pde").write_text("coordinates t, x; field u\n")
    told = fails("check", str(tmp_path / "empty.pde"))
    assert "states neither an equation nor a condition" in told


def test_a_condition_without_a_place_is_remarked() -> None:
    text = "coordinates t, x; field u; u_t = u_xx; initial: u = sin(x); "
    told = invoke("check", text + "periodic: u(t, 0) = u(t, 1)").stdout
    assert "# initial: 1 channels, no place is fixed" in told
    assert "# periodic: 2 channels\n" in told
    assert "# equation1: 4 channels\n" in told


def test_check_takes_files_and_values() -> None:
    file = str(EXAMPLES / "poisson_nd.pde")
    assert "the parameter d, which has no value" in fails("check", file)
    result = invoke("check", file, "--set", "d=5")
    assert result.exit_code == 0, result.output
    assert "7 channels" in result.stdout


def test_check_as_json() -> None:
    told = json.loads(invoke("check", HEAT, "--json").stdout)
    assert told["coordinates"] == ["t", "x"]
    assert told["fields"] == ["u"]
    assert told["equations"] == {"heat": 4}
    assert told["conditions"] == {"point": 1}


def test_plan_takes_files_and_texts() -> None:
    assert "5 channels" in invoke("plan", str(EXAMPLES / "kdv.pde")).stdout
    assert "4 channels" in invoke("plan", HEAT).stdout
    nested = invoke("plan", HEAT, "--strategy", "nested")
    assert "strategy nested" in nested.stdout
    nd = str(EXAMPLES / "heat_nd.pde")
    assert invoke("plan", nd, "--set", "d=3").exit_code == 0


@pytest.mark.parametrize("command", ["check", "plan"])
def test_mistakes_are_told_with_their_place(command: str, tmp_path) -> None:
    path = tmp_path / "heat.pde"
    path.write_text("coordinates t, x\nfield u\nu_t = nux*u_xx\n")
    error = fails(command, str(path))
    assert f"{path}:3:7: there is no name 'nux'" in error
    assert "          ^^^\n" in error
    assert "cannot read" in fails(command, str(tmp_path / "no.pde"))
    assert "sets no parameter" in fails(command, HEAT, "--set", "nu", code=2)
    assert "is no number" in fails(command, HEAT, "--set", "nu=low", code=2)
    assert "no parameter 'nu'" in fails(command, HEAT, "--set", "nu=1")


def test_values_are_not_for_programs(tmp_path) -> None:
    path = tmp_path / "program.py"
    path.write_text("x = 1")
    assert "--set sets parameters" in fails("plan", str(path), "--set", "nu=1")
