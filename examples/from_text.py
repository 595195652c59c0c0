"""From a text to a trained network and a picture: a threshold found from 60 measurements.

`from_text.pde` says all there is to know: Nagumo's equation, its domain, its conditions
and the number to be found. Everything below is read off it; the reference, from which the
measurements with their noise of 1 % are taken, is a method of lines.

Run: python -m examples.from_text [--steps 10000] [--seed 0] [--out runs]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import opcompiler as oc
from examples.support import network
from examples.support.run import parser, Run
from examples.support.training import descent, train

TEXT = Path(__file__).with_suffix(".pde")
THRESHOLD = 0.2
NOISE = 0.01
WIDTHS = (2, 24, 24, 24, 1)


def domain(problem):
    """The ends of all coordinates' intervals, as the text declares them."""
    ends = [map(float, coordinate.interval) for coordinate in problem.coordinates]
    return tuple(jnp.array(side) for side in zip(*ends, strict=True))


def losses(problem, apply):
    """One function (params, unknowns, points) -> () for the equation and each condition.

    All take the same points: a condition does not read the columns that it fixes.
    """
    parts = {name: problem.equation(name) for name in problem.equations}
    parts |= {name: problem.condition(name) for name in problem.conditions}
    return {name: _loss(oc.compile(part), apply) for name, part in parts.items()}


def _loss(residual, apply):
    bound = residual.bind(apply)

    def loss(params, unknowns, points):
        used = {n: v for n, v in unknowns.items() if n in residual.parameters}
        return jnp.mean(bound(params, points, **used) ** 2)

    return loss


def reference(threshold, places=401, steps=8000):
    """Times, places and u on them, by central differences and Runge-Kutta steps."""
    x, width = np.linspace(-10, 10, places, retstep=True)
    u, step = np.exp(-(x**2) / 8), 8 / steps
    kept = [u]

    def slope(u):
        wide = np.concatenate([u[1:2], u, u[-2:-1]])  # mirrored: no flux at the ends
        spread = (wide[2:] - 2 * u + wide[:-2]) / width**2
        return spread + u * (1 - u) * (u - threshold)

    for number in range(steps):
        one = slope(u)
        two = slope(u + step / 2 * one)
        three = slope(u + step / 2 * two)
        u = u + step / 6 * (one + 2 * two + 2 * three + slope(u + step * three))
        if (number + 1) % (steps // 80) == 0:
            kept.append(u)
    return np.linspace(0, 8, 81), x, np.array(kept)


def measured(key, times, places, values):
    """60 scattered points of the reference, and the noisy values there."""
    keys = jax.random.split(key, 3)
    rows = jax.random.randint(keys[0], (60,), 1, len(times))
    columns = jax.random.randint(keys[1], (60,), 0, len(places))
    points = jnp.stack([jnp.array(times)[rows], jnp.array(places)[columns]], axis=-1)
    noise = NOISE * jax.random.normal(keys[2], (60,))
    return points, jnp.array(values)[rows, columns] + noise


def picture(times, places, values, found, points, title):
    """The reference with the measurements, the network, and what they differ by."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    gap = found - values
    # One scale for both fields; the sign of their difference is seen on its own.
    field = {
        "vmin": min(values.min(), found.min()),
        "vmax": max(values.max(), found.max()),
    }
    most = float(abs(gap).max())
    signed = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    shown = [
        ("Reference, 60 measurements", values, field),
        (title, found, field),
        ("Network minus reference", gap, signed),
    ]
    for axis, (name, table, scale) in zip(axes, shown, strict=True):
        image = axis.pcolormesh(times, places, table.T, shading="gouraud", **scale)
        axis.set(title=name, xlabel="t", ylabel="x")
        figure.colorbar(
            image, ax=axis, label="u" if scale is field else "difference of u"
        )
    axes[0].plot(*points.T, "k.", markersize=4)
    figure.suptitle("Nagumo's equation: the threshold a from measurements")
    return figure


def main(options: argparse.Namespace) -> float:
    run = Run.of("from_text", options)
    problem = oc.load(TEXT)
    run.say(oc.to_text(problem).strip())
    run.say(oc.compile(problem).plan)
    low, high = domain(problem)

    def field(params, point):
        return network.apply(params, 2 * (point - low) / (high - low) - 1)

    parts = losses(problem, field)
    keys = jax.random.split(jax.random.key(options.seed), 3)
    times, places, values = reference(THRESHOLD)
    at, data = measured(keys[0], times, places, values)

    def loss(unknown, key):
        params, numbers = unknown
        points = jax.random.uniform(key, (256, len(low)), minval=low, maxval=high)
        fit = jax.vmap(field, (None, 0))(params, at) - data
        told = [part(params, numbers, points) for part in parts.values()]
        return sum(told) + jnp.mean(fit**2)

    guesses = {name: jnp.array(guess) for name, guess in problem.unknowns.items()}
    rate = optax.cosine_decay_schedule(5e-3, options.steps)
    begin, step = descent(loss, optax.adam(rate))
    state = begin((network.init(keys[1], WIDTHS), guesses))
    trained = train(step, state, options.steps, keys[2], run)
    (params, numbers), _ = trained.state
    grid = jnp.stack(jnp.meshgrid(times, places, indexing="ij"), axis=-1)
    found = np.array(jax.vmap(jax.vmap(field, (None, 0)), (None, 0))(params, grid))
    threshold = float(numbers["a"])
    title = f"Network, a = {threshold:.4f}"
    run.figure(lambda: picture(times, places, values, found, at, title))
    error = float(np.linalg.norm(found - values) / np.linalg.norm(values))
    run.numbers(
        steps=options.steps,
        seed=options.seed,
        loss=float(trained.losses[-1]),
        threshold=threshold,
        true_threshold=THRESHOLD,
        relative_error=error,
        seconds=trained.seconds,
    )
    return abs(threshold - THRESHOLD)


if __name__ == "__main__":
    main(parser(__doc__, steps=10000).parse_args())
