"""Every script of the STDE half trains for a few steps, and the loss falls."""

import importlib
import json
import math
import re
import threading
import time

import jax
import numpy as np
import pytest

from examples import tables
from examples.problems import elliptic, evolution, high_order
from examples.support import errors, methods, network
from examples.support.run import Run
from examples.support.solve import arguments, picture, solve
from examples.support.training import train
from examples.support.turns import Turns
from examples.support.words import title, words
from tests.draws import layers, normal, uniform
from tests.pictures import make_coarse

RUNS = {
    "elliptic exact": ["elliptic", "--dim", "12", "--equation", "sine_gordon"],
    "elliptic sampled": [
        "elliptic",
        "--dim",
        "12",
        "--method",
        "sparse_per_point",
        "--test",
        "99",
    ],
    "elliptic waves": ["elliptic", "--dim", "12", "--solution", "waves"],
    "elliptic three-body": ["elliptic", "--dim", "12", "--solution", "three_body"],
    "elliptic cube": ["elliptic", "--dim", "12", "--solution", "exponentials"],
    "elliptic dense": ["elliptic", "--method", "dense", "--unbiased", "--dim", "12"],
    "elliptic nested": ["elliptic", "--method", "nested", "--dim", "12"],
    "elliptic STDE": ["elliptic", "--method", "stde", "--dim", "12"],
    "elliptic SDGD": ["elliptic", "--method", "nested_sparse", "--dim", "12"],
    "elliptic shared": ["elliptic", "--dim", "12", "--block", "4"],
    "linear HJB": ["hjb", "--equation", "hjb_linear", "--dim", "12"],
    "LQG": ["hjb", "--equation", "hjb_lqg", "--dim", "12"],
    "Rosenbrock": ["hjb", "--equation", "hjb_rosenbrock", "--dim", "12"],
    "options": ["hjb", "--equation", "bsb", "--dim", "12"],
    "waves in time": ["hjb", "--equation", "wave", "--dim", "12"],
    "heat": ["parabolic", "--equation", "heat", "--dim", "12"],
    "Allen-Cahn": ["parabolic", "--equation", "allen_cahn", "--dim", "12"],
    "Sine-Gordon": ["parabolic", "--equation", "sine_gordon", "--dim", "12"],
    "biharmonic": ["biharmonic", "--dim", "12", "--samples", "4"],
    "gPINN": ["gpinn", "--dim", "12"],
    "exact gPINN": ["gpinn", "--dim", "12", "--method", "exact"],
    "2D KdV": ["high_order", "--equation", "kdv2d"],
    "KP": ["high_order", "--equation", "kp"],
    "gKdV": ["high_order", "--equation", "gkdv"],
    "light cone": ["high_order", "--equation", "sine_gordon"],
}
IN_DEFAULT = ("elliptic sampled",)
LONGER = {"gKdV": 400}  # a narrow soliton: 60 steps on 40 points do not show it


def run(words, folder, steps):
    script, *options = words
    module = importlib.import_module(f"examples.{script}")
    words = [*options, "--steps", str(steps), "--points", "40", "--out", str(folder)]
    return module.main(module.options().parse_args(words))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in IN_DEFAULT else pytest.mark.slow) for n in RUNS],
)
def test_the_loss_falls(name, tmp_path, monkeypatch) -> None:
    make_coarse(monkeypatch)
    found = run(RUNS[name], tmp_path, LONGER.get(name, 60))
    assert found["last_loss"] < found["first_loss"]
    assert all(math.isfinite(v) for v in found.values() if isinstance(v, float))
    (numbers,) = tmp_path.glob("*.json")
    assert json.loads(numbers.read_text()) == found
    assert next(tmp_path.glob("*.png")).stat().st_size > 1000


@pytest.mark.slow
def test_two_runs_are_the_same_run(tmp_path) -> None:
    """Row T31: bit by bit on a CPU, and of the last iterate."""
    words = ["elliptic", "--dim", "12", "--method", "sparse"]
    first, second = (run(words, tmp_path / n, 30) for n in "ab")
    for name in ("last_loss", "relative_l2", "trivial_l2"):
        assert first[name] == second[name]


def test_methods_agree_where_nothing_is_sampled_away() -> None:
    problem = elliptic.on_ball("allen_cahn", "two_body", 6)
    params, points = layers(0, (6, 10, 1)), normal(1, (3, 6)) / 6
    every = {
        method: methods.evaluation(problem, network.apply, method, samples=6)
        for method in ("exact", "sparse", "nested", "stde")
    }
    at_once = jax.jit(lambda *given: {name: f(*given) for name, f in every.items()})
    found = at_once(params, points, jax.random.key(2))
    np.testing.assert_allclose(found["sparse"], found["exact"], rtol=1e-9)
    np.testing.assert_allclose(found["nested"], found["exact"], rtol=1e-9)
    np.testing.assert_allclose(found["stde"], found["exact"], rtol=1e-9)


def test_baselines_are_for_the_elliptic_equations(tmp_path) -> None:
    words = ["hjb", "--equation", "wave", "--dim", "5", "--method", "nested"]
    with pytest.raises(SystemExit, match="wave: --method is exact, sparse or dense"):
        run(words, tmp_path, 3)
    problem = elliptic.on_cube("allen_cahn", 5)
    params, points = layers(0, (5, 10, 1)), uniform(1, (3, 5))
    both = [
        methods.evaluation(problem, network.apply, method)
        for method in ("exact", "nested")
    ]
    at_once = jax.jit(lambda *given: [f(*given) for f in both])
    exact, nested = at_once(params, points, jax.random.key(2))
    np.testing.assert_allclose(nested, exact, rtol=1e-9)


