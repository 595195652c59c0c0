"""Every engine case, along curves and in several directions, against nested jvp."""

import math
from collections.abc import Collection, Sequence
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
from tests.taylor.test_primitives import in_one

# Where the oracle itself cannot go: JAX has no jvp of a scatter-multiply whose indices
# are not promised to be unique, and computes attention's logits in float32.
REFUSED_BY_JAX = {"scatter_mul"}
TOLERANCE = {"dot_product_attention": 1e-5}
BY_JVP = [
    n
    for n, c in CASES.items()
    if c["oracle"] == "nested_jvp" and n not in REFUSED_BY_JAX
]
LONG = {"dot_product_attention", "expm", "hessian_trace_inside"}
"""Cases that take long to compile."""
CLOSED = [n for n, c in CASES.items() if c["oracle"] == "closed_form"]


def close(name, got, want):
    got, want = np.broadcast_arrays(np.asarray(got), np.asarray(want))
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    finite = np.isfinite(want)
    scale = np.max(np.abs(want[finite]), initial=0.0) + 1e-12
    error = np.max(np.abs(got[finite] - want[finite]), initial=0.0) / scale
    assert error < TOLERANCE.get(name, 1e-9), name


def together(names: list[str], kept: Collection[str]) -> list:
    """Those that run by default four at a time, the others alone."""
    some = [n for n in names if n in kept and n not in LONG]
    parts = [some[at : at + 4] for at in range(0, len(some), 4)]
    return [pytest.param(part, id=f"{part[0]} to {part[-1]}") for part in parts] + [
        pytest.param([n], id=n, marks=pytest.mark.slow) for n in names if n not in some
    ]


def test_the_suite_has_not_shrunk() -> None:
    assert len(BY_JVP) == 100
    assert len(CLOSED) == 14


# `test_primitives.py` pushes every primitive, along a curve and in two directions; of the
# compositions here every 13th is pushed along a curve by default, and twice.
SOME = {*BY_JVP[::13]}


@pytest.mark.parametrize("names", together(BY_JVP, SOME))
def test_along_a_curve(names: list[str]) -> None:
    along_a_curve(names, 3)


def along_a_curve(names: Sequence[str], order: int) -> None:
    funs, given = {}, {}
    for name in names:
        fun, start, random = load(name)
        top = min(CASES[name]["max_order"], order)

        def both(x, terms, fun=fun):
            value, series = oc.jet(fun, (x,), (terms,), factorial_scaled=False)
            return [value, *series], along(fun, x, terms)

        funs[name] = both
        given[name] = start, [random.uniform(-1, 1, start.shape) for _ in range(top)]
    for name, pair in in_one(funs, given).items():
        for got, want in zip(*pair, strict=True):
            close(name, got, want)


def read_out(name, symbol, terms):
    """Pushes two random directions: gives ours and the nested-jvp derivative."""
    fun, start, random = load(name)
    basis = ApolarBasis([symbol], 2)
    lines = [random.uniform(-1, 1, start.shape) for _ in range(2)]
    seeds = [
        sum(float(c) * lines[i] for i, c in tangent) if tangent else None
        for tangent in basis.seeds()[1:]
    ]

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

    return both, (start,)


def read_outs_agree(names, symbol, terms) -> None:
    pushes = {name: read_out(name, symbol, terms) for name in names}
    funs, given = ({name: pair[k] for name, pair in pushes.items()} for k in (0, 1))
    for name, (got, want) in in_one(funs, given).items():
        close(name, got, want)


TWICE = [n for n in BY_JVP if CASES[n]["max_order"] >= 2]


@pytest.mark.parametrize("names", together(TWICE, TWICE[::13]))
def test_laplacian_of_two_directions(names: list[str]) -> None:
    symbol = OperatorSymbol.of({MultiIndex((2, 0)): 1, MultiIndex((0, 2)): Fraction(3)})
    read_outs_agree(names, symbol, [((0, 0), 1), ((1, 1), 3)])


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in BY_JVP if CASES[n]["max_order"] >= 4])
def test_mixed_fourth_derivative(name: str) -> None:
    symbol = OperatorSymbol.partial(MultiIndex((2, 2)))
    read_outs_agree([name], symbol, [((0, 0, 1, 1), 1)])


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in BY_JVP if CASES[n]["max_order"] >= 5])
def test_along_a_curve_to_high_order(name: str) -> None:
    along_a_curve([name], 6)


def test_closed_forms() -> None:
    funs, given = {}, {}
    for name in CLOSED:
        fun, start, _ = load(name)
        top = len(CASES[name]["expected_derivatives"]) - 1
        terms = [np.ones(()), *[np.zeros(())] * (top - 1)]
        funs[name] = lambda x, fun=fun, terms=terms: oc.jet(fun, (x,), (terms,))
        given[name] = (start,)
    for name, (value, series) in in_one(funs, given).items():
        want = CASES[name]["expected_derivatives"]
        for order, (got, exact) in enumerate(zip([value, *series], want, strict=True)):
            atol = 1e-13 * math.factorial(order)
            np.testing.assert_allclose(got, exact, 1e-12, atol, err_msg=name)


def test_a_custom_vjp_is_seen_through() -> None:
    fun, start, _ = load("custom_vjp_body")
    jet = lambda x: oc.jet(fun, (x,), ([jnp.ones(3), jnp.zeros(3)],))
    _, series = jax.jit(jet)(start)
    x = np.asarray(start)
    np.testing.assert_allclose(series[0], np.cos(x) * x + np.sin(x), rtol=1e-12)
    np.testing.assert_allclose(series[1], 2 * np.cos(x) - np.sin(x) * x, rtol=1e-12)
