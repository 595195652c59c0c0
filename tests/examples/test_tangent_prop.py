"""Tangent Prop and the Sobolev study: constraints, and a few steps of the scripts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples import sobolev_study, tangent_prop
from examples.problems import tangent_prop as problem
from examples.support import nested


def test_the_function_itself_meets_all_constraints() -> None:
    family = oc.compile(problem.constraints(6))
    exact = jax.jit(lambda z: family(lambda point: problem.exact(point[0]), z))
    assert np.max(np.abs(np.stack(exact(problem.samples())))) < 1e-9


def test_constraints_are_differences_of_derivatives() -> None:
    field = lambda x: jnp.tanh(1.3 * x) * x
    family = oc.compile(problem.constraints(4))
    error = lambda x: field(x) - problem.exact(x)

    @jax.jit
    def both(points):
        expected = jax.vmap(nested.forward(error, 4))(points[:, 0])
        return family(lambda point: field(point[0]), points), expected

    values, expected = both(problem.samples())
    np.testing.assert_allclose(np.stack(values).T, expected, rtol=1e-9, atol=1e-9)


def test_the_loss_falls(tmp_path) -> None:
    few = ["--steps", "300", "--orders", "2", "--networks", "2"]
    (fits,) = tangent_prop.main([*few, "--out", str(tmp_path)])
    assert fits.losses[1] < 0.1 * fits.losses[0]
    assert (tmp_path / "tangent_prop.png").exists()


@pytest.mark.slow
def test_the_study_finds_the_eigenvalue_with_every_order(tmp_path) -> None:
    few = [
        "--steps",
        "300",
        "--levenberg",
        "100",
        "--orders",
        "2",
        "3",
        "--nested",
        "2",
    ]
    two, three = sobolev_study.main([*few, "--out", str(tmp_path)])
    assert max(two.eigenvalue_error, three.eigenvalue_error) < 1e-2
    assert two.nested is not None
    assert three.nested is None
