"""What a call of a residual gives, as JAX may see it.

In: points, a key, rules and parameters. Out: `Inputs`, which JAX may trace, and functions,
which are part of the program.
"""

from collections.abc import Mapping
from numbers import Number
from typing import Any, NamedTuple

import jax
from jax import Array

from opcompiler.errors import OperatorError
from opcompiler.runtime.quadrature import Rule

Rules = Mapping[str, Rule] | None

Functions = tuple[tuple[str, Any], ...]
"""Parameters that are functions of the point, by name; static for `jax.jit`."""


class Inputs(NamedTuple):
    """What a call gives besides the network and functions; JAX may trace all of it."""

    points: Any
    key: Array | None
    numbers: dict[str, Any]
    quadrature: Rules


def split(parameters: Mapping[str, Any]) -> tuple[Functions, dict[str, Any]]:
    """Splits parameters into functions, which are static, and numbers."""
    functions = tuple(sorted((k, v) for k, v in parameters.items() if callable(v)))
    numbers = {k: v for k, v in parameters.items() if not callable(v)}
    return functions, numbers


def is_array(leaf: Any) -> bool:
    """Whether a leaf of a pytree is an array, of JAX or NumPy."""
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def a_call(residual: Any, start: str = "residual(net") -> str:
    """Returns a right call of a residual, for hints."""
    columns = residual.operator.columns
    names = ", ".join(column.name for column in columns)
    width = sum(column.width for column in columns)
    more = "".join(f", {name}=..." for name in residual.parameters)
    if residual.estimator is not None:
        more += ", key=jax.random.key(0)"
    if residual.operator.axes:
        rules = (
            f"{axis[0]!r}: oc.gauss_legendre(16)" for axis in residual.operator.axes
        )
        more += f", quadrature={{{', '.join(rules)}}}"
    text = (
        f"{start}, points{more}): points are one array (..., {width}), columns {names}"
    )
    return f"{text}; what follows goes by name" if more else text


def check_params(params: Any) -> None:
    """Refuses what JAX could not trace: a module with functions among its leaves."""
    for path, leaf in jax.tree.leaves_with_path(params):
        if not is_array(leaf) and not isinstance(leaf, Number):
            raise OperatorError(
                "the network's parameters hold what is no array",
                expression=f"params{jax.tree_util.keystr(path)} = {leaf!r}"[:200],
                hint="bind takes arrays: split the module, eqx.partition(model, "
                "eqx.is_array), and combine it inside apply; or call "
                "residual(model, points), which takes it whole",
            )
