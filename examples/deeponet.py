"""Operators from equations alone: a physics-informed DeepONet, with Equinox and optax.

    antiderivative       s' = v(x),                 s(0) = 0
    reaction             u_t = D u_xx + k u^2 + v(x),   u = 0 at t = 0, x = 0, x = 1

The network takes a point and a function v, its values at 101 sensors, and is trained on
Gaussian random functions without a solution; then it is tried on functions that it has not
seen. `oc.over` evaluates every function at every point of a grid: the branch once for each
function, the trunk once for each point.

Source: Wang, Wang, Perdikaris, Learning the solution operator of parametric partial
differential equations with physics-informed DeepONets (2021), sections 4.1 and 4.2: their
D = k = 0.01 and length scale 0.2.

Run: python -m examples.deeponet [--problem reaction] [--steps 1500] [--figure FILE.png]
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import sympy as sp
from rich.progress import track

import opcompiler as oc
from examples.support.one_of_several import options, picture

SENSORS = np.linspace(0, 1, 101)
D = k = 0.01

t, x, v = sp.symbols("t x v")
s, u = sp.Function("s")(x), sp.Function("u")(t, x)
EQUATIONS = {
    "antiderivative": s.diff(x) - v,
    "reaction": u.diff(t) - D * u.diff(x, 2) - k * u**2 - v,
}


class DeepONet(eqx.Module):
    """A branch of the function times a trunk of the point; zero where the solution is."""

    branch: eqx.nn.MLP
    trunk: eqx.nn.MLP

    def __init__(self, size, key):
        first, second = jax.random.split(key)
        self.branch = eqx.nn.MLP(len(SENSORS), 64, 64, 2, jnp.tanh, key=first)
        self.trunk = eqx.nn.MLP(size, 64, 64, 3, jnp.tanh, key=second)

    def __call__(self, point, function):
        value = self.branch(function) @ self.trunk(point)
        ends = point[-1] * (1 - point[-1]) if point.size > 1 else 1.0
        return value * point[0] * ends


def random_functions(key, count: int, length: float = 0.2):
    """Draws from a Gaussian process with a squared exponential kernel, (count, 101)."""
    distance = (SENSORS[:, None] - SENSORS) / length
    kernel = np.exp(-(distance**2) / 2) + 1e-9 * np.eye(len(SENSORS))
    return jax.random.normal(key, (count, len(SENSORS))) @ np.linalg.cholesky(kernel).T


def reference(name: str, functions, steps: int = 1000):
    """Solutions at the sensors, at t = 1: by trapezoids, or by explicit steps in time."""
    width = SENSORS[1]
    if name == "antiderivative":
        steps_of = (functions[:, 1:] + functions[:, :-1]) * width / 2
        return np.pad(np.cumsum(steps_of, axis=1), [(0, 0), (1, 0)])
    values = np.zeros_like(functions)
    for _ in range(steps):
        bend = np.zeros_like(values)
        bend[:, 1:-1] = np.diff(values, 2, axis=1) / width**2
        values = values + (D * bend + k * values**2 + functions) / steps
        values[:, [0, -1]] = 0
    return values


def main(name: str, steps: int, seed: int = 0, figure: str | None = None) -> float:
    keys = jax.random.split(jax.random.key(seed), 3)
    residual = oc.compile(EQUATIONS[name])
    size = len(residual.coordinates)
    network = DeepONet(size, keys[0])
    optimiser = optax.adam(optax.cosine_decay_schedule(2e-3, steps))
    state = optimiser.init(eqx.filter(network, eqx.is_array))
    xs = jnp.asarray(SENSORS)

    @eqx.filter_jit
    def step(network, state, key):
        first, second = jax.random.split(key)
        functions = random_functions(first, 32)
        times = {"t": jax.random.uniform(second, (16,))} if size == 2 else {}
        grid = oc.grid({**times, "x": xs})
        values = functions[:, None, :] if times else functions

        def loss(network):
            return jnp.mean(residual(network, oc.over(functions, grid), v=values) ** 2)

        value, slope = eqx.filter_value_and_grad(loss)(network)
        change, state = optimiser.update(slope, state)
        return eqx.apply_updates(network, change), state, value

    for key in track(jax.random.split(keys[1], steps), description="training"):
        network, state, _ = step(network, state, key)
    unseen = random_functions(keys[2], 100)
    points = jnp.stack([jnp.ones_like(xs), xs][2 - size :], axis=-1)
    found = jax.vmap(lambda a: jax.vmap(lambda p: network(p, a))(points))(unseen)
    wanted = reference(name, np.asarray(unseen, np.float64))
    errors = np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
    print(f"{name}: relative L2 error of 100 unseen functions at the end:")
    print(f"mean {100 * errors.mean():.2f} %, worst {100 * errors.max():.2f} %")
    if figure:
        draw(name, np.asarray(unseen), np.asarray(found), wanted, figure)
    return float(errors.mean())


def draw(name: str, functions, found, wanted, path: str) -> None:
    """Shows four functions, and their solutions by the network and the reference."""
    with picture(path, 2, (9, 3.2)) as (left, right):
        for number in range(4):
            colour, first = f"C{number}", not number
            left.plot(SENSORS, functions[number], colour)
            right.plot(SENSORS, wanted[number], colour, label="reference" * first)
            right.plot(SENSORS, found[number], "k--", lw=1, label="DeepONet" * first)
        left.set(title="Functions that training has not seen", xlabel="x", ylabel="v")
        is_integral = name == "antiderivative"
        title, symbol = ("Their integrals", "s") if is_integral else ("At t = 1", "u")
        right.set(title=title, xlabel="x", ylabel=symbol)
        right.legend(frameon=False)


if __name__ == "__main__":
    given = options(__doc__, EQUATIONS, default="reaction", steps=1500)
    main(given.problem, given.steps, given.seed, given.figure)
