r"""Text for a terminal, a file or a page, in which every character can be seen.

A name may hold anything, also characters that move the cursor, colour the terminal or turn
the direction of writing. They are written as Python writes them in a string, `\x1b`.
"""

from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_WIDTH = 96


def visible(text: str) -> str:
    """Returns a text whose every character is printed, but for the ends of lines.

    Args:
        text: of any characters.

    Returns:
        The text, with escapes for characters that are not printed.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode()
        for c in text
    )


def plain_text(*parts: "RenderableType") -> str:
    """Returns lines and tables as text, without colours, at most 96 columns wide.

    It is the same wherever it is printed: on a terminal, into a file, in a notebook.
    """
    from rich.console import Console

    stream = StringIO()
    console = Console(
        file=stream,
        width=_WIDTH,
        highlight=False,
        color_system=None,
        markup=False,
        emoji=False,
        # Where these are found out, a notebook displays the text and the stream has none.
        force_jupyter=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part)
    lines = stream.getvalue().removesuffix("\n").split("\n")
    return visible("\n".join(line.rstrip() for line in lines))


def simple_table(*columns: str, right: tuple[str, ...] = ()) -> "Table":
    """Returns an empty table whose cells are folded, some columns set flush right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify = "right" if column in right else "left"
        table.add_column(column, overflow="fold", justify=justify)
    return table
