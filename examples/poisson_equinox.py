"""Poisson's equation on the unit square, with an Equinox network and optax.

    -(u_xx + u_yy) = 2 pi^2 sin(pi x) sin(pi y),   u = 0 on the boundary,

whose solution is sin(pi x) sin(pi y). The boundary values hold by construction.

Run: python examples/poisson_equinox.py [--steps 2000] [--seed 0]
"""

import argparse

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import sympy as sp
from rich.progress import track

import opcompiler as oc

x, y = sp.symbols("x y")
u = sp.Function("u")(x, y)
source = 2 * sp.pi**2 * sp.sin(sp.pi * x) * sp.sin(sp.pi * y)
residual = oc.compile(sp.Eq(-u.diff(x, 2) - u.diff(y, 2), source))


class Field(eqx.Module):
    """x (1 - x) y (1 - y) N(x, y): zero on the boundary whatever N is."""

    network: eqx.nn.MLP

    def __init__(self, key):
        self.network = eqx.nn.MLP(2, "scalar", 32, 3, jnp.tanh, key=key)

    def __call__(self, point):
        return jnp.prod(point * (1 - point)) * self.network(point)


def main(steps: int, seed: int) -> float:
    keys = jax.random.split(jax.random.key(seed), 2)
    field = Field(keys[0])
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, steps))
    state = optimiser.init(eqx.filter(field, eqx.is_array))

    @eqx.filter_jit
    def step(field, state, key):
        points = jax.random.uniform(key, (256, 2))

        def loss(field):
            return jnp.mean(residual(field, points) ** 2)

        value, slope = eqx.filter_value_and_grad(loss)(field)
        change, state = optimiser.update(slope, state)
        return eqx.apply_updates(field, change), state, value

    for key in track(jax.random.split(keys[1], steps), description="training"):
        field, state, _ = step(field, state, key)
    axis = jnp.linspace(0, 1, 41)
    grid = jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    exact = jnp.prod(jnp.sin(jnp.pi * grid), axis=-1)
    error = jnp.linalg.norm(jax.vmap(field)(grid) - exact) / jnp.linalg.norm(exact)
    print(residual.plan)
    print(f"relative L2 error after {steps} steps: {100 * error:.3f} %")
    return float(error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    main(options.steps, options.seed)
