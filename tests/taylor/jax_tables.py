"""What JAX's own tests differentiate: `jet_test`, `lax_autodiff_test` and `nn_test`.

Operations and domains are theirs, the cases ours. Every argument moves; `programs*.py`
have the same primitives with more structure, in double precision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax, nn


@dataclass(frozen=True)
class Operation:
    """A function of some arrays.

    Attributes:
        fun: the function.
        boxes: (low, high) for the entries of each argument.
        shapes: of the arguments, the last one for all that follow.
        complex: whether the arguments are complex.
        single: tolerance in single precision, relative to the largest entry of an order.
    """

    fun: Callable[..., Any]
    boxes: tuple[tuple[float, float], ...] = ((-2.0, 2.0),)
    shapes: tuple[tuple[int, ...], ...] = ((2, 3),)
    complex: bool = False
    single: float = 2e-5


DEFAULT, SMALL, POSITIVE = (-2.0, 2.0), (-0.3, 0.3), (0.4, 2.0)


def one(fun: Callable, low: float = -2.0, high: float = 2.0, **rest: Any) -> Operation:
    """A function of one array."""
    return Operation(fun, ((low, high),), **rest)


def two(fun: Callable, *boxes: tuple[float, float], **rest: Any) -> Operation:
    """A function of two arrays."""
    return Operation(fun, boxes or (DEFAULT, DEFAULT), **rest)


MASK = np.array([[True, False, True], [True, True, True]])
INDEX = np.array([[0], [2]])

UNARY = {
    "neg": one(lax.neg),
    "floor": one(lax.floor, 0.1, 0.4),
    "ceil": one(lax.ceil, 0.1, 0.4),
    "round": one(lax.round, 0.1, 0.4),
    "trunc": one(jnp.trunc),
    "sign": one(lax.sign),
    "stop_gradient": one(lax.stop_gradient),
    "is_finite": one(lambda x: lax.is_finite(x).astype(x.dtype)),
    "exp": one(lax.exp),
    "exp2": one(lax.exp2),
    "expm1": one(lax.expm1),
    "log": one(lax.log, 0.8, 4.0),
    "log1p": one(lax.log1p, 0.0, 4.0),
    "sin": one(lax.sin),
    "cos": one(lax.cos),
    "tan": one(lax.tan, -1.3, 1.3, single=1e-4),
    "asin": one(lax.asin, -0.9, 0.9),
    "acos": one(lax.acos, -0.9, 0.9),
    "atan": one(lax.atan, -100.0, 100.0),
    "sinh": one(lax.sinh),
    "cosh": one(lax.cosh),
    "tanh": one(lax.tanh),
    "tanh far out": one(lax.tanh, -500.0, 500.0),
    "asinh": one(lax.asinh, -100.0, 100.0),
    "acosh": one(lax.acosh, 1.2, 100.0, single=1e-3),
    "atanh": one(lax.atanh, -0.9, 0.9),
    "logistic": one(lax.logistic, -100.0, 100.0),
    "expit by exp": one(lambda x: 1 / (1 + jnp.exp(-x)), -50.0, 50.0),
    "sqrt": one(lax.sqrt, 0.3, 5.0),
    "rsqrt": one(lax.rsqrt, 0.3, 5000.0),
    "cbrt": one(lax.cbrt, 0.3, 2.0),
    "erf": one(lax.erf),
    "erfc": one(lax.erfc),
    "erf_inv": one(lax.erf_inv, -0.9, 0.9),
    "lgamma": one(lax.lgamma, 0.4, 4.0, single=1e-4),
    "digamma": one(lax.digamma, 0.4, 4.0, single=1e-4),
    "bessel_i0e": one(lax.bessel_i0e, 0.2, 3.0),
    "bessel_i1e": one(lax.bessel_i1e, 0.2, 3.0),
    "abs": one(lax.abs),
    "igamma": one(lambda x: lax.igamma(jnp.full_like(x, 1.5), x), 0.4, 2.0),
    "integer powers": one(
        lambda x: jnp.stack([x**k for k in (0, 1, 2, 3, 10)]), 0.4, 2.0
    ),
    "integer powers at 0": one(
        lambda x: jnp.stack([x**k for k in (0, 1, 2, 3, 10)]), 0.0, 0.0
    ),
    "negative powers": one(lambda x: jnp.stack([x**-1, x**-3]), 0.4, 2.0),
    "reciprocal to high order": one(lambda x: 1 / x, 0.4, 2.0),
    "gather": one(lambda x: x[1:]),
    "reduce_max": one(lambda x: x.max(axis=1)),
    "reduce_min": one(lambda x: x.min(axis=1)),
    "reduce_sum": one(lambda x: x.sum(axis=0)),
    "reduce_prod": one(lambda x: x.prod(axis=1)),
    "argmax": one(lambda x: jnp.argmax(x, 1) * x[:, 0]),
    "fft": one(jnp.fft.fft),
    "cumsum": one(partial(lax.cumsum, axis=1)),
    "cumprod": one(partial(lax.cumprod, axis=1)),
    "cummax": one(partial(lax.cummax, axis=0)),
    "cummin": one(partial(lax.cummin, axis=0)),
    "cumlogsumexp": one(partial(lax.cumlogsumexp, axis=1)),
    "sort": one(partial(lax.sort, dimension=1)),
    "top_k": one(lambda x: lax.top_k(x, 2)[0]),
    "pad": one(lambda x: lax.pad(x, x[0, 0], ((1, -1, 0), (0, 2, 1)))),
    "rev": one(lambda x: lax.rev(x, (0, 1))),
    "reshape": one(lambda x: lax.reshape(x, (3, 2), (1, 0))),
    "transpose": one(lambda x: lax.transpose(x, (1, 0))),
    "broadcast_in_dim": one(lambda x: lax.broadcast_in_dim(x, (2, 4, 3), (0, 2))),
    "slice": one(lambda x: lax.slice(x, (0, 1), (2, 3), (1, 2))),
    "split": one(lambda x: lax.split(x, (1, 2), axis=1)),
    "unstack": one(lambda x: jnp.unstack(x, axis=1)),
    "dynamic_slice": one(lambda x: lax.dynamic_slice(x, (1, 1), (1, 2))),
    "take": one(lambda x: lax.index_take(x, (np.array([1, 0, 1]),), (0,))),
    "reduce_window": one(
        lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 1), "VALID")
    ),
    "pool": one(
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME")
    ),
    "copy": one(lambda x: jnp.array(x, copy=True)),
    "convert": one(lambda x: x.astype(complex).real),
}

SEVERAL = {
    "add": two(lax.add),
    "sub": two(lax.sub),
    "mul": two(lax.mul),
    "div": two(lax.div, DEFAULT, (0.8, 4.0)),
    "rem": two(lax.rem, (0.8, 4.0), (0.8, 4.0)),
    "max": two(lax.max),
    "min": two(lax.min),
    "pow": two(lax.pow, (0.2, 3.0), (-2.0, 2.0), single=1e-4),
    "atan2": two(lax.atan2, (0.5, 40.0), (-40.0, 40.0)),
    "complex": two(lax.complex),
    "comparisons": two(
        lambda x, y: (x <= y) * x + (x > y) * y + (x == y) * x * y + (x != y) * x
    ),
    "dot": two(jnp.dot, shapes=((2, 3), (3, 4))),
    "dot_general": two(
        lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,)))),
        shapes=((2, 3, 4), (2, 4, 2)),
    ),
    "conv": two(
        lambda x, y: lax.conv_general_dilated(x, y, (1, 2), ((1, 0), (0, 1))),
        shapes=((1, 2, 4, 5), (3, 2, 2, 2)),
    ),
    "conv dilated": two(
        lambda x, y: lax.conv_general_dilated(
            x, y, (1,), ((1, 1),), lhs_dilation=(2,), rhs_dilation=(2,)
        ),
        shapes=((1, 2, 5), (3, 2, 2)),
    ),
    "concatenate": two(lambda x, y: lax.concatenate([x, y, x], 1)),
    "stack": two(lambda x, y: jnp.stack([x, y], axis=-1)),
    "dynamic_update_slice": two(
        lambda x, y: lax.dynamic_update_slice(x, y, (1, 1)), shapes=((2, 3), (1, 2))
    ),
    "scatter": two(lambda x, y: x.at[INDEX[:, 0] % 2].set(y)),
    "scatter-add": two(lambda x, y: x.at[np.array([1, 1])].add(y)),
    "scatter-max": two(lambda x, y: x.at[np.array([1, 0])].max(y)),
    "scatter-min": two(lambda x, y: x.at[np.array([1, 0])].min(y)),
    "clamp": Operation(lax.clamp, ((-2.0, -1.0), (-2.0, 2.0), (1.0, 2.0))),
    "select": two(lambda x, y: jnp.where(MASK, x, y)),
    "sort by keys": two(lambda x, y: lax.sort((x, y), num_keys=1)),
}

COMPLEX = {
    f"complex {name}": Operation(operation.fun, operation.boxes, complex=True)
    for name, operation in {
        "exp": one(lax.exp),
        "expm1": one(lax.expm1),
        "log": one(lax.log, 0.4, 2.0),
        "log1p": one(lax.log1p, 0.4, 2.0),
        "sinh": one(lax.sinh),
        "cosh": one(lax.cosh),
        "tanh": one(lax.tanh, 0.4, 1.2),
        "sin": one(lax.sin),
        "cos": one(lax.cos),
        "tan": one(lax.tan, 0.2, 1.2),
        "sqrt": one(lax.sqrt, 0.4, 2.0),
        "rsqrt": one(lax.rsqrt, 0.4, 2.0),
        "logistic": one(lax.logistic, 0.4, 1.5),
        "real": one(lax.real),
        "imag": one(lax.imag),
        "conj": one(lambda z: lax.conj(z) * z),
        "abs": one(lax.abs, 0.4, 2.0),
        "mul": two(lax.mul),
        "div": two(lax.div, DEFAULT, POSITIVE),
        "pow": two(lax.pow, POSITIVE, POSITIVE),
    }.items()
}


def attention(query: Any, key: Any, value: Any) -> Any:
    """Attention without a batch."""
    weights = nn.softmax(query @ key.T / 2, axis=-1, where=MASK[:, :2])
    return weights @ value


NETWORKS = {
    "relu": one(nn.relu),
    "relu6": one(nn.relu6, 4.0, 8.0),
    "softplus": one(nn.softplus),
    "softplus far out": one(nn.softplus, -100.0, 100.0),
    "sparse_plus": one(nn.sparse_plus),
    "sparse_sigmoid": one(nn.sparse_sigmoid),
    "squareplus": one(nn.squareplus),
    "squareplus far out": one(nn.squareplus, 100.0, 1e3, single=1e-3),
    "mish": one(nn.mish),
    "elu": one(nn.elu),
    "celu": one(nn.celu),
    "selu": one(nn.selu),
    "leaky_relu": one(nn.leaky_relu),
    "hard_tanh": one(nn.hard_tanh),
    "hard_sigmoid": one(nn.hard_sigmoid, -4.0, 4.0),
    "hard_silu": one(nn.hard_silu, -4.0, 4.0),
    "silu": one(nn.silu),
    "sigmoid": one(nn.sigmoid),
    "log_sigmoid": one(nn.log_sigmoid),
    "soft_sign": one(nn.soft_sign),
    "gelu": one(partial(nn.gelu, approximate=False)),
    "gelu by tanh": one(nn.gelu),
    "glu": one(nn.glu, shapes=((2, 4),)),
    "identity": one(nn.identity),
    "softmax": one(nn.softmax),
    "softmax where": one(partial(nn.softmax, where=MASK)),
    "log_softmax": one(nn.log_softmax),
    "log_softmax where": one(
        lambda x: jnp.where(MASK, nn.log_softmax(x, where=MASK), 0)
    ),
    "logsumexp": one(partial(nn.logsumexp, axis=1)),
    "logsumexp where": one(partial(nn.logsumexp, axis=1, where=MASK)),
    "logmeanexp": one(partial(nn.logmeanexp, axis=0)),
    "log1mexp": one(nn.log1mexp, 0.3, 2.0),
    "standardize": one(nn.standardize, single=2e-4),
    "standardize where": one(partial(nn.standardize, where=MASK), single=2e-4),
    "attention": Operation(
        attention, (DEFAULT, DEFAULT, DEFAULT), ((2, 3), (2, 3), (2, 4))
    ),
}

OPERATIONS = UNARY | SEVERAL | COMPLEX | NETWORKS

SLOW = frozenset({
    "bessel_i0e", "bessel_i1e", "celu", "complex logistic", "complex pow", "complex rsqrt",
    "complex tan", "conv dilated", "cumlogsumexp", "cummin", "digamma", "gelu by tanh",
    "hard_sigmoid", "hard_silu", "lgamma", "log_softmax where", "logmeanexp",
    "logsumexp where", "reduce_min", "scatter-max", "scatter-min", "selu",
    "softplus far out", "squareplus far out", "standardize where",
})  # fmt: skip
"""Left to `make test-slow`: variants of others, or slow to compile."""
