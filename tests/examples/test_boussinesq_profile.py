"""The Boussinesq system: its two forms, residuals against AD, what is built in, λ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from examples import boussinesq_profile as script
from examples.problems import boussinesq_profile as problem
from examples.support import network
from tests.draws import layers

LAMBDA = 1.7
DEGREE = 4
POINTS = np.array([[0.3, 0.2], [-0.7, 1.1], [1.2, 0.3], [40.0, 300.0]])
apply = script.polynomial(DEGREE)


@pytest.fixture(scope="module")
def params():
    return script.random_start(2, DEGREE)[0], jnp.asarray(LAMBDA)


def by_hand(field):
    """The six residuals at one point, by forward mode."""

    def residuals(y):
        values, slopes = field(y), jax.jacfwd(field)(y)
        omega, phi, psi, u1, u2 = values
        d_omega, d_phi, d_psi, d_u1, d_u2 = slopes
        w = (1 + LAMBDA) * y + jnp.stack([u1, u2])
        return jnp.stack(
            [
                omega + w @ d_omega - phi,
                (2 + d_u1[0]) * phi + w @ d_phi + d_u2[0] * psi,
                (2 + d_u2[1]) * psi + w @ d_psi + d_u1[1] * phi,
                d_u1[0] + d_u2[1],
                omega - (d_u2[0] - d_u1[1]),
                d_psi[0] - d_phi[1],
            ]
        )

    return residuals


def test_residuals_and_two_derivatives_are_those_of_ad() -> None:
    family = oc.compile(problem.family(2), fields=problem.NAMES)
    assert len(family.plan.pushes) == 1
    assert family.plan.channels == problem.members(3)  # all partials to order three
    params = layers(2, (2, 8, 5))

    @jax.jit
    def both(points):
        field = lambda y: network.apply(params, y)
        hand = by_hand(field)
        first, second = jax.jacfwd(hand), jax.jacfwd(jax.jacfwd(hand))
        true = jax.vmap(lambda y: (hand(y), first(y), second(y)))(points)
        return family(field, points, **{"lambda": LAMBDA}), true

    rows, true = both(POINTS[:3])
    found = np.stack(rows).T.reshape(-1, 6, 6)
    values, slopes, curves = map(np.asarray, true)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    close(found[..., 0], values)
    close(found[..., 1:3], slopes)
    close(found[..., 3], curves[..., 0, 0])
    close(found[..., 4], curves[..., 0, 1])
    close(found[..., 5], curves[..., 1, 1])


def test_two_equations_imply_the_six() -> None:
    """In symbols: the second and third are the gradient of one, the last three hold."""
    six = [r.subs(problem.by_potentials).doit() for r in problem.residuals.values()]
    first, second = problem.reduced.values()
    follow = [first, second.diff(problem.y1), second.diff(problem.y2), 0, 0, 0]
    for one, other in zip(six, follow, strict=True):
        assert sp.expand(one - other) == 0


def test_the_reduced_equations_are_those_of_ad(params) -> None:
    reduced = oc.compile([*problem.reduced.values()], fields=("psi", "rho"))
    assert reduced.plan.channels == 8

    def hand(y):
        psi, rho = (lambda y, n=n: apply(params, y)[n] for n in range(2))
        omega = lambda y: jnp.trace(jax.hessian(psi)(y))
        slope = jax.grad(psi)(y)
        w = (1 + LAMBDA) * y + jnp.stack([-slope[1], slope[0]])
        lower = jax.grad(rho)(y)
        transport = omega(y) + w @ jax.grad(omega)(y) - lower[0]
        return jnp.stack([transport, w @ lower - (LAMBDA - 1) * rho(y)])

    @jax.jit
    def both(points):
        field = lambda y: apply(params, y)
        return reduced(field, points, **{"lambda": LAMBDA}), jax.vmap(hand)(points)

    found, expected = both(POINTS)
    np.testing.assert_allclose(np.stack(found).T, expected, rtol=1e-9, atol=1e-11)


def test_what_is_known_is_built_in(params) -> None:
    wall = np.array([[0.8, 0.0]])
    everywhere = jax.jit(jax.vmap(lambda y: apply(params, y)))
    points = np.concatenate([POINTS, POINTS * [-1, 1], wall])
    here, there, (at_wall,) = np.split(np.asarray(everywhere(points)), [4, 8])
    np.testing.assert_array_equal(here, there * [-1, 1])
    assert at_wall[0] == 0  # the wall is a streamline
    y1, y2 = problem.y1, problem.y2
    lam = problem.eigenvalue.subs(problem.by_potentials).doit()
    slope = problem.rho.diff(y1, 2)
    read = oc.compile([lam, slope], coordinates=[y1, y2], fields=("psi", "rho"))
    found = jax.jit(lambda y: read(lambda y: apply(params, y), y))(np.zeros(2))
    np.testing.assert_allclose(found, [LAMBDA, -(1 + LAMBDA) / 2], rtol=1e-12)


def test_scales_are_those_of_the_terms_far_away(params) -> None:
    (rows,) = script.rows_of(apply, POINTS)
    far = np.array([[1e4, 3e4], [1e6, 3e6], [1e8, 3e8]])
    sizes = np.abs(jax.jit(jax.vmap(rows.function, (None, 0)))(params, far))
    assert np.all(sizes[0] < 10)
    assert np.all(sizes[2] < sizes[0])  # what balances far away cancels


def test_gradients_to_the_number_are_finite_differences(params) -> None:
    (rows,) = script.rows_of(apply, POINTS)

    @jax.jit
    def loss(lam):
        values = jax.vmap(rows.function, (None, 0))((params[0], lam), POINTS)
        return jnp.sum(values**2)

    step = 1e-5
    around = np.array([LAMBDA, LAMBDA + step, LAMBDA - step])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(loss)))(around)
    slope, difference = slopes[0], (float(values[1]) - float(values[2])) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-6)


def test_the_number_may_stand_in_the_equation_itself(params) -> None:
    """λ pinned at the origin inside the residual equals λ passed as a parameter."""
    y1, y2 = problem.y1, problem.y2
    at_origin = sp.Subs(
        problem.eigenvalue.subs(problem.by_potentials).doit(), (y1, y2), (0, 0)
    )
    equations = list(problem.reduced.values())
    pinned = oc.compile(
        [e.subs(problem.lam, at_origin) for e in equations],
        coordinates=[y1, y2], fields=("psi", "rho"),
    )  # fmt: skip
    passed = oc.compile(equations, fields=("psi", "rho"))
    field = lambda y: apply(params, y)
    here, given = jax.jit(
        lambda y: (pinned(field, y), passed(field, y, **{"lambda": LAMBDA}))
    )(POINTS[:3])
    np.testing.assert_allclose(np.stack(here), np.stack(given), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_any_start_leads_to_the_same_number_at_a_low_degree(tmp_path) -> None:
    few = ["--degrees", "20", "--levenberg", "18", "--rivals", "0", "--runs", "2"]
    found = script.main([*few, "--out", str(tmp_path)])
    for one in found.values():  # that of this degree, which is 0.05 from the profile's
        assert one["eigenvalue"] == pytest.approx(1.87, abs=0.01)
        assert one["residual"] < 5e-3
