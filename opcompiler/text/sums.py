"""Sums over an index, and integrals.

A sum is written out while it is short; over a symbolic or a very large number of
coordinates it stays a SymPy `Sum` whose index counts from 0, as SymPy's `Indexed` does.
In the text components count from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from opcompiler.frontend.integrals import infinite_end
from opcompiler.text import limits, vectors
from opcompiler.text.errors import MeaningError
from opcompiler.text.names import spelled
from opcompiler.text.syntax import Node
from opcompiler.text.values import Value

if TYPE_CHECKING:
    from opcompiler.text.expressions import Reader


def total(reader: Reader, arguments: list[Node]) -> Value:
    """Returns `sum(i=1..d, body)`; several ranges nest."""
    *ranges, body = arguments
    if not ranges or any(r.kind != "ranged" for r in ranges):
        raise MeaningError("a sum needs its range", "write sum(i=1..d, body)")
    return _sum_over(reader, ranges, body)


def _sum_over(reader: Reader, ranges: list[Node], body: Node) -> Value:
    if not ranges:
        return reader.value(body)
    first, *rest = ranges
    name = spelled(str(first.tokens("NAME")[0]))
    if reader.scope.declares(name):
        raise reader.error(
            first, f"{name} is declared already", "give the index a name of its own"
        )
    lower, upper = (_bound(reader, node) for node in first.nodes)
    if isinstance(lower, sp.Integer) and isinstance(upper, sp.Integer):
        count = int(upper) - int(lower) + 1
        if count < 1:
            raise reader.error(first, "this range is empty", "write sum(i=1..n, ...)")
        if _all_written_out(reader):
            if count > limits.LONGEST_SUM:
                raise reader.error(
                    first,
                    f"this sum has {count} terms",
                    f"sums of up to {limits.LONGEST_SUM} terms are written out",
                )
            terms = []
            for number in range(int(lower), int(upper) + 1):
                reader.scope.bound[name] = sp.Integer(number)
                terms.append(reader.charge(_sum_over(reader, rest, body)))
            del reader.scope.bound[name]
            return vectors.add(terms)
    i = sp.Symbol(name, integer=True)
    reader.scope.bound[name] = i
    held = vectors.scalar(_sum_over(reader, rest, body), "what is summed")
    del reader.scope.bound[name]
    return reader.charge(sp.Sum(shifted(held, i, 1), (i, lower - 1, upper - 1)))


def shifted(body: sp.Basic, index: sp.Symbol, by: int) -> sp.Expr:
    """Returns `body` with `index + by` for `index`."""
    return body.xreplace({index: index + by})


def _bound(reader: Reader, node: Node) -> sp.Expr:
    value = reader.scalar(node, "the end of a range")
    value = reader.scope.numbers(value)
    whole = value.is_Integer or (value.free_symbols and not value.has(sp.Function))
    if not whole:
        raise reader.error(node, "the end of a range is no integer", "write i=1..10")
    return value


def _all_written_out(reader: Reader) -> bool:
    return all(c.written_out for c in reader.scope.coordinates.values())


def integral(reader: Reader, arguments: list[Node]) -> Value:
    """Returns `int(body, s, a, b)`; `s` is a name of its own, or a coordinate."""
    if len(arguments) != 4 or arguments[1].kind != "name":
        raise MeaningError(
            "an integral is int(body, s, a, b)", "e.g. int(u(s), s, 0, x)"
        )
    body, variable, *ends = arguments
    name = spelled(str(variable.children[0]))
    for end in ends:
        if reader.infinite(end) is not None:
            raise reader.error(end, *infinite_end(name))
    lower, upper = (reader.scalar(end, "an end of an integral") for end in ends)
    scope = reader.scope
    if name in scope.symbols:
        symbol = scope.symbols[name]
        value = reader.scalar(body, "an integrand")
    elif scope.declares(name):
        raise reader.error(
            variable, f"{name} is declared already", "integrate over a fresh name"
        )
    else:
        symbol = scope.bound[name] = sp.Symbol(name)
        value = reader.scalar(body, "an integrand")
        del scope.bound[name]
    return sp.Integral(value, (symbol, lower, upper))
