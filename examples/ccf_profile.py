r"""The stable self-similar profile of Córdoba, Córdoba and Fontelos' equation.

θ_t + (H θ) θ_x = 0 with the Hilbert transform H becomes singular in finite time. With
θ = (1-t)^λ Θ(y), y = x/(1-t)^{1+λ}, and U = H Θ, up to a constant of θ,

    -λ Θ + ((1 + λ) y + U) Θ' = 0,    Θ even, U odd, Θ ~ |y|^a far away, a = λ/(1+λ).

Θ + iU is the boundary value of a function that is analytic in a half plane, so no integral
has to be computed if the ansatz is one. With ζ = 1 - iy/L it is

    Θ + iU = ζ^a (1 + w) Σ_{m,k} c_{mk} ζ^{-m/(1+λ)} w^k,    w = 1 - 2/ζ on the unit circle:

the fractional powers are those of the expansion far away, and 1 + w vanishes at y = 0. A
solution that is not smooth at 0 exists for every λ, so the residual is divided by y², which
weighs the origin; the scale is set by Θ''(0). Levenberg and Marquardt's method solves for
the real c and λ together, from one coefficient.

Source of the equation: Córdoba, Córdoba, Fontelos, Annals of Math. 162 (2005); of profiles
    by networks: Wang et al., Phys. Rev. Lett. 130 (2023), and arXiv 2509.14185.

Run: python -m examples.ccf_profile [--powers 8 12 16 20 24]
"""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from jax import Array
from matplotlib.figure import Figure

import opcompiler as oc
from examples.support.least_squares import levenberg_marquardt, Rows
from examples.support.run import parser, Run

y, lam = sp.symbols("y lambda")
THETA, U = (sp.Function(name)(y) for name in ("Theta", "U"))
EQUATION = -lam * THETA + ((1 + lam) * y + U) * THETA.diff(y)

LENGTH, FRACTIONS = 1.0, 3
"""L, and how many fractional powers there are."""

Params = tuple[Array, Array]
"""(c of shape (FRACTIONS, powers), λ)"""


def profile(params: Params, point: Array) -> Array:
    """Returns (Θ, U) at a point (1,)."""
    c, value = params
    zeta = 1 - 1j * point[0] / LENGTH
    w = 1 - 2 / zeta
    powers = jnp.exp(jnp.arange(c.shape[1]) * jnp.log(w))
    fractions = jnp.exp((value - jnp.arange(FRACTIONS)) / (1 + value) * jnp.log(zeta))
    both = (1 + w) * (fractions @ c.astype(w.dtype) @ powers)
    return jnp.stack([both.real, both.imag])


def line(powers: int) -> Array:
    """Returns points of the half line, (N, 1): even on the circle, more at both ends."""
    angles = (np.arange(6 * powers) + 0.5) / (6 * powers) * np.pi
    middle = LENGTH / np.tan(angles / 2)
    far = np.geomspace(middle.max(), 1e13, 2 * powers)
    near = np.geomspace(1e-3, middle.min(), powers)
    return jnp.asarray(np.concatenate([near, middle, far]))[:, None]


def loss_rows(powers: int, curvature: float) -> tuple[Rows, ...]:
    """Returns the loss: the equation on the line, and Θ''(0)."""
    residual = oc.compile(EQUATION, fields=["Theta", "U"]).bind(profile)
    second = oc.compile(THETA.diff(y, 2), fields=["Theta", "U"]).bind(profile)
    points = line(powers)

    def on_line(params: Params, point: Array) -> Array:
        value, square = params[1], point[0] ** 2
        size = square * (1 + square) ** (value / (1 + value) / 2 - 1)
        found = residual(params, point, **{"lambda": value})
        return (found / size)[None] / len(points) ** 0.5

    return (
        Rows(on_line, points),
        Rows(lambda p, x: second(p, x)[None] - curvature, jnp.zeros((1, 1))),
    )


def start(powers: int, value: float) -> tuple[Params, float]:
    """Returns one coefficient, so that U'(0) = -1 - λ/2 as in a solution, and Θ''(0)."""
    c = jnp.zeros((FRACTIONS, powers)).at[0, 0].set((1 + value / 2) * LENGTH / 2)
    return (c, jnp.asarray(value)), (2 + value) / (1 + value) / LENGTH


def solve(powers: int, first: float, steps: int) -> tuple[Params, float, float]:
    """Returns the parameters, the norm of the residual, and seconds without compilation."""
    params, curvature = start(powers, first)
    begin, step = levenberg_marquardt(loss_rows(powers, curvature), 1e-2, 3.0)
    run = jax.jit(
        lambda state: jax.lax.scan(lambda s, _: step(s, None), state, None, steps)
    )
    state = begin(params)
    compiled = run.lower(state).compile()
    seconds = time.perf_counter()
    (params, _), losses = jax.block_until_ready(compiled(state))
    return params, float(losses[-1]) ** 0.5, time.perf_counter() - seconds


def draw(params: Params, history: Sequence[tuple[int, float, float]]) -> Figure:
    """Draws the profile, and how λ and the residual converge."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
    places = jnp.linspace(-6, 6, 601)[:, None]
    theta, velocity = jax.vmap(profile, (None, 0))(params, places).T
    left.plot(places[:, 0], theta, label="Θ")
    left.plot(places[:, 0], velocity, label="U = HΘ")
    left.set_title(f"Profile, λ = {float(params[1]):.10f}", fontsize=10)
    left.set_xlabel("y")
    left.legend(frameon=False)
    counts, residuals, values = zip(*history, strict=True)
    gaps = np.maximum(np.abs(np.array(values) - values[-1])[:-1], 1e-16)
    right.semilogy(counts[:-1], gaps, "o-", label=f"λ against {counts[-1]} powers")
    right.semilogy(counts, residuals, "s-", label="root mean square residual")
    right.set_title("Convergence", fontsize=10)
    right.set_xlabel("powers of w")
    right.legend(frameon=False)
    return figure


def main(arguments: Sequence[str] | None = None) -> list[tuple[int, float, float]]:
    options = parser(__doc__, steps=300)
    options.add_argument("--powers", type=int, nargs="+", default=[8, 12, 16, 20, 24])
    options.add_argument("--first", type=float, default=1.0, help="λ at the beginning")
    options = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("ccf_profile", options)
    history: list[tuple[int, float, float]] = []
    params: Any = None
    for powers in options.powers:
        params, size, seconds = solve(powers, options.first, options.steps)
        history.append((powers, size, float(params[1])))
        run.say(
            f"{powers} powers: lambda {float(params[1]):.12f}, residual {size:.1e}, "
            f"{seconds:.1f} s"
        )
    run.numbers(history=history, eigenvalue=history[-1][2])
    run.figure(lambda: draw(params, history))
    return history


if __name__ == "__main__":
    main()
