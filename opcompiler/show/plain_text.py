"""Tables as plain text, the same wherever they are printed: terminal, file, notebook."""

from io import StringIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from opcompiler.visible import visible

_WIDTH = 96


def plain_text(*parts: RenderableType) -> str:
    """Returns lines and tables as text, without colours, at most 96 columns wide."""
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


def simple_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Returns an empty table whose cells are folded, some columns set flush right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify = "right" if column in right else "left"
        table.add_column(column, overflow="fold", justify=justify)
    return table
