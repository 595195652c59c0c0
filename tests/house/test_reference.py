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
}


def test_every_public_name_has_its_place_in_the_reference() -> None:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    text = "\n".join(page.read_text() for page in pages)
    listed = Counter(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    # `opcompiler.autotune` would show the file of that name.
    listed["opcompiler.autotune"] += listed.pop("opcompiler.runtime.autotune.autotune")
    listed["opcompiler.jet"] += listed["opcompiler.taylor.jet"]  # the same function
    assert set(listed) == PUBLIC
    assert set(listed.values()) == {1}


def test_every_page_is_in_the_nav() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    named = set(re.findall(r"([\w/*]+(?:\.md)?)$", nav, re.MULTILINE))
    pages = (p.relative_to(ROOT / "docs") for p in (ROOT / "docs").rglob("*.md"))
    outside = [p for p in pages if not {p.as_posix(), f"{p.parent}/*"} & named]
    assert not outside
