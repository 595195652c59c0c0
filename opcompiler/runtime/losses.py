r"""Squares of estimates without bias, and how far an estimate scatters.

The mean of a squared estimate is $r^2 + \mathrm{Var}$: a loss of squares punishes the
variance too. Two independent estimates have the mean product $r^2$, and the gradient of
their product has the mean $\nabla r^2$. Source: STDE, section 4.5, equation 25.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.sampling.estimator import check_key

Estimated = Callable[..., Any]
"""A residual or bound residual: (net or params, points, key=key, **parameters)."""


@public("oc.unbiased_square(residual, net, points, key, nu=0.01)")
def unbiased_square(
    residual: Estimated, net: Any, points: Any, key: Array, **parameters: Any
) -> Any:
    r"""Returns an unbiased estimate of $|r|^2$ from two independent draws.

    Args:
        residual: compiled with an estimator; or what its `bind` returned.
        net: the network, or the parameters of a bound residual.
        points: as for the residual.
        key: `jax.random.key`; it is split in two.
        **parameters: as for the residual.

    Returns:
        Like the residual's values, (...); single ones may be negative, their mean over
        keys is the square of the exact residual. The gradient is unbiased too.
    """
    estimated: Any = getattr(residual, "residual", residual)  # what a bound one is of
    if not hasattr(estimated, "estimator"):
        raise OperatorError(
            "an unbiased square is that of a residual",
            expression=repr(residual)[:200],
            hint="write oc.unbiased_square(residual, net, points, key)",
        )
    check_key(estimated.estimator, key)
    first, second = jax.random.split(key)
    left = residual(net, points, key=first, **parameters)
    right = residual(net, points, key=second, **parameters)
    return jax.tree.map(lambda a, b: jnp.real(jnp.conj(a) * b), left, right)


def variance(
    residual: Estimated,
    net: Any,
    points: Any,
    key: Array,
    draws: int = 32,
    **parameters: Any,
) -> Any:
    """Returns the variance of an estimated residual over keys, from some draws.

    Args:
        residual: as in `unbiased_square`.
        net: likewise.
        points: likewise.
        key: `jax.random.key`.
        draws: number of independent evaluations, at least 2. The relative standard error
            of the result is about `(2 / (draws - 1)) ** 0.5`.
        **parameters: as for the residual.

    Returns:
        Like the residual's values; the root is the standard error of one evaluation. It
        falls as 1 / samples, so the samples that a tolerance needs follow from it.
    """
    if draws < 2:
        raise OperatorError(
            "a variance needs at least two draws",
            expression=f"draws={draws}",
            hint="32 give it to about a quarter of itself",
        )
    one = lambda key: residual(net, points, key=key, **parameters)
    values = jax.lax.map(one, jax.random.split(key, draws))
    return jax.tree.map(lambda v: jnp.var(v, axis=0, ddof=1), values)
