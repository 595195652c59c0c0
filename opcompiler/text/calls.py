"""What stands before parentheses or brackets: fields at points, operators, functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.text import application, normal, sums, vectors
from opcompiler.text.derivatives import differentiate, pin
from opcompiler.text.errors import MeaningError, nearest
from opcompiler.text.names import spelled
from opcompiler.text.precedence import refuse_doubtful_dot
from opcompiler.text.problem import Field
from opcompiler.text.syntax import Node
from opcompiler.text.values import named, shape, Value

if TYPE_CHECKING:
    from opcompiler.text.expressions import Reader

_Head = Callable[["Reader", list[Node]], Value]


def is_function(name: str) -> bool:
    """Whether an undeclared name is a function or an operator of the notation."""
    return name in application.NAMES or name in _HEADS


def modulus(value: sp.Expr) -> sp.Expr:
    """Returns the absolute value."""
    return application.apply("abs", [value])


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
    declared = scope.field_of(name)
    if declared is not None:
        _refuse_doubtful_head(reader, node, name, declared)
        return _applied(reader, declared, name, arguments)
    is_declared = scope.declares(name) or scope.lookup(name) is not None
    if is_declared and not _is_derivative_head(reader, name, arguments):
        _refuse_doubtful_head(reader, node, name, None)
        return _pinned(reader, head, arguments)
    if name in _HEADS:
        return reader.charge(_HEADS[name](reader, arguments))
    if name in application.NAMES:
        values = [reader.scalar(a, f"an argument of {name}") for a in arguments]
        return application.apply(name, values)
    reading = scope.derivative(name)
    if reading is not None:
        base = scope.field_of(reading[0])
        return _at_point(reader, reader.value(head), base, arguments)
    by = _derivative_head(reader, name)
    if by is not None and len(arguments) == 1:
        symbols = scope.symbols
        value = reader.value(arguments[0])
        return differentiate(value, [(symbols[n], 1) for n in by], scope)
    known = [*scope.names, *application.NAMES, *_HEADS]
    hint = nearest(name, known, f"declare it: `field {name}(...)` or `coefficient`")
    raise reader.error(head, f"there is no function {name!r}", hint)


def _is_derivative_head(reader: Reader, name: str, arguments: list[Node]) -> bool:
    """Whether a constant such as a parameter `d` is here the head `d(u, x)`."""
    own = name in ("d", "D") and name in reader.scope.parameters
    return own and len(arguments) > 1


def _refuse_doubtful_head(
    reader: Reader, node: Node, name: str, declared: Field | None
) -> None:
    """Refuses `D(phi)` where a declared name is an operator's too.

    The declared name wins where it has a meaning: a field of one argument at a place.
    """
    operator = is_function(name) or _derivative_head(reader, name) is not None
    arguments = node.nodes[1:]
    if not operator or any(a.kind == "named" for a in arguments):
        return
    if declared is not None and len(arguments) == len(declared.arguments):
        values = [part for a in arguments for part in vectors.flat(reader.value(a))]
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


def _derivative_head(reader: Reader, name: str) -> tuple[str, ...] | None:
    """Reads `dx(u)`, `Dxx(u)`, and py-pde's `d_dx(u)`, `d2_dx2(u)`."""
    if name[0] not in "dD":
        return None
    alphabet = reader.scope.alphabet
    quotient = re.fullmatch(r"d(\d{0,2})_d(\w+?)(\d{0,2})", name)
    if quotient is not None and quotient[2] in alphabet and quotient[1] == quotient[3]:
        return (quotient[2],) * int(quotient[1] or 1)
    readings = alphabet.splits(name[1:])
    return readings[0] if len(readings) == 1 else None


def _applied(
    reader: Reader, declared: Field, name: str, arguments: list[Node]
) -> Value:
    """Returns a field at the point that the arguments give."""
    for argument in arguments:
        if argument.kind == "relation":
            raise reader.error(
                argument, "a comparison stands here", f"fix a coordinate: {name}(x=0)"
            )
    if any(a.kind == "named" for a in arguments):
        return _at_point(reader, reader.scope.lookup(name), declared, arguments)
    values = _positional(reader, declared, arguments)
    _refuse_exchanged(reader, declared, values)
    flat = tuple(part for value in values for part in _components(value))
    if name == declared.name:
        return reader.scope.applied(declared, flat)
    return sp.Function(name)(*flat)


def _refuse_exchanged(reader: Reader, declared: Field, values: list[Value]) -> None:
    """Refuses `u(x, t)` of a field declared as `u(t, x)`."""
    names = declared.arguments
    for place, name in enumerate(names):
        if not reader.scope.coordinates[name].time:
            continue
        own, given = sp.Symbol(name), values[place]
        if given != own and own in values and str(given) in names:
            raise MeaningError(
                f"{declared.name} is given {given} for {name}: its arguments are "
                f"({', '.join(names)})",
                f"write {declared.name}({', '.join(names)}), or by name to exchange them: "
                f"{declared.name}({name}={given}, ...)",
            )


