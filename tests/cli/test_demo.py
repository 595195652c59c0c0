"""The demo runs, and what it calls exact is exact."""

import functools
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app, demo_command as command
from opcompiler.demo import burgers, perceptron, problems, races, story, training
from tests.draws import layers
from tests.pictures import make_coarse
from tests.shares import one_in

NU = burgers.NU


SMALL = {
    "plate": lambda: races.plate((8,), 4),
    "Laplacian": lambda: races.laplacian(3, (8,), 4),
    "derivatives": lambda: races.derivatives(2, (8,), 4, by_grad=1),
}


@pytest.fixture
def drawn(monkeypatch):
    """Lets NumPy draw the networks: JAX compiles a program for each shape."""
    draw = lambda key, sizes, dtype=np.float32: layers(0, sizes, dtype)
    monkeypatch.setattr(perceptron, "init", draw)


@pytest.mark.usefixtures("drawn")
def test_demo_races_trains_and_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(story, "RACES", list(SMALL.values())[1:])
    monkeypatch.setattr(training, "POINTS", 64)
    monkeypatch.setattr(training, "POOL", 256)
    monkeypatch.setattr(burgers, "LAYERS", (2, 8, 1))
    few = functools.partial(burgers.compare, size=(11, 81))
    monkeypatch.setattr(burgers, "compare", few)
    make_coarse(monkeypatch)
    picture = tmp_path / "picture.png"
    arguments = ["demo", "--steps", "60", "--out", str(picture), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert list(numbers["races"]) == ["Laplacian in 3 dimensions", "derivatives 0…2"]
    for found in numbers["races"].values():
        assert [r["style"] for r in found] == [races.OURS, races.EXPERT, races.PEOPLE]
        for r in found:
            assert r["step_seconds"] > 0
            assert r["compile_seconds"] > 0
    assert 0 < numbers["relative L2 error"] < 1
    for text in ("nested jax.grad, 0…1", "jax.hessian", "folx", "relative L2 error"):
        assert text in result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def distance(found, wanted) -> float:
    """As `races.distance`, by NumPy."""
    pairs = list(zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True))
    return max(np.max(abs(a - b)) for a, b in pairs) / max(
        np.max(abs(b)) for _, b in pairs
    )


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("name", SMALL)
def test_by_hand_and_compiled_agree(name):
    """In double precision: values, and gradients by the parameters."""
    race = SMALL[name]()
    given = race.setting(jnp.float64)
    (_, _, ours), *others = race.lanes()

    @jax.jit
    def everybody(params, points):
        found = {}
        for _, who, run in others:
            fewer = (lambda p, x: ours(p, x)[:, :2]) if who in race.less else ours
            found[who] = [
                (f(params, points), jax.grad(races.loss_of(f))(params, points))
                for f in (fewer, run)
            ]
        return found

    for who, (mine, theirs) in jax.tree.map(np.asarray, everybody(*given)).items():
        assert distance(mine[0], theirs[0]) < 1e-12, who
        assert distance(mine[1], theirs[1]) < 1e-11, who


@pytest.mark.usefixtures("drawn")
def test_who_differs_is_not_raced():
    race = SMALL["Laplacian"]()
    twice = {"twice": lambda p, x: 2 * race.ours(p, x)}
    wrong = replace(race, people=twice, expert={})
    with pytest.raises(AssertionError, match="Laplacian in 3 dimensions"):
        races.measure(wrong, rounds=1)


def test_zero_steps_are_a_usage_error():
    assert CliRunner().invoke(app, ["demo", "--steps", "0"]).exit_code == 2


def test_errors_about_operators_go_to_stderr(monkeypatch):
    def fail(**_):
        raise oc.OperatorError("this cannot be compiled", hint="write another")

    monkeypatch.setattr(story, "tell", fail)
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "hint: write another" in result.stderr


@pytest.mark.parametrize("missing", ["folx", "matplotlib.figure", "optax"])
def test_missing_extras_are_named(monkeypatch, missing):
    def fail(_):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(command, "import_module", fail)
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1
    assert f"needs {missing.split('.')[0]}" in result.stderr
    assert "pip install 'opcompiler[demo]'" in result.stderr


def test_other_missing_modules_are_our_own_defects(monkeypatch):
    def fail(_):
        raise ModuleNotFoundError("No module named 'jax'", name="jax")

    monkeypatch.setattr(command, "import_module", fail)
    result = CliRunner().invoke(app, ["demo"])
    assert isinstance(result.exception, ModuleNotFoundError)


