"""`opcompiler emit`: the module imports little, and its values are those of the problem."""

import ast
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "grammar" / "examples"
SYSTEM = (
    r"""
coordinates t in [0, 1], x in [-1, 1]
field u(t, x), v(t, x)
parameter nu = 0.01/pi
unknown k = 2
heat: u_t = nu*u_xx + k*v
"flux": v = u_x
initial at t = 0: u = -sin(pi*x)
lambda at x = 1: u = 0
residual at x = -1: u = 0
""".replace('"flux"', "flux")
    .replace("lambda at", "boundary left at")
    .replace("residual at", "boundary right at")
)


def emit(*arguments: str):
    return CliRunner().invoke(app, ["emit", *arguments])


def module(*arguments: str) -> str:
    result = emit(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def imports(text: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(text)))
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    return {*names, *(n.module for n in nodes if isinstance(n, ast.ImportFrom))}


def test_the_module_evaluates_as_the_problem_does(tmp_path) -> None:
    path = tmp_path / "emitted.py"
    result = emit(SYSTEM, "-o", str(path))
    assert result.exit_code == 0, result.output
    assert imports(path.read_text()) == {"jax", "opcompiler"}
    emitted = runpy.run_path(str(path))  # what a user imports
    points = np.linspace(-0.9, 0.8, 14).reshape(7, 2)

    def net(point):
        return jnp.stack([jnp.sin(point[0] + 2 * point[1]), jnp.cos(jnp.prod(point))])

    t, x = points.T
    phase, v = t + 2 * x, np.cos(t * x)
    by_hand = {
        "heat": np.cos(phase) + 0.04 / np.pi * np.sin(phase) - 2 * v,
        "flux": v - 2 * np.cos(phase),
    }
    residual = oc.compile(oc.parse(SYSTEM))

    @jax.jit
    def evaluated(points):
        loss = emitted["loss"](net, points, k=2.0)
        both = (f(net, points, k=2.0) for f in (emitted["residual"], residual))
        return loss, *both

    found_loss, found, compiled = evaluated(points)
    for name, wanted in by_hand.items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-12)
        np.testing.assert_array_equal(found[name], compiled[name])
    loss = sum(np.mean(r**2) for r in by_hand.values())
    np.testing.assert_allclose(found_loss, loss, rtol=1e-12)


def test_the_source_stands_in_comments_and_conditions_have_names() -> None:
    text = module(SYSTEM)
    problem = oc.parse(SYSTEM)
    for line in oc.compile(problem).source().splitlines():
        assert f"# {line}" in text
    functions = [
        n.targets[0].id for n in ast.parse(text).body if isinstance(n, ast.Assign)
    ]
    assert functions[:3] == ["PROBLEM", "problem", "residual"]
    assert len(functions) == 3 + len(problem.conditions) == len(set(functions))
    assert 'strategy="nested"' in module(SYSTEM, "--strategy", "nested")


@pytest.mark.parametrize(
    "name", ["volterra_ide", "nls_complex", "navier_stokes_2d_inverse", "robin_bc_1d"]
)
def test_examples_are_modules(name: str) -> None:
    text = module(str(EXAMPLES / f"{name}.pde"))
    names: dict[str, object] = {}
    exec(compile(text, name, "exec"), names)
    assert names["problem"] == oc.load(EXAMPLES / f"{name}.pde")
    residual = names["residual"]
    assert isinstance(residual, oc.Residual)
    assert residual.plan == oc.compile(names["problem"]).plan


def test_values_are_written_into_the_module() -> None:
    file = str(EXAMPLES / "wave_nd.pde")
    text = module(file, "--set", "d=1000")
    assert "x[0], x[1]" in text or "x in R^1000" in text
    assert len(text.splitlines()) < 100


def test_mistakes(tmp_path) -> None:
    nowhere = emit(SYSTEM, "-o", str(tmp_path / "no" / "residual.py"))
    assert nowhere.exit_code == 1
    assert "cannot write" in nowhere.stderr
    assert emit("coordinates x; field u; u_x = q").exit_code == 1
    assert emit("coordinates x; field u").exit_code == 1
    program = emit(__file__)
    assert program.exit_code == 1
    assert "hint" in program.stderr
