"""A walk over expressions that meets each distinct part once.

An expression of very many terms in very many coordinates holds the same `u(x0, x1, ...)` in
each term: as a tree it is quadratic in size, by its distinct parts linear.
"""

from collections.abc import Iterator

import sympy as sp


def parts(
    *expressions: sp.Basic, closed: type[sp.Basic] | tuple[()] = ()
) -> Iterator[sp.Basic]:
    """Yields the distinct parts of expressions in preorder, themselves first.

    Args:
        expressions: in order.
        closed: a class of which the parts of objects are left out.
    """
    seen: set[sp.Basic] = set()
    ahead = list(reversed(expressions))
    while ahead:
        part = ahead.pop()
        if part not in seen:
            seen.add(part)
            yield part
            if not isinstance(part, closed):
                ahead.extend(reversed(part.args))
