"""Plausible mistakes in text and at the command line: each is refused and told a way out.

None raises anything but `OperatorError`; at the command line none shows a traceback.
"""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app

PLANE = "coordinates t, x, y; field u(t, x, y), p; vector field v; parameter nu = 0.1\n"

# What is written, and a word of the hint that says what to write instead.
TEXTS = {
    # other notations
    "u_t = np.sin(u)": "write sin",
    "u_t = math.pi*u": "write pi",
    "u_t = jnp.where(x > 0, 1, 2)": "write where",
    "u.diff(t) = 0": "d(u, x)",
    r"u_t = \nu u_{xx}": "in Unicode",
    "u_t = $u$": "in Unicode",
    "u̇ = u_xx": "u_t",
    "u_t = e^(-x)*u": "exp(1)",
    "u_t = 2u": "2*u",
    "u_t = nu u": "nu*u",
    "u_t = nu(x + 1)": "nu*(x + 1)",
    "u_t = sin x": "sin(x)",
    "u_t = sin^2(x)": "sin(x)^2",
    "u_t = div v": "div(v)",
    "u_t = v dot v": "dot(a, b)",
    "u_t = u if x > 0": "where",
    "u_t = x > 0 ? 1 : 2": "names, numbers",
    "u_t = where(x > 0 && y > 0, 1, 2)": "and",
    "u_t = where(x = 0, 1, 2)": "==",
    "u_t = where(0 < x < 1, 1, 2)": "0 < x and x < 1",
    "u_t = where(x > 0, 1)": "where(x < 0, a, b)",
    "u_t = u!": "gamma",
    "u_t = 3 % 2": "comments begin with #",
    "// heat": "begin with #",
    "u_t = 2i*u": "2*I",
    "u_t = i*u": "complex field",
    # names
    "u_t = mu*u": "`parameter mu`",
    "u_t = n*u": "`parameter n`",
    "u_t = alpha*u_xx": "`parameter alpha`",
    "u_t = nuu*u": "did you mean nu",
    "u_t = laplcian(u)": "laplacian",
    "u_t = Grad(u)": "grad",
    "u_t = sen(u)": "did you mean sin",
    "u_z = 0": "t, x, y",
    "u_2x = 0": "u_xx",
    "u_x2 = 0": "u_xx",
    "uxx = 0": "u_xx",
    "u_t = u(x, t, y)": "u(t, x, y)",
    "u_t = u(x)": "u(t, x, y)",
    "u_t = u(x == 0)": "u(x=0)",
    "u_t = v[3]": "1 to 2",
    "u_t = u[1]": "leave the brackets",
    "field u(t, x)": "rename",
    "field q(z)": "declare it",
    "coordinates z in (0, 1)": "[0, 1]",
    "coordinates z in [1, 0]": "[0, 1]",
    "coordinates z in [0 1]": "comma",
    "parameter k := 1": "=",
    "parameter k = nu*u": "define",
    "const k = 1": "parameter k",
    "let q = u_x": "define",
    "function q": "field u(t, x)",
    "variables z": "coordinates",
    # vectors
    "u = v": "0 fits every shape",
    "u_t = v": "one shape",
    "u_t = v*v": "dot(a, b)",
    "u_t = div(u)": "div takes a vector",
    "u_t = curl(u)": "both sides must have one shape",
    "v_t + v·∇v = 0": "advect(v, v)",
    "v_t + dot(v, grad(v)) = 0": "advect(v, v)",
    "u_t = v^2": "dot(v, v)",
    "u_t = sin(v)": "component",
    # operators
    "u_t = Δu²": "(Δu)²",
    "u_t = ∂_x u*p": "∂_x(u*p)",
    "u_t = 1/2 ∇²u": "(1/2)*∇²u",
    "∂u/∂x² = 0": "∂²u/∂x²",
    "u_t = d(u)": "d(u, x)",
    "u_t = d(u, nu)": "coordinates are",
    "u_t = d(u, x, 99)": "24",
    "u_t = d(nu, x)": "leave the term out",
    "u_t = lap(u, z)": "`parameter z`",
    "u_t = int(p, x)": "int(body, s, a, b)",
    "u_t = int(p(t, s, y), s, 0, inf)": "r/(1 - r**2)",
    "u_t = sum(u^i, i, 1, 3)": "sum(i=1..d, body)",
    "u_t = sum(i=1..0.5, u^i)": "i=1..10",
    # statements
    "u_t": "",
    "u_t =": "expression",
    "u_t = (u": "close",
    "u_t = u)": "drop",
    "u_t = u_xx = 0": "two sides",
    "u_t < u_xx": "=",
    "u = 0 at x = 0, 1": "one place",
    "u = 0 at z = 0": "fix one",
    "u = 0 at x": "expected",
    "periodic x": "periodic: u",
    "a: u = 0; a: p = 0": "its own label",
    "nu = 3": "fields are",
    "u = u": "drop it",
    "3 = 2": "fields are",
    "q = u_x": "declare q",
}
# These say something, if not what was meant; they are listed so that nothing else is.
READ = {"u_t"}


