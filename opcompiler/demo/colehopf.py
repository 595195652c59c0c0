r"""Burgers' equation solved by the Cole-Hopf transformation, for u(0, x) = -sin(πx).

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

NODES = 200


def solution(t: ArrayLike, x: ArrayLike, nu: float) -> NDArray[np.float64]:
    """Returns u(t, x) in float64, for broadcastable `t` >= 0 and `x`."""
    times, places = np.broadcast_arrays(np.float64(t), np.float64(x))
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)
    angle = np.pi * (places[..., None] - np.sqrt(4 * nu * times)[..., None] * nodes)
    exponent = np.log(weights) - np.cos(angle) / (2 * np.pi * nu)
    mass = np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    return -(np.sin(angle) * mass).sum(axis=-1) / mass.sum(axis=-1)


def on_grid(t: NDArray, x: NDArray, nu: float) -> NDArray[np.float64]:
    """Returns u on the grid of `t` (rows) and `x` (columns), a row at a time."""
    return np.stack([solution(moment, x, nu) for moment in t])
