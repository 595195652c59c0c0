"""Helmholtz' equation in three dimensions on a grid of points, by a separable network.

    u_xx + u_yy + u_zz + u = q    in [-1, 1]^3,    u = 0 at the sides
    u = sin(4 pi x) sin(4 pi y) sin(3 pi z)

The network is sum_r a_r(x) b_r(y) c_r(z), as in the source. With `oc.grid` each of the
three networks is evaluated at the 32 places of its own axis, and so are its derivatives:
32 768 residuals cost 96 evaluations and a few matrix products. The network is written as
a function of one point; nothing in it knows of grids.

Source: Cho, Nam, Yang, Yun, Hong, Park, Separable physics-informed neural networks
(NeurIPS 2023), section 4.2. Theirs has soft
conditions at the sides, here a factor makes u vanish; they train 50 000 steps.

Run: python -m examples.separable_helmholtz [--steps 2000] [--figure FILE.png]
"""

import argparse
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import sympy as sp
from rich.progress import track

import opcompiler as oc
from examples.support.one_of_several import picture

RANK, WIDTH, PLACES, BLOCK = 64, 64, 32, 100
WAVES = (4, 4, 3)

x, y, z = sp.symbols("x y z")
u = sp.Function("u")(x, y, z)
exact = sp.prod([sp.sin(n * sp.pi * s) for n, s in zip(WAVES, (x, y, z), strict=True)])


def helmholtz(field: sp.Expr) -> sp.Expr:
    return sum(field.diff(s, 2) for s in (x, y, z)) + field


class Separable(eqx.Module):
    """A network for each axis; their product, summed over the rank; zero at the sides."""

    axes: list

    def __init__(self, key):
        keys = jax.random.split(key, 3)
        self.axes = [perceptron([1, WIDTH, WIDTH, WIDTH, RANK], k) for k in keys]

    def __call__(self, point):
        rows = [
            (1 - s**2) * axis(s[None]) for s, axis in zip(point, self.axes, strict=True)
        ]
        return jnp.sum(jnp.prod(jnp.stack(rows), axis=0))


def perceptron(widths, key):
    """Layers of tanh; the first one has steep weights, because u has short waves."""
    layers = []
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        key, first, second = jax.random.split(key, 3)
        size = (2 / (before + after)) ** 0.5 if number else 8.0
        layer = eqx.nn.Linear(before, after, key=first)
        weight = size * jax.random.normal(first, layer.weight.shape)
        bias = jax.random.uniform(second, (after,), minval=-1, maxval=1)
        bias = 0 * bias if number else size * bias
        there = lambda layer: (layer.weight, layer.bias)
        layers.append(eqx.tree_at(there, layer, (weight, bias)))
        layers.append(eqx.nn.Lambda(jnp.tanh))
    return eqx.nn.Sequential(layers[:-1])


def main(steps: int, seed: int = 0, figure: str | None = None) -> float:
    keys = jax.random.split(jax.random.key(seed), 2)
    residual = oc.compile(helmholtz(u) - helmholtz(exact).doit())
    network = Separable(keys[0])
    params, static = eqx.partition(network, eqx.is_array)
    bound = residual.bind(lambda params, point: eqx.combine(params, static)(point))
    optimiser = optax.adam(optax.cosine_decay_schedule(2e-3, steps))

    def step(carry, key):
        params, state = carry
        places = jax.random.uniform(key, (3, PLACES), minval=-1, maxval=1)
        grid = oc.grid(x=places[0], y=places[1], z=places[2])
        value, slope = bound.value_and_grad(params, grid)
        change, state = optimiser.update(slope, state)
        return (optax.apply_updates(params, change), state), value

    block = jax.jit(lambda carry, keys: jax.lax.scan(step, carry, keys))
    carry = params, optimiser.init(params)
    every = jax.random.split(keys[1], steps)
    for start in track(range(0, steps, BLOCK), description="training"):
        carry, _ = block(carry, every[start : start + BLOCK])
    line = np.linspace(-1, 1, 101)
    found = at_grid(eqx.combine(carry[0], static), line)
    waves = [np.sin(n * np.pi * line) for n in WAVES]
    wanted = np.einsum("i,j,k->ijk", *waves)
    error = float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
    print(f"relative L2 error at 101^3 points: {100 * error:.2f} %")
    if figure:
        draw(line, found, wanted, figure)
    return error


def at_grid(network, line):
    """Returns the network at all points of a grid: an operator without derivatives."""
    field = oc.compile(u)
    return np.asarray(field(network, oc.grid(x=line, y=line, z=line)))


def draw(line, found, wanted, path: str) -> None:
    """Shows a plane of the network, the exact solution, and what is between them."""
    place = int(np.argmax(np.abs(np.sin(WAVES[2] * np.pi * line))))
    planes = {
        "separable network": found,
        "exact": wanted,
        "network - exact": found - wanted,
    }
    with picture(path, 3, (10.5, 3.4)) as axes:
        for axis, (title, values) in zip(axes, planes.items(), strict=True):
            plane = values[:, :, place]
            size = (
                1.0 if values is not planes["network - exact"] else np.abs(plane).max()
            )
            image = axis.imshow(
                plane.T, origin="lower", extent=(-1, 1, -1, 1),
                cmap="RdBu_r", vmin=-size, vmax=size,
            )  # fmt: skip
            axis.figure.colorbar(image, ax=axis, shrink=0.8)
            axis.set(title=title, xlabel="x", ylabel="y")
        axes[0].figure.suptitle(
            f"Helmholtz' equation in three dimensions, at z = {line[place]:.2f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", help="a file to write a picture to")
    options = parser.parse_args()
    main(options.steps, options.seed, options.figure)
