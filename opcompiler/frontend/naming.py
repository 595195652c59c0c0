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
    dummies = [s for s in expr.free_symbols if isinstance(s, sp.Dummy)]
    return str(expr.xreplace({s: sp.Symbol(s.name) for s in dummies}))


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
        field, symbol = functional.field, functional.symbol
        arguments = sites[functional.site]
        alpha, coefficient = symbol.terms[0]
        if len(symbol.terms) > 1 or coefficient != 1:
            name = f"{field}_sum_site{functional.site}"
        elif all(argument.isidentifier() for argument in arguments):
            name = re.sub(r"\W+", "_", alpha.label(field, arguments)).strip("_")
        else:
            orders = "".join(map(str, alpha.exponents))
            name = f"{field}_d{orders}_site{functional.site}"
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return tuple(names)
