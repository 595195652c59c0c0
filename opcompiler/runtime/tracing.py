"""Functions of one point that users give, run in Python once."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
from jax import Array

from opcompiler import _compat
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.rules.composition import is_pointwise_call


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

    def by_body(self, point: Array) -> Any:
        """Runs the program at one point, functions with a custom VJP by their bodies.

        A reverse rule says nothing of forward derivatives, nor of a second one. So in
        every strategy what is differentiated by the coordinates goes by the body.
        """
        program, consts, result = self._at(point)
        outputs = _compat.run(_compat.by_body(program), consts, point)
        return jax.tree.unflatten(jax.tree.structure(result), outputs)

    def orders_matter(self, points: Array) -> bool:
        """Whether mixed derivatives at one of points, (N, d), may depend on their order.

        They may where a function of several numbers has a custom JVP: such a rule may be
        the derivative of no function at all.
        """
        program, *_ = self._at(self._point(points))
        return _mixes(program, program.invars)

    def is_reversible(self, points: Array) -> bool:
        """Whether a reverse pass gives what forward mode gives, at one of points, (N, d).

        What `jnp.where` has not selected has the derivative zero. Forward mode selects
        last; reverse mode multiplies that zero by what lies before, and zero times an
        infinite slope is no number.
        """
        program, *_ = self._at(self._point(points))
        return not _selects(program, dict.fromkeys(program.invars, False))[0]

    def result(self, points: Array) -> Any:
        """Returns shapes and dtypes of what is returned at one of points, (N, d)."""
        *_, result = self._at(self._point(points))
        return result

    def size(self, points: Any) -> tuple[float, float, int]:
        """Returns what the function takes at one of `Points`; where they share, the mean.

        How many numbers it makes, the most that one operation makes, and how many bytes it
        holds.
        """
        program, consts, _ = self._at(self._point(points.like))
        held = sum(map(_compat.bytes_of, consts))
        if points.mapped:
            return *_compat.numbers_made(program), held
        program, _ = _compat.trace(points.over(self), *points.starts)
        made, widest = _compat.numbers_made(program)
        return made / points.count, widest / points.count, held

    @staticmethod
    def _point(points: Array) -> Any:
        # A sum over the points has the type of one, also inside of `shard_map`.
        return jax.eval_shape(lambda rows: rows.sum(axis=0), points)

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
            program, consts = _compat.open_jaxpr(closed)
            self._known[kind] = _compat.batchable(program), consts, result
        return self._known[kind]


def _selects(jaxpr: Any, steep: dict[Any, bool]) -> tuple[bool, bool]:
    """Whether something behind a steep primitive may be left out by a selection.

    Args:
        jaxpr: of a program.
        steep: its inputs that depend on the point, each with whether a steep primitive
            lies before it.

    Returns:
        Whether it is selected, and whether a steep primitive lies before an output.
    """
    steep = dict(steep)

    def reached(atoms: Iterable[Any]) -> list[bool | None]:
        """Whether a steep primitive lies before each; `None`: it is a constant."""
        literal = _compat.Literal
        return [None if isinstance(a, literal) else steep.get(a) for a in atoms]

    for equation in jaxpr.eqns:
        inputs = reached(equation.invars)
        if all(before is None for before in inputs):
            continue
        row = row_of(equation)
        behind = any(inputs) or (row.steep and not _is_polynomial(equation, inputs))
        for body in _compat.bodies(equation):
            # A loop hands some of its inputs to each of its bodies: to be safe, all.
            matched = len(body.invars) == len(inputs)
            handed = inputs if matched else [any(inputs)] * len(body.invars)
            pairs = zip(body.invars, handed, strict=True)
            found, out = _selects(body, {v: h for v, h in pairs if h is not None})
            # Of a custom JVP the rule is differentiated, and not the body.
            if found and equation.primitive.name != "custom_jvp_call":
                return True, True
            behind = behind or out
        if behind and row.entries == "selecting" and not _is_settled(equation, inputs):
            return True, True
        steep.update(dict.fromkeys(equation.outvars, behind))
    return False, any(reached(jaxpr.outvars))


def _is_settled(equation: Any, inputs: Sequence[bool | None]) -> bool:
    """Whether one number, known beforehand, selects all of one operand (`jnp.var`)."""
    one = equation.invars[0].aval.shape == ()
    return equation.primitive.name == "select_n" and one and inputs[0] is None


def _is_polynomial(equation: Any, inputs: Sequence[bool | None]) -> bool:
    """Whether a division or power is none of what depends on the point."""
    if equation.primitive.name == "div":
        return inputs[1] is None
    return equation.params.get("y", -1) >= 0


def _mixes(jaxpr: Any, start: Iterable[Any]) -> bool:
    """Whether a custom JVP takes several numbers that depend on the given variables."""
    active = set(start)
    for equation in jaxpr.eqns:
        reached = [not isinstance(v, _compat.Literal) and v in active
                   for v in equation.invars]  # fmt: skip
        if not any(reached):
            continue
        if equation.primitive.name == "custom_jvp_call":
            (first, *more) = itertools.compress(equation.invars, reached)
            shape = first.aval.shape
            if more or (
                math.prod(shape) > 1 and not is_pointwise_call(equation, shape)
            ):
                return True
        else:
            for body in _compat.bodies(equation):
                matched = len(body.invars) == len(reached)
                inner = itertools.compress(body.invars, reached if matched else [])
                if _mixes(body, inner if matched else body.invars):
                    return True
        active.update(equation.outvars)
    return False
