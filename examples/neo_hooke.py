"""Elasticity with finite strain: a Neo-Hookean square under a body force, at rest.

The deformation gradient is F = 1 + grad d, and the stress of a compressible Neo-Hookean
solid P = mu (F - F^-T) + lam log(det F) F^-T. Inverse and determinant stay held: `compile`
differentiates them as what they are, and nothing is written out. The force is that of a
displacement which is known, so the error of what is learned can be said.

Run: python examples/neo_hooke.py [--steps 1500] [--seed 0]
"""

import argparse

import jax
import jax.numpy as jnp
import optax
import sympy as sp
from rich.progress import track

import opcompiler as oc

SHEAR, BULK = 1.0, 4.0

X = sp.symbols("x y")
d = oc.VectorField("d1 d2", *X)
mu, lam = sp.symbols("mu lam")
F = sp.eye(2) + oc.grad(d, X)
turned = oc.inverse(F).T
stress = mu * (F - turned) + lam * sp.log(oc.det(F)) * turned
balance = oc.compile(oc.div(stress, X), fields=d)


def exact(point):
    """The displacement that the force belongs to, (2,) -> (2,); zero at the sides."""
    x, y = point
    bump = jnp.sin(jnp.pi * x) * jnp.sin(jnp.pi * y)
    return bump * jnp.stack([0.15 + 0.1 * y, -0.1 * jnp.cos(jnp.pi * x)])


def by_hand(displacement, point):
    """The divergence of the stress by nested derivatives, (2,)."""

    def stress(point):
        F = jnp.eye(2) + jax.jacfwd(displacement)(point)
        turned = jnp.linalg.inv(F).T
        return SHEAR * (F - turned) + BULK * jnp.log(jnp.linalg.det(F)) * turned

    return jnp.einsum("ijj->i", jax.jacfwd(stress)(point))


def apply(params, point):
    """A network times what is zero at the sides, (2,) -> (2,)."""
    hidden = point
    for weights, bias in params[:-1]:
        hidden = jnp.tanh(hidden @ weights + bias)
    weights, bias = params[-1]
    return jnp.prod(point * (1 - point)) * (hidden @ weights + bias)


def start(key, sizes=(2, 32, 32, 2)):
    """Random layers."""
    keys = jax.random.split(key, len(sizes))
    return [
        (jax.random.normal(key, (m, n)) / m**0.5, jnp.zeros(n))
        for key, m, n in zip(keys, sizes, sizes[1:], strict=False)
    ]


def main(steps: int, seed: int) -> float:
    keys = jax.random.split(jax.random.key(seed), 3)
    points = jax.random.uniform(keys[0], (512, 2))
    constants = {"mu": SHEAR, "lam": BULK}
    force = jnp.stack(balance(exact, points, **constants), -1)
    nested = jax.vmap(lambda point: by_hand(exact, point))(points)
    off = float(jnp.abs(force - nested).max() / jnp.abs(nested).max())
    print(f"force against nested derivatives: {off:.1e}")

    divergence = balance.bind(apply)
    params = start(keys[1])
    optimiser = optax.adam(optax.cosine_decay_schedule(5e-3, steps))
    state = optimiser.init(params)

    def loss(params):
        left = jnp.stack(divergence(params, points, **constants), -1)
        return jnp.mean((left - force) ** 2)

    @jax.jit
    def step(params, state):
        change, state = optimiser.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, change), state

    for _ in track(range(steps), description="training"):
        params, state = step(params, state)

    test = jax.random.uniform(keys[2], (2000, 2))
    found = jax.vmap(lambda point: apply(params, point))(test)
    true = jax.vmap(exact)(test)
    error = float(jnp.linalg.norm(found - true) / jnp.linalg.norm(true))
    print(f"relative L2 error of the displacement {100 * error:.3f} %")
    return error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    main(options.steps, options.seed)
