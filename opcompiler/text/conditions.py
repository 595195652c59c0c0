"""Conditions of a `where`: comparisons joined by `and`, `or` and `not`, as SymPy has them.

In: a part of the tree; out: a SymPy relation, `And` or `Or`, or true or false. No `Not` is
left: `not x > 0` is `x <= 0`.
"""

from collections.abc import Callable

import sympy as sp
from sympy.logic.boolalg import BooleanAtom

from opcompiler.text.mistakes import MeaningError
from opcompiler.text.reader import Reader
from opcompiler.text.syntax import Node

_COMPARE: dict[str, Callable[..., sp.Basic]] = {
    "<": sp.Lt,
    "<=": sp.Le,
    "≤": sp.Le,
    ">": sp.Gt,
    ">=": sp.Ge,
    "≥": sp.Ge,
    "==": sp.Eq,
    "!=": sp.Ne,
    "≠": sp.Ne,
}
_OPPOSITE = {sp.Lt: sp.Ge, sp.Le: sp.Gt, sp.Gt: sp.Le, sp.Ge: sp.Lt, sp.Eq: sp.Ne,
             sp.Ne: sp.Eq, sp.And: sp.Or, sp.Or: sp.And}  # fmt: skip


def condition(reader: Reader, node: Node, negated: bool = False) -> sp.Basic:
    """Returns what a part of the text compares, or the opposite of that."""
    if node.kind == "group":
        return condition(reader, node.nodes[0], negated)
    if node.kind == "negation":
        return condition(reader, node.nodes[0], not negated)
    if node.kind == "relation":
        return _relation(reader, node, negated)
    if node.kind not in ("conjunction", "disjunction"):
        hint = "a comparison has ==" if node.kind == "named" else "write x < 0"
        raise MeaningError("this is not a condition", hint, at=node)
    join = sp.And if node.kind == "conjunction" else sp.Or
    join = _OPPOSITE[join] if negated else join
    parts = [condition(reader, part, negated) for part in node.nodes]
    flat = [p for part in parts for p in (part.args if part.func == join else [part])]
    joined = join(*flat, evaluate=False)
    if isinstance(joined, BooleanAtom) and joined not in flat:
        always = "always" if joined else "never"
        problem = f"this condition {always} holds"
        raise MeaningError(problem, "leave it out", at=node)
    return joined


def _relation(reader: Reader, node: Node, negated: bool) -> sp.Basic:
    left, right = (reader.scalar(part) for part in node.nodes)
    compare = _COMPARE[str(node.tokens("CMP")[0])]
    if compare not in (sp.Eq, sp.Ne):
        for side, part in zip((left, right), node.nodes, strict=True):
            if reader.scope.is_complex(side):
                hint = f"compare abs({reader.text(part)}) or re({reader.text(part)})"
                raise MeaningError("complex numbers have no order", hint, at=part)
    compare = _OPPOSITE[compare] if negated else compare
    if left.is_number and right.is_number:
        gap = (left - right).evalf(30)  # an index of a sum, written out
        if not gap.is_real:
            raise MeaningError(
                "complex numbers have no order", "compare abs(z)", at=node
            )
        return sp.true if compare(sp.sign(gap), 0) else sp.false
    return compare(left, right, evaluate=False)
