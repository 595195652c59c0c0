"""Self-similar blow-up profiles of Burgers' equation, with their unknown eigenvalue.

Problem and notation: examples/problems/burgers_profile.py. The loss has the residual and
its first derivative on the whole interval, and derivatives 2 ... 2k+3, divided by
factorials, around the origin. Adam, then L-BFGS, then Levenberg and Marquardt's method,
in float64. `--derivatives taylor nested` trains twice and compares the times.

Run: python -m examples.burgers_profiles [--k 0 1 2 3] [--paper] [--seed 0]
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from jax import Array
from matplotlib.figure import Figure

import opcompiler as oc
from examples.problems import burgers_profile as problem
from examples.support import nested, network, phases
from examples.support.least_squares import Rows
from examples.support.run import parser, Run
from examples.support.training import Trained

WIDTHS = (1, 24, 24, 24, 1)
ON_INTERVAL, AROUND_ORIGIN = 151, 16
"""Halves of the paper's 301 and 31 points: the network is odd."""
WEIGHT_OF_DERIVATIVES = 2e-3
PAPER = {"steps": 15_000, "lbfgs": 30_000}

apply = problem.odd(network.apply)
Derivatives = Callable[[Any, Array], Array]
"""((network, raw eigenvalue), point) -> residual and its derivatives, (order + 1,)"""


@dataclass
class Profile:
    """What one training gives."""

    k: int
    derivatives: str
    params: Any
    phases: dict[str, Trained]

    @property
    def eigenvalue(self) -> float:
        return float(problem.eigenvalue(self.params[1], self.k))

    @property
    def error(self) -> float:
        """Absolute error of the eigenvalue."""
        return abs(self.eigenvalue - problem.exact_eigenvalue(self.k))

    @property
    def seconds(self) -> float:
        """Of training, without compilation."""
        return phases.seconds(self.phases)

    def profile(self, x: Array) -> Array:
        return jax.vmap(apply, (None, 0))(self.params[0], x[:, None])

    def profile_error(self) -> float:
        """Relative L2 error on 801 points."""
        x = jnp.linspace(-problem.END, problem.END, 801)
        exact = problem.exact_profile(x, self.k)
        return float(jnp.linalg.norm(self.profile(x) - exact) / jnp.linalg.norm(exact))

    def numbers(self) -> dict[str, Any]:
        return {
            "k": self.k,
            "derivatives": self.derivatives,
            "eigenvalue": self.eigenvalue,
            "eigenvalue_error": self.error,
            "profile_error": self.profile_error(),
            "loss": float(list(self.phases.values())[-1].losses[-1]),
            "seconds": {n: p.seconds for n, p in self.phases.items()},
            "steps": {n: int(p.at[-1]) for n, p in self.phases.items()},
            "compiling": {n: p.compiling for n, p in self.phases.items()},
        }


def derivatives(method: str, k: int, order: int) -> Derivatives:
    """Returns the residual and its derivatives, compiled or by nested differentiation."""
    if method == "taylor":
        bound = oc.compile(problem.family(order)).bind(apply)
        return lambda params, point: jnp.stack(
            bound(params[0], point, **{"lambda": problem.eigenvalue(params[1], k)})
        )
    nest = {"nested": nested.forward, "reverse": nested.reverse}[method]

    def by_nesting(params: Any, point: Array) -> Array:
        lam = problem.eigenvalue(params[1], k)
        field = lambda x: apply(params[0], x[None])
        slope = lambda x: jax.jvp(field, (x,), (jnp.ones_like(x),))[1]
        if method == "reverse":
            slope = jax.grad(field)
        residual = lambda x: -lam * field(x) + ((1 + lam) * x + field(x)) * slope(x)
        return nest(residual, order)(point[0])

    return by_nesting


def loss_rows(method: str, k: int, order: int | None = None) -> tuple[Rows, ...]:
    """Returns the three parts of the loss; high derivatives are Taylor coefficients.

    Args:
        method: of differentiation.
        k: which profile.
        order: of the residual around the origin, at least 2; 2k+3 by default.
    """
    order = order or problem.smoothness(k)
    low, high = derivatives(method, k, 1), derivatives(method, k, order)
    scale = jnp.array([1 / math.factorial(j) for j in range(2, order + 1)])
    whole = problem.whole_interval(ON_INTERVAL)
    local = problem.around_origin(AROUND_ORIGIN)
    weights = math.sqrt(0.3 / len(whole)), math.sqrt(WEIGHT_OF_DERIVATIVES / len(local))
    return (
        Rows(lambda p, x: weights[0] * low(p, x), whole),
        Rows(lambda p, x: weights[1] * scale * high(p, x)[2:], local),
        Rows(lambda p, x: apply(p[0], x)[None] + 1, jnp.array([[problem.END]])),
    )


