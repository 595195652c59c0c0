"""Refusals of names in equations: fields, coordinates, parameters, indices.

In: the names that `signature.py` has found. Out: nothing, or an `OperatorError`.

    oc.compile(x)                       # x a symbol
    # OperatorError: the equations contain no unknown field

The checks stand apart so that `signature.py` reads as what a name means. Most of them catch
a mistake that SymPy accepts in silence, such as two symbols that only look alike.
"""

from collections.abc import Mapping, Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.errors import OperatorError

CoordinateSymbol = sp.Symbol | sp.IndexedBase
"""A plain coordinate, or a vector of them."""

_RESERVED = ("key", "quadrature")
"""Arguments of a residual's call, which no parameter can be named like."""


def some_field(arity: Mapping[str, int], residuals: Sequence[sp.Expr]) -> None:
    """Refuses equations without an unknown."""
    if not arity:
        raise OperatorError(
            "the equations contain no unknown field",
            expression=", ".join(map(str, residuals)),
            hint="a field is an applied undefined function: Function('u')(t, x). Where "
            "there was one, SymPy has evaluated it away: its derivative by a symbol of "
            "other assumptions, by a pinned argument, or in sympy.vector is 0, and "
            "Function('u').diff(x), a function that is not applied, is 1",
        )


def same_field(first: AppliedUndef, written: AppliedUndef) -> None:
    """Refuses one name for fields of other arguments, or of other assumptions."""
    name = written.func.__name__
    if len(first.args) != len(written.args):
        raise OperatorError(
            f"field {name} is used with {len(first.args)} and with "
            f"{len(written.args)} arguments",
            expression=f"{first} and {written}",
            hint="give it the same arguments everywhere, or use two names",
        )
    if first.func != written.func:
        raise OperatorError(
            f"two different functions are called {name}",
            expression=written,
            hint="declare the function once, with one set of assumptions",
        )


def arguments(written: AppliedUndef, moved: Sequence[sp.Expr]) -> None:
    """Refuses arguments at which no network can be called.

    Args:
        written: the field as it stands.
        moved: its arguments with the variables that `Subs` binds replaced.
    """
    name = written.func.__name__
    if written.args != tuple(moved):
        written = written.func(*moved)
    if not moved:
        raise OperatorError(
            f"the field {name} has no arguments",
            expression=written,
            hint=f"apply it to its coordinates: {name}(t, x); a number that is to be "
            f'found is a symbol, Symbol("{name}")',
        )
    if any(_has_whole(argument) for argument in moved):
        raise OperatorError(
            f"an argument of field {name} is an expression in a whole vector",
            expression=written,
            hint="fields take whole vectors, plain coordinates and expressions in plain "
            "coordinates; for u(-x) write the components out as separate symbols",
        )


def _has_whole(argument: sp.Expr) -> bool:
    """Whether a vector stands in an expression, but not by a component or in a field."""
    if isinstance(argument, sp.IndexedBase):
        return False
    walk = sp.preorder_traversal(argument)
    for part in walk:
        if isinstance(part, sp.IndexedBase):
            return True
        if isinstance(part, sp.Indexed | AppliedUndef):
            walk.skip()
    return False


def distinct_symbols(coordinates: Sequence[CoordinateSymbol]) -> None:
    """Refuses declared coordinates that are no symbols, or named twice."""
    for coordinate in coordinates:
        if not isinstance(coordinate, CoordinateSymbol):
            raise OperatorError(
                "a coordinate must be a symbol",
                expression=coordinate,
                hint="declare it by sympy.Symbol or sympy.symbols, or oc.vector",
            )
    if not coordinates or len(set(coordinates)) < len(coordinates):
        raise OperatorError(
            "the coordinates are the columns of the points, each one once",
            expression=f"coordinates={list(coordinates)}",
            hint="name each coordinate once, or leave `coordinates` out",
        )


def parameter_names(
    parameters: Sequence[sp.Symbol], arrays: Sequence[sp.IndexedBase]
) -> None:
    """Refuses parameters that could not be given."""
    for parameter in (*parameters, *arrays):
        if str(parameter) in _RESERVED:
            raise OperatorError(
                f"a parameter cannot be called {parameter}",
                expression=parameter,
                hint=f"residual(net, points, {parameter}=...) has an argument of that "
                "name: rename the symbol",
            )
    names = {parameter.name for parameter in parameters}
    for array in arrays:
        if str(array) in names:
            raise OperatorError(
                f"{array} is both a number and an array, {array}[i]",
                expression=array,
                hint="rename one of them",
            )


def bound_index(index: sp.Idx, bound: tuple[sp.Basic, ...]) -> None:
    """Refuses an index outside of a sum over it."""
    if index not in bound:
        raise OperatorError(
            f"the index {index} stands outside of a sum over it",
            expression=index,
            hint=f"write oc.Sum(..., {index}) around it",
        )


def no_twins(symbols: Sequence[CoordinateSymbol], fields: set[str]) -> None:
    """Refuses two symbols of one name, and symbols of a field's name."""
    seen: dict[str, CoordinateSymbol] = {}
    for symbol in symbols:
        twin = seen.setdefault(symbol.name, symbol)
        if twin != symbol:
            raise OperatorError(
                f"two different symbols are called {symbol.name}",
                expression=symbol.name,
                hint="they differ in their assumptions, or are Dummy symbols, so SymPy has "
                "already taken derivatives by one of them for zero; declare the symbol "
                "once",
            )
        if symbol.name in fields:
            raise OperatorError(
                f"{symbol.name} is both a field and a symbol",
                expression=symbol.name,
                hint=f"apply the field to its arguments everywhere, "
                f"or rename the symbol {symbol.name}",
            )
