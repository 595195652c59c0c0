"""What a user gets who installs the package: the wheel, the command, a first residual."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import opcompiler
from tests.house.test_house import trees

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "opcompiler"
FIRST = """
import jax.numpy as jnp
import sympy as sp
import opcompiler as oc

t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)
heat = oc.compile(u.diff(t) - u.diff(x, 2))
net = lambda z: jnp.exp(-z[0]) * jnp.sin(z[1])
assert abs(heat(net, jnp.ones((3, 2)))).max() < 1e-6
heat.plan.verify()
heat.to_html("plan.html")
assert oc.parse("coordinates t, x; field u; ∂u/∂t = ∇²u").equations
print(oc.__file__)
"""


BUILD = """
import sys
import hatchling.build
hatchling.build.build_wheel(sys.argv[1])
hatchling.build.build_sdist(sys.argv[1])
"""


def run(*command: object, folder: Path) -> str:
    words = [str(word) for word in command]
    plain = {"PATH": str(Path(words[0]).parent), "HOME": str(folder)}
    kept = {name: value for name, value in os.environ.items() if "PIP_" in name}
    done = subprocess.run(
        words, cwd=folder, env=kept | plain, capture_output=True, text=True, check=False
    )
    if re.search("No matching distribution|Connection", done.stderr):
        pytest.skip("there is no package index here")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """An environment with the package and its base dependencies, by the user's pip."""
    folder = tmp_path_factory.mktemp("user")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", ROOT, folder=folder)
    return python


@pytest.mark.slow
def test_the_installed_package_works_anywhere(python, tmp_path) -> None:
    (tmp_path / "kdv.pde").write_text((ROOT / "grammar/examples/kdv.pde").read_text())
    command = python.parent / "opcompiler"
    assert "check" in run(command, "--help", folder=tmp_path)
    version = run(command, "--version", folder=tmp_path)
    assert version == f"opcompiler {opcompiler.__version__}\n"
    assert "# kdv: 5 channels" in run(command, "check", "kdv.pde", folder=tmp_path)
    assert str(python.parents[1]) in run(python, "-c", FIRST, folder=tmp_path)
    assert (tmp_path / "plan.html").stat().st_size > 1000


@pytest.mark.slow
def test_what_is_shipped(python, tmp_path) -> None:
    run(python, "-m", "pip", "install", "--quiet", "hatchling", folder=tmp_path)
    subprocess.run([python, "-c", BUILD, tmp_path], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {p.relative_to(ROOT).as_posix() for p in PACKAGE.rglob("*.py")} <= names
    assert "opcompiler/py.typed" in names
    for file in ("operator.lark", "README.md", "examples/kdv.pde"):
        assert f"opcompiler/_grammar/{file}" in names
    assert "opcompiler/show/templates/page.html" in names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"opcompiler"}
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "grammar/operator.lark"} <= inside


def test_the_version_is_said_once_and_repeated_where_people_look() -> None:
    version = opcompiler.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE)[1] == version
    log = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## (\d\S*?),? ", log, re.MULTILINE)[1] == version
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert build["project"]["dynamic"] == ["version"]
    assert build["tool"]["hatch"]["version"]["path"] == "opcompiler/__init__.py"


def test_what_the_package_imports_is_what_it_asks_for() -> None:
    """Base dependencies, and beside them those of extras, whose modules say so."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {re.match(r"[\w-]+", line)[0] for line in build["dependencies"]}
    imported = set()
    for node in (node for tree in trees().values() for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    others = imported - set(sys.stdlib_module_names) - {"opcompiler"}
    extras = {"folx", "matplotlib", "optax"} | {"deepxde", "equinox", "jinns", "lineax"}
    assert asked <= others | {"jaxlib"}
    assert others <= asked | extras
