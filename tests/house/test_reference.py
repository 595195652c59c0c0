"""The API pages of the site name everything public, once."""

import re
from collections import Counter
from pathlib import Path

import opcompiler
from opcompiler import taylor

ROOT = Path(__file__).parents[2]
PUBLIC = {
    *(f"opcompiler.{name}" for name in opcompiler.__all__ if name != "taylor"),
    *(f"opcompiler.taylor.{name}" for name in taylor.__all__),
    "opcompiler.integrations.deepxde.pde",
    "opcompiler.integrations.jinns.dynamic_loss",
    "opcompiler.runtime.bound.Bound",  # what `Residual.bind` returns
    "opcompiler.integrations.lineax.jacobian",
    "opcompiler.planning.contamination.Contamination",  # what `contamination` returns
    "opcompiler.runtime.losses.SobolevLoss",  # what `sobolev_loss` returns
    "opcompiler.sampling.estimator.Estimator",  # the base of an estimator of your own
    "opcompiler.taylor.tuning.Tuning",  # what `Residual.tuning` is
    "opcompiler.text.problem.Part",  # what `Problem.condition` returns
    "opcompiler.runtime.kfac.KFac",  # what `LeastSquares.kfac` returns
    "opcompiler.runtime.least_squares.LeastSquares",  # what `least_squares` returns
}
# Where a file has the name of its function, the name alone would show the file.
IN_FILES_OF_THEIR_NAME = {
    "opcompiler.calculus.sobolev.sobolev": "opcompiler.sobolev",
    "opcompiler.planning.contamination.contamination": "opcompiler.contamination",
    "opcompiler.runtime.autotune.autotune": "opcompiler.autotune",
    "opcompiler.runtime.least_squares.least_squares": "opcompiler.least_squares",
    "opcompiler.runtime.grid.grid": "opcompiler.grid",
    "opcompiler.runtime.over.over": "opcompiler.over",
    "opcompiler.taylor.jet.jet": "opcompiler.taylor.jet",
    "opcompiler.taylor.push.push": "opcompiler.taylor.push",
}


def listed() -> list[str]:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    text = "\n".join(page.read_text() for page in pages)
    return re.findall(r"^::: (\S+)$", text, re.MULTILINE)


def test_every_public_name_has_its_place_in_the_reference() -> None:
    count = Counter(IN_FILES_OF_THEIR_NAME.get(name, name) for name in listed())
    count["opcompiler.jet"] += count["opcompiler.taylor.jet"]  # the same function
    assert set(count) == PUBLIC
    assert set(count.values()) == {1}


def test_no_entry_shows_a_file_in_place_of_its_function() -> None:
    public = [*vars(taylor).items()]
    public += [(name, getattr(opcompiler, name)) for name in opcompiler.__all__]
    in_such_files = {
        f"{found.__module__}.{name}"
        for name, found in public
        if getattr(found, "__module__", "").endswith(f".{name}")
    }
    assert in_such_files == set(IN_FILES_OF_THEIR_NAME)


def test_every_page_is_in_the_nav() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    named = set(re.findall(r"([\w/*]+(?:\.md)?)$", nav, re.MULTILINE))
    pages = (p.relative_to(ROOT / "docs") for p in (ROOT / "docs").rglob("*.md"))
    outside = [p for p in pages if not {p.as_posix(), f"{p.parent}/*"} & named]
    assert not outside
