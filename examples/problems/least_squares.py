"""Five equations for optimisers of second order, as sums of squares with references.

Solutions that nobody can write down, those of Allen-Cahn and Kuramoto-Sivashinsky, come
from a Fourier method of fourth order in time (ETDRK4; Cox, Matthews, J. Comput. Phys. 176
(2002); contour integrals of Kassam, Trefethen, SIAM J. Sci. Comput. 26 (2005)).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

import opcompiler as oc
from examples.support import network
from opcompiler.demo import burgers

Apply = Callable[[Any, Array], Array]


@dataclass(frozen=True)
class Problem:
    """An equation, its conditions, and where its solution is known.

    Attributes:
        name: of the problem.
        residual: of the equation.
        apply: the network, (params, point) -> ().
        sample: key -> points inside.
        widths: of the network.
        conditions: key -> terms of `oc.least_squares`.
        points, values: where the solution is known, (N, D) and (N,).
        windows: of time, which are solved one after the other.
        end: of a window: where values are handed on, (N, D), and how the next one begins.
        step: of time, from one window to the next.
    """

    name: str
    residual: oc.Residual
    apply: Apply
    sample: Callable[[Array], Array]
    widths: tuple[int, ...]
    conditions: Callable[[Array], list[Any]]
    points: np.ndarray
    values: np.ndarray
    windows: int = 1
    grid: np.ndarray | None = None
    window: int = 0

    def squares(self, key: Array) -> Any:
        """Returns the sum of squares at the points of a key."""
        inside = (self.residual.bind(self.apply), self.sample(key))
        return oc.least_squares([inside, *self.conditions(key)])

    def error(self, params: Any) -> float:
        """Returns the relative L2 error, of the present window."""
        points, values = self._here()
        found = _at(self.apply, params, points)
        return float(np.linalg.norm(found - values) / np.linalg.norm(values))

    def _here(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns points of the present window, its time from 0 to 1, and their values."""
        if self.windows == 1:
            return self.points, self.values
        size = len(self.points) // self.windows
        own = slice(self.window * size, (self.window + 1) * size)
        return self.points[own] - [self.window, 0.0], self.values[own]

    def following(self, params: Any) -> "Problem":
        """Returns the next window, which begins with what the network says at the end."""
        assert self.grid is not None
        ends = np.column_stack([np.ones_like(self.grid), self.grid])
        start = _at(self.apply, params, ends)
        conditions = lambda key: [_start(self.apply, self.grid, start)]
        return replace(self, conditions=conditions, window=self.window + 1)


def _at(apply: Apply, params: Any, points: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(apply, (None, 0)))(params, jnp.asarray(points)))


def _start(apply: Apply, grid: Any, values: Any, weight: float = 100.0) -> Any:
    """Returns the term of given values at the time 0."""
    points = jnp.column_stack([jnp.zeros(len(grid)), jnp.asarray(grid)])
    return (
        lambda params, data: apply(params, data[0]) - data[1],
        (points, jnp.asarray(values)),
        weight,
    )


def _box(low: Any, high: Any, count: int) -> Callable[[Array], Array]:
    low, high = jnp.asarray(low), jnp.asarray(high)
    return lambda key: jax.random.uniform(
        key, (count, len(low)), minval=low, maxval=high
    )


def _known(exact: Callable[[Array], Array], points: Array) -> tuple[Any, Any]:
    return np.asarray(points), np.asarray(jax.vmap(exact)(points))


def _dirichlet(
    name: str, equation: Any, symbols: Any, exact: sp.Expr, apply: Apply,
    widths: tuple[int, ...], counts: tuple[int, int],
) -> Problem:  # fmt: skip
    """Returns a problem on a cube with the values of a known solution at its sides."""
    dim, low = len(symbols), -1.0 if name == "helmholtz" else 0.0
    u = sp.Function("u")(*symbols)
    solution = sp.lambdify(symbols, exact, "jax")
    value = lambda point: solution(*point)
    inside = _box([low] * dim, [1.0] * dim, counts[0])
    around = _box([low] * dim, [1.0] * dim, counts[1])

    def conditions(key: Array) -> list[Any]:
        first, second, third = jax.random.split(key, 3)
        points = around(first)
        axis = jax.random.randint(second, (counts[1],), 0, dim)
        end = jnp.where(jax.random.bernoulli(third, shape=(counts[1],)), 1.0, low)
        points = points.at[jnp.arange(counts[1]), axis].set(end)
        return [
            (lambda params, point: apply(params, point) - value(point), points, 10.0)
        ]

    source = equation(exact).doit()
    residual = oc.compile(equation(u) - source, coordinates=list(symbols))
    tests = _box([low] * dim, [1.0] * dim, 5000)(jax.random.key(99))
    return Problem(
        name, residual, apply, inside, widths, conditions, *_known(value, tests)
    )