def test_errors_beside_the_least_ansatz() -> None:
    problem = elliptic.on_ball("poisson", "two_body", 12)
    params = layers(0, (12, 10, 1))
    found = errors.measure(problem, network.apply, params, jax.random.key(4), 500)
    points = problem.sample(jax.random.split(jax.random.key(4), 1)[0], 500)
    exact, shape = problem.exact(points), 1 - (points**2).sum(axis=1)
    gap = exact - shape * (shape @ exact) / (shape @ shape)
    trivial = np.linalg.norm(gap) / np.linalg.norm(exact)
    assert found.trivial == pytest.approx(trivial, rel=1e-9)
    inner = jax.jit(jax.vmap(network.apply, (None, 0)))(params, points)
    error = np.linalg.norm(shape * inner - exact) / np.linalg.norm(exact)
    assert found.l2 == pytest.approx(error, rel=1e-9)


@pytest.mark.slow
def test_tables(tmp_path) -> None:
    grid = ["elliptic", "--across", "dim", "8", "--down", "method", "sparse"]
    words = [*grid, "--seeds", "0", "1", "--together", "2", "--out", str(tmp_path)]
    text = tables.main([*words, "--steps", "5", "--test", "50"])
    assert "| method \\ dim | 8 |" in text
    assert "**L2**" in text
    assert re.search(r"\| sparse \| [\d.]+ ± ", text)
    assert (tmp_path / "tables.md").read_text() == text
    (record,) = map(json.loads, (tmp_path / "tables.jsonl").read_text().splitlines())
    assert {run["seed"] for run in record["runs"]} == {0, 1}


def test_a_table_says_what_did_not_run() -> None:
    words = [
        "elliptic",
        "--across",
        "dim",
        "8",
        "12",
        "16",
        "--down",
        "method",
        "dense",
    ]
    given, rest = tables.parsed([*words, "--steps", "7"])
    run = {"device": "abacus", "steps_per_second": 3.0}
    found = {("dense", "8"): [run], ("dense", "12"): ["out of memory"]}
    text = tables.markdown(given, found, "command")
    assert rest == ["--steps", "7"]
    assert "On abacus; seeds 0." in text
    assert "| dense | 3 | out of memory |  |" in text
    assert "L2" not in text


def test_the_table_of_a_gpu_can_be_changed() -> None:
    given, rest = tables.parsed(["--gpu", "--within", "9", "--limit", "1"])
    assert given.script == "elliptic"
    assert given.together == 15
    assert given.within == 9
    assert rest[-2:] == ["--limit", "1"]


def test_a_run_out_of_time_is_told() -> None:
    assert tables.alone("elliptic", [], seconds=0.05) == "out of time"


def test_runs_take_turns(tmp_path) -> None:
    """Nobody is timed while another prepares, or is timed."""
    file = tmp_path / "turns"
    first, second = Turns(file), Turns(file)
    said = []

    def timed(turns, name):
        with turns.alone():
            said.append(f"{name} begins")
            time.sleep(0.05)
            said.append(f"{name} ends")

    thread = threading.Thread(target=timed, args=(first, "first"))
    thread.start()
    time.sleep(0.05)
    assert not said  # the second prepares
    timed(second, "second")
    thread.join(5)
    first.close()
    second.close()
    assert [line.split()[1] for line in said] == ["begins", "ends"] * 2


def test_a_limit_ends_the_steps(tmp_path) -> None:
    """One step of half a second, whatever the steps between entries of the history."""

    def wait(state):
        time.sleep(0.5)
        return np.asarray(state) + 1

    def step(state, key):
        shape = jax.ShapeDtypeStruct(state.shape, state.dtype)
        state = jax.pure_callback(wait, shape, state)
        return state, state

    run = Run("limited", tmp_path, bare=True)
    found = train(
        step, np.zeros(()), 1000, jax.random.key(0), run, every=100, limit=0.6
    )
    assert 1 <= found.at[-1] <= 3
    assert found.state == found.at[-1]


def test_an_error_is_watched_and_changes_nothing(tmp_path) -> None:
    problem = elliptic.on_ball("sine_gordon", "two_body", 5, seed=0)
    told = ["--dim", "5", "--steps", "4", "--test", "100", "--width", "8"]
    found = []
    for bare in ([], ["--bare"]):
        given = arguments(None, steps=4, dim=5).parse_args(
            [*told, *bare, "--out", str(tmp_path)]
        )
        found.append(solve(problem, given, Run.of("watched", given)))
    shown, bare = (one.numbers for one in found)
    history = shown["history"]
    lengths = {len(history[name]) for name in ("steps", "seconds", "losses", "errors")}
    assert lengths == {4}
    assert history["seconds"] == sorted(history["seconds"])
    assert bare["history"]["errors"] == []
    assert bare["relative_l2"] == shown["relative_l2"]
    figure = picture(shown, "a (1 - |x|²)")
    assert figure.get_suptitle().startswith("Sine-Gordon equation, two-body solution")
    loss, error = figure.axes
    assert "seconds" in loss.get_xlabel()
    assert len(error.lines) == 2  # the network, and what has learnt nothing


def test_problems_have_titles_in_words() -> None:
    assert title("allen_cahn_waves", 10_000, "exact", 16) == (
        "Allen–Cahn equation, plane waves, d = 10,000; all terms"
    )
    assert words("sine_gordon_light_cone") == (
        "Sine-Gordon equation, in light-cone coordinates"
    )
    dims = [make(4) for make in evolution.PROBLEMS.values()]
    waves = [make().problem for make in high_order.PROBLEMS.values()]
    for problem in (*dims, *waves):
        assert words(problem.name) != problem.name.replace("_", " ")
