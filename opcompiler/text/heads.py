"""What stands before parentheses or brackets: fields at points, operators, functions.

In: a part of the tree `head(arguments)` or `head[indices]`; out: its value.

    u(t, 0), u(x=0), u_x(t, 0)      a field, or an expression, at a point
    d(u, x, 2), lap(u), sum(...)    an operator: a line of the table `HEADS`, at the end
    sin(u), max(u, w)               a function, see application.py
    v[1], A[i, j]                   a component, an entry of a table

A declared name wins over an operator's; where both have a meaning the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.frontend.integrals import infinite_end
from opcompiler.text import application, limits, normal, shapes
from opcompiler.text.conditions import condition
from opcompiler.text.derivatives import depends, differentiate, pin
from opcompiler.text.mistakes import MeaningError, nearest
from opcompiler.text.precedence import refuse_doubtful_dot
from opcompiler.text.problem import Field
from opcompiler.text.reader import Reader
from opcompiler.text.scope import Scope
from opcompiler.text.spelling import spelled
from opcompiler.text.syntax import Node
from opcompiler.text.values import flat, shape, Value

Head = Callable[[Reader, list[Node]], Value]
"""What an operator makes of its arguments."""


def is_function(name: str) -> bool:
    """Whether an undeclared name is a function or an operator of the notation."""
    return name in application.NAMES or name in HEADS


def call(reader: Reader, node: Node) -> Value:
    """Returns the value of `head(arguments)`."""
    head, *arguments = node.nodes
    scope = reader.scope
    if head.kind == "primed":
        base = scope.field_of(spelled(str(head.children[0])))
        return _at_point(reader, reader.value(head), base, arguments)
    if head.kind != "name":
        return _pinned(reader, head, arguments)
    name = spelled(str(head.children[0]))
    # Declared names: a field at a point, or something else at a point.
    declared = scope.field_of(name)
    if declared is not None:
        _refuse_doubtful_head(reader, node, name, declared)
        return _applied(reader, declared, name, arguments)
    derivative_by_parameter = (
        name in ("d", "D") and name in scope.parameters and len(arguments) > 1
    )
    is_declared = scope.declares(name) or scope.lookup(name) is not None
    if is_declared and not derivative_by_parameter:
        _refuse_doubtful_head(reader, node, name, None)
        return _pinned(reader, head, arguments)
    # Names of the notation.
    if name in HEADS:
        return reader.charge(HEADS[name](reader, arguments))
    if name in application.NAMES:
        values = [reader.scalar(a, f"an argument of {name}") for a in arguments]
        return application.apply(name, values)
    # Derivatives: `u_x(t, 0)` at a point, `dx(u)` of something.
    reading = scope.derivative(name)
    if reading is not None:
        base = scope.field_of(reading[0])
        return _at_point(reader, reader.value(head), base, arguments)
    by = _derivative_head(scope, name)
    if by is not None and len(arguments) == 1:
        value = reader.value(arguments[0])
        return differentiate(value, [(scope.symbols[n], 1) for n in by], scope)
    known = [*scope.names, *application.NAMES, *HEADS]
    hint = nearest(name, known, f"declare it: `field {name}(...)` or `coefficient`")
    raise MeaningError(f"there is no function {name!r}", hint, at=head)


def _derivative_head(scope: Scope, name: str) -> tuple[str, ...] | None:
    """Reads `dx(u)`, `Dxx(u)`, and py-pde's `d_dx(u)`, `d2_dx2(u)`."""
    if name[0] not in "dD":
        return None
    quotient = re.fullmatch(r"d(\d{0,2})_d(\w+?)(\d{0,2})", name)
    if quotient and quotient[2] in scope.alphabet and quotient[1] == quotient[3]:
        return (quotient[2],) * int(quotient[1] or 1)
    readings = scope.alphabet.splits(name[1:])
    return readings[0] if len(readings) == 1 else None


