"""Every Python that we support, with the lowest and the newest versions of what we need.

    python tests/matrix.py [--python 3.11 3.13] [--all] [--folder .matrix]

An environment for each is made by uv, which fetches a Python that is not there. By default
it runs the tests below, one or more for each dependency; `--all` runs the suite without
those that need other packages. A Python that cannot be had is said, and is no failure.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
TOOLS = ("pytest", "hypothesis", "matplotlib", "mpmath")
FEW = (
    "tests/frozen",  # SymPy, plans
    "tests/end_to_end/test_exact.py",  # JAX
    "tests/house/test_docstrings.py",  # every public name
    "tests/text/test_readme.py",  # Lark
    "tests/show/test_views.py",  # Rich, Jinja, NetworkX
    "tests/cli/test_help.py",  # Typer
    "tests/cli/test_check.py",
)
MOST = ("tests/frontend", "tests/oracle", "tests/planning", "tests/runtime", "tests/show",
        "tests/taylor", "tests/text", *FEW)  # fmt: skip
SHOWN = ("jax", "numpy", "sympy", "networkx", "lark", "rich", "typer", "jinja2")
VERSIONS = f"""
from importlib.metadata import version
print(*(f"{{name}} {{version(name)}}" for name in {SHOWN}), sep=", ")
"""


def uv(*words: object) -> int:
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def outcome(python: str, name: str, folder: Path, tests: tuple[str, ...]) -> str:
    """Makes the environment and runs the tests in it; returns how that went."""
    environment = folder / f"{python}-{name}"
    if uv("venv", "--clear", "--python", python, environment):
        return "there is no such Python here, and none could be fetched"
    executable = environment / "bin" / "python"
    install = ("pip", "install", "--python", executable)
    if uv(*install, "--resolution", RESOLUTIONS[name], "."):
        return "FAILED: no versions fit together"
    # Afterwards, so that the tools do not lift what we need.
    if uv(*install, *TOOLS):
        return "FAILED: no pytest"
    subprocess.run([executable, "-c", VERSIONS], check=True)
    pytest = [executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    # Flags that one XLA knows, another refuses.
    plain = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    code = subprocess.run(pytest, cwd=ROOT, env=plain, check=False).returncode
    return "passed" if code == 0 else "FAILED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", nargs="+", default=PYTHONS)
    parser.add_argument("--versions", nargs="+", default=list(RESOLUTIONS))
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-matrix")
    parser.add_argument("--all", action="store_true", help="most of the suite: hours")
    options = parser.parse_args()
    outcomes = {}
    for python in options.python:
        for name in options.versions:
            print(f"== Python {python}, {name} versions", flush=True)
            tests = MOST if options.all else FEW
            found = outcome(python, name, options.folder.resolve(), tests)
            outcomes[python, name] = found
    for (python, name), found in outcomes.items():
        print(f"Python {python}, {name} versions: {found}")
    return any(found.startswith("FAILED") for found in outcomes.values())


if __name__ == "__main__":
    sys.exit(main())
