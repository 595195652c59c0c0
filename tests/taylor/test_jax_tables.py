"""JAX's own tables of operations, orders 0 to 4, with x64 and without."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from tests.taylor.jax_tables import Operation, OPERATIONS, SLOW

ORDER = 4


def drawn(name: str, operation: Operation) -> tuple[list, list]:
    """Returns the arguments and their series, numbers that float32 holds exactly."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    arguments, series = [], []
    for place, (low, high) in enumerate(operation.boxes):
        shape = operation.shapes[min(place, len(operation.shapes) - 1)]

        def entries(low=low, high=high, shape=shape):
            real = random.uniform(low, high, shape)
            if operation.complex:
                real = real + 1j * random.uniform(0.2, 0.8, shape)
            kind = np.complex64 if operation.complex else np.float32
            return real.astype(kind)

        arguments.append(entries())
        series.append([entries(-1.0, 1.0) for _ in range(ORDER)])
    return arguments, series


def nested(
    operation: Operation, arguments: list, series: list
) -> list[list[np.ndarray]]:
    """Returns the coefficients of all outputs by nested `jax.jvp` along the curve."""
    kind = complex if operation.complex else float
    arguments = [jnp.asarray(a, kind) for a in arguments]
    series = [[jnp.asarray(c, kind) for c in terms] for terms in series]

    def curve(t):
        return operation.fun(*(
            start + sum(c * t ** (k + 1) for k, c in enumerate(terms))
            for start, terms in zip(arguments, series, strict=True)
        ))  # fmt: skip

    def one_more(lower):
        def deeper(t):
            values, slopes = jax.jvp(lower, (t,), (jnp.ones_like(t),))
            return [*values, slopes[-1]]

        return deeper

    all_orders = lambda t: [jax.tree.leaves(curve(t))]
    for _ in range(ORDER):
        all_orders = one_more(all_orders)
    found, factorial = jax.jit(all_orders)(jnp.zeros(())), 1.0
    columns = []
    for order, leaves in enumerate(found):
        factorial *= max(order, 1)
        columns.append([np.asarray(leaf) / factorial for leaf in leaves])
    return [list(column) for column in zip(*columns, strict=True)]


def pushed(operation: Operation, arguments: list, series: list, single: bool) -> list:
    """Returns the same by one push, in the precision of the session."""
    kinds = (np.float32, np.complex64) if single else (np.float64, np.complex128)
    kind = kinds[operation.complex]

    @jax.jit
    def jet(arguments, series):
        return oc.jet(operation.fun, arguments, series, factorial_scaled=False)

    value, coefficients = jet(
        [jnp.asarray(a, kind) for a in arguments],
        [[jnp.asarray(c, kind) for c in terms] for terms in series],
    )
    leaves = jax.tree.leaves(value)
    rest = jax.tree.leaves(coefficients)
    rest = [rest[k * ORDER : (k + 1) * ORDER] for k in range(len(leaves))]
    assert all(
        not jnp.issubdtype(v.dtype, jnp.inexact) or v.dtype in kinds for v in leaves
    )
    return [
        [np.asarray(v), *map(np.asarray, r)] for v, r in zip(leaves, rest, strict=True)
    ]


def agree(got: list, want: list, tolerance: float) -> None:
    for ours, theirs in zip(got, want, strict=True):
        scale = max(1e-30, *(np.max(np.abs(t), initial=0.0) for t in theirs[:2]))
        for order, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert a.shape == b.shape
            size = max(scale if order < 2 else 0.0, np.max(np.abs(b), initial=0.0))
            error = np.max(np.abs(a - b), initial=0.0)
            assert error <= tolerance * (size or scale), (order, a, b)


@pytest.mark.parametrize(
    "name",
    [
        # `test_primitives.py` pushes every primitive; of JAX's tables every 14th row is
        # pushed by default.
        pytest.param(name, marks=pytest.mark.slow if name in SLOW or place % 14 else ())
        for place, name in enumerate(OPERATIONS)
    ],
)
def test_orders_zero_to_four(name: str) -> None:
    operation = OPERATIONS[name]
    arguments, series = drawn(name, operation)
    want = nested(operation, arguments, series)
    agree(pushed(operation, arguments, series, single=False), want, 1e-9)
    with jax.enable_x64(False):
        got = pushed(operation, arguments, series, single=True)
    agree(got, want, operation.single)
