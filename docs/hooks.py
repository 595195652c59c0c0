"""What MkDocs does not do by itself, for the site that `mkdocs.yml` describes.

In come the pages as they stand in the repository, where their links work too; out goes
what MkDocs needs:

    README.md at the top      is the page index.md
    nav: extending/*          is every page of that folder, an index first
    [a](../examples/a.py)     is a link to a copy of that file in the site
    $u_x$                     is MathML, which browsers draw without a script
"""

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
# Pages outside docs/, by where they stand in the site.
OUTSIDE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "examples.md": "examples/README.md",
    "grammar.md": "grammar/README.md",
}
LINK = re.compile(r"(\]\(|(?:src|href)=\")([^)\s\"#]+)")
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL
)


def on_config(config):
    """Writes every `folder/*` of the nav out."""
    config.nav = _written_out(config.nav)
    return config


def _written_out(entry):
    if isinstance(entry, list):
        return [_written_out(e) for e in entry]
    if isinstance(entry, dict):
        return {title: _written_out(e) for title, e in entry.items()}
    if not entry.endswith("/*"):
        return entry
    folder = ROOT / "docs" / entry[:-2]
    # False sorts before True: the index of a folder comes first.
    pages = sorted(
        folder.glob("*.md"), key=lambda p: (p.stem not in {"README", "index"}, p.name)
    )
    return [p.relative_to(ROOT / "docs").as_posix() for p in pages]


def on_files(files, config):
    """Adds the pages outside docs/, and the files outside it that pages link."""
    for uri, source in OUTSIDE.items():
        text = (ROOT / source).read_text()
        files.append(File.generated(config, uri, content=text))
    for file in [f for f in files if f.is_documentation_page()]:
        for _, link in LINK.findall(CODE.sub("", file.content_string)):
            target = _in_site(file.src_uri, link)
            if target and target.startswith("files/") and target not in files.src_uris:
                where = str(ROOT / target.removeprefix("files/"))
                files.append(File.generated(config, target, abs_src_path=where))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turns the links between files of the repository into links of the site."""

    def moved(found):
        target = _in_site(page.file.src_uri, found[2])
        if target is None:
            return found[0]
        folder = posixpath.dirname(page.file.src_uri) or "."
        return found[1] + posixpath.relpath(target, folder)

    parts = CODE.split(markdown)
    # Every second part is code, which stays as it is.
    parts[::2] = [LINK.sub(moved, part) for part in parts[::2]]
    return "".join(parts)


def _in_site(page, link):
    """Where in the site the target of a link is; None for another host's."""
    if re.match(r"\w+:", link):
        return None
    source = OUTSIDE.get(page, f"docs/{page}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    inside = {source: uri for uri, source in OUTSIDE.items()}
    if target in inside:
        return inside[target]
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return f"files/{target}" if (ROOT / target).is_file() else target


def on_page_content(content, page, config, files):
    """Draws the formulas."""

    def drawn(found):
        display = "block" if found[2] == "[" else "inline"
        return convert(html.unescape(found[3]), display=display)

    return FORMULA.sub(drawn, content)
