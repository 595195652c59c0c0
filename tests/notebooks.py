"""Runs docs/notebooks: `python -m tests.notebooks [--write] [--only WORD]`.

A notebook is a page whose Python blocks are one program. What a block prints stands in a
`text` block after it, pictures stand beside the page; `--write` renews both.
"""

import argparse
import io
import re
from collections.abc import Mapping
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import mkdtemp

import matplotlib as mpl

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
PAGES = sorted(p for p in FOLDER.glob("*.md") if p.stem != "README")
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def run(page: Path, folder: Path, constants: Mapping[str, object] | None = None) -> str:
    """Runs a notebook in a folder, where its pictures go; returns it with its output.

    `constants` stand in place of those that it defines, `STEPS = 4000`.
    """
    names: dict[str, object] = {"__name__": page.stem}
    changed = []

    def one(found: re.Match[str]) -> str:
        code = found[1]
        for name, value in (constants or {}).items():
            code, times = re.subn(
                rf"^{name} = .*$", f"{name} = {value}", code, flags=re.MULTILINE
            )
            changed.extend([name] * times)
        printed = io.StringIO()
        with redirect_stdout(printed), chdir(folder):
            exec(compile(code, str(page), "exec"), names)
        lines = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
        output = f"\n```text\n{lines}\n```\n" if lines else ""
        return f"```python\n{found[1]}```\n{output}"

    text = BLOCK.sub(one, page.read_text())
    missing = set(constants or {}) - set(changed)
    assert not missing, f"{page.name} does not define {missing}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.notebooks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store output, pictures")
    parser.add_argument("--only", default="", help="pages whose name holds this word")
    options = parser.parse_args()
    mpl.use("Agg")
    for page in PAGES:
        if options.only in page.stem:
            text = run(page, FOLDER if options.write else Path(mkdtemp()))
            print(
                page.name,
                *re.findall(r"```text\n(.*?)```", text, re.DOTALL),
                flush=True,
            )
            if options.write:
                page.write_text(text)


if __name__ == "__main__":
    main()
