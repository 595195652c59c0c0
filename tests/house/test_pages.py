"""The Python blocks of the guides run, page by page; lists of scripts are complete."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ["calculus.md", "guide.md"]


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_list_of_examples_is_that_of_the_folder() -> None:
    page = (ROOT / "examples" / "README.md").read_text()
    listed = re.findall(r"^\| `(\w+\.py)` \| \S.* \|$", page, re.MULTILINE)
    assert sorted(listed) == sorted(p.name for p in (ROOT / "examples").glob("*.py"))


def test_what_the_gallery_links_is_there() -> None:
    gallery = DOCS / "gallery"
    links = re.findall(r"\]\(([^)#]+)\)", (gallery / "README.md").read_text())
    assert links
    assert not [link for link in links if not (gallery / link).exists()]
