r"""Córdoba, Córdoba and Fontelos' equation, two self-similar profiles.

θ_t + (H θ) θ_x = 0 with the Hilbert transform H becomes singular in finite time. With
θ = (1-t)^λ Θ(y), y = x/(1-t)^{1+λ}, and U = H Θ, up to a constant of θ,

    -λ Θ + ((1 + λ) y + U) Θ' = 0,    Θ even, U odd, Θ ~ |y|^a far away, a = λ/(1+λ).

In s = log y the equation says d log Θ / ds = λ/V with the drift V = 1 + λ + U/y, so that
Θ ~ |y|^p at the origin with p = λ/V(-∞). There is a profile for every λ, smooth only if p
is even. The program follows this family from the stable profile down in λ: p grows from 2
to 2.2 and comes back to 2 at the first unstable profile.

V is analytic in s with a limit at each end, and H is a convolution in s: the Fourier
transform of y^{-σ} dΘ/ds times -tan(πr/2)/r, r = -σ - iω, is that of y^{-σ} U for
a < σ < 1, and that of y^{-σ} (U - U'(0) y) for 1 < σ < p, which keeps its digits near the
origin. The unknowns of Newton's method are V on an even grid; Fourier sums make a function
of one point of them, with which the compiled equation checks them between these points.

Source of the equation: Córdoba, Córdoba, Fontelos, Annals of Math. 162 (2005); of profiles
    by networks: Wang et al., Phys. Rev. Lett. 130 (2023), and arXiv 2509.14185.

Run: python -m examples.ccf_profile [--points 1200 2400 3600 4800]
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from jax import Array
from jax.flatten_util import ravel_pytree
from matplotlib.figure import Figure
from rich.progress import track

import opcompiler as oc
from examples.support.run import parser, Run

y, lam = sp.symbols("y lambda")
THETA, U = (sp.Function(name)(y) for name in ("Theta", "U"))
EQUATION = -lam * THETA + ((1 + lam) * y + U) * THETA.diff(y)

REACH = 90.0
"""The grid is -REACH <= log y < REACH: what is cut off is smaller than 1e-9."""

NEAR = 1.5
"""σ of the transform for y < 1."""


class Profile(NamedTuple):
    """A profile by its drift.

    Attributes:
        drift: V at the points of the grid, (N,) with even N.
        size: log Θ at y = 1, ().
        value: λ, ().
    """

    drift: Array
    size: Array
    value: Array


class Series(NamedTuple):
    """Fourier series over the grid, of functions of s without their limits.

    Attributes:
        logarithm: of log Θ, (N,).
        rise: how much log Θ rises beside its limits and `logarithm`, ().
        near: of y^{-NEAR} (U - U'(0) y), (N,).
        far: of y^{-σ} U with the σ of `exponents`, (N,).
        slope: U'(0), ().
    """

    logarithm: Array
    rise: Array
    near: Array
    far: Array
    slope: Array


def grid(points: int) -> np.ndarray:
    """Returns s at the points of the grid, (points,)."""
    return (np.arange(points) / points * 2 - 1) * REACH


def frequencies(points: int) -> np.ndarray:
    """Returns ω of the terms of a series, (points,)."""
    return 2 * np.pi * np.fft.fftfreq(points, 2 * REACH / points)


def exponents(profile: Profile) -> tuple[Array, Array, Array]:
    """Returns p, a, and for y > 1 the σ in the middle between a and 1."""
    far = profile.value / (1 + profile.value)
    return profile.value / profile.drift[0], far, (1 + far) / 2


def limits(s: Array, p: Array, a: Array) -> Array:
    """Returns the integral from 0 to s of a smooth step from p to a."""
    # log cosh s, written so that it is finite everywhere
    rounded = jnp.abs(s) + jnp.log1p(jnp.exp(-2 * jnp.abs(s))) - np.log(2)
    return (p + a) / 2 * s + (a - p) / 2 * rounded


def series(profile: Profile) -> Series:
    """Returns log Θ and the transforms of a profile."""
    count = len(profile.drift)
    s, omega, step = grid(count), frequencies(count), 2 * REACH / count
    p, a, sigma = exponents(profile)
    growth = profile.value / profile.drift
    # What is integrated term by term has neither limits nor a mean.
    rest = growth - (p + a) / 2 - (a - p) / 2 * np.tanh(s)
    rise = rest.sum() * step
    rest = jnp.fft.fft(rest - rise / 2 / np.cosh(s) ** 2)
    turned = np.where(omega == 0, 1, 1j * omega)
    logarithm = jnp.where(omega == 0, 0, rest / turned)
    at_one = jnp.fft.ifft(logarithm).real[count // 2]
    logarithm = logarithm.at[0].add((profile.size - at_one) * count)
    theta = jnp.exp(
        jnp.fft.ifft(logarithm).real + limits(s, p, a) + rise / 2 * np.tanh(s)
    )

    def transform(power: Array | float) -> Array:
        r = -power - 1j * omega
        symbol = -jnp.tan(np.pi * r / 2) / r
        # The highest frequency stands for both signs.
        symbol = jnp.where(omega == omega.min(), symbol.real, symbol)
        return symbol * jnp.fft.fft(growth * theta * jnp.exp(-power * s))

    slope = -2 / np.pi * jnp.sum(growth * theta * jnp.exp(-s)) * step
    return Series(logarithm, rise, transform(NEAR), transform(sigma), slope)


def profile(found: Profile, point: Array) -> Array:
    """Returns (Θ, U) at a point (1,) with y > 0, between the points of the grid too."""
    s = jnp.log(point[0])
    p, a, sigma = exponents(found)
    terms = series(found)
    count = len(found.drift)
    wave = jnp.exp(1j * frequencies(count) * (s + REACH)) / count
    at = lambda coefficients: jnp.real(wave @ coefficients)
    log_theta = at(terms.logarithm) + limits(s, p, a) + terms.rise / 2 * jnp.tanh(s)
    near = jnp.exp(NEAR * s) * at(terms.near) + terms.slope * point[0]
    far = jnp.exp(sigma * s) * at(terms.far)
    return jnp.stack([jnp.exp(log_theta), jnp.where(s < 0, near, far)])


Condition = Callable[[Profile, Profile], Array]
"""Determines λ, from a profile and the one that was started from."""


def smooth(found: Profile, start: Profile) -> Array:
    """Vanishes where Θ ~ y² at the origin."""
    return 2 * found.drift[0] - found.value


def held(found: Profile, start: Profile) -> Array:
    """Vanishes where λ is what it was."""
    return found.value - start.value


@partial(jax.jit, static_argnums=2)
def defect(unknowns: Array, start: Profile, condition: Condition) -> Array:
    """Returns what has to vanish, as many numbers as unknowns.

    Args:
        unknowns: a profile in a row, (N + 2,).
        start: another one.
        condition: what determines λ.
    """
    found = ravel_pytree(start)[1](unknowns)
    s = grid(len(found.drift))
    p, a, sigma = exponents(found)
    terms = series(found)
    near = jnp.exp((NEAR - 1) * s) * jnp.fft.ifft(terms.near).real + terms.slope
    far = jnp.exp((sigma - 1) * s) * jnp.fft.ifft(terms.far).real
    drift = 1 + found.value + jnp.where(s < 0, near, far)
    # Profiles can be scaled: y = 1 is where log Θ grows with the mean of p and a.
    middle = found.value / found.drift[len(s) // 2] - (p + a) / 2
    left = Profile(found.drift - drift, middle, condition(found, start))
    return ravel_pytree(left)[0]


jacobian = jax.jit(jax.jacfwd(defect), static_argnums=2)


def newton(start: Profile, condition: Condition) -> tuple[Profile, float]:
    """Returns a solution, and the largest defect before the last of its steps."""
    unknowns, shaped = ravel_pytree(start)
    size = np.inf
    for _ in range(12):
        left = defect(unknowns, start, condition)
        unknowns -= np.linalg.solve(jacobian(unknowns, start, condition), left)
        if (size := float(jnp.abs(left).max())) < 1e-11:
            break
    return shaped(unknowns), size


def start(points: int, value: float) -> Profile:
    """Returns dlog Θ/ds in its simplest form, scaled so that p is 2."""
    a = value / (1 + value)
    growth = a + (2 - a) * (1 - np.tanh(grid(points))) / 2
    shape = Profile(jnp.asarray(value / growth), jnp.asarray(0.0), jnp.asarray(value))
    wanted = value / 2 - 1 - value
    return shape._replace(size=jnp.log(wanted / jax.jit(series)(shape).slope))


def finer(found: Profile, points: int) -> Profile:
    """Returns a profile on another grid, between whose points it is a line."""
    old = grid(len(found.drift))
    return found._replace(drift=jnp.interp(grid(points), old, found.drift))


def family(stable: Profile, values: Sequence[float]) -> list[Profile]:
    """Returns the profiles, smooth or not, with these λ, each from the one before."""
    found = [stable]
    for value in track(values, "profiles that are not smooth"):
        found.append(newton(found[-1]._replace(value=jnp.asarray(value)), held)[0])
    return found


def check(found: Profile, points: int = 2000) -> float:
    """Returns the largest residual of the compiled equation beside λ Θ, at other points."""
    residual = oc.compile(EQUATION, fields=["Theta", "U"]).bind(profile)
    s = jax.random.uniform(jax.random.key(0), (points, 1), minval=-9, maxval=20)
    theta = jax.vmap(profile, (None, 0))(found, jnp.exp(s))[:, 0]
    left = residual(found, jnp.exp(s), **{"lambda": found.value})
    return float(jnp.abs(left / (found.value * theta)).max())


def draw(
    members: Sequence[Profile],
    profiles: Mapping[str, Profile],
    history: Mapping[str, Sequence[Sequence[float]]],
) -> Figure:
    """Draws the family, the smooth profiles, and how λ and the residual converge."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(12, 3.4), layout="constrained"
    )
    values = [float(member.value) for member in members]
    exponent = [float(exponents(member)[0]) for member in members]
    left.plot(values, exponent, color="0.3")
    left.axhline(2, color="0.8", lw=1)
    left.set_title("Θ ~ $|y|^p$ at the origin: smooth where p = 2", fontsize=10)
    left.set_xlabel("λ")
    left.set_ylabel("p")
    places = jnp.linspace(1e-3, 6, 600)[:, None]
    for color, (name, found) in zip(("C0", "C1"), profiles.items(), strict=True):
        label = f"{name}, λ = {float(found.value):.10f}"
        left.plot(float(found.value), 2, "o", color=color, label=label)
        theta, velocity = jax.vmap(profile, (None, 0))(found, places).T
        middle.plot(places[:, 0], theta, color=color, label=f"Θ, {name}")
        middle.plot(places[:, 0], velocity, "--", color=color, label=f"U, {name}")
        counts, eigenvalues, residuals = zip(*history[name], strict=True)
        gaps = np.abs(np.array(eigenvalues[:-1]) - eigenvalues[-1])
        right.semilogy(
            counts[:-1], np.maximum(gaps, 1e-16), "o-", color=color, label=f"λ, {name}"
        )
        right.semilogy(counts, residuals, "s--", color=color, label=f"residual, {name}")
    left.legend(frameon=False, fontsize=8)
    middle.set_title("Profiles: Θ is even, U = HΘ is odd", fontsize=10)
    middle.set_xlabel("y")
    middle.legend(frameon=False, fontsize=8)
    right.set_title("Difference from the last λ; residual between points", fontsize=10)
    right.set_xlabel("points of the grid")
    right.legend(frameon=False, fontsize=8)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    options = parser(__doc__, steps=0)
    options.add_argument(
        "--points", type=int, nargs="+", default=[1200, 2400, 3600, 4800]
    )
    options.add_argument("--last", type=float, default=0.6, help="where λ's way ends")
    options = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("ccf_profile", options)
    seconds = time.perf_counter()
    stable, _ = newton(start(options.points[0], 1.1), smooth)
    way = np.arange(float(stable.value) - 0.03, options.last - 0.03, -0.03)
    members = family(stable, way)
    run.say(
        f"{len(members)} profiles of the family, {time.perf_counter() - seconds:.0f} s"
    )
    profiles = {"stable": stable, "unstable": members[-1]}
    history: dict[str, list[tuple[int, float, float]]] = {name: [] for name in profiles}
    for name in profiles:
        for points in options.points:
            begun = time.perf_counter()
            profiles[name], size = newton(finer(profiles[name], points), smooth)
            value, residual = float(profiles[name].value), check(profiles[name])
            history[name].append((points, value, residual))
            seconds = time.perf_counter() - begun
            run.say(
                f"{name}, {points} points: lambda {value:.12f}, defect {size:.0e}, "
                f"residual between points {residual:.1e}, {seconds:.0f} s"
            )
    values = {name: float(found.value) for name, found in profiles.items()}
    run.numbers(history=history, values=values)
    run.figure(lambda: draw(members, profiles, history))
    return values


if __name__ == "__main__":
    main()
