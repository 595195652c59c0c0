"""Rules of users, for primitives of their own and functions with a custom derivative.

    oc.taylor.register_rule(softsign, elementwise=lambda x: (1 + jnp.abs(x)) ** -2)

In: a primitive, or a function made by `jax.custom_jvp` or `jax.custom_vjp`, and one of
three descriptions of its Taylor coefficients. Out: a row in the table of primitives.
Without one they go by their JVP, which is right at every order but costs a trace of it and
more products; and what has no JVP cannot be differentiated at all.

docs/extending/rule.md has an example of each kind.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import univariate
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.taylor.arithmetic import scaled, Series
from opcompiler.taylor.interpret import rewritten
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.primitives import (
    Context,
    CUSTOM,
    custom,
    one_output,
    primitive,
    Rule,
    TABLE,
)
from opcompiler.taylor.rules.composition import composed, Curve
from opcompiler.taylor.rules.linear import jointly_linear
from opcompiler.taylor.rules.subprograms import composed_at_places
from opcompiler.taylor.value import (
    AlgebraArray,
    coefficients,
    is_active,
    make,
    primal,
    Value,
)


@dataclass(frozen=True)
class Evaluator:
    """Evaluates JAX functions on algebra-valued operands, for a rule of a user.

    Attributes:
        order: the highest degree of the Taylor coefficients.
    """

    context: Context

    @property
    def order(self) -> int:
        """The highest degree of the Taylor coefficients."""
        return self.context.algebra.order

    def __call__(self, function: Callable[..., Any], *operands: Value) -> Any:
        """Returns what a function of arrays gives on operands, in its structure."""
        structure: list[Any] = []

        def flat(*arrays: Array) -> list[Array]:
            leaves, tree = jax.tree.flatten(function(*arrays))
            structure[:] = [tree]
            return leaves

        outputs = rewritten(self.context, flat, operands)
        return jax.tree.unflatten(structure[0], outputs)


@public("oc.taylor.register_rule(primitive, elementwise=derivative)")
def register_rule(
    target: Any,
    *,
    elementwise: Callable[..., Any] | None = None,
    linear: Sequence[int] | None = None,
    full: Callable[..., Any] | None = None,
) -> None:
    r"""Gives a primitive, or a function with a custom derivative, a rule of its own.

    The plain value is always that of the target itself. Exactly one kind is given:

    Args:
        target: a `jax.extend.core.Primitive`, or a function made by `jax.custom_jvp` or
            `jax.custom_vjp` that has its derivative already.
        elementwise: the derivative of an elementwise function $y = f(x)$ of one array,
            in JAX: `derivative(x)`, or `derivative(x, y)` where it is easier said by the
            value, as `1 - y**2` of tanh.
        linear: the numbers of the operands in which the target is linear together, the
            others being constants of it: each channel goes through the target itself.
        full: `rule(run, *operands, **params)`, which returns the output, or a list of
            them. Operands are algebra-valued or plain; `run(function, *operands)`
            evaluates any JAX function on them, `run.order` is the highest degree. Shapes
            are those of all points at once, so write it for arrays of any shape. The
            parameters are those of a primitive; a function with a custom derivative has
            none.

    Raises:
        OperatorError: for another target, a target that has a rule already, none or
            several kinds; when it is used, for what does not fit the target's outputs.

    Examples:
        >>> square = jax.custom_jvp(lambda x: x * x)
        >>> _ = square.defjvp(lambda p, t: (square(*p), 2 * p[0] * t[0]))
        >>> oc.taylor.register_rule(square, elementwise=lambda x: 2 * x)
        >>> derivatives = oc.taylor.derivatives(square, 2)
        >>> [float(d) for d in derivatives(3.0)]
        [9.0, 6.0, 2.0]
    """
    kinds = {"elementwise": elementwise, "linear": linear, "full": full}
    given = [name for name, value in kinds.items() if value is not None]
    name = getattr(target, "name", None) or getattr(target, "__name__", repr(target))
    if len(given) != 1:
        raise OperatorError(
            "a rule is of exactly one kind",
            expression=f"register_rule({name}, {', '.join(given) or 'nothing'})",
            hint="give elementwise=derivative, linear=(0,) or full=rule",
        )
    is_primitive = isinstance(target, _compat.Primitive)
    derivative = _given_derivative(target, name)
    if name in TABLE if is_primitive else id(derivative) in CUSTOM:
        raise OperatorError(
            f"{name} has a rule already",
            expression=f"register_rule({name}, {given[0]}=...)",
            hint="register a rule once, where the primitive is made; a primitive of your "
            "own needs a name that JAX does not use",
        )
    rule: Rule
    traits: dict[str, Any] = {}
    if elementwise is not None:
        rule = _elementwise(name, elementwise)
        traits = {"entries": "curved", "steep": True, "sparse": composed_at_places}
    elif linear is not None:
        rule = _linear(name, tuple(linear))
    else:
        assert full is not None
        rule = _full(name, full)
        traits = {"steep": True}
    if is_primitive:
        primitive(name, kind=given[0], **traits)(rule)
    else:
        custom(derivative, name=name, kind=given[0], **traits)(rule)


def _given_derivative(target: Any, name: str) -> Any:
    """Returns the function given to `defjvp` or `defvjp`; `None` for a primitive."""
    if isinstance(target, _compat.Primitive):
        return None
    kinds = {jax.custom_jvp: ("jvp", "defjvp"), jax.custom_vjp: ("fwd", "defvjp")}
    for kind, (attribute, setter) in kinds.items():
        if isinstance(target, kind):
            if (found := getattr(target, attribute)) is not None:
                return found
            raise OperatorError(
                f"{name} has no derivative yet",
                expression=f"register_rule({name}, ...)",
                hint=f"call {name}.{setter} first: other parts of JAX need it",
            )
    raise OperatorError(
        "rules are for primitives and functions with a custom derivative",
        expression=f"register_rule({name}, ...)",
        hint="give a jax.extend.core.Primitive, or decorate the function with "
        "jax.custom_jvp; any other function needs no rule, its primitives have theirs",
    )


def _constants(equation: Any) -> int:
    """Returns how many arrays that a function closes over stand before its arguments."""
    is_custom = equation.primitive.name.startswith("custom_")
    return equation.params["num_consts"] if is_custom else 0


def _elementwise(name: str, derivative: Callable[..., Any]) -> Rule:
    needed = [
        p
        for p in inspect.signature(derivative).parameters.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    with_value = len(needed) > 1

    @one_output
    def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
        places = [n for n, value in enumerate(inputs) if is_active(value)]
        (aval, *more) = _compat.output_avals(equation)
        u = inputs[places[0]]
        if len(places) > 1 or more or aval.shape != u.shape:
            raise OperatorError(
                f"an elementwise rule is of a function of one array, and {name} is none",
                expression=f"{name} of shapes {[v.aval.shape for v in equation.invars]}",
                hint="give a full rule: register_rule(target, full=rule)",
            )
        given = [value for n, value in enumerate(inputs) if n != places[0]]
        line = Context(univariate(context.algebra.order))
        shape, dtype = u.shape, u.dtype  # below, no function holds a tracer

        def slope_at(*operands: Value) -> Series:
            """Returns the channels of the derivative, of the value's shape."""

            def checked(*arrays: Array) -> Array:
                found = jnp.asarray(derivative(*arrays), dtype)
                number = found.shape == () and _compat.is_concrete(found)
                if found.shape != shape and not number:
                    raise OperatorError(
                        f"the derivative given for {name} has another shape",
                        expression=f"{found.shape} at an argument of shape {shape}",
                        hint="an elementwise function has one derivative per entry: "
                        "write it in jax.numpy, for arrays of any shape",
                    )
                return jnp.broadcast_to(found, shape)

            with explained(
                f"the derivative given for {name} cannot be called on its argument",
                "it takes an array, or an array and the function's value there",
            ):
                (found,) = rewritten(line, checked, operands)
            return list(coefficients(found, line.algebra))

        def scalar(start: Array, *given: Any) -> Curve:
            # D y = f'(u) D u in one variable: y_k = z_(k-1) / k.
            operands = list(given)
            operands.insert(places[0], start)
            order = line.algebra.order
            one = jnp.ones((1,) * start.ndim, start.dtype)
            u = AlgebraArray(shape, dtype, (start, one, *[None] * (order - 1)))
            y: Series = [_compat.bind(equation, *operands)[0]]
            if not with_value:
                z = slope_at(u)
                y += [scaled(1 / k, z[k - 1]) for k in range(1, order + 1)]
                return y, z
            # Each pass of f'(u, y) knows one coefficient more of y.
            for k in range(1, order + 1):
                known = [*y, *[None] * (order + 1 - k)]
                z = slope_at(u, make(known, shape, dtype))
                y.append(scaled(1 / k, z[k - 1]))
            return y, slope_at(u, make(y, shape, dtype))

        return composed(context.algebra, u, scalar, given)

    return rule


