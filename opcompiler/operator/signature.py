"""Which symbols of the equations are fields, coordinates and parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.core.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Signature:
    """The declared and discovered names of a set of equations.

    Attributes:
        coordinates: in order of first appearance in the fields' arguments.
        fields: names in order of first appearance.
        arity: number of arguments of each field, in the order of `fields`.
        parameters: every other free symbol, by name.
    """

    coordinates: tuple[sp.Symbol, ...]
    fields: tuple[str, ...]
    arity: tuple[int, ...]
    parameters: tuple[sp.Symbol, ...]


@dataclass
class _Arguments:
    """What one slot of a field was seen to hold, over all its applications."""

    plain: list[sp.Symbol] = field(default_factory=list)
    composite: list[sp.Expr] = field(default_factory=list)
    bound: list[sp.Symbol] = field(default_factory=list)


def read_signature(
    residuals: Sequence[sp.Expr], coordinates: Sequence[sp.Symbol] | None = None
) -> Signature:
    """Finds fields, coordinates and parameters by a walk over the expression trees.

    A coordinate is a symbol that stands alone as an argument of a field. Where a field
    never has one, the symbols inside its composite arguments are taken, and at last the
    variables bound by `Subs`. `coordinates` overrides the search.
    """
    applications = [
        found for residual in residuals for found in _applications(residual, ())
    ]
    arity = _arities([application for application, _ in applications])
    if not arity:
        raise OperatorError(
            "the equations contain no unknown field",
            expression=", ".join(map(str, residuals)),
            hint="a field is an applied undefined function: Function('u')(t, x)",
        )
    found = _declared(coordinates) if coordinates else _coordinates(applications)
    symbols = _free_symbols(residuals)
    _refuse_twins([*found, *symbols], set(arity))
    parameters = sorted((s for s in symbols if s not in found), key=lambda s: s.name)
    return Signature(found, tuple(arity), tuple(arity.values()), tuple(parameters))


def _applications(
    expr: sp.Basic, bound: tuple[sp.Basic, ...]
) -> Iterator[tuple[AppliedUndef, tuple[sp.Basic, ...]]]:
    """Yields every applied field in preorder, with the variables bound around it."""
    if isinstance(expr, AppliedUndef):
        yield expr, bound
        return
    if isinstance(expr, sp.Subs):
        yield from _applications(expr.expr, (*bound, *expr.variables))
        for value in expr.point:
            yield from _applications(value, bound)
        return
    if isinstance(expr, sp.Derivative):
        yield from _applications(expr.expr, bound)
        return
    for argument in expr.args:
        yield from _applications(argument, bound)


def _arities(applications: Sequence[AppliedUndef]) -> dict[str, int]:
    arity: dict[str, int] = {}
    first: dict[str, AppliedUndef] = {}
    for application in applications:
        name = application.func.__name__
        known = arity.setdefault(name, len(application.args))
        seen = first.setdefault(name, application)
        if known != len(application.args):
            raise OperatorError(
                f"field {name} is used with {known} and with "
                f"{len(application.args)} arguments",
                expression=f"{seen} and {application}",
                hint="give it the same arguments everywhere, or use two names",
            )
        if seen.func != application.func:
            raise OperatorError(
                f"two different functions are called {name}",
                expression=application,
                hint="declare the function once, with one set of assumptions",
            )
        nested = [a for a in application.args if a.has(AppliedUndef)]
        if nested:
            raise OperatorError(
                f"an argument of field {name} is itself a field",
                expression=application,
                hint="arguments may hold coordinates, parameters and numbers only",
            )
    return arity


def _declared(coordinates: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    for coordinate in coordinates:
        if not isinstance(coordinate, sp.Symbol):
            raise OperatorError(
                "a coordinate must be a symbol",
                expression=coordinate,
                hint="declare it by sympy.Symbol or sympy.symbols",
            )
    return tuple(dict.fromkeys(coordinates))


def _coordinates(
    applications: Sequence[tuple[AppliedUndef, tuple[sp.Basic, ...]]],
) -> tuple[sp.Symbol, ...]:
    plain: dict[sp.Symbol, None] = {}
    for application, bound in applications:
        for argument in application.args:
            if isinstance(argument, sp.Symbol) and argument not in bound:
                plain.setdefault(argument)
    found = dict(plain)
    for application, bound in applications:
        for argument in application.args:
            inside = [s for s in _ordered_symbols(argument) if s not in bound]
            if not any(s in found for s in inside):
                found.update(dict.fromkeys(inside))
    for application, bound in applications:
        if any(s in found for a in application.args for s in a.free_symbols):
            continue
        if any(_same_field_is_free(application, other) for other, _ in applications):
            continue
        names = [a for a in application.args if a in bound]
        found.update(
            (a, None)
            for a in names
            if isinstance(a, sp.Symbol) and not isinstance(a, sp.Dummy)
        )
    return tuple(found)


def _same_field_is_free(application: AppliedUndef, other: AppliedUndef) -> bool:
    """Whether `other` is the same field at symbols that are not those bound here."""
    if other.func != application.func:
        return False
    mine = {s for a in application.args for s in a.free_symbols}
    return any(s not in mine for a in other.args for s in a.free_symbols)


def _ordered_symbols(expr: sp.Basic) -> list[sp.Symbol]:
    return sorted(
        (s for s in expr.free_symbols if isinstance(s, sp.Symbol)),
        key=lambda s: s.name,
    )


def _free_symbols(residuals: Sequence[sp.Expr]) -> list[sp.Symbol]:
    """Returns the free symbols by a walk that `Derivative` cannot hide anything from."""
    found: dict[sp.Symbol, None] = {}

    def walk(expr: sp.Basic, bound: tuple[sp.Basic, ...]) -> None:
        if isinstance(expr, sp.Symbol):
            if expr not in bound:
                found.setdefault(expr)
        elif isinstance(expr, sp.Subs):
            walk(expr.expr, (*bound, *expr.variables))
            for value in expr.point:
                walk(value, bound)
        else:
            for argument in expr.args:
                walk(argument, bound)

    for residual in residuals:
        walk(residual, ())
    return list(found)


def _refuse_twins(symbols: Sequence[sp.Symbol], fields: set[str]) -> None:
    seen: dict[str, sp.Symbol] = {}
    for symbol in symbols:
        twin = seen.setdefault(symbol.name, symbol)
        if twin != symbol:
            raise OperatorError(
                f"two different symbols are called {symbol.name}",
                expression=symbol.name,
                hint="they differ in their assumptions, so SymPy has already taken "
                "derivatives by one of them for zero; declare the symbol once",
            )
        if symbol.name in fields:
            raise OperatorError(
                f"{symbol.name} is both a field and a symbol",
                expression=symbol.name,
                hint=f"apply the field to its arguments everywhere, "
                f"or rename the symbol {symbol.name}",
            )