def test_slope_costs_no_channel():
    alone, beside = map(oc.compile, (problems.burgers(), problems.burgers_with_slope()))
    assert alone.plan.channels == beside.plan.channels == 4


@pytest.mark.usefixtures("drawn")
def test_initial_and_boundary_values_hold_for_any_weights():
    line = np.linspace(-1, 1, 41)
    start = np.stack([0 * line, line], axis=-1)
    edges = [np.stack([line**2, side + 0 * line], axis=-1) for side in (-1, 1)]

    @jax.jit
    def field(key, points):
        params = perceptron.init(key, burgers.LAYERS, float)
        return jax.vmap(burgers.apply, (None, 0))(params, points)

    found = np.asarray(field(None, np.concatenate([start, *edges])))
    np.testing.assert_allclose(found[:41], -np.sin(np.pi * line), atol=1e-15)
    np.testing.assert_allclose(found[41:], 0, atol=1e-15)


def test_exact_solution_starts_as_the_sine_and_is_odd():
    x, t = np.linspace(-1, 1, 41), np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose(
        burgers.solution(0, x, NU), -np.sin(np.pi * x), atol=1e-15
    )
    values = burgers.solution(t, x, NU)
    np.testing.assert_allclose(values, -values[:, ::-1], atol=1e-13)
    np.testing.assert_allclose(values[:, [0, 20, 40]], 0, atol=1e-13)


def exact(t, x, nu):
    """Cole-Hopf by adaptive quadrature, to the digits of mpmath's context."""
    nu = mpmath.mpf(nu)

    @functools.cache
    def weight(y):
        return mpmath.exp(
            -mpmath.cos(mpmath.pi * y) / (2 * mpmath.pi * nu)
            - (x - y) ** 2 / (4 * nu * t)
        )

    pieces = [x + mpmath.mpf(k) / 8 for k in range(-24, 25)]
    above = mpmath.quad(lambda y: mpmath.sin(mpmath.pi * y) * weight(y), pieces)
    return -above / mpmath.quad(weight, pieces)


@pytest.mark.parametrize(
    ("t", "x", "nu"),
    one_in(
        5,
        [
            (t, x, nu)
            for t, x in (
                (0.05, 0.3),
                (0.3, 0.01),
                (0.5, -0.02),
                (0.9, 0.5),
                (1.0, 0.003),
            )
            for nu in (NU, 0.05)
        ],
    ),
)
def test_quadrature_is_exact_to_float64(t, x, nu):
    with mpmath.workdps(30):
        wanted = float(exact(mpmath.mpf(t), mpmath.mpf(x), nu))
    assert burgers.solution(t, x, nu) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(("t", "x"), [(0.1, 0.4), (0.45, 0.02), (1.0, -0.6)])
def test_exact_solution_satisfies_burgers_equation(t, x):
    with mpmath.workdps(20):
        nu, h = mpmath.mpf(NU), mpmath.mpf("1e-5")
        u = functools.cache(lambda i, j: exact(t + i * h, x + j * h, nu))
        u_t = (u(1, 0) - u(-1, 0)) / (2 * h)
        u_x = (u(0, 1) - u(0, -1)) / (2 * h)
        u_xx = (u(0, 1) - 2 * u(0, 0) + u(0, -1)) / h**2
        scale = abs(u_t) + abs(u(0, 0) * u_x) + nu * abs(u_xx)
        assert abs(u_t + u(0, 0) * u_x - nu * u_xx) < 1e-4 * scale


def test_float64_solution_satisfies_burgers_equation():
    """By eighth-order differences on a patch left of the front."""
    h, reach = 2e-3, np.arange(-4, 5)
    first = np.array([3, -32, 168, -672, 0, 672, -168, 32, -3]) / (840 * h)
    second = np.array([-9, 128, -1008, 8064, -14350, 8064, -1008, 128, -9]) / (
        5040 * h**2
    )
    for t, x in ((0.2, -0.3), (0.6, -0.15), (0.9, 0.7)):
        u = burgers.solution(t, x, NU)
        u_t = first @ burgers.solution(t + h * reach, x, NU)
        line = burgers.solution(t, x + h * reach, NU)
        assert abs(u_t + u * (first @ line) - NU * (second @ line)) < 1e-8
