"""What can be read in two ways is refused, with both ways to write it.

* `Δu²`, `∂_x u*v`, `∇u·v`: papers mean either. A prefix operator therefore takes one
  factor, and nothing may be multiplied to it on the right without parentheses.
* `1/2 ∇²u`: what has no sign of a product may belong below the line.
* `a·b·c`, `a×b×c`: these products are not associative.
* `v·∇v`: conventions differ on which index of the matrix ∇v the product sums over.
"""

from typing import Protocol

from lark import Token

from opcompiler.text.mistakes import MeaningError, NotationError
from opcompiler.text.syntax import Node
from opcompiler.text.values import Jacobian, shape, Value

_PREFIXES = {
    *("grad", "div", "curl", "nabla_power", "laplacian", "laplacian_power", "partial"),
    *("operator_quotient", "material", "radical", "along"),
}


class _Place(Protocol):
    def text(self, node: Node | Token) -> str: ...
    def words(self, start: int, end: int) -> str: ...
    def error(self, node: Node | Token, problem: str, hint: str) -> NotationError: ...


def refuse_doubtful_product(node: Node, place: _Place) -> None:
    """Refuses a product in which a prefix operator has another factor on its right.

    Also one in which something without a sign stands behind a quotient.
    """
    _refuse_behind_quotient(node, place)
    for left, sign, right in zip(
        node.children[0::2], node.children[1::2], node.children[2::2], strict=False
    ):
        prefix = _ending(left)
        if prefix is not None:
            rest = f"{place.text(sign) or ' '}{place.text(right)}"
            raise _doubt(prefix, rest, place)


def _refuse_behind_quotient(node: Node, place: _Place) -> None:
    whole = place.text(node)
    slash: Token | None = None
    for sign, right in zip(node.children[1::2], node.children[2::2], strict=True):
        assert isinstance(sign, Token)
        assert isinstance(right, Node)
        if slash is not None and not sign:
            above = whole[: (slash.start_pos or 0) - node.start].rstrip()
            middle = whole[
                (slash.end_pos or 0) - node.start : (sign.start_pos or 0) - node.start
            ].strip()
            last = place.text(right)
            raise place.error(
                node,
                f"{whole} can be read in two ways",
                f"write ({above}/{middle})*{last} or {above}/({middle}*{last})",
            )
        if sign.type == "SLASH":
            slash = sign


class Chain:
    """A product of several factors, multiplied from the left.

    Attributes:
        value: the product so far.
    """

    def __init__(self, value: Value, first: Node) -> None:
        self.value = value
        self._begin = first.start
        self._last = first
        self._contracted: Token | None = None

    def grow(self, value: Value) -> None:
        """Takes a product with a scalar, which can be grouped as one likes."""
        self.value = value

    def multiply(self, value: Value, sign: Token, right: Value, factor: Node) -> None:
        """Takes the product with one more factor."""
        if shape(right):
            inner = sign.type == "DOT" and shape(self.value) and len(shape(right)) == 1
            contracts = inner or sign.type == "CROSS"
            self._contracted = sign if contracts else None
            self._last = factor
        self.value = value

    def refuse_regrouping(
        self, sign: Token, right: Value, factor: Node, place: _Place
    ) -> None:
        """Refuses `a·b·c` and `a×b×c` of vectors."""
        before = self._contracted
        if before is None or before.type != sign.type or not shape(right):
            return
        if sign.type == "CROSS" and not shape(self.value):
            return  # in the plane only one reading has a meaning
        first = place.words(self._begin, before.start_pos or 0)
        both = place.words(self._begin, sign.start_pos or 0)
        middle = place.words(self._last.start, sign.start_pos or 0)
        last = place.text(factor)
        raise MeaningError(
            f"{both}{sign}{last} can be read in two ways",
            f"write ({both}){sign}{last} or {first}{sign}({middle}{sign}{last})",
        )


def refuse_doubtful_dot(left: Value, right: Value, words: tuple[str, str]) -> None:
    """Refuses the product of a vector and the gradient of a vector.

    Args:
        left: a factor.
        right: the other one.
        words: both, as they were written.

    Raises:
        MeaningError: unless the matrix is symmetric, so that both readings are one.
    """
    for matrix, vector, by in ((right, left, words[0]), (left, right, words[1])):
        square = isinstance(matrix, Jacobian) and len(set(shape(matrix))) == 1
        if not square or len(shape(vector)) != 1 or matrix.is_symmetric:
            continue
        v = matrix.of
        raise MeaningError(
            f"the product of {by} and {f'∇{v}' if v else 'the gradient of a vector'} can "
            "be read in two ways",
            f"write advect({by}, {v or 'v'}) for the derivative along {by}, or "
            f"dot(transpose(grad({v or 'v'})), {by}) for the other one",
        )


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
