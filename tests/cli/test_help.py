"""Help with examples, exit codes, and what the shell offers on TAB."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from opcompiler.cli import app
from opcompiler.planning import STRATEGIES

COMMANDS = ("bench", "check", "demo", "emit", "eval", "new", "plan")
WIDE = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}


def invoke(*arguments: str, **environment: str):
    return CliRunner().invoke(
        app, list(arguments), env=environment, prog_name="opcompiler"
    )


def examples(command: str) -> list[str]:
    text = invoke(command, "--help", **WIDE).stdout
    found = re.findall(rf"^ *(opcompiler {command}\b.*?) *$", text, re.MULTILINE)
    return [line for line in found if "[OPTIONS]" not in line]


def test_every_command_is_listed_with_the_exit_codes() -> None:
    result = invoke("--help", **WIDE)
    assert result.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", result.stdout)
    assert "2, the command line is wrong" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_name_options_that_there_are(command: str) -> None:
    text = invoke(command, "--help", **WIDE).stdout
    lines = examples(command)
    assert lines
    for line in lines:
        options = {word for word in shlex.split(line) if re.match(r"--?[a-z]", word)}
        table = text[: text.index("Examples")]
        assert all(re.search(rf"{option}\b", table) for option in options), line


def test_the_users_code_is_announced() -> None:
    assert "RUN" in invoke("eval", "--help", **WIDE).stdout
    assert "RUN" in invoke("plan", "--help", **WIDE).stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check", "coordinates x; field u; u_x = 0"), 0),
        (("check", "coordinates x; field u; u_x = q"), 1),
        (("check", "absent.pde"), 1),
        (("check",), 2),
        (("check", "--nonsense", "absent.pde"), 2),
        (("nonsense",), 2),
        (("demo", "--steps", "0"), 2),
    ],
)
def test_exit_codes(arguments: tuple[str, ...], code: int) -> None:
    assert invoke(*arguments).exit_code == code


def offered(line: str) -> list[str]:
    """What bash is told when TAB is pressed at the end of a line."""
    words = line.split(" ")
    result = invoke(
        _OPCOMPILER_COMPLETE="complete_bash",
        COMP_WORDS="\n".join(words),
        COMP_CWORD=str(len(words) - 1),
    )
    return result.stdout.split()


def test_completion_of_commands_and_strategies() -> None:
    assert set(COMMANDS) <= set(offered("opcompiler "))
    assert offered("opcompiler plan --strategy po") == ["polarization"]
    assert set(offered("opcompiler plan --strategy ")) == {"auto", *STRATEGIES}
    assert "--points" in offered("opcompiler eval --po")


def test_completion_of_files(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "problems").mkdir()
    for name in ("heat.pde", "program.py", "notes.txt", "problems/kdv.pde", ".pde"):
        (tmp_path / name).touch()
    assert offered("opcompiler check ") == ["heat.pde", "problems/"]
    assert offered("opcompiler plan p") == ["problems/", "program.py"]
    assert offered("opcompiler plan problems/") == ["problems/kdv.pde"]
    assert offered("opcompiler check nowhere/") == []
