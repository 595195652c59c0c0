"""Ground states by variational Monte Carlo, with a network of electrons.

log psi is a network as FermiNet has it: features of each electron and of each pair, layers
in which an electron sees the means over both spins, orbitals with envelopes, determinants.
Its kinetic energy is one forward pass, `oc.taylor.forward_laplacian`; the gradient of the
energy by the parameters is a covariance, see docs/wavefunctions.md.

Run: python -m examples.wavefunction [--system hooke|trap|helium] [--steps 400] [--seed 0]
"""

import argparse
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from rich.progress import track

import opcompiler as oc

Params = Any
SINGLE, PAIR, DETERMINANTS = (24, 24), (8, 8), 2


@dataclass(frozen=True)
class System:
    """Electrons around a nucleus or in a harmonic trap, in atomic units.

    Attributes:
        up, down: electrons of either spin.
        charge: of the nucleus at 0.
        stiffness: k of the trap k r^2/2.
        repulsion: the factor of the sum of 1/r_ij: 1, or 0 without interaction.
        energy: of the ground state, as known.
    """

    up: int
    down: int
    charge: float
    stiffness: float
    repulsion: float
    energy: float

    @property
    def electrons(self) -> int:
        return self.up + self.down

    def potential(self, at: Array) -> Array:
        """(n, 3) -> ()."""
        radius = jnp.linalg.norm(at, axis=-1)
        pairs = jnp.triu_indices(self.electrons, 1)
        apart = jnp.linalg.norm(at[pairs[0]] - at[pairs[1]], axis=-1)
        outside = self.stiffness * radius**2 / 2 - self.charge / radius
        return jnp.sum(outside) + self.repulsion * jnp.sum(1 / apart)


SYSTEMS = {
    # Two electrons in a trap: exact for k = 1/4 (Kestner & Sinanoglu, 1962; Taut, 1993).
    "hooke": System(1, 1, charge=0, stiffness=0.25, repulsion=1, energy=2.0),
    # Four of equal spin without interaction: 3/2 + 3 * 5/2.
    "trap": System(4, 0, charge=0, stiffness=1.0, repulsion=0, energy=9.0),
    # Pekeris, 1958.
    "helium": System(1, 1, charge=2, stiffness=0.0, repulsion=1, energy=-2.903724),
}


# --- the network ------------------------------------------------------------------------


def init(key: Array, system: System, complex_valued: bool = False) -> Params:
    """Returns parameters; with `complex_valued` the orbitals have imaginary parts."""
    keys = iter(jax.random.split(key, 3 * len(SINGLE) + 8))

    def matrix(rows: int, columns: int) -> Array:
        return jax.random.normal(next(keys), (rows, columns)) / rows**0.5

    single, pair = (4, *SINGLE), (4, *PAIR)
    spins = 2 if system.down else 1
    layers = [
        {
            "single": matrix((1 + spins) * a + spins * b, c),
            "bias": jnp.zeros(c),
            "pair": matrix(b, d),
        }
        for a, b, c, d in zip(single, pair, single[1:], pair[1:], strict=False)
    ]
    count = DETERMINANTS * system.electrons * (2 if complex_valued else 1)
    return {
        "layers": layers,
        "orbitals": [matrix(SINGLE[-1], count) for _ in range(spins)],
        "bias": [0.1 * matrix(1, count)[0] for _ in range(spins)],
        "decay": jnp.ones((DETERMINANTS, system.electrons)),
        "jastrow": jnp.ones(2),
    }


