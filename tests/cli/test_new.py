"""`opcompiler new`: the programs run, for every kind of problem, and compute the losses."""

import runpy
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from typer.testing import CliRunner

from opcompiler.cli import app

EXAMPLES = Path(__file__).parents[2] / "grammar" / "examples"
BURGERS = (
    r"""
# a comment with "\quotation" and '''marks''' and """
    + '"""'
    + r"""
coordinates t in [0, 1], x in [-1, 1]
field u(t, x)
parameter nu = 0.01/pi
burgers: u_t + u*u_x = nu*u_xx
initial at t = 0: u = -sin(pi*x)
boundary left: u = 0 at x = -1
neumann loss: dn(u) = 0 at x = 1
"""
)
TEXTS = {
    "burgers": BURGERS,
    "line": "coordinates x in [0, 1]\nfield u\nu_xx = 2\nu(0) = 0\nu(1) = 1\n",
    "decay": "coordinates t in [0, 2]\nfield u\nunknown k\nu_t = -k*u\nu(0) = 1\n",
    "orders": "coordinates t, x\nfield u(x, t), w(x)\nu_t = u_xx + w\nw_x = u(x, 0)\n",
    "law": "coordinates t, x\nfield h(t, x), K(h)\nh_t = d(K*h_x, x)\nlaw: K = 1 + h^2\n",
    "start": "coordinates t, x\nfield u\nheat: u_t = u_xx\ninitial: u = cos(x)\n",
    "vector": "coordinates t, x, y\nvector field v\nfield p\ncoefficient f(x, y)\n"
    "parameter nu\ndiv(v) = 0\nv_t + grad(p) = nu*Δv + (f, 0)\n",
}
"""Texts, of every kind of coordinates, fields, conditions and things left open."""
FILES = {
    "elasticity_plate": (),
    "euler_beam_boundary": (),
    "fokker_planck_nd_full_tensor": ("--set", "d=3"),
    "lorenz_inverse": (),
    "nls_complex": (),
    "open_boundary_wave_2d": (),
    "poisson_nd": ("--set", "d=1000"),
    "surface_poisson_sphere": (),
    "volterra_ide": (),
}


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["new", *arguments])


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a program for a text or a file, smaller than users have it."""
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")

    def write(name: str, *options: str) -> Path:
        file = Path(f"{name}.pde")
        text = TEXTS.get(name) or (EXAMPLES / f"{name}.pde").read_text()
        file.write_text(text)
        result = invoke(str(file), *options)
        assert result.exit_code == 0, result.output
        program = Path(f"{name}.py")
        small = program.read_text().replace("POINTS = 512", "POINTS = 8")
        program.write_text(small.replace("DEPTH = 64, 3", "DEPTH = 8, 1"))
        return program

    yield write
    plt.close("all")


def run(program: Path, monkeypatch) -> dict:
    monkeypatch.setattr(sys, "argv", [str(program), "2"])
    return runpy.run_path(str(program), run_name="__main__")


@pytest.mark.parametrize("name", [*TEXTS, *FILES])
def test_the_program_trains_and_draws(name, write, monkeypatch, capsys) -> None:
    program = write(name, *FILES.get(name, ()))
    found = run(program, monkeypatch)
    assert Path(f"{name}.png").stat().st_size > 1000
    assert np.isfinite(found["history"]).all()
    assert len(found["history"]) == 2
    assert "root mean square" in capsys.readouterr().out
    ruff = Path(sys.executable).parent / "ruff"
    checked = [ruff, "check", "--isolated", "--select=E4,E7,E9,F,B", program]
    subprocess.run(checked, check=True)


def test_its_losses_are_those_of_nested_derivatives(write, monkeypatch) -> None:
    found = run(write("burgers"), monkeypatch)
    params, key = found["params"], jax.random.key(5)
    points = found["sample"](key, 8)
    u = lambda t, x: found["network"](params, jnp.array([t, x]))[0]
    d, dd = jax.grad, lambda f, n: jax.grad(jax.grad(f, n), n)
    nu = 0.01 / np.pi
    by_hand = {
        "burgers": lambda t, x: (
            d(u, 0)(t, x) + u(t, x) * d(u, 1)(t, x) - nu * dd(u, 1)(t, x)
        ),
        "initial": lambda t, x: u(0.0, x) + jnp.sin(jnp.pi * x),
        "left": lambda t, x: u(t, -1.0),
        "loss": lambda t, x: d(u, 1)(t, 1.0),
    }
    losses = found["losses"](params, key)
    assert losses.keys() == by_hand.keys() == found["WEIGHTS"].keys()
    for name, residual in by_hand.items():
        wanted = jnp.mean(jax.jit(jax.vmap(residual))(*points.T) ** 2)
        np.testing.assert_allclose(losses[name], wanted, rtol=1e-10)


def test_an_unknown_is_found_from_measurements(write, monkeypatch, capsys) -> None:
    program = write("decay")
    assert (
        "nothing determines k" in (run(program, monkeypatch), capsys.readouterr())[1][0]
    )
    times = np.linspace(0, 2, 9)
    np.savetxt("decay.csv", np.stack([times, np.exp(-times / 2)], 1), delimiter=",")
    found = run(program, monkeypatch)
    assert found["DATA"].shape == (9, 2)
    net = lambda t: found["network"](found["params"], jnp.array([t]))[0]
    gap = jax.jit(jax.vmap(net))(times) - np.exp(-times / 2)
    np.testing.assert_allclose(
        found["misfit"](found["params"]), np.mean(gap**2), rtol=1e-12
    )


def test_points_on_the_sides_of_the_box(write, monkeypatch) -> None:
    found = run(write("surface_poisson_sphere"), monkeypatch)
    points, normals = found["on_sides"](jax.random.key(0), 64)
    out = jnp.sum(points * normals, axis=1)  # of the box from -1 to 1
    np.testing.assert_array_equal(out, 1)
    np.testing.assert_array_equal(jnp.sum(abs(normals), axis=1), 1)
    assert len({*map(tuple, np.array(normals).tolist())}) == 6


def test_what_the_text_leaves_open_is_said(write, tmp_path) -> None:
    (tmp_path / "v.pde").write_text(TEXTS["vector"])
    said = invoke("v.pde").stdout
    for left in ("nu", "f(x, y)", "the interval of t", "conditions, of which"):
        assert f"YOURS: {left}" in said
    assert Path("v.py").read_text().count("YOURS") == 3


@pytest.mark.usefixtures("write")
def test_mistakes(tmp_path) -> None:
    Path("line.pde").write_text(TEXTS["line"])
    assert invoke("line.pde").exit_code == 0
    again = invoke("line.pde")
    assert again.exit_code == 1
    assert "is there already" in again.stderr
    assert "cannot write" in invoke("line.pde", "-o", "no/line.py").stderr
    assert invoke("absent.pde").exit_code == 1
    assert "neither" in invoke("coordinates x; field u", "-o", "a.py").stderr
    dimension = invoke(str(EXAMPLES / "poisson_nd.pde"), "-o", "b.py")
    assert "--set d=5" in dimension.stderr
