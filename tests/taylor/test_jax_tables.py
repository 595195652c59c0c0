"""JAX's own tables of operations, orders 0 to 4, with x64 and without."""

import math
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


def nested(operation: Operation, arguments: list, series: list) -> list:
    """The coefficients of all outputs by nested `jax.jvp` along the curve."""

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
    columns = [
        [leaf / math.factorial(order) for leaf in leaves]
        for order, leaves in enumerate(all_orders(jnp.zeros(())))
    ]
    return [list(column) for column in zip(*columns, strict=True)]


def pushed(operation: Operation, arguments: list, series: list) -> list:
    """The same by one push."""
    value, coefficients = oc.jet(
        operation.fun, arguments, series, factorial_scaled=False
    )
    leaves = jax.tree.leaves(value)
    rest = jax.tree.leaves(coefficients)
    return [[leaf, *rest[k * ORDER : (k + 1) * ORDER]] for k, leaf in enumerate(leaves)]


def at(case: tuple[list, list], operation: Operation, single: bool, *ways) -> list:
    """Returns what each way finds in the precision of the session, in one program."""
    kinds = (np.float32, np.complex64) if single else (np.float64, np.complex128)
    given = jax.tree.map(lambda a: np.asarray(a, kinds[operation.complex]), case)
    run = jax.jit(lambda given: [way(operation, *given) for way in ways])
    found = jax.tree.map(np.asarray, run(given))
    assert all(
        not np.issubdtype(output[0].dtype, np.inexact) or output[0].dtype in kinds
        for output in found[0]
    )
    return found


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
    case = drawn(name, operation)
    got, want = at(case, operation, False, pushed, nested)
    agree(got, want, 1e-9)
    with jax.enable_x64(False):
        (got,) = at(case, operation, True, pushed)
    agree(got, want, operation.single)
