"""The names that a text declares, and what each stands for."""

from dataclasses import dataclass, field

import sympy as sp

from opcompiler.notation.errors import MeaningError, nearest
from opcompiler.notation.habits import about_name, about_subscript
from opcompiler.notation.names import bases, splits
from opcompiler.notation.problem import Coordinate, Field, Parameter, Value

NORMAL = "normal_"
"""Begins the names of the outward normal's components, parameters known to all texts."""


@dataclass
class Scope:
    """The declarations read so far.

    Attributes:
        coordinates, fields, parameters, definitions: by name, in declared order.
        bound: indices and integration variables of the sums and integrals around.
        velocity: what `D/Dt` moves with; `None` if not declared.
    """

    coordinates: dict[str, Coordinate] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    definitions: dict[str, Value] = field(default_factory=dict)
    bound: dict[str, sp.Symbol] = field(default_factory=dict)
    velocity: Value | None = None
    used: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        """Every declared name, for hints and for refusing a second declaration."""
        parts = [str(s) for c in self.coordinates.values() for s in c.symbols]
        parts += [name for f in self.fields.values() for name in f.names]
        tables = (self.coordinates, self.fields, self.parameters, self.definitions)
        return [*self.bound, *(name for table in tables for name in table), *parts]

    @property
    def symbols(self) -> dict[str, sp.Expr]:
        """The scalar coordinates by name, components of vectors among them."""
        written = [c for c in self.coordinates.values() if c.written_out]
        return {str(s): s for c in written for s in c.symbols}

    @property
    def space(self) -> tuple[sp.Expr, ...]:
        """The coordinates of space, which grad, div and the others act on."""
        return tuple(
            s for c in self.coordinates.values() if not c.time for s in c.symbols
        )

    @property
    def time(self) -> sp.Symbol:
        """The coordinate of time.

        Raises:
            MeaningError: if there is none.
        """
        times = [c for c in self.coordinates.values() if c.time]
        if len(times) != 1:
            raise MeaningError(
                "there is no coordinate of time", "declare one: `time s` or `time t`"
            )
        return sp.Symbol(times[0].name)

    @property
    def complex(self) -> bool:
        """Whether any field is complex, so that `I` is the imaginary unit."""
        return any(f.complex for f in self.fields.values())

    def rank(self, symbol: sp.Basic) -> int:
        """Returns the place of a coordinate in the declared order."""
        base = symbol.base if isinstance(symbol, sp.Indexed) else symbol
        order = [s for c in self.coordinates.values() for s in c.symbols]
        return order.index(base) if base in order else len(order)

    def arguments(self, declared: Field) -> tuple[sp.Expr, ...]:
        """Returns the arguments that a field has where it stands bare."""
        return tuple(s for a in declared.arguments for s in self.coordinates[a].symbols)

    def applied(self, declared: Field, arguments: tuple[sp.Expr, ...]) -> Value:
        """Returns the field at some arguments, a tuple for a vector field."""
        values = tuple(sp.Function(name)(*arguments) for name in declared.names)
        return values[0] if declared.components is None else values

    def lookup(self, name: str) -> Value | None:
        """Returns what a declared name stands for; `None` if it is not declared."""
        if name in self.bound:
            return self.bound[name]
        if name in self.definitions:
            self.used.add(name)
            return self.definitions[name]
        if name in self.fields:
            return self._field(self.fields[name])
        for declared in self.fields.values():
            if name in declared.names:
                return sp.Function(name)(*self.arguments(declared))
        if name in self.symbols:
            return self.symbols[name]
        if name in self.coordinates:
            return self._vector(self.coordinates[name])
        if name in self.parameters:
            return sp.Symbol(name)
        return self._constant(name)

    def _field(self, declared: Field) -> Value:
        if declared.shape is not None:
            raise MeaningError(
                f"{declared.name} is a table", f"write an entry: {declared.name}[i]"
            )
        return self.applied(declared, self.arguments(declared))

    def _vector(self, coordinate: Coordinate) -> Value:
        if coordinate.written_out:
            return coordinate.symbols
        raise MeaningError(
            f"{coordinate.name} has {coordinate.dimension} components, "
            "too many or too unknown to write out",
            f"write a component, {coordinate.name}[i], inside a sum",
        )

    def _constant(self, name: str) -> sp.Expr | None:
        if name == "pi":
            return sp.pi
        if name in ("I", "i") and self.complex:
            return sp.I
        if name.startswith(NORMAL) and name.removeprefix(NORMAL) in self.symbols:
            return sp.Symbol(name)
        return None

    def derivative(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        """Reads an undeclared name as a derivative: (base, coordinates).

        `None` if it cannot be read so.

        Raises:
            MeaningError: if there are several readings; they are listed.
        """
        readings = [
            (base, reading)
            for base, subscript in bases(name)
            if self._differentiable(base)
            for reading in splits(subscript, list(self.symbols))
        ]
        if len(readings) > 1:
            shown = [f"d({base}, {', '.join(by)})" for base, by in readings]
            raise MeaningError(
                f"{name} can be read as {' and as '.join(shown)}",
                "write the one you mean",
            )
        return readings[0] if readings else None

    def _differentiable(self, name: str) -> bool:
        if name in self.definitions or name in self.fields:
            return True
        return any(name in f.names for f in self.fields.values())

    def unknown(self, name: str, known: list[str] | None = None) -> MeaningError:
        """Returns the error about a name that means nothing; `known` for the hint."""
        known = self.names if known is None else known
        for base, subscript in bases(name):
            if self._differentiable(base):
                orders = about_subscript(base, subscript, list(self.symbols))
                return MeaningError(
                    f"{name} is neither declared nor a derivative of {base}: "
                    f"{subscript!r} is not made of coordinates",
                    orders
                    or nearest(
                        name,
                        known,
                        f"the coordinates are {', '.join(self.symbols) or 'none'}",
                    ),
                )
        if name in ("I", "i"):
            hint = "declare a complex field: `complex field psi(t, x)`"
            return MeaningError(f"the imaginary unit {name} in a real problem", hint)
        declare = f"declare it: `parameter {name}`, or as a field or coordinate"
        fields = [part for f in self.fields.values() for part in (f.name, *f.names)]
        habit = about_name(name, list(self.symbols), self._differentiable, fields)
        hint = habit or nearest(name, known, declare)
        return MeaningError(f"there is no name {name!r}", hint)
