"""The Boussinesq system: residuals and derivatives against AD, parity, the number λ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from examples import boussinesq_profile as script
from examples.problems import boussinesq_profile as problem
from examples.support import network

LAMBDA = 1.7
POINTS = jnp.array([[0.3, 0.2], [-0.7, 1.1], [1.2, 0.0], [0.0, 0.4]])
apply = problem.constrained(network.apply)


@pytest.fixture(scope="module")
def params():
    return network.init(jax.random.key(2), (3, 8, 8, 5)), jnp.asarray(0.3)


def by_hand(field, lam):
    """The six residuals at one point, in y = sinh z, by forward mode."""

    def residuals(z):
        values, slopes = field(z), jax.jacfwd(field)(z) / jnp.cosh(z)
        omega, phi, psi, u1, u2 = values
        d_omega, d_phi, d_psi, d_u1, d_u2 = slopes
        w = (1 + lam) * jnp.sinh(z) + jnp.stack([u1, u2])
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


def test_residuals_and_two_derivatives_are_those_of_ad(params) -> None:
    field = lambda z: apply(params, z)
    family = oc.compile(problem.family(2), fields=problem.NAMES)
    assert len(family.plan.pushes) == 1
    assert family.plan.channels == problem.members(3)  # all partials to order three
    evaluate = jax.jit(lambda z: jnp.stack(family(field, z, **{"lambda": LAMBDA})))
    found = evaluate(POINTS).T.reshape(-1, 6, 6)
    hand = by_hand(field, LAMBDA)
    first, second = jax.jacfwd(hand), jax.jacfwd(jax.jacfwd(hand))
    values, slopes, curves = jax.jit(
        jax.vmap(lambda z: (hand(z), first(z), second(z)))
    )(POINTS)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    close(found[..., 0], values)
    close(found[..., 1:3], slopes)
    close(found[..., 3], curves[..., 0, 0])
    close(found[..., 4], curves[..., 0, 1])
    close(found[..., 5], curves[..., 1, 1])


def test_constraints_hold_to_the_last_bit(params) -> None:
    everywhere = jax.jit(jax.vmap(lambda z: apply(params, z)))
    there = everywhere(POINTS * jnp.array([-1.0, 1.0]))
    parity = jnp.array(problem.PARITY)
    assert jnp.max(jnp.abs(everywhere(POINTS) - parity * there)) == 0
    assert everywhere(jnp.array([[0.8, 0.0]]))[0, 4] == 0
    gauge = oc.compile(problem.gauge)
    field = lambda z: apply(params, z)[0]
    assert abs(jax.jit(lambda z: gauge(field, z))(jnp.zeros(2))) < 1e-13


@pytest.mark.parametrize("choice", ["functional", "trainable"])
def test_gradients_to_the_number_are_finite_differences(choice: str, params) -> None:
    unknowns = (params[0], (jnp.asarray(0.3), jnp.asarray(-0.2)))
    lam = script.eigenvalue(choice)
    expected = problem.eigenvalue_of(unknowns[1][choice == "trainable"])
    assert float(lam(unknowns)) == pytest.approx(float(expected), abs=1e-12)
    rows = script.sobolev_rows(0, POINTS, 1.0, lam)

    def loss(raw):
        values = jax.vmap(rows.function, (None, 0))((unknowns[0], raw), POINTS)
        return jnp.sum(values**2)

    loss = jax.jit(loss)
    slope = jax.jit(jax.grad(loss))(unknowns[1])
    step = 1e-5
    for place in range(2):
        moved = [
            tuple(r + s * step * (i == place) for i, r in enumerate(unknowns[1]))
            for s in (1, -1)
        ]
        difference = (loss(moved[0]) - loss(moved[1])) / (2 * step)
        np.testing.assert_allclose(slope[place], difference, rtol=1e-6, atol=1e-7)


def test_the_number_may_stand_in_the_equation_itself(params) -> None:
    """λ pinned at the origin inside the residual equals λ passed as a parameter."""
    at_origin = sp.Subs(
        problem.eigenvalue, (problem.z1, problem.z2), (sp.Integer(0), sp.Integer(0))
    )
    names = list(problem.residuals.values())[:2]
    pinned = oc.compile(
        [r.subs(problem.lam, at_origin) for r in names],
        coordinates=[problem.z1, problem.z2], fields=problem.NAMES,
    )  # fmt: skip
    passed = oc.compile(names, fields=problem.NAMES)
    field = lambda z: apply(params, z)
    number = float(problem.eigenvalue_of(params[1]))
    here, given = jax.jit(
        lambda z: (pinned(field, z), passed(field, z, **{"lambda": number}))
    )(POINTS)
    np.testing.assert_allclose(jnp.stack(here), jnp.stack(given), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_short_training_lowers_the_loss(tmp_path) -> None:
    few = ["--steps", "200", "--levenberg", "5", "--points", "60", "--near", "4"]
    found = script.main([*few, "--width", "10", "--out", str(tmp_path)])
    assert found["loss_reduced_by"] > 10
    assert found["symmetry_error"] == 0
    low, high = problem.BOUNDS
    assert low < found["eigenvalue"] < high
