"""Functions of one point that users give, run in Python once."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from opcompiler import _compat


class Traced:
    """A function of ONE point, traced once and then run as a program.

    A residual needs the shape of what a network returns, and may push the network at
    several sites and in several algebras. The user's Python, which may have side effects
    (a state that is replaced, a counter), must not notice: it runs once for all points of
    one type, that is of one shape and dtype. What it closes over is read then, so the
    trace lives for one call of the residual and no longer.

    Args:
        function: of one point, (d,), a pytree of arrays out.
    """

    def __init__(self, function: Callable[[Array], Any]) -> None:
        self._function = function
        self._known: dict[Any, tuple[Any, list[Any], Any]] = {}

    def result(self, points: Array) -> Any:
        """Returns shapes and dtypes of what is returned at one of points, (N, d)."""
        # A sum over the points has the type of one, also inside of `shard_map`.
        point = jax.eval_shape(lambda rows: rows.sum(axis=0), points)
        *_, result = self._at(point)
        return result

    def __call__(self, point: Array) -> Any:
        """Runs the program at one point."""
        program, consts, result = self._at(point)
        outputs = _compat.run(program, consts, point)
        return jax.tree.unflatten(jax.tree.structure(result), outputs)

    def _at(self, point: Any) -> tuple[Any, list[Any], Any]:
        """Returns the program, its constants, and the shapes of its results."""
        kind = jax.typeof(point)
        if kind not in self._known:
            # JAX remembers traces by the function's identity: this one is new each time.
            fresh = lambda point: self._function(point)
            closed, result = jax.make_jaxpr(fresh, return_shape=True)(point)
            self._known[kind] = (*_compat.open_jaxpr(closed), result)
        return self._known[kind]
