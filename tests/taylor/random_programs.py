"""A strategy of random straight-line programs, and how one is run."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from jax import lax, nn

Step = tuple[str, int, int]
"""An operation and where its operands stand, counted from the newest value."""

FULL, ROW = (3, 3), (3,)
CONSTANT = np.cos(np.arange(9.0)).reshape(FULL)


def _fitted(x, shape):
    """Brings a value to one of three shapes, so that few operations are compiled."""
    if jnp.shape(x) == shape:
        return x
    if shape == ():
        return jnp.mean(x)
    if shape == ROW and jnp.ndim(x) == 2:
        return jnp.sum(x, 1) / 2
    return jnp.broadcast_to(x, shape)


def _matrix(operation: Callable) -> Callable:
    return lambda x, *rest: operation(
        _fitted(x, FULL), *(_fitted(r, FULL) for r in rest)
    )


@jax.custom_jvp
def _own(x):
    return jnp.sin(x)


@_own.defjvp
def _(primals, tangents):
    return _own(*primals), jnp.cos(primals[0]) * tangents[0]


def _looped(x, y):
    def step(carry, item):
        new = jnp.tanh(carry + item * y)
        return new, new * item

    carry, items = lax.scan(step, jnp.zeros_like(x * y), jnp.array([0.5, -1.0]))
    return carry + items[0]


def _counted(x):
    body = lambda state: (state[0] + 1, jnp.sin(state[1]) * x)
    return lax.while_loop(lambda state: state[0] < 2, body, (0, x))[1]


def _branched(x):
    up = jnp.sum(x) > 0
    return lax.cond(up, lambda y: jnp.sin(y) + y, lambda y: y * y, x)


UNARY: dict[str, Callable] = {
    "sin": jnp.sin,
    "tanh": jnp.tanh,
    "bell": lambda x: jnp.exp(-x * x),
    "softplus": nn.softplus,
    "gelu": nn.gelu,
    "root": lambda x: jnp.sqrt(1 + x * x),
    "log": lambda x: jnp.log1p(x * x),
    "arctan": jnp.arctan,
    "power": lambda x: (1.5 + jnp.sin(x)) ** 1.3,
    "cube": lambda x: jnp.clip(x, -1.7, 1.9) ** 3,
    "rational": lambda x: x / (2 + jnp.cos(x)),
    "relu": nn.relu,
    "fold": lambda x: jnp.abs(x - 0.1),
    "shifted": lambda x: 0.7 - 2 * x,
    "erf": lambda x: lax.erf(1.0 * x),
    "jit": jax.jit(lambda x: jnp.cos(x) * x),
    "custom": lambda x: _own(1.0 * x),
    "checkpoint": jax.checkpoint(lambda x: jnp.sin(x) * x),
    "while": _counted,
    "cond": _branched,
    "stopped": lambda x: lax.stop_gradient(x) * x,
}

BINARY: dict[str, Callable] = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "div": lambda x, y: x / (2 + jnp.sin(y)),
    "max": jnp.maximum,
    "min": lambda x, y: jnp.minimum(x, y + 0.2),
    "where": lambda x, y: jnp.where(x > y, x * y, y),
    "pow": lambda x, y: (2 + jnp.sin(x)) ** jnp.tanh(y),
    "atan2": lambda x, y: jnp.arctan2(x, 2 + jnp.cos(y)),
    "logaddexp": jnp.logaddexp,
    "scan": _looped,
}

STRUCTURE: dict[str, Callable] = {
    "transpose": _matrix(jnp.transpose),
    "flip": _matrix(lambda x: x[::-1]),
    "roll": _matrix(partial(jnp.roll, shift=1, axis=1)),
    "cumsum": _matrix(partial(jnp.cumsum, axis=0)),
    "sort": _matrix(lambda x: jnp.sort(x, 1)),
    "softmax": _matrix(nn.softmax),
    "reshape": _matrix(lambda x: x.reshape(9)[::-1].reshape(FULL)),
    "corner": _matrix(lambda x: jnp.pad(x[1:, :2], ((0, 1), (1, 0)))),
    "gather": _matrix(lambda x: x[np.array([2, 0, 2])]),
    "put": _matrix(lambda x: x.at[0, np.array([0, 0])].add(x[1, :2])),
    "layer": _matrix(lambda x: x @ CONSTANT / 2),
    "product": _matrix(lambda x, y: x @ y / 3),
    "vmap": _matrix(lambda x, y: jax.vmap(lambda r, s: r * s.sum())(x, y)),
    "fill": _matrix(lambda x: x),
    "row": lambda x: _fitted(x, ROW),
    "mean": lambda x: _fitted(x, ()),
    "largest": _matrix(lambda x: jnp.max(x, 0)),
    "norm": _matrix(lambda x: jnp.sqrt(0.1 + jnp.sum(x * x, 1))),
    "prod": _matrix(lambda x: jnp.prod(jnp.tanh(x), 1)),
    "logsumexp": _matrix(lambda x: nn.logsumexp(x, 0)),
}

OPERATIONS = {**UNARY, **BINARY, **STRUCTURE}
TWO = {*BINARY, "product", "vmap"}


def programs(longest: int = 8) -> st.SearchStrategy[list[Step]]:
    """Programs of at most `longest` operations."""
    places = st.integers(0, 3)
    step = st.tuples(st.sampled_from(sorted(OPERATIONS)), places, places)
    return st.lists(step, min_size=1, max_size=longest)


def run(program: list[Step], x: jax.Array) -> jax.Array:
    """Returns the newest value, kept small, so that products do not grow."""
    values = [x]
    for name, one, two in program:
        first = values[-1 - one % len(values)]
        if name in TWO:
            second = values[-1 - two % len(values)]
            result = OPERATIONS[name](first, second)
        else:
            result = OPERATIONS[name](first)
        values.append(result)
    return values[-1]
