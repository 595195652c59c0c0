"""The self-similar Boussinesq blow-up: five fields, six equations, an unknown number.

Problem and notation: examples/problems/boussinesq_profile.py. The Sobolev loss has order
0 on points of the whole domain and order `--order` around the origin, where smoothness
tells λ. λ is a functional of the velocity at the origin, or (`--eigenvalue trainable`) an
unknown beside the network. Adam holds it at 2, where it begins; L-BFGS and Levenberg and
Marquardt's method do not. In float64.

Run: python -m examples.boussinesq_profile [--steps 4000] [--paper] [--seed 0]
"""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax import Array
from matplotlib.figure import Figure

import opcompiler as oc
from examples.problems import boussinesq_profile as problem
from examples.support import network, phases
from examples.support.least_squares import Rows, sum_of_squares
from examples.support.run import parser, Run

PAPER = {
    "steps": 20_000,
    "lbfgs": 5000,
    "levenberg": 400,
    "points": 3000,
    "width": 48,
    "order": 3,
}
RADIUS = 1.0

apply = problem.constrained(network.apply)
ORIGIN = np.zeros(2)
Eigenvalue = Callable[[Any], Array]


def eigenvalue(choice: str) -> Eigenvalue:
    """Returns λ of (network, numbers): read off the velocity, or a number of its own."""
    if choice == "trainable":
        return lambda params: problem.eigenvalue_of(params[1][1])
    read = oc.compile(problem.eigenvalue).bind(_only("U1"))
    return lambda params: read(params, ORIGIN)


def fields(params: Any, point: Array) -> Array:
    """The five fields; params are (network, (raw λ of the flow, raw λ if trainable))."""
    return apply((params[0], params[1][0]), point)


def _only(name: str) -> Callable[[Any, Array], Array]:
    """Returns one field of the network."""
    place = problem.NAMES.index(name)
    return lambda params, point: fields(params, point)[place]


def sobolev_rows(order: int, points: Array, weight: float, lam: Eigenvalue) -> Rows:
    """Returns the Sobolev family of all residuals, each on the scale of its terms.

    Args:
        order: of the family.
        points: (N, 2).
        weight: of all its squares together.
        lam: of the parameters.
    """
    bound = oc.compile(problem.family(order), fields=problem.NAMES).bind(fields)
    decay = jnp.repeat(jnp.array(problem.DECAY), problem.members(order))
    share = math.sqrt(weight / len(points))

    def rows(params: Any, point: Array) -> Array:
        values = jnp.stack(bound(params, point, **{"lambda": lam(params)}))
        return share * values / problem.distance(point) ** decay

    return Rows(rows, points)


def loss_rows(options: argparse.Namespace, lam: Eigenvalue) -> tuple[Rows, ...]:
    """Returns the loss: order 0 everywhere, a higher one at the origin, the gauge."""
    key = jax.random.key(options.seed + 1)
    everywhere = problem.far_and_near(key, options.points, options.extent)
    near = problem.around_origin(options.near, RADIUS)
    gauge = oc.compile(problem.gauge).bind(_only("Omega"))
    return (
        sobolev_rows(0, everywhere, 1.0, lam),
        sobolev_rows(options.order, near, 1.0, lam),
        Rows(lambda p, z: gauge(p, z)[None], ORIGIN[None]),
    )


def held(rows: Callable[[Any, Array], Array]) -> Callable[[Any, Array], Array]:
    """Returns the same rows with λ as it is: it must not run away from random fields."""
    return lambda params, z: rows((params[0], jax.lax.stop_gradient(params[1])), z)


