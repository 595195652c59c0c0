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


def at(cases: dict[str, tuple[list, list]], single: bool, *ways) -> dict[str, list]:
    """Returns what each way finds in the precision of the session, in one program."""
    kinds = (np.float32, np.complex64) if single else (np.float64, np.complex128)
    given = {
        name: jax.tree.map(
            lambda a, kind=kinds[OPERATIONS[name].complex]: np.asarray(a, kind), case
        )
        for name, case in cases.items()
    }

    @jax.jit
    def run(given):
        return {
            name: [way(OPERATIONS[name], *given[name]) for way in ways]
            for name in given
        }

    found = jax.tree.map(np.asarray, run(given))
    for name, (first, *_) in found.items():
        for output in first:
            kind = output[0].dtype
            assert not np.issubdtype(kind, np.inexact) or kind in kinds, name
    return found


def agree(name: str, got: list, want: list, tolerance: float) -> None:
    for ours, theirs in zip(got, want, strict=True):
        scale = max(1e-30, *(np.max(np.abs(t), initial=0.0) for t in theirs[:2]))
        for order, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert a.shape == b.shape, (name, order)
            size = max(scale if order < 2 else 0.0, np.max(np.abs(b), initial=0.0))
            error = np.max(np.abs(a - b), initial=0.0)
            assert error <= tolerance * (size or scale), (name, order, a, b)


def rows() -> list:
    """`test_primitives.py` pushes every primitive; every 14th row here by default."""
    names = list(OPERATIONS)
    some = [name for name in names[::14] if name not in SLOW]
    parts = [some[at : at + 6] for at in range(0, len(some), 6)]
    return [pytest.param(part, id=f"{part[0]} to {part[-1]}") for part in parts] + [
        pytest.param([name], id=name, marks=pytest.mark.slow)
        for name in names
        if name not in some
    ]


@pytest.mark.parametrize("names", rows())
def test_orders_zero_to_four(names: list[str]) -> None:
    cases = {name: drawn(name, OPERATIONS[name]) for name in names}
    both = at(cases, False, pushed, nested)
    with jax.enable_x64(False):
        short = at(cases, True, pushed)
    for name, (got, want) in both.items():
        agree(name, got, want, 1e-9)
        agree(name, short[name][0], want, OPERATIONS[name].single)
