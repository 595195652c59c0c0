"""The README shows what is stored; what is raced is one thing written in several ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from opcompiler.demo import perceptron
from opcompiler.demo.races import EXPERT, OURS, PEOPLE
from tests.benchmarks import front_door
from tests.draws import layers


def test_the_readme_has_the_stored_table() -> None:
    records, text = front_door.read(), front_door.README.read_text()
    assert list(dict.fromkeys(r["door"] for r in records)) == list(front_door.DOORS)
    assert front_door.in_readme(text, records) == text
    stored = (front_door.report.FOLDER / "front_door.md").read_text()
    assert front_door.page(records) == stored


def test_of_each_style_the_fastest_is_shown() -> None:
    records = [
        {
            "door": "d", "operator": "o", "scene": "s", "style": style,
            "contestant": name, "step_seconds": step, "compile_seconds": 1.0,
            "difference": 0.0, "machine": "m",
        }
        for style, name, step in (
            (OURS, OURS, 0.0125), (EXPERT, "jet", 0.05), (EXPERT, "folx", 0.025),
            (PEOPLE, "grad", 2.5),
        )
    ]  # fmt: skip
    *_, row = front_door.table(records).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert row == (
        "| o<br><sub>s</sub> | **12 ms (1.0 s)** | 25 ms (1.0 s)<br><sub>folx: 2.0×</sub> "
        "| 2.5 s (1.0 s)<br><sub>grad: 200×</sub> |"
    )


@pytest.mark.parametrize("residual", ["kdv", "flow"])
def test_what_is_written_by_hand_is_the_operator(residual, monkeypatch) -> None:
    """Of those that tests/cli/test_demo.py does not hold; in double precision."""
    draw = lambda key, sizes, dtype: layers(0, sizes, dtype)
    monkeypatch.setattr(perceptron, "init", draw)
    race = front_door.DOORS[residual]()
    params, points = race.setting(jnp.float64)
    everybody = jax.jit(lambda *given: [run(*given) for _, _, run in race.lanes()])
    ours, *others = map(jax.tree.leaves, everybody(params, np.asarray(points)[:3]))
    largest = max(np.max(np.abs(one)) for one in ours)
    for other in others:
        for mine, theirs in zip(ours, other, strict=True):
            assert np.max(np.abs(np.asarray(theirs) - mine)) < 1e-11 * largest
