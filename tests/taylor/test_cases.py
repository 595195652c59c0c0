"""Every engine case, along curves and in several directions, against nested jvp."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from opcompiler.algebra.inverse_system import ApolarBasis
from opcompiler.ir import MultiIndex, OperatorSymbol
from opcompiler.taylor import push
from opcompiler.taylor.value import AlgebraArray
from tests.taylor.cases import along, CASES, load, nested

# Where the oracle itself cannot go: JAX has no jvp of a scatter-multiply whose indices
# are not promised to be unique, and computes attention's logits in float32.
REFUSED_BY_JAX = {"scatter_mul"}
TOLERANCE = {"dot_product_attention": 1e-5}
BY_JVP = [
    n
    for n, c in CASES.items()
    if c["oracle"] == "nested_jvp" and n not in REFUSED_BY_JAX
]
CLOSED = [n for n, c in CASES.items() if c["oracle"] == "closed_form"]


def close(name, got, want):
    got, want = np.broadcast_arrays(np.asarray(got), np.asarray(want))
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    finite = np.isfinite(want)
    scale = np.max(np.abs(want[finite]), initial=0.0) + 1e-12
    error = np.max(np.abs(got[finite] - want[finite]), initial=0.0) / scale
    assert error < TOLERANCE.get(name, 1e-9)


def test_the_suite_has_not_shrunk() -> None:
    assert len(BY_JVP) == 100
    assert len(CLOSED) == 14


# `test_primitives.py` pushes every primitive, along a curve and in two directions; of the
# compositions here every tenth is pushed along a curve by default, and twice.
SOME = {*BY_JVP[::10]}


@pytest.mark.parametrize(
    "name",
    [n if n in SOME else pytest.param(n, marks=pytest.mark.slow) for n in BY_JVP],
)
def test_along_a_curve(name: str) -> None:
    along_a_curve(name, 3)


def along_a_curve(name: str, order: int) -> None:
    fun, start, random = load(name)
    order = min(CASES[name]["max_order"], order)
    terms = [random.uniform(-1, 1, start.shape) for _ in range(order)]

    @jax.jit
    def both(x, terms):
        value, series = oc.jet(fun, (x,), (terms,), factorial_scaled=False)
        return [value, *series], along(fun, x, terms)

    for got, want in zip(*both(start, terms), strict=True):
        close(name, got, want)


def read_out(name, symbol, terms):
    """Pushes two random directions; returns ours and the nested-jvp derivative."""
    fun, start, random = load(name)
    basis = ApolarBasis([symbol], 2)
    lines = [random.uniform(-1, 1, start.shape) for _ in range(2)]
    seeds = [
        sum(float(c) * lines[i] for i, c in tangent) if tangent else None
        for tangent in basis.seeds()[1:]
    ]

    @jax.jit
    def both(start):
        (output,) = push(fun, start, seeds, basis.algebra("ab"))
        got = 0.0
        for channel, c in basis.coordinates(symbol).items():
            if isinstance(output, AlgebraArray):
                got = got + float(c) * output.dense(channel)
        derivatives = [
            c * nested(fun, start, [lines[i] for i in word]) for word, c in terms
        ]
        return got, sum(derivatives)

    return both(start)


TWICE = [n for n in BY_JVP if CASES[n]["max_order"] >= 2]


@pytest.mark.parametrize(
    "name",
    [n if n in TWICE[::10] else pytest.param(n, marks=pytest.mark.slow) for n in TWICE],
)
def test_laplacian_of_two_directions(name: str) -> None:
    symbol = OperatorSymbol.of({MultiIndex((2, 0)): 1, MultiIndex((0, 2)): Fraction(3)})
    close(name, *read_out(name, symbol, [((0, 0), 1), ((1, 1), 3)]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in BY_JVP if CASES[n]["max_order"] >= 4])
def test_mixed_fourth_derivative(name: str) -> None:
    symbol = OperatorSymbol.partial(MultiIndex((2, 2)))
    close(name, *read_out(name, symbol, [((0, 0, 1, 1), 1)]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in BY_JVP if CASES[n]["max_order"] >= 5])
def test_along_a_curve_to_high_order(name: str) -> None:
    along_a_curve(name, 6)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name: str) -> None:
    fun, start, _ = load(name)
    want = CASES[name]["expected_derivatives"]
    terms = [np.ones(()), *[np.zeros(())] * (len(want) - 2)]
    value, series = jax.jit(lambda x: oc.jet(fun, (x,), (terms,)))(start)
    for order, (got, exact) in enumerate(zip([value, *series], want, strict=True)):
        np.testing.assert_allclose(
            got, exact, rtol=1e-12, atol=1e-13 * math.factorial(order)
        )


def test_a_custom_vjp_is_seen_through() -> None:
    fun, start, _ = load("custom_vjp_body")
    _, series = oc.jet(fun, (start,), ([jnp.ones(3), jnp.zeros(3)],))
    x = np.asarray(start)
    np.testing.assert_allclose(series[0], np.cos(x) * x + np.sin(x), rtol=1e-12)
    np.testing.assert_allclose(series[1], 2 * np.cos(x) - np.sin(x) * x, rtol=1e-12)
