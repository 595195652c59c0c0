"""Equations in space and time with closed solutions: control, options, waves.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024
(code, equations.py); Black-Scholes-Barenblatt from Raissi, Forward-backward stochastic
neural networks, 2018.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array

import opcompiler as oc
from examples.problems.calculus import laplacian, square
from examples.problems.problem import Problem
from examples.problems.sampling import ball, gauss, spreading, with_time

t = sp.Symbol("t")
HORIZON = 1
NODES = 240


def hjb_linear(dim: int) -> Problem:
    """u_t + Lap u - (1/d) sum_i |u_i|^(7/4) + 2 = 0, u(x, T) = sum_i x_i."""
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    terminal = oc.Sum(x[i], i)

    def operator(u: sp.Expr) -> sp.Expr:
        slopes = oc.Sum(sp.Abs(oc.D(u, x[i])) ** sp.Rational(7, 4), i)
        return oc.D(u, t) + laplacian(u, x) - slopes / dim + 2

    return Problem(
        name="hjb_linear",
        coordinates=(x, t),
        operator=operator,
        sample=with_time(gauss(dim), HORIZON),
        radius=math.sqrt(dim),
        solution=terminal + HORIZON - t,
        ansatz=lambda N: (HORIZON - t) * N + terminal,
    )


def hjb_lqg(dim: int) -> Problem:
    r"""u_t + Lap u - |grad u|^2 = 0, u(x, T) = log((1 + |x|^2) / 2).

    Its solution is $-\log E\,2/(1 + |x + \sqrt{2 (T-t)} W|^2)$, published as a mean over
    10^4 samples of W. With $1/(1+r) = \int_0^\infty e^{-s(1+r)} ds$ and s = e^y it is

    $$ v = 2 \int e^{y - s} (1 + 4 s \tau)^{-d/2} e^{-s |x|^2 / (1 + 4 s \tau)}\, dy . $$

    The trapezoidal rule converges faster than any power, and every term of it solves the
    heat equation, so that -log of the sum solves the equation exactly. Points are drawn
    along the diffusion; the published ones, normal at all times, do not determine u.
    """
    x = oc.vector("x", dim)
    i, k = oc.index("i", x), oc.index("k", NODES)
    node, weight = sp.IndexedBase("s"), sp.IndexedBase("w")
    spread = 1 + 4 * node[k] * (HORIZON - t)
    kernel = spread ** sp.Rational(-dim, 2) * sp.exp(-node[k] * square(x) / spread)

    def operator(u: sp.Expr) -> sp.Expr:
        return oc.D(u, t) + laplacian(u, x) - oc.Sum(oc.D(u, x[i]) ** 2, i)

    nodes, weights = _half_line()
    terminal = sp.log((1 + square(x)) / 2)
    return Problem(
        name="hjb_lqg",
        coordinates=(x, t),
        operator=operator,
        sample=spreading(dim, HORIZON),
        radius=math.sqrt(dim),
        solution=-sp.log(oc.Sum(weight[k] * kernel, k)),
        ansatz=lambda N: (HORIZON - t) * N + terminal,
        arrays={"s": nodes, "w": 2 * weights},
    )


def hjb_rosenbrock(dim: int, seed: int = 0) -> Problem:
    r"""u_t + Lap u - |grad u|^2 = 0, u(x, T) = log(1 + Q(x)).

    Q(x) = sum_i a_i (x_i - x_{i+1})^2 + b_i x_{i+1}^2, a and b uniform in [1/2, 3/2]: of
    the name there is the chain alone. The solution $-\log E\,1/(1 + Q(x + \sqrt{2 (T-t)}
    W))$, published as a mean over 10^3 samples, is an integral as in `hjb_lqg`. With the
    eigenvectors $v_k$ and eigenvalues $q_k$ of Q it has, instead of $(1 + 4 s \tau)^{-d/2}
    e^{-s |x|^2 / (1 + 4 s \tau)}$,

    $$ \prod_k (1 + 4 s q_k \tau)^{-1/2} e^{-s q_k (v_k \cdot x)^2 / (1 + 4 s q_k \tau)} $$

    Source: Hu, Shukla, Karniadakis, Kawaguchi, Tackling the curse of dimensionality with
    physics-informed neural networks, Neural Networks 176 (2024), section 5.3 and code.
    """
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    across, along = sp.IndexedBase("a"), sp.IndexedBase("b")
    links = across[i] * (x[i] - x[i + 1]) ** 2 + along[i] * x[i + 1] ** 2
    terminal = sp.log(1 + oc.Sum(links, (i, 0, dim - 2)))
    a, b = jax.random.uniform(
        jax.random.key(seed), (2, dim - 1), minval=0.5, maxval=1.5
    )

    def operator(u: sp.Expr) -> sp.Expr:
        return oc.D(u, t) + laplacian(u, x) - oc.Sum(oc.D(u, x[i]) ** 2, i)

    return Problem(
        name="hjb_rosenbrock",
        coordinates=(x, t),
        operator=operator,
        sample=spreading(dim, HORIZON),
        radius=math.sqrt(dim),
        closed=jax.jit(jax.vmap(_mean_over_paths(_chain(a, b)))),
        ansatz=lambda N: (HORIZON - t) * N + terminal,
        arrays={"a": a, "b": b},
    )


def _chain(across: Array, along: Array) -> Array:
    """Returns the matrix of Q, (d, d)."""
    diagonal = jnp.pad(across, (0, 1)) + jnp.pad(across + along, (1, 0))
    return jnp.diag(diagonal) - jnp.diag(across, 1) - jnp.diag(across, -1)


def _mean_over_paths(matrix: Array) -> Callable[[Array], Array]:
    """Returns -log E 1/(1 + Q(x + sqrt(2 (T-t)) W)) as a function of (x, t)."""
    sizes, vectors = jnp.linalg.eigh(matrix)
    nodes, weights = _half_line()

    def value(point: Array) -> Array:
        place = (point[:-1] @ vectors) ** 2
        spread = 1 + 4 * (HORIZON - point[-1]) * nodes[:, None] * sizes
        inside = nodes[:, None] * sizes * place / spread + jnp.log(spread) / 2
        return -jax.nn.logsumexp(-inside.sum(axis=1), b=weights)

    return value


def _half_line() -> tuple[Array, Array]:
    """Returns nodes s and weights for the integral of e^-s f(s), s = e^y > 0."""
    places, step = jnp.linspace(-40.0, 5.0, NODES, retstep=True)
    nodes = jnp.exp(places)
    return nodes, step * nodes * jnp.exp(-nodes)


def black_scholes_barenblatt(dim: int) -> Problem:
    """u_t + (sigma^2/2) sum_i x_i^2 u_ii - r (u - x . grad u) = 0, u(x, T) = |x|^2."""
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    sigma, rate = sp.Rational(2, 5), sp.Rational(1, 20)

    def operator(u: sp.Expr) -> sp.Expr:
        diffusion = oc.Sum(x[i] ** 2 * oc.D(u, x[i], 2), i)
        drift = oc.Sum(x[i] * oc.D(u, x[i]), i)
        return oc.D(u, t) + sigma**2 / 2 * diffusion - rate * (u - drift)

    return Problem(
        name="black_scholes_barenblatt",
        coordinates=(x, t),
        operator=operator,
        sample=with_time(gauss(dim), HORIZON),
        radius=math.sqrt(dim),
        solution=sp.exp((rate + sigma**2) * (HORIZON - t)) * square(x),
        ansatz=lambda N: ((HORIZON - t) * N + 1) * square(x),
    )


def wave(dim: int) -> Problem:
    """u_tt - Lap u = 0, u(x, 0) = sum_i sinh x_i, u_t(x, 0) = 0."""
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    initial = oc.Sum(sp.sinh(x[i]), i)
    return Problem(
        name="wave",
        coordinates=(x, t),
        operator=lambda u: oc.D(u, t, 2) - laplacian(u, x),
        sample=with_time(ball(dim), HORIZON),
        solution=sp.cosh(t) * initial,
        ansatz=lambda N: t**2 * N + initial,
    )


PROBLEMS = {
    "hjb_linear": hjb_linear,
    "hjb_lqg": hjb_lqg,
    "hjb_rosenbrock": hjb_rosenbrock,
    "bsb": black_scholes_barenblatt,
    "wave": wave,
}