def _refuse_doubtful_head(
    reader: Reader, node: Node, name: str, declared: Field | None
) -> None:
    """Refuses `D(phi)` where a declared name is an operator's too.

    The declared name wins where it has a meaning: a field of one argument at a place.
    """
    operator = is_function(name) or _derivative_head(reader.scope, name) is not None
    arguments = node.nodes[1:]
    if not operator or any(a.kind == "named" for a in arguments):
        return
    if declared is not None and len(arguments) == len(declared.arguments):
        values = [part for a in arguments for part in flat(reader.value(a))]
        if not any(part.has(AppliedUndef) for part in values):
            return
    inside = ", ".join(map(reader.text, arguments))
    x = str((*reader.scope.space, "x")[0])
    written = f"d({reader.text(arguments[0]) if arguments else 'u'}, {x})"
    if name not in ("d", "D", "diff"):
        way = f"rename the declared {name} to use the operator"
    elif reader.scope.declares("d"):
        way = f"∂_{x}({inside}) for the derivative"
    else:
        way = f"{written} for the derivative"
    other = f"{name}*({inside}) for the product"
    if len(arguments) != 1:
        other = f"{name}({x}=0) for {name} at a place"
    raise MeaningError(
        f"{reader.text(node)} can be read in two ways: {name} is declared here, and is an "
        "operator of the notation",
        f"write {other}, {way}",
    )


# Fields and expressions at a point.


def _applied(
    reader: Reader, declared: Field, name: str, arguments: list[Node]
) -> Value:
    """Returns a field at the point that the arguments give."""
    for argument in arguments:
        if argument.kind == "relation":
            hint = f"fix a coordinate: {name}(x=0)"
            raise MeaningError("a comparison stands here", hint, at=argument)
    if any(a.kind == "named" for a in arguments):
        return _at_point(reader, reader.scope.lookup(name), declared, arguments)
    values = _positional(reader, declared, arguments)
    # `u(x, t)` of a field declared as `u(t, x)` is a slip, more often than a meaning.
    names = declared.arguments
    for given, own in zip(values, names, strict=True):
        exchanged = sp.Symbol(own) in values and str(given) in names
        coordinate = reader.scope.coordinates.get(own)
        time = coordinate is not None and coordinate.time
        if time and given != sp.Symbol(own) and exchanged:
            raise MeaningError(
                f"{declared.name} is given {given} for {own}: its arguments are "
                f"({', '.join(names)})",
                f"write {declared.name}({', '.join(names)}), or by name to exchange them: "
                f"{declared.name}({own}={given}, ...)",
            )
    parts = tuple(part for value in values for part in flat(value))
    if name == declared.name:
        return reader.scope.applied(declared, parts)
    return sp.Function(name)(*parts)


def _positional(reader: Reader, declared: Field, arguments: list[Node]) -> list[Value]:
    names = declared.arguments
    if len(arguments) != len(names):
        raise MeaningError(
            f"{declared.name} has {len(names)} arguments and is given {len(arguments)}",
            f"write {declared.name}({', '.join(names)}), or "
            f"{declared.name}({names[0]}=0) to fix one",
        )
    pairs = zip(names, arguments, strict=True)
    return [_argument(reader, name, node) for name, node in pairs]


def _argument(reader: Reader, name: str, node: Node) -> Value:
    """Returns the value that an argument takes at a point."""
    coordinate = reader.scope.coordinates.get(name)
    if coordinate is None:  # a field, at whose values another one stands
        return reader.scalar(node, "a number")
    if not coordinate.written_out:
        if node.kind == "name" and spelled(str(node.children[0])) == name:
            return coordinate.symbols[0]
        raise MeaningError(
            f"{name} has too many components to be given another value",
            f"write {name} itself, or declare it with a small dimension",
            at=node,
        )
    value = reader.value(node)
    wanted = () if coordinate.dimension is None else (len(coordinate.symbols),)
    if shape(value) != wanted:
        like = "a number" if not wanted else f"{wanted[0]} components"
        problem = f"{name} is given {shapes.shown(value)}"
        raise MeaningError(problem, f"{name} takes {like}", at=node)
    return value


