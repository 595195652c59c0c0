"""`opcompiler new`: the programs run, for every kind of problem, and compute the losses."""

import re
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
from tests.draws import normal
from tests.pictures import make_coarse

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
    "darcy": "coordinates t, x, y\nvector field v\nfield h(t, x, y), K(h)\n"
    "coefficient f(x, y)\nparameter nu\nv = -K*grad(h)\nh_t + div(v) = nu*h + f\n"
    "law: K = 1 + h^2\n",
    "memory": "coordinates x in [0, 1]\ncomplex field w(x)\n"
    "w_x + i*w = int(w(s), s, 0, x)\nw(0) = 1\n",
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


SMALLER = {
    "POINTS = 512": "POINTS = 8",
    "DEPTH = 64, 3": "DEPTH = 8, 1",
    # One program here, one for each operation where users have it.
    "in losses(params, jax": "in jax.jit(losses)(params, jax",
}


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["new", *arguments])


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a program for a text or a file, smaller than users have it.

    NumPy draws the weights.
    """
    make_coarse(monkeypatch)
    monkeypatch.setattr(jax.random, "normal", lambda key, shape: normal(0, shape))
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")

    def write(name: str, *options: str) -> Path:
        file = Path(f"{name}.pde")
        text = TEXTS.get(name) or (EXAMPLES / f"{name}.pde").read_text()
        file.write_text(text)
        result = invoke(str(file), *options)
        assert result.exit_code == 0, result.output
        program = Path(f"{name}.py")
        text = program.read_text()
        for usual, small in SMALLER.items():
            assert usual in text
            text = text.replace(usual, small)
        text = re.sub(r", [12]01\)", ", 21)", text)  # of the picture
        text = re.sub(r"values = (jax.vmap.*)\(", r"values = jax.jit(\1)(", text)
        program.write_text(text)
        return program

    yield write
    plt.close("all")


def run(program: Path, monkeypatch) -> dict:
    monkeypatch.setattr(sys, "argv", [str(program), "2"])
    return runpy.run_path(str(program), run_name="__main__")


def imported(program: Path, monkeypatch) -> dict:
    """Returns what a program defines; it does not train."""
    monkeypatch.setattr(sys, "argv", [str(program)])
    return runpy.run_path(str(program), run_name=program.stem)


@pytest.mark.parametrize("name", [*TEXTS, *FILES])
def test_the_program_trains_and_draws(name, write, monkeypatch, capsys) -> None:
    program = write(name, *FILES.get(name, ()))
    found = run(program, monkeypatch)
    assert Path(f"{name}.png").stat().st_size > 1000
    assert np.isfinite(found["history"]).all()
    assert len(found["history"]) == 2
    said = capsys.readouterr().out
    assert "root mean square" in said
    assert ("nothing determines k" in said) == (name == "decay")
    ruff = Path(sys.executable).parent / "ruff"
    checked = [ruff, "check", "--isolated", "--select=E4,E7,E9,F,B", program]
    subprocess.run(checked, check=True)


def test_its_losses_are_those_of_nested_derivatives(write, monkeypatch) -> None:
    found = imported(write("burgers"), monkeypatch)
    d, dd = jax.grad, lambda f, n: jax.grad(jax.grad(f, n), n)
    nu = 0.01 / np.pi

    def by_hand(u):
        return {
            "burgers": lambda t, x: (
                d(u, 0)(t, x) + u(t, x) * d(u, 1)(t, x) - nu * dd(u, 1)(t, x)
            ),
            "initial": lambda t, x: u(0.0, x) + jnp.sin(jnp.pi * x),
            "left": lambda t, x: u(t, -1.0),
            "loss": lambda t, x: d(u, 1)(t, 1.0),
        }

    @jax.jit
    def both(key):
        params = {"network": found["random_layers"](key, 2, 1)}
        u = lambda t, x: found["network"](params, jnp.array([t, x]))[0]
        points = found["sample"](key, 8)
        wanted = {
            name: jnp.mean(jax.vmap(residual)(*points.T) ** 2)
            for name, residual in by_hand(u).items()
        }
        return found["losses"](params, key), wanted

    losses, wanted = both(jax.random.key(5))
    assert losses.keys() == wanted.keys() == found["WEIGHTS"].keys()
    for name, loss in losses.items():
        np.testing.assert_allclose(loss, wanted[name], rtol=1e-10)


def test_an_unknown_is_found_from_measurements(write, monkeypatch) -> None:
    program = write("decay")
    times = np.linspace(0, 2, 9)
    np.savetxt("decay.csv", np.stack([times, np.exp(-times / 2)], 1), delimiter=",")
    found = imported(program, monkeypatch)
    assert found["DATA"].shape == (9, 2)

    @jax.jit
    def all_of(key):
        layers = found["random_layers"](key, 1, 1)
        params = {"network": layers, "unknowns": {"k": jnp.array(1.0)}}
        net = lambda t: found["network"](params, jnp.array([t]))[0]
        losses = found["losses"](params, key)
        return losses["the measurements"], found["misfit"](params), jax.vmap(net)(times)

    loss, misfit, values = all_of(jax.random.key(0))
    gap = np.asarray(values) - np.exp(-times / 2)
    np.testing.assert_allclose([loss, misfit], np.mean(gap**2), rtol=1e-12)


def test_points_on_the_sides_of_the_box(write, monkeypatch) -> None:
    found = imported(write("surface_poisson_sphere"), monkeypatch)
    on_sides = jax.jit(found["on_sides"], static_argnums=1)
    points, normals = map(np.asarray, on_sides(jax.random.key(0), 64))
    out = np.sum(points * normals, axis=1)  # of the box from -1 to 1
    np.testing.assert_array_equal(out, 1)
    np.testing.assert_array_equal(np.sum(abs(normals), axis=1), 1)
    assert len({*map(tuple, normals.tolist())}) == 6


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