def poisson() -> Problem:
    """Δu = f on the cube in five dimensions, u = Σ cos π x_i, any values at the sides."""
    symbols = sp.symbols("x0:5")
    apply = lambda params, point: network.apply(params, point, jnp.sin)
    return _dirichlet(
        "poisson", lambda u: sum(u.diff(x, 2) for x in symbols), symbols,
        sum(sp.cos(sp.pi * x) for x in symbols), apply, (5, 32, 32, 1), (600, 200),
    )  # fmt: skip


def helmholtz() -> Problem:
    """Δu + k²u = f on the square with k = 20, some seven waves along a side."""
    x, y = symbols = sp.symbols("x y")
    exact = sp.sin(14 * x + 3) * sp.cos(16 * y + 1) + sp.sin(20 * y - 4 * x) / 2
    apply = lambda params, point: network.apply(params, 10 * point, jnp.sin)
    return _dirichlet(
        "helmholtz", lambda u: (u.diff(x, 2) + u.diff(y, 2) + 400 * u) / 400, symbols,
        exact, apply, (2, 48, 48, 1), (600, 200),
    )  # fmt: skip


t, x = sp.symbols("t x")
U = sp.Function("u")(t, x)


def burgers_front() -> Problem:
    """u_t + u u_x = ν u_xx, ν = 0.01/π: a sine becomes a front, with half the points."""

    def sample(key: Array) -> Array:
        far, near = jax.random.split(key)
        wide = _box([0.0, -1.0], [1.0, 1.0], 400)(far)
        return jnp.concatenate([wide, _box([0.2, -0.1], [1.0, 0.1], 400)(near)])

    def apply(params: Any, point: Array) -> Array:
        t, x = point
        inner = network.apply(params, jnp.stack([2 * t - 1, x]))
        return -jnp.sin(jnp.pi * x) + t * (1 - x**2) * inner

    residual = oc.compile(U.diff(t) + U * U.diff(x) - burgers.NU * U.diff(x, 2))
    times, line = np.linspace(0, 1, 26), np.linspace(-1, 1, 201)
    values = np.asarray(burgers.solution(times[:, None], line, burgers.NU))
    points = np.stack(np.meshgrid(times, line, indexing="ij"), -1).reshape(-1, 2)
    return Problem(
        "burgers", residual, apply, sample, (2, 24, 24, 24, 1), lambda key: [],
        points, values.reshape(-1),
    )  # fmt: skip


def _periodic(length: float) -> Apply:
    """Returns networks of t and of waves of a length, which are periodic."""

    def apply(params: Any, point: Array) -> Array:
        angles = 2 * jnp.pi / length * jnp.array([1.0, 2.0]) * point[1]
        waves = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)])
        return network.apply(params, jnp.append(waves, 2 * point[0] - 1))

    return apply


def _evolution(
    name: str, residual: oc.Residual, length: float, low: float, start: Any,
    reference: Mapping[str, Any], windows: int, widths: tuple[int, ...],
) -> Problem:  # fmt: skip
    """Returns a periodic problem in windows of the time 1."""
    modes = 256
    line = low + length * np.arange(modes) / modes
    frames = spectral(line, length, start(line), windows, **reference)
    per_window = (len(frames) - 1) // windows
    points, values = [], []
    for window in range(windows):
        own = slice(window * per_window, (window + 1) * per_window + 1)
        times = window + np.linspace(0, 1, per_window + 1)
        mesh = np.meshgrid(times, line[::2], indexing="ij")
        points.append(np.stack(mesh, -1).reshape(-1, 2))
        values.append(frames[own, ::2].reshape(-1))
    apply, grid = _periodic(length), line[::2]
    return Problem(
        name, residual, apply, _box([0.0, low], [1.0, low + length], 800), widths,
        lambda key: [_start(apply, grid, start(grid))],
        np.concatenate(points), np.concatenate(values), windows, grid,
    )  # fmt: skip