def _at_point(
    reader: Reader, value: Value | None, declared: Field | None, arguments: list[Node]
) -> Value:
    """Returns an expression at a point: `u_x(x=0)`, `d(u, x)(x=0)`, `u_x(t, 0)`."""
    assert value is not None
    moves: dict[sp.Basic, sp.Expr] = {}
    if declared is not None and not any(a.kind == "named" for a in arguments):
        values = _positional(reader, declared, arguments)
        for name, new in zip(declared.arguments, values, strict=True):
            symbols = reader.scope.symbols_of(name)
            moves.update(zip(symbols, flat(new), strict=True))
    else:
        for argument in arguments:
            if argument.kind != "named":
                raise MeaningError(
                    "some arguments are given by place and some by name",
                    "give all by place, u(0, x), or only those that change: u(t=0)",
                    at=argument,
                )
            moves.update(_named_move(reader, argument, value))
    return reader.charge(pin(value, {a: b for a, b in moves.items() if a != b}))


def _pinned(reader: Reader, head: Node, arguments: list[Node]) -> Value:
    """Returns what is no field of its own at a point: `d(u, x)(x=0)`, `omega(x=0)`."""
    words = reader.text(head)
    for argument in arguments:
        if argument.kind != "named":
            raise MeaningError(
                f"{words} is not a field, so it has no arguments",
                f"a product is {words}*({reader.text(argument)}); "
                f"to fix a coordinate write {words}(x=0)",
                at=argument,
            )
    return _at_point(reader, reader.value(head), None, arguments)


def _named_move(
    reader: Reader, argument: Node, value: Value
) -> dict[sp.Basic, sp.Expr]:
    """Reads `x=0`: the symbols that are replaced, and what by."""
    scope = reader.scope
    name = spelled(str(argument.tokens("NAME")[0]))
    if name in scope.symbols:
        old: tuple[sp.Basic, ...] = (scope.symbols[name],)
        new: Value = reader.scalar(argument.nodes[0], "a coordinate")
    elif name in scope.coordinates:
        old = scope.coordinates[name].symbols
        new = _argument(reader, name, argument.nodes[0])
    elif name in scope.functions:
        old = scope.symbols_of(name)
        new = reader.scalar(argument.nodes[0], "a number")
    else:
        hint = nearest(name, scope.coordinates, "only coordinates can be fixed")
        raise MeaningError(f"{name} is not a coordinate", hint, at=argument)
    if not any(depends(part, symbol) for part in flat(value) for symbol in old):
        problem = f"nothing here depends on {name}"
        raise MeaningError(problem, "leave the point out", at=argument)
    return dict(zip(old, flat(new), strict=True))


# Components and entries of tables.


def index(reader: Reader, node: Node) -> Value:
    """Returns the value of `head[indices]`: a component, or an entry of a table."""
    head, *places = node.nodes
    scope = reader.scope
    indices = [reader.scalar(place, "an index") for place in places]

    def check(number: sp.Expr, size: sp.Expr | int, place: Node) -> None:
        """Refuses a component that is not there, counted from 1."""
        last = isinstance(size, int | sp.Integer) and number > size
        if isinstance(number, sp.Integer) and (number < 1 or last):
            raise absent(number, size, place)

    def absent(number: sp.Expr, size: sp.Expr | int, place: Node) -> MeaningError:
        problem = f"there is no component {number}"
        return MeaningError(problem, f"they are 1 to {size}", at=place)

    name = spelled(str(head.children[0])) if head.kind == "name" else ""
    table, coordinate = scope.fields.get(name), scope.coordinates.get(name)
    if table is not None and table.shape is not None:
        if len(table.shape) != len(indices):
            raise MeaningError(f"{name} has {len(table.shape)} indices", "give as many")
        sizes = tuple(map(scope.numbers, table.shape))
        for number, size, place in zip(indices, sizes, places, strict=True):
            check(number, size, place)
        known = all(isinstance(size, sp.Integer) for size in sizes)
        base = sp.IndexedBase(name, shape=sizes) if known else sp.IndexedBase(name)
        return base[tuple(i - 1 for i in indices)]
    if coordinate is not None and not coordinate.written_out and len(indices) == 1:
        check(indices[0], coordinate.dimension, places[0])
        return coordinate.base[indices[0] - 1]
    value = reader.value(head)
    for place, number in zip(places, indices, strict=True):
        if not isinstance(value, tuple):
            raise MeaningError("a scalar has no components", "leave the brackets out")
        if not isinstance(number, sp.Integer) or not 1 <= number <= len(value):
            raise absent(number, len(value), place)
        value = value[int(number) - 1]
    return value


