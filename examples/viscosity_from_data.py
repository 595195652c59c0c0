"""An inverse problem: the unknown viscosity of Burgers' equation, with Flax NNX.

A travelling wave 1 - tanh((x - t) / (2 nu)) is measured at scattered points. The network
and nu are trained together: a data term, and the compiled residual in which nu is a
parameter that JAX differentiates by.

Run: python examples/viscosity_from_data.py [--steps 4000] [--seed 0]
"""

import argparse

import jax
import jax.numpy as jnp
import optax
import sympy as sp
from flax import nnx
from rich.progress import track

import opcompiler as oc

TRUE_VISCOSITY = 0.2

t, x, nu = sp.symbols("t x nu")
u = sp.Function("u")(t, x)
residual = oc.compile(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2))


def wave(points):
    """The exact solution, (N, 2) -> (N,)."""
    time, place = points.T
    return 1 - jnp.tanh((place - time) / (2 * TRUE_VISCOSITY))


class Network(nnx.Module):
    """Three tanh layers, (2,) -> ()."""

    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.first = nnx.Linear(2, 24, rngs=rngs)
        self.second = nnx.Linear(24, 24, rngs=rngs)
        self.last = nnx.Linear(24, 1, rngs=rngs)

    def __call__(self, point):
        hidden = jnp.tanh(self.second(jnp.tanh(self.first(point))))
        return self.last(hidden)[0]


def main(steps: int, seed: int) -> float:
    graph, weights = nnx.split(Network(seed))

    def apply(weights, point):
        return nnx.merge(graph, weights)(point)

    burgers = residual.bind(apply)
    keys = jax.random.split(jax.random.key(seed), 2)
    points = jax.random.uniform(keys[0], (512, 2), minval=jnp.array([0.0, -1.0]))
    measured = wave(points[:128])

    def loss(unknowns):
        weights, log_nu = unknowns
        field = jax.vmap(apply, (None, 0))(weights, points[:128])
        equation = burgers(weights, points, nu=jnp.exp(log_nu))
        return jnp.mean((field - measured) ** 2) + 0.1 * jnp.mean(equation**2)

    optimiser = optax.adam(optax.cosine_decay_schedule(5e-3, steps))
    unknowns = (weights, jnp.log(0.05))
    state = optimiser.init(unknowns)

    @jax.jit
    def step(unknowns, state):
        change, state = optimiser.update(jax.grad(loss)(unknowns), state)
        return optax.apply_updates(unknowns, change), state

    for _ in track(range(steps), description="training"):
        unknowns, state = step(unknowns, state)
    found = float(jnp.exp(unknowns[1]))
    print(f"viscosity {found:.4f}, true {TRUE_VISCOSITY}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    main(options.steps, options.seed)
