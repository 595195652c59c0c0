"""The functions of one number that the notation knows, as SymPy ones."""

from collections.abc import Callable

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.text import limits
from opcompiler.text.errors import MeaningError

_SMOOTH: dict[str, Callable[..., sp.Expr]] = {
    f.__name__: f
    for f in (
        *(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.asin, sp.acos, sp.atan),
        *(sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch, sp.asinh, sp.acosh),
        *(sp.atanh, sp.exp, sp.log, sp.erf, sp.erfc, sp.erfinv, sp.gamma, sp.loggamma),
    )
}
_KINKED: dict[str, Callable[..., sp.Expr]] = {
    "sign": sp.sign,
    "heaviside": sp.Heaviside,
    "floor": sp.floor,
    "ceil": sp.ceiling,
    "conj": sp.conjugate,
}
# SymPy would expand the arguments of these.
_HELD: dict[str, Callable[..., sp.Expr]] = {
    "abs": sp.Abs,
    "re": sp.re,
    "im": sp.im,
    "arg": sp.arg,
}
_BINARY: dict[str, Callable[..., sp.Expr]] = {"atan2": sp.atan2, "mod": sp.Mod}
_EXTREMA: dict[str, Callable[..., sp.Expr]] = {"max": sp.Max, "min": sp.Min}
_OTHER_NAMES = {
    "ln": "log",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "Abs": "abs",
    "Heaviside": "heaviside",
    "Max": "max",
    "Min": "min",
    "conjugate": "conj",
    "ceiling": "ceil",
    "lgamma": "loggamma",
    "Mod": "mod",
}
NAMES = frozenset(
    (*_SMOOTH, *_KINKED, *_HELD, *_BINARY, *_EXTREMA, *_OTHER_NAMES, "sqrt", "cbrt")
)
_MOST_EXTREMA = 16


def apply(name: str, arguments: list[sp.Expr]) -> sp.Expr:
    """Returns a function of the notation at some arguments.

    Raises:
        MeaningError: for a wrong number of arguments, and constants beyond the limits.
    """
    name = _OTHER_NAMES.get(name, name)
    _check_count(name, len(arguments))
    for argument in arguments:
        limits.check_argument(argument)
    first = arguments[0]
    if name in ("sqrt", "cbrt"):
        return limits.power(first, sp.Rational(1, 2 if name == "sqrt" else 3))
    if name in _SMOOTH:
        coarse = _is_simple(first) if first.is_number else not _is_settled(first)
        value = _SMOOTH[name](first) if coarse else _held(_SMOOTH[name], first)
    elif name in _KINKED:
        value = _KINKED[name](first)
    elif name in _HELD:
        value = held_unless_plain(_HELD[name], first)
    elif name in _BINARY:
        value = _BINARY[name](*arguments, evaluate=False)
    else:
        value = _EXTREMA[name](*arguments, evaluate=False)
    return limits.checked(value)


def held_unless_plain(function: Callable[..., sp.Expr], argument: sp.Expr) -> sp.Expr:
    """Applies a function, unevaluated where SymPy would expand its argument."""
    plain = isinstance(argument, sp.Symbol | AppliedUndef | sp.Derivative | sp.Rational)
    return function(argument) if plain else _held(function, argument)


def _held(function: Callable[..., sp.Expr], argument: sp.Expr) -> sp.Expr:
    return function(argument, evaluate=False)


def _is_settled(argument: sp.Expr) -> bool:
    """Whether SymPy, which takes a millisecond to look, would find nothing to do."""
    named = (sp.Symbol, AppliedUndef, sp.Derivative)
    number, rest = argument.as_coeff_Mul(rational=True)
    return number > 0 and all(isinstance(p, named) for p in sp.Mul.make_args(rest))


def _is_simple(number: sp.Expr) -> bool:
    """Whether SymPy finds the value of a function at this constant without effort."""
    small = all(max(abs(int(q.p)), int(q.q)) <= 60 for q in number.atoms(sp.Rational))
    return small and limits.size(number) <= 8


def _check_count(name: str, count: int) -> None:
    if name in _EXTREMA:
        allowed = 2 <= count <= _MOST_EXTREMA
        wanted = f"2 to {_MOST_EXTREMA}"
    else:
        number = 2 if name in _BINARY else 1
        allowed, wanted = count == number, str(number)
    if not allowed:
        raise MeaningError(
            f"{name} has {count} arguments here", f"{name} takes {wanted}"
        )
