"""The reader: from parts of the syntax tree to what they stand for.

In: the source, the scope of declared names, and a table with a function for each rule of
the grammar. Out: values; a part is read by the function of its rule, which reads its parts.

    reader = Reader(source, scope, RULES)
    reader.value(node)     an expression, or a tuple of such
    reader.scalar(node)    an expression

The functions stand in `expressions.py` and `heads.py`. They raise `MeaningError`; the part
that was being read then gives its place. Nothing is evaluated but arithmetic of numbers,
and all that is written out is counted, within `limits.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp
from lark import Token

from opcompiler.text import limits
from opcompiler.text.mistakes import MeaningError, Source
from opcompiler.text.scope import INFINITE, Scope
from opcompiler.text.shapes import scalar
from opcompiler.text.syntax import Node
from opcompiler.text.values import flat, Value

Rule = Callable[["Reader", Node], Value]
"""What a rule of the grammar means."""


class Reader:
    """Reads the expressions of one text.

    Attributes:
        source: for pointing at mistakes.
        scope: the names declared so far.
    """

    def __init__(self, source: Source, scope: Scope, rules: Mapping[str, Rule]) -> None:
        self.source = source
        self.scope = scope
        self._rules = rules
        self._spent = 0

    def value(self, node: Node) -> Value:
        """Returns the value of an expression, a vector perhaps.

        Raises:
            NotationError: with the place of the innermost part that has no meaning.
        """
        try:
            self._spend(1)
            return self._rules[node.kind](self, node)
        except MeaningError as error:
            raise self.source.placed(error, node) from None

    def scalar(self, node: Node, what: str = "this") -> sp.Expr:
        """Returns the value of an expression that must be a scalar."""
        value = self.value(node)
        try:
            return scalar(value, what)
        except MeaningError as error:
            raise self.source.placed(error, node) from None

    def infinite(self, node: Node) -> sp.Expr | None:
        """Returns infinity where a part of the text says so, and `None` elsewhere."""
        sign = 1
        while node.kind in ("sign", "group"):
            sign *= -1 if node.tokens("MINUS") else 1
            node = node.nodes[0]
        name = str(node.children[0]) if node.kind == "name" else ""
        declared = self.scope.declares(name)
        return sign * sp.oo if name in INFINITE and not declared else None

    def charge(self, value: Value) -> Value:
        """Counts what an operator or a definition has written out; returns it."""
        for part in flat(value):
            self._spend(limits.size(part))
        return value

    def text(self, node: Node | Token) -> str:
        """Returns the words of a part, as they were written."""
        return self.source.words(node)

    def words(self, start: int, end: int) -> str:
        """Returns what is written from one offset up to another."""
        return self.source.text[start:end].strip()

    def _spend(self, amount: int) -> None:
        self._spent += amount
        if self._spent > limits.MOST_TERMS:
            raise MeaningError(
                "the equations are too long when everything is written out",
                f"up to {limits.MOST_TERMS} terms and factors are read",
            )