def _components(value: Value | sp.IndexedBase) -> list[sp.Expr]:
    return vectors.flat(value)


def _positional(reader: Reader, declared: Field, arguments: list[Node]) -> list[Value]:
    names = declared.arguments
    if len(arguments) != len(names):
        raise MeaningError(
            f"{declared.name} has {len(names)} arguments and is given {len(arguments)}",
            f"write {declared.name}({', '.join(names)}), or "
            f"{declared.name}({names[0]}=0) to fix one",
        )
    return [
        _argument(reader, name, node)
        for name, node in zip(names, arguments, strict=True)
    ]


def _argument(reader: Reader, name: str, node: Node) -> Value:
    """Returns the value that a coordinate takes at a point."""
    coordinate = reader.scope.coordinates[name]
    if not coordinate.written_out:
        if node.kind == "name" and spelled(str(node.children[0])) == name:
            return coordinate.symbols[0]
        raise reader.error(
            node,
            f"{name} has too many components to be given another value",
            f"write {name} itself, or declare it with a small dimension",
        )
    value = reader.value(node)
    wanted = () if coordinate.dimension is None else (len(coordinate.symbols),)
    if shape(value) != wanted:
        like = "a number" if not wanted else f"{wanted[0]} components"
        raise reader.error(
            node, f"{name} is given {vectors.shown(value)}", f"{name} takes {like}"
        )
    if any(part.has(AppliedUndef) for part in vectors.flat(value)):
        raise reader.error(
            node,
            "an argument of a field is itself a field",
            "arguments hold coordinates, parameters and numbers only; a product is "
            "written with *, and a function of a field is written out: b = 1 + u^2",
        )
    return value


def _at_point(
    reader: Reader, value: Value | None, declared: Field | None, arguments: list[Node]
) -> Value:
    """Returns an expression at a point: `u_x(x=0)`, `d(u, x)(x=0)`, `u_x(t, 0)`."""
    assert value is not None
    moves: dict[sp.Basic, sp.Expr] = {}
    if declared is not None and not any(a.kind == "named" for a in arguments):
        values = _positional(reader, declared, arguments)
        old = [reader.scope.coordinates[n].symbols for n in declared.arguments]
        for symbols, new in zip(old, values, strict=True):
            moves.update(zip(symbols, _components(new), strict=True))
    else:
        for argument in arguments:
            if argument.kind != "named":
                raise reader.error(
                    argument,
                    "some arguments are given by place and some by name",
                    "give all by place, u(0, x), or only those that change: u(t=0)",
                )
            moves.update(_named_move(reader, argument, value))
    moves = {old: new for old, new in moves.items() if old != new}
    return reader.charge(pin(value, moves))


def _pinned(reader: Reader, head: Node, arguments: list[Node]) -> Value:
    """Returns what is no field of its own at a point: `d(u, x)(x=0)`, `omega(x=0)`."""
    words = reader.text(head)
    for argument in arguments:
        if argument.kind != "named":
            raise reader.error(
                argument,
                f"{words} is not a field, so it has no arguments",
                f"a product is {words}*({reader.text(argument)}); "
                f"to fix a coordinate write {words}(x=0)",
            )
    return _at_point(reader, reader.value(head), None, arguments)


def _named_move(
    reader: Reader, argument: Node, value: Value
) -> dict[sp.Basic, sp.Expr]:
    name = spelled(str(argument.tokens("NAME")[0]))
    if name not in reader.scope.coordinates and name not in reader.scope.symbols:
        raise reader.error(
            argument,
            f"{name} is not a coordinate",
            nearest(name, reader.scope.coordinates, "only coordinates can be fixed"),
        )
    if name in reader.scope.symbols:
        old: tuple[sp.Basic, ...] = (reader.scope.symbols[name],)
        new = reader.scalar(argument.nodes[0], "a coordinate")
    else:
        old = reader.scope.coordinates[name].symbols
        new = _argument(reader, name, argument.nodes[0])
    if any(part.has(AppliedUndef) for part in _components(new)):
        raise reader.error(
            argument,
            "a coordinate is fixed at a field",
            "points hold coordinates, parameters and numbers only",
        )
    free = {s for part in vectors.flat(value) for s in part.free_symbols}
    if not free & set(old):
        raise reader.error(
            argument, f"nothing here depends on {name}", "leave the point out"
        )
    return dict(zip(old, _components(new), strict=True))


