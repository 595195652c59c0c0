"""Terms of a least-squares problem: residuals at a set of points, as functions of rows.

In: what a user gives as a term. Out: `Term`, all of whose residuals depend on the row of
their own point alone:

    (f, points, weight)   ->   rows, arrays (N, ...);  at(params, rows) -> (T, E)

That is what lets a term be cut into tiles, and lets the gradient of every single residual
be found from one reverse pass. It holds by construction: a bound residual is evaluated
point by point, and any other function is given ONE point and mapped over them. A function
of the parameters alone is one row with as many residuals as it returns numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler import _compat
from opcompiler.errors import OperatorError
from opcompiler.frontend import equation_formulas
from opcompiler.runtime.bound import Bound
from opcompiler.runtime.calls import is_array
from opcompiler.runtime.host import columns_from_host
from opcompiler.runtime.networks import read_networks
from opcompiler.runtime.points import Points, read_points
from opcompiler.runtime.reprs import called, counted, weighed
from opcompiler.runtime.tiles import Footprint, Tiles
from opcompiler.runtime.weights import read_weight

A_TERM = "oc.least_squares([(f, points, weight), ...])"


@dataclass(frozen=True)
class Term:
    """Residuals at N points.

    Attributes:
        rows: of the parameters; what varies with the point, a pytree of arrays (N, ...).
        at: of the parameters and T rows; residuals and their factors, (T, E) both real.
            The loss is the sum of the squares of their products.
        size: of the parameters and T rows; how many points make a tile.
        count: N.
        square: the weighted square of which it is the mean, in LaTeX.
        words: what it is, for people.
    """

    rows: Callable[[Any], Any]
    at: Callable[[Any, Any], Array]
    size: Callable[[Any, Any], int]
    count: int
    square: str
    words: str

    def tiles(self, params: Any, rows: Any) -> Tiles:
        """Returns how the rows are cut."""
        return Tiles.of((self.count,), self.size(params, rows))


def read_term(given: Any) -> Term:
    """Reads a term.

    Raises:
        OperatorError: for what is no term, and for points and weights that do not fit.
    """
    parts = given if isinstance(given, tuple | list) else (given,)
    if not parts or not callable(parts[0]) or len(parts) > 4:
        raise OperatorError(
            "a term of least squares is a function with its points and a weight",
            expression=repr(given)[:200],
            hint=f"write {A_TERM}; f(params) alone, where there are no points",
        )
    function, points, weight, keywords = (*parts, *(None,) * (4 - len(parts)))
    _check_weight(weight)
    if isinstance(function, Bound):
        return _of_residual(function, points, weight, keywords or {})
    if keywords is not None:
        raise OperatorError(
            "a term has keywords, and its function is no bound residual",
            expression=repr(keywords)[:200],
            hint="close over them: (lambda params, point: ..., points, weight)",
        )
    if points is None:
        return _of_parameters(function, weight)
    return _of_function(function, points, weight)


def _of_residual(bound: Bound, points: Any, weight: Any, keywords: Any) -> Term:
    """Returns the term of a bound residual, whose keywords may be those of parameters."""
    if points is None:
        raise OperatorError(
            "a residual has no points",
            expression=repr(bound)[:200],
            hint=f"write {A_TERM}",
        )
    residual = bound.residual

    def read(params: Any) -> tuple[Points, Any]:
        named = dict(keywords(params) if callable(keywords) else keywords)
        key, quadrature = named.pop("key", None), named.pop("quadrature", None)
        given = residual._read(points, key, quadrature, named)
        where, batch = residual._batch(*given, as_rows=True)
        if callable(keywords) and batch.varying:
            raise OperatorError(
                "a parameter that depends on params is an array over the points",
                expression=", ".join(batch.varying),
                hint="give a function of the point: lambda params: {'nu': lambda point: "
                "...}",
            )
        return where, batch

    def rows(params: Any) -> Any:
        where, batch = read(params)
        factors = [
            jnp.broadcast_to(read_weight(w, where), (where.count,))
            for w in residual._weights(weight, points)
        ]
        return batch.rows(), _roots(jnp.stack(factors, -1))

    def at(params: Any, rows: Any) -> Array:
        (own, factors), (_, batch) = rows, read(params)
        groups = read_networks(bound._network(params), residual.operator, points)
        batch = batch.at(own)
        values = [batch.points.restore(v) for v in residual._values(groups, batch)]
        return _real(
            [value * factors[:, e].astype(value.real.dtype)
             for e, value in enumerate(values)]
        )  # fmt: skip

    def size(params: Any, rows: Any) -> int:
        groups = read_networks(bound._network(params), residual.operator, points)
        footprint = residual._footprint(groups, read(params)[1])
        return residual.tuning.tile or footprint.tile()

    columns = residual.operator.columns
    where = read_points(columns_from_host(points), columns, residual.parameters)
    count = _counted(where.count)
    squares = " + ".join(
        f"\\left|{e}\\right|^2" for e in equation_formulas(residual.operator)
    )
    words = f"{bound!r} at {counted(count, 'point')}{_weighed(weight)}"
    square = squares if weight is None else f"w_k \\left({squares}\\right)"
    return Term(rows, at, size, count, square, words)


def _of_function(function: Callable[..., Any], points: Any, weight: Any) -> Term:
    """Returns the term of a function of (params, ONE point)."""
    arrays = jax.tree.map(jnp.asarray, points)
    counts = {leaf.shape[:1] for leaf in jax.tree.leaves(arrays)}
    if len(counts) != 1 or counts == {()}:
        raise OperatorError(
            "the points of a term do not have one row each",
            expression=f"shapes {[leaf.shape for leaf in jax.tree.leaves(arrays)]}"[
                :200
            ],
            hint="give arrays (N, ...), the same N for all of them",
        )
    ((count,),) = counts
    try:
        factor = jnp.broadcast_to(jnp.asarray(1.0 if weight is None else weight), count)
    except (TypeError, ValueError):
        raise OperatorError(
            "the weight of a term does not fit its points",
            expression=f"weight {weight!r}"[:200],
            hint=f"give a number, or an array ({count},)",
        ) from None

    def at(params: Any, rows: Any) -> Array:
        own, factors = rows
        values = jax.vmap(function, (None, 0))(params, own)
        leaves = [_numbers(leaf) for leaf in jax.tree.leaves(values)]
        return _real(
            [leaf * factors.reshape(-1, *(1,) * (leaf.ndim - 1)).astype(leaf.real.dtype)
             for leaf in leaves]
        )  # fmt: skip

    rows = lambda params: (arrays, _roots(factor))
    name = called(function)
    words = f"{name} at {counted(count, 'point')}{_weighed(weight)}"
    square = _square(name, "" if weight is None else "w_k ")
    return Term(rows, at, _size(at), _counted(count), square, words)


def _of_parameters(function: Callable[..., Any], weight: Any) -> Term:
    """Returns the term of a function of the parameters alone: one row."""
    if weight is not None and jnp.ndim(weight):
        raise OperatorError(
            "the weight of a term without points is not a number",
            expression=f"weight {weight!r}"[:200],
            hint="give a number, or multiply inside of the function",
        )

    def at(params: Any, rows: Any) -> Array:
        leaves = [_numbers(leaf) for leaf in jax.tree.leaves(function(params))]
        numbers = sum(leaf.size for leaf in leaves)
        factor = rows[0] / math.sqrt(max(numbers, 1))
        return _real([(factor * leaf)[None] for leaf in leaves])

    root = _roots(jnp.asarray(1.0 if weight is None else weight))
    name = called(function)
    words = f"{name} of the parameters{_weighed(weight)}"
    square = _square(name, "" if weight is None else "w ")
    return Term(lambda params: root[None], at, _size(at), 1, square, words)


def _square(name: str, weight: str) -> str:
    """Returns the square of a function in LaTeX."""
    shown = name.replace("_", r"\_").replace("<lambda>", "f")
    return rf"{weight}\left\|\mathrm{{{shown}}}\right\|^2"


def _weighed(weight: Any) -> str:
    return "" if weight is None else f", weight {weighed(weight)}"


def _check_weight(weight: Any) -> None:
    """Refuses weights whose roots are no numbers, where they are known."""
    known = [leaf for leaf in jax.tree.leaves(weight) if _compat.is_concrete(leaf)]
    if any(callable(leaf) or np.iscomplexobj(leaf) for leaf in known) or not all(
        np.all(np.asarray(leaf) >= 0) for leaf in known
    ):
        raise OperatorError(
            "a weight of least squares is no number of 0 or more",
            expression=f"weight {weight!r}"[:200],
            hint="the loss is a sum of squares: give real weights of 0 or more",
        )


def _roots(weight: Array) -> Array:
    """Returns √(w/N) of weights (N, ...), or √w of one number."""
    return jnp.sqrt(weight / weight.shape[0] if weight.ndim else weight)


def _real(values: Sequence[Array]) -> Array:
    """Lays values (T, ...) side by side, (T, E); complex ones as two real numbers."""
    parts = []
    for value in values:
        flat = value.reshape(value.shape[0], -1)
        if jnp.iscomplexobj(flat):
            flat = jnp.stack([flat.real, flat.imag], -1).reshape(flat.shape[0], -1)
        parts.append(flat)
    return jnp.concatenate(parts, -1)


def _numbers(leaf: Any) -> Array:
    if not is_array(leaf) and not isinstance(leaf, int | float | complex):
        raise OperatorError(
            "a term of least squares returns what is no array",
            expression=repr(leaf)[:200],
            hint="return an array, or a tuple or dict of arrays",
        )
    array = jnp.asarray(leaf)
    return array if _compat.differentiable(array.dtype) else array.astype(float)


def _size(at: Callable[[Any, Any], Array]) -> Callable[[Any, Any], int]:
    """Returns what says how many points make a tile, from the program at one point."""

    def size(params: Any, rows: Any) -> int:
        one = jax.tree.map(lambda leaf: leaf[:1], rows)
        program, _ = _compat.trace(at, params, one)
        held = sum(map(_compat.bytes_of, jax.tree.leaves(params)))
        made, widest = _compat.numbers_made(program)
        itemsize = max(v.aval.dtype.itemsize for v in program.outvars)
        return Footprint(max(made, 1), max(widest, 1), held, itemsize).tile()

    return size


def _counted(count: int) -> int:
    if not count:
        raise OperatorError(
            "a loss is a mean over points, and there are none",
            expression="points of 0 rows",
            hint="give one point or more",
        )
    return count
