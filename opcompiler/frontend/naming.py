"""Names of functionals in the shell: `u_xx` where it can be, `lin0` where it cannot."""

import re
from collections.abc import Sequence

import sympy as sp

from opcompiler.ir import Functional


def ordered(expr: sp.Basic) -> list[sp.Basic]:
    """Returns the free symbols, in an order that no hash decides.

    For whatever numbers or names things as it meets them.
    """
    return sorted(expr.free_symbols, key=sp.default_sort_key)


def printable(expr: sp.Expr) -> str:
    """Returns an argument as text, dummies by their bare names."""
    dummies = {s: sp.Symbol(s.name) for s in expr.free_symbols if _is_dummy(s)}
    return str(expr.xreplace(dummies))


def _is_dummy(symbol: sp.Basic) -> bool:
    return isinstance(symbol, sp.Dummy)


def functional_names(
    functionals: Sequence[Functional],
    sites: Sequence[Sequence[str]],
    taken: set[str],
) -> tuple[str, ...]:
    """Returns a unique Python name per functional, by what it holds.

    A single derivative at a site of plain names is called as in print, `u_xx`; other
    sites add their number, combinations are numbered.
    """
    used = set(taken)
    names = []
    for functional in functionals:
        name = _wish(functional, sites[functional.site])
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return tuple(names)


def _wish(functional: Functional, arguments: Sequence[str]) -> str:
    symbol = functional.symbol
    plain = all(argument.isidentifier() for argument in arguments)
    single = len(symbol.terms) == 1 and symbol.terms[0][1] == 1
    if single and plain:
        label = symbol.terms[0][0].label(functional.field, arguments)
        return re.sub(r"\W+", "_", label).strip("_")
    if single:
        orders = "".join(map(str, symbol.terms[0][0].exponents))
        return f"{functional.field}_d{orders}_site{functional.site}"
    return f"{functional.field}_sum_site{functional.site}"