# Operators by name: derivatives and vector calculus.


def _derivative(reader: Reader, arguments: list[Node]) -> Value:
    """`d(u, x, 2)`, `diff(u, x, y)`, `D(u, (x, 2))`."""
    if len(arguments) < 2:
        raise MeaningError(
            "a derivative needs what it is taken by", "write d(u, x) or d(u, x, 2)"
        )
    value = reader.value(arguments[0])
    steps: list[tuple[sp.Expr, int]] = []
    for node in arguments[1:]:
        for part in node.nodes if node.kind == "tuple" else [node]:
            given = reader.scalar(part, "what a derivative is taken by")
            if isinstance(given, sp.Integer) and steps and given > 0:
                if given > 1000:
                    raise MeaningError(f"order {given}", "orders are small", at=part)
                steps[-1] = (steps[-1][0], int(given))
            elif _is_coordinate(reader.scope, given):
                steps.append((given, 1))
            else:
                raise MeaningError(
                    f"a derivative by {given}, which is not a coordinate",
                    f"the coordinates are {', '.join(reader.scope.coordinates)}; "
                    "orders are positive integers: d(u, x, 2)",
                    at=part,
                )
    return differentiate(value, steps, reader.scope)


def _is_coordinate(scope: Scope, given: sp.Expr) -> bool:
    if isinstance(given, sp.Indexed):
        return str(given.base) in scope.coordinates
    return given.is_Symbol and scope.symbols.get(given.name) == given


def _over_space(operator: Callable[[Value, shapes.Space, Scope], Value]) -> Head:
    """`lap(u)` over all coordinates of space, `lap(u, (x, y))` over those named."""

    def head(reader: Reader, arguments: list[Node]) -> Value:
        _count(arguments, 1, 2)
        space = reader.scope.space
        if len(arguments) == 2:
            space = tuple(flat(reader.value(arguments[1])))
            for given in space:
                if not _is_coordinate(reader.scope, given):
                    problem = f"{given} is not a coordinate"
                    raise MeaningError(problem, "name coordinates", at=arguments[1])
        return operator(reader.value(arguments[0]), space, reader.scope)

    return head


def _gradient(reader: Reader, arguments: list[Node]) -> Value:
    of = reader.text(arguments[0]) if arguments else ""
    operator = lambda value, space, scope: shapes.grad(value, space, scope, of)
    return _over_space(operator)(reader, arguments)


def _gradient_squared(reader: Reader, arguments: list[Node]) -> Value:
    """The square of the gradient's length, of a real scalar."""
    _count(arguments, 1)
    value = reader.scalar(arguments[0], "what gradient_squared takes")
    if reader.scope.is_complex(value):
        words = reader.text(arguments[0])
        raise MeaningError(
            f"gradient_squared of {words}, which is complex, can be read in two ways",
            f"write norm(grad({words}))^2, or dot(grad({words}), grad({words})), which "
            "takes no conjugate",
        )
    slopes = shapes.grad(value, reader.scope.space, reader.scope)
    return shapes.dot(slopes, slopes)


