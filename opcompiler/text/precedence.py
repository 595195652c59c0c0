"""What can be read in two ways is refused, with both ways to write it.

* `Δu²`, `∂_x u*v`, `∇u·v`: papers mean either. A prefix operator therefore takes one
  factor, and nothing may be multiplied to it on the right without parentheses.
* `1/2 ∇²u`: what has no sign of a product may belong below the line.
* `a·b·c`, `a×b×c`: these products are not associative.
* `v·∇v`: conventions differ on which index of the matrix ∇v the product sums over.
"""

from lark import Token

from opcompiler.text.mistakes import MeaningError
from opcompiler.text.reader import Reader
from opcompiler.text.syntax import Node
from opcompiler.text.values import Jacobian, shape, Value

_PREFIXES = {
    *("grad", "div", "curl", "nabla_power", "laplacian", "laplacian_power", "partial"),
    *("operator_quotient", "material", "radical", "along"),
}


def refuse_doubtful_product(reader: Reader, node: Node) -> None:
    """Refuses a product in which a prefix operator has another factor on its right.

    Also one in which something without a sign stands behind a quotient.
    """
    slash: Token | None = None
    for sign, right in zip(node.children[1::2], node.children[2::2], strict=True):
        assert isinstance(sign, Token)
        if slash is not None and not sign:
            above = reader.words(node.start, slash.start_pos or 0)
            middle = reader.words(slash.end_pos or 0, sign.start_pos or 0)
            last = reader.text(right)
            raise MeaningError(
                f"{reader.text(node)} can be read in two ways",
                f"write ({above}/{middle})*{last} or {above}/({middle}*{last})",
                at=node,
            )
        slash = sign if sign.type == "SLASH" else slash
    for left, sign, right in zip(
        node.children[0::2], node.children[1::2], node.children[2::2], strict=False
    ):
        prefix = _ending(left)
        if prefix is not None:
            operand = prefix.nodes[-1]
            whole, inner = reader.text(prefix), reader.text(operand)
            rest = f"{reader.text(sign) or ' '}{reader.text(right)}"
            before = reader.words(prefix.start, operand.start)
            raise MeaningError(
                f"{whole}{rest} can be read in two ways",
                f"write ({whole}){rest} or {before}({inner}{rest})",
                at=prefix,
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


def regrouped(
    reader: Reader, node: Node, signs: tuple[Token, Token], factors: tuple[Node, Node]
) -> MeaningError:
    """Returns the error about `a·b·c` and `a×b×c` of vectors.

    Args:
        reader: of the text.
        node: the product.
        signs: both, in order.
        factors: b and c.
    """
    first = reader.words(node.start, signs[0].start_pos or 0)
    both = reader.words(node.start, signs[1].start_pos or 0)
    middle = reader.words(factors[0].start, signs[1].start_pos or 0)
    sign, last = signs[1], reader.text(factors[1])
    return MeaningError(
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


def refuse_doubtful_power(reader: Reader, node: Node) -> None:
    """Refuses a prefix operator before a power that has no parentheses."""
    operand = node.nodes[-1]
    if operand.kind == "power":
        base = operand.children[0]
        assert isinstance(base, Node)
        sign = reader.words(node.start, operand.start)
        inside = reader.text(base)
        raised = reader.text(operand)[base.end - operand.start :]
        single = inside if base.kind in ("group", "name") else f"({inside})"
        raise MeaningError(
            f"{reader.text(node)} can be read in two ways",
            f"write ({sign}{single}){raised} or {sign}({reader.text(operand)})",
            at=node,
        )
