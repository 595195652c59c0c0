"""Row T16: the gradient of a residual by one tangent, exact and sampled."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples.problems import elliptic
from examples.problems.gradient_enhanced import with_gradient
from examples.support import network

DIM = 5
problem = elliptic.on_ball("allen_cahn", "two_body", DIM)
names = list(problem.coordinates)
arrays = {"c": problem.arrays["c"]}


def setting():
    params = network.init(jax.random.key(0), (DIM, 12, 12, 1))
    points = problem.sample(jax.random.key(1), 3)
    return lambda z: network.apply(params, z), points


def test_rows_are_the_gradient_of_the_residual() -> None:
    net, points = setting()
    rows = oc.compile(with_gradient(problem), coordinates=names)
    plain = oc.compile(problem.trained, coordinates=names)
    at = jax.jit(lambda v: rows(net, points, v=v, **arrays)[1])
    found = jnp.stack([at(unit) for unit in jnp.eye(DIM)], axis=1)
    wanted = jax.jit(jax.vmap(jax.grad(lambda z: plain(net, z[None], **arrays)[0])))
    np.testing.assert_allclose(found, wanted(points), rtol=1e-9)


def test_all_signs_together_are_the_square_of_the_gradient() -> None:
    net, points = setting()
    rows = oc.compile(with_gradient(problem), coordinates=names)
    at = jax.jit(lambda v: rows(net, points, v=v, **arrays)[1])
    signs = jnp.array(list(itertools.product([-1.0, 1.0], repeat=DIM)))
    mean = jnp.mean(jnp.stack([at(v) ** 2 for v in signs]), axis=0)
    square = sum(at(unit) ** 2 for unit in jnp.eye(DIM))
    np.testing.assert_allclose(mean, square, rtol=1e-9)


@pytest.mark.slow
def test_sampled_rows_are_unbiased() -> None:
    net, points = setting()
    v = jnp.ones(DIM)
    exact = oc.compile(with_gradient(problem), coordinates=names)
    rows = oc.compile(with_gradient(problem), coordinates=names, estimator=oc.Sparse(2))
    draw = jax.jit(
        jax.vmap(lambda key: jnp.stack(rows(net, points, key=key, v=v, **arrays)))
    )
    found = draw(jax.random.split(jax.random.key(3), 200))
    # Of 2 out of 5 terms there are 10 draws, so that all their values show.
    values = np.unique(np.round(np.asarray(found[:, 1, 0]), 9))
    assert len(values) == 10
    mean = values.mean()
    wanted = exact(net, points, v=v, **arrays)[1][0]
    np.testing.assert_allclose(mean, wanted, rtol=1e-8)
