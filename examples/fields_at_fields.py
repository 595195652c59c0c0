"""Fields that stand at places which hold fields, each against its closed form.

    stefan     ice melts: u_t = u_xx for 0 < x < s(t), u(t, 0) = 1, u(t, s(t)) = 0,
               s'(t) = -u_x(t, s(t)); the front s is a network, too
    delay      a delay that depends on the state: t y'(t) = y(t) y(ln y(t)), y = 1 before
               t = 1
    richards   water in soil, h_t = (K(h) (h_z + 1))_z: the law K is a network, and is found
               from h, known, and from its value at one head

Sources: Stefan's similarity solution, s = 2 a sqrt(t), is in Carslaw and Jaeger, Conduction
of Heat in Solids, section 11.2. The delay is a usual test of solvers for such equations,
with y = t up to e and exp(t / e) up to e^2. The wave in soil is made here: h falls from 0
to -1 along z - t, and K(h) = (0.2 - h) / (1 + h + h^2) carries it.

Run: python -m examples.fields_at_fields [--problem stefan] [--steps 3000] [--figure FILE]
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

t, x, z = sp.symbols("t x z")
u, s, y, h, K = map(sp.Function, ("u", "s", "y", "h", "K"))

SPEED = 0.6200626333
"""a of Stefan's solution: a exp(a^2) erf(a) = 1 / sqrt(pi)."""


def perceptron(size, key, width=32):
    return eqx.nn.MLP(size, "scalar", width, 2, jnp.tanh, key=key)


class Stefan:
    """The front starts at t = 0.1, where the exact solution does."""

    residual = oc.compile(
        {
            "heat": u(t, x).diff(t) - u(t, x).diff(x, 2),
            "front": u(t, s(t)),
            "melting": s(t).diff(t) + u(t, x).diff(x).subs(x, s(t)),
        },
        coordinates=[t, x],
    )

    @staticmethod
    def networks(key):
        first, second = jax.random.split(key)
        nets = perceptron(2, first), perceptron(1, second)
        return nets, {"u": Stefan.temperature, "s": Stefan.front}

    @staticmethod
    def front(nets, p):
        return jnp.sqrt(0.1) * 2 * SPEED + (p[0] - 0.1) * nets[1](p)

    @staticmethod
    def temperature(nets, p):
        """1 at x = 0, and the exact solution at t = 0.1."""
        start = Stefan.exact(jnp.full_like(p[0], 0.1), p[1])
        return start + (p[0] - 0.1) * p[1] * nets[0](p)

    @staticmethod
    def exact(time, place):
        erf = jax.scipy.special.erf
        return 1 - erf(place / (2 * jnp.sqrt(time))) / erf(SPEED)

    @staticmethod
    def points(nets, key):
        """Times, and places between the wall and the front as it is now."""
        time, part = jax.random.uniform(key, (2, 256))
        time = 0.1 + 0.9 * time
        front = jax.vmap(lambda one: Stefan.front(nets, one[None]))(time)
        return jnp.stack([time, part * jax.lax.stop_gradient(front)], axis=-1)

    @staticmethod
    def compared(nets):
        times = jnp.linspace(0.1, 1, 91)
        found = jax.vmap(lambda one: Stefan.front(nets, one[None]))(times)
        return "t", "front s", times, found, 2 * SPEED * jnp.sqrt(times)


class Delay:
    """y = 1 up to t = 1 by construction; the logarithm is the place of a field."""

    residual = oc.compile(
        {"delay": y(t).diff(t) - y(t) * y(sp.log(y(t))) / t}, coordinates=[t]
    )

    @staticmethod
    def networks(key):
        return (perceptron(1, key),), {"y": Delay.value}

    @staticmethod
    def value(nets, p):
        after = jnp.maximum(p[0] - 1, 0)
        return jnp.exp(after * jnp.exp(nets[0](after[None]) - 1))

    @staticmethod
    def points(nets, key):
        del nets
        return jax.random.uniform(key, (128, 1), minval=1, maxval=6)

    @staticmethod
    def compared(nets):
        times = jnp.linspace(1, 6, 101)
        found = jax.vmap(lambda one: Delay.value(nets, one[None]))(times)
        exact = jnp.where(times < jnp.e, times, jnp.exp(times / jnp.e))
        return "t", "y", times, found, exact


class Richards:
    """The head is known, a travelling wave; the conductivity is sought."""

    residual = oc.compile(
        {
            "soil": h(t, z).diff(t) - (K(h(t, z)) * (h(t, z).diff(z) + 1)).diff(z),
            "measured": K(-sp.Rational(1, 2)) - sp.Rational(14, 15),
        },
        coordinates=[t, z],
    )

    @staticmethod
    def networks(key):
        return (perceptron(1, key),), {"h": Richards.head, "K": Richards.law}

    @staticmethod
    def head(nets, p):
        del nets
        return -jax.nn.sigmoid(p[1] - p[0])

    @staticmethod
    def law(nets, p):
        return jnp.exp(nets[0](p))

    @staticmethod
    def points(nets, key):
        del nets
        return jax.random.uniform(key, (128, 2), minval=-3.0, maxval=3.0)

    @staticmethod
    def compared(nets):
        heads = jnp.linspace(-0.95, -0.05, 91)
        found = jax.vmap(lambda one: Richards.law(nets, one[None]))(heads)
        return "h", "K", heads, found, (0.2 - heads) / (1 + heads + heads**2)


PROBLEMS = {"stefan": Stefan, "delay": Delay, "richards": Richards}


def main(name: str, steps: int, seed: int = 0, figure: str | None = None) -> float:
    problem = PROBLEMS[name]
    keys = jax.random.split(jax.random.key(seed), 2)
    nets, fields = problem.networks(keys[0])
    arrays, form = eqx.partition(nets, eqx.is_array)
    whole = lambda arrays: eqx.combine(arrays, form)
    bound = problem.residual.bind(
        {f: lambda a, p, of=of: of(whole(a), p) for f, of in fields.items()}
    )
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, steps))

    @jax.jit
    def step(arrays, state, key):
        points = problem.points(whole(arrays), key)
        value, slope = bound.value_and_grad(arrays, points)
        change, state = optimiser.update(slope, state)
        return optax.apply_updates(arrays, change), state, value

    state = optimiser.init(arrays)
    for key in track(jax.random.split(keys[1], steps), description="training"):
        arrays, state, _ = step(arrays, state, key)
    across, up, places, found, exact = problem.compared(whole(arrays))
    error = jnp.linalg.norm(found - exact) / jnp.linalg.norm(exact)
    print(f"{name}: relative L2 error of {up} after {steps} steps: {100 * error:.3f} %")
    if figure:
        draw(across, up, *map(np.asarray, (places, found, exact)), figure)
    return float(error)


def draw(across, up, places, found, exact, path: str) -> None:
    """Shows what was found beside the closed form."""
    with picture(path, 1, (4.5, 3.2)) as axis:
        axis.plot(places, exact, lw=3, alpha=0.4, label="closed form")
        axis.plot(places, found, "k--", lw=1, label="network")
        axis.set(xlabel=across, ylabel=up)
        axis.legend(frameon=False)


if __name__ == "__main__":
    given = options(__doc__, PROBLEMS, default="stefan", steps=3000)
    main(given.problem, given.steps, given.seed, given.figure)
