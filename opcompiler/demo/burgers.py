r"""The problem that the demo trains, and its exact solution.

A sine steepens to a front at x = 0: u_t + u u_x = nu u_xx on 0 <= t <= 1, |x| <= 1 with
u(0, x) = -sin(pi x), u(t, ±1) = 0. Initial and boundary values hold by construction, so
that the residual is the only loss. The solution is that of Cole and Hopf:

$$ u(t,x) = -\frac{\int \sin(\pi y)\, g(y)\, e^{-z^2} dz}{\int g(y)\, e^{-z^2} dz},
   \qquad y = x - \sqrt{4 \nu t}\, z,
   \qquad g(y) = \exp\Bigl(-\frac{\cos \pi y}{2 \pi \nu}\Bigr) $$

Both integrals by Gauss-Hermite quadrature. The exponents reach ±50 for ν = 0.01/π, so
weights and $g$ are multiplied as logarithms, shifted by the largest. With 200 nodes the
result agrees with adaptive quadrature at 30 digits to 1e-14 for ν ≥ 0.003 and t ≤ 1; a
sharper front needs another quadrature (at ν = 0.002 the error is 1e-7).

Source: Basdevant et al., *Spectral and finite difference solutions of the Burgers
equation*, Computers & Fluids 14 (1986).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from opcompiler.demo import perceptron

NU = 0.01 / np.pi
LAYERS = (2, 32, 32, 32, 1)
NODES = 200


def apply(params: perceptron.Params, point: Array) -> Array:
    """Evaluates -sin(pi x) + t (1 - x²) N(2t - 1, x), for a point (t, x)."""
    t, x = point
    inner = perceptron.apply(params, jnp.stack([2 * t - 1, x]))
    return -jnp.sin(jnp.pi * x) + t * (1 - x**2) * inner


@dataclass(frozen=True)
class Comparison:
    """A trained network beside the exact solution, on a grid of (t, x)."""

    t: NDArray[np.float64]
    x: NDArray[np.float64]
    network: NDArray[np.float64]
    exact: NDArray[np.float64]

    @property
    def relative_error(self) -> float:
        """The L2 norm of the difference over that of the exact solution."""
        difference = np.linalg.norm(self.network - self.exact)
        return float(difference / np.linalg.norm(self.exact))


def compare(
    params: perceptron.Params, size: tuple[int, int] = (101, 801)
) -> Comparison:
    """Evaluates network and Cole-Hopf solution on a grid of `size` points."""
    t, x = np.linspace(0, 1, size[0]), np.linspace(-1, 1, size[1])
    grid = np.stack(np.meshgrid(t, x, indexing="ij"), axis=-1).reshape(-1, 2)
    points = jnp.asarray(grid, params[0][0].dtype)
    values = jax.jit(jax.vmap(apply, (None, 0)))(params, points)
    return Comparison(
        t,
        x,
        np.asarray(values, np.float64).reshape(size),
        np.stack([solution(moment, x, NU) for moment in t]),
    )


def solution(t: ArrayLike, x: ArrayLike, nu: float) -> NDArray[np.float64]:
    """Returns u(t, x) in float64, for broadcastable `t` >= 0 and `x`."""
    times, places = np.broadcast_arrays(np.float64(t), np.float64(x))
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)
    angle = np.pi * (places[..., None] - np.sqrt(4 * nu * times)[..., None] * nodes)
    exponent = np.log(weights) - np.cos(angle) / (2 * np.pi * nu)
    mass = np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    return -(np.sin(angle) * mass).sum(axis=-1) / mass.sum(axis=-1)
