"""The whole table of functions, at and around its special points, to order 6.

Against mpmath, in float64 and float32; derivatives are those of a compiled residual.
"""

import json

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.functions import TABLE
from tests.shares import only
from tests.trust import function_table
from tests.trust.function_table import (
    cases,
    ELSEWHERE,
    judged,
    ORDER,
    places,
    Row,
    STORE,
)

x = sp.Symbol("x")
u = sp.Function("u")(x)
ROWS = dict(cases())
KINDS = set(function_table.ROWS)
STORED = json.loads(STORE.read_text())
TOLERANCE = {np.float64: 2e-10, np.float32: 1e-4}
"""Relative to the largest size of the derivative within 0.1 of the point."""

AT_ONCE = 24
"""Points of every row, some more than once: then JAX's operations are compiled once."""


def test_every_function_of_the_table_has_a_row() -> None:
    identities = {kind: e.identity for kind, e in TABLE.items() if e.identity}
    table = {kind for kind, e in TABLE.items() if e.jax or e.identity}
    written = [row.write(u) for row in ROWS.values()]
    written += [
        identities[type(call)](*call.args)
        for expr in written
        for call in sp.preorder_traversal(expr)
        if type(call) in identities
    ]
    tested = {type(f) for expr in written for f in sp.preorder_traversal(expr)}
    assert table - tested - KINDS <= ELSEWHERE <= table
    assert STORED.keys() == ROWS.keys()


def complaints(name: str, row: Row, residual: oc.Residual, dtype: type) -> list[str]:
    smooth = places(row, dtype is np.float32)
    points = np.array([*smooth, *row.edges], dtype)
    assert len(points) <= AT_ONCE
    found = residual(lambda z: z[0], jnp.asarray(np.resize(points, (AT_ONCE, 1))))
    values = np.stack([np.asarray(f) for f in found], axis=1)
    assert values.dtype == dtype
    values = values.astype(float)
    said = []
    for point, got in zip(smooth, values, strict=False):
        exact, sizes = STORED[name][repr(point)]
        for order in range(len(got)):
            size = sizes[order]
            if size > float(np.finfo(dtype).max) / 1e3:
                continue
            error = abs(got[order] - exact[order]) / (size or 1)
            if not error <= row.loose * TOLERANCE[dtype]:
                said.append(f"{point}, order {order}: {got[order]}, not {exact[order]}")
    for (point, known), got in zip(
        row.edges.items(), values[len(smooth) :], strict=False
    ):
        for order, value in enumerate(got):
            if order < len(known):
                if not np.isclose(value, float(known[order]), rtol=1e-6, atol=1e-6):
                    said.append(f"{point}, order {order}: {value}, not {known[order]}")
            elif np.isfinite(value):
                said.append(f"{point}, order {order}: {value}, which does not exist")
    return said


def residual_of(row: Row, top: int) -> oc.Residual:
    equations = [sp.Derivative(row.write(u), (x, k)) for k in range(1, top + 1)]
    return oc.compile([row.write(u), *equations])


SLOW = {
    *(
        "RisingFactorial 1",
        "FallingFactorial 1",
        "besseli 1",
        "besselj 1",
        "binomial 2",
    ),
    *("besselj 2", "besseli 0", "binomial 1"),
    *("catalan 0", "jn 1", "polygamma 1", "atan2 1", "jn 2", "yn 1"),
    *("lowergamma 1", "polygamma 2", "expint 1", "harmonic 1", "zeta 1"),
    *("polylog 1", "polylog 2", "LambertW 1"),
    *("besseli 2", "fresnels 0", "erfcinv 0", "Min 0", "betainc 0"),
    *("polylog 0", "lowergamma 0", "Si 0"),
}
"""Left to `make test-slow`: variants of others, slow to compile. Default tests have
polylog and Si in test_removable_singularities, besseli and lowergamma in
`tests/frontend/test_traps_functions.py`."""

FAST = [name for name in ROWS if name not in SLOW]


@pytest.mark.parametrize("name", FAST)
def test_derivatives_to_order_two(name: str) -> None:
    residual = residual_of(ROWS[name], 2)
    assert complaints(name, ROWS[name], residual, np.float64) == []


@pytest.mark.parametrize("name", only(["exp 0", "fresnelc 0", "floor 0"], ROWS))
def test_derivatives_to_order_six(name: str) -> None:
    residual = residual_of(ROWS[name], ORDER)
    for dtype in TOLERANCE:
        assert complaints(name, ROWS[name], residual, dtype) == [], dtype


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_what_is_stored_is_what_mpmath_says(name: str) -> None:
    for point in places(ROWS[name], single=False):
        np.testing.assert_allclose(
            judged(ROWS[name], point), STORED[name][repr(point)], rtol=1e-12
        )
