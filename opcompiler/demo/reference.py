r"""The solution of Burgers' equation by the Cole-Hopf transformation.

For $u(0, x) = -\sin \pi x$ and viscosity $\nu$ (Basdevant et al., Comput. Fluids 14,
1986, eq. 2.5),

$$ u(t, x) = -\frac{\int \sin \pi(x - \eta)\, f(x - \eta)\, e^{-\eta^2/4\nu t}\,d\eta}
               {\int f(x - \eta)\, e^{-\eta^2/4\nu t}\,d\eta},
   \qquad f(y) = e^{-\cos(\pi y)/2\pi\nu} . $$
"""

import numpy as np
from numpy.typing import NDArray

_NODES = 128


def cole_hopf(
    time: NDArray[np.float64], place: NDArray[np.float64], nu: float
) -> NDArray[np.float64]:
    """Evaluates the solution by Gauss-Hermite quadrature, in float64.

    Args:
        time: times >= 0, any shape.
        place: positions, broadcasting with `time`.
        nu: viscosity, positive; the quadrature resolves nu >= 0.003.

    Returns:
        u(t, x), in the common shape.
    """
    time, place = np.broadcast_arrays(time, place)
    nodes, weights = np.polynomial.hermite.hermgauss(_NODES)
    shifted = place[..., None] - 2 * np.sqrt(nu * time[..., None]) * nodes
    exponent = -np.cos(np.pi * shifted) / (2 * np.pi * nu) + np.log(weights)
    # The largest exponent cancels between numerator and denominator.
    kernel = np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    above = np.sum(np.sin(np.pi * shifted) * kernel, axis=-1)
    return -above / np.sum(kernel, axis=-1)
