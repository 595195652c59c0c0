r"""A function of one point, at points that are a product of axes.

In: a JAX function of one point, and the columns of the points in *pieces*: columns that
vary along the same axes. Out: a function of the pieces that gives its value at all points,
and computes what depends on some axes along those alone:

    u(t, x) = sum_r a_r(t) b_r(x),  64 times, 128 places:
        a 64 times,  b 128 times,  one matrix product for u

The function is traced at one point and run, one equation at a time, on these values:

| value | what it is | where it comes from |
|---|---|---|
| an array | the same at all points | parameters |
| `Rows` | one row for each point of some of the axes | a function of one piece |
| `Mixed` | parts side by side that vary along different axes | the point itself |
| `Factors` | a product, not yet multiplied out, of rows along different axes | a(t) b(x) |

What moves entries, or acts on each alone, keeps the parts of a mixed value apart: a point
may be scaled before it is taken to pieces. A matrix product over its parts is a sum over
parts, so the first layer of a network that mixes all columns runs along each axis alone. A
sum of a product is a matrix product. Everything else runs at the points of all axes that
its operands vary along, by `jax.vmap`: never more than all points would cost.

The result is an ordinary program: `push.py` takes it to an algebra as it takes any other,
and a direction along t has no channel in what depends on x.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler import _compat
from opcompiler._compat import Equation
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.product_rules import entrywise, RULES
from opcompiler.taylor.product_values import Mixed, Piece, Points, Rows, varies


def over_product(
    function: Callable[[Array], Any], pieces: Sequence[Piece], lengths: Sequence[int]
) -> Callable[..., Any]:
    """Returns a function of pieces that gives a function at all points of a product.

    Args:
        function: of one point, (d,), a pytree of arrays out.
        pieces: which columns each array holds; together all d.
        lengths: of the axes of the product.

    Returns:
        A function of one array (n, w) for each piece: its w columns at the n points of its
        axes. What it gives has the axes of the product in front, of length 1 where the
        function does not depend on them.
    """
    width = sum(len(piece.columns) for piece in pieces)

    def mapped(*arrays: Array) -> Any:
        dtype = jnp.result_type(*arrays)
        axes = frozenset[Any]().union(*map(_compat.varying, arrays))
        one = jax.eval_shape(lambda: _compat.vary(jnp.zeros((width,), dtype), axes))
        closed, result = jax.make_jaxpr(function, return_shape=True)(one)
        points = Points(tuple(lengths))
        operands = [_point(points, pieces, arrays)]
        outputs = _program(points, *_compat.open_jaxpr(closed), operands)
        return jax.tree.unflatten(
            jax.tree.structure(result), [points.unrolled(output) for output in outputs]
        )

    return mapped


def _point(points: Points, pieces: Sequence[Piece], arrays: Sequence[Array]) -> Any:
    """Returns the point, (d,), of which these are the columns."""
    values = [
        Rows(piece.axes, array, piece.kind) if piece.axes else array[0]
        for piece, array in zip(pieces, arrays, strict=True)
    ]
    places = [np.asarray(piece.columns) for piece in pieces]
    width = sum(map(len, places))
    return points.joined((width,), 0, list(zip(places, values, strict=True)))


def _program(
    points: Points, jaxpr: Any, consts: Sequence[Any], operands: Sequence[Any]
) -> list[Any]:
    """Evaluates a jaxpr; its operands and outputs are values of any kind."""
    known = dict(zip(jaxpr.constvars, consts, strict=True))
    known |= dict(zip(jaxpr.invars, operands, strict=True))

    def read(atom: Any) -> Any:
        if isinstance(atom, _compat.Literal):
            return _compat.literal_value(atom)
        return known[atom]

    for equation in jaxpr.eqns:
        outputs = _equation(points, equation, list(map(read, equation.invars)))
        known.update(zip(equation.outvars, outputs, strict=True))
    return list(map(read, jaxpr.outvars))


def _equation(points: Points, equation: Equation, operands: list[Any]) -> list[Any]:
    """Evaluates one equation."""
    if not any(map(varies, operands)):
        return _constant(equation, operands)
    name, row = equation.primitive.name, row_of(equation)
    if row.inlined and not name.startswith("custom_"):
        return _program(points, *_compat.body(equation), operands)
    if name in RULES:
        found = RULES[name](points, equation, operands)
    elif any(isinstance(v, Mixed) for v in operands):
        found = entrywise(points, equation, operands)
    else:
        found = None
    return found or points.at_all(equation, operands)


_SMALL = 2**16
"""Entries up to which constants are computed when a program is traced."""


def _constant(equation: Equation, operands: Sequence[Any]) -> list[Any]:
    """Runs an equation that no column reaches; numbers that are known stay known."""
    small = all(math.prod(a.shape) <= _SMALL for a in _compat.output_avals(equation))
    if small and all(map(_compat.is_concrete, operands)):
        with jax.ensure_compile_time_eval():
            return _compat.bind(equation, *operands)
    return _compat.bind(equation, *operands)
