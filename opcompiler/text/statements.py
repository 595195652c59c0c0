"""The statements of a text: declarations, definitions, equations and conditions.

In: a `Source`; out: a `Problem`. Each kind of statement has one method of `_Statements`:

    coordinates t, x in [0, 1]     -> Scope.coordinates
    field u(t, x)                  -> Scope.fields
    heat: u_t = u_xx               -> Problem.equations["heat"]
    initial at t = 0: u = 0        -> Problem.conditions["initial"]

Declarations may stand in any order; definitions stand before their use.
"""

from collections.abc import Mapping

import sympy as sp
from lark import Token
from sympy.core.function import AppliedUndef

from opcompiler.errors import OperatorError
from opcompiler.frontend.constants import as_number
from opcompiler.text import limits, normal, shapes
from opcompiler.text.derivatives import pin
from opcompiler.text.expressions import RULES, superscript
from opcompiler.text.habits import about_name, unknown_name
from opcompiler.text.layout import read_tree
from opcompiler.text.mistakes import MeaningError, nearest, NotationError, Source
from opcompiler.text.problem import Condition, Coordinate, Field, Parameter, Problem
from opcompiler.text.reader import Reader
from opcompiler.text.scope import Scope
from opcompiler.text.spelling import spelled
from opcompiler.text.syntax import Node
from opcompiler.text.usage import unused
from opcompiler.text.values import each, flat, shape, Value

_TIMES = ("t", "tau", "time")
_MOST_FIELD_COMPONENTS = 64


def read_problem(source: Source, given: Mapping[str, sp.Expr]) -> Problem:
    """Returns what a text says.

    Args:
        source: the text.
        given: values of parameters, in place of those in the text.

    Raises:
        NotationError: with the place of what is wrong.
    """
    tree = read_tree(source).nodes
    # Values of parameters are read before fields, and may be complex if one of these is.
    fields = [statement for statement in tree if statement.kind == "fields"]
    scope = Scope(complex=any(map(_is_complex, fields)))
    statements = _Statements(Reader(source, scope, RULES), given)
    # Each kind may use the names of those before it, in whatever order they stand.
    early = ("parameters", "coordinates", "fields")
    for kind in early:
        for statement in tree:
            if statement.kind == kind:
                statements.read(statement)
        if kind == "coordinates":
            statements.find_time()
    for statement in tree:
        if statement.kind not in early:
            statements.read(statement)
    statements.refuse_unused()
    return Problem(
        coordinates=tuple(scope.coordinates.values()),
        fields=tuple(scope.fields.values()),
        parameters=tuple(scope.parameters.values()),
        definitions=dict(scope.definitions),
        equations=statements.equations,
        conditions=statements.conditions,
        unused=unused(scope, statements.equations, statements.conditions),
    )


def _is_complex(statement: Node) -> bool:
    """Whether a declaration is one of complex fields: by a word, or by a set C, C^n."""
    spaces = (n for f in statement.nodes for n in f.nodes if n.kind == "space")
    return "complex" in str(statement.children[0]).split() or any(
        str(space.children[0]) in ("C", "ℂ") for space in spaces
    )