def draw(params: Any, histories: dict, lam: float, extent: float) -> Figure:
    """Draws the five fields on the mapped domain, and the loss."""
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
    axis = jnp.linspace(-extent, extent, 121), jnp.linspace(0, extent, 61)
    grid = jnp.stack(jnp.meshgrid(*axis), axis=-1)
    values = jax.jit(jax.vmap(jax.vmap(lambda z: fields(params, z))))(grid)
    growth = problem.distance(grid) ** (2 / 3)
    for place, (name, panel) in enumerate(zip(problem.NAMES, axes.flat, strict=False)):
        shown = values[..., place] / (growth if name[0] == "U" else 1)
        size = float(jnp.max(jnp.abs(shown)))
        picture = panel.pcolormesh(
            *axis, shown, cmap="RdBu_r", vmin=-size, vmax=size, rasterized=True
        )
        title = f"{name} / (1 + |y|²)$^{{1/3}}$" if name[0] == "U" else name
        panel.set(title=title, xlabel="$z_1 = $ asinh $y_1$", ylabel="$z_2$")
        figure.colorbar(picture, ax=panel)
    phases.draw_losses(axes[1, 2], histories)
    axes[1, 2].set_title(f"λ = {lam:.5f}, reference {problem.REFERENCE:.5f}")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    options = parser(__doc__, steps=4000)
    phases.add_options(options, lbfgs=0, levenberg=100, rate=3e-3)
    options.add_argument(
        "--order", type=int, default=1, help="of Sobolev at the origin"
    )
    options.add_argument("--points", type=int, default=400, help="on the whole domain")
    options.add_argument("--near", type=int, default=8, help="points² at the origin")
    options.add_argument("--width", type=int, default=20)
    options.add_argument("--extent", type=float, default=12.0, help="of z")
    options.add_argument(
        "--eigenvalue", choices=["functional", "trainable"], default="functional"
    )
    options.add_argument("--paper", action="store_true", help=f"{PAPER}")
    options = options.parse_args(arguments)
    if options.paper:
        vars(options).update(PAPER)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("boussinesq_profile", options)
    run.say(oc.compile(problem.family(options.order), fields=problem.NAMES).plan)
    lam = eigenvalue(options.eigenvalue)
    rows = loss_rows(options, lam)
    widths = (3, options.width, options.width, options.width, 5)
    params = (
        network.init(jax.random.key(options.seed), widths),
        (jnp.zeros(()), jnp.zeros(())),
    )
    start = float(sum_of_squares(rows, params))
    params, histories = phases.minimise(
        rows, params, options, run, "Boussinesq", every=5,
        report=lambda p: f", lambda {float(lam(p)):.5f}",
        adam_blocks=[r._replace(function=held(r.function)) for r in rows],
    )  # fmt: skip
    found = {
        "seed": options.seed,
        "eigenvalue": float(lam(params)),
        "reference": problem.REFERENCE,
        "loss_at_start": start,
        "loss": float(sum_of_squares(rows, params)),
        "symmetry_error": symmetry_error(params),
        "seconds": phases.seconds(histories),
    }
    found["loss_reduced_by"] = start / found["loss"]
    for name, size in residual_sizes(rows[0], params).items():
        run.say(f"root mean square of {name}, on the scale of its terms: {size:.1e}")
    run.numbers(**found)
    run.figure(lambda: draw(params, histories, found["eigenvalue"], options.extent))
    return found


def residual_sizes(rows: Rows, params: Any) -> dict[str, float]:
    """Returns the root mean square of each equation on the whole domain."""
    values = jax.jit(jax.vmap(rows.function, (None, 0)))(params, rows.points)
    sizes = jnp.sqrt(jnp.sum(values**2, axis=0))
    return dict(zip(problem.residuals, map(float, sizes), strict=True))


def symmetry_error(params: Any) -> float:
    """Returns the largest difference between a field and its mirror image."""
    points = problem.far_and_near(jax.random.key(5), 200, 3.0)
    here = jax.jit(jax.vmap(lambda z: fields(params, z)))
    mirror = here(points * jnp.array([-1.0, 1.0]))
    return float(np.max(np.abs(here(points) - jnp.array(problem.PARITY) * mirror)))


if __name__ == "__main__":
    main()
