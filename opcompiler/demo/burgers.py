"""The problem that the demo trains: a sine that steepens to a front at x = 0.

u_t + u u_x = nu u_xx on 0 <= t <= 1, |x| <= 1 with u(0, x) = -sin(pi x), u(t, ±1) = 0.
Initial and boundary values hold by construction, so that the residual is the only loss.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from opcompiler.demo import colehopf, network

NU = 0.01 / np.pi
LAYERS = (2, 32, 32, 32, 1)


def apply(params: network.Params, point: Array) -> Array:
    """Evaluates -sin(pi x) + t (1 - x²) N(2t - 1, x), for a point (t, x)."""
    t, x = point
    inner = network.apply(params, jnp.stack([2 * t - 1, x]))
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


def compare(params: network.Params, size: tuple[int, int] = (101, 801)) -> Comparison:
    """Evaluates network and Cole-Hopf solution on a grid of `size` points."""
    t, x = np.linspace(0, 1, size[0]), np.linspace(-1, 1, size[1])
    grid = np.stack(np.meshgrid(t, x, indexing="ij"), axis=-1).reshape(-1, 2)
    points = jnp.asarray(grid, params[0][0].dtype)
    values = jax.jit(jax.vmap(apply, (None, 0)))(params, points)
    return Comparison(
        t, x, np.asarray(values, np.float64).reshape(size), colehopf.on_grid(t, x, NU)
    )
