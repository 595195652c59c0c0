"""A network of electrons: antisymmetry, local energies, the gradient, a short run."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from examples import wavefunction as example
from tests.draws import like, normal

LITHIUM = example.System(2, 1, charge=3, stiffness=0.0, repulsion=1, energy=-7.478)
KEYS = jax.random.split(jax.random.key(0), 3)


def setting(complex_valued):
    """Parameters as `example.init` has them, with biases drawn too; and a place."""
    draw = partial(example.init, system=LITHIUM, complex_valued=complex_valued)
    params = like(0, jax.eval_shape(draw, KEYS[0]))
    ones = {name: np.ones(params[name].shape) for name in ("decay", "jastrow")}
    return params | ones, normal(1, (3, 3))


@pytest.mark.parametrize("complex_valued", [False, True])
def test_two_electrons_of_equal_spin_change_the_sign(complex_valued) -> None:
    params, at = setting(complex_valued)
    both = jax.jit(
        jax.vmap(lambda at: example.sign_and_log(params, LITHIUM, at)),
    )
    (phase, other), (log, same) = map(np.asarray, both(np.stack([at, at[[1, 0, 2]]])))
    np.testing.assert_allclose(other, -phase, rtol=1e-12)
    np.testing.assert_allclose(same, log, rtol=1e-12)
    assert jnp.iscomplexobj(phase) == complex_valued


def by_hessian(log_psi, at):
    """The kinetic energy by nested forward mode, which takes complex results."""
    row = lambda x: log_psi(x.reshape(at.shape))
    flat = at.reshape(-1)
    slope = jax.jacfwd(row)(flat)
    return -(jnp.trace(jax.jacfwd(jax.jacfwd(row))(flat)) + jnp.sum(slope**2)) / 2


@pytest.mark.parametrize("complex_valued", [False, True])
def test_local_energy(complex_valued, monkeypatch) -> None:
    monkeypatch.setattr(example, "SINGLE", (12,))
    monkeypatch.setattr(example, "PAIR", (8,))
    params, at = setting(complex_valued)

    @jax.jit
    def both(params, at):
        wanted = by_hessian(partial(example.log_psi, params, LITHIUM), at)
        found = example.local_energy(params, LITHIUM, at)
        return found, wanted + LITHIUM.potential(at)

    np.testing.assert_allclose(*both(params, at), rtol=1e-9)


# --- the gradient of the energy ---------------------------------------------------------


WELL = example.System(1, 0, charge=0, stiffness=1.0, repulsion=0, energy=1.5)


def gaussian(params, system, at):
    """psi = exp(-a r^2/2) with <H> = 3 (a + 1/a)/4 in the trap of stiffness 1."""
    return -params * jnp.sum(at**2) / 2


def test_the_gradient_of_the_energy_and_the_trap(monkeypatch) -> None:
    monkeypatch.setattr(example, "log_psi", gaussian)
    monkeypatch.setattr(example, "clipped", lambda energies: energies)
    a, count = 1.5, 100_000
    # |psi|^2 is a normal law of variance 1/(2 a).
    walkers = normal(2, (count, 1, 3)) / (2 * a) ** 0.5
    one = lambda a, at: example.local_energy(a, WELL, at)

    @jax.jit
    def both(a, walkers):
        naive = jax.vmap(jax.grad(one), (None, 0))(a, walkers)
        return *example.energies_and_gradient(a, WELL, walkers), naive

    energies, slope, naive = map(np.asarray, both(a, walkers))
    exact = 3 * (1 - 1 / a**2) / 4
    error = float(np.std(energies)) / count**0.5
    assert np.mean(energies) == pytest.approx(3 * (a + 1 / a) / 4, abs=5 * error)
    assert slope == pytest.approx(exact, rel=0.05)
    # The gradient of local energies at fixed walkers has the mean 0.
    error = float(np.std(naive)) / count**0.5
    assert np.mean(naive) == pytest.approx(0.0, abs=5 * error)
    assert 20 * error < exact


def test_outliers_are_clipped() -> None:
    energies = np.append(np.linspace(-1.0, 1.0, 9), 1e6)
    kept = np.asarray(jax.jit(example.clipped)(energies))
    np.testing.assert_array_equal(kept[:-1], energies[:-1])
    assert kept[-1] < energies[-1]


# --- runs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "steps", "within"),
    [
        ("hooke", 60, 0.03),
        pytest.param("trap", 400, 0.02, marks=pytest.mark.slow),
        pytest.param("helium", 400, 0.03, marks=pytest.mark.slow),
    ],
)
def test_the_ground_state_is_found(system, steps, within) -> None:
    options = SimpleNamespace(system=system, steps=steps, seed=0)
    found = example.main(options)
    known = example.SYSTEMS[system].energy
    # Above the ground state, up to what the sample does not know.
    assert known - 5 * found.error < found.energy < known + within + 5 * found.error
    assert found.error < 0.02


def test_move_keeps_the_law() -> None:
    """Walkers of the trap's ground state stay such: <r^2> = 3/2."""
    shapes = jax.eval_shape(lambda key: example.init(key, WELL), KEYS[0])
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape), shapes) | {
        "decay": np.ones((example.DETERMINANTS, 1)), "jastrow": np.ones(2)
    }  # fmt: skip
    params["bias"] = [np.ones(b.shape) for b in params["bias"]]
    walkers = normal(1, (4000, 1, 3)) / 2**0.5
    moved = jax.jit(example.moved, static_argnums=(1, 5))
    walk = moved(params, WELL, walkers, KEYS[2], jnp.asarray(0.7), 10)
    squares = np.sum(np.asarray(walk.at) ** 2, axis=(1, 2))
    error = np.std(squares) / len(squares) ** 0.5
    assert np.mean(squares) == pytest.approx(1.5, abs=5 * error)
    assert 0.2 < walk.taken < 0.9
