r"""The forms that only LaTeX has: dots, stars, transposes, roots, integrals, cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sympy as sp

from opcompiler.notation import calls, functions, limits, sums, vectors
from opcompiler.notation.derivatives import differentiate
from opcompiler.notation.errors import MeaningError
from opcompiler.notation.problem import Value
from opcompiler.notation.syntax import Node

if TYPE_CHECKING:
    from opcompiler.notation.expressions import Reader


def _dotted(reader: Reader, node: Node) -> Value:
    dots, name = node.tokens("DOTTED", "NAME")
    value = reader.value(Node("name", [name]))
    steps = [(reader.scope.time, len(dots))]
    return reader.charge(differentiate(value, steps, reader.scope))


def _conjugated(reader: Reader, node: Node) -> Value:
    value = reader.value(node.nodes[0])
    return vectors.each(lambda part: functions.apply("conj", [part]), value)


def _transposed(reader: Reader, node: Node) -> Value:
    return vectors.transpose(reader.value(node.nodes[0]))


def _root(reader: Reader, node: Node) -> Value:
    degree, radicand = (reader.scalar(part) for part in node.nodes)
    return limits.power(radicand, limits.power(degree, sp.S.NegativeOne))


def _integration(reader: Reader, node: Node) -> Value:
    lower, upper, body, variable = node.nodes
    return sums.integral(reader, [body, variable, lower, upper])


def _cases(reader: Reader, node: Node) -> Value:
    *pieces, last = node.nodes
    if last.tokens("WHEN") or not pieces:
        raise MeaningError(
            "cases without a last one for all other points",
            "end with a row `b & \\text{otherwise}`",
        )
    arguments: list[Node] = []
    for piece in pieces:
        if not piece.tokens("WHEN"):
            raise reader.error(
                piece, "a case in the middle without condition", "add one"
            )
        arguments += [piece.nodes[1], piece.nodes[0]]
    return calls.where(reader, [*arguments, last.nodes[0]])


FORMS: dict[str, Callable[[Reader, Node], Value]] = {
    "cases": _cases,
    "conjugated": _conjugated,
    "dotted": _dotted,
    "integration": _integration,
    "root": _root,
    "transposed": _transposed,
}
"""By rule of `grammar/latex.lark`; the other rules are those of `operator.lark`."""
