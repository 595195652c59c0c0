"""The self-similar Boussinesq blow-up: its eigenvalue, by Newton's method on functions.

Problem, reduction to two functions of order three, and what is known of them:
examples/problems/boussinesq_profile.py. The two functions are polynomials on a half disc,
linear in their weights; Levenberg and Marquardt's method with orthogonal factors of the
Jacobian starts from random weights and a random λ, of low degree, and goes on with the
result in a higher one. λ is a parameter like any other, without bounds. In float64.

Beside it, on the same equations and points: a tanh network with Adam, L-BFGS and the same
method (`--rivals`, in seconds; 0 leaves them out).

What else was tried, and how far it came: docs/gallery/README.md.

Run: python -m examples.boussinesq_profile [--runs 3]
    [--degrees 20 32 46 64 84 --levenberg 40 8 4 3 3]
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from jax import Array
from matplotlib.figure import Figure

import opcompiler as oc
from examples.problems import boussinesq_profile as problem
from examples.support import network
from examples.support.least_squares import levenberg_marquardt, Rows, sum_of_squares
from examples.support.polynomials import exponents, half_disc, raised
from examples.support.run import parser, Run
from examples.support.training import descent, lbfgs, Step

SPREAD = 0.3, 0.5
"""Of random weights: 0.3 · 0.5^degree."""
FALL = 10.0
"""How fast the damping falls: Newton's method is near."""
WIDTHS = (2, 24, 24, 24, 2)
"""Of the tanh network beside."""

Apply = Callable[[Any, Array], Array]


class History(NamedTuple):
    """Of one method: seconds of steps, root mean squares of the residuals, λ."""

    seconds: list[float]
    sizes: list[float]
    eigenvalues: list[float]


def polynomial(degree: int) -> Apply:
    """Returns ψ and ρ by polynomials of a degree; params are (weights, λ)."""
    return problem.constrained(lambda weights, z: half_disc(z, degree) @ weights)


def tanh_network() -> Apply:
    """Returns ψ and ρ by a network of the disc's coordinates; params are (layers, λ)."""
    even = lambda z: jnp.stack([2 * z[0] ** 2 - 1, 2 * z[1] - 1])
    return problem.constrained(lambda layers, z: network.apply(layers, even(z)))


def rows_of(apply: Apply, points: Array) -> tuple[Rows, ...]:
    """Returns both equations at all points; the loss is their mean square, each.

    Every residual is divided by the scale of its terms.
    """
    bound = oc.compile([*problem.reduced.values()], fields=("psi", "rho")).bind(apply)
    share = 1 / np.sqrt(len(points))

    def rows(params: Any, point: Array) -> Array:
        lam = params[1]
        values = jnp.stack(bound(params, point, **{"lambda": lam}))
        return share * values / problem.scales(point, lam)

    return (Rows(rows, points),)


def points_for(degree: int) -> Array:
    """Returns points for polynomials of a degree, (N, 2): more than one a wave."""
    count = 11 * degree // 10 + 8
    return jnp.array(problem.collocation(count, count))


def random_start(seed: int, degree: int) -> tuple[Array, Array]:
    """Draws (weights, λ); λ between 1.5 and 2.5."""
    keys = jax.random.split(jax.random.key(seed))
    order = exponents(degree) @ np.array([2, 1])
    size = SPREAD[0] * SPREAD[1] ** order[:, None]
    weights = size * jax.random.normal(keys[0], (len(order), 2))
    return weights, jax.random.uniform(keys[1], (), minval=1.5, maxval=2.5)


PATIENCE = 6
"""Steps that lower nothing, one after the other, before a method is at its end."""


def descend(
    compiled: Step,
    state: Any,
    history: History,
    steps: int,
    limit: float,
    run: Run,
) -> Any:
    """Takes steps, at most for some seconds; adds to the history, returns parameters."""
    key = jax.random.key(0)
    start = history.seconds[-1] if history.seconds else 0.0
    seconds, still = 0.0, 0
    for _ in range(steps):
        with run.turns.alone():
            before = time.perf_counter()
            state, loss = jax.block_until_ready(compiled(state, key))
            seconds += time.perf_counter() - before
        size = float(loss) ** 0.5
        still = still + 1 if history.sizes and size >= history.sizes[-1] else 0
        history.seconds.append(start + seconds)
        history.sizes.append(size)
        history.eigenvalues.append(float(state[0][1]))
        if seconds > limit or still > PATIENCE:
            break
    return state[0]


