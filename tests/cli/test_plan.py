"""`opcompiler plan` on programs that are right, and on some that are not."""

import pytest
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app
from opcompiler.planning import Plan, STRATEGIES

KDV = """
import sympy as sp
t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)
equations = u.diff(t) + 6 * u * u.diff(x) + u.diff(x, 3)
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "kdv.py") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["plan", *arguments])


def fails(*arguments: str, code: int = 1) -> str:
    result = invoke(*arguments)
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


def test_the_plan_is_printed(write) -> None:
    result = invoke(write(KDV))
    assert result.exit_code == 0, result.output
    assert "5 channels in 1 push" in result.output


@pytest.mark.parametrize(
    "last",
    [
        "equations = [equations]",
        "equations = {'kdv': equations}",
        "operator = equations; del equations",
        "import opcompiler; residual = opcompiler.compile(equations); del equations",
        "if __name__ == '__main__': raise RuntimeError('trained by mistake')",
    ],
)
def test_every_form_of_operator(write, last: str) -> None:
    result = invoke(write(KDV + last))
    assert result.exit_code == 0, result.output
    assert "5 channels in 1 push" in result.output


def test_a_strategy_is_taken_and_a_residual_keeps_its_own(write) -> None:
    compiled = "import opcompiler\nresidual = opcompiler.compile({}, strategy='nested')"
    file = write(KDV + compiled.format("equations") + "\ndel equations")
    assert "strategy nested" in invoke(file).output
    assert "strategy algebra" in invoke(file, "--strategy", "algebra").output
    assert "strategy nested" in invoke(write(KDV), "--strategy", "nested").output


def test_json_is_alone_on_stdout(write, tmp_path) -> None:
    page = tmp_path / "page.html"
    result = invoke(write(KDV + "print('noise')"), "--json", "--html", str(page))
    plan = Plan.from_json(result.stdout)
    assert plan.verify()
    assert plan.channels == 5
    assert page.exists()


def test_the_page_is_written_with_the_source(write, tmp_path) -> None:
    page = tmp_path / "page.html"
    result = invoke(write(KDV), "--html", str(page))
    assert result.exit_code == 0, result.output
    assert f"wrote {page}" in result.output.replace("\n", "")
    assert "def residual(net, points)" in page.read_text(encoding="utf-8")


def test_strategies_side_by_side(write) -> None:
    output = invoke(write(KDV), "--compare").output
    for name in STRATEGIES:
        assert name in output
    for column in ("pushes", "channels", "products", "<- auto"):
        assert output.count(column) == 1


def test_a_program_can_import_its_neighbours(write) -> None:
    write(KDV, "neighbour.py")
    result = invoke(write("from neighbour import equations", "main.py"))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines no equations"),
        ("\n1 / 0", "line 2, stops with ZeroDivisionError"),
        ("x = (", "stops with SyntaxError"),
        ("import sys; sys.exit(3)", "stops with SystemExit: 3"),
        ("import not_there", "stops with ModuleNotFoundError"),
        ("equations = 'u_t + u*u_x'", "hint"),
        ("import opcompiler; equations = opcompiler.compile(3)", "hint"),
    ],
)
def test_mistakes_are_told_without_a_traceback(write, text: str, message: str) -> None:
    assert message in fails(write(text))


REGISTERED = """
import opcompiler as oc
from opcompiler.planning import STRATEGIES
oc.register_strategy("mine", STRATEGIES["algebra"])
"""


def test_a_strategy_that_the_program_registers(write) -> None:
    try:
        result = invoke(write(KDV + REGISTERED), "--strategy", "mine")
        assert result.exit_code == 0, result.output
        assert "strategy mine" in result.stdout
        error = fails(write(KDV + REGISTERED), "--strategy", "foo", code=2)
        assert "mine" in error  # among those to choose from
    finally:
        STRATEGIES.pop("mine", None)


def test_unknown_strategies_and_places(write, tmp_path) -> None:
    error = fails(write(KDV), "--strategy", "foo", code=2)
    assert "there is no strategy 'foo'" in error
    nowhere = str(tmp_path / "no" / "page.html")
    assert "cannot write" in fails(write(KDV), "--html", nowhere)
    assert "cannot read" in fails(str(tmp_path / "absent.py"))


def test_defects_of_ours_are_not_dressed_up(write, monkeypatch) -> None:
    def fail(*_):
        raise RuntimeError("our own")

    monkeypatch.setattr(oc.Residual, "__init__", fail)
    assert isinstance(invoke(write(KDV)).exception, RuntimeError)
