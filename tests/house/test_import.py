"""What `import opcompiler` does not load: whoever needs it later pays for it then."""

import subprocess
import sys

HEAVY = {
    "jax.extend",  # it brings Pallas along
    "jinja2",
    "lark",
    "markupsafe",
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


def loaded(program: str) -> set[str]:
    """The modules that a program loads beyond JAX and SymPy."""
    command = f"{BASE}{program}; print(*set(sys.modules) - base)"
    run = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_the_package_loads_without_what_few_need() -> None:
    found = loaded("import opcompiler")
    assert "opcompiler.api" in found
    assert not found & HEAVY


def test_compiling_does_not_load_the_views() -> None:
    program = (
        "import opcompiler as oc; x = sympy.Symbol('x'); "
        "oc.compile(sympy.Function('u')(x).diff(x, 2)).plan.verify()"
    )
    assert not loaded(program) & HEAVY


def test_what_is_loaded_later_is_there() -> None:
    program = "import opcompiler as oc; assert set(oc.__all__) <= set(dir(oc)); "
    found = loaded(program + "[getattr(oc, name) for name in oc.__all__]")
    assert {"opcompiler.text", "lark", "sympy.vector"} <= found