def _of_values(operator: Callable[..., Value], count: int) -> Head:
    """An operator of what is declared, and of a number of values."""

    def head(reader: Reader, arguments: list[Node]) -> Value:
        _count(arguments, count)
        return operator(reader.scope, *map(reader.value, arguments))

    return head


def _dot(reader: Reader, arguments: list[Node]) -> Value:
    _count(arguments, 2)
    left, right = map(reader.value, arguments)
    one, other = map(reader.text, arguments)
    refuse_doubtful_dot(left, right, (one, other))
    return shapes.dot(left, right)


def _inner(reader: Reader, arguments: list[Node]) -> Value:
    """`dot` for real values; elsewhere inner products take a conjugate, dot does not."""
    parts = [p for a in arguments for p in flat(reader.value(a))]
    if any(map(reader.scope.is_complex, parts)):
        words = ", ".join(map(reader.text, arguments))
        raise MeaningError(
            f"inner({words}) of complex values can be read in two ways",
            f"write dot({words}), which takes no conjugate, or the sum of conj(a[i])*b[i]",
        )
    return _dot(reader, arguments)


def material(value: Value, scope: Scope) -> Value:
    """Returns `u_t + (v·∇)u` with the declared velocity, or the only vector field."""
    velocity = scope.velocity
    if velocity is None:
        fields = [f for f in scope.fields.values() if f.components and not f.known]
        if len(fields) != 1:
            raise MeaningError(
                "D/Dt moves with no known velocity", "declare it: `velocity (u, v)`"
            )
        velocity = scope.applied(fields[0], scope.arguments(fields[0]))
    along = shapes.advect(velocity, value, scope.space, scope)
    by_time = differentiate(value, [(scope.time, 1)], scope)
    return shapes.add([by_time, along])


def _count(arguments: list[Node], *allowed: int) -> None:
    if len(arguments) not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise MeaningError(
            f"{len(arguments)} arguments are given", f"this operator takes {wanted}"
        )


# Operators by name: cases, sums, integrals.


def _where(reader: Reader, arguments: list[Node]) -> Value:
    """`where(x < 0, a, b)`; more pairs of condition and value may come first."""
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        raise MeaningError(
            "where needs conditions, their values, and a last value",
            "write where(x < 0, a, b)",
        )
    pieces = []
    for compared, value in zip(arguments[0:-1:2], arguments[1:-1:2], strict=True):
        when, chosen = condition(reader, compared), reader.scalar(value)
        if when == sp.true:
            last = chosen
            break
        if when != sp.false:
            pieces.append((chosen, when))
    else:
        last = reader.scalar(arguments[-1])
    if not pieces:
        return last
    return sp.Piecewise(*pieces, (last, sp.true), evaluate=False)


def _sum(reader: Reader, arguments: list[Node]) -> Value:
    """`sum(i=1..d, body)`; several ranges nest.

    A sum is written out while it is short; over a symbolic or a very large number of
    coordinates it stays a SymPy `Sum` whose index counts from 0, as SymPy's `Indexed` does.
    In the text components count from 1.
    """
    *ranges, body = arguments
    if not ranges or any(r.kind != "ranged" for r in ranges):
        raise MeaningError("a sum needs its range", "write sum(i=1..d, body)")
    return _sum_over(reader, ranges, body)