@pytest.mark.parametrize("text", TEXTS)
def test_text(text: str) -> None:
    if text in READ:
        assert oc.parse(PLANE + text).equations
        return
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(PLANE + text)
    error = caught.value
    assert TEXTS[text] in f"{error.problem} {error.hint}"
    assert "^" in str(error)
    assert "Error" not in error.problem


CALLS = {
    "a number": lambda: oc.parse(3),
    "a file to parse": lambda: oc.parse("heat.pde"),
    "a text to load": lambda: oc.load("coordinates x; field u; u_x = u"),
    "a long text to load": lambda: oc.load("coordinates x; field u\n" * 500),
    "no file to load": lambda: oc.load("heta.pde"),
    "without its suffix": lambda: oc.load("heat"),
    "a name with a zero": lambda: oc.load("heat\0.pde"),
    "a folder to load": lambda: oc.load("."),
    "no parameter": lambda: oc.parse(PLANE, parameters={"k": 1}),
    "a coordinate as parameter": lambda: oc.parse(PLANE, parameters={"x": 1}),
    "words as parameter": lambda: oc.parse(PLANE, parameters={"nu": "0.1"}),
    "a list of parameters": lambda: oc.parse(PLANE, parameters=[("nu", 1)]),
    "nan as parameter": lambda: oc.parse(PLANE, parameters={"nu": float("nan")}),
    "no condition": lambda: oc.parse(PLANE + "u = 0").condition("left"),
    "a short label": lambda: oc.parse(
        PLANE + "condition normalisation: u(0, 0, 0) = 1"
    ).condition("norm"),
    "no problem": lambda: oc.to_text("u = 0"),
    "no equations": lambda: oc.compile(oc.parse(PLANE)),
}
TOLD = {
    "a file to parse": "oc.load",
    "a text to load": "oc.parse(text)",
    "a long text to load": "oc.parse(text)",
    "no file to load": "did you mean heat.pde?",
    "without its suffix": "did you mean heat.pde?",
    "no parameter": "its parameters are: nu",
    "a short label": "did you mean normalisation?",
    "a number": "give text",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With a problem, points and a network."""
    monkeypatch.chdir(tmp_path)
    Path("heat.pde").write_text(
        "# the heat equation\ncoordinates t, x\nfield u\nparameter k\nheat: u_t = k*u_xx\n"
    )
    Path("broken.pde").write_text("coordinates t, x\nfield u\nu_t = u_xx +\n")
    Path("network_of_mistakes.py").write_text(
        "import math\ndef u(z):\n    return z[0]*z[1]\n"
        "def s(z):\n    return math.sin(z[0])\n"
    )
    np.save("points.npy", np.ones((3, 2)))
    np.save("wide.npy", np.ones((3, 5)))
    Path("points.csv").write_text("0,1\n2,3\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        CALLS[name]()
    assert TOLD.get(name, "") in str(caught.value)
    assert len(str(caught.value)) < 1_000


NET = "--net network_of_mistakes:u --set k=1"
# The command line, its exit code, and a word of what is said on stderr.
COMMANDS = {
    "check heat": (1, "did you mean heat.pde?"),
    "check Heat.pde": (1, "did you mean heat.pde?"),
    "check heat.pde --set d=2": (1, "its parameters are: k"),
    "check heat.pde --set k": (2, "nu=0.01 would"),
    "check heat.pde --set k=one": (2, "is no number"),
    "check broken.pde": (1, "broken.pde:3:"),
    "check .": (1, "cannot read ."),
    "check": (2, "Missing argument"),
    "chek heat.pde": (2, "check"),
    "check heat.pde --jsn": (2, "No such option"),
    "check network_of_mistakes.py": (1, "write the equations in a .pde file"),
    "plan network_of_mistakes.py": (1, "assign them to one of the names"),
    "plan heat.pde --strategy best": (2, "there is no strategy"),
    "plan heat.pde --html no/plan.html": (1, "cannot write"),
    f"eval heat.pde --points points.csv {NET}": (1, "numpy.loadtxt"),
    f"eval heat.pde --points point.npy {NET}": (1, "cannot read"),
    f"eval heat.pde --points wide.npy {NET}": (1, "shape (N, 2)"),
    "eval heat.pde --points points.npy --net network_of_mistakes:u": (1, "--set k="),
    "eval heat.pde --points points.npy --net network_of_mistakes": (2, "network:apply"),
    "eval heat.pde --points points.npy --net network_of_mistakes.py:u --set k=1": (
        1,
        "not a file",
    ),
    "eval heat.pde --points points.npy --net network_of_mistakes:w --set k=1": (1, "w"),
    "eval heat.pde --points points.npy --net network_of_mistakes:s --set k=1": (
        1,
        "network_of_mistakes",
    ),
    "eval heat.pde --points points.npy --net nets:u --set k=1": (1, "no module"),
    f"eval heat.pde --points points.npy {NET} --equation het": (1, "there are heat"),
    f"eval heat.pde --points points.npy {NET} --out values.txt": (1, ".npy"),
    "eval heat.pde --net network_of_mistakes:u": (2, "Missing option"),
    "emit heat.pde -o no/residual.py": (1, "cannot write"),
    "emit network_of_mistakes.py": (1, "a .pde file"),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", COMMANDS)
def test_commands(line: str) -> None:
    result = CliRunner().invoke(app, line.split())
    code, word = COMMANDS[line]
    assert result.exit_code == code, result.output
    assert word in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_there_are_enough() -> None:
    assert len(TEXTS) + len(CALLS) + len(COMMANDS) >= 120


CHECKED = """coordinates t, x, y; field u, w; complex field z; coefficient c(x), A[2]
parameter rho = 1, k = 2; unknown lam = 1; define q = u_x; define r = q
e: u_t = k*u_xx + c*u; initial: u = 0 at t = 0"""


def test_check_names_what_nothing_uses() -> None:
    problem = oc.parse(CHECKED)
    assert problem.unused == (
        "coordinate y",
        "field w",
        "field z",
        "coefficient A",
        "parameter rho",
        "unknown lam",
        "definition r",
    )
    result = CliRunner().invoke(app, ["check", CHECKED])
    assert result.exit_code == 0
    for name in problem.unused:
        assert f"# {name} is declared and not used\n" in result.stdout
    assert result.stdout.count("is declared and not used") == len(problem.unused)


@pytest.mark.parametrize(
    "text",
    [
        "coordinates x in [0, L]; field u; parameter L; u_x = u",
        "coordinates x in R^3; field u; Δu = 0",
        "coordinates x, y; field u; Δu = 0",
        "coordinates x in R^d; field u; parameter d = 2; sum(i=1..d, d(u, x[i])) = 0",
        "coordinates t, x; field u; u_x = 0; u = 1 at t = 0",
        "coordinates t, x; field u; u_x = u(t - 1, x)",
        "coordinates x; field u; parameter k; define a = k*u; define b = a*u; b = a_x",
        "coordinates x; vector field v; define w = v; velocity w; field u(x); D/Dt u1 = 0"
        .replace("D/Dt u1", "advect(v, u)"),
        "coordinates x; field u; unknown k; k*u_x = 0",
        "coordinates x; field u; coefficient A[2]; A[1]*u_x = 0",
        "coordinates x; field u; parameter k; neumann: dn(u) = k at x = 0; u_x = 0",
        "coordinates x; field u; parameter k; where(x > k, 1, 2)*u_x = 0",
    ],
)  # fmt: skip
def test_what_is_used_in_any_way_is_not_named(text: str) -> None:
    unused = oc.parse(text).unused
    assert [name for name in unused if not name.startswith("definition w")] == []


def test_check_remarks_on_an_equality_of_reals() -> None:
    text = "coordinates x; field u; e: where({}, 1, 2)*u_x = 0"
    told = CliRunner().invoke(app, ["check", text.format("x == 0")]).stdout
    assert "# e: an equality in where(...) holds at exactly equal numbers" in told
    told = CliRunner().invoke(app, ["check", text.format("x > 0")]).stdout
    assert "equality" not in told
