"""Singular points: what nested JAX gives, or better; never a wrong finite number."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from opcompiler.taylor import laplacian
from tests.shares import only
from tests.taylor.cases import nested_series
from tests.taylor.singular import CASES

WRONG_IN_JAX = frozenset({
    "hypot at a tie",  # written with max and min, which are averaged at ties
    "log_ndtr at -50",  # an asymptotic series of few terms
})  # fmt: skip
"""Where nested JAX itself gives a wrong finite number, and the engine the same."""


def along(truth, slope, bend):
    """Coefficients along point + slope t + bend t^2; None from the first None on."""
    order = len(truth) - 1
    step = np.zeros(order + 1)
    step[1 : min(order, 2) + 1] = [slope, bend][:order]
    power, result = np.eye(1, order + 1)[0], np.zeros(order + 1)
    known = next((k for k, c in enumerate(truth) if c is None), order + 1)
    for k in range(known):
        result += truth[k] * power
        power = np.convolve(power, step)[: order + 1]
    return [float(c) if k < known else None for k, c in enumerate(result)]


def close(a, b, scale) -> bool:
    return bool(np.isclose(a, b, rtol=1e-9, atol=1e-14 * min(scale, 1e3)))


def complaint(got, truth, nested, scale) -> str | None:
    """Says what is wrong with one coefficient; `nested()` is what JAX gives."""
    if truth is not None:
        if close(got, truth, scale):
            return None
        if not math.isfinite(got) and not math.isfinite(nested()):
            return None
        return f"{got}, true is {truth}, JAX has {nested()}"
    if not math.isfinite(got) or close(got, nested(), scale):
        return None
    return f"{got}, which does not exist, and JAX has {nested()}"


def judge(name, got, truth, nested) -> None:
    scale = max([1.0, *(abs(c) for c in truth if c is not None)])
    found = [
        f"coefficient {k}: {text}"
        for k, (g, t) in enumerate(zip(got, truth, strict=True))
        if (text := complaint(g, t, lambda k=k: nested()[k], scale))
    ]
    if name in WRONG_IN_JAX:
        assert found, "no longer wrong"
        assert np.allclose(got, nested(), equal_nan=True)
    else:
        assert not found, "; ".join(found)


def terms_to(order: int, bend: float) -> list:
    return [np.float64(c) for c in (1.3, bend, *[0.0] * order)][:order]


def jet(name: str, bend: float, order: int, point) -> list:
    series = (terms_to(order, bend),)
    value, above = oc.jet(CASES[name][0], (point,), series, factorial_scaled=False)
    return [value, *above]


def judge_along(name: str, bend: float, got: list) -> None:
    fun, point, truth = CASES[name]
    terms = terms_to(len(got) - 1, bend)
    nested = functools.cache(lambda: nested_series(fun, np.float64(point), terms))
    judge(name, [float(c) for c in got], along(truth[: len(got)], 1.3, bend), nested)


SOME = list(CASES)[::8]


@functools.cache
def some_jets(first: int) -> dict:
    """Twelve of them in one program, to order five."""
    names = SOME[first : first + 12]

    @jax.jit
    def run(points):
        order = {name: min(len(CASES[name][2]) - 1, 5) for name in names}
        return {name: jet(name, -0.7, order[name], points[name]) for name in names}

    return run({name: np.float64(CASES[name][1]) for name in names})


@pytest.mark.parametrize("name", SOME)
def test_along_a_curve(name: str) -> None:
    place = SOME.index(name)
    judge_along(name, -0.7, some_jets(place - place % 12)[name])


@pytest.mark.slow
@pytest.mark.parametrize("bend", [0.0, -0.7])
@pytest.mark.parametrize("name", CASES)
def test_along_two_curves_uncompiled(name: str, bend: float) -> None:
    _, point, truth = CASES[name]
    judge_along(name, bend, jet(name, bend, len(truth) - 1, jnp.float64(point)))


def in_the_plane(name: str, z):
    fun, point, _ = CASES[name]
    return laplacian(lambda z: fun(point + z[0] + 2 * z[1]))(z)


IN_THE_PLANE = list(CASES)[::12]


@functools.cache
def some_laplacians() -> dict:
    """All of them in one program."""
    return jax.jit(lambda z: {n: in_the_plane(n, z) for n in IN_THE_PLANE})(np.zeros(2))


@pytest.mark.parametrize("name", only(IN_THE_PLANE, CASES))
def test_laplacian(name: str) -> None:
    """By the same rules as along a curve."""
    fun, point, truth = CASES[name]
    if name in IN_THE_PLANE:
        got = some_laplacians()[name]
    else:
        got = jax.jit(lambda z: in_the_plane(name, z))(np.zeros(2))
    one = [np.float64(1), np.float64(0)]
    whole = along(truth, 1, 0)[:3]
    judge(
        name,
        [float(got)],
        [None if whole[2] is None else 10 * whole[2]],
        lambda: [10 * nested_series(fun, np.float64(point), one)[2]],
    )
