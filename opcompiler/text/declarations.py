"""Declarations: coordinates, fields, parameters, velocity, definitions."""

from collections.abc import Mapping

import sympy as sp
from lark import Token

from opcompiler.errors import OperatorError
from opcompiler.frontend.constants import as_number
from opcompiler.text import limits
from opcompiler.text.errors import nearest, NotationError
from opcompiler.text.expressions import Reader
from opcompiler.text.names import spelled
from opcompiler.text.problem import Coordinate, Field, Parameter
from opcompiler.text.syntax import Node
from opcompiler.text.values import shape, Value

_TIMES = ("t", "tau", "time")
_MOST_FIELD_COMPONENTS = 64


def is_complex(statement: Node) -> bool:
    """Whether a declaration is one of complex fields: by a word, or by a set C, C^n."""
    spaces = (n for f in statement.nodes for n in f.nodes if n.kind == "space")
    return "complex" in str(statement.children[0]).split() or any(
        str(space.children[0]) in ("C", "ℂ") for space in spaces
    )


class Declarations:
    """Reads declarations into the scope of a reader."""

    def __init__(self, reader: Reader, given: Mapping[str, sp.Expr]) -> None:
        self._reader = reader
        self._scope = reader.scope
        self._given = given
        self._named_times = False

    def read(self, statement: Node) -> None:
        """Reads one declaration, of whatever kind."""
        getattr(self, f"_{statement.kind}")(statement)

    def finish_coordinates(self) -> None:
        """Finds the coordinate of time by its usual names, if none was declared."""
        if self._named_times:
            return
        for name, coordinate in list(self._scope.coordinates.items()):
            if name in _TIMES and coordinate.dimension is None:
                self._scope.add_coordinate(
                    Coordinate(name, None, coordinate.interval, time=True)
                )

    def _coordinates(self, statement: Node) -> None:
        time = str(statement.children[0]) == "time"
        self._named_times |= time
        for region in statement.nodes:
            name = self._new(region.tokens("NAME")[0])
            dimension, interval = None, None
            for node in region.nodes:
                dimension = self._dimension(node)
                if node.kind == "interval":
                    interval = self._interval(node)
                elif str(node.children[0]) not in ("R", "ℝ"):
                    raise self._reader.error(
                        node, "coordinates are real", "write x in R^2 or x in [0, 1]"
                    )
            if time and dimension is not None:
                raise self._reader.error(region, "time is one number", "drop the power")
            written = dimension is None or _is_small(dimension)
            coordinate = Coordinate(name, dimension, interval, time, written)
            for symbol in coordinate.symbols if dimension is not None else ():
                self._refuse_taken(region, str(symbol))
            self._scope.add_coordinate(coordinate)

    def _dimension(self, node: Node) -> sp.Expr | None:
        """Returns the power of a set, a positive integer or a symbol."""
        last = node.children[-1]
        if isinstance(last, Token):
            if last.type != "SUPER":
                return None
            value: sp.Expr = sp.Integer(self._reader.superscript(last))
        elif last is node.nodes[-1] and node.tokens("POW"):
            value = self._scope.numbers(self._reader.scalar(last, "a dimension"))
        else:
            return None
        if not ((isinstance(value, sp.Integer) and value > 0) or value.free_symbols):
            raise self._reader.error(node, f"the dimension {value}", "write R^2")
        return value

    def _interval(self, node: Node) -> tuple[sp.Expr, sp.Expr]:
        lower, upper = (self._end(part) for part in node.nodes[:2])
        if any(end.is_extended_real is False for end in (lower, upper)):
            raise self._reader.error(node, "this interval is not real", "write [0, 1]")
        if (
            lower.is_number
            and upper.is_number
            and not (upper - lower).is_extended_positive
        ):
            raise self._reader.error(node, "this interval is empty", "write [0, 1]")
        return lower, upper

    def _end(self, node: Node) -> sp.Expr:
        infinite = self._reader.infinite(node)
        if infinite is not None:
            return infinite
        return self._reader.scalar(node, "the end of an interval")

    def _fields(self, statement: Node) -> None:
        words = str(statement.children[0]).split()
        known = words[-1].startswith("coefficient")
        for declared in statement.nodes:
            first, *arguments = declared.tokens("NAME")
            name = self._new(first)
            if declared.kind == "table":
                self._table(name, declared, known)
                continue
            names = tuple(self._argument(token) for token in arguments)
            names = names or tuple(self._scope.coordinates)
            if not names:
                raise self._reader.error(
                    declared,
                    f"{name} has no arguments",
                    "declare the coordinates first",
                )
            components, is_complex = self._kind(words, declared)
            field = Field(name, names, components, is_complex, known)
            for part in field.names if components is not None else ():
                self._refuse_taken(declared, part)
            self._scope.add_field(field)

    def _table(self, name: str, declared: Node, known: bool) -> None:
        if not known:
            raise self._reader.error(
                declared, "a field has arguments", f"write field {name}(x)"
            )
        shape = tuple(self._reader.scalar(n, "a dimension") for n in declared.nodes)
        for node, size in zip(
            declared.nodes, map(self._scope.numbers, shape), strict=True
        ):
            if size.is_number and not (isinstance(size, sp.Integer) and size > 0):
                raise self._reader.error(
                    node, f"a table of {size} places", "give a positive whole number"
                )
        self._scope.add_field(Field(name, (), None, False, True, shape))

    def _argument(self, token: Token) -> str:
        name = spelled(str(token))
        if name not in self._scope.coordinates:
            hint = nearest(name, self._scope.coordinates, "declare it before the field")
            raise self._reader.error(token, f"{name} is not a coordinate", hint)
        return name

    def _kind(self, words: list[str], declared: Node) -> tuple[int | None, bool]:
        """Returns (number of components, whether complex) of a field."""
        is_complex = "complex" in words
        components: int | None = None
        for node in declared.nodes:
            letter = str(node.children[0])
            if node.kind != "space" or letter not in ("R", "C", "ℝ", "ℂ"):
                raise self._reader.error(
                    node, "a field has values in R, C, R^n or C^n", "write in R^2"
                )
            is_complex |= letter in ("C", "ℂ")
            dimension = self._dimension(node)
            if dimension is not None:
                if not 0 < dimension <= _MOST_FIELD_COMPONENTS:
                    raise self._reader.error(
                        node,
                        f"a field of {dimension} components",
                        f"their number is 1 to {_MOST_FIELD_COMPONENTS}",
                    )
                components = int(dimension)
        if components is None and "vector" in words:
            space = self._scope.space
            if not space or any(isinstance(x, sp.IndexedBase) for x in space):
                raise self._reader.error(
                    declared, "a vector of how many components?", "write in R^2"
                )
            components = len(space)
        return components, is_complex

    def _parameters(self, statement: Node) -> None:
        unknown = str(statement.children[0]).startswith("unknown")
        for assigned in statement.nodes:
            name = self._new(assigned.tokens("NAME")[0])
            value: sp.Expr | None = None
            if name in self._given:
                value = self._given[name]
            elif assigned.nodes:
                node = assigned.nodes[0]
                value = self._scope.numbers(self._value(name, node))
                if not value.is_number:
                    raise self._reader.error(
                        node,
                        "a parameter's value is a number",
                        "define gives a formula",
                    )
            if value is not None:
                self._check_double(assigned, value)
            self._scope.parameters[name] = Parameter(name, value, unknown)

    def _value(self, name: str, node: Node) -> sp.Expr:
        try:
            return self._reader.scalar(node, "a parameter's value")
        except NotationError as error:
            if "no name" in error.problem:
                error.hint += f"; a formula of fields is `define {name} = ...`"
            raise

    def _check_double(self, assigned: Node, value: sp.Expr) -> None:
        """Refuses a value that no floating-point number is near to."""
        try:
            as_number(value)
        except OperatorError as error:
            raise self._reader.error(assigned, error.problem, error.hint) from None

    def _velocity(self, statement: Node) -> None:
        value = self._reader.value(statement.nodes[0])
        if len(shape(value)) != 1:
            raise self._reader.error(
                statement, "a velocity is a vector", "write velocity (u, v)"
            )
        self._scope.velocity = value

    def _definition(self, statement: Node) -> None:
        token = statement.tokens("NAME")[0]
        self.define(token, self._reader.value(statement.nodes[0]))

    def define(self, token: Token, value: Value) -> None:
        """Adds a definition."""
        name = self._new(token)
        self._scope.definitions[name] = value

    def _new(self, token: Token) -> str:
        """Returns the spelling of a name that is declared here for the first time."""
        name = spelled(str(token))
        if not name.isidentifier():
            raise self._reader.error(token, f"{name!r} is not a name", "write letters")
        self._refuse_taken(token, name)
        return name

    def _refuse_taken(self, node: Node | Token, name: str) -> None:
        if self._scope.declares(name):
            raise self._reader.error(
                node,
                f"{name} is declared twice",
                "drop or rename one; components of a vector x are called x1, x2, ...",
            )


def _is_small(dimension: sp.Expr) -> bool:
    return isinstance(dimension, sp.Integer) and dimension <= limits.MOST_COMPONENTS
