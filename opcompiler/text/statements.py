"""All statements of a text, in order: from the syntax tree to a `Problem`."""

from collections.abc import Mapping

import sympy as sp
from lark import Token
from sympy.core.function import AppliedUndef

from opcompiler.errors import OperatorError
from opcompiler.text import normal, vectors
from opcompiler.text.declarations import Declarations, is_complex
from opcompiler.text.derivatives import pin
from opcompiler.text.errors import MeaningError, nearest, NotationError, Source
from opcompiler.text.expressions import Reader
from opcompiler.text.names import spelled
from opcompiler.text.problem import Condition, Problem
from opcompiler.text.reading import read_tree
from opcompiler.text.scope import Scope
from opcompiler.text.syntax import Node
from opcompiler.text.usage import unused
from opcompiler.text.values import each, shape, Value


def read_problem(source: Source, given: Mapping[str, sp.Expr]) -> Problem:
    """Returns what a text says.

    Args:
        source: the text.
        given: values of parameters, in place of those in the text.

    Raises:
        NotationError: with the place of what is wrong.
    """
    statements = read_tree(source).nodes
    # Values of parameters are read before fields, and may be complex if one of these is.
    fields = [statement for statement in statements if statement.kind == "fields"]
    reader = Reader(source, Scope(complex=any(map(is_complex, fields))))
    declarations = Declarations(reader, given)
    # Each kind may use the names of those before it, in whatever order they stand.
    early = ("parameters", "coordinates", "fields")
    for kind in early:
        for statement in statements:
            if statement.kind == kind:
                declarations.read(statement)
        if kind == "coordinates":
            declarations.finish_coordinates()
    body = _Body(reader, declarations)
    for statement in statements:
        if statement.kind == "equation":
            body.read(statement)
        elif statement.kind not in early:
            declarations.read(statement)
    return body.problem(given)


