"""Random programs against nested jvp, and the laws of Taylor algebras."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import opcompiler as oc
from opcompiler.taylor import laplacian
from opcompiler.taylor.push import push, push_tree
from opcompiler.taylor.value import AlgebraArray
from tests.taylor.oracle import (
    apolar,
    by_engine,
    by_nested_jvp,
    line,
    Model,
    seeds_for,
    worst_error,
)
from tests.taylor.random_programs import programs, ROW, run

MIXED = apolar(2, {(2, 0): 1, (0, 2): 3}, {(2, 1): 1})
fast = settings(derandomize=True, deadline=None, max_examples=4)
brief = settings(derandomize=True, deadline=None, max_examples=3)
few = settings(derandomize=True, deadline=None, max_examples=2)
many = settings(derandomize=True, deadline=None, max_examples=40)
long = settings(derandomize=True, deadline=None, max_examples=200)
seeds = st.integers(0, 1000)


def drawn(model: Model, seed: int):
    random = np.random.default_rng(seed)
    start = jnp.asarray(random.uniform(-0.9, 0.9, ROW))
    return start, seeds_for(model, start, random)


def against_nested_jvp(model, program, seed) -> None:
    start, terms = drawn(model, seed)
    fun = lambda x: run(program, x)

    @jax.jit
    def both(start, terms):
        got = by_engine(model, fun, start, terms)
        return got, by_nested_jvp(model, fun, start, terms)

    assert worst_error(*both(start, terms)) < 1e-8


@given(programs(), st.sampled_from([1, 2, 2, 3, 3]), seeds)
@fast
def test_random_programs_along_curves(program, order, seed) -> None:
    against_nested_jvp(line(order), program, seed)


@given(programs(5), seeds)
@few
def test_random_programs_to_order_five(program, seed) -> None:
    against_nested_jvp(line(5), program, seed)


@given(programs(), seeds)
@few
def test_random_programs_in_two_directions(program, seed) -> None:
    against_nested_jvp(MIXED, program, seed)


@pytest.mark.slow
@given(programs(12), st.integers(1, 5), seeds)
@long
def test_longer_programs_along_curves(program, order, seed) -> None:
    against_nested_jvp(line(order), program, seed)


@pytest.mark.slow
@given(programs(12), seeds)
@long
def test_longer_programs_in_two_directions(program, seed) -> None:
    against_nested_jvp(MIXED, program, seed)


# --- laws, without an oracle --------------------------------------------------------

models = st.sampled_from([line(2), line(5), MIXED])


def channels(output, model: Model) -> list:
    if isinstance(output, AlgebraArray):
        return [output.dense(k) for k in range(model.algebra.size)]
    return [output, *[jnp.zeros_like(output)] * (model.algebra.size - 1)]


@given(models, programs(4), programs(4), seeds)
@brief
def test_a_composition_is_pushed_one_after_the_other(model, one, two, seed) -> None:
    start, terms = drawn(model, seed)

    @jax.jit
    def both(start, terms):
        (middle,) = push(lambda x: run(one, x), start, terms, model.algebra)
        end = push_tree(lambda y: run(two, y), [middle], model.algebra)
        whole = by_engine(model, lambda x: run(two, run(one, x)), start, terms)
        return channels(end, model), whole

    assert worst_error(*both(start, terms)) < 1e-10


@given(models, programs(4), programs(4), seeds)
@few
def test_sums_and_products_of_functions(model, one, two, seed) -> None:
    sums_and_products(model, one, two, seed)


@pytest.mark.slow
@given(models, programs(8), programs(8), seeds)
@many
def test_sums_and_products_of_longer_functions(model, one, two, seed) -> None:
    sums_and_products(model, one, two, seed)


def sums_and_products(model, one, two, seed) -> None:
    start, terms = drawn(model, seed)
    f, g = (lambda x, p=p: jnp.sum(run(p, x)) for p in (one, two))
    functions = f, g, lambda x: 2 * f(x) - 3 * g(x), lambda x: f(x) * g(x)

    @jax.jit
    def all_four(start, terms):
        return [jnp.stack(by_engine(model, fun, start, terms)) for fun in functions]

    left, right, total, product = map(np.asarray, all_four(start, terms))
    np.testing.assert_allclose(total, 2 * left - 3 * right, rtol=1e-9, atol=1e-9)
    want = left[0] * right + right[0] * left  # the unit's products
    want[0] = left[0] * right[0]
    for i, j in model.algebra.table:
        for k, c in model.algebra.table[i, j]:
            want[k] += float(c) * left[i] * right[j]
    np.testing.assert_allclose(product, want, rtol=1e-9, atol=1e-9)


@given(models, programs(6), seeds)
@brief
def test_stretching_the_parameters_scales_each_degree(model, program, seed) -> None:
    start, terms = drawn(model, seed)
    fun = lambda x: run(program, x)
    powers = [0.5**channel.degree for channel in model.algebra.channels]
    pushed = jax.jit(lambda x, s: by_engine(model, fun, x, s))
    scaled = lambda terms, powers: [
        np.asarray(c) * p for c, p in zip(terms, powers, strict=True)
    ]
    want = scaled(pushed(start, terms), powers)
    assert worst_error(pushed(start, scaled(terms, powers[1:])), want) < 1e-10


@given(programs(6), seeds)
@few
def test_higher_orders_do_not_change_lower_ones(program, seed) -> None:
    lower_ones_are_the_same(program, seed)


@pytest.mark.slow
@given(programs(8), seeds)
@many
def test_higher_orders_of_longer_programs(program, seed) -> None:
    lower_ones_are_the_same(program, seed)


def lower_ones_are_the_same(program, seed) -> None:
    start, terms = drawn(line(6), seed)
    fun = lambda x: run(program, x)
    orders = (6, 1, 3, 5)

    @jax.jit
    def to_all(start, terms):
        return [by_engine(line(k), fun, start, terms[:k]) for k in orders]

    high, *lower = to_all(start, terms)
    for order, low in zip(orders[1:], lower, strict=True):
        assert worst_error(low, high[: order + 1]) < 1e-10, order


@given(programs(6), seeds)
@brief
def test_a_laplacian_is_a_sum_of_second_derivatives(program, seed) -> None:
    start, _ = drawn(line(1), seed)
    fun = lambda x: run(program, x)
    zero = jnp.zeros(3)

    @jax.jit
    def both(start):
        seconds = [oc.jet(fun, (start,), ([e, zero],))[1][1] for e in jnp.eye(3)]
        return [laplacian(fun)(start)], [sum(seconds)]

    assert worst_error(*both(start)) < 1e-9


@given(programs(5), seeds)
@few
def test_jet_under_jit_vmap_and_jvp(program, seed) -> None:
    start, (slope, *_) = drawn(line(1), seed)
    zero = jnp.zeros(3)

    def derivatives(x, order):
        rest = [zero] * (order - 1)
        return oc.jet(lambda y: run(program, y), (x,), ([slope, *rest],))[1]

    two = lambda x: derivatives(x, 2)

    @jax.jit
    def everything(x, pair):
        want, along = derivatives(x, 3), jax.jvp(two, (x,), (slope,))
        return run(program, x), want, *along, jax.vmap(two)(pair)

    pair = jnp.stack([start[::-1], start])
    value, want, compiled, changes, both = everything(start, pair)
    # With the value in front, derivatives that are zero are compared with its size.
    assert worst_error([value, *compiled], [value, *want[:2]]) < 1e-9
    assert worst_error([value, *changes], [value, *want[1:]]) < 1e-8
    assert worst_error([value, *(c[1] for c in both)], [value, *want[:2]]) < 1e-9
