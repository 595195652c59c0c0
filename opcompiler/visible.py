r"""Text in which everything is seen: what a terminal or a page is given to show.

A name may hold anything, also characters that move the cursor, colour the terminal or turn
the direction of writing. They are written as Python writes them in a string, `\x1b`.
"""


def visible(text: str) -> str:
    """Returns a text whose every character is printed, but for the ends of lines.

    Args:
        text: of any characters.

    Returns:
        The text, with escapes for characters that are not printed.
    """
    lines = text.split("\n")
    return "\n".join(line if line.isprintable() else _escaped(line) for line in lines)


def _escaped(line: str) -> str:
    shown = (
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in line
    )
    return "".join(shown)
