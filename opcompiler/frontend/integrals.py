r"""Integrals, brought to one reference interval and held for a quadrature rule.

$$ \int_a^b f(x, s)\,ds = \int_{-1}^1 h\, f(x, m + h r)\,dr,
   \qquad m = \tfrac{a+b}2,\; h = \tfrac{b-a}2 . $$

The right side has constant limits, so its derivative by a coordinate is the integral of
the integrand's derivative, whatever a and b depend on: Leibniz' rule, applied to what the
rule computes. The nodes `r` and weights are inputs of the program; every integration
variable has an axis of its own, before that of the points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.functions import Quadrature


class IntegrationVariable(sp.Dummy):
    """Stands in a field's arguments for a variable that an integral binds."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One integration variable: the symbols of its nodes and weights.

    Attributes:
        name: the variable's, by which a rule is given at call time.
        node: the symbol of the reference nodes.
        weight: the symbol of the weights.
        number: 0 for the variable met first; its array axis is -2 - number.
    """

    name: str
    node: sp.Symbol
    weight: sp.Symbol
    number: int

    def over(self, integrand: sp.Expr) -> sp.Expr:
        """Returns the weighted sum of an integrand over this axis."""
        return Quadrature(integrand, self.weight, sp.Integer(self.number))


def make_axes(variables: Sequence[str], taken: set[str]) -> dict[str, Axis]:
    """Returns an axis for each integration variable, under names not taken."""
    axes = {}
    for number, name in enumerate(variables):
        node, weight = (_free(f"{name}_{what}", taken) for what in ("node", "weight"))
        axes[name] = Axis(name, sp.Symbol(node), sp.Symbol(weight), number)
    return axes


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def outermost(
    expr: sp.Integral, bound: Sequence[sp.Basic] = ()
) -> tuple[sp.Expr, sp.Symbol, sp.Expr, sp.Expr]:
    """Returns (integrand, variable, lower, upper) of the outermost integration.

    Raises:
        OperatorError: for limits that are missing or infinite, and for a variable that
            an integral around this one binds too.
    """
    *inner, last = expr.limits
    if len(last) != 3:
        raise OperatorError(
            "an integral without limits cannot be compiled",
            expression=expr,
            hint=f"give both: Integral(..., ({last[0]}, a, b))",
        )
    variable, lower, upper = last
    if any(end.is_infinite for end in (lower, upper)):
        problem, hint = infinite_end(str(variable))
        raise OperatorError(problem, expression=expr, hint=hint)
    if variable in bound:
        raise OperatorError(
            f"an integral over {variable} stands inside another one over {variable}",
            expression=expr,
            hint="give each integration variable a name of its own",
        )
    integrand = sp.Integral(expr.function, *inner) if inner else expr.function
    return integrand, variable, lower, upper


def infinite_end(variable: str) -> tuple[str, str]:
    """Returns what is wrong with an integral up to infinity, and what to do."""
    return (
        "an integral up to infinity has no quadrature on an interval",
        f"substitute, e.g. {variable} = r/(1 - r**2) with r from -1 to 1, or cut it off "
        "where the integrand has decayed",
    )


def mapped(lower: sp.Expr, upper: sp.Expr, node: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Returns (the variable at a reference node, the half length of the interval)."""
    half = (upper - lower) / 2
    return (lower + upper) / 2 + half * node, half