class _Statements:
    """Reads statements, into the scope of a reader and into equations.

    Attributes:
        equations: by label.
        conditions: by label.
    """

    def __init__(self, reader: Reader, given: Mapping[str, sp.Expr]) -> None:
        self.equations: dict[str, sp.Eq] = {}
        self.conditions: dict[str, Condition] = {}
        self._reader = reader
        self._scope = reader.scope
        self._given = given
        self._named_times = False
        self._short: dict[str, Token] = {}
        self._numbered: dict[str, int] = {}

    def read(self, statement: Node) -> None:
        """Reads one statement, by the method of its rule."""
        try:
            getattr(self, f"_{statement.kind}")(statement)
        except MeaningError as error:
            raise self._reader.source.placed(error, statement) from None

    # Names.

    def _new(self, token: Token) -> str:
        """Returns the spelling of a name that is declared here for the first time."""
        name = spelled(str(token))
        if not name.isidentifier():
            raise MeaningError(f"{name!r} is not a name", "write letters", at=token)
        self._refuse_taken(token, name)
        return name

    def _refuse_taken(self, node: Node | Token, name: str) -> None:
        if self._scope.declares(name):
            raise MeaningError(
                f"{name} is declared twice",
                "drop or rename one; components of a vector x are called x1, x2, ...",
                at=node,
            )

    # Coordinates.

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
                    hint = "write x in R^2 or x in [0, 1]"
                    raise MeaningError("coordinates are real", hint, at=node)
            if time and dimension is not None:
                raise MeaningError("time is one number", "drop the power", at=region)
            written = dimension is None or (
                isinstance(dimension, sp.Integer)
                and dimension <= limits.MOST_COMPONENTS
            )
            coordinate = Coordinate(name, dimension, interval, time, written)
            for symbol in coordinate.symbols if dimension is not None else ():
                self._refuse_taken(region, str(symbol))
            self._scope.add_coordinate(coordinate)

    def find_time(self) -> None:
        """Finds the coordinate of time by its usual names, if none was declared."""
        for name, coordinate in list(self._scope.coordinates.items()):
            usual = name in _TIMES and coordinate.dimension is None
            if usual and not self._named_times:
                self._scope.add_coordinate(
                    Coordinate(name, None, coordinate.interval, time=True)
                )

    def _dimension(self, node: Node) -> sp.Expr | None:
        """Returns the power of a set, a positive integer or a symbol."""
        last = node.children[-1]
        if isinstance(last, Token):
            if last.type != "SUPER":
                return None
            value: sp.Expr = sp.Integer(superscript(last))
        elif last is node.nodes[-1] and node.tokens("POW"):
            value = self._scope.numbers(self._reader.scalar(last, "a dimension"))
        else:
            return None
        if not ((isinstance(value, sp.Integer) and value > 0) or value.free_symbols):
            raise MeaningError(f"the dimension {value}", "write R^2", at=node)
        return value

    def _interval(self, node: Node) -> tuple[sp.Expr, sp.Expr]:
        lower, upper = (
            self._reader.infinite(end)
            or self._reader.scalar(end, "the end of an interval")
            for end in node.nodes[:2]
        )
        if any(end.is_extended_real is False for end in (lower, upper)):
            raise MeaningError("this interval is not real", "write [0, 1]", at=node)
        numbers = lower.is_number and upper.is_number
        if numbers and not (upper - lower).is_extended_positive:
            raise MeaningError("this interval is empty", "write [0, 1]", at=node)
        return lower, upper

    # Fields.

    def _fields(self, statement: Node) -> None:
        words = str(statement.children[0]).split()
        known = words[-1].startswith("coefficient")
        for declared in statement.nodes:
            first, *arguments = declared.tokens("NAME")
            name = self._new(first)
            if declared.kind == "table":
                self._table(name, declared, known)
                continue
            for token in arguments:
                argument = spelled(str(token))
                field = self._scope.fields.get(argument)
                law = field is not None and field.names == (argument,)
                if argument not in self._scope.coordinates and not law:
                    hint = "declare it before the field"
                    hint = nearest(argument, self._scope.coordinates, hint)
                    raise MeaningError(
                        f"{argument} is not a coordinate", hint, at=token
                    )
            names = tuple(spelled(str(token)) for token in arguments)
            names = names or tuple(self._scope.coordinates)
            if not names:
                hint = "declare the coordinates first"
                raise MeaningError(f"{name} has no arguments", hint, at=declared)
            components, is_complex = self._values(words, declared)
            field = Field(name, names, components, is_complex, known)
            for part in field.names if components is not None else ():
                self._refuse_taken(declared, part)
            self._scope.add_field(field)

    def _table(self, name: str, declared: Node, known: bool) -> None:
        if not known:
            hint = f"write field {name}(x)"
            raise MeaningError("a field has arguments", hint, at=declared)
        sizes = tuple(self._reader.scalar(n, "a dimension") for n in declared.nodes)
        for node, size in zip(
            declared.nodes, map(self._scope.numbers, sizes), strict=True
        ):
            if size.is_number and not (isinstance(size, sp.Integer) and size > 0):
                hint = "give a positive whole number"
                raise MeaningError(f"a table of {size} places", hint, at=node)
        self._scope.add_field(Field(name, (), None, False, True, sizes))

    def _values(self, words: list[str], declared: Node) -> tuple[int | None, bool]:
        """Returns (number of components, whether complex) of a field."""
        is_complex = "complex" in words
        components: int | None = None
        for node in declared.nodes:
            letter = str(node.children[0])
            if node.kind != "space" or letter not in ("R", "C", "ℝ", "ℂ"):
                problem = "a field has values in R, C, R^n or C^n"
                raise MeaningError(problem, "write in R^2", at=node)
            is_complex |= letter in ("C", "ℂ")
            dimension = self._dimension(node)
            if dimension is not None:
                if not 0 < dimension <= _MOST_FIELD_COMPONENTS:
                    raise MeaningError(
                        f"a field of {dimension} components",
                        f"their number is 1 to {_MOST_FIELD_COMPONENTS}",
                        at=node,
                    )
                components = int(dimension)
        if components is None and "vector" in words:
            space = self._scope.space
            if not space or any(isinstance(x, sp.IndexedBase) for x in space):
                problem = "a vector of how many components?"
                raise MeaningError(problem, "write in R^2", at=declared)
            components = len(space)
        return components, is_complex

    # Parameters, the velocity, definitions.

    def _parameters(self, statement: Node) -> None:
        unknown = str(statement.children[0]).startswith("unknown")
        for assigned in statement.nodes:
            name = self._new(assigned.tokens("NAME")[0])
            value = self._given.get(name)
            if value is None and assigned.nodes:
                node = assigned.nodes[0]
                try:
                    value = self._reader.scalar(node, "a parameter's value")
                except NotationError as error:
                    if "no name" in error.problem:
                        error.hint += f"; a formula of fields is `define {name} = ...`"
                    raise
                value = self._scope.numbers(value)
                if not value.is_number:
                    problem = "a parameter's value is a number"
                    raise MeaningError(problem, "define gives a formula", at=node)
            if value is not None:
                try:  # a floating-point number must be near to it
                    as_number(value)
                except OperatorError as error:
                    raise MeaningError(error.problem, error.hint, at=assigned) from None
            self._scope.parameters[name] = Parameter(name, value, unknown)

    def _velocity(self, statement: Node) -> None:
        value = self._reader.value(statement.nodes[0])
        if len(shape(value)) != 1:
            raise MeaningError("a velocity is a vector", "write velocity (u, v)")
        self._scope.velocity = value

    def _definition(self, statement: Node) -> None:
        token = statement.tokens("NAME")[0]
        self._define(token, self._reader.value(statement.nodes[0]))

    def _define(self, token: Token, value: Value) -> None:
        name = self._new(token)
        self._scope.definitions[name] = value

    # Equations, conditions, and definitions without a word.

    def _equation(self, statement: Node) -> None:
        """Reads `[head:] left = right [at pins]`."""
        sides = next(node for node in statement.nodes if node.kind == "sides")
        head = next((node for node in statement.nodes if node.kind == "head"), None)
        token = self._defined(sides)
        if token is not None and len(statement.nodes) == 1:
            self._define(token, self._reader.value(sides.nodes[1]))
            self._short[spelled(str(token))] = token
            return
        values = [self._reader.value(side) for side in sides.nodes]
        moves = self._moves(statement, head)
        if moves:
            normals = normal.known(moves, self._scope)
            try:
                values = [pin(pin(value, normals), moves) for value in values]
            except MeaningError as error:
                problem = f"at this point {error.problem}"
                raise MeaningError(problem, error.hint) from None
        # The kind is said by a word; else by whether all fields stand elsewhere.
        words = head.tokens("KIND") if head is not None else []
        elsewhere = bool(moves) or self._stands_elsewhere(sides.nodes, values)
        kind = "condition" if elsewhere else "equation"
        kind = str(words[0]) if words else kind
        self._add(kind, self._label(head, kind), values)

    def _defined(self, sides: Node) -> Token | None:
        """Returns the new name on the left of a definition, if this is one."""
        if len(sides.nodes) != 2 or sides.nodes[0].kind != "name":
            return None
        token = sides.nodes[0].tokens("NAME")[0]
        name = spelled(str(token))
        if self._scope.lookup(name) is not None:
            return None
        try:
            return None if self._scope.derivative(name) is not None else token
        except MeaningError:
            return None

    def _moves(self, statement: Node, head: Node | None) -> dict[sp.Basic, sp.Expr]:
        """Returns the coordinates that `at x = 0` fixes, before or behind."""
        moves: dict[sp.Basic, sp.Expr] = {}
        for part in (statement, head):
            for pins in part.nodes if part is not None else []:
                for one in pins.nodes if pins.kind == "pins" else []:
                    moves.update(self._move(one))
        return moves

    def _move(self, one: Node) -> dict[sp.Basic, sp.Expr]:
        name = spelled(str(one.tokens("NAME")[0]))
        symbols = self._scope.symbols
        if name in symbols:
            old: tuple[sp.Expr, ...] = (symbols[name],)
        else:
            coordinate = self._scope.coordinates.get(name)
            if coordinate is None or not coordinate.written_out:
                hint = nearest(name, symbols, f"fix one of {', '.join(symbols)}")
                raise MeaningError(f"{name} cannot be fixed", hint, at=one)
            old = coordinate.symbols
        new = flat(self._reader.value(one.nodes[0]))
        if len(new) != len(old):
            hint = "give it as many numbers as it has components"
            raise MeaningError(f"{name} cannot be fixed there", hint, at=one)
        return dict(zip(old, new, strict=True))

    def _stands_elsewhere(self, sides: list[Node], values: list[Value]) -> bool:
        """Whether no field stands at its own coordinates, as in a condition."""
        parts = [part for value in values for part in flat(value)]
        applied = {a for part in parts for a in _applications(part)}
        home = {a for a in applied if a in self._scope.home}
        if not home:
            return bool(applied)
        # `W(-X) = -W(X)`: with all arguments written, and none differentiated at home.
        changed = {a for part in parts for a in _applications(part, derivatives=True)}
        bare = any(map(self._is_bare, sides))
        return not bare and applied > home and not changed & home

    def _is_bare(self, node: Node) -> bool:
        """Whether a field stands somewhere without its arguments."""
        parts = node.nodes
        if node.kind == "name":
            name = spelled(str(node.children[0]))
            field = self._scope.fields.get(name)
            if name in self._scope.coordinates or (field and field.shape is not None):
                return False
            known = self._scope.lookup(name)
            if known is None:
                return True  # a derivative: `u_x`
            return any(map(_applications, flat(known)))
        if node.kind == "primed":
            return True
        if node.kind == "call" and parts[0].kind in ("name", "primed"):
            parts = parts[1:]
        return any(map(self._is_bare, parts))

    def _label(self, head: Node | None, kind: str) -> str:
        """Returns the label as written, or a new one that says the kind."""
        names = head.tokens("NAME") if head is not None else []
        if names:
            return spelled(str(names[0]))
        if kind != "equation" and not self._taken(kind):
            return kind
        number = self._numbered.get(kind, 1)
        while self._taken(f"{kind}{number}"):
            number += 1
        self._numbered[kind] = number
        return f"{kind}{number}"

    def _taken(self, label: str) -> bool:
        return label in self.equations or label in self.conditions

    def _add(self, kind: str, label: str, values: list[Value]) -> None:
        """Adds an equation, of vectors one for each component."""
        left, right = values if len(values) == 2 else (values[0], None)
        if right is None or right == 0:
            right = each(lambda _: sp.S.Zero, left)
        if shape(left) != shape(right):
            raise MeaningError(
                f"{shapes.shown(left)} is equated to {shapes.shown(right)}",
                "both sides must have one shape; 0 fits every shape",
            )
        pairs = list(zip(flat(left), flat(right), strict=True))
        for number, (one, other) in enumerate(pairs, start=1):
            name = label if len(pairs) == 1 else f"{label}_{number}"
            if self._taken(name):
                raise MeaningError(
                    f"two equations are called {name}", "give each its own label"
                )
            if one == other:
                raise MeaningError(
                    "both sides are the same, so this says nothing", "drop it"
                )
            if not any(map(_applications, (one, other))):
                fields = ", ".join(self._scope.fields) or "not declared"
                raise MeaningError(
                    "there is no field in this equation", f"the fields are {fields}"
                )
            equation = sp.Eq(one, other, evaluate=False)
            if kind == "equation":
                self.equations[name] = equation
            else:
                self.conditions[name] = Condition(name, kind, equation)

    # What is said and not used.

    def refuse_unused(self) -> None:
        """Refuses short definitions that nothing uses, and values of no parameter.

        Raises:
            OperatorError: a definition may be an equation with a misspelt left side.
        """
        scope, source = self._scope, self._reader.source
        for name, token in self._short.items():
            if name in scope.used:
                continue
            others = [known for known in scope.names if known != name]
            mistaken = unknown_name(scope, name, others)
            if "derivative" in mistaken.problem:
                raise source.placed(mistaken, token)
            keep = f"for an equation declare {name}; "
            keep += f"`define {name} = ...` keeps a definition"
            meant = about_name(scope, name) or nearest(name, others, keep)
            problem = f"{name} is defined here and used nowhere"
            raise source.about(token, problem, meant)
        strange = [name for name in self._given if name not in scope.parameters]
        if strange:
            there = ", ".join(scope.parameters) or "none"
            raise OperatorError(
                f"{source.file} has no parameter {strange[0]!r} to give a value to",
                hint=nearest(
                    strange[0],
                    scope.parameters,
                    f"its parameters are: {there}; declare `parameter {strange[0]}`",
                ),
            )


def _applications(expr: sp.Basic, derivatives: bool = False) -> set[AppliedUndef]:
    """Returns every field at its point; a derivative at a point stands at that one.

    With `derivatives` only those fields that are differentiated.
    """
    if isinstance(expr, sp.Subs):
        moves = dict(zip(expr.variables, expr.point, strict=True))
        inner = _applications(expr.expr)
        return {a.func(*(arg.xreplace(moves) for arg in a.args)) for a in inner}
    if isinstance(expr, AppliedUndef):
        return set() if derivatives else {expr}
    if isinstance(expr, sp.Derivative):
        derivatives = False
    return {a for argument in expr.args for a in _applications(argument, derivatives)}
