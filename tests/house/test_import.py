"""What `import opcompiler` does not load: whoever needs it later pays for it then."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import opcompiler
from tests import apart

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
WORDS = [["--help"], ["--version"], ["chekc"], ["plan", "--help"], ["plan", "--x"]]


def loaded(*programs: str, after_jax: bool = False) -> list[set[str]]:
    """What each of several programs loads, which run one after the other."""
    command = ["import sys; base = set(sys.modules)"]
    for program in programs:
        command += [program, "print('\\nLOADED', *(set(sys.modules) - base))"]
        command += ["base = set(sys.modules)"]
    words = "-c", "\n".join(command)
    if after_jax:
        (printed,) = apart.printed(words)
    else:
        run = [sys.executable, *words]
        printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    said = [line.split() for line in printed.splitlines()]
    return [set(names[1:]) for names in said if names and names[0] == "LOADED"]


@pytest.fixture(scope="module")
def stages() -> list[set[str]]:
    """What is loaded by the package, compiling, and all public names."""
    package = "import opcompiler as oc; assert set(oc.__all__) <= set(dir(oc))"
    # What JAX and SymPy load themselves is not asked.
    return loaded(package) + loaded(
        f"import jax, sympy; {package}",
        "x = sympy.Symbol('x'); u = sympy.Function('u')(x); "
        "oc.compile(u.diff(x, 2)).plan.verify()",
        "[getattr(oc, name) for name in oc.__all__]",
        after_jax=True,
    )


def test_the_package_loads_nothing_that_is_not_asked_for(stages) -> None:
    found, *_ = stages
    assert {name for name in found if "opcompiler" in name} == {"opcompiler"}
    assert not found & (HEAVY | {"jax", "numpy", "sympy"})


def test_compiling_does_not_load_the_views(stages) -> None:
    *_, found, _ = stages
    assert "opcompiler.api" in found
    assert not found & HEAVY


def test_what_is_loaded_later_is_there(stages) -> None:
    *_, found = stages
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


def test_the_command_line_starts_without_what_computes() -> None:
    called = """
with contextlib.suppress(SystemExit):
    app({words}, prog_name="opcompiler")
"""
    start = "import contextlib; from opcompiler.cli import app"
    first, *others = loaded(start, *(called.format(words=words) for words in WORDS))
    assert "typer" in first
    for words, found in zip([[], *WORDS], [first, *others], strict=True):
        computing = found & {"jax", "numpy", "sympy", "lark", "networkx", "jinja2"}
        assert not computing, words
