"""Row T16: the gradient of a residual by one tangent, exact and sampled."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples.problems import elliptic
from examples.problems.gradient_enhanced import with_gradient
from examples.support import network
from tests.draws import layers, normal

DIM = 5


@functools.cache
def compiled(**options):
    """The residual and its derivative along v, the residual alone, and their arrays."""
    problem = elliptic.on_ball("allen_cahn", "two_body", DIM)
    rows, plain = (
        oc.compile(equations, coordinates=list(problem.coordinates), **options)
        for equations in (with_gradient(problem), problem.trained)
    )
    return rows, plain, {"c": problem.arrays["c"]}


def setting():
    params = layers(0, (DIM, 12, 1))
    return lambda z: network.apply(params, z), normal(1, (3, DIM)) / 4


UNITS = np.eye(DIM)
SIGNS = np.array(list(itertools.product([-1.0, 1.0], repeat=DIM)))


@pytest.fixture(scope="module")
def found():
    """Rows along the units and along all signs, and the gradient; a column each."""
    rows, plain, arrays = compiled()

    @jax.jit
    def evaluated(directions):
        net, points = setting()
        at = lambda v: rows(net, points, v=v, **arrays)[1]
        slope = jax.grad(lambda z: plain(net, z[None], **arrays)[0])
        return jax.lax.map(at, directions).T, jax.vmap(slope)(points)

    along, slopes = map(np.asarray, evaluated(np.concatenate([UNITS, SIGNS])))
    return along[:, :DIM], along[:, DIM:], slopes


def test_rows_are_the_gradient_of_the_residual(found) -> None:
    along_units, _, slopes = found
    np.testing.assert_allclose(along_units, slopes, rtol=1e-9)


def test_all_signs_together_are_the_square_of_the_gradient(found) -> None:
    along_units, along_signs, _ = found
    mean = np.mean(along_signs**2, axis=1)
    np.testing.assert_allclose(mean, np.sum(along_units**2, axis=1), rtol=1e-9)


@pytest.mark.slow
def test_sampled_rows_are_unbiased() -> None:
    net, points = setting()
    v = jnp.ones(DIM)
    exact, _, arrays = compiled()
    rows, *_ = compiled(estimator=oc.Sparse(2))
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
