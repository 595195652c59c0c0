"""From a text to a picture: what the text says, the reference, and a short run."""

import functools
import json
import math

import jax
import numpy as np
import pytest

import opcompiler as oc
from examples import from_text
from examples.support.run import parser
from tests.draws import layers, uniform
from tests.pictures import make_coarse


def test_the_text_says_nagumos_equation() -> None:
    # A front between the states 0 and 1 is known in closed form.
    threshold = 0.3
    speed = math.sqrt(2) * (0.5 - threshold)
    front = lambda z: jax.nn.sigmoid((z[1] + speed * z[0]) / math.sqrt(2))
    points = uniform(0, (40, 2), minval=-3, maxval=3)
    problem = oc.load(from_text.TEXT)
    residual = oc.compile(problem)
    values = jax.jit(lambda z: residual(front, z, a=threshold)["nagumo"])(points)
    np.testing.assert_allclose(values, 0, atol=1e-13)
    np.testing.assert_array_equal(from_text.domain(problem), [[0, -10], [8, 10]])


def test_the_reference_has_converged() -> None:
    *_, coarse = from_text.reference(0.2, places=101, steps=400)
    *_, fine = from_text.reference(0.2, places=201, steps=1600)
    *_, finest = from_text.reference(0.2, places=401, steps=5600)
    errors = [np.abs(u - finest[:, ::stride]).max() for u, stride in
              ((coarse, 4), (fine, 2))]  # fmt: skip
    assert errors[1] < 5e-4
    assert errors[0] / errors[1] == pytest.approx(5, rel=0.1)  # (16 - 1) / (4 - 1)


@pytest.mark.parametrize(
    ("steps", "error", "miss"),
    [
        (20, 1, 0.5),
        pytest.param(60, 1, 0.25, marks=pytest.mark.slow),
        pytest.param(3000, 0.03, 0.02, marks=pytest.mark.slow),
    ],
)
def test_the_script_runs(tmp_path, monkeypatch, steps, error, miss) -> None:
    make_coarse(monkeypatch)
    if steps < 60:
        monkeypatch.setattr(from_text, "WIDTHS", (2, 12, 1))
        coarse = functools.partial(from_text.reference, places=101, steps=800)
        monkeypatch.setattr(from_text, "reference", coarse)
        draw = lambda key, widths: layers(0, widths)
        monkeypatch.setattr(from_text.network, "init", draw)
        monkeypatch.setattr(from_text, "measured", jax.jit(from_text.measured))
    given = ["--steps", str(steps), "--out", str(tmp_path)]
    assert from_text.main(parser("", steps=1).parse_args(given)) < miss
    numbers = json.loads((tmp_path / "from_text.json").read_text())
    assert numbers["relative_error"] < error
    assert math.isfinite(numbers["loss"])
    assert (tmp_path / "from_text.png").stat().st_size > 1000
