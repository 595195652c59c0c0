"""Weight sharing: the count of the paper's table 10, and derivatives through it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples.problems import elliptic
from examples.support.shared_input import parameter_count, SharedInput
from tests.draws import like, normal


def test_parameters_of_a_million_dimensions() -> None:
    shapes = eqx.filter_eval_shape(
        lambda key: SharedInput(1_000_000, 50, 128, 4, key=key), jax.random.key(0)
    )
    assert parameter_count(shapes) == 2_593_332


def test_blocks_must_divide() -> None:
    with pytest.raises(ValueError, match="blocks of 3"):
        SharedInput(10, 3, 4, 2, key=jax.random.key(0))


def test_jets_through_it() -> None:
    problem = elliptic.on_ball("sine_gordon", "two_body", 10)
    shapes = eqx.filter_eval_shape(
        lambda key: SharedInput(10, 5, 16, 4, key=key), jax.random.key(1)
    )
    module, points = like(1, shapes), normal(2, (4, 10)) / 8
    residual = oc.compile(problem.trained, coordinates=list(problem.coordinates))
    arrays = problem.given(residual)
    source = problem.function(problem.operator(problem.solution))

    def field(z):
        return (1 - z @ z) * module(z)

    def by_hand(z):
        return jnp.trace(jax.hessian(field)(z)) + jnp.sin(field(z))

    @jax.jit
    def both(points):
        wanted = jax.vmap(by_hand)(points) - source(points)
        return residual(module, points, **arrays), wanted

    np.testing.assert_allclose(*both(points), rtol=1e-10)
