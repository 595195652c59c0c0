r"""Quadrature rules: nodes and weights on [-1, 1], given at call time.

An integration variable is an axis of its own before that of the points, so that what
depends on points alone, on nodes alone, or on both, has shape (N,), (Q, 1) or (Q, N), and
ordinary broadcasting does the rest. A field under an integral with constant limits is
evaluated at the Q nodes only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.runtime.points import check_names
from opcompiler.runtime.precision import as_real

Rule = tuple[Any, Any]


@public("oc.gauss_legendre(16)")
def gauss_legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the Gauss-Legendre rule, exact for polynomials of degree 2 count - 1.

    Args:
        count: the number of nodes, at least 1.

    Returns:
        (nodes, weights), float64 arrays of shape (count,) on [-1, 1]; a value of
        `residual(..., quadrature={"s": gauss_legendre(16)})`.

    Raises:
        OperatorError: for a count that is no positive integer.

    Examples:
        >>> nodes, weights = oc.gauss_legendre(3)
        >>> float(np.round(np.sum(weights * nodes**4), 12))
        0.4

    Source: Golub and Welsch, Math. Comp. 23 (1969), section 3; NumPy's `leggauss`.
    """
    if count < 1:
        raise OperatorError(
            f"a quadrature rule of {count!r} nodes",
            hint="give a positive integer: gauss_legendre(16)",
        )
    return np.polynomial.legendre.leggauss(count)


def read_quadrature(
    given: Mapping[Any, Rule] | None, variables: Sequence[str], dtype: Any
) -> list[tuple[Array, Array]]:
    """Returns nodes and weights for each variable, shaped to its own axis.

    Raises:
        OperatorError: for missing or unknown variables, and rules that are not two
            real arrays of one length.
    """
    rules = {str(name): rule for name, rule in (given or {}).items()}
    missing = [name for name in variables if name not in rules]
    if missing:
        name = missing[0]
        raise OperatorError(
            f"the integral over {name} has no quadrature rule",
            expression=name,
            hint=f"give one at call time: quadrature={{{name!r}: "
            "opcompiler.gauss_legendre(16)}",
        )
    check_names("integration variable", rules, variables, required=variables)
    return [
        _on_axis(name, rules[name], number, dtype)
        for number, name in enumerate(variables)
    ]


def _on_axis(name: str, rule: Any, number: int, dtype: Any) -> tuple[Array, Array]:
    try:
        nodes, weights = (jnp.asarray(part) for part in rule)
    except (TypeError, ValueError):
        nodes = weights = jnp.zeros(())
    if nodes.ndim != 1 or nodes.shape != weights.shape or nodes.size == 0:
        raise OperatorError(
            f"the quadrature rule of {name} is not a pair of arrays of one length",
            expression=repr(rule)[:200],
            hint="give (nodes, weights) on [-1, 1], each of shape (Q,): "
            "opcompiler.gauss_legendre(16)",
        )
    shape = (-1,) + (1,) * (number + 1)
    hint = "nodes are real numbers in [-1, 1], weights are real: take their real parts"
    parts = (("node", nodes), ("weight", weights))
    return tuple(
        as_real(
            dtype, part, f"a {what} of the quadrature rule of {name}", hint
        ).reshape(shape)
        for what, part in parts
    )