def compiled(step: Step, state: Any) -> Step:
    """Returns the step, compiled, so that its seconds are those of work."""
    return jax.jit(step).lower(state, jax.random.key(0)).compile()


def solve(
    options: argparse.Namespace, run: Run
) -> tuple[dict[int, Any], dict[int, History]]:
    """Solves with polynomials, degree after degree, from a random start for each seed.

    Returns:
        Parameters of the last degree, and histories, by seed.
    """
    seeds = range(options.seed, options.seed + options.runs)
    histories = {seed: History([], [], []) for seed in seeds}
    found: dict[int, Any] = {}
    before = options.degrees[0]
    stages = zip(options.degrees, options.levenberg, strict=True)
    for number, (degree, steps) in enumerate(stages):
        points = points_for(degree)
        # The nearer the start is, the less it is held.
        damping = 10.0 ** (-4 - 2 * number) if found else 1e-2
        begin, step = levenberg_marquardt(
            rows_of(polynomial(degree), points), damping, FALL
        )
        starts = {
            seed: (raised(found[seed][0], before, degree), found[seed][1])
            if found
            else random_start(seed, degree)
            for seed in seeds
        }
        ready = compiled(step, begin(starts[options.seed]))
        for seed, start in starts.items():
            own = histories[seed]
            found[seed] = descend(ready, begin(start), own, steps, options.limit, run)
            run.save(found[seed], f"degree {degree}, seed {seed}")
            run.say(
                f"seed {seed}, degree {degree}: lambda from {float(start[1]):.6f}, "
                f"{2 * len(start[0]) + 1} unknowns, {2 * len(points)} residuals, "
                f"{own.seconds[-1]:.0f} s, root mean square {own.sizes[-1]:.1e}, lambda "
                f"{own.eigenvalues[-1]:.10f}, error "
                f"{abs(own.eigenvalues[-1] - problem.REFERENCE):.1e}"
            )
        before = degree
    return found, histories


def rivals(options: argparse.Namespace, run: Run) -> dict[str, History]:
    """Trains a tanh network on the same equations by three optimisers, at equal time."""
    blocks = rows_of(tanh_network(), points_for(options.degrees[0]))
    loss = lambda params, key: sum_of_squares(blocks, params)
    rate = optax.exponential_decay(3e-3, 1000, 0.8)
    methods = {
        "tanh, Adam": descent(loss, optax.adam(rate)),
        "tanh, L-BFGS": lbfgs(loss),
        "tanh, Levenberg–Marquardt": levenberg_marquardt(blocks),
    }
    found = {}
    for name, pair in methods.items():
        params = network.init(jax.random.key(options.seed), WIDTHS), jnp.array(2.0)
        found[name] = History([], [], [])
        begin, step = pair
        ready = compiled(step, begin(params))
        descend(ready, begin(params), found[name], 10**6, options.rivals, run)
        run.say(
            f"{name}: {len(found[name].sizes)} steps, {found[name].seconds[-1]:.0f} s, "
            f"root mean square {found[name].sizes[-1]:.1e}, "
            f"lambda {found[name].eigenvalues[-1]:.5f}"
        )
    return found


def five_fields(params: Any, degree: int, points: Array) -> Array:
    """Returns Ω, Φ, Ψ, U1, U2 at points, (5, ...)."""
    read = oc.compile([*problem.by_potentials.values()], fields=("psi", "rho"))
    bound = read.bind(polynomial(degree))
    return jnp.stack(jax.jit(bound)(params, points))


