"""Kinetic energies in other packages, ours beside theirs.

    python -m tests.benchmarks.kinetic_energies PACKAGE

PACKAGE is netket, ferminet, psiformer (of ferminet) or deepqmc, and has to be installed.
What goes into it is the first program of its page in docs/tools; networks, walkers and
rivals are the package's. `--gradient` times the parameter gradient of the mean square, too.
`--double` takes double precision. In single precision gradients may differ much: walkers
that lie near a node of a wavefunction lose most digits, in every package.
"""

import argparse
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from tests.benchmarks.timing import compiled, race

FOLDER = Path(__file__).parents[2] / "docs" / "tools"
Scene = tuple[Mapping[str, Callable], Any, Any]
"""Energies of (parameters, walkers), ours first; parameters; walkers."""


def page(name: str) -> dict[str, Any]:
    """What the first program of a page defines."""
    text = (FOLDER / f"{name}.md").read_text()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], names)
    return names


def netket() -> Scene:
    """Ten particles in space, a deep set of width 64, 64 samples, double precision."""
    import netket as nk
    from flax import linen

    class LogPsi(linen.Module):
        @linen.compact
        def __call__(self, x):
            hidden = x.reshape(*x.shape[:-1], 10, 3)
            for _ in range(3):
                hidden = linen.tanh(linen.Dense(64, param_dtype=float)(hidden))
            hidden = linen.tanh(linen.Dense(64, param_dtype=float)(hidden.sum(-2)))
            out = linen.Dense(1, param_dtype=float)(hidden)[..., 0]
            return out - jnp.sum(x**2, axis=-1) / 2

    space = nk.experimental.geometry.FreeSpace(d=3)
    hilbert = nk.experimental.hilbert.Particle(N=10, geometry=space)
    samples = jax.random.normal(jax.random.key(0), (64, 30))
    params = LogPsi().init(jax.random.key(1), samples)
    kinds = {
        "opcompiler": page("netket")["KineticEnergy"],
        "netket": nk.operator.KineticEnergy,
    }

    def of_all(operator: Any) -> Callable:
        return lambda params, x: operator._expect_kernel(LogPsi().apply, params, x)

    energies = {name: of_all(kind(hilbert, mass=1.0)) for name, kind in kinds.items()}
    return energies, params, samples


def ferminet() -> Scene:
    """Neon, FermiNet as its standard settings have it (16 determinants), 4 walkers."""
    from ferminet import networks

    return _neon(networks.make_fermi_net)


def psiformer() -> Scene:
    """Neon, ferminet's Psiformer as its standard settings have it, 4 walkers."""
    from ferminet import base_config, psiformer

    settings = base_config.default().network.psiformer
    return _neon(partial(psiformer.make_fermi_net, **settings.to_dict()))


def _neon(make_network: Callable) -> Scene:
    from ferminet import hamiltonian, networks

    atoms, charges = jnp.zeros((1, 3)), jnp.array([10.0])
    spins = jnp.array([1.0] * 5 + [-1.0] * 5)
    network = make_network((5, 5), charges)
    params = network.init(jax.random.key(0))
    walkers = jax.random.normal(jax.random.key(1), (4, 30))
    make = hamiltonian.local_kinetic_energy
    kinetic = {
        "opcompiler": page("ferminet")["local_kinetic_energy"](network.apply),
        "folx sparse(6)": make(network.apply, laplacian_method="folx"),
        "folx dense": _dense(network.apply),
        "ferminet": make(network.apply),
    }

    def of_all(one: Callable) -> Callable:
        def energy(params, at):
            data = networks.FermiNetData(
                positions=at, spins=spins, atoms=atoms, charges=charges
            )
            return one(params, data)

        return jax.vmap(energy, (None, 0))

    return {name: of_all(one) for name, one in kinetic.items()}, params, walkers


def _dense(network: Callable) -> Callable:
    """The kinetic energy by folx with all directions: ferminet has the threshold 6."""
    import folx

    def energy(params: Any, data: Any) -> Any:
        log_psi = lambda x: network(params, x, data.spins, data.atoms, data.charges)[1]
        found = folx.forward_laplacian(log_psi, 0)(data.positions)
        slope = found.jacobian.dense_array
        return -(found.laplacian + jnp.sum(slope**2)) / 2

    return energy


def deepqmc() -> Scene:
    """Water, DeepQMC's standard network, 16 walkers; energies with the potentials."""
    import deepqmc
    import folx
    import hydra
    from deepqmc.app import instantiate_ansatz
    from deepqmc.hamil import MolecularHamiltonian
    from deepqmc.molecule import Molecule
    from deepqmc.physics import laplacian

    molecule = Molecule.from_name("H2O")
    factories = {
        "opcompiler": page("deepqmc")["laplacian_factory"],
        "folx": folx.ForwardLaplacianOperator(0),
        "deepqmc": laplacian,
    }
    hamiltonians = {
        name: MolecularHamiltonian(mol=molecule, laplacian_factory=factory)
        for name, factory in factories.items()
    }
    folder = os.path.join(os.path.dirname(deepqmc.__file__), "conf", "ansatz")
    with hydra.initialize_config_dir(folder, version_base=None):
        settings = hydra.compose("default")
    first = hamiltonians["opcompiler"]
    ansatz = instantiate_ansatz(
        first, hydra.utils.instantiate(settings, _convert_="all")
    )
    key = jax.random.PRNGKey(0)
    walkers = first.init_sample(key, molecule.coords, 16)
    params = ansatz.init(key, jax.tree.map(lambda leaf: leaf[0], walkers))

    def of_all(hamiltonian: Any) -> Callable:
        local = hamiltonian.local_energy(ansatz.apply)
        return jax.vmap(lambda params, at: local(None, params, at)[0], (None, 0))

    return {name: of_all(h) for name, h in hamiltonians.items()}, params, walkers


PACKAGES = {
    "netket": netket,
    "ferminet": ferminet,
    "psiformer": psiformer,
    "deepqmc": deepqmc,
}


def slope_of(energy: Callable) -> Callable:
    """The gradient of the mean square, as one array."""
    square = lambda params, walkers: jnp.mean(jnp.abs(energy(params, walkers)) ** 2)
    return lambda *given: ravel_pytree(jax.grad(square)(*given))[0]


def measure(
    what: str,
    contestants: Mapping[str, Callable],
    params: Any,
    walkers: Any,
    times: int,
) -> None:
    programs: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    # In both orders: the first one warms up JAX and XLA for the others.
    for order in (contestants, reversed(contestants)):
        for name in order:
            jax.clear_caches()
            programs[name], taken = compiled(contestants[name], params, walkers)
            seconds[name].append(taken)
    ours, *_ = found = [program(params, walkers) for program in programs.values()]
    medians = race(programs, params, walkers, times)
    print(what)
    for (name, time), values in zip(medians.items(), found, strict=True):
        away = np.max(np.abs(values - ours)) / np.max(np.abs(ours))
        print(
            f"    {name}: {time:.2f} ms, {mean(seconds[name]):.1f} s, {away:.0e} from ours"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.kinetic_energies")
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--gradient", action="store_true")
    parser.add_argument("--double", action="store_true")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.double)
    energies, params, walkers = PACKAGES[options.package]()
    print(PACKAGES[options.package].__doc__)
    print("jax", jax.__version__, "folx", version("folx"))
    measure("energies", energies, params, walkers, options.repeats)
    if options.gradient:
        slopes = {name: slope_of(energy) for name, energy in energies.items()}
        measure("gradient", slopes, params, walkers, options.repeats)


if __name__ == "__main__":
    main()
