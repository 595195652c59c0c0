r"""Self-similar profiles of Burgers' equation (n-TangentProp, arXiv 2412.09752, section 4).

A solution $u = (1-t)^\lambda U(x (1-t)^{-1-\lambda})$ that blows up at t = 1 has a
profile with $-\lambda U + ((1+\lambda) X + U) U' = 0$. Those through U(2) = -1 are
$X = -U - U^{1 + 1/\lambda}$; only $\lambda = 1/(2k+2)$, k = 0, 1, 2, ..., are smooth.

The residual alone has a solution for every $\lambda$. What chooses: the equation
differentiated n times at the origin, where U = 0 and U' = -1, says
$((n-1) \lambda - 1) U^{(n)}(0) = $ products of lower ones. In the interval `bounds(k)`
every n < 2k+3 makes $U^{(n)}(0)$ vanish, and n = 2k+3 is the first that allows another
value if $\lambda$ is exact. So a loss that tells $\lambda$ needs order 2k+3 of the
residual, hence 2k+4 of U.
"""

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

import opcompiler as oc

X, lam = sp.symbols("X lambda")
U = sp.Function("U")(X)
residual = -lam * U + ((1 + lam) * X + U) * U.diff(X)

END = 2.0
"""Profiles are sought on [-END, END], with U(END) = -1."""


def family(order: int) -> tuple[sp.Expr, ...]:
    """Returns the residual and its derivatives to an order, unexpanded."""
    return oc.sobolev(residual, order, X)


def binomial_formula(n: int) -> sp.Expr:
    """Returns the n-th derivative of the residual by Leibniz' rule, for n >= 1.

    The published script has it for n <= 3 and uses n = 3 for every higher order.
    """
    d = lambda order: U.diff(X, order) if order else U
    inner = [sp.binomial(n, j) * d(j) * d(n - j + 1) for j in range(2, n)]
    return sp.Add(
        ((1 + lam) * n - lam + (n + 1 if n > 1 else 1) * d(1)) * d(n),
        ((1 + lam) * X + U) * d(n + 1),
        *inner,
    )


def smoothness(k: int) -> int:
    """Returns the order of the residual that tells the k-th eigenvalue, 2k+3."""
    return 2 * k + 3


def exact_eigenvalue(k: int) -> float:
    """Returns 1/(2k+2)."""
    return 1 / (2 * k + 2)


def bounds(k: int) -> tuple[float, float]:
    """Returns the interval that holds the k-th smooth eigenvalue and no other."""
    return 1 / (2 * k + 3), 1 / (2 * k + 1)


def exact_profile(x: Array, k: int) -> Array:
    """Solves X = -U - U^(2k+3) for U by Newton's method from the left; any shape."""
    power = smoothness(k)
    size = jnp.abs(x)

    def newton(_: int, u: Array) -> Array:
        return u - (u + u**power - size) / (1 + power * u ** (power - 1))

    return -jnp.sign(x) * jax.lax.fori_loop(0, 60, newton, jnp.minimum(size, 1.2))


def whole_interval(count: int) -> Array:
    """Returns points of [0, END], (count, 1); U is odd, so that half of it is enough."""
    return jnp.linspace(0, END, count)[:, None]


def around_origin(count: int, radius: float = 0.075) -> Array:
    """Returns points of [0, radius], (count, 1)."""
    return jnp.linspace(0, radius, count)[:, None]


def odd(field):
    """Makes apply(params, point) odd in all of the point, to the last bit."""

    def apply(params, point):
        both = jax.vmap(field, (None, 0))(params, jnp.stack([point, -point]))
        return (both[0] - both[1]) / 2

    return apply


def eigenvalue(raw: Array, k: int) -> Array:
    """Maps any real number into `bounds(k)`; 0 to their middle."""
    low, high = bounds(k)
    return low + (high - low) * jax.nn.sigmoid(raw)


LENGTH = 0.75
"""Of the map of the line; the profiles' singular points are as far from it, in ℂ."""


def line(x: Array, lam: Array) -> tuple[Array, Array]:
    """Maps x of the whole line to (s, R), with s = (1 + x²/l²)^(-p/2), p = 1/(1+λ).

    R = x (1 - s/2)/(l² + x²)^(1/2) is odd and smooth, and 1 - R falls like s/2 far away,
    where x U' balances U, so that U goes like x s and on in powers of s.
    """
    square = 1 + (x / LENGTH) ** 2
    s = square ** (-1 / (2 * (1 + lam)))
    return s, x / LENGTH / jnp.sqrt(square) * (1 - s / 2)


def on_the_line(field, k: int):
    """Makes any field(weights, number) a profile on the whole line.

    It is odd, has U'(0) = -1 (the residual's first derivative there is U'(0) (1 + U'(0)),
    and U'(0) = 0 is no profile), and the growth that the equation dictates.

    Args:
        field: of any weights and a number in [0, 1), -> ().
        k: which profile.

    Returns:
        apply((weights, raw λ), point), (1,) -> ().
    """

    def apply(params, point):
        weights, raw = params
        s, place = line(point[0], eigenvalue(raw, k))
        change = field(weights, place**2) - field(weights, jnp.zeros(()))
        return point[0] * s * (change - 1)

    return apply


def along_the_line(count: int, k: int) -> Array:
    """Returns Gauss's points of σ, s = 1 - σ², in (0, 1), (count, 1).

    80 points reach |x| = 1e3. Only where the points lie depends on the exact λ: with the
    middle of its interval in place of it all starts of k = 0 end at a wrong λ.
    """
    nodes = np.polynomial.legendre.leggauss(count)[0]
    s = 1 - ((nodes + 1) / 2 * (1 - 5e-4)) ** 2
    power = -2 * (1 + exact_eigenvalue(k))
    return jnp.array(LENGTH * np.sqrt(s**power - 1))[:, None]
