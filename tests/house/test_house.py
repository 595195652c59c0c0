"""Rules of the house that no linter knows."""

import ast
import functools
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import networkx
import pytest

import opcompiler

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "opcompiler"
FILES = sorted(PACKAGE.rglob("*.py"))
INTERNALS = ("jax._src", "jax.core", "jax.extend", "jax.interpreters")


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in FILES}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_everything_public_has_a_docstring() -> None:
    missing = [name(path) for path in FILES if not ast.get_docstring(trees()[path])]
    for path in FILES:
        missing += [
            f"{name(path)}: {node.name}"
            for node in _outer(trees()[path])
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert not missing


def _outer(tree: ast.Module) -> list[ast.AST]:
    """Functions and classes of a module, and methods; not what is inside functions."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return [*tree.body, *(n for c in classes if c.name[0] != "_" for n in c.body)]


def test_no_piles() -> None:
    piles = {"utils", "helpers", "misc", "common"}
    assert not [name(p) for p in FILES if p.stem in piles or p.parent.name in piles]


def test_nothing_a_user_types_is_executed() -> None:
    executing = {"eval", "exec", "sympify", "parse_expr", "lambdify"}
    for path, tree in trees().items():
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        called = {getattr(f, "id", getattr(f, "attr", "")) for f in calls}
        assert not called & executing, name(path)


def internals(tree: ast.Module) -> list[str]:
    """Every import of a JAX internal, also as `from jax import core`."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [n for n in names if f"{n}.".startswith(tuple(f"{i}." for i in INTERNALS))]


def test_jax_internals_stand_behind_one_door() -> None:
    for path, tree in trees().items():
        if path != PACKAGE / "_compat.py":
            assert not internals(tree), name(path)


@pytest.mark.parametrize(
    "line",
    [
        "import jax.core",
        "import jax._src.api as api",
        "from jax import core",
        "from jax import extend as e",
        "from jax.interpreters import ad",
    ],
)
def test_the_door_is_watched(line: str) -> None:
    assert internals(ast.parse(line))


def test_every_public_name_is_documented() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    # As `oc.name`: "jet" alone is also in "jax.experimental.jet".
    assert not [n for n in opcompiler.__all__ if not re.search(rf"\boc\.{n}\b", text)]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [command, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_layers_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


WRONG = {
    "planning": "jax",
    "taylor": "sympy",
    "frontend": "opcompiler.runtime",
    "runtime": "sympy",
}
"""What a package must not import, each by another contract or layer."""


def test_the_layers_fire(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "opcompiler")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package, module in WRONG.items():
        target = tmp_path / "opcompiler" / package / "__init__.py"
        target.write_text(target.read_text() + f"\nimport {module}\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout
    for package, module in WRONG.items():
        assert re.search(rf"opcompiler\.{package} -> {module} ", result.stdout), package


def test_a_package_without_a_layer_is_refused(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "opcompiler")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "opcompiler" / "attic").mkdir()
    (tmp_path / "opcompiler" / "attic" / "__init__.py").write_text("")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert "opcompiler.attic" in result.stdout


def imports(root: Path) -> networkx.DiGraph:
    """Which module imports which, everywhere in a file: types and functions included."""
    modules = {
        ".".join(p.relative_to(root.parent).with_suffix("").parts): p
        for p in root.rglob("*.py")
    }
    modules = {m.removesuffix(".__init__"): p for m, p in modules.items()}
    graph = networkx.DiGraph()
    for module, path in modules.items():
        for node in ast.walk(trees().get(path) or ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                # `from package import module` names a module, or what a module holds.
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [n if n in modules else str(node.module) for n in inside]
            graph.add_edges_from((module, n) for n in names if n in modules)
    graph.remove_edges_from(list(networkx.selfloop_edges(graph)))
    return graph


def circles(graph: networkx.DiGraph) -> list[list[str]]:
    parts = networkx.strongly_connected_components(graph)
    return [sorted(part) for part in parts if len(part) > 1]


def test_imports_make_no_circle() -> None:
    assert not circles(imports(PACKAGE))


def test_a_circle_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "house"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text("from house import b\n")
    (root / "b.py").write_text("def f():\n    from house.a import g\n    g()\n")
    assert circles(imports(root)) == [["house.a", "house.b"]]


def test_no_two_files_have_one_name() -> None:
    names = Counter(p.name for p in FILES if p.name != "__init__.py")
    assert not [name for name, count in names.items() if count > 1]
