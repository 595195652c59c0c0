"""Writes `frozen.json`: `python -m tests.frozen [part of a name]`."""

import json
import sys

import jax
from rich.progress import track

jax.config.update("jax_enable_x64", True)

from tests.frozen.cases import cases, PATH, stored  # noqa: E402


def main(part: str) -> None:
    """Evaluates the cases whose names hold `part` and stores what they give."""
    chosen = {name: case for name, case in cases().items() if part in name}
    found = stored() if PATH.exists() and part else {}
    for name, case in track(chosen.items(), description="frozen"):
        found[name] = case()
    text = json.dumps(found, indent=0, sort_keys=True, ensure_ascii=False)
    PATH.write_text(text + "\n", encoding="utf-8")


main(sys.argv[1] if len(sys.argv) > 1 else "")
