"""`opcompiler bench`: every route gives the same numbers, and says when it cannot."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from opcompiler.cli import app
from opcompiler.demo import contest, perceptron
from opcompiler.demo.contest import Lane
from tests.draws import layers

EXAMPLES = Path(__file__).parents[2] / "grammar" / "examples"
SMALL = ("--points", "3", "--width", "4", "--depth", "1", "--rounds", "1")
ROUTES = ["opcompiler", "nested jax.jvp", "jax.experimental.jet"]


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Lets NumPy draw the networks: JAX compiles a program for each shape."""
    draw = lambda key, sizes, dtype=np.float32: layers(0, sizes, dtype)
    monkeypatch.setattr(perceptron, "init", draw)


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["bench", *arguments, *SMALL])


def lanes(*arguments: str) -> dict[str, list[dict]]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["operators"]


def test_the_equations_of_the_demo(monkeypatch) -> None:
    lanes = [Lane(ROUTES[0], 1e-3, 2e-3, 0.0), Lane(ROUTES[1], 3e-3, 5e-3, 2e-16)]
    lanes.append(Lane(ROUTES[2], reason="it has no [rule]"))
    monkeypatch.setattr(contest, "contest", lambda *_: lanes)
    result = invoke()
    assert result.exit_code == 0, result.output
    for text in ("2D Navier-Stokes", "viscous Burgers", "MLP 1×4 tanh, 3 points",
                 "3.00 ms", "3.0×", "5.00 ms", "2.5×", "2.0e-16",
                 "no jax.experimental.jet: it has no [rule]"):  # fmt: skip
        assert text in result.stdout


@pytest.mark.parametrize(
    "file",
    [
        # Labels that do not stand in the order of the alphabet.
        "coordinates x, y; field u, v; unknown k = 2; z: u_xxy + k*u_xy = v; a: v_x = u",
        "nls_complex",
        "volterra_ide",  # an integral, with two sites
        "heterogeneous_arguments",  # a network for each field
        "advection_with_delay_periodicity",
    ],
)
def test_all_routes_agree(file: str) -> None:
    file = file if "=" in file else str(EXAMPLES / f"{file}.pde")
    (found,) = lanes(file).values()
    assert [lane["route"] for lane in found] == ROUTES
    for lane in found:
        assert lane["difference"] < 1e-9
        assert lane["seconds"]["value"] > 0
        assert lane["seconds"]["gradient"] > 0


def test_long_sums_are_ours_alone(monkeypatch) -> None:
    measured = contest.contest
    found: list[list[Lane]] = []

    def once(*given) -> list[Lane]:
        """Measures for the first of two ways to tell it."""
        if not found:
            found.append(measured(*given))
        return found[0]

    monkeypatch.setattr(contest, "contest", once)
    text = str(EXAMPLES / "poisson_nd.pde")
    (told,) = lanes(text, "--set", "d=17").values()
    assert "reason" not in told[0]
    assert all("written out" in lane["reason"] for lane in told[1:])
    shown = invoke(text, "--set", "d=17").stdout
    assert "no jax.experimental.jet" in shown


def test_mistakes() -> None:
    missing = invoke("coordinates x; field u; parameter k; u_x = k*u")
    assert missing.exit_code == 1
    assert "--set k=1.0" in missing.stderr
    result = CliRunner().invoke(app, ["bench", "--points", "0"])
    assert result.exit_code == 2
    assert invoke("no.pde").exit_code == 1
