r"""The meaning of a text: `Problem`, a value that `opcompiler.compile` takes.

In: declarations and equations, as `statements.py` reads them. Out: frozen data in SymPy.

    problem = oc.parse("coordinates t, x\nfield u\nu_t = u_xx")
    problem.symbols                     # (t, x), the columns of the points
    oc.compile(problem)

A problem holds no text and no place in a text, so a program may build or change one, and
`printing.py` writes it out again. `Part` is one equation or condition of a problem.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.constants import as_number
from opcompiler.frontend.traversal import parts
from opcompiler.text.mistakes import nearest
from opcompiler.text.values import Value
from opcompiler.views import loaded


@dataclass(frozen=True)
class Coordinate:
    """A declared coordinate.

    Attributes:
        name: as declared, in its ASCII spelling.
        dimension: `None` for a number; the number of components of a vector, which may
            be a symbol.
        interval: lower and upper end, of every component; `None` if not declared.
        time: whether the operators of space leave it alone.
    """

    name: str
    dimension: sp.Expr | None = None
    interval: tuple[sp.Expr, sp.Expr] | None = None
    time: bool = False
    written_out: bool = True

    @property
    def symbols(self) -> tuple[sp.Expr, ...]:
        """What stands among a field's arguments: symbols, or one indexed base."""
        if self.dimension is None:
            return (sp.Symbol(self.name),)
        if not self.written_out:
            return (self.base,)
        numbers = range(1, int(self.dimension) + 1)
        return tuple(sp.Symbol(f"{self.name}{number}") for number in numbers)

    @property
    def base(self) -> sp.IndexedBase:
        """A vector that is not written out, with its size where that is a number."""
        if isinstance(self.dimension, sp.Integer):
            return sp.IndexedBase(sp.Symbol(self.name), shape=(int(self.dimension),))
        return sp.IndexedBase(self.name)


