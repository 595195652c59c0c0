"""What can be read in two ways is refused, with both ways to write it.

`Δu²`, `∂_x u*v`, `∇u·v`: papers mean either. A prefix operator therefore takes one
factor, and nothing may be multiplied to it on the right without parentheses.
"""

from typing import Protocol

from lark import Token

from opcompiler.notation.errors import NotationError
from opcompiler.notation.syntax import Node

_PREFIXES = {
    *("grad", "div", "curl", "nabla_power", "laplacian", "laplacian_power", "partial"),
    *("operator_quotient", "material", "radical", "along"),
}


class _Place(Protocol):
    def text(self, node: Node | Token) -> str: ...
    def error(self, node: Node | Token, problem: str, hint: str) -> NotationError: ...


def refuse_doubtful_product(node: Node, place: _Place) -> None:
    """Refuses a product in which a prefix operator has another factor on its right."""
    for left, sign, right in zip(
        node.children[0::2], node.children[1::2], node.children[2::2], strict=False
    ):
        prefix = _ending(left)
        if prefix is not None:
            rest = f"{place.text(sign)}{place.text(right)}"
            raise _doubt(prefix, rest, place)


def refuse_doubtful_power(node: Node, place: _Place) -> None:
    """Refuses a prefix operator before a power that has no parentheses."""
    operand = node.nodes[-1]
    if operand.kind == "power":
        base = operand.children[0]
        assert isinstance(base, Node)
        whole, inner = place.text(node), place.text(operand)
        sign = whole[: operand.start - node.start].rstrip()
        inside = place.text(base)
        raised = inner[base.end - operand.start :]
        single = inside if base.kind in ("group", "name") else f"({inside})"
        raise place.error(
            node,
            f"{whole} can be read in two ways",
            f"write ({sign}{single}){raised} or {sign}({inner})",
        )


def _ending(part: Node | Token) -> Node | None:
    """Returns the prefix operator that a factor ends with, if its operand is bare."""
    if isinstance(part, Token):
        return None
    if part.kind in ("sign", "power") and part.nodes:
        return _ending(part.children[-1])
    if part.kind in _PREFIXES:
        operand = part.nodes[-1]
        return None if operand.kind == "group" else _ending(operand) or part
    return None


def _doubt(prefix: Node, rest: str, place: _Place) -> NotationError:
    operand = prefix.nodes[-1]
    whole, inner = place.text(prefix), place.text(operand)
    sign = whole[: operand.start - prefix.start].rstrip()
    return place.error(
        prefix,
        f"{whole}{rest} can be read in two ways",
        f"write ({whole}){rest} or {sign}({inner}{rest})",
    )
