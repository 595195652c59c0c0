"""Which symbols of the equations are fields, coordinates and parameters.

In: residuals, as SymPy trees. Out: a `Signature`. For `u_t + c*u_x - u(t - tau, x)`:

    fields u with 2 arguments;  coordinates t, x;  parameters c, tau

An applied undefined function is a field, a symbol that stands alone as its argument a
coordinate, every other free symbol a parameter. `Derivative`, `Subs`, integrals and sums
bind variables, and SymPy's own `free_symbols` forgets some of what they hide; so the
trees are walked here, with what is bound at each place.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.frontend import signature_checks as checks
from opcompiler.frontend.integrals import (
    Axis,
    IntegrationVariable,
    make_axes,
    outermost,
)
from opcompiler.frontend.signature_checks import CoordinateSymbol
from opcompiler.frontend.traversal import parts
from opcompiler.frontend.write_out import Vectors


@dataclass(frozen=True, slots=True)
class Signature:
    """The declared and discovered names of a set of equations.

    Attributes:
        coordinates: in order of first appearance in the fields' arguments.
        fields: names in order of first appearance.
        arity: number of arguments of each field, in the order of `fields`.
        parameters: every other free symbol, by name.
        sizes: number of components of each vector among the coordinates.
        arrays: parameters with axes of their own.
        axes: of the integration variables, by name.
        kinds: of fields that SymPy assumes "real", or else "complex".
    """

    coordinates: tuple[CoordinateSymbol, ...]
    fields: tuple[str, ...]
    arity: tuple[int, ...]
    parameters: tuple[sp.Symbol, ...]
    sizes: Mapping[sp.IndexedBase, int] = field(default_factory=dict)
    arrays: tuple[sp.IndexedBase, ...] = ()
    axes: Mapping[str, Axis] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of what is a number at a point: plain coordinates and parameters."""
        symbols = (*self.coordinates, *self.parameters)
        return tuple(s.name for s in symbols if isinstance(s, sp.Symbol))

    @property
    def indexed(self) -> tuple[sp.IndexedBase, ...]:
        """Vector coordinates, and parameters with axes of their own."""
        vectors = (c for c in self.coordinates if isinstance(c, sp.IndexedBase))
        return (*vectors, *self.arrays)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what programs are computed from, quadrature rules included."""
        rules = (s.name for a in self.axes.values() for s in (a.node, a.weight))
        return (*self.numbers, *rules)


@dataclass(frozen=True, slots=True)
class _Application:
    """A field applied to arguments, somewhere in the equations.

    Attributes:
        written: as it stands in the tree.
        arguments: with the variables bound by `Subs` replaced by their values.
        bound: the named variables bound by `Subs` among the arguments.
        limits: of the integrals around it.
    """

    written: AppliedUndef
    arguments: tuple[sp.Expr, ...]
    bound: tuple[sp.Symbol, ...]
    limits: tuple[sp.Expr, ...] = ()

    @property
    def name(self) -> str:
        return self.written.func.__name__


def read_signature(
    residuals: Sequence[sp.Expr],
    coordinates: Sequence[CoordinateSymbol] | None = None,
    vectors: Vectors | None = None,
) -> Signature:
    """Finds fields, coordinates and parameters by a walk over the expression trees.

    A coordinate is a symbol that stands alone as an argument of a field. Where a field
    never has one, the symbols inside its composite arguments are taken, and at last the
    variables bound by `Subs`. `coordinates` overrides the search.
    """
    seen: set[sp.Basic] = set()
    applications = [a for r in residuals for a in _applications(r, {}, (), seen)]

    # Fields: one number of arguments each, and what SymPy assumes of their values.
    first: dict[str, AppliedUndef] = {}
    kinds: dict[str, str] = {}
    for application in applications:
        written, name = application.written, application.name
        checks.same_field(first.setdefault(name, written), written)
        checks.arguments(written, application.arguments)
        if written.is_extended_real:
            kinds[name] = "real"
        elif written.is_complex:
            kinds[name] = "complex"
    arity = {name: len(written.args) for name, written in first.items()}
    checks.some_field(arity, residuals)

    # Coordinates, if they are not given; every other symbol is a parameter.
    if isinstance(coordinates, sp.Symbol | sp.IndexedBase):
        coordinates = (coordinates,)
    if coordinates is None:
        found = _coordinates(applications)
    else:
        checks.distinct_symbols(coordinates)
        found = tuple(coordinates)
    symbols = _free_symbols(residuals)
    checks.no_twins([*found, *symbols], set(arity))
    coordinate = set(found)
    parameters = sorted(
        (s for s in symbols if s not in coordinate), key=lambda s: s.name
    )
    vectors = vectors or Vectors({}, ())
    checks.parameter_names(parameters, vectors.arrays)

    # Integration variables, in order of first appearance.
    integrals = (part for part in parts(*residuals) if isinstance(part, sp.Integral))
    integrated = dict.fromkeys(v[0].name for part in integrals for v in part.limits)
    return Signature(
        found,
        tuple(arity),
        tuple(arity.values()),
        tuple(parameters),
        vectors.sizes,
        vectors.arrays,
        make_axes(list(integrated), {s.name for s in (*found, *symbols)}),
        kinds,
    )


def _applications(
    expr: sp.Basic,
    bound: Mapping[sp.Basic, sp.Expr],
    limits: tuple[sp.Expr, ...],
    seen: set[sp.Basic],
) -> Iterator[_Application]:
    """Yields the applied fields in preorder; `bound` holds the values of variables.

    What stands in one place more than once, where the same variables are bound, is met
    once: `seen` holds what has been.
    """
    if expr in seen:
        return
    seen.add(expr)
    if isinstance(expr, AppliedUndef):
        arguments = expr.args
        if bound:
            arguments = tuple(argument.xreplace(bound) for argument in arguments)
        named = tuple(
            s
            for s in expr.args
            if isinstance(s, sp.Symbol)
            and s in bound
            and not isinstance(s, sp.Dummy)
            and not isinstance(bound[s], IntegrationVariable)
        )
        yield _Application(expr, arguments, named, limits)
        for argument in expr.args:
            if argument.args:  # a field may stand at another
                yield from _applications(argument, bound, limits, seen)
    elif isinstance(expr, sp.Subs):
        values = [value.xreplace(bound) for value in expr.point]
        inner = {**bound, **dict(zip(expr.variables, values, strict=True))}
        yield from _applications(expr.expr, inner, limits, set())
        for value in expr.point:
            yield from _applications(value, bound, limits, seen)
    elif isinstance(expr, sp.Integral):
        body, variable, *ends = outermost(expr, tuple(bound))
        inner = {**bound, variable: IntegrationVariable(variable.name)}
        moved = (end.xreplace(bound) for end in ends)
        yield from _applications(body, inner, (*limits, *moved), set())
        for end in ends:
            yield from _applications(end, bound, limits, seen)
    elif isinstance(expr, sp.Derivative):
        yield from _applications(expr.expr, bound, limits, seen)
    else:
        for argument in expr.args:
            yield from _applications(argument, bound, limits, seen)


def _coordinates(applications: Sequence[_Application]) -> tuple[CoordinateSymbol, ...]:
    found: dict[CoordinateSymbol, None] = {}
    # Where all arguments are plain the user's own order shows; pinned ones hide some.
    whole = [[b for b in a.arguments if _is_coordinate(b)] for a in applications]
    pairs = list(zip(applications, whole, strict=True))
    for _, symbols in sorted(pairs, key=lambda p: len(p[1]) < len(p[0].arguments)):
        found.update(dict.fromkeys(symbols))
    for application in applications:
        for argument in application.arguments:
            inside = _ordered_symbols(argument)
            # A field in an argument has coordinates of its own: what stands beside it is
            # as good as a parameter.
            if not any(s in found for s in inside) and not argument.has(AppliedUndef):
                found.update(dict.fromkeys(inside))
    free = {a.name for a in applications if any(map(_ordered_symbols, a.arguments))}
    for application in applications:
        if application.name not in free:
            found.update(dict.fromkeys(application.bound))
    if not found:  # fields under integrals alone: what moves their limits
        ends = [
            s for a in applications for end in a.limits for s in _ordered_symbols(end)
        ]
        found.update(dict.fromkeys(ends))
    return tuple(found)


def _is_coordinate(argument: sp.Expr) -> bool:
    whole = isinstance(argument, CoordinateSymbol)
    return whole and not isinstance(argument, IntegrationVariable)


def _ordered_symbols(expr: sp.Basic) -> list[sp.Symbol]:
    """Returns the symbols in an argument, but not in a field; names of vectors are none."""
    if isinstance(expr, sp.Symbol):
        return [expr] if _is_coordinate(expr) else []
    found: set[sp.Symbol] = set()
    walk = sp.preorder_traversal(expr)
    for part in walk:
        if isinstance(part, sp.IndexedBase | AppliedUndef | sp.Subs | sp.Integral):
            walk.skip()
        elif isinstance(part, sp.Symbol) and _is_coordinate(part):
            found.add(part)
    return sorted(found, key=lambda s: s.name)


def _free_symbols(residuals: Sequence[sp.Expr]) -> list[sp.Symbol]:
    """Returns the free symbols by a walk that `Derivative` cannot hide anything from."""
    found: dict[sp.Symbol, None] = {}

    seen: dict[tuple[sp.Basic, ...], set[sp.Basic]] = defaultdict(set)

    def walk(expr: sp.Basic, bound: tuple[sp.Basic, ...]) -> None:
        if expr in seen[bound]:
            return
        seen[bound].add(expr)
        if isinstance(expr, sp.Symbol):
            if expr not in bound:
                found.setdefault(expr)
        elif isinstance(expr, sp.Idx):
            checks.bound_index(expr, bound)
        elif isinstance(expr, sp.Indexed):
            for index in expr.indices:
                walk(index, bound)
        elif isinstance(expr, sp.Subs):
            walk(expr.expr, (*bound, *expr.variables))
            for value in expr.point:
                walk(value, bound)
        elif isinstance(expr, sp.Integral):
            body, variable, *ends = outermost(expr)
            walk(body, (*bound, variable))
            for end in ends:
                walk(end, bound)
        elif not isinstance(expr, sp.IndexedBase):
            if isinstance(expr, sp.Sum | sp.Product):
                bound = (*bound, *(limit[0] for limit in expr.limits))
            for argument in expr.args:
                walk(argument, bound)

    for residual in residuals:
        walk(residual, ())
    return list(found)
