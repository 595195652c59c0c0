"""Kinetic energies of wavefunctions: a network of ten electrons, and determinants alone.

The network has what such networks have: features of each electron and of each pair, layers
in which an electron sees the means over both spins, matrices of orbitals with envelopes,
and log|psi| as a sum over determinants.
"""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp

import opcompiler as oc
from tests.benchmarks import rivals
from tests.benchmarks.timing import Row

ELECTRONS, UP, DETERMINANTS, WALKERS = 10, 5, 16, 16
SINGLE, PAIRS = (64,) * 3, (16,) * 3
DIM = 3 * ELECTRONS


def _matrices(key, shapes):
    return [
        jax.random.normal(k, shape, jnp.float32) / shape[-2] ** 0.5
        for k, shape in zip(jax.random.split(key, len(shapes)), shapes, strict=True)
    ]


def scene():
    """Parameters of the network, and electrons around a nucleus at 0."""
    keys = jax.random.split(jax.random.key(0), 5)
    single, pairs = (4, *SINGLE), (4, *PAIRS)
    mixed = [(3 * a + 2 * b, c) for a, b, c in zip(single, pairs, SINGLE, strict=False)]
    params = {
        "single": _matrices(keys[0], mixed),
        "pairs": _matrices(keys[1], list(pairwise(pairs))[:-1]),
        "orbitals": _matrices(keys[2], [(2, SINGLE[-1], DETERMINANTS * ELECTRONS)])[0],
        "decay": jnp.ones((DETERMINANTS, ELECTRONS), jnp.float32),
    }
    return params, jax.random.normal(keys[4], (WALKERS, DIM), jnp.float32)


def _both_spins(mean_over, values):
    up, down = jnp.split(values, [UP], axis=0)
    return [mean_over(up), mean_over(down)]


def _layer(single, pairs, weights):
    """One layer for the electrons: each sees itself, both spins, and its pairs."""
    mean = lambda part: jnp.broadcast_to(
        part.mean(0, keepdims=True), (ELECTRONS, part.shape[-1])
    )
    near = _both_spins(lambda part: part.mean(0), pairs)
    inputs = [single, *_both_spins(mean, single), *near]
    return jnp.tanh(jnp.concatenate(inputs, axis=-1) @ weights)


def apply(params, point):
    """log|psi|, (30,) -> ()."""
    at = point.reshape(ELECTRONS, 3)
    radius = jnp.linalg.norm(at, axis=-1, keepdims=True)
    apart = at[:, None] - at[None]
    # The distance of an electron to itself has no derivative: 1 in its place, then 0.
    eye = jnp.eye(ELECTRONS, dtype=point.dtype)[..., None]
    distance = jnp.linalg.norm(apart + eye, axis=-1, keepdims=True) * (1 - eye)
    single = jnp.concatenate([at, radius], axis=-1)
    pairs = jnp.concatenate([apart, distance], axis=-1)
    for layer, weights in enumerate(params["single"]):
        after = _layer(single, pairs, weights)
        single = after + single if after.shape == single.shape else after
        if layer < len(params["pairs"]):
            after = jnp.tanh(pairs @ params["pairs"][layer])
            pairs = after + pairs if after.shape == pairs.shape else after
    orbitals = jnp.concatenate(
        [
            h @ w
            for h, w in zip(jnp.split(single, [UP]), params["orbitals"], strict=True)
        ]
    )
    orbitals = orbitals.reshape(ELECTRONS, DETERMINANTS, ELECTRONS)
    orbitals = orbitals * jnp.exp(-jnp.abs(params["decay"]) * radius[..., None])
    return log_sum(jnp.moveaxis(orbitals, 0, -2))


def log_sum(matrices):
    """log|sum of determinants|, (K, n, n) -> ()."""
    sign, logs = jnp.linalg.slogdet(matrices)
    most = jax.lax.stop_gradient(jnp.max(logs))
    return most + jnp.log(jnp.abs(jnp.sum(sign * jnp.exp(logs - most))))


def determinants(params, point):
    """Sixteen determinants of matrices that are one layer of the point, (30,) -> ()."""
    rows = jnp.tanh(point @ params["layer"])
    return log_sum(rows.reshape(DETERMINANTS, ELECTRONS, ELECTRONS))


def scene_of_determinants():
    keys = jax.random.split(jax.random.key(0))
    (layer,) = _matrices(keys[0], [(DIM, DETERMINANTS * ELECTRONS**2)])
    return {"layer": layer}, jax.random.normal(keys[1], (WALKERS, DIM), jnp.float32)


def kinetic(apply, by, **options):
    """-(Laplacian + |gradient|^2)/2 of log|psi| at all walkers."""

    def one(params, walker):
        slope, laplacian = by(partial(apply, params), walker, **options)
        return -(laplacian + jnp.sum(slope**2)) / 2

    return jax.vmap(one, (None, 0))


def ours(net, walker):
    _, slope, laplacian = oc.taylor.forward_laplacian(net)(walker)
    return slope, laplacian


def _row(name, apply, scene) -> Row:
    return Row(
        name, DIM, 1, 0,
        {
            "oc.taylor.forward_laplacian": kinetic(apply, ours),
            "folx dense": kinetic(apply, rivals.folx),
            "folx sparse(6)": kinetic(apply, rivals.folx, sparsity=6),
            "ferminet's loop": kinetic(apply, rivals.loop),
        },
        (), WALKERS, repeats=11, plain=apply, scene=scene,
    )  # fmt: skip


def network_row() -> Row:
    return _row("kinetic energy, network of 10 electrons", apply, scene)


def determinants_row() -> Row:
    name = f"kinetic energy, slogdet ({DETERMINANTS}, {ELECTRONS}, {ELECTRONS})"
    return _row(name, determinants, scene_of_determinants)
