"""Weight sharing: the count of the paper's table 10, and derivatives through it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples.problems import elliptic
from examples.support.shared_input import parameter_count, SharedInput


def test_parameters_of_a_million_dimensions() -> None:
    shapes = eqx.filter_eval_shape(
        lambda key: SharedInput(1_000_000, 50, 128, 4, key=key), jax.random.key(0)
    )
    assert parameter_count(shapes) == 2_593_332


def test_blocks_must_divide() -> None:
    with pytest.raises(ValueError, match="blocks of 3"):
        SharedInput(10, 3, 4, 2, key=jax.random.key(0))


def test_jets_through_it() -> None:
    problem = elliptic.on_ball("sine_gordon", "two_body", 20)
    module = SharedInput(20, 5, 16, 4, key=jax.random.key(1))
    points = problem.sample(jax.random.key(2), 4)
    residual = oc.compile(problem.trained, coordinates=list(problem.coordinates))
    arrays = problem.given(residual)
    source = problem.function(problem.operator(problem.solution))(points)

    def field(z):
        return (1 - z @ z) * module(z)

    hessians = jax.jit(jax.vmap(jax.hessian(field)))(points)
    values = jax.jit(jax.vmap(field))(points)
    wanted = jnp.trace(hessians, axis1=1, axis2=2) + jnp.sin(values) - source
    found = jax.jit(lambda z: residual(module, z, **arrays))(points)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
