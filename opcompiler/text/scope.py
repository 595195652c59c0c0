"""The names that a text declares, and the value of each.

In: declarations, one at a time, in the order of the text. Out: for a name its value, for a
name with a suffix the field and the coordinates of a derivative.

    scope = Scope()
    scope.add_coordinate(Coordinate("x"))
    scope.add_field(Field("u", ("x",)))
    scope.lookup("u")                   # u(x)

Whether `u_xx` is a name of its own or a derivative of `u` depends on the declarations. All
readers of expressions ask one scope, which keeps tables, so that a lookup never searches.
"""

from collections.abc import Mapping

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.text.mistakes import MeaningError
from opcompiler.text.problem import Coordinate, Field, Parameter
from opcompiler.text.spelling import Alphabet, bases
from opcompiler.text.values import Value

NORMAL = "normal_"
"""Begins the names of the outward normal's components, parameters known to all texts."""


INFINITE = ("inf", "oo", "infinity", "Infinity")
"""What infinity is called, where it is not declared."""


class Scope:
    """The declarations read so far; whatever is asked of them takes no search.

    Attributes:
        coordinates, fields, parameters, definitions: by name, in declared order.
        bound: indices and integration variables of the sums and integrals around.
        velocity: what `D/Dt` moves with; `None` if not declared.
        complex: whether any field of the text is complex, so that `I` is the imaginary
            unit.
        used: names of the definitions and parameters that something stands on.
        symbols: the scalar coordinates by name, components of vectors among them.
        alphabet: their names.
        functions: by name the field of a scalar function, and it at its own arguments.
        home: the scalar functions of fields at their own arguments, with their names.
    """

    def __init__(self, complex: bool = False) -> None:
        self.complex = complex
        self.coordinates: dict[str, Coordinate] = {}
        self.fields: dict[str, Field] = {}
        self.parameters: dict[str, Parameter] = {}
        self.definitions: dict[str, Value] = {}
        self.bound: dict[str, sp.Expr] = {}
        self.velocity: Value | None = None
        self.used: set[str] = set()
        self.symbols: dict[str, sp.Expr] = {}
        self.alphabet = Alphabet()
        self.home: dict[AppliedUndef, str] = {}
        self.functions: dict[str, tuple[Field, AppliedUndef]] = {}
        self._ranks: dict[sp.Expr, int] = {}
        self._space: tuple[sp.Expr, ...] | None = None

    def add_coordinate(self, coordinate: Coordinate) -> None:
        """Declares a coordinate, or replaces one of the same symbols."""
        self.coordinates[coordinate.name] = coordinate
        self._space = None
        for symbol in coordinate.symbols:
            self._ranks.setdefault(symbol, len(self._ranks))
            name = symbol.name
            if coordinate.written_out and name not in self.symbols:
                self.symbols[name] = symbol
                self.alphabet.add(name)

    def add_field(self, declared: Field) -> None:
        """Declares a field, whose coordinates are declared."""
        self.fields[declared.name] = declared
        arguments = self.arguments(declared)
        for name in declared.names:
            applied = sp.Function(name)(*arguments)
            self.functions[name] = (declared, applied)
            self.home[applied] = name

    def declares(self, name: str) -> bool:
        """Whether a name is taken, by a declaration or a component of one."""
        return any(name in table for table in self._tables())

    @property
    def names(self) -> list[str]:
        """Every declared name, for hints."""
        return [name for table in self._tables() for name in table]

    def _tables(self) -> tuple[Mapping[str, object], ...]:
        declared = (self.coordinates, self.fields, self.parameters, self.definitions)
        return (self.bound, *declared, self.symbols, self.functions)

    @property
    def space(self) -> tuple[sp.Expr, ...]:
        """The coordinates of space, which grad, div and the others act on."""
        if self._space is None:
            spatial = [c for c in self.coordinates.values() if not c.time]
            self._space = tuple(s for c in spatial for s in c.symbols)
        return self._space

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

    def is_complex(self, value: sp.Expr) -> bool:
        """Whether a value is complex, or may be."""
        if not self.complex:
            return False
        names = {n for f in self.fields.values() if f.complex for n in f.names}
        fields = value.atoms(AppliedUndef)
        return value.has(sp.I) or any(f.func.__name__ in names for f in fields)

    def numbers(self, value: sp.Expr) -> sp.Expr:
        """Returns an expression with the values of the parameters that have one."""
        known = {
            sp.Symbol(p.name): p.value
            for p in self.parameters.values()
            if p.value is not None and not p.unknown
        }
        return value.xreplace(known)

    def rank(self, symbol: sp.Basic) -> int:
        """Returns the place of a coordinate in the declared order."""
        base = symbol.base if isinstance(symbol, sp.Indexed) else symbol
        return self._ranks.get(base, len(self._ranks))

    def arguments(self, declared: Field) -> tuple[sp.Expr, ...]:
        """Returns the arguments that a field has where it stands bare."""
        return tuple(s for a in declared.arguments for s in self.symbols_of(a))

    def symbols_of(self, argument: str) -> tuple[sp.Expr, ...]:
        """Returns what stands bare for an argument: a coordinate's symbols, or a field."""
        if argument in self.coordinates:
            return self.coordinates[argument].symbols
        return (self.functions[argument][1],)

    def applied(self, declared: Field, arguments: tuple[sp.Expr, ...]) -> Value:
        """Returns the field at some arguments, a tuple for a vector field."""
        values = tuple(sp.Function(name)(*arguments) for name in declared.names)
        return values[0] if declared.components is None else values

    def field_of(self, name: str) -> Field | None:
        """Returns the field, no table, of which `name` is the whole or a component."""
        if name in self.functions:
            return self.functions[name][0]
        declared = self.fields.get(name)
        return declared if declared is not None and declared.shape is None else None

    def lookup(self, name: str) -> Value | None:
        """Returns what a declared name stands for; `None` if it is not declared."""
        if name in self.bound:
            return self.bound[name]
        if name in self.definitions:
            self.used.add(name)
            return self.definitions[name]
        if name in self.fields:
            return self._field(self.fields[name])
        if name in self.functions:
            return self.functions[name][1]
        if name in self.symbols:
            return self.symbols[name]
        if name in self.coordinates:
            return self._vector(self.coordinates[name])
        if name in self.parameters:
            self.used.add(name)
            return sp.Symbol(name)
        return self._constant(name)

    def _field(self, declared: Field) -> Value:
        if declared.shape is not None:
            raise MeaningError(
                f"{declared.name} is a table", f"write an entry: {declared.name}[i]"
            )
        values = tuple(self.functions[name][1] for name in declared.names)
        return values[0] if declared.components is None else values

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
            if self.is_differentiable(base)
            for reading in self.alphabet.splits(subscript)
        ]
        if len(readings) > 1:
            shown = [f"d({base}, {', '.join(by)})" for base, by in readings]
            raise MeaningError(
                f"{name} can be read as {' and as '.join(shown)}",
                "write the one you mean",
            )
        return readings[0] if readings else None

    def is_differentiable(self, name: str) -> bool:
        """Whether a name may have subscripts: a field, a component, or a definition."""
        tables = (self.definitions, self.fields, self.functions)
        return any(name in table for table in tables)
