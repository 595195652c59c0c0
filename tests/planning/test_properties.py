"""Random operators: every strategy proves itself, and all give the same numbers."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import make_plan, Plan
from opcompiler.planning.strategies import STRATEGIES
from opcompiler.runtime.networks import Group
from opcompiler.runtime.points import Points
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.tracing import Traced
from tests.draws import normal

COEFFICIENTS = [Fraction(c) for c in (1, 1, 1, -1, 2, -3)] + [Fraction(1, 2)]


@st.composite
def functionals(draw, order: int, dims: int, terms: int) -> tuple[Functional, ...]:
    """Up to three functionals of one field, each homogeneous as in the normal form."""
    dim = draw(st.integers(1, dims))
    symbols = []
    for _ in range(draw(st.integers(1, 3))):
        degree = draw(st.integers(1, order))
        places = st.lists(st.integers(0, dim - 1), min_size=degree, max_size=degree)
        index = places.map(lambda p: MultiIndex(tuple(map(p.count, range(dim)))))
        coefficients = st.sampled_from(COEFFICIENTS)
        found = draw(st.dictionaries(index, coefficients, min_size=1, max_size=terms))
        symbols.append(OperatorSymbol.of(found))
    return tuple(Functional("u", 0, s) for s in dict.fromkeys(symbols))


def sites(wanted: tuple[Functional, ...]) -> tuple[tuple[str, ...], ...]:
    return (tuple("wxyz"[: wanted[0].symbol.dim]),)


def proves_itself(wanted: tuple[Functional, ...]) -> None:
    for strategy in (*STRATEGIES, "auto"):
        plan = make_plan(wanted, sites(wanted), strategy)
        assert plan.functionals == wanted
        assert plan.verify(), strategy
        assert Plan.from_json(plan.to_json()) == plan


@settings(max_examples=8, deadline=None, derandomize=True)
@given(functionals(4, 3, 3))
def test_plans_prove_themselves(wanted) -> None:
    proves_itself(wanted)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(functionals(5, 3, 3))
def test_derivations_obey_leibniz_and_take_no_more_products_than_eulers(wanted) -> None:
    for push in make_plan(wanted, sites(wanted), "algebra").pushes:
        algebra = push.algebra
        for k in range(1, algebra.size):
            weights = algebra.derivations[k]
            for i, j, to, _ in algebra.products:
                both = weights.get(i, 0) + weights.get(j, 0)
                assert both == weights.get(to, 0)
            assert algebra.share(k, k) == 1


def test_a_factor_that_stands_once_is_the_only_one_to_differentiate() -> None:
    """xxxy from x, y, xx, xy, xxx, xxy: only y, xy and xxy have a share in it."""
    (push,) = make_plan(
        (Functional("u", 0, OperatorSymbol.of({MultiIndex((3, 1)): 1})),), (("x", "y"),),
        "algebra",
    ).pushes  # fmt: skip
    algebra = push.algebra
    labels = [channel.label for channel in algebra.channels]
    pairs = algebra.entries[algebra.size - 1]
    shares = {labels[i]: algebra.share(i, algebra.size - 1) for i, _, _ in pairs}
    assert {label: c for label, c in shares.items() if c} == {
        "y": 1, "xy": 1, "xxy/2": 1,
    }  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(functionals(6, 4, 4))
def test_larger_plans_prove_themselves(wanted) -> None:
    proves_itself(wanted)


def network(dim: int):
    first = normal((dim, 0), (dim, 6)) / 2
    second = normal((dim, 1), (6, 6)) / 3
    last = normal((dim, 2), (6,)) / 2
    return lambda z: jnp.tanh(jnp.sin(z @ first) @ second + 0.3) @ last


def by_nested_jvp(net, points, symbol: OperatorSymbol) -> jax.Array:
    total = jnp.zeros(len(points))
    for alpha, c in symbol.terms:
        fun = net
        for place in alpha.slots():
            unit = np.eye(symbol.dim)[place]
            fun = lambda z, fun=fun, unit=unit: jax.jvp(fun, (z,), (unit,))[1]
        total = total + float(c) * jax.vmap(fun)(points)
    return total


def agrees(wanted: tuple[Functional, ...]) -> None:
    dim = wanted[0].symbol.dim
    net = network(dim)
    points = normal(5, (3, dim)) / 2

    @jax.jit
    def everybody(points):
        group = Group(("u",), Traced(net))
        got = {}
        for strategy in (*STRATEGIES, "auto"):
            plan = make_plan(wanted, sites(wanted), strategy)
            found = evaluate_functionals(plan, group, {0: Points.rows(points)})
            got[strategy] = [found[f] for f in wanted]
        return got, [by_nested_jvp(net, points, f.symbol) for f in wanted]

    got, want = everybody(points)
    for strategy, values in got.items():
        # Read-outs may cancel large channels: what they lose is their weights' worth.
        plan = make_plan(wanted, sites(wanted), strategy)
        for readout, found, exact in zip(plan.readouts, values, want, strict=True):
            weight = 1 + sum(abs(float(c)) for *_, c in readout.terms)
            size = weight * max(map(largest, plan.pushes)) ** order(readout)
            np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-13 * size)


def largest(push) -> float:
    """The longest tangent of a push."""
    lengths = [sum(abs(float(c)) for _, c in tangent) for tangent in push.seeds]
    return max([1.0, *lengths])


def order(readout) -> int:
    return readout.functional.symbol.order


@settings(max_examples=3, deadline=None, derandomize=True)
@given(functionals(4, 3, 3))
def test_strategies_agree_in_numbers(wanted) -> None:
    agrees(wanted)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(functionals(6, 4, 3))
def test_strategies_agree_on_larger_operators(wanted) -> None:
    agrees(wanted)
