"""What `import opcompiler` does not load: whoever needs it later pays for it then."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import opcompiler

HEAVY = {
    "jax.extend",  # it brings Pallas along
    "jinja2",
    "lark",
    "markupsafe",  # Jinja brings it
    "matplotlib",
    "networkx",
    "opcompiler.calculus.sympy_vectors",
    "opcompiler.planning.contamination",
    "opcompiler.show",
    "opcompiler.text",
    "optax",
    "rich",
    "sympy.combinatorics",
    "sympy.tensor.array.expressions",
    "sympy.vector",
    "typer",
}
BASE = "import jax, sympy, sys; base = set(sys.modules); "


def loaded(program: str, base: str = BASE) -> set[str]:
    """The modules that a program loads beyond JAX and SymPy."""
    command = f"{base}{program}\nprint('\\n' + ' '.join(set(sys.modules) - base))"
    run = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    return set(run.stdout.splitlines()[-1].split())


def test_the_package_loads_nothing_that_is_not_asked_for() -> None:
    found = loaded("import opcompiler", "import sys; base = set(sys.modules); ")
    assert {name for name in found if "opcompiler" in name} == {"opcompiler"}
    assert not found & (HEAVY | {"jax", "numpy", "sympy"})


def test_compiling_does_not_load_the_views() -> None:
    program = (
        "import opcompiler as oc; x = sympy.Symbol('x'); "
        "oc.compile(sympy.Function('u')(x).diff(x, 2)).plan.verify()"
    )
    found = loaded(program)
    assert "opcompiler.api" in found
    assert not found & HEAVY


def test_what_is_loaded_later_is_there() -> None:
    program = "import opcompiler as oc; assert set(oc.__all__) <= set(dir(oc)); "
    found = loaded(program + "[getattr(oc, name) for name in oc.__all__]")
    assert {"opcompiler.text", "lark", "sympy.vector"} <= found


def test_readers_of_the_program_see_the_names_that_python_loads() -> None:
    tree = ast.parse(Path(opcompiler.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {name.name: node.module for node in block.body for name in node.names}
    assert sorted(seen) == sorted(opcompiler.__all__)
    for name, home in seen.items():
        assert getattr(opcompiler, name) is getattr(import_module(home), name)


def test_names_that_there_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'complie'"):
        _ = opcompiler.complie
    assert not hasattr(opcompiler, "__wrapped__")
    assert opcompiler.sampling is import_module("opcompiler.sampling")


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["chekc"], ["plan", "--help"], ["plan", "--x"]]
)
def test_the_command_line_starts_without_what_computes(words: list[str]) -> None:
    program = f"""
import contextlib
from opcompiler.cli import app
with contextlib.suppress(SystemExit):
    app({words}, prog_name="opcompiler")
"""
    found = loaded(program, "import sys; base = set(sys.modules)\n")
    assert "typer" in found
    assert not found & {"jax", "numpy", "sympy", "lark", "networkx", "jinja2"}