def index(reader: Reader, node: Node) -> Value:
    """Returns the value of `head[indices]`: a component, or an entry of a table."""
    head, *places = node.nodes
    indices = [reader.scalar(place, "an index") for place in places]
    if head.kind == "name":
        name = spelled(str(head.children[0]))
        declared = reader.scope.fields.get(name)
        if declared is not None and declared.shape is not None:
            if len(declared.shape) != len(indices):
                raise MeaningError(
                    f"{name} has {len(declared.shape)} indices", "give as many"
                )
            sizes = tuple(map(reader.scope.numbers, declared.shape))
            _check_places(reader, places, indices, sizes)
            known = all(isinstance(size, sp.Integer) for size in sizes)
            base = sp.IndexedBase(name, shape=sizes) if known else sp.IndexedBase(name)
            return base[tuple(i - 1 for i in indices)]
        coordinate = reader.scope.coordinates.get(name)
        if coordinate is not None and not coordinate.written_out and len(indices) == 1:
            _check_places(reader, places, indices, (coordinate.dimension,))
            return coordinate.base[indices[0] - 1]
    value = reader.value(head)
    for place, number in zip(places, indices, strict=True):
        value = _component(reader, value, place, number)
    return value


def _check_places(
    reader: Reader,
    places: list[Node],
    indices: list[sp.Expr],
    sizes: tuple[sp.Expr, ...],
) -> None:
    """Refuses a place that is not there, counted from 1."""
    for place, number, size in zip(places, indices, sizes, strict=True):
        beyond = isinstance(size, sp.Integer) and number > size
        if isinstance(number, sp.Integer) and (number < 1 or beyond):
            raise reader.error(
                place, f"there is no component {number}", f"they are 1 to {size}"
            )


def _component(reader: Reader, value: Value, place: Node, number: sp.Expr) -> Value:
    if not isinstance(value, tuple):
        raise MeaningError("a scalar has no components", "leave the brackets out")
    if not isinstance(number, sp.Integer) or not 1 <= number <= len(value):
        raise reader.error(
            place, f"there is no component {number}", f"they are 1 to {len(value)}"
        )
    return value[int(number) - 1]


# Operators by name.


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
                    raise reader.error(part, f"order {given}", "orders are small")
                steps[-1] = (steps[-1][0], int(given))
            elif _is_coordinate(reader, given):
                steps.append((given, 1))
            else:
                raise reader.error(
                    part,
                    f"a derivative by {given}, which is not a coordinate",
                    f"the coordinates are {', '.join(reader.scope.coordinates)}; "
                    "orders are positive integers: d(u, x, 2)",
                )
    return differentiate(value, steps, reader.scope)


def _is_coordinate(reader: Reader, given: sp.Expr) -> bool:
    if isinstance(given, sp.Indexed):
        declared = reader.scope.coordinates.get(str(given.base))
        return declared is not None
    return given.is_Symbol and reader.scope.symbols.get(given.name) == given


_OverSpace = Callable[[Value, vectors.Space, "vectors.Scope"], Value]


def _over_space(operator: _OverSpace) -> _Head:
    """`lap(u)` over all coordinates of space, `lap(u, (x, y))` over those named."""

    def head(reader: Reader, arguments: list[Node]) -> Value:
        _count(arguments, (1, 2))
        space = reader.scope.space
        if len(arguments) == 2:
            named = vectors.flat(reader.value(arguments[1]))
            for given in named:
                if not _is_coordinate(reader, given):
                    raise reader.error(
                        arguments[1], f"{given} is not a coordinate", "name coordinates"
                    )
            space = tuple(named)
        return operator(reader.value(arguments[0]), space, reader.scope)

    return head


def _gradient(reader: Reader, arguments: list[Node]) -> Value:
    value = _over_space(vectors.grad)(reader, arguments)
    return named(value, reader.text(arguments[0]))


def _gradient_squared(reader: Reader, arguments: list[Node]) -> Value:
    """The square of the gradient's length, of a real scalar."""
    _count(arguments, (1,))
    value = reader.scalar(arguments[0], "what gradient_squared takes")
    if reader.scope.is_complex(value):
        words = reader.text(arguments[0])
        raise MeaningError(
            f"gradient_squared of {words}, which is complex, can be read in two ways",
            f"write norm(grad({words}))^2, or dot(grad({words}), grad({words})), which "
            "takes no conjugate",
        )
    slopes = vectors.grad(value, reader.scope.space, reader.scope)
    return vectors.dot(slopes, slopes)


def _dot(reader: Reader, arguments: list[Node]) -> Value:
    _count(arguments, (2,))
    left, right = (reader.value(argument) for argument in arguments)
    one, other = (reader.text(argument) for argument in arguments)
    refuse_doubtful_dot(left, right, (one, other))
    return vectors.dot(left, right)