@dataclass(frozen=True)
class Field:
    """A declared field, unknown or known (a coefficient).

    Attributes:
        name: as declared; the components of a vector field are `name1`, `name2`, ...
        arguments: names of coordinates, and of fields at whose values it stands, as those
            of a constitutive law K(u).
        components: `None` for a scalar, else their number.
        complex: whether values are complex.
        known: whether it is a coefficient: given, not sought.
        shape: of a table of numbers `A[d, d]`, which has no arguments.
    """

    name: str
    arguments: tuple[str, ...]
    components: int | None = None
    complex: bool = False
    known: bool = False
    shape: tuple[sp.Expr, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the scalar functions that make the field."""
        if self.shape is not None:
            return ()
        if self.components is None:
            return (self.name,)
        return tuple(f"{self.name}{number + 1}" for number in range(self.components))


@dataclass(frozen=True)
class Parameter:
    """A declared parameter.

    Attributes:
        name: as declared.
        value: the default, or the first guess of an unknown; `None` if there is none.
        unknown: whether it is to be found (an inverse problem).
    """

    name: str
    value: sp.Expr | None = None
    unknown: bool = False


@dataclass(frozen=True)
class Condition:
    """An equation at its own sites: initial, boundary, periodic, symmetry, point.

    Attributes:
        name: its label.
        kind: the word it was declared by, `condition` if by none.
        equation: a SymPy equation, whose fields stand at the condition's sites.
    """

    name: str
    kind: str
    equation: sp.Eq


@public("the problem that oc.parse or oc.load returned")
@dataclass(frozen=True)
class Problem:
    """Equations, conditions, and the names they are made of.

    Read-only; equal if every part is.

    Attributes:
        coordinates: in declared order, which is that of the points' columns.
        fields: in declared order, coefficients and tables too.
        parameters: given ones and unknown ones.
        definitions: name -> what it stands for; the equations hold it written out.
        equations: label -> SymPy equation, unevaluated.
        conditions: label -> condition.
        unused: what a text declares and does not use, in words: `parameter rho`.

    Examples:
        >>> problem = oc.parse("coordinates t, x; parameter k = 2; field u; u_t = k*u_xx")
        >>> problem.defaults, problem.symbols
        ({'k': 2.0}, (t, x))
    """

    coordinates: tuple[Coordinate, ...]
    fields: tuple[Field, ...]
    parameters: tuple[Parameter, ...] = ()
    definitions: Mapping[str, Value] = field(default_factory=dict)
    equations: Mapping[str, sp.Eq] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    unused: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __repr__(self) -> str:
        parts = {
            "coordinates": [c.name for c in self.coordinates],
            "fields": [f.name for f in self.fields],
            "parameters": [p.name for p in self.parameters],
            "equations": self.equations,
            "conditions": self.conditions,
        }
        said = [f"{word} {', '.join(names)}" for word, names in parts.items() if names]
        return f"<Problem: {'; '.join(said)}>"

    def _repr_latex_(self) -> str:
        latex = loaded("opcompiler.text.typesetting:to_latex")(self)
        return f"$\\displaystyle {latex}$"

    def __hash__(self) -> int:
        named = (self.definitions, self.equations, self.conditions)
        items = tuple(tuple(mapping.items()) for mapping in named)
        return hash((self.coordinates, self.fields, self.parameters, items))

    @property
    def symbols(self) -> tuple[sp.Expr, ...]:
        """The coordinates' symbols: the columns of the points."""
        return tuple(s for c in self.coordinates for s in c.symbols)

    @property
    def defaults(self) -> dict[str, float | complex]:
        """Values of the parameters that a call may leave out."""
        given = [p for p in self.parameters if not p.unknown and p.value is not None]
        return {p.name: _number(p.value) for p in given if p.value is not None}

    @property
    def unknowns(self) -> dict[str, float | complex | None]:
        """The parameters to be found, with their first guesses."""
        unknown = [p for p in self.parameters if p.unknown]
        return {p.name: None if p.value is None else _number(p.value) for p in unknown}

    def grid(self, **axes: Any) -> Any:
        """Returns the grid of a box: evenly spaced numbers over declared intervals.

        Args:
            **axes: for each coordinate how many numbers, from one end of its interval to
                the other, both included; or an array of them.

        Returns:
            An `opcompiler.Grid`.

        Raises:
            OperatorError: for a coordinate without an interval of numbers, or whose
                numbers are not said; for a number of numbers less than 2.

        Examples:
            >>> text = "coordinates t in [0, 1], x in [-1, 1]; field u; u_t = u_xx"
            >>> oc.parse(text).grid(t=64, x=128).shape
            (64, 128)
        """
        named = {c.name: c for c in self.coordinates}
        given = {
            name: _evenly_spaced(named[name], value)
            if isinstance(value, int) and name in named
            else value
            for name, value in axes.items()
        }
        # Found by name, as views are: a text is read without JAX.
        return loaded("opcompiler.runtime.grid:grid")(given)

    def condition(self, name: str) -> "Part":
        """Returns one condition, of a vector all its components, for `compile`.

        Args:
            name: its label; of a vector condition the label without a number.

        Returns:
            A part of the problem, for `oc.compile`.

        Raises:
            OperatorError: if there is none of that name.

        Examples:
            >>> text = "coordinates t, x; field u; u_t = u_xx; condition start: u(0, x) = x"
            >>> start = oc.compile(oc.parse(text).condition("start"))
            >>> start(lambda p: 3 * p[1], jnp.array([[0.5, 2.0]])).tolist()
            [4.0]
        """
        equations = {n: c.equation for n, c in self.conditions.items()}
        return Part(self, _called(name, equations, "condition"))

    def equation(self, name: str) -> "Part":
        """Returns one equation, of a vector all its components, for `compile`.

        Args:
            name: its label, `equation1`, ... if none is written; of a vector equation the
                label without a number.

        Returns:
            A part of the problem, for `oc.compile`.

        Raises:
            OperatorError: if there is none of that name.

        Examples:
            >>> oc.compile(problem.equation("equation1")).parameters
            ('k',)
        """
        return Part(self, _called(name, self.equations, "equation"))


@public('problem.condition("initial")')
@dataclass(frozen=True)
class Part:
    """One equation or condition of a problem, to be compiled by itself.

    Attributes:
        problem: where it belongs: its coordinates are the columns of the points, its
            defaults hold.
        equations: label -> equation; one, or the components of a vector.

    Examples:
        >>> text = "coordinates t, x; field u; u_t = u_xx; condition start: u(0, x) = x"
        >>> oc.parse(text).condition("start")
        <Part of a problem, start: u(0, x) = x>
    """

    problem: Problem
    equations: Mapping[str, sp.Eq]

    def __repr__(self) -> str:
        shown = (f"{n}: {e.lhs} = {e.rhs}" for n, e in self.equations.items())
        return f"<Part of a problem, {'; '.join(shown)}>"

    @property
    def fields(self) -> tuple[str, ...]:
        """The scalar fields that one network of the problem gives, in declared order.

        The unknown ones, whether they occur here or not, as long as they have the
        arguments of one that does; and the coefficients that occur.
        """
        sides = [side for e in self.equations.values() for side in e.args]
        applied = (part for part in parts(*sides) if isinstance(part, AppliedUndef))
        used = {part.func.__name__ for part in applied}
        declared = self.problem.fields
        arguments = {f.arguments for f in declared if not used.isdisjoint(f.names)}
        return tuple(
            name
            for f in declared
            for name in f.names
            if name in used or (not f.known and f.arguments in arguments)
        )


def _evenly_spaced(coordinate: Coordinate, count: int) -> np.ndarray:
    name, interval = coordinate.name, coordinate.interval
    ends = [as_number(end) for end in interval or ()]
    real = [end for end in ends if isinstance(end, float)]
    if len(real) != 2 or coordinate.dimension is not None:
        raise OperatorError(
            f"{name} has no interval of numbers",
            expression=f"{name}={count}",
            hint=f"declare one, coordinates {name} in [0, 1]; or give its numbers, "
            f"{name}=jnp.linspace(0, 1, {count})",
        )
    if count < 2:
        raise OperatorError(
            "an interval has two ends",
            expression=f"{name}={count}",
            hint="give 2 numbers or more",
        )
    return np.linspace(*real, count)


def _number(value: sp.Expr) -> float | complex:
    number = as_number(value)
    assert number is not None  # declarations hold numbers
    return number


def _called(name: str, equations: Mapping[str, sp.Eq], what: str) -> dict[str, sp.Eq]:
    """Returns the equation of a name, or those of its components, `name_1`, ..."""
    own = {
        n: e
        for n, e in equations.items()
        if re.fullmatch(rf"{re.escape(name)}(_\d+)?", n)
    }
    if name in own:
        return {name: own[name]}
    if not own:
        there = ", ".join(equations) or "none"
        raise OperatorError(
            f"there is no {what} {name!r}",
            hint=nearest(name, equations, f"there are {there}"),
        )
    return own
