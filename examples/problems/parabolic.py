"""Semilinear terminal value problems, known at x = 0, t = 0 by multilevel Picard schemes.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
appendix I.2, equations 61 to 63; the references are those of its tables 7 to 9.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import sympy as sp
from jax import Array

import opcompiler as oc
from examples.problems.calculus import laplacian, square
from examples.problems.problem import Problem
from examples.problems.sampling import brownian

t = sp.Symbol("t")
HORIZON = sp.Rational(3, 10)


@dataclass(frozen=True)
class TerminalProblem:
    """An equation with values at t = T.

    Attributes:
        problem: the equation, sampled along Brownian paths from x = 0.
        terminal: the values at T as a function, (..., d) -> (...).
        smooth: whether the values are built into the ansatz of `problem`, which needs
            their derivatives; else they are trained.
        reference: u(0, 0) by dimension.
    """

    problem: Problem
    terminal: Callable[[Array], Array]
    smooth: bool
    reference: Mapping[int, float]


def heat(dim: int) -> TerminalProblem:
    """u_t + Lap u + (1 - u^2) / (1 + u^2) = 0, u(x, T) = 5 / (10 + 2 |x|^2)."""
    reference = {10: 0.47006, 100: 0.31674, 1000: 0.28753, 10_000: 0.28433}
    reaction = lambda u: (1 - u**2) / (1 + u**2)
    return _rational("heat", dim, reaction, reference)


def sine_gordon(dim: int) -> TerminalProblem:
    """u_t + Lap u + sin u = 0, u(x, T) = 5 / (10 + 2 |x|^2)."""
    reference = {10: 0.3229470, 100: 0.0528368, 1000: 0.0055896, 10_000: 0.0005621}
    return _rational("sine_gordon", dim, sp.sin, reference)


def allen_cahn(dim: int) -> TerminalProblem:
    """u_t + Lap u + u - u^3 = 0, u(x, T) = arctan(max_i x_i).

    The maximum is that of each point. The published code takes it over the whole batch,
    which is wrong by 46 % in 10 dimensions.
    """
    x = oc.vector("x", dim)
    problem = Problem(
        name="allen_cahn",
        coordinates=(x, t),
        operator=lambda u: oc.D(u, t) + laplacian(u, x) + u - u**3,
        sample=brownian(dim, float(HORIZON)),
        radius=math.sqrt(2 * HORIZON * dim),
    )
    reference = {10: 0.89060, 100: 1.04510, 1000: 1.09100, 10_000: 1.11402}
    return TerminalProblem(problem, arctan_of_maximum, False, reference)


def arctan_of_maximum(points: Array) -> Array:
    """Returns arctan(max_i x_i) of each point, (..., d) -> (...)."""
    return jnp.arctan(jnp.max(points, axis=-1))


def bump(points: Array) -> Array:
    """Returns 5 / (10 + 2 |x|^2) of each point, (..., d) -> (...)."""
    return 5 / (10 + 2 * jnp.sum(points**2, axis=-1))


def _rational(
    name: str,
    dim: int,
    reaction: Callable[[sp.Expr], sp.Expr],
    reference: Mapping[int, float],
) -> TerminalProblem:
    x = oc.vector("x", dim)
    terminal = 5 / (10 + 2 * square(x))
    problem = Problem(
        name=name,
        coordinates=(x, t),
        operator=lambda u: oc.D(u, t) + laplacian(u, x) + reaction(u),
        sample=brownian(dim, float(HORIZON)),
        radius=math.sqrt(2 * HORIZON * dim),
        ansatz=lambda N: (HORIZON - t) * N + terminal,
    )
    return TerminalProblem(problem, bump, True, reference)


PROBLEMS = {"heat": heat, "allen_cahn": allen_cahn, "sine_gordon": sine_gordon}
