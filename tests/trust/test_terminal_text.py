"""Names and files may hold anything: nothing of it reaches a terminal or a page raw."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app
from opcompiler.visible import visible
from tests.shares import only

RED = "\x1b[31m"
EVIL = [
    RED,
    "\x1b]0;title\x07",
    "\r",
    "\x08",
    "\x00",
    "\x9b31m",  # a control sequence in one character
    "\u202e",  # writes from the right
    "\u2028",
    "\ud800",
]
t, x = sp.symbols("t x")


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def assert_seen(text: str) -> None:
    assert text
    unseen = [c for c in text if c != "\n" and not c.isprintable()]
    assert not unseen


@pytest.mark.parametrize("evil", EVIL)
def test_whatever_is_shown_is_seen(evil: str) -> None:
    assert_seen(visible(f"a{evil}b\nc"))
    assert "\\" in visible(evil)
    assert visible("∇²u = ν·é\n") == "∇²u = ν·é\n"


@pytest.mark.parametrize("evil", [e for e in EVIL if e not in ("\x00", "\ud800")])
def test_plans_of_any_name(evil: str, tmp_path) -> None:
    u = sp.Function(f"u{evil}<blink>")(t, sp.Symbol(f"x{evil}<script>"))
    place = u.args[1]
    residual = oc.compile(u.diff(t) - u.diff(place, 2), coordinates=[t, place])
    plan = residual.plan
    for text in (str(plan), plan.comparison(), residual.explain(), plan.to_svg()):
        assert_seen(text)
    for page in (plan.to_html(), residual.to_html(), plan._repr_html_()):
        assert_seen(page)
        assert "<script>" not in page
        assert "<blink>" not in page
    with pytest.raises(oc.OperatorError) as caught:
        oc.Plan.from_json(plan.to_json())
    assert_seen(str(caught.value))


@pytest.mark.parametrize("evil", EVIL)
def test_errors_of_any_name(evil: str) -> None:
    u = sp.Function("u")(x)
    k = sp.Symbol(f"k{evil}")
    calls = [
        lambda: oc.compile(u * k)(jnp.sum, jnp.ones((2, 1))),
        lambda: oc.parse(f"coordinates x; field u; u = {evil}"),
        lambda: oc.parse("field u(q)", file=f"a{evil}.pde"),
        lambda: oc.load(f"no{evil}"),
        lambda: oc.parse("parameter k", parameters={f"k{evil}": 1}),
        lambda: oc.parse("coordinates x; field u; u = 0").condition(evil),
    ]
    for call in calls:
        with pytest.raises(oc.OperatorError) as caught:
            call()
        assert_seen(str(caught.value))


@pytest.mark.parametrize("evil", only([RED], [RED, "\u202e", "\x9b31m"]))
def test_commands_of_any_name(evil: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"label{evil}[bold]"
    Path("labels.py").write_text(
        "import sympy as sp\nx = sp.Symbol('x')\nu = sp.Function('u')(x)\n"
        f"equations = {{{name!r}: u.diff(x)}}\n"
    )
    Path(f"f{evil}.pde").write_text("coordinates x; field u; u_x = q\n")
    Path(f"g{evil}.pde").write_text("coordinates x; field u; u_x = u\n")
    Path("net.py").write_text("def u(z):\n    return z[0]\n")
    np.save("points.npy", np.ones((2, 1)))
    network = ("--points", "points.npy", "--net", "net:u")
    lines = [
        ("plan", "labels.py"),
        ("plan", "labels.py", "--compare"),
        ("plan", "labels.py", "--html", f"p{evil}.html"),
        ("eval", "labels.py", *network),
        ("eval", "labels.py", *network, "--out", f"r{evil}.npy"),
        ("eval", f"g{evil}.pde", *network, "--equation", evil),
        ("check", f"f{evil}.pde"),
        ("check", f"g{evil}.pde", "--set", f"k{evil}=1"),
        ("check", f"g{evil}.pde", "--set", f"k{evil}=one"),
        ("emit", f"g{evil}.pde", "-o", f"no/{evil}.py"),
        ("check", f"no{evil}.pde"),
        ("check", f"--{evil}"),
        (f"check{evil}",),
        ("plan", "labels.py", "--strategy", evil),
    ]
    for line in lines:
        result = invoke(*line)
        shown = result.output
        assert_seen(shown)
        assert "Traceback" not in shown
        if line[:2] == ("eval", "labels.py") and result.exit_code == 0:
            assert "[bold]" in shown


def test_a_mark_that_editors_begin_with(tmp_path) -> None:
    text = "coordinates x; field u; e: u_x = u"
    want = oc.parse(text)
    assert oc.parse("\ufeff" + text) == want
    path = tmp_path / "bom.pde"
    path.write_text(text, encoding="utf-8-sig")
    assert oc.load(path) == want
    assert invoke("check", str(path)).exit_code == 0
    assert invoke("check", "\ufeff" + text).exit_code == 0
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse("\ufeffcoordinates x; field u; u = q")
    assert caught.value.column == len("coordinates x; field u; u = ") + 1
    with pytest.raises(oc.OperatorError):
        oc.parse("coordinates x; \ufefffield u; u = 0")
