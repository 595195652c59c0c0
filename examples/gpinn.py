"""Amortised gradient-enhanced PINNs in many dimensions (STDE, appendix I.4.2).

The loss is mean r^2 + weight / d * mean |grad r|^2, the second term from one random
direction of signs, along which the equation is differentiated in symbols. One push gives
both. `--weight 0` trains the same network without.

Small:  python -m examples.gpinn --equation allen_cahn
Paper:  python -m examples.gpinn --dim 100000 --steps 20000
"""

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

import opcompiler as oc
from examples.problems import elliptic
from examples.problems.gradient_enhanced import with_gradient
from examples.problems.problem import Problem
from examples.support import errors
from examples.support.methods import Apply
from examples.support.run import Run
from examples.support.solve import arguments, build, costs, fit, Loss, picture


def options() -> argparse.ArgumentParser:
    """Returns the options of the script."""
    found = arguments(__doc__, steps=1000, dim=100, method="sparse")
    found.add_argument("--equation", choices=elliptic.OPERATORS, default="allen_cahn")
    found.add_argument("--solution", choices=elliptic.SOLUTIONS, default="two_body")
    found.add_argument("--weight", type=float, default=0.1, help="of the gradient")
    return found


def gradient_loss(problem: Problem, apply: Apply, given: argparse.Namespace) -> Loss:
    """Returns the loss; sampled, its squares are products of independent draws."""
    sampled = given.method == "sparse"
    residual = oc.compile(
        with_gradient(problem),
        coordinates=list(problem.coordinates),
        estimator=oc.Sparse(min(given.samples, given.dim)) if sampled else None,
    )
    bound, arrays = residual.bind(apply), problem.given(residual)

    def loss(params: Any, key: Array) -> Array:
        place, signs, draw = jax.random.split(key, 3)
        points = problem.sample(place, given.points)
        v = jax.random.rademacher(signs, points.shape, points.dtype)
        if sampled:
            squares = oc.unbiased_square(bound, params, points, draw, v=v, **arrays)
        else:
            squares = [row**2 for row in bound(params, points, v=v, **arrays)]
        equation, slope = squares
        return jnp.mean(equation) + given.weight / given.dim * jnp.mean(slope)

    return loss


def main(given: argparse.Namespace) -> dict:
    """Returns the numbers that the run says."""
    start = time.process_time()
    if given.method not in ("exact", "sparse"):
        raise SystemExit("--method is exact or sparse here")
    problem = elliptic.on_ball(given.equation, given.solution, given.dim, given.seed)
    run = Run.of(f"gpinn_{problem.name}_{given.method}", given)
    weights, test, steps = jax.random.split(jax.random.key(given.seed), 3)
    params, apply = build(problem, given, weights)
    loss = gradient_loss(problem, apply, given)
    watch = errors.watcher(problem, apply, jax.random.key(17))
    trained = fit(loss, params, given, steps, run, watch)
    error = errors.measure(problem, apply, trained.state[0], test, given.test)
    numbers = {
        "problem": problem.name,
        "dim": given.dim,
        "method": given.method,
        "samples": given.samples,
        "weight": given.weight,
        "seed": given.seed,
        "steps": given.steps,
        "relative_l1": error.l1,
        "relative_l2": error.l2,
        "trivial_l2": error.trivial,
        **costs(trained, start),
    }
    run.figure(lambda: picture(numbers, "a (1 - |x|²)"))
    run.numbers(**numbers)
    return numbers


if __name__ == "__main__":
    main(options().parse_args())