def solve(k: int, method: str, options: argparse.Namespace, run: Run) -> Profile:
    """Trains one profile through all phases."""
    params = (network.init(jax.random.key(options.seed), WIDTHS), jnp.zeros(()))

    def report(params: Any) -> str:
        here = Profile(k, method, params, {})
        return (
            f", lambda error {here.error:.1e}, profile error {here.profile_error():.1e}"
        )

    params, done = phases.minimise(
        loss_rows(method, k), params, options, run, f"k = {k}, {method}", report=report
    )
    return Profile(k, method, params, done)


def draw(found: Sequence[Profile]) -> Figure:
    """Draws profiles, errors of profiles, and losses against time."""
    figure, axes = plt.subplots(
        2, len(found), figsize=(3.2 * len(found) + 0.6, 6), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    x = jnp.linspace(-problem.END, problem.END, 401)
    for (top, bottom), one in zip(axes.T, found, strict=True):
        top.plot(x, problem.exact_profile(x, one.k), "k", lw=1, label="exact")
        top.plot(x[::10], one.profile(x[::10]), "C1o", ms=3, label="network")
        top.set(
            title=f"k = {one.k}: $\\lambda$ = {one.eigenvalue:.8f}\n"
            f"error {one.error:.0e}, profile {one.profile_error():.0e}",
            xlabel="X",
        )
        phases.draw_losses(bottom, one.phases)
    axes[0, 0].legend(frameon=False)
    axes[0, 0].set_ylabel("U")
    figure.suptitle("Burgers' self-similar profiles and the loss of their training")
    return figure


def compare(found: Sequence[Profile], run: Run) -> list[dict[str, Any]]:
    """Says how the times of other derivatives stand to the compiled ones, per step.

    Of each phase the fastest ten steps are compared, so that a busy machine does not
    decide; the seconds of all steps stand in the JSON.
    """
    ratios = []
    for ours in (f for f in found if f.derivatives == "taylor"):
        for other in (f for f in found if f.k == ours.k and f is not ours):
            steps = {
                n: other.phases[n].fastest / phase.fastest
                for n, phase in ours.phases.items()
            }
            compiling = [
                sum(phase.compiling for phase in f.phases.values())
                for f in (ours, other)
            ]
            all_steps = other.seconds / ours.seconds
            ratios.append(
                {"k": ours.k, "against": other.derivatives, "all": all_steps, **steps}
            )
            run.say(
                f"k = {ours.k}: {other.derivatives} takes {all_steps:.1f} times as long; "
                + ", ".join(f"a step of {n} {r:.1f}" for n, r in steps.items())
                + f"; compilation {compiling[1]:.0f} s against {compiling[0]:.0f} s"
            )
    return ratios


def main(arguments: Sequence[str] | None = None) -> list[Profile]:
    options = parser(__doc__, steps=2000)
    options.add_argument("--k", type=int, nargs="+", default=[0, 1, 2, 3])
    phases.add_options(options, lbfgs=300, levenberg=300, rate=3e-3)
    options.add_argument("--paper", action="store_true", help=f"at least {PAPER}")
    options.add_argument(
        "--derivatives", nargs="+", default=["taylor"],
        choices=["taylor", "nested", "reverse"],
    )  # fmt: skip
    options = options.parse_args(arguments)
    if options.paper:
        vars(options).update(PAPER)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("burgers_profiles", options)
    run.say(oc.compile(problem.family(problem.smoothness(options.k[0]))).plan)
    found = [solve(k, m, options, run) for k in options.k for m in options.derivatives]
    ratios = compare(found, run)
    run.numbers(seed=options.seed, profiles=[f.numbers() for f in found], ratios=ratios)
    run.figure(
        lambda: draw([f for f in found if f.derivatives == options.derivatives[0]])
    )
    return found


if __name__ == "__main__":
    main()
