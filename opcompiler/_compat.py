"""Everything that this package takes from inside JAX.

In: functions, jaxprs, equations. Out: the same, in one form for all versions of JAX that
the package supports.

    jaxpr, consts = trace(jnp.sin, 1.0)
    run(jaxpr, consts, 0.5)             # [sin(0.5)]

Written for JAX 0.10 and 0.11 (where `ClosedJaxpr` is `Jaxpr`, and `scan` names its
operands otherwise). No other module imports `jax.extend`, `jax.core`, `jax.interpreters` or
`jax._src`, so a change inside JAX is answered in this file alone.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# What `jax.extend.core` names too; but importing `jax.extend` brings Pallas along.
from jax._src import core as jex
from jax._src.numpy import linalg as numpy_linalg
from jax.custom_derivatives import SymbolicZero
from jax.interpreters import ad, batching, mlir

from opcompiler.errors import OperatorError

Literal = jex.Literal
Primitive = jex.Primitive
AbstractValue = jax.core.AbstractValue
Jaxpr = Any
Equation = Any


def trace(fun: Callable[..., Any], *examples: Any) -> tuple[Jaxpr, list[Any]]:
    """Traces `fun` at arrays (or shapes) to an open jaxpr and its constants.

    Arguments and results may be pytrees; the jaxpr takes and returns the leaves.
    """
    return open_jaxpr(jax.make_jaxpr(fun)(*examples))


def open_jaxpr(closed: Any) -> tuple[Jaxpr, list[Any]]:
    """Splits a closed jaxpr into jaxpr and constants; an open one has none."""
    consts = list(getattr(closed, "consts", ()))
    return getattr(closed, "jaxpr", closed), consts


_BODY = ("call_jaxpr", "jaxpr", "fun_jaxpr", "call", "callee")
"""How primitives name the program that they call."""


def body(equation: Equation) -> tuple[Jaxpr, list[Any]]:
    """Returns the jaxpr and constants that an equation calls."""
    for name in _BODY:
        if name in equation.params:
            return open_jaxpr(equation.params[name])
    raise AssertionError(f"{equation.primitive} has no body among {_BODY}")


def bodies(equation: Equation) -> list[Jaxpr]:
    """Returns the jaxprs that an equation holds, opened."""
    values = (
        value
        for parameter in equation.params.values()
        for value in (parameter if isinstance(parameter, tuple) else (parameter,))
    )
    opened = (open_jaxpr(value)[0] for value in values)
    return [jaxpr for jaxpr in opened if isinstance(jaxpr, jex.Jaxpr)]


def run(jaxpr: Jaxpr, consts: Sequence[Any], *operands: Any) -> list[Any]:
    """Runs an open jaxpr on plain arrays; constant results are arrays too."""
    outputs = jax.core.eval_jaxpr(jaxpr, consts, *operands)
    return [
        literal_value(variable) if isinstance(variable, Literal) else output
        for variable, output in zip(jaxpr.outvars, outputs, strict=True)
    ]


def batchable(jaxpr: Jaxpr) -> Jaxpr:
    """Returns a jaxpr whose functions with a custom JVP can be mapped over a batch.

    Where the value of such a function does not depend on its operands (a step that has
    a smooth rule, a constant), `jax.vmap` gives one value for the whole batch, and the
    derivative, one per entry, does not fit it any more; so the value is made to depend.
    """
    return rewritten(jaxpr, _batchable_equation)


def by_body(jaxpr: Jaxpr) -> Jaxpr:
    """Returns a jaxpr in which functions with a custom VJP are their bodies."""
    return rewritten(jaxpr, _body_of_reverse_rule)


def _body_of_reverse_rule(equation: Equation) -> Equation:
    if not equation.primitive.name.startswith("custom_vjp_call"):
        return equation
    params = {"call_jaxpr": equation.params["call_jaxpr"]}
    return equation.replace(primitive=jex.closed_call_p, params=params)


def rewritten(jaxpr: Jaxpr, rewrite: Callable[[Equation], Equation]) -> Jaxpr:
    """Rewrites equations, those of inner jaxprs first; what nothing changes stays."""
    equations = [rewrite(_with_bodies(rewrite, e)) for e in jaxpr.eqns]
    changed = any(a is not b for a, b in zip(equations, jaxpr.eqns, strict=True))
    return jaxpr.replace(eqns=equations) if changed else jaxpr


def _with_bodies(
    rewrite: Callable[[Equation], Equation], equation: Equation
) -> Equation:
    def renewed(value: Any) -> Any:
        opened, _ = open_jaxpr(value)
        if not isinstance(opened, jex.Jaxpr):
            return value
        new = rewritten(opened, rewrite)
        if new is opened:
            return value
        return new if value is opened else value.replace(jaxpr=new)

    changed: dict[str, Any] = {}
    for name, value in equation.params.items():
        if isinstance(value, tuple):
            new = tuple(map(renewed, value))
            if any(a is not b for a, b in zip(new, value, strict=True)):
                changed[name] = new
        elif (new := renewed(value)) is not value:
            changed[name] = new
    return (
        equation.replace(params={**equation.params, **changed}) if changed else equation
    )


def _batchable_equation(equation: Equation) -> Equation:
    if equation.primitive.name != "custom_jvp_call":
        return equation
    body = equation.params["call_jaxpr"]
    if _depends(open_jaxpr(body)[0]):
        return equation
    _check_tangents(equation)
    return equation.replace(params={**equation.params, "call_jaxpr": _depending(body)})


def _depends(jaxpr: Jaxpr) -> bool:
    """Whether every output of a jaxpr depends on an operand."""
    reached = reached_by(jaxpr, jaxpr.invars)
    return all(not isinstance(v, Literal) and v in reached for v in jaxpr.outvars)


def _check_tangents(equation: Equation) -> None:
    """Refuses such a function where the network itself has mapped it over a batch."""
    operands = [
        jax.ShapeDtypeStruct(a.aval.shape, a.aval.dtype) for a in equation.invars
    ]
    moving = [i for i, o in enumerate(operands) if differentiable(o.dtype)]

    def tangents(*values: Any) -> list[Any]:
        def outputs(*moved: Any) -> list[Any]:
            places = dict(zip(moving, moved, strict=True))
            return bind(equation, *(places.get(i, v) for i, v in enumerate(values)))

        start = [values[i] for i in moving]
        return jax.jvp(outputs, start, start)[1]

    found = [tangent.shape for tangent in jax.eval_shape(tangents, *operands)]
    wanted = [aval.shape for aval in output_avals(equation)]
    if found != wanted:
        raise OperatorError(
            "the network maps a function with a custom JVP by jax.vmap, and the function's "
            "value does not depend on its argument; JAX then loses the derivative",
            expression=f"{equation.params.get('name', 'custom_jvp')} at "
            f"{source_line(equation)}: derivatives {found} of values {wanted}",
            hint="let the function take the whole array, or let its value depend on its "
            "argument: jnp.where(x == x, value, value)",
        )


def _depending(body: Any) -> Any:
    """Returns a closed jaxpr with the same outputs, chosen by a test of all operands."""
    opened, consts = open_jaxpr(body)

    def chosen(*operands: Any) -> list[Any]:
        outputs = run(opened, consts, *operands)
        test = jnp.zeros((), bool)
        for operand in operands:
            if operand.size and differentiable(operand.dtype):
                test = test | (operand.ravel()[0] == 0)
        return [jax.lax.select_n(test, output, output) for output in outputs]

    return jax.make_jaxpr(chosen)(*(variable.aval for variable in opened.invars))


def jax_derivatives(name: str) -> list[Any]:
    """Returns what `jax.numpy.linalg` gives to `defjvp` under a name, if it does."""
    return [getattr(numpy_linalg, name)] if hasattr(numpy_linalg, name) else []


def custom_derivatives(equation: Equation) -> Iterator[Any]:
    """Yields functions among which is the one that a user gave to `defjvp` or `defvjp`.

    It stays the same object when a call of the function that it belongs to is traced,
    batched and jitted; that function does not. JAX holds it in closures of its own.
    """
    pending = [
        equation.params.get("jvp_jaxpr_fun", equation.params.get("fwd_jaxpr_thunk"))
    ]
    seen = set[int]()
    while pending:
        thing = pending.pop()
        if thing is None or id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        if type(thing).__name__ == "WrappedFun":
            pending.append(thing.f)
        elif str(getattr(thing, "__module__", "")).startswith("jax."):
            cells = getattr(thing, "__closure__", None) or ()
            pending += [c.cell_contents for c in cells if _is_function(c)]
            pending += [
                getattr(thing, "func", None),
                getattr(thing, "__wrapped__", None),
            ]


def _is_function(cell: Any) -> bool:
    try:
        held = cell.cell_contents
    except ValueError:  # not filled yet
        return False
    return callable(held) or type(held).__name__ == "WrappedFun"


def reached_by(jaxpr: Jaxpr, start: Iterable[Any]) -> set[Any]:
    """Returns every variable of a jaxpr that depends on the given ones."""
    reached = set(start)
    for equation in jaxpr.eqns:
        operands = (v for v in equation.invars if not isinstance(v, Literal))
        if any(v in reached for v in operands):
            reached.update(equation.outvars)
    return reached


def numbers_made(jaxpr: Jaxpr) -> tuple[int, int]:
    """Returns how many numbers a jaxpr's equations make, and the most that one makes.

    What a loop makes in each of its turns counts each time; what does not depend on an
    argument does not count.
    """
    made = widest = 0
    reached = reached_by(jaxpr, jaxpr.invars)
    for equation in jaxpr.eqns:
        if not reached.intersection(equation.outvars):
            continue
        turns, inner = equation.params.get("length", 1), bodies(equation)
        found = [numbers_made(body) for body in inner] or [
            (math.prod(aval.shape),) * 2 for aval in output_avals(equation)
        ]
        made += turns * sum(numbers for numbers, _ in found)
        widest = max(widest, *(most for _, most in found))
    return made, widest


def bytes_of(array: Any) -> int:
    """Returns the size of an array, or of a number."""
    aval = jax.typeof(array)
    return math.prod(aval.shape) * aval.dtype.itemsize


def literal_value(literal: Any) -> Any:
    """Returns a literal as an array that keeps its dtype."""
    return np.asarray(literal.val, dtype=literal.aval.dtype)


def varying(array: Any) -> frozenset[Any]:
    """Returns the axes of a `shard_map` along which an array, or its type, varies."""
    aval = array if isinstance(array, AbstractValue) else jax.typeof(array)
    kind = getattr(aval, "manual_axis_type", None)
    return getattr(kind, "varying", frozenset())


def vary(array: Any, axes: Iterable[Any]) -> Any:
    """Returns an array that counts as varying along more axes of a `shard_map`.

    Inside of one, JAX takes operands and branches only if they vary along the same axes,
    and a fresh array of zeros varies along none.
    """
    missing = tuple(sorted(frozenset(axes) - varying(array), key=str))
    return jax.lax.pcast(array, missing, to="varying") if missing else array


def zeros(like: Any) -> Any:
    """Returns zeros of a type that was found by `jax.eval_shape`."""
    return vary(jnp.zeros(like.shape, like.dtype), varying(jax.typeof(like)))


def vary_alike(*arrays: Any) -> list[Any]:
    """Returns arrays that all vary along the axes along which any of them does."""
    axes = frozenset[Any]().union(*map(varying, arrays))
    return [vary(array, axes) for array in arrays]


def bind(equation: Equation, *operands: Any, **changed: Any) -> list[Any]:
    """Runs an equation's own primitive; returns its outputs as a list.

    `changed` overrides parameters of the equation. Operands vary as they did when the
    equation was traced.
    """
    primitive = equation.primitive
    if primitive.name == "pvary":
        return [vary(operands[0], equation.params["axes"])]
    typed = [varying(atom.aval) for atom in equation.invars]
    pairs = list(zip(operands, typed, strict=True))
    # JAX's rule for sort forgets that what is sorted along with a key varies as the key.
    more = frozenset[Any]().union(*(varying(operand) - axes for operand, axes in pairs))
    operands = tuple(vary(operand, axes | more) for operand, axes in pairs)
    parameters = primitive.get_bind_params({**equation.params, **changed})
    if isinstance(parameters, tuple):  # before 0.9.2: (functions, parameters)
        functions, parameters = parameters
        outputs = primitive.bind(*functions, *operands, **parameters)
    else:
        outputs = primitive.bind(*operands, **parameters)
    return list(outputs) if primitive.multiple_results else [outputs]


_OURS: set[str] = set()
"""Names of the primitives that are made here."""


def bilinear_primitive(
    name: str,
    run: Callable[..., Any],
    *,
    shape: Callable[..., tuple[int, ...]],
    left: Callable[..., Any],
    right: Callable[..., Any],
    elsewhere: Mapping[str, Callable[..., Any]],
) -> Any:
    """Returns a primitive of two arrays of rows and a static table, linear in each array.

    Args:
        name: of the primitive.
        run: `run(x, w, table=)` in terms of JAX. Axes of the arrays but the first pass
            through it.
        shape: `shape(x, w, table)` of the result.
        left: `left(rate, w, table)`, the transpose by x.
        right: `right(rate, x, table)`, the transpose by w.
        elsewhere: what is run instead, by platform.
    """
    primitive = jex.Primitive(name)
    _OURS.add(name)

    def abstract(x: Any, w: Any, *, table: Any) -> Any:
        return x.update(shape=shape(x, w, table), weak_type=False)

    def batched(operands: Sequence[Any], axes: Sequence[Any], *, table: Any) -> Any:
        size = next(
            operand.shape[axis]
            for operand, axis in zip(operands, axes, strict=True)
            if axis is not None
        )
        x, w = (
            jnp.moveaxis(operand, axis, 1)
            if axis is not None
            else jnp.broadcast_to(
                operand[:, None], (len(operand), size, *operand.shape[1:])
            )
            for operand, axis in zip(operands, axes, strict=True)
        )
        return primitive.bind(*vary_alike(x, w), table=table), 1

    primitive.def_impl(jax.jit(primitive.bind, static_argnames="table"))
    primitive.def_abstract_eval(abstract)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))
    for platform, other in elsewhere.items():
        lowered = mlir.lower_fun(other, multiple_results=False)
        mlir.register_lowering(primitive, lowered, platform=platform)
    ad.defbilinear(
        primitive,
        lambda rate, x, w, *, table: left(rate, w, table),
        lambda rate, x, w, *, table: right(rate, x, table),
    )
    batching.primitive_batchers[primitive] = batched
    return primitive


def scan_partition(parameters: dict[str, Any]) -> tuple[int, int]:
    """Returns the numbers of constants and carries of a `scan` equation."""
    if "num_consts" in parameters:
        return parameters["num_consts"], parameters["num_carry"]
    constants, carries, _ = parameters["ft_in"].unpack()
    return len(constants), len(carries)


def _forward_only() -> Any:
    """Returns the primitive that `forward_only` binds: the identity, without a reverse."""
    primitive = jex.Primitive("forward_only")
    _OURS.add(primitive.name)
    primitive.def_impl(lambda x, refuse: x)
    primitive.def_abstract_eval(lambda aval, refuse: aval)
    ad.deflinear2(primitive, lambda cotangent, x, refuse: refuse())
    batching.primitive_batchers[primitive] = lambda args, axes, refuse: (
        primitive.bind(*args, refuse=refuse),
        axes[0],
    )
    mlir.register_lowering(primitive, lambda context, x, refuse: [x])
    return primitive


_FORWARD_ONLY = _forward_only()


def forward_only(array: Any, refuse: Callable[[], Any]) -> Any:
    """Returns the array; differentiating it in reverse mode calls `refuse`.

    JAX finds out that a loop cannot be reversed only when it reverses it. By then it no
    longer knows where the loop was built, so its own error could not name the place.
    """
    return _FORWARD_ONLY.bind(array, refuse=refuse)


def is_concrete(array: Any) -> bool:
    """Whether the numbers of an array are known now, not only when compiled."""
    return not isinstance(array, jax.core.Tracer)


def is_compiled() -> bool:
    """Whether operations become part of a program now, as inside of `jax.jit`."""
    return not is_concrete(jax.lax.full((), 0.0))


def moves(tangent: Any) -> bool:
    """Whether a tangent handed to a custom rule is an array, not a symbolic zero."""
    return not isinstance(tangent, SymbolicZero)


def source_line(equation: Equation) -> str:
    """Returns where in the user's program an equation was written, if JAX knows.

    That is the innermost line that is neither of JAX nor of this package, with the name of
    its function: `net.py:12 (apply)`.
    """
    traceback = getattr(equation.source_info, "traceback", None)
    frames = traceback.frames if traceback is not None else ()
    for frame in frames:
        if not frame.file_name.startswith(_NOT_THE_USERS):
            return f"{frame.file_name}:{frame.line_num} ({frame.function_name})"
    return "an unknown line"


_NOT_THE_USERS = tuple(
    f"{Path(module.__file__).parent}{os.sep}" for module in (jax, sys.modules[__name__])
)
"""Folders of JAX and of this package."""


def differentiable(dtype: Any) -> bool:
    """Whether arrays of this dtype carry Taylor coefficients: floats and complex."""
    extended = jnp.issubdtype(dtype, jax.dtypes.extended)
    return not extended and bool(jnp.issubdtype(dtype, jnp.inexact))


def output_avals(equation: Equation) -> Sequence[Any]:
    """Returns the shapes and dtypes of an equation's outputs."""
    return [variable.aval for variable in equation.outvars]


def primitives_with_jvp() -> frozenset[str]:
    """Returns the names of all primitives of JAX itself that it can differentiate."""
    return frozenset(
        primitive.name
        for primitive, jvp in ad.primitive_jvps.items()
        if getattr(jvp, "func", jvp).__module__.startswith("jax.")
        and primitive.name not in _OURS
    )