def orbitals(params: Params, system: System, at: Array) -> tuple[Array, Array]:
    """Matrices of all determinants (K, n, n), and the distances of electrons (n, n)."""
    count = system.electrons
    radius = jnp.linalg.norm(at, axis=-1, keepdims=True)
    apart = at[:, None] - at[None]
    # The distance of an electron to itself has no derivative: 1 in its place, then 0.
    eye = jnp.eye(count)[..., None]
    distance = jnp.linalg.norm(apart + eye, axis=-1, keepdims=True) * (1 - eye)
    single = jnp.concatenate([at, radius], axis=-1)
    pair = jnp.concatenate([apart, distance], axis=-1)
    cut = [system.up] if system.down else []
    for layer in params["layers"]:
        means = [part.mean(0) for part in jnp.split(single, cut)]
        near = [part.mean(1) for part in jnp.split(pair, cut, axis=1)]
        wide = [jnp.broadcast_to(mean, (count, len(mean))) for mean in means]
        inputs = jnp.concatenate([single, *wide, *near], axis=-1)
        after = jnp.tanh(inputs @ layer["single"] + layer["bias"])
        single = after + single if after.shape == single.shape else after
        pair = jnp.tanh(pair @ layer["pair"])
    parts = zip(jnp.split(single, cut), params["orbitals"], params["bias"], strict=True)
    values = jnp.concatenate([part @ w + b for part, w, b in parts])
    if values.shape[-1] > DETERMINANTS * count:
        values = jax.lax.complex(*jnp.split(values, 2, axis=-1))
    # Gaussian in a trap, exponential around a nucleus.
    fall = radius if system.charge else radius**2 * system.stiffness**0.5 / 2
    envelope = jnp.exp(-jnp.abs(params["decay"]) * fall[..., None])
    matrices = values.reshape(count, DETERMINANTS, count) * envelope
    return jnp.moveaxis(matrices, 0, -2), distance[..., 0]


def jastrow(params: Params, system: System, distance: Array) -> Array:
    """Slopes 1/4 and 1/2 where two electrons of equal and of opposite spin meet."""
    spins = jnp.arange(system.electrons) < system.up
    equal = spins[:, None] == spins
    width = jnp.abs(jnp.where(equal, *params["jastrow"]))
    cusp = jnp.where(equal, 0.25, 0.5) * distance / (1 + distance * width)
    return system.repulsion * jnp.sum(jnp.triu(cusp, 1))


def sign_and_log(params: Params, system: System, at: Array) -> tuple[Array, Array]:
    """Phase (a sign, or a number on the unit circle) and log|psi|; (n, 3) -> (), ()."""
    matrices, distance = orbitals(params, system, at)
    phases, logs = jnp.linalg.slogdet(matrices)
    # Subtracting the largest changes no derivative, so it may count as a constant.
    most = jax.lax.stop_gradient(jnp.max(logs))
    total = jnp.sum(phases * jnp.exp(logs - most))
    size = jnp.abs(total)
    return total / size, jnp.log(size) + most + jastrow(params, system, distance)


def log_psi(params: Params, system: System, at: Array) -> Array:
    """log psi, complex; for a real wavefunction log|psi|, real."""
    phase, log = sign_and_log(params, system, at)
    return log + jnp.log(phase) if jnp.iscomplexobj(phase) else log


# --- the energy -------------------------------------------------------------------------


def local_energy(params: Params, system: System, at: Array) -> Array:
    """(H psi)/psi, from one forward pass; (n, 3) -> ()."""
    push = oc.taylor.forward_laplacian(lambda at: log_psi(params, system, at))
    _, slope, laplacian = push(at)
    return -(laplacian + jnp.sum(slope**2)) / 2 + system.potential(at)


def clipped(energies: Array) -> Array:
    """Energies within five mean deviations of their median."""
    middle = jnp.median(energies.real)
    width = 5 * jnp.mean(jnp.abs(energies.real - middle))
    real = jnp.clip(energies.real, middle - width, middle + width)
    return real + 1j * energies.imag if jnp.iscomplexobj(energies) else real


def energies_and_gradient(
    params: Params, system: System, walkers: Array
) -> tuple[Array, Params]:
    """Local energies, and the gradient of their mean by the parameters.

    Walkers are drawn from |psi|^2, which moves with the parameters. The gradient is
    2 Re <conj(E - <E>) d log psi>; that of the mean of E at fixed walkers is only noise.
    """
    energies = jax.vmap(lambda at: local_energy(params, system, at))(walkers)
    kept = clipped(energies)
    weights = jax.lax.stop_gradient(jnp.conj(kept - jnp.mean(kept)))

    def covariance(params: Params) -> Array:
        logs = jax.vmap(lambda at: log_psi(params, system, at))(walkers)
        return 2 * jnp.mean(jnp.real(weights * logs))

    return energies, jax.grad(covariance)(params)


