"""Five equations for optimisers of second order, as sums of squares with references.

Solutions that nobody can write down, those of Allen-Cahn and Kuramoto-Sivashinsky, come
from a Fourier method of fourth order in time (ETDRK4; Cox, Matthews, J. Comput. Phys. 176
(2002); contour integrals of Kassam, Trefethen, SIAM J. Sci. Comput. 26 (2005)).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

import opcompiler as oc
from examples.support import network
from opcompiler.demo import burgers

Apply = Callable[[Any, Array, Array], Array]
"""(params, point (D,), start) -> ()"""


@dataclass(frozen=True)
class Problem:
    """An equation, its conditions, and where its solution is known.

    An evolution is solved in windows of time, one after the other, and what the network
    says at the end of a window is the start of the next one. The time of a window is 0 to
    1, so that all windows are one problem, and one compiled step trains them all.

    Attributes:
        title: the problem in words.
        residual: of the equation.
        apply: the network, (params, point, start) -> ().
        widths: of the network.
        sample: key -> points inside, (N, D).
        points, values: where the solution is known, (N, D), and (windows, N).
        conditions: key -> terms of `oc.least_squares` for data that `apply` does not hold
            by itself.
        start: of the first window, coefficients of `line`, or none.
        line: functions of a start at points, (n, coefficients), and these points, (n, 2),
            at the end of a window.
    """

    title: str
    residual: oc.Residual
    apply: Apply
    widths: tuple[int, ...]
    sample: Callable[[Array], Array]
    points: np.ndarray
    values: np.ndarray
    conditions: Callable[[Array], list[Any]] = lambda key: []
    start: np.ndarray | None = None
    line: tuple[np.ndarray, np.ndarray] | None = None

    def squares(self, key: Array, start: Any) -> Any:
        """Returns the sum of squares at the points of a key."""
        f = self.residual.bind(lambda params, point: self.apply(params, point, start))
        return oc.least_squares([(f, self.sample(key)), *self.conditions(key)])

    def gap(self, params: Any, start: Any, window: int) -> np.ndarray:
        """Returns what is wrong in a window, (N,)."""
        return self._at(params, start, self.points) - self.values[window]

    def following(self, params: Any, start: Any) -> np.ndarray | None:
        """Returns the start of the next window."""
        if self.line is None:
            return None
        functions, ends = self.line
        return np.linalg.lstsq(functions, self._at(params, start, ends))[0]

    def _at(self, params: Any, start: Any, points: np.ndarray) -> np.ndarray:
        return np.asarray(_values(self.apply, params, jnp.asarray(points), start))


@partial(jax.jit, static_argnums=0)
def _values(apply: Apply, params: Any, points: Array, start: Any) -> Array:
    return jax.vmap(apply, (None, 0, None))(params, points, start)


def _box(low: Any, high: Any, count: int) -> Callable[[Array], Array]:
    low, high = jnp.asarray(low), jnp.asarray(high)
    return lambda key: jax.random.uniform(
        key, (count, len(low)), minval=low, maxval=high
    )


def _dirichlet(
    title: str, equation: Any, symbols: Any, exact: sp.Expr, low: float, scale: float,
    widths: tuple[int, ...], counts: tuple[int, int],
) -> Problem:  # fmt: skip
    """Returns a problem on a cube with the values of a known solution at its sides."""
    dim = len(symbols)
    u = sp.Function("u")(*symbols)
    solution = sp.lambdify(symbols, exact, "jax")
    inside, around = (_box([low] * dim, [1.0] * dim, count) for count in counts)

    def apply(params: Any, point: Array, start: Any) -> Array:
        del start
        return network.apply(params, scale * point, jnp.sin)

    def gap(params: Any, point: Array) -> Array:
        return apply(params, point, None) - solution(*point)

    def conditions(key: Array) -> list[Any]:
        """The side k of the sides x_i = low, x_i = 1 has the points k, k + 2 dim, ..."""
        side = jnp.arange(counts[1]) % (2 * dim)
        end = jnp.where(side % 2, 1.0, low)
        points = around(jax.random.fold_in(key, 1))
        return [(gap, points.at[jnp.arange(counts[1]), side // 2].set(end), 100.0)]

    residual = oc.compile(
        equation(u) - equation(exact).doit(), coordinates=list(symbols)
    )
    tests = np.asarray(_box([low] * dim, [1.0] * dim, 5000)(jax.random.key(99)))
    values = np.asarray(jax.vmap(lambda point: solution(*point))(tests))
    return Problem(
        title, residual, apply, widths, inside, tests, values[None], conditions
    )


def poisson() -> Problem:
    """Δu = f on the cube in five dimensions, u = Σ cos π x_i, any values at the sides."""
    symbols = sp.symbols("x0:5")
    return _dirichlet(
        "Poisson in 5 dimensions", lambda u: sum(u.diff(x, 2) for x in symbols),
        symbols, sum(sp.cos(sp.pi * x) for x in symbols), 0.0, 4.0, (5, 32, 32, 1),
        (600, 200),
    )  # fmt: skip


def helmholtz() -> Problem:
    """Δu + k²u = f on the square, some seven waves along a side.

    k = 20.25 lies between two eigenvalues of the square; k = 20 is 0.04% off one.
    """
    x, y = symbols = sp.symbols("x y")
    exact = sp.sin(14 * x + 3) * sp.cos(16 * y + 1) + sp.sin(20 * y - 4 * x) / 2
    k = sp.Rational(81, 4)
    return _dirichlet(
        "Helmholtz, k = 20.25",
        lambda u: (u.diff(x, 2) + u.diff(y, 2) + k**2 * u) / k**2, symbols, exact,
        -1.0, 60.0, (2, 48, 48, 1), (700, 200),
    )  # fmt: skip


t, x = sp.symbols("t x")
U = sp.Function("u")(t, x)


def burgers_front() -> Problem:
    """u_t + u u_x = ν u_xx, ν = 0.01/π: a sine becomes a front at x = 0.

    The network and the points see asinh(x/ε), in which a front of the width ε is wide.
    """
    width, far = 0.01, float(np.arcsinh(100.0))

    def sample(key: Array) -> Array:
        t, s = _box([0.0, -1.0], [1.0, 1.0], 700)(key).T
        return jnp.stack([t, width * jnp.sinh(far * s)], 1)

    def apply(params: Any, point: Array, start: Any) -> Array:
        del start
        t, x = point
        inputs = jnp.stack([2 * t - 1, x, jnp.arcsinh(x / width) / far])
        return -jnp.sin(jnp.pi * x) + t * (1 - x**2) * network.apply(params, inputs)

    residual = oc.compile(U.diff(t) + U * U.diff(x) - burgers.NU * U.diff(x, 2))
    times, line = np.linspace(0, 1, 26), np.linspace(-1, 1, 201)
    values = np.asarray(burgers.solution(times[:, None], line, burgers.NU))
    return Problem(
        "Burgers, a front", residual, apply, (3, 16, 16, 16, 1), sample,
        _mesh(times, line), values.reshape(1, -1),
    )  # fmt: skip


def _mesh(times: np.ndarray, line: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(times, line, indexing="ij"), -1).reshape(-1, 2)


def _evolution(
    title: str, residual: oc.Residual, length: float, start: Any, frames: np.ndarray,
    hidden: tuple[int, ...], sample: Callable[[Array], Array], even: bool, modes: int,
    waves: int,
) -> Problem:  # fmt: skip
    """Returns a periodic problem, in windows of the time 1.

    Args:
        title, residual, sample: as of `Problem`.
        length: of the period, from 0 on.
        start: u at the time 0, a function of x.
        frames: the solution, (windows, times, points of a period).
        hidden: widths of the hidden layers.
        even: whether u(-x) = u(x).
        modes: how many a start has.
        waves: how many the network sees.
    """

    def basis(x: Any, count: int) -> Array:
        angles = 2 * jnp.pi / length * jnp.arange(1.0, count + 1) * x
        both = [jnp.cos(angles)] if even else [jnp.cos(angles), jnp.sin(angles)]
        return jnp.concatenate(both)

    def apply(params: Any, point: Array, start: Array) -> Array:
        t, x = point
        inner = network.apply(params, jnp.append(basis(x, waves), 2 * t - 1))
        return start[0] + basis(x, modes) @ start[1:] + t * inner

    windows, times, count = frames.shape
    line = length * np.arange(count) / count
    functions = np.asarray(jax.vmap(lambda x: jnp.append(1.0, basis(x, modes)))(line))
    inputs = waves * (1 if even else 2) + 1
    return Problem(
        title, residual, apply, (inputs, *hidden, 1), sample,
        _mesh(np.linspace(0, 1, times), line), frames.reshape(windows, -1),
        start=np.linalg.lstsq(functions, start(line))[0],
        line=(functions, _mesh(np.ones(1), line)),
    )  # fmt: skip


def allen_cahn() -> Problem:
    """u_t = 1e-4 u_xx + 5u - 5u³, u(0) = x² cos πx on [-1, 1); four windows of 1/4.

    u is even. Near x = 0 and x = ±1/2 it becomes steep, and there is half of the points.
    """
    speed = sp.Rational(1, 4)  # a window is the time 1
    residual = oc.compile(U.diff(t) - speed * (U.diff(x, 2) / 10**4 + 5 * U - 5 * U**3))
    initial = lambda x: (x - 2 * (x > 1)) ** 2 * np.cos(np.pi * x)

    def sample(key: Array) -> Array:
        far, near = jax.random.split(key)
        points = _box([0.0, 0.0], [1.0, 1.0], 800)(far)
        steep = 0.1 * jax.random.normal(near, (400,)) + 0.5 * (jnp.arange(400) % 2)
        return points.at[:400, 1].set(jnp.abs(steep))

    solved = spectral(
        initial, 2.0, 4, lambda k: (5 - 1e-4 * k**2) / 4, 3, -5 / 4, steps=1000
    )
    return _evolution(
        "Allen-Cahn", residual, 2.0, initial, solved[:, :, ::2], (16, 16, 16), sample,
        True, 128, 8,
    )  # fmt: skip


def kuramoto() -> Problem:
    """u_t + α u u_x + β u_xx + γ u_xxxx = 0 on [0, 2π); six windows of 0.05."""
    alpha, beta, gamma = 100 / 16, 100 / 16**2, 100 / 16**4
    terms = alpha * U * U.diff(x) + beta * U.diff(x, 2) + gamma * U.diff(x, 4)
    residual = oc.compile(U.diff(t) + terms / 20)
    initial = lambda x: np.cos(x) * (1 + np.sin(x))
    solved = spectral(
        initial, 2 * np.pi, 6, lambda k: (beta * k**2 - gamma * k**4) / 20, 2,
        -alpha / 40, steps=500,
    )  # fmt: skip
    return _evolution(
        "Kuramoto-Sivashinsky", residual, 2 * np.pi, initial, solved[:, :, ::4],
        (16, 16, 16), _box([0.0, 0.0], [1.0, 2 * np.pi], 600), False, 48, 5,
    )  # fmt: skip


def spectral(
    start: Callable[[np.ndarray], np.ndarray], length: float, windows: int,
    linear: Callable[[np.ndarray], np.ndarray], power: int, scale: float,
    steps: int, frames: int = 10, count: int = 512,
) -> np.ndarray:  # fmt: skip
    """Solves u_t = L u + scale ∂^(power = 2) u^power, periodic, by ETDRK4.

    Args:
        start: u at the time 0, a function of x.
        length: of the period, from 0 on.
        windows: of the time 1.
        linear: L of wave numbers.
        power: 2 for (u²)_x, 3 for u³.
        scale: of the nonlinear term.
        steps: per window, a multiple of `frames`.
        frames: per window, after its first.
        count: points of a period.

    Returns:
        u, (windows, frames + 1, count).
    """
    line, h = length * np.arange(count) / count, 1 / steps
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
    v = np.fft.rfft(start(line))
    found = [np.fft.irfft(v, count)]
    for step in range(windows * steps):
        n0 = nonlinear(v)
        a = half * v + q * n0
        na = nonlinear(a)
        b = half * v + q * na
        nb = nonlinear(b)
        c = half * a + q * (2 * nb - n0)
        v = full * v + f1 * n0 + 2 * f2 * (na + nb) + f3 * nonlinear(c)
        if (step + 1) % (steps // frames) == 0:
            found.append(np.fft.irfft(v, count))
    every = np.arange(windows)[:, None] * frames + np.arange(frames + 1)
    return np.array(found)[every]


PROBLEMS = {
    "poisson": poisson,
    "helmholtz": helmholtz,
    "burgers": burgers_front,
    "allen-cahn": allen_cahn,
    "kuramoto": kuramoto,
}
