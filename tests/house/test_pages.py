"""The Python blocks of the guides run, top to bottom, page by page."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["calculus.md", "guide.md"]


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
