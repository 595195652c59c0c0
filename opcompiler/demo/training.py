r"""Training of a physics-informed network for Burgers' equation, by Muon.

Muon makes the update of every weight matrix orthogonal, and Adam updates the biases
(Jordan et al., 2024). In 4000 steps its errors were 0.16 to 0.37 %, those of Adam alone
in 16 000 steps 0.24 %.

Two habits make the front trainable without knowing where it is. The collocation points
are drawn anew every `EVERY` steps, half of them with a density proportional to the
residual (Wu et al., CMAME 403, 2023), and the residual is divided by $1 + |u_x|/10$,
because it is large wherever the solution is steep, right or wrong (in the manner of
Liu et al., J. Sci. Comput. 98, 2024).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array
from optax.contrib import muon

import opcompiler as oc
from opcompiler.demo import burgers, perceptron, problems

POINTS = 1024
POOL = 4 * POINTS
EVERY = 50
PEAK_RATE = 1e-2
STEEP = 10.0

Report = Callable[[int, float], None]


def train(steps: int, seed: int, report: Report) -> perceptron.Params:
    """Trains for `steps` steps; calls `report(steps done, loss)` every `EVERY`."""
    weighted = _weighted_residual()
    optimizer = muon(_rate(steps), adam_b2=0.99)

    @jax.jit
    def few_steps(
        params: perceptron.Params, state: optax.OptState, key: Array, count: Array
    ) -> tuple[perceptron.Params, optax.OptState, Array]:
        points = _draw(weighted, params, key)

        def loss(params: perceptron.Params) -> Array:
            return jnp.mean(weighted(params, points) ** 2)

        def step(_: Array, carry: tuple) -> tuple:
            params, state, _ = carry
            value, gradient = jax.value_and_grad(loss)(params)
            updates, state = optimizer.update(gradient, state, params)
            return optax.apply_updates(params, updates), state, value

        return jax.lax.fori_loop(0, count, step, (params, state, jnp.float32(0)))

    first, *keys = jax.random.split(jax.random.key(seed), 1 + -(-steps // EVERY))
    params = perceptron.init(first, burgers.LAYERS)
    state = optimizer.init(params)
    for number, key in enumerate(keys):
        done = min(steps, (number + 1) * EVERY)
        params, state, value = few_steps(params, state, key, done - number * EVERY)
        report(done, float(value))
    return params


def _weighted_residual() -> Callable[[perceptron.Params, Array], Array]:
    """Returns (params, points) -> residuals, damped where the solution is steep."""
    operator = oc.compile(problems.burgers_with_slope()).bind(burgers.apply)

    def weighted(params: perceptron.Params, points: Array) -> Array:
        values = operator(params, points, nu=burgers.NU)
        steepness = jax.lax.stop_gradient(jnp.abs(values["slope"]))
        return values["residual"] / (1 + steepness / STEEP)

    return weighted


def _draw(
    weighted: Callable[[perceptron.Params, Array], Array],
    params: perceptron.Params,
    key: Array,
) -> Array:
    """Draws points (t, x), half by the size of the residual, half uniformly."""
    among, which = jax.random.split(key)
    low, high = jnp.array([0.0, -1.0]), jnp.array([1.0, 1.0])
    pool = jax.random.uniform(among, (POOL, 2), minval=low, maxval=high)
    size = jnp.abs(weighted(params, pool))
    density = size / jnp.sum(size) + 1 / POOL
    chosen = jax.random.choice(
        which, POOL, (POINTS,), replace=False, p=density / jnp.sum(density)
    )
    return pool[chosen]


def _rate(steps: int) -> optax.Schedule:
    """Returns a learning rate that rises for a short while and falls as a cosine."""
    return optax.warmup_cosine_decay_schedule(
        0.0, PEAK_RATE, min(200, steps // 10), steps, end_value=PEAK_RATE / 300
    )
