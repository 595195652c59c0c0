"""Derivatives have one highest order, whoever asks for them and however it is written."""

import jax.numpy as jnp
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.ir import HIGHEST_ORDER

x, y = sp.symbols("x y")
u = sp.Function("u")
BEYOND = HIGHEST_ORDER + 1


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(lambda: oc.compile(u(x).diff(x, BEYOND)), id="one more"),
        pytest.param(
            lambda: oc.compile(sp.Derivative(u(x), (x, 10**6))), id="a million"
        ),
        pytest.param(
            lambda: oc.compile(sp.Derivative(u(x, y), (x, 20), (y, 20))), id="mixed"
        ),
        pytest.param(
            lambda: oc.compile(oc.D(x * oc.D(u(x), x, 20), x, 20)), id="nested"
        ),
        pytest.param(lambda: oc.compile(oc.D(u(x) ** 2, x, 10**9)), id="a power"),
        pytest.param(lambda: oc.sobolev(u(x), 10**6, x), id="a Sobolev family"),
        pytest.param(
            lambda: oc.sobolev_loss(u(x), 10**6, x, weights=lambda j: 1),
            id="a Sobolev loss",
        ),
        pytest.param(
            lambda: oc.parse(f"coordinates x; field u; e: d(u, x, {BEYOND}) = 0"),
            id="text",
        ),
    ],
)
def test_an_order_beyond_the_highest_is_refused(asked) -> None:
    with pytest.raises(oc.OperatorError, match=f"orders go up to {HIGHEST_ORDER}"):
        asked()


def test_the_highest_order_is_compiled() -> None:
    residual = oc.compile(u(x).diff(x, HIGHEST_ORDER))
    value = residual(lambda z: jnp.exp(z[0] / 2), jnp.zeros((1, 1)))
    assert jnp.allclose(value, 0.5**HIGHEST_ORDER, rtol=1e-12)


def test_a_report_on_a_jet_is_bounded() -> None:
    with pytest.raises(oc.OperatorError, match="orders of jets go up to 48"):
        oc.contamination({1: "x", 2: "y", 3: "z"}, 10**6)


def test_derivatives_by_one_number_go_as_far_as_factorials() -> None:
    with pytest.raises(oc.OperatorError, match="orders go up to 170"):
        oc.taylor.derivatives(jnp.exp, 171)