# --- walkers ----------------------------------------------------------------------------


class Walk(NamedTuple):
    """Walkers (N, n, 3), their log|psi| (N,), and the share of moves that were taken."""

    at: Array
    logs: Array
    taken: Array


def moved(
    params: Params, system: System, walkers: Array, key: Array, width: Array, moves: int
) -> Walk:
    """Metropolis moves of all electrons of a walker at once."""
    logs_of = jax.vmap(lambda at: sign_and_log(params, system, at)[1])

    def move(_: int, state: tuple[Walk, Array]) -> tuple[Walk, Array]:
        walk, key = state
        key, by, chance = jax.random.split(key, 3)
        there = walk.at + width * jax.random.normal(by, walk.at.shape)
        logs = logs_of(there)
        ratio = jnp.exp(2 * (logs - walk.logs))
        go = jax.random.uniform(chance, ratio.shape) < ratio
        at = jnp.where(go[:, None, None], there, walk.at)
        taken = walk.taken + jnp.mean(go) / moves
        return Walk(at, jnp.where(go, logs, walk.logs), taken), key

    start = Walk(walkers, logs_of(walkers), jnp.zeros(()))
    return jax.lax.fori_loop(0, moves, move, (start, key))[0]


class Found(NamedTuple):
    """A mean energy, its standard error, and the variance of the local energy."""

    energy: float
    error: float
    variance: float


def train(system: System, steps: int, seed: int, count: int = 512) -> Found:
    """Trains a network, then samples its energy."""
    keys = jax.random.split(jax.random.key(seed), 3)
    params = init(keys[0], system)
    walkers = jax.random.normal(keys[1], (count, system.electrons, 3))
    optimizer = optax.adam(optax.exponential_decay(1e-2, max(steps, 1), 0.05))
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, walkers, width, key):
        walk = moved(params, system, walkers, key, width, 10)
        energies, slopes = energies_and_gradient(params, system, walk.at)
        change, state = optimizer.update(slopes, state)
        # Half of the moves are taken when their width fits.
        width = width * jnp.where(walk.taken > 0.5, 1.1, 1 / 1.1)
        return optax.apply_updates(params, change), state, walk.at, width, energies

    @jax.jit
    def sample(params, walkers, width, key):
        walk = moved(params, system, walkers, key, width, 30)
        at = jax.vmap(lambda at: local_energy(params, system, at))
        return walk.at, at(walk.at)

    width = jnp.asarray(0.5)
    for number in track(range(steps), description="training"):
        key = jax.random.fold_in(keys[2], number)
        params, state, walkers, width, energies = step(
            params, state, walkers, width, key
        )
        if number % 100 == 0:
            print(f"step {number}: {jnp.mean(energies.real):.4f}")
    means, squares = [], []
    for number in range(20):
        key = jax.random.fold_in(keys[2], steps + number)
        walkers, energies = sample(params, walkers, width, key)
        means.append(float(jnp.mean(energies.real)))
        squares.append(float(jnp.var(energies.real)))
    mean = sum(means) / len(means)
    spread = sum((m - mean) ** 2 for m in means) / (len(means) - 1)
    return Found(mean, math.sqrt(spread / len(means)), sum(squares) / len(squares))


def main(options: argparse.Namespace) -> Found:
    system = SYSTEMS[options.system]
    found = train(system, options.steps, options.seed)
    print(
        f"energy {found.energy:.4f} +- {found.error:.4f}, known {system.energy:.4f}; "
        f"variance of the local energy {found.variance:.4f}"
    )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--system", choices=sorted(SYSTEMS), default="hooke")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args())
