"""Estimated residuals: all terms are the exact sum, keys, and what cannot be estimated."""

import jax
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend import write_out
from tests.runtime.test_sums import DIM, network, OPERATORS, points, width
from tests.shares import one_in

x, t = oc.vector("x", DIM), sp.Symbol("t")
i, j = oc.index("i", x), oc.index("j", x)
u = sp.Function("u")(x, t)
heat = OPERATORS["heat"]
KEY = jax.random.key(4)

SAMPLED = ["heat", "two indices", "hard constraint", "term by term", "neighbours"]


@pytest.mark.parametrize(
    ("name", "per_point"),
    one_in(3, [(name, choice) for name in SAMPLED for choice in (False, True)]),
)
def test_all_terms_are_the_exact_sum(name, per_point) -> None:
    equation = OPERATORS[name]
    dim = width(equation)
    exact = oc.compile(equation)
    sampled = oc.compile(equation, estimator=oc.Sparse(DIM**2, per_point=per_point))

    @jax.jit
    def both(at):
        net = network(dim)
        return sampled(net, at, key=KEY), exact(net, at)

    found, wanted = both(points(dim))
    np.testing.assert_allclose(found, wanted, rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "estimator"),
    [
        ("heat", oc.Sparse(2)),
        ("heat", oc.Sparse(2, per_point=True)),
        ("hard constraint", oc.Sparse(1)),
        ("two indices", oc.Sparse(3, replace=True)),
        ("heat", oc.Dense(2)),
        ("two indices", oc.Dense(2)),
        ("two indices", oc.Dense(2, "gaussian", per_point=True)),
        ("squares before second derivatives", oc.Dense(1, "sphere")),
    ],
)
def test_the_mean_is_the_exact_value(name, estimator) -> None:
    equation = OPERATORS[name]
    net, at = network(width(equation)), points(width(equation))
    exact = oc.compile(equation)
    residual = oc.compile(equation, estimator=estimator)

    @jax.jit
    def drawn(key):
        draw = jax.vmap(lambda key: residual(net, at, key=key))
        return exact(net, at), draw(jax.random.split(key, 10_000))

    wanted, values = map(np.asarray, drawn(KEY))
    error = values.std(axis=0, ddof=1) / 100
    assert (abs(values.mean(axis=0) - wanted) < 4.5 * error).all()


def test_one_key_is_one_draw_and_steps_do_not_retrace() -> None:
    traces = []

    def apply(scale, z):
        traces.append(1)
        return scale * network(DIM + 1)(z)

    f = oc.compile(heat, estimator=oc.Sparse(2)).bind(apply)
    first, again = (f(2.0, points(DIM + 1), key=KEY) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    count = len(traces)
    other = f(2.0, points(DIM + 1), key=jax.random.key(5))
    assert len(traces) == count
    assert (other != first).all()


def test_first_derivatives_need_no_estimate(monkeypatch) -> None:
    monkeypatch.setattr(write_out, "WRITTEN_OUT", 0)
    mixed = oc.Sum(oc.D(u, x[i], 2), i) + oc.Sum(x[i] * oc.D(u, x[i]) ** 3, i)
    net, at = network(DIM + 1), points(DIM + 1)
    sampled = oc.compile(mixed, estimator=oc.Sparse(2))
    lone = oc.compile(oc.Sum(oc.D(u, x[i], 2), i), estimator=oc.Sparse(2))
    rest = oc.compile(oc.Sum(x[i] * oc.D(u, x[i]) ** 3, i))

    @jax.jit
    def both(at):
        found = sampled(net, at, key=KEY) - lone(net, at, key=KEY)
        return found, rest(net, at)

    np.testing.assert_allclose(*both(at), rtol=1e-10)


@pytest.mark.parametrize(
    ("equation", "estimator", "offender"),
    [
        (oc.Sum(x[i] * oc.D(u, x[i]), i), oc.Sparse(2), "nothing to sample"),
        (oc.Sum(sp.exp(oc.D(u, x[i], 2)), i), oc.Dense(2), "not linear"),
        (oc.Sum(x[i] * oc.D(u, x[i], 2), i), oc.Dense(2), "coefficient"),
        (oc.Sum(oc.D(u, x[i], 3), i), oc.Dense(2), "moments"),
        (OPERATORS["neighbours"], oc.Dense(2), "oc.Sparse"),
    ],
)
def test_what_cannot_be_estimated(equation, estimator, offender) -> None:
    with pytest.raises(oc.OperatorError, match=offender):
        oc.compile(equation, estimator=estimator)


def test_keys_are_asked_for() -> None:
    net, at = network(DIM + 1), points(DIM + 1)
    with pytest.raises(oc.OperatorError, match="needs a key"):
        oc.compile(heat, estimator=oc.Sparse(2))(net, at)
    with pytest.raises(oc.OperatorError, match="nothing is random"):
        oc.compile(heat)(net, at, key=KEY)


def test_residuals_say_what_they_sample() -> None:
    equation = heat + oc.Sum(x[i] ** 2, i) + oc.Sum(oc.D(u, x[i]) ** 2, i)
    exact = oc.compile(heat).explain()
    assert exact == str(oc.compile(heat).plan)
    sampled = oc.compile(equation, estimator=oc.Sparse(2)).explain()
    assert "2 of 5 terms without replacement, one draw for all points" in sampled
    assert "all 5 terms, no derivatives" in sampled
    assert "from one reverse pass" in sampled
    signs = oc.compile(heat, estimator=oc.Dense(3, per_point=True)).explain()
    assert "3 directions of the law rademacher, a draw per point" in signs
    assert "proved by exact rational arithmetic" in signs


def test_what_has_no_unbiased_estimate_is_said() -> None:
    second, third = (oc.Sum(oc.D(u, x[i], n), i) for n in (2, 3))
    for equation in (second**2, sp.sin(second), second * third):
        with pytest.warns(UserWarning, match="is biased"):
            oc.compile(equation, estimator=oc.Sparse(2))
    oc.compile(second * third, estimator=oc.Sparse(2, shared=False))
    oc.compile(sp.sin(u) * second, estimator=oc.Sparse(2))
    with pytest.raises(oc.OperatorError, match="never be drawn"):
        oc.Sparse(2, replace=True, importance=(1.0, 0.0))
    sampled = oc.compile(second - 1, estimator=oc.Sparse(2))
    with pytest.raises(oc.OperatorError, match="needs a key"):
        oc.unbiased_square(sampled, None, None, None)
    with pytest.raises(oc.OperatorError, match="two draws"):
        oc.compile(heat, estimator=oc.Sparse(2)).variance(None, None, KEY, draws=1)