def allen_cahn() -> Problem:
    """u_t = 1e-4 u_xx + 5u - 5u³ on [-1, 1), u(0) = x² cos πx; four windows of 1/4."""
    speed = sp.Rational(1, 4)  # a window is the time 1
    residual = oc.compile(U.diff(t) - speed * (U.diff(x, 2) / 10**4 + 5 * U - 5 * U**3))
    return _evolution(
        "allen-cahn", residual, 2.0, -1.0, lambda x: x**2 * np.cos(np.pi * x),
        {"linear": lambda k: (5 - 1e-4 * k**2) / 4, "power": 3, "scale": -5 / 4},
        4, (5, 24, 24, 24, 1),
    )  # fmt: skip


def kuramoto() -> Problem:
    """u_t + α u u_x + β u_xx + γ u_xxxx = 0 on [0, 2π); five windows of 0.1."""
    alpha, beta, gamma = 100 / 16, 100 / 16**2, 100 / 16**4
    terms = alpha * U * U.diff(x) + beta * U.diff(x, 2) + gamma * U.diff(x, 4)
    residual = oc.compile(U.diff(t) + terms / 10)
    return _evolution(
        "kuramoto", residual, 2 * np.pi, 0.0, lambda x: np.cos(x) * (1 + np.sin(x)),
        {"linear": lambda k: (beta * k**2 - gamma * k**4) / 10,
         "power": 2, "scale": -alpha / 20},
        5, (5, 24, 24, 24, 1),
    )  # fmt: skip


def spectral(
    line: np.ndarray, length: float, start: np.ndarray, time: float,
    linear: Callable[[np.ndarray], np.ndarray], power: int, scale: float,
    steps: int = 4000, frames: int = 10,
) -> np.ndarray:  # fmt: skip
    """Solves u_t = L u + scale ∂^(power = 2) u^power, periodic, by ETDRK4.

    Args:
        line: the grid.
        length: of the period.
        start: values at the time 0.
        time: of the end; `frames` values per unit of it are returned.
        linear: L of wave numbers.
        power: 2 for (u²)_x, 3 for u³.
        scale: of the nonlinear term.
        steps: per unit of time.
        frames: per unit of time.
    """
    count, h = len(line), 1 / steps
    waves = 2 * np.pi / length * np.fft.rfftfreq(count, 1 / count)
    kept = np.abs(waves) <= 2 / (power + 1) * np.abs(waves).max()
    outer = (1j * waves if power == 2 else 1) * scale * kept
    nonlinear = lambda v: outer * np.fft.rfft(np.fft.irfft(v, count) ** power)
    symbol = linear(waves)
    circle = h * symbol[:, None] + np.exp(1j * np.pi * (np.arange(32) + 0.5) / 32)
    mean = lambda values: h * np.real(np.mean(values, axis=1))
    full, half = np.exp(h * symbol), np.exp(h * symbol / 2)
    q = mean((np.exp(circle / 2) - 1) / circle)
    e = np.exp(circle)
    f1 = mean((-4 - circle + e * (4 - 3 * circle + circle**2)) / circle**3)
    f2 = mean((2 + circle + e * (-2 + circle)) / circle**3)
    f3 = mean((-4 - 3 * circle - circle**2 + e * (4 - circle)) / circle**3)
    v, found = np.fft.rfft(start), [start]
    for step in range(round(time * steps)):
        n0 = nonlinear(v)
        a = half * v + q * n0
        na = nonlinear(a)
        b = half * v + q * na
        nb = nonlinear(b)
        c = half * a + q * (2 * nb - n0)
        v = full * v + f1 * n0 + 2 * f2 * (na + nb) + f3 * nonlinear(c)
        if (step + 1) % (steps // frames) == 0:
            found.append(np.fft.irfft(v, count))
    return np.array(found)


PROBLEMS = {
    "poisson": poisson,
    "helmholtz": helmholtz,
    "burgers": burgers_front,
    "allen-cahn": allen_cahn,
    "kuramoto": kuramoto,
}
