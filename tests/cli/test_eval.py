"""`opcompiler eval`: its values are those of the residual; its errors say what to do."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app

BURGERS = """
coordinates t in [0, 1], x in [-1, 1]
field u(t, x)
unknown nu = 0.1
burgers: u_t + u*u_x = nu*u_xx
initial at t = 0: u = -sin(pi*x)
"""
NETWORK = """
import jax
import jax.numpy as jnp

print("noise")
WEIGHTS = jnp.array([[0.3, -0.7, 0.2], [0.9, 0.4, -1.1]])


def u(point):
    return jnp.tanh(point @ WEIGHTS).sum()


def pair(point):
    return jnp.stack([u(point), u(point[::-1])])


def wave(point):
    return jnp.exp(1j * point.sum())


def wrong_shape(point):
    return point @ WEIGHTS.T


def stops(point):
    return {}["weights"]


fields = {"u": u, "v": lambda point: u(point) ** 2}
number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with a problem, points and a network of its own name."""
    monkeypatch.chdir(tmp_path)
    name = f"network_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(NETWORK)
    (tmp_path / "burgers.pde").write_text(BURGERS)
    points = np.linspace(-0.9, 0.8, 14).reshape(7, 2)
    np.save("pts.npy", points)
    return name


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["eval", *arguments])


def fails(*arguments: str, code: int = 1) -> str:
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    return " ".join(result.stderr.split())


def u(point):
    weights = jnp.array([[0.3, -0.7, 0.2], [0.9, 0.4, -1.1]])
    return jnp.tanh(point @ weights).sum()


@jax.jit
def residual(points, nu):
    slopes, bends = jax.vmap(jax.grad(u))(points), jax.vmap(jax.hessian(u))(points)
    return slopes[:, 0] + jax.vmap(u)(points) * slopes[:, 1] - nu * bends[:, 1, 1]


def by_hand(points, nu: float):
    return np.asarray(residual(points, nu))


def test_values_are_those_of_nested_derivatives(folder) -> None:
    result = invoke("burgers.pde", "--points", "pts.npy", "--net", f"{folder}:u",
                    "--out", "r.npy")  # fmt: skip
    assert result.exit_code == 0, result.output
    values, wanted = np.load("r.npy"), by_hand(np.load("pts.npy"), 0.1)
    np.testing.assert_allclose(values[:, 0], wanted, rtol=1e-12)
    assert f"{np.sqrt(np.mean(wanted**2)):.3e}" in result.stdout
    assert f"{np.abs(wanted).max():.3e}" in result.stdout
    assert "noise" not in result.stdout


def test_values_are_set_and_told_as_json(folder) -> None:
    result = invoke("burgers.pde", "--points", "pts.npy", "--net", f"{folder}:u",
                    "--set", "nu=0.7", "--json")  # fmt: skip
    points = np.load("pts.npy")
    wanted = by_hand(points, 0.7)
    told = json.loads(result.stdout)
    assert told["points"] == 7
    entry = told["equations"]["burgers"]
    assert entry["max"] == pytest.approx(np.abs(wanted).max(), rel=1e-12)
    assert entry["rms"] == pytest.approx(np.sqrt(np.mean(wanted**2)), rel=1e-12)
    assert entry["at"] == list(points[np.abs(wanted).argmax()])


def test_a_condition_by_name(folder) -> None:
    result = invoke("burgers.pde", "--points", "pts.npy", "--net", f"{folder}:u",
                    "--equation", "initial", "--out", "r.npz")  # fmt: skip
    assert result.exit_code == 0, result.output
    x = np.load("pts.npy")[:, 1]
    start = jax.jit(jax.vmap(u))(np.stack([0 * x, x], axis=1))
    np.testing.assert_allclose(np.load("r.npz")["initial"], start + np.sin(np.pi * x))


def test_single_precision_points_are_evaluated_in_it(folder) -> None:
    np.save("single.npy", np.load("pts.npy").astype(np.float32))
    result = invoke("burgers.pde", "--points", "single.npy", "--net", f"{folder}:u",
                    "--out", "r.npy")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert np.load("r.npy").dtype == np.float32


def test_systems_integrals_arrays_and_complex_fields(folder) -> None:
    system = "coordinates t, x; field u, v; a: u_t = k*v; b: v_x = u; parameter k"
    np.save("k.npy", np.arange(7.0))
    columns = []
    for net in ("pair", "fields"):
        result = invoke(system, "--points", "pts.npy", "--net", f"{folder}:{net}",
                        "--set", "k=k.npy", "--out", "r.npy")  # fmt: skip
        assert result.exit_code == 0, result.output
        columns.append(np.load("r.npy"))
    assert columns[0].shape == columns[1].shape == (7, 2)
    assert not np.allclose(columns[0], columns[1])
    memory = "coordinates x; field u(x); u - int(s*u(s), s, 0, x) = 0"
    np.save("line.npy", np.linspace(0, 1, 5)[:, None])
    Path("lines.py").write_text("def one(point):\n    return 1 + 0 * point[0]\n")
    result = invoke(memory, "--points", "line.npy", "--net", "lines:one",
                    "--out", "r.npy", "--quadrature", "3")  # fmt: skip
    assert result.exit_code == 0, result.output
    want = 1 - np.linspace(0, 1, 5) ** 2 / 2
    np.testing.assert_allclose(np.load("r.npy")[:, 0], want, rtol=1e-12)
    wave = "coordinates t, x; complex field w; w_t + i*w_xx = 0"
    result = invoke(wave, "--points", "pts.npy", "--net", f"{folder}:wave",
                    "--out", "r.npy")  # fmt: skip
    np.testing.assert_allclose(np.load("r.npy"), 0, atol=1e-12)


def test_programs_too(folder) -> None:
    Path("heat.py").write_text(
        "import sympy as sp\nt, x, k = sp.symbols('t x k')\n"
        "u = sp.Function('u')(t, x)\nequations = [u.diff(t) - k*u.diff(x, 2), u - 1]\n"
    )
    result = invoke("heat.py", "--points", "pts.npy", "--net", f"{folder}:u", "--json",
                    "--set", "k=2")  # fmt: skip
    assert list(json.loads(result.stdout)["equations"]) == ["residual 1", "residual 2"]
    missing = fails("heat.py", "--points", "pts.npy", "--net", f"{folder}:u")
    assert "the parameter k has no value" in missing
    assert "--set k=1.0" in missing
    spare = fails("heat.py", "--points", "pts.npy", "--net", f"{folder}:u",
                  "--set", "k=1", "--set", "m=1")  # fmt: skip
    assert "there is no parameter m" in spare


def test_what_is_not_finite_is_null_in_json(folder) -> None:
    singular = "coordinates t, x; field u; u_t = 1/t"
    np.save("zero.npy", np.zeros((2, 2)))
    result = invoke(singular, "--points", "zero.npy", "--net", f"{folder}:u", "--json")
    assert json.loads(result.stdout)["equations"]["equation1"]["max"] is None


def test_points_that_do_not_fit(folder) -> None:
    def say(points: str) -> str:
        return fails("burgers.pde", "--points", points, "--net", f"{folder}:u")

    np.save("wide.npy", np.zeros((4, 3)))
    assert "shape (4, 3)" in say("wide.npy")
    assert "(N, 2) with the columns t, x" in say("wide.npy")
    np.save("flat.npy", np.zeros(4))
    assert "shape (4,)" in say("flat.npy")
    np.save("none.npy", np.zeros((0, 2)))
    assert "shape (0, 2)" in say("none.npy")
    np.save("whole.npy", np.zeros((4, 2), int))
    assert "dtype int64" in say("whole.npy")
    np.save("words.npy", np.array(["a"]))
    assert "no array of numbers" in say("words.npy")
    assert "cannot read no.npy: No such file" in say("no.npy")
    Path("text.npy").write_text("t, x")
    assert "no array of numbers" in say("text.npy")


def test_pickles_are_not_opened(folder) -> None:
    class Trap:
        def __reduce__(self):
            return Path.touch, (Path("trap"),)

    np.save("trap.npy", np.array([Trap()], object), allow_pickle=True)
    error = fails("burgers.pde", "--points", "trap.npy", "--net", f"{folder}:u")
    assert "no array of numbers" in error
    assert not Path("trap").exists()


def test_networks_that_do_not_fit(folder) -> None:
    def say(net: str, code: int = 1) -> str:
        points = ("--points", "pts.npy")
        return fails("burgers.pde", *points, "--net", net, code=code)

    assert f"there is no module {folder}s" in say(f"{folder}s:u")
    assert f"a module, not a file: {folder}:u" in say(f"{folder}.py:u")
    assert "did you mean stops?" in say(f"{folder}:stop")
    assert "is no network" in say(f"{folder}:number")
    assert "cannot be called on one point" in say(f"{folder}:wrong_shape")
    line = NETWORK.splitlines().index('    return {}["weights"]') + 1
    assert f"'weights' ({folder}.py, line {line})" in say(f"{folder}:stops")
    assert "there is no field v" in say(f"{folder}:fields")
    for name, text in {
        "missing": "import not_there",
        "broken": "1 / 0",
        "unreadable": "x = (",
        "leaves": "raise SystemExit(3)",
    }.items():
        Path(f"{name}_{folder}.py").write_text(text)
        assert f"importing {name}_{folder} stops with" in say(f"{name}_{folder}:u")
    for bad in ("network", "network:", ":u", "net work:u", "network:u:v", "a/b:u"):
        assert "is not module:function" in say(bad, code=2)


def test_defects_of_ours_are_not_dressed_up(folder, monkeypatch) -> None:
    def fail(*_, **__):
        raise RuntimeError("our own")

    monkeypatch.setattr(oc.Residual, "bind", fail)
    arguments = ("burgers.pde", "--points", "pts.npy", "--net", f"{folder}:u")
    assert isinstance(invoke(*arguments).exception, RuntimeError)


def test_names_and_places(folder) -> None:
    net = ("--points", "pts.npy", "--net", f"{folder}:u")
    error = fails("burgers.pde", *net, "--equation", "burger")
    assert "there are burgers, initial" in error
    assert "cannot write no/r.npy" in fails("burgers.pde", *net, "--out", "no/r.npy")
    assert "not written as .txt" in fails("burgers.pde", *net, "--out", "r.txt")
    assert "cannot read nu.npy" in fails("burgers.pde", *net, "--set", "nu=nu.npy")
    assert "'high' is no number" in fails(
        "burgers.pde", *net, "--set", "nu=high", code=2
    )
