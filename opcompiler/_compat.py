"""The one door to JAX internals.

Written for JAX 0.10 and 0.11 (where `ClosedJaxpr` is `Jaxpr`, and `scan` names its
operands otherwise). Nothing else in the package imports `jax.extend`, `jax.core`,
`jax.interpreters` or `jax._src`; a change of JAX is mended here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.interpreters import ad

Literal = jex.Literal
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


def run(jaxpr: Jaxpr, consts: Sequence[Any], *operands: Any) -> list[Any]:
    """Runs an open jaxpr on plain arrays."""
    return jax.core.eval_jaxpr(jaxpr, consts, *operands)


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


def scan_partition(parameters: dict[str, Any]) -> tuple[int, int]:
    """Returns the numbers of constants and carries of a `scan` equation."""
    if "num_consts" in parameters:
        return parameters["num_consts"], parameters["num_carry"]
    constants, carries, _ = parameters["ft_in"].unpack()
    return len(constants), len(carries)


def is_concrete(array: Any) -> bool:
    """Whether the numbers of an array are known now, not only when compiled."""
    return not isinstance(array, jax.core.Tracer)


def moves(tangent: Any) -> bool:
    """Whether a tangent handed to a custom rule is an array, not a symbolic zero."""
    return not isinstance(tangent, SymbolicZero)


def source_line(equation: Equation) -> str:
    """Returns where in the user's program an equation was written, if JAX knows."""
    traceback = getattr(equation.source_info, "traceback", None)
    frames = traceback.frames if traceback is not None else ()
    for frame in frames:
        if "/jax/" not in frame.file_name and "opcompiler" not in frame.file_name:
            return f"{frame.file_name}:{frame.line_num}"
    return "an unknown line"


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
    )
