"""The Python blocks of the guides run, page by page; lists of scripts are complete."""

import re
from pathlib import Path

import pytest

from opcompiler.runtime import autotune

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ["README.md", "docs/calculus.md", "docs/choose.md", "docs/faq.md",
         "docs/guide.md", "docs/least_squares.md", "docs/wavefunctions.md"]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page, monkeypatch) -> None:
    # Of what `oc.autotune` measures; tests/runtime/test_tuning.py has the rest.
    monkeypatch.setattr(autotune, "_CHOICES", {"tile": (32, 64)})
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_list_of_examples_is_that_of_the_folder() -> None:
    page = (ROOT / "examples" / "README.md").read_text()
    listed = re.findall(r"^\| `(\w+\.py)` \| \S.* \|$", page, re.MULTILINE)
    assert sorted(listed) == sorted(p.name for p in (ROOT / "examples").glob("*.py"))


def links(text: str) -> list[str]:
    """Every relative link and picture of a page, without code and anchors."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", prose)
    targets = [one or other for one, other in found]
    return [t.partition("#")[0] for t in targets if not re.match(r"\w+:|#", t)]


def written_pages() -> list[Path]:
    folders = ("docs", "examples", "grammar", "tests", "opcompiler")
    pages = (page for folder in folders for page in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *pages])


def test_what_a_page_links_is_there() -> None:
    assert not [
        (str(page.relative_to(ROOT)), target)
        for page in written_pages()
        for target in links(page.read_text())
        if not (page.parent / target).exists()
    ]


def test_every_picture_stands_on_a_page() -> None:
    linked = {t for page in written_pages() for t in links(page.read_text())}
    names = {Path(target).name for target in linked}
    pictures = [p for end in ("png", "svg") for p in DOCS.rglob(f"*.{end}")]
    assert pictures
    assert not [p.name for p in pictures if p.name not in names]


SOURCE = re.compile(r"`([a-z_/]+\.(?:py|lark))`")


def test_source_files_that_a_page_names_are_there() -> None:
    folders = ("opcompiler", "grammar", "examples", "tests", "docs")
    files = [
        f"/{p.relative_to(ROOT)}" for f in folders for p in (ROOT / f).rglob("*.*")
    ]
    named = {
        (page.name, source)
        for page in [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
        for source in SOURCE.findall(page.read_text())
    }
    assert named
    assert not [
        (page, source)
        for page, source in sorted(named)
        if not any(file.endswith(f"/{source}") for file in files)
    ]


def test_links_are_found() -> None:
    text = "[a](b.md#c) ![p](q.png) [w](https://w.org) [x](#x) `[no](code.md)`"
    assert links(text) == ["b.md", "q.png"]
    assert "burgers_profiles.png" in links((DOCS / "gallery" / "README.md").read_text())


ANCHORED = re.compile(r"\]\(([^)\s]*)#([^)\s]+)\)")


def test_anchors_are_headings() -> None:
    wrong = []
    for page in written_pages():
        for target, anchor in ANCHORED.findall(page.read_text()):
            if "://" in target:
                continue
            text = ((page.parent / target) if target else page).read_text()
            titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            slugs = [
                re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles
            ]
            if anchor not in slugs:
                wrong.append((page.name, target, anchor))
    assert not wrong
