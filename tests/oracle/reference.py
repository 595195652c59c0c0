"""The reference: nested automatic differentiation, straight from the SymPy tree.

A derivative of order k is k nested `jax.jvp`, each along one coordinate, of *whatever
stands under it* as a function of the coordinates. Nothing is expanded, planned,
collected or printed. It shares no code with `opcompiler` and is exponentially slow; it
is right when each of the few cases below is.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

Field = Callable[[jax.Array], jax.Array]

NODES = 16
"""Of the quadrature rule by which integrals are defined here."""

_ELEMENTARY: dict[type[sp.Basic], Callable[..., jax.Array]] = {
    sp.sin: jnp.sin,
    sp.cos: jnp.cos,
    sp.tan: jnp.tan,
    sp.exp: jnp.exp,
    sp.log: jnp.log,
    sp.sinh: jnp.sinh,
    sp.cosh: jnp.cosh,
    sp.tanh: jnp.tanh,
    sp.atan: jnp.arctan,
    sp.erf: jax.scipy.special.erf,
    sp.gamma: jax.scipy.special.gamma,
    sp.Abs: jnp.abs,
    sp.conjugate: jnp.conj,
    sp.re: jnp.real,
    sp.im: jnp.imag,
    sp.sign: lambda value: jnp.where(value == 0, 0, value / jnp.abs(value)),
    sp.Max: lambda *values: functools.reduce(jnp.maximum, values),
    sp.Min: lambda *values: functools.reduce(jnp.minimum, values),
    sp.Lt: jnp.less,
    sp.Le: jnp.less_equal,
    sp.Gt: jnp.greater,
    sp.Ge: jnp.greater_equal,
}


class _Scope:
    """Values of symbols at one evaluation point, and what was computed there."""

    def __init__(
        self, values: Mapping[sp.Basic, jax.Array], fields: Mapping[str, Field]
    ):
        self.values = values
        self.fields = fields
        self.known: dict[sp.Basic, jax.Array] = {}

    def at(self, values: Mapping[sp.Basic, jax.Array]) -> _Scope:
        """The same fields where some symbols have other values."""
        return _Scope({**self.values, **values}, self.fields)

    def __call__(self, expr: sp.Basic) -> jax.Array:
        if expr not in self.known:
            self.known[expr] = _evaluate(expr, self)
        return self.known[expr]


def _derivative(expr: sp.Derivative, scope: _Scope) -> jax.Array:
    """One `jvp` for each order, of the inner expression as a function of a coordinate."""

    def differentiate(function, symbol):
        def derivative(scope: _Scope) -> jax.Array:
            here = scope.values[symbol]
            along = lambda value: function(scope.at({symbol: value}))
            return jax.jvp(along, (here,), (jnp.ones_like(here),))[1]

        return derivative

    function = lambda scope: scope(expr.expr)
    for symbol, count in expr.variable_count:
        for _ in range(int(count)):
            function = differentiate(function, symbol)
    return function(scope)


def _power(base: sp.Expr, exponent: sp.Expr, scope: _Scope) -> jax.Array:
    if exponent.is_Integer:
        value = functools.reduce(operator.mul, [scope(base)] * abs(int(exponent)))
        return value if exponent > 0 else 1 / value
    if abs(exponent) == sp.Rational(1, 2):
        root = jnp.sqrt(scope(base))
        return root if exponent > 0 else 1 / root
    if base == sp.E:
        return jnp.exp(scope(exponent))
    return jnp.power(scope(base), scope(exponent))


def _piecewise(expr: sp.Piecewise, scope: _Scope) -> jax.Array:
    value = jnp.asarray(jnp.nan)
    for branch, condition in reversed(expr.args):
        if condition == sp.true:
            value = scope(branch)
        else:
            value = jnp.where(scope(condition), scope(branch), value)
    return value


def _integral(body: sp.Expr, limits: list[sp.Tuple], scope: _Scope) -> jax.Array:
    """Gauss-Legendre, node by node, on the interval itself."""
    if not limits:
        return scope(body)
    *inner, (variable, lower, upper) = limits
    a, b = scope(lower), scope(upper)
    total = jnp.zeros(())
    for node, weight in zip(*np.polynomial.legendre.leggauss(NODES), strict=True):
        there = scope.at({variable: a + (node + 1) / 2 * (b - a)})
        total += weight / 2 * (b - a) * _integral(body, inner, there)
    return total


def _evaluate(expr: sp.Basic, scope: _Scope) -> jax.Array:
    if expr in scope.values:
        return scope.values[expr]
    if isinstance(expr, AppliedUndef):
        arguments = [scope(argument) for argument in expr.args]
        return scope.fields[expr.func.__name__](jnp.stack(arguments))
    if isinstance(expr, sp.Derivative):
        return _derivative(expr, scope)
    if isinstance(expr, sp.Integral):
        return _integral(expr.function, list(expr.limits), scope)
    if isinstance(expr, sp.Subs):
        point = [scope(value) for value in expr.point]
        return scope.at(dict(zip(expr.variables, point, strict=True)))(expr.expr)
    if expr is sp.I:
        return jnp.asarray(1j)
    if expr.is_number and not expr.args:
        return jnp.asarray(float(expr))
    if isinstance(expr, sp.Add):
        return functools.reduce(operator.add, map(scope, expr.args))
    if isinstance(expr, sp.Mul):
        return functools.reduce(operator.mul, map(scope, expr.args))
    if isinstance(expr, (sp.Pow, sp.exp)):
        return _power(*expr.as_base_exp(), scope)
    if isinstance(expr, sp.Piecewise):
        return _piecewise(expr, scope)
    if isinstance(expr, sp.Heaviside):
        return jnp.heaviside(scope(expr.args[0]), 0.5)
    return _ELEMENTARY[expr.func](*map(scope, expr.args))


def evaluate(
    expr: sp.Expr,
    values: Mapping[sp.Symbol, jax.Array],
    fields: Mapping[str, Field] | None = None,
) -> jax.Array:
    """`expr` at one point: `values` of its symbols, `fields` by name."""
    return _Scope(values, fields or {})(expr)


def closed_form(
    expr: sp.Expr, arguments: Sequence[sp.Symbol], **values: float
) -> Field:
    """`expr` as a JAX function of the vector of `arguments`; `values` are parameters."""
    constants = {sp.Symbol(name): jnp.asarray(value) for name, value in values.items()}

    def function(point: jax.Array) -> jax.Array:
        return evaluate(expr, {**constants, **dict(zip(arguments, point, strict=True))})

    return function


def reference(
    equations: Sequence[sp.Expr],
    coordinates: Sequence[sp.Symbol],
    fields: Mapping[str, Field],
    points: jax.Array,
    **parameters: jax.Array,
) -> tuple[jax.Array, ...]:
    """The value of every equation at `points` of shape (n, d), by nested jvp.

    `fields` maps a name to a function of the vector of that field's own arguments. A
    field may return an array: then everything is evaluated elementwise over it.
    """
    constants = {sp.Symbol(name): jnp.asarray(v) for name, v in parameters.items()}

    def at_point(point: jax.Array) -> tuple[jax.Array, ...]:
        scope = _Scope(
            {**constants, **dict(zip(coordinates, point, strict=True))}, fields
        )
        return tuple(scope(equation) for equation in equations)

    return jax.vmap(at_point)(points)
