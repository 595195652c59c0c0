r"""Nested `jax.jvp` as the oracle of a push in any Taylor algebra.

An algebra here is $R[s]/I$ with $I$ the common kernel of its channels: channel k reads

$$ e_k(g) = \sum_\alpha e_{k\alpha}\, \frac{\partial^\alpha g(0)}{\alpha!} $$

off a function of s. With polynomials $m_b$ dual to them, $e_k(m_b) = \delta_{kb}$, the
map $x(s) = x_0 + \sum_b c_b m_b(s)$ lifts the algebra-valued point with coefficients
$c_b$, in *all* degrees, and channel k of the push must be $e_k(f \circ x)$.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from opcompiler.algebra.inverse_system import ApolarBasis
from opcompiler.algebra.weil import TaylorAlgebra, univariate
from opcompiler.ir import MultiIndex, OperatorSymbol
from opcompiler.taylor import push
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import AlgebraArray

Polynomial = dict[tuple[int, ...], float]
"""Exponents to coefficients."""


@dataclass(frozen=True)
class Model:
    """An algebra beside the polynomials that say what it means.

    Attributes:
        algebra: what the engine computes in.
        functionals: for every channel k its $e_k$, as coefficients at exponents.
        lifts: for every channel b its $m_b$.
    """

    algebra: TaylorAlgebra
    functionals: tuple[Polynomial, ...]
    lifts: tuple[Polynomial, ...]

    @property
    def dim(self) -> int:
        """Number of parameters s."""
        return len(next(iter(self.functionals[0])))


def line(order: int) -> Model:
    """The univariate algebra."""
    powers = tuple({(k,): 1.0} for k in range(order + 1))
    return Model(univariate(order), powers, powers)


def apolar(dim: int, *symbols: dict[tuple[int, ...], int]) -> Model:
    """The smallest algebra that reads off operators, each multi-index to coefficient."""
    operators = [
        OperatorSymbol.of({MultiIndex(a): c for a, c in symbol.items()})
        for symbol in symbols
    ]
    basis = ApolarBasis(operators, dim)
    functionals = tuple(
        {a.exponents: float(c) for a, c in element.items()}
        for element in basis.elements
    )
    algebra = basis.algebra([f"x{i}" for i in range(dim)])
    return Model(algebra, functionals, _duals(functionals))


def _duals(functionals: Sequence[Polynomial]) -> tuple[Polynomial, ...]:
    """Returns polynomials on which each functional but its own vanishes."""
    exponents = sorted({a for e in functionals for a in e}, key=lambda a: (sum(a), a))
    matrix = np.array([[e.get(a, 0.0) for a in exponents] for e in functionals])
    inverse = np.linalg.pinv(matrix)
    return tuple(
        {a: c for a, c in zip(exponents, column, strict=True) if abs(c) > 1e-14}
        for column in inverse.T
    )


def seeds_for(model: Model, start: jax.Array, random) -> list[jax.Array]:
    """Returns random coefficients in every channel but the unit."""
    return [
        jnp.asarray(random.uniform(-1, 1, start.shape), start.dtype)
        for _ in range(model.algebra.size - 1)
    ]


def by_engine(
    model: Model,
    fun: Callable,
    start: jax.Array,
    seeds: Sequence[jax.Array | None],
    tuning: Tuning = DEFAULT,
) -> list[jax.Array]:
    """Returns all channels of the one output of `fun`, zeros written out."""
    (output,) = push(fun, start, seeds, model.algebra, tuning=tuning)
    if not isinstance(output, AlgebraArray):
        zeros = jnp.zeros_like(output)
        return [output, *[zeros] * (model.algebra.size - 1)]
    return [output.dense(k) for k in range(model.algebra.size)]


def by_nested_jvp(
    model: Model, fun: Callable, start: jax.Array, seeds: Sequence[jax.Array | None]
) -> list[jax.Array]:
    """Returns the same channels by nested jvps along the lift."""

    def lifted(*s: jax.Array) -> jax.Array:
        x = start
        for seed, lift in zip(seeds, model.lifts[1:], strict=True):
            if seed is None:
                continue
            for alpha, c in lift.items():
                monomial = [s[i] for i, a in enumerate(alpha) for _ in range(a)]
                x = x + seed * (c * _product(monomial))
        return fun(x)

    taylor = _taylor_coefficients(
        lifted, model.dim, {a for e in model.functionals for a in e}
    )
    return [sum(c * taylor[a] for a, c in e.items()) for e in model.functionals]


def _product(factors: list[jax.Array]) -> jax.Array:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _taylor_coefficients(fun: Callable, dim: int, wanted: set) -> dict:
    """Returns the wanted Taylor coefficients at 0: one nest of jvps per maximal one."""
    found: dict[tuple[int, ...], jax.Array] = {}
    for top in sorted(wanted, key=sum, reverse=True):
        if top in found:
            continue
        word = [i for i, a in enumerate(top) for _ in range(a)]
        for subset, value in _nest(fun, dim, word).items():
            counts = Counter(word[place] for place in subset)
            alpha = tuple(counts[i] for i in range(dim))
            factor = math.prod(map(math.factorial, alpha))
            found.setdefault(alpha, value / factor)
    return found


def _nest(fun: Callable, dim: int, word: Sequence[int]) -> dict:
    """Returns D^m fun(0) along every subset of a word of axes."""
    nested: Callable = lambda *s: {(): fun(*s)}
    for place, axis in enumerate(word):
        nested = _one_more(nested, place, [float(i == axis) for i in range(dim)])
    return nested(*[0.0] * dim)


def _one_more(nested: Callable, place: int, direction: list[float]) -> Callable:
    def deeper(*s: jax.Array) -> dict:
        value, slope = jax.jvp(nested, s, tuple(jnp.asarray(d) for d in direction))
        return value | {(*subset, place): t for subset, t in slope.items()}

    return deeper


def worst_error(got: Sequence[jax.Array], want: Sequence[jax.Array]) -> float:
    """Returns the largest error over the channels, relative to each one's size.

    Values that are not finite must agree in place; a channel that is zero throughout is
    compared with the largest channel below it.
    """
    worst, floor = 0.0, 1e-12
    for a, b in itertools.zip_longest(got, want):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return float("inf")
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return float("inf")
        finite = np.isfinite(b)
        size = np.max(np.abs(b[finite]), initial=0.0)
        floor = max(floor, size)
        error = np.max(np.abs(a[finite] - b[finite]), initial=0.0)
        worst = max(worst, error / (size if size > 1e-9 * floor else floor))
    return float(worst)
