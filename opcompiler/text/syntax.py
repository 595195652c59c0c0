"""The syntax tree: what was written and where, before names mean anything."""

from collections.abc import Sequence

from lark import Token

DEEPEST = 80
"""Nesting that a text may have; a tree within it is walked by plain recursion."""


class TooDeepError(Exception):
    """A tree is nested beyond `DEEPEST`; holds the place where that happens."""

    def __init__(self, start: int) -> None:
        self.start = start
        super().__init__("too deep")


class Node:
    """One rule of the grammar, applied.

    Attributes:
        kind: the rule's name.
        children: nodes, and tokens that are not filtered out.
        start: offset of the first character in the text.
        end: offset behind the last one.
        depth: of the tree below, counting this node.
    """

    __slots__ = ("children", "data", "depth", "end", "start")

    def __init__(self, data: str, children: Sequence["Node | Token"]) -> None:
        self.data = str(data)
        self.children = list(children)
        self.start: int = span(children[0])[0] if children else 0
        self.end: int = span(children[-1])[1] if children else 0
        # Names with an underscore are lists that Lark grows by one item a time: they are
        # gone when the rule around them is applied, which looks at all items once.
        self.depth = 0
        if not self.data.startswith("_"):
            inner = (c.depth for c in children if isinstance(c, Node))
            self.depth = max(inner, default=0) + 1
        if self.depth > DEEPEST:
            raise TooDeepError(self.start)

    @property
    def kind(self) -> str:
        """The name of the rule."""
        return self.data

    @property
    def nodes(self) -> list["Node"]:
        """The children that are nodes."""
        return [child for child in self.children if isinstance(child, Node)]

    def tokens(self, *kinds: str) -> list[Token]:
        """Returns the children that are tokens of some kinds, in order."""
        tokens = [child for child in self.children if isinstance(child, Token)]
        return [token for token in tokens if token.type in kinds]


def span(part: "Node | Token") -> tuple[int, int]:
    """Returns the offsets of a part's first character, and behind its last one."""
    if isinstance(part, Node):
        return part.start, part.end
    return part.start_pos or 0, part.end_pos or 0