def _sum_over(reader: Reader, ranges: list[Node], body: Node) -> Value:
    if not ranges:
        return reader.value(body)
    first, *rest = ranges
    scope = reader.scope
    name = spelled(str(first.tokens("NAME")[0]))
    if scope.declares(name):
        hint = "give the index a name of its own"
        raise MeaningError(f"{name} is declared already", hint, at=first)
    ends = []
    for node in first.nodes:
        end = scope.numbers(reader.scalar(node, "the end of a range"))
        if not (end.is_Integer or (end.free_symbols and not end.has(sp.Function))):
            problem = "the end of a range is no integer"
            raise MeaningError(problem, "write i=1..10", at=node)
        ends.append(end)
    lower, upper = ends
    if isinstance(lower, sp.Integer) and isinstance(upper, sp.Integer):
        count = int(upper) - int(lower) + 1
        if count < 1:
            problem = "this range is empty"
            raise MeaningError(problem, "write sum(i=1..n, ...)", at=first)
        if all(c.written_out for c in scope.coordinates.values()):
            if count > limits.LONGEST_SUM:
                raise MeaningError(
                    f"this sum has {count} terms",
                    f"sums of up to {limits.LONGEST_SUM} terms are written out",
                    at=first,
                )
            terms = []
            for number in range(int(lower), int(upper) + 1):
                scope.bound[name] = sp.Integer(number)
                terms.append(reader.charge(_sum_over(reader, rest, body)))
            del scope.bound[name]
            return shapes.add(terms)
    i = scope.bound[name] = sp.Symbol(name, integer=True)
    held = shapes.scalar(_sum_over(reader, rest, body), "what is summed")
    del scope.bound[name]
    total = sp.Sum(held.xreplace({i: i + 1}), (i, lower - 1, upper - 1))
    return reader.charge(total)


def _integral(reader: Reader, arguments: list[Node]) -> Value:
    """`int(body, s, a, b)`; `s` is a name of its own, or a coordinate."""
    if len(arguments) != 4 or arguments[1].kind != "name":
        raise MeaningError(
            "an integral is int(body, s, a, b)", "e.g. int(u(s), s, 0, x)"
        )
    body, variable, *ends = arguments
    name = spelled(str(variable.children[0]))
    for end in ends:
        if reader.infinite(end) is not None:
            raise MeaningError(*infinite_end(name), at=end)
    lower, upper = (reader.scalar(end, "an end of an integral") for end in ends)
    scope = reader.scope
    if name in scope.symbols:
        symbol = scope.symbols[name]
        value = reader.scalar(body, "an integrand")
    elif scope.declares(name):
        hint = "integrate over a fresh name"
        raise MeaningError(f"{name} is declared already", hint, at=variable)
    else:
        symbol = scope.bound[name] = sp.Symbol(name)
        value = reader.scalar(body, "an integrand")
        del scope.bound[name]
    return sp.Integral(value, (symbol, lower, upper))


_TABLE: dict[str, Head] = {
    "d D diff Derivative": _derivative,
    "lap laplace laplacian vector_laplace": _over_space(shapes.laplacian),
    "bilap biharmonic": _over_space(shapes.biharmonic),
    "curl rot": _over_space(shapes.curl),
    "grad gradient vector_gradient": _gradient,
    "div divergence tensor_divergence": _over_space(shapes.div),
    "gradient_squared": _gradient_squared,
    "hessian": _over_space(shapes.hessian),
    "strain": _over_space(shapes.strain),
    "dot": _dot,
    "inner": _inner,
    "cross": _of_values(lambda scope, a, b: shapes.cross(a, b), 2),
    "outer": _of_values(lambda scope, a, b: shapes.outer(a, b), 2),
    "transpose": _of_values(lambda scope, a: shapes.transpose(a), 1),
    "trace": _of_values(lambda scope, a: shapes.trace(a), 1),
    "det": _of_values(lambda scope, a: shapes.det(a), 1),
    "inv": _of_values(lambda scope, a: shapes.inv(a), 1),
    "norm": _of_values(lambda scope, a: shapes.norm(a, scope), 1),
    "advect": _of_values(
        lambda scope, v, a: shapes.advect(v, a, scope.space, scope), 2
    ),
    "material": _of_values(lambda scope, a: material(a, scope), 1),
    "dn": _of_values(lambda scope, a: normal.derivative(a, scope), 1),
    "where": _where,
    "sum": _sum,
    "int integral": _integral,
}
HEADS = {name: head for names, head in _TABLE.items() for name in names.split()}
"""The operators of the notation, by each of their names."""
