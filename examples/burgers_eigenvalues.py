"""Burgers' self-similar profiles on the whole line, to the rounding of λ.

Problem and ansatz: examples/problems/burgers_profile.py. The field is a Chebyshev
polynomial of the line's map: a network that is linear in its weights. The loss has the
residual on the line, its derivatives up to 2k+3 at the origin alone, and U(2) = -1.
Levenberg and Marquardt's method, with orthogonal factors of the Jacobian, starts from
random weights and λ, few of the weights free at first. A run may end where the (2k+3)-th
derivative of U vanishes instead: of `--starts` runs the one with the least residual
counts, for which no solution need be known.

Run: python -m examples.burgers_eigenvalues [--k 0 1 2 3] [--starts 12]
"""

import argparse
import math
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from jax import Array
from matplotlib.figure import Figure

import opcompiler as oc
from examples.problems import burgers_profile as problem
from examples.support.least_squares import levenberg_marquardt, Rows
from examples.support.polynomials import chebyshev
from examples.support.run import parser, Run

DEGREES = 10, 16, 24, 32, 40
STEPS = 25
"""Of each degree."""

Params = tuple[tuple[Array, Array], Array]
"""((weights, which are free), raw λ)"""


def polynomial(weights: tuple[Array, Array], number: Array) -> Array:
    """Evaluates at a number in [0, 1]; weights that are not free count as they are not."""
    values, free = weights
    basis = chebyshev(2 * number - 1, DEGREES[-1])
    return basis @ (values * jax.lax.stop_gradient(free))


def loss_rows(k: int) -> tuple[Rows, ...]:
    """Returns the loss: the line, the origin, the scale."""
    apply = problem.on_the_line(polynomial, k)
    residual = oc.compile(problem.residual).bind(apply)
    order = problem.smoothness(k)
    odd = [e / math.factorial(j) for j, e in enumerate(problem.family(order)) if j % 2]
    derivatives = oc.compile(odd).bind(apply)
    points = problem.along_the_line(2 * DEGREES[-1], k)

    def on_line(params: Params, point: Array) -> Array:
        lam = problem.eigenvalue(params[1], k)
        value = residual(params, point, **{"lambda": lam})
        size = math.sqrt(len(points)) * point[0] * problem.line(point[0], lam)[0]
        return (value / size)[None]

    def at_origin(params: Params, point: Array) -> Array:
        lam = problem.eigenvalue(params[1], k)
        return jnp.stack(derivatives(params, point, **{"lambda": lam}))

    return (
        Rows(on_line, points),
        Rows(at_origin, jnp.zeros((1, 1))),
        Rows(lambda p, x: apply(p, x)[None] + 1, jnp.array([[problem.END]])),
    )


def random_start(key: Array, degree: int) -> Params:
    """Draws weights of size 0.3 · 0.5^degree, and λ in its interval."""
    keys = jax.random.split(key)
    degrees = jnp.arange(DEGREES[-1] + 1)
    weights = 0.3 * 0.5**degrees * jax.random.normal(keys[0], degrees.shape)
    free = jnp.where(degrees < degree, 1.0, 0.0)
    raw = jax.random.uniform(keys[1], minval=-1.0, maxval=1.0)
    return (weights * free, free), raw


def solve(k: int, options: argparse.Namespace, run: Run) -> dict[str, Any]:
    """Solves from every start; returns the numbers of the run with the least residual."""
    _, step = levenberg_marquardt(loss_rows(k), 1e-2, 10.0)
    degrees = jnp.arange(DEGREES[-1] + 1)

    @jax.jit
    def stage(params: Params, degree: Array, damping: Array) -> tuple[Params, Array]:
        free = jnp.where(degrees < degree, 1.0, 0.0)
        state = (((params[0][0], free), params[1]), damping)
        return jax.lax.fori_loop(
            0, STEPS, lambda _, s: step(s[0], None), (state, jnp.zeros(()))
        )

    runs = []
    for key in jax.random.split(jax.random.key(options.seed), options.starts):
        params, history = random_start(key, DEGREES[0]), []
        seconds = time.perf_counter()
        for degree in DEGREES:
            damping = 1e-2 if degree == DEGREES[0] else 1e-6
            (params, _), loss = stage(params, float(degree), damping)
            lam = float(problem.eigenvalue(params[1], k))
            history.append((degree, float(loss) ** 0.5, lam))
        runs.append((history[-1][1], history, params, time.perf_counter() - seconds))
    found = sorted(runs, key=lambda one: (math.isnan(one[0]), one[0]))
    size, history, params, seconds = found[0]
    lam, exact = history[-1][2], problem.exact_eigenvalue(k)
    x = jnp.linspace(-problem.END, problem.END, 801)[:, None]
    profile = jax.vmap(problem.on_the_line(polynomial, k), (None, 0))(params, x)
    truth = problem.exact_profile(x[:, 0], k)
    miss = float(jnp.linalg.norm(profile - truth) / jnp.linalg.norm(truth))
    same = sum(abs(one[1][-1][2] - lam) < 1e-8 for one in found)
    others = [one[0] for one in found if abs(one[1][-1][2] - lam) >= 1e-8]
    run.say(
        f"k = {k}: lambda {lam:.15f}, error {abs(lam - exact):.1e}, residual {size:.1e}, "
        f"profile {miss:.1e}, {seconds:.2f} s; {same} of {len(found)} starts end here, the "
        f"others at residuals from {min(others, default=math.nan):.1e}"
    )
    return {
        "k": k,
        "eigenvalue": lam,
        "eigenvalue_error": abs(lam - exact),
        "profile_error": miss,
        "residual": size,
        "seconds": seconds,
        "starts": len(found),
        "starts_here": same,
        "history": history,
    }


def draw(found: Sequence[dict[str, Any]]) -> Figure:
    """Draws the error of λ and the residual against the degree."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for one in found:
        degrees, sizes, eigenvalues = zip(*one["history"], strict=True)
        exact = problem.exact_eigenvalue(one["k"])
        miss = [max(abs(lam - exact), 1e-17) for lam in eigenvalues]
        left.semilogy(degrees, miss, "o-", label=f"k = {one['k']}")
        right.semilogy(degrees, sizes, "o-", label=f"k = {one['k']}")
    left.axhline(1e-10, color="0.6", lw=1, ls="--", label="asked")
    left.set(title="Error of the eigenvalue", ylabel="|λ - 1/(2k+2)|")
    right.set(title="Residual", ylabel="root of the loss")
    for axis in (left, right):
        axis.set_xlabel("free weights of the polynomial")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    figure.suptitle("Burgers' self-similar profiles, λ = 1/2, 1/4, 1/6, 1/8")
    return figure


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    options = parser(__doc__, steps=0)
    options.add_argument("--k", type=int, nargs="+", default=[0, 1, 2, 3])
    options.add_argument("--starts", type=int, default=12, help="random, for each k")
    options = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("burgers_eigenvalues", options)
    found = [solve(k, options, run) for k in options.k]
    run.numbers(seed=options.seed, profiles=found)
    run.figure(lambda: draw(found))
    return found


if __name__ == "__main__":
    main()
