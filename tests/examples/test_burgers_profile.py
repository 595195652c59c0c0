"""Burgers' profiles: derivatives of the residual, the exact profile, a short training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from examples import burgers_eigenvalues, burgers_profiles
from examples.problems import burgers_profile as problem
from examples.support import nested, network
from tests.draws import layers

POINTS = np.linspace(-1.5, 1.7, 7)[:, None]
LAMBDA = 0.27


@pytest.fixture(scope="module")
def params():
    return layers(3, (1, 12, 12, 1))


@pytest.mark.parametrize("n", range(1, 10))
def test_derivatives_are_leibniz_formula_in_symbols(n: int) -> None:
    derived = problem.family(n)[n].doit()
    assert sp.expand(derived - problem.binomial_formula(n)) == 0


def test_derivatives_are_those_of_nested_differentiation(params) -> None:
    compiled = oc.compile(problem.family(9))
    formula = oc.compile([problem.binomial_formula(n) for n in range(1, 10)])
    assert len(compiled.plan.pushes) == 1
    assert compiled.plan.channels == 11  # U and its ten derivatives: order n + 1
    field = lambda point: network.apply(params, point)
    given = {"lambda": LAMBDA}
    evaluate = jax.jit(
        lambda points: [
            jnp.stack(residual(field, points, **given))
            for residual in (compiled, formula)
        ]
    )
    values, closed = evaluate(POINTS)
    np.testing.assert_allclose(values[1:], closed, rtol=1e-9, atol=1e-9)
    residual = oc.compile(problem.residual, strategy="nested")
    single = lambda x: residual(field, x[None], **given)
    expected = jax.jit(jax.vmap(nested.forward(single, 5)))(POINTS[:, 0])
    np.testing.assert_allclose(values[:6].T, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", ["nested", "reverse"])
def test_the_rivals_have_the_same_loss(method: str) -> None:
    params = (layers(1, burgers_profiles.WIDTHS), np.zeros(()))
    ours, theirs = jax.jit(
        lambda params, point: [
            burgers_profiles.derivatives(name, 0, 3)(params, point)
            for name in ("taylor", method)
        ]
    )(params, jnp.array([0.3]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("k", range(4))
def test_the_exact_profile_solves_the_equation(k: int) -> None:
    x = np.linspace(-2, 2, 41)
    exact = jax.jit(problem.exact_profile, static_argnums=1)
    profile = np.asarray(exact(x, k))
    power = problem.smoothness(k)
    np.testing.assert_allclose(-profile - profile**power, x, atol=1e-14)
    slope = -1 / (1 + power * profile ** (power - 1))
    lam = problem.exact_eigenvalue(k)
    residual = -lam * profile + ((1 + lam) * x + profile) * slope
    np.testing.assert_allclose(residual, 0, atol=1e-14)
    assert profile[0] == -profile[-1] == 1
    low, high = problem.bounds(k)
    assert low < lam < high


def test_the_wrapper_is_odd_to_the_last_bit(params) -> None:
    odd = jax.jit(jax.vmap(lambda z: problem.odd(network.apply)(params, z)))
    np.testing.assert_array_equal(odd(POINTS), -np.asarray(odd(-POINTS)))


@pytest.mark.slow
def test_a_short_training_finds_the_eigenvalue(tmp_path) -> None:
    few = ["--k", "0", "--steps", "200", "--lbfgs", "0", "--levenberg", "60"]
    (found,) = burgers_profiles.main([*few, "--out", str(tmp_path)])
    assert found.phases["Levenberg"].losses[-1] < 1e-6 * found.phases["Adam"].losses[0]
    assert found.error < 1e-3
    assert (tmp_path / "burgers_profiles.png").exists()
    # Everything is in the checkpoints: nothing is trained again.
    (again,) = burgers_profiles.main([*few, "--out", str(tmp_path), "--resume"])
    assert again.eigenvalue == found.eigenvalue


@pytest.mark.slow
@pytest.mark.parametrize("k", range(4))
def test_eigenvalues_are_found_to_the_wanted_accuracy(k: int, tmp_path) -> None:
    (found,) = burgers_profiles.main(["--k", str(k), "--out", str(tmp_path)])
    assert found.error <= (1e-6, 1e-5, 1e-4, 1e-3)[k]
    assert found.profile_error() <= 1e-4


@pytest.mark.parametrize("k", [0, 3])
def test_the_ansatz_on_the_line(k: int) -> None:
    """Odd, slope -1 at the origin, growth x^(λ/(1+λ)), points far away."""
    params = burgers_eigenvalues.random_start(jax.random.key(1), 8)
    apply = problem.on_the_line(burgers_eigenvalues.polynomial, k)

    @jax.jit
    def evaluated(points):
        slope = jax.grad(lambda x: apply(params, x[None]))(0.0)
        values = jax.vmap(lambda x: apply(params, x))(points)
        return values, slope, problem.eigenvalue(params[1], k)

    far = [[1e12], [1e13]]
    values, slope, lam = evaluated(np.concatenate([POINTS, -POINTS, far]))
    assert float(slope) == pytest.approx(-1, abs=1e-12)
    here, there, far = np.split(np.asarray(values), [len(POINTS), -2])
    np.testing.assert_array_equal(here, -there)
    lam = float(lam)
    assert far[1] / far[0] == pytest.approx(10 ** (lam / (1 + lam)), rel=1e-3)
    points = np.asarray(problem.along_the_line(80, k))
    assert points.shape == (80, 1)
    assert np.max(points) > 1e3


@pytest.mark.slow
def test_a_polynomial_finds_the_eigenvalue_to_rounding(tmp_path) -> None:
    (found,) = burgers_eigenvalues.main(["--k", "0", "--out", str(tmp_path)])
    assert found["eigenvalue_error"] < 1e-12
    assert found["profile_error"] < 1e-9
