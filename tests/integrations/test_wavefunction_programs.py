"""The programs of `docs/tools/ferminet.md` and `docs/tools/deepqmc.md`.

Neither package is installed with the project. Where one can be imported its page runs as it
stands, on a small molecule; the lines that go into it run anyway, on plain functions.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.draws import normal

FOLDER = Path(__file__).parents[2] / "docs" / "tools"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (FOLDER / page).read_text(), re.DOTALL)


def run(page: str, *code: str) -> dict:
    names: dict = {}
    for block in code:
        exec(compile(block, page, "exec"), names)
    return names


@jax.tree_util.register_dataclass
@dataclass
class Data:
    """What ferminet hands to a network."""

    positions: jax.Array
    spins: jax.Array
    atoms: jax.Array
    charges: jax.Array


@pytest.mark.parametrize("complex_output", [False, True])
def test_ferminet_lines_alone(complex_output) -> None:
    names = run("ferminet.md", blocks("ferminet.md")[0])
    given = Data(normal(0, (6,)), np.ones(2), np.ones((1, 3)), np.ones(1))

    def f(params, positions, spins, atoms, charges):
        hidden = jnp.tanh(params * positions + jnp.roll(positions, 1))
        return jnp.sum(hidden**2), jnp.log(jnp.sum(hidden**4) + charges[0])

    kinetic = names["local_kinetic_energy"](f, complex_output=complex_output)

    @jax.jit
    def both(data):
        parts = [
            lambda x, n=n: f(0.7, x, data.spins, data.atoms, data.charges)[n]
            for n in ([1, 0] if complex_output else [1])
        ]
        slopes = [jax.grad(part)(data.positions) for part in parts]
        bends = [jnp.trace(jax.hessian(part)(data.positions)) for part in parts]
        slope = sum(c * s for c, s in zip((1, 1j), slopes, strict=False))
        bend = sum(c * b for c, b in zip((1, 1j), bends, strict=False))
        return kinetic(0.7, data), -(bend + jnp.sum(slope**2)) / 2

    np.testing.assert_allclose(*both(given), rtol=1e-10)


def test_deepqmc_lines_alone() -> None:
    names = run("deepqmc.md", blocks("deepqmc.md")[0])
    f = lambda x: jnp.sum(jnp.sin(x) * jnp.roll(x, 1) ** 2)
    x = normal(0, (6,))
    ours = names["laplacian_factory"](f)

    @jax.jit
    def both(x):
        return ours(x), (jnp.trace(jax.hessian(f)(x)), jax.grad(f)(x))

    for one, other in zip(*both(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_the_page_with_ferminet(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(jax, "device_put_replicated", None, raising=False)
    pytest.importorskip(
        "ferminet",
        reason="ferminet is not installed; it is in no package index: clone "
        "github.com/google-deepmind/ferminet and pip install it",
    )
    from ferminet import hamiltonian, networks

    theirs = hamiltonian.local_kinetic_energy
    monkeypatch.setattr(hamiltonian, "local_kinetic_energy", theirs)
    monkeypatch.chdir(tmp_path)
    names = run("ferminet.md", *blocks("ferminet.md"))
    (table,) = tmp_path.rglob("train_stats.csv")
    assert len(table.read_text().splitlines()) == 6  # a head, and five steps
    atoms, charges = jnp.zeros((1, 3)), jnp.array([4.0])
    spins = jnp.array([1.0, 1.0, -1.0, -1.0])
    at = normal(1, (12,))
    data = networks.FermiNetData(
        positions=at, spins=spins, atoms=atoms, charges=charges
    )
    for complex_output in (False, True):
        network = networks.make_fermi_net(
            (2, 2), charges, determinants=4, hidden_dims=((16, 4),) * 2,
            complex_output=complex_output,
        )  # fmt: skip
        params = network.init(jax.random.key(0))
        params = jax.tree.map(lambda leaf: leaf.astype(float), params)
        energies = [
            jax.jit(make(network.apply, complex_output=complex_output))(params, data)
            for make in (names["local_kinetic_energy"], theirs)
        ]
        np.testing.assert_allclose(*energies, rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_the_page_with_deepqmc() -> None:
    pytest.importorskip(
        "deepqmc", reason="DeepQMC is not installed: pip install deepqmc"
    )
    names = run("deepqmc.md", *blocks("deepqmc.md"))
    kind, walkers = names["MolecularHamiltonian"], names["walkers"]
    double = lambda tree: jax.tree.map(
        lambda a: a.astype(float) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree
    )
    given = names["key"], double(names["params"]), double(walkers)
    energies = []
    for hamiltonian in (names["hamiltonian"], kind(mol=names["molecule"])):
        energy = jax.vmap(
            hamiltonian.local_energy(names["ansatz"].apply), (None, None, 0)
        )
        energies.append(jax.jit(energy)(*given)[0])
    np.testing.assert_allclose(*energies, rtol=1e-9)
