"""Every notebook runs from its source, in small; what it shows is there."""

import matplotlib as mpl
import pytest

from tests.notebooks import FOLDER, PAGES, run
from tests.pictures import make_coarse

FEW = {
    "inverse": {"STEPS": 3, "sizes": (2, 8, 1)},
    "kdv": {"STEPS": 3, "DEPTH": 1},
    "many_dimensions": {"STEPS": 3, "D": 64},
    "plan": {},
    "text_to_picture": {"STEPS": 3, "DEPTH": 1},
    "wavefunction": {"STEPS": 3, "WALKERS": 8},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_it_runs_and_draws(page, tmp_path, monkeypatch) -> None:
    mpl.use("Agg")
    make_coarse(monkeypatch)
    text = run(page, tmp_path, FEW[page.stem])
    drawn = {p.name for p in tmp_path.glob("*.png")}
    assert drawn
    assert drawn == {f"{page.stem}.png"}
    assert all((FOLDER / name).exists() and f"({name})" in text for name in drawn)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_it_can_be_copied(page) -> None:
    text = page.read_text()
    assert "examples." not in text
    assert "tests." not in text
    assert "assert_allclose" in text  # a check against nested differentiation


def test_all_are_listed() -> None:
    listed = (FOLDER / "README.md").read_text()
    assert not [p.name for p in PAGES if f"]({p.name})" not in listed]