def _linear(name: str, operands: tuple[int, ...]) -> Rule:
    def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
        first = _constants(equation)
        places = [first + n for n in operands]
        wrong = [n for n in operands if not 0 <= n < len(inputs) - first]
        moving = [n - first for n, v in enumerate(inputs) if is_active(v)]
        wrong += [n for n in moving if n not in operands]
        if wrong:
            raise OperatorError(
                f"{name} is linear in its operands {operands}, and operand {wrong[0]} "
                "depends on the point or is not there",
                expression=f"{name} of {len(inputs) - first} operands",
                hint="name all operands that it is linear in together, or give a full "
                "rule: register_rule(target, full=rule)",
            )
        return jointly_linear(context, equation, inputs, places)

    return rule


def _full(name: str, full: Callable[..., Any]) -> Rule:
    def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
        is_custom = equation.primitive.name.startswith("custom_")
        params = {} if is_custom else equation.params
        operands = inputs[_constants(equation) :]
        found = full(Evaluator(context), *operands, **params)
        several = isinstance(found, list | tuple)
        outputs: list[Value] = list(found) if several else [found]
        avals = _compat.output_avals(equation)
        got = [(jnp.shape(primal(o)), jnp.result_type(primal(o))) for o in outputs]
        want = [(aval.shape, aval.dtype) for aval in avals]
        if got != want:
            raise OperatorError(
                f"the rule given for {name} returns other outputs than {name} has",
                expression=f"{got} for {want}",
                hint="return one value per output, of its shape and dtype",
            )
        return outputs

    return rule