def _inner(reader: Reader, arguments: list[Node]) -> Value:
    """`dot` for real values; elsewhere inner products take a conjugate, dot does not."""
    parts = [p for a in arguments for p in vectors.flat(reader.value(a))]
    if any(map(reader.scope.is_complex, parts)):
        words = ", ".join(map(reader.text, arguments))
        raise MeaningError(
            f"inner({words}) of complex values can be read in two ways",
            f"write dot({words}), which takes no conjugate, or the sum of conj(a[i])*b[i]",
        )
    return _dot(reader, arguments)


def _norm(reader: Reader, arguments: list[Node]) -> Value:
    _count(arguments, (1,))
    return vectors.norm(reader.value(arguments[0]), reader.scope)


def _of_values(operator: Callable[..., Value], count: int) -> _Head:
    def head(reader: Reader, arguments: list[Node]) -> Value:
        _count(arguments, (count,))
        return operator(*(reader.value(argument) for argument in arguments))

    return head


def _advect(reader: Reader, arguments: list[Node]) -> Value:
    _count(arguments, (2,))
    velocity, value = (reader.value(argument) for argument in arguments)
    return vectors.advect(velocity, value, reader.scope.space, reader.scope)


def material(reader: Reader, value: Value) -> Value:
    """Returns `u_t + (v·∇)u` with the declared velocity, or the only vector field."""
    scope = reader.scope
    velocity = scope.velocity
    if velocity is None:
        fields = [f for f in scope.fields.values() if f.components and not f.known]
        if len(fields) != 1:
            raise MeaningError(
                "D/Dt moves with no known velocity", "declare it: `velocity (u, v)`"
            )
        velocity = scope.applied(fields[0], scope.arguments(fields[0]))
    along = vectors.advect(velocity, value, scope.space, scope)
    by_time = differentiate(value, [(scope.time, 1)], scope)
    return reader.charge(vectors.add([by_time, along]))


def _material(reader: Reader, arguments: list[Node]) -> Value:
    _count(arguments, (1,))
    return material(reader, reader.value(arguments[0]))


def _normal(reader: Reader, arguments: list[Node]) -> Value:
    _count(arguments, (1,))
    return normal.derivative(reader.value(arguments[0]), reader.scope)


def where(reader: Reader, arguments: list[Node]) -> Value:
    """`where(x < 0, a, b)`; more pairs of condition and value may come first."""
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        raise MeaningError(
            "where needs conditions, their values, and a last value",
            "write where(x < 0, a, b)",
        )
    pieces = []
    for condition, value in zip(arguments[0:-1:2], arguments[1:-1:2], strict=True):
        when, chosen = reader.condition(condition), reader.scalar(value)
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


def _count(arguments: list[Node], allowed: tuple[int, ...]) -> None:
    if len(arguments) not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise MeaningError(
            f"{len(arguments)} arguments are given", f"this operator takes {wanted}"
        )


def _hessian(value: Value, space: vectors.Space, scope: vectors.Scope) -> Value:
    return vectors.grad(vectors.grad(value, space, scope), space, scope)


def _strain(value: Value, space: vectors.Space, scope: vectors.Scope) -> Value:
    table = vectors.grad(value, space, scope)
    whole = vectors.add([table, vectors.transpose(table)])
    return vectors.scale(sp.Rational(1, 2), whole)


_HEADS: dict[str, _Head] = {
    **dict.fromkeys(("d", "D", "diff", "Derivative"), _derivative),
    **dict.fromkeys(
        ("lap", "laplace", "laplacian", "vector_laplace"),
        _over_space(vectors.laplacian),
    ),
    **dict.fromkeys(("bilap", "biharmonic"), _over_space(vectors.biharmonic)),
    **dict.fromkeys(("curl", "rot"), _over_space(vectors.curl)),
    **dict.fromkeys(("grad", "gradient", "vector_gradient"), _gradient),
    **dict.fromkeys(
        ("div", "divergence", "tensor_divergence"), _over_space(vectors.div)
    ),
    "gradient_squared": _gradient_squared,
    "hessian": _over_space(_hessian),
    "strain": _over_space(_strain),
    "dot": _dot,
    "inner": _inner,
    "cross": _of_values(vectors.cross, 2),
    "outer": _of_values(vectors.outer, 2),
    "transpose": _of_values(vectors.transpose, 1),
    "trace": _of_values(vectors.trace, 1),
    "norm": _norm,
    "advect": _advect,
    "material": _material,
    "dn": _normal,
    "where": where,
    "sum": sums.total,
    "int": sums.integral,
    "integral": sums.integral,
}
