"""A function of the notation at its arguments: `apply("tanh", [u])`.

`opcompiler/functions.py` has the functions and their names. Arguments are checked here, and
SymPy evaluates a call only where that takes no time and leaves the formula as written.
"""

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.functions import Entry, NAMED
from opcompiler.text import limits
from opcompiler.text.mistakes import MeaningError

_ROOTS = {"sqrt": 2, "cbrt": 3}
"""Written as powers, not as functions."""

NAMES = (*NAMED, *_ROOTS)
_MOST_EXTREMA = 16


def apply(name: str, arguments: list[sp.Expr]) -> sp.Expr:
    """Returns a function of the notation at some arguments.

    Raises:
        MeaningError: for a wrong number of arguments, and constants beyond the limits.
    """
    entry = NAMED.get(name)
    _check_count(name, entry, len(arguments))
    for argument in arguments:
        limits.check_argument(argument)
    first = arguments[0]
    if entry is None:
        return limits.power(first, sp.Rational(1, _ROOTS[name]))
    if entry.folded or entry.arity > 1 or not _is_evaluated(entry, first):
        return limits.checked(entry.kind(*arguments, evaluate=False))
    return limits.checked(entry.kind(first))


def _is_evaluated(entry: Entry, argument: sp.Expr) -> bool:
    named = (sp.Symbol, AppliedUndef, sp.Derivative)
    if entry.evaluated == "symbols":
        return isinstance(argument, (*named, sp.Rational))
    if entry.evaluated == "always":
        return True
    if argument.is_number:  # a constant at which SymPy finds the value without effort
        numbers = argument.atoms(sp.Rational)
        small = all(max(abs(int(q.p)), int(q.q)) <= 60 for q in numbers)
        return small and limits.size(argument) <= 8
    # SymPy takes a millisecond to look; at 2 u_x it would find nothing to do.
    number, rest = argument.as_coeff_Mul(rational=True)
    return not (
        number > 0 and all(isinstance(p, named) for p in sp.Mul.make_args(rest))
    )


def _check_count(name: str, entry: Entry | None, count: int) -> None:
    if entry is not None and entry.folded:
        allowed, wanted = 2 <= count <= _MOST_EXTREMA, f"2 to {_MOST_EXTREMA}"
    else:
        number = entry.arity if entry else 1
        allowed, wanted = count == number, str(number)
    if not allowed:
        own = entry.text.split()[0] if entry else name
        raise MeaningError(f"{own} has {count} arguments here", f"{own} takes {wanted}")