def draw(
    params: Any, degree: int, ours: dict[int, History], others: dict[str, History]
) -> Figure:
    """Draws three fields, residuals against time, and the error of λ."""
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), layout="constrained")
    axis = np.linspace(-8, 8, 97), np.linspace(0, 8, 49)
    grid = jnp.sinh(jnp.stack(jnp.meshgrid(*axis), axis=-1))
    values = dict(zip(problem.NAMES, five_fields(params, degree, grid), strict=True))
    titles = {"Omega": "Vorticity Ω", "Phi": "Temperature's slope Φ, along the wall",
              "Psi": "Temperature's slope Ψ, across it"}  # fmt: skip
    for (name, title), panel in zip(titles.items(), axes.flat, strict=False):
        size = float(jnp.max(jnp.abs(values[name])))
        picture = panel.pcolormesh(
            *axis, values[name], cmap="RdBu_r", vmin=-size, vmax=size, rasterized=True
        )
        panel.set_title(title, fontsize=10)
        panel.set(xlabel="asinh $y_1$", ylabel="asinh $y_2$")
        figure.colorbar(picture, ax=panel)
    sizes, error, fields = axes[1]
    for name, history in others.items():
        sizes.loglog(history.seconds, history.sizes, lw=1, label=name)
    for seed, history in ours.items():
        label = f"polynomials, seed {seed}"
        sizes.loglog(history.seconds, history.sizes, "k", lw=1, alpha=0.7)
        miss = np.abs(np.array(history.eigenvalues) - problem.REFERENCE)
        error.loglog(history.seconds, miss, ".-", lw=1, label=label)
    sizes.plot([], [], "k", lw=1, label="polynomials, Levenberg–Marquardt")
    sizes.set(title="Residuals", ylabel="root mean square", xlabel="steps, seconds")
    error.axhline(1e-4, color="0.6", lw=1, ls="--", label="asked")
    error.set(
        title="Error of λ, no bounds",
        ylabel=f"|λ - {problem.REFERENCE:.8f}|",
        xlabel="steps, seconds",
    )
    wall = np.sinh(axis[0][48:])
    wall = jnp.stack([wall, np.zeros_like(wall)], axis=-1)
    along = five_fields(params, degree, wall)
    for name, values in zip(problem.NAMES[:3], along, strict=False):
        fields.plot(axis[0][48:], values, label=titles[name].split(",")[0])
    fields.set(title="Along the wall, $y_2$ = 0", xlabel="asinh $y_1$", ylabel="fields")
    for panel in (sizes, error, fields):
        panel.grid(alpha=0.3)
        panel.legend(frameon=False, fontsize=8)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parser(__doc__, steps=0)
    options.add_argument("--runs", type=int, default=1, help="how many seeds")
    options.add_argument("--degrees", type=int, nargs="+", default=[20, 32, 46, 64])
    options.add_argument(
        "--levenberg", type=int, nargs="+", default=[40, 8, 4, 3], help="steps of each"
    )
    options.add_argument(
        "--rivals", type=float, default=30.0, help="seconds of each other method"
    )
    options = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("boussinesq_profile", options)
    run.say(oc.compile([*problem.reduced.values()], fields=("psi", "rho")).plan)
    degree = options.degrees[-1]
    everyone, ours = solve(options, run)
    elsewhere = {
        seed: size_elsewhere(found, degree) for seed, found in everyone.items()
    }
    run.say(f"residuals at other points: {elsewhere}")
    others = rivals(options, run) if options.rivals else {}
    params = everyone[options.seed]
    run.numbers(
        reference=problem.REFERENCE,
        degrees=options.degrees,
        elsewhere=elsewhere,
        seeds={s: _last(h) for s, h in ours.items()},
        rivals={n: _last(h) for n, h in others.items()},
        histories={str(n): _thinned(h) for n, h in {**ours, **others}.items()},
        symmetry_error=symmetry_error(params, degree),
    )
    run.figure(lambda: draw(params, degree, ours, others))
    return {s: _last(h) for s, h in ours.items()}


def _last(history: History) -> dict[str, float]:
    lam = history.eigenvalues[-1]
    return {
        "eigenvalue": lam,
        "eigenvalue_error": abs(lam - problem.REFERENCE),
        "residual": history.sizes[-1],
        "seconds": history.seconds[-1],
        "steps": len(history.sizes),
    }


def _thinned(history: History) -> dict[str, list[float]]:
    """Returns a history with at most 600 steps, evenly left out."""
    every = len(history.sizes) // 600 + 1
    return {name: values[::every] for name, values in history._asdict().items()}


def size_elsewhere(params: Any, degree: int) -> float:
    """Returns the root mean square of the residuals at points of no step."""
    count = 11 * degree // 10
    points = jnp.array(problem.collocation(count + 13, count + 11)[::7])
    return float(sum_of_squares(rows_of(polynomial(degree), points), params)) ** 0.5


def symmetry_error(params: Any, degree: int) -> float:
    """Returns the largest difference between a field and its mirror image."""
    points = points_for(8)
    here = five_fields(params, degree, points)
    mirror = five_fields(params, degree, points * jnp.array([-1.0, 1.0]))
    return float(jnp.max(jnp.abs(here.T - jnp.array(problem.PARITY) * mirror.T)))


if __name__ == "__main__":
    main()