class _Body:
    """Equations, conditions and short definitions, in the order of the text."""

    def __init__(self, reader: Reader, declarations: Declarations) -> None:
        self._reader = reader
        self._scope = reader.scope
        self._declarations = declarations
        self._equations: dict[str, sp.Eq] = {}
        self._conditions: dict[str, Condition] = {}
        self._short: dict[str, Token] = {}
        self._numbered: dict[str, int] = {}

    def problem(self, given: Mapping[str, sp.Expr]) -> Problem:
        """Returns all that was read."""
        scope = self._scope
        for name, token in self._short.items():
            if name not in scope.used:
                raise self._unused(name, token)
        strange = [name for name in given if name not in scope.parameters]
        if strange:
            there = ", ".join(scope.parameters) or "none"
            raise OperatorError(
                f"{self._reader.source.file} has no parameter {strange[0]!r} to give a "
                "value to",
                hint=nearest(
                    strange[0],
                    scope.parameters,
                    f"its parameters are: {there}; declare `parameter {strange[0]}`",
                ),
            )
        return Problem(
            coordinates=tuple(scope.coordinates.values()),
            fields=tuple(scope.fields.values()),
            parameters=tuple(scope.parameters.values()),
            definitions=dict(scope.definitions),
            equations=self._equations,
            conditions=self._conditions,
            unused=unused(scope, self._equations, self._conditions),
        )

    def _unused(self, name: str, token: Token) -> NotationError:
        """Returns the error about what may be an equation with a misspelt left side."""
        others = [known for known in self._scope.names if known != name]
        mistaken = self._scope.unknown(name, others)
        if "derivative" in mistaken.problem:
            return self._reader.error(token, mistaken.problem, mistaken.hint)
        keep = (
            f"for an equation declare {name}; `define {name} = ...` keeps a definition"
        )
        problem = f"{name} is defined here and used nowhere"
        meant = self._scope.habit(name) or nearest(name, others, keep)
        return self._reader.error(token, problem, meant)

    def read(self, statement: Node) -> None:
        """Reads `[head:] left = right [at pins]`."""
        sides = next(node for node in statement.nodes if node.kind == "sides")
        head = next((node for node in statement.nodes if node.kind == "head"), None)
        token = self._defined(sides)
        if token is not None and len(statement.nodes) == 1:
            self._declarations.define(token, self._reader.value(sides.nodes[1]))
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
                raise self._reader.error(statement, problem, error.hint) from None
        kind = self._kind(head, sides.nodes, values, bool(moves))
        self._add(statement, kind, self._label(head, kind), values)

    def _defined(self, sides: Node) -> Token | None:
        """Returns the new name on the left of a definition, if this is one."""
        if len(sides.nodes) != 2 or sides.nodes[0].kind != "name":
            return None
        token = sides.nodes[0].tokens("NAME")[0]
        name = spelled(str(token))
        if self._scope.lookup(name) is not None:
            return None
        try:
            is_derivative = self._scope.derivative(name) is not None
        except MeaningError:
            is_derivative = True
        return None if is_derivative else token

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
                raise self._reader.error(one, f"{name} cannot be fixed", hint)
            old = coordinate.symbols
        value = self._reader.value(one.nodes[0])
        new = vectors.flat(value)
        if len(new) != len(old) or any(part.has(AppliedUndef) for part in new):
            raise self._reader.error(
                one, f"{name} cannot be fixed there", "give it numbers or parameters"
            )
        return dict(zip(old, new, strict=True))

    def _kind(
        self, head: Node | None, sides: list[Node], values: list[Value], pinned: bool
    ) -> str:
        """Returns the kind by its word; else by whether all fields stand elsewhere."""
        words = head.tokens("KIND") if head is not None else []
        if words:
            return str(words[0])
        if pinned:
            return "condition"
        parts = [part for value in values for part in vectors.flat(value)]
        applied = {a for part in parts for a in _applications(part)}
        home = {a for a in applied if a in self._scope.home}
        if not home:
            return "condition" if applied else "equation"
        # `W(-X) = -W(X)`: with all arguments written, and none differentiated at home.
        changed = {a for part in parts for a in _applications(part, derivatives=True)}
        bare = any(self._is_bare(side) for side in sides)
        elsewhere = not bare and applied > home and not changed & home
        return "condition" if elsewhere else "equation"

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
            return any(_applications(part) for part in vectors.flat(known))
        if node.kind == "primed":
            return True
        if node.kind == "call" and parts[0].kind in ("name", "primed"):
            parts = parts[1:]
        return any(self._is_bare(part) for part in parts)

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
        return label in self._equations or label in self._conditions

    def _add(self, node: Node, kind: str, label: str, values: list[Value]) -> None:
        left, right = values if len(values) == 2 else (values[0], None)
        if right is None or right == 0:
            right = each(lambda _: sp.S.Zero, left)
        if shape(left) != shape(right):
            raise self._reader.error(
                node,
                f"{vectors.shown(left)} is equated to {vectors.shown(right)}",
                "both sides must have one shape; 0 fits every shape",
            )
        pairs = list(zip(vectors.flat(left), vectors.flat(right), strict=True))
        for number, (one, other) in enumerate(pairs, start=1):
            name = label if len(pairs) == 1 else f"{label}_{number}"
            if self._taken(name):
                raise self._reader.error(
                    node, f"two equations are called {name}", "give each its own label"
                )
            self._check(node, one, other)
            equation = sp.Eq(one, other, evaluate=False)
            if kind == "equation":
                self._equations[name] = equation
            else:
                self._conditions[name] = Condition(name, kind, equation)

    def _check(self, node: Node, left: sp.Expr, right: sp.Expr) -> None:
        if left == right:
            raise self._reader.error(
                node, "both sides are the same, so this says nothing", "drop it"
            )
        if not any(_applications(side) for side in (left, right)):
            raise self._reader.error(
                node,
                "there is no field in this equation",
                f"the fields are {', '.join(self._scope.fields) or 'not declared'}",
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
