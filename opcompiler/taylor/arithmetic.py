r"""Sums, products and compositions in the algebra, on bare coefficients.

In: an algebra, and for each operand a list with one coefficient per channel, an array or
`None` (a structural zero). Out: such a list.

    algebra = univariate(2)                    # 1, e, e^2
    two = [jnp.array(2.0), jnp.array(1.0), None]
    product(algebra, two, two)                 # [4, 4, 1]: (2 + e)^2

The rules of all primitives are written with these functions, so only this file decides how
a product is evaluated: term by term in a small algebra, in one loop in a large one. No
function computes with a structural zero. Coefficients broadcast against each other, because
an axis of length 1 means "the same along this axis".
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import accumulate
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler.algebra.weil import Constant, TaylorAlgebra
from opcompiler.taylor.contraction import contract, Table
from opcompiler.taylor.value import Coefficient, family_axis, present

Series = list[Coefficient]
"""One coefficient per channel."""

Bilinear = Callable[[Array, Array], Array]

LOOP_FROM = 600
"""Structure constants from which an algebra's products are added in loops."""

_WORTH_A_LOOP = 48
"""Products, of those that are added at a time, from which a loop compiles sooner."""


def is_looped(algebra: TaylorAlgebra) -> bool:
    """Whether an algebra's products are too many to be written out one by one."""
    return not algebra.has_families and algebra.constants >= LOOP_FROM


def multiply(a: Array, b: Array) -> Array:
    """Multiplies two coefficients, broadcasting axes of length 1 and families."""
    a, b = _aligned(a, b)
    return lax.mul(a, b) if a.shape == b.shape else jnp.multiply(a, b)


def divide(a: Array, b: Array) -> Array:
    """Divides two coefficients, broadcasting axes of length 1 and families."""
    return jnp.divide(*_aligned(a, b))


def _aligned(a: Array, b: Array) -> tuple[Array, Array]:
    """Gives a single coefficient beside a family's the axis of directions."""
    if min(a.ndim, b.ndim) and a.ndim != b.ndim:
        axis = family_axis(min(a.ndim, b.ndim))
        if a.ndim < b.ndim:
            return jnp.expand_dims(a, axis), b
        return a, jnp.expand_dims(b, axis)
    return a, b


def total(terms: Sequence[Array]) -> Coefficient:
    """Adds coefficients; no terms are a structural zero."""
    result: Coefficient = None
    for term in terms:
        if result is None:
            result = term
        elif result.shape == term.shape:
            result = lax.add(result, term)
        else:
            result = jnp.add(result, term)
    return result


def scale(c: Fraction | int | float, a: Array) -> Array:
    """Multiplies by a structure constant without changing the dtype."""
    if c == 1:
        return a
    if c == -1:
        return lax.neg(a)
    number = float(c)
    return lax.mul(a, jnp.asarray(number, a.dtype)) if a.ndim == 0 else a * number


def add_up(*terms: Coefficient) -> Coefficient:
    """Adds coefficients, structural zeros left out."""
    return total([term for term in terms if term is not None])


def scaled(c: Fraction | int | float, a: Coefficient) -> Coefficient:
    """Scales a coefficient that may be a structural zero."""
    return None if a is None else scale(c, a)


def weighted(
    algebra: TaylorAlgebra,
    entry: tuple[int, int, int, Constant],
    value: Array,
    factor: Fraction | int | float = 1,
) -> Array:
    """Applies a structure constant to a product; sums a family's directions.

    Args:
        algebra: where the entry is from.
        entry: (i, j, k, c).
        value: the product of channels i and j, with the family's axis if one is a family.
        factor: an extra weight.
    """
    i, j, k, c = entry
    counts = [algebra.channels[channel].count for channel in (i, j, k)]
    summed = counts[2] == 1 and max(counts) > 1
    return times_constant(c, value, factor, summed)


def times_constant(
    c: Constant, value: Array, factor: Fraction | int | float, summed: bool
) -> Array:
    """Multiplies by a constant, or by one per direction, and sums over the directions.

    Args:
        c: a tuple has an entry for each direction.
        value: a coefficient; with the family's axis, if c is a tuple or it is summed.
        factor: an extra factor.
        summed: whether the directions are added up.
    """
    axis = family_axis(value.ndim - 1)
    if isinstance(c, tuple):
        shape = [1] * value.ndim
        shape[axis] = len(c)
        weights = jnp.array([float(w * factor) for w in c], value.dtype)
        value = lax.mul(*jnp.broadcast_arrays(value, weights.reshape(shape)))
        return jnp.sum(value, axis=axis) if summed else value
    return scale(c * factor, jnp.sum(value, axis=axis) if summed else value)


Weight = Callable[[int, int, int], Fraction | int | float]
"""(i, j, k) -> the factor of the product of channels i and j where it enters k."""


def sums_of_products(
    algebra: TaylorAlgebra,
    channels: Sequence[int],
    x: Sequence[Coefficient],
    w: Sequence[Coefficient],
    weight: Weight = lambda i, j, k: 1,
    op: Bilinear = multiply,
) -> Series:
    r"""Returns $\sum C^k_{ij}\, g_{ijk}\, x_i w_j$ for each of some channels k.

    Every product in the algebra goes through here, those of recurrences degree by degree.
    Few are written out, which fuses best; many go as one loop, see `contraction.py`.

    Args:
        algebra: the algebra.
        channels: the numbers k; no two of them feed each other if x or w are unfinished.
        x: coefficients of the first factor. `None` stands for a structural zero, and in a
            recurrence for a coefficient that is not known yet.
        w: coefficients of the second factor, with `None` as in x.
        weight: the factors g; terms of factor zero are left out.
        op: the product of two coefficients.
    """
    terms = [
        (i, j, k, c, factor)
        for k in channels
        for i, j, c in algebra.with_unit[k]
        if x[i] is not None and w[j] is not None and (factor := weight(i, j, k))
    ]
    many = op is multiply and len(terms) >= _WORTH_A_LOOP and is_looped(algebra)
    if terms and (algebra.blocks is not None or many):
        return _looped(algebra, channels, terms, x, w)
    parts: dict[int, list[tuple[Any, Array]]] = {k: [] for k in channels}
    for i, j, k, c, factor in terms:
        value = op(present(x[i]), present(w[j]))
        if isinstance(c, tuple):
            value, c = weighted(algebra, (i, j, k, c), value, factor), Fraction(1)
        else:
            value, c = weighted(algebra, (i, j, k, Fraction(1)), value), c * factor
        parts[k].append((c, value))
    return [_weighted_total(parts[k]) for k in channels]


def _weighted_total(terms: Sequence[tuple[Any, Array]]) -> Coefficient:
    """Adds coefficients with factors; one that all have is multiplied by once."""
    factors = {c for c, _ in terms}
    if len(factors) != 1:
        return total([scale(c, value) for c, value in terms])
    (c,) = factors
    return scaled(c, total([value for _, value in terms]))


def _looped(
    algebra: TaylorAlgebra,
    channels: Sequence[int],
    terms: Sequence[tuple[int, int, int, Any, Any]],
    x: Sequence[Coefficient],
    w: Sequence[Coefficient],
) -> Series:
    """Joins the factors' rows, adds all products in one loop, and takes the sums apart."""
    same, blocks = x is w, algebra.blocks
    # All rows that are there, used or not: so those of a finished factor are joined once.
    left, right = ([k for k, c in enumerate(s) if c is not None] for s in (x, w))
    fed = sorted({k for _, _, k, _, _ in terms})
    factors = [[present(x[i]) for i in left], [present(w[j]) for j in right]]
    if blocks is None:
        factors = [[lax.expand_dims(a, (0,)) for a in column] for column in factors]
    shape = jnp.broadcast_shapes(*(a.shape[1:] for column in factors for a in column))
    rows = [
        jnp.concatenate([jnp.broadcast_to(a, (len(a), *shape)) for a in column])
        for column in factors
    ]
    counts = [1 if blocks is None else len(blocks.of_degree(k)) for k in fed]
    sizes = (*([len(a) for a in column] for column in factors), counts)
    starts = [
        dict(zip(column, accumulate(size, initial=0), strict=False))
        for column, size in zip((left, right, fed), sizes, strict=True)
    ]
    found: dict[tuple[int, int, int], Fraction | float] = defaultdict(Fraction)
    single = ((0, 0, 0, Fraction(1)),)
    for i, j, k, c, factor in terms:
        inner = single if blocks is None else blocks.between_degrees.get((i, j), ())
        for a, b, to, constant in inner:
            pair = (starts[0][i] + a, starts[1][j] + b)
            pair = (min(pair), max(pair)) if same else pair
            found[*pair, starts[2][k] + to] += c * factor * constant
    entries = tuple((*at, float(c)) for at, c in found.items() if c)
    sums = contract(*rows, Table(entries, tuple(map(sum, sizes))))
    # `split` is transposed to one concatenation; indexing to a sum of pads.
    pieces = lax.split(sums, counts)
    if blocks is None:
        pieces = [lax.squeeze(piece, (0,)) for piece in pieces]
    known = dict(zip(fed, pieces, strict=True))
    return [known.get(k) for k in channels]


def _twice(i: int, j: int, k: int) -> int:
    return 0 if i > j else 1 if i == j else 2


def squares(
    algebra: TaylorAlgebra,
    channels: Sequence[int],
    x: Sequence[Coefficient],
    factor: int = 1,
) -> Series:
    """Returns some channels of x times x; each pair of factors is multiplied once.

    Args:
        algebra: the algebra.
        channels: their numbers.
        x: the coefficients.
        factor: of the square. It becomes part of the products' constants, which XLA joins
            with those that follow, where a minus sign would keep them apart.
    """
    weight = lambda i, j, k: factor * _twice(i, j, k)
    return sums_of_products(algebra, channels, x, x, weight)


def product(
    algebra: TaylorAlgebra,
    x: Sequence[Coefficient],
    w: Sequence[Coefficient],
    op: Bilinear = multiply,
) -> Series:
    """Returns all channels of a product under any bilinear operation."""
    return sums_of_products(algebra, range(algebra.size), x, w, op=op)


def square(algebra: TaylorAlgebra, x: Sequence[Coefficient]) -> Series:
    """Returns all channels of x times x."""
    return squares(algebra, range(algebra.size), x)


def derived(
    algebra: TaylorAlgebra,
    channels: Sequence[int],
    u: Sequence[Coefficient],
    z: Sequence[Coefficient],
) -> Series:
    r"""Returns some of $D y = z\, D u$, $y_k = \sum (w_i/w_k)\, u_i z_j$.

    $D$ is a derivation that multiplies every channel by a weight, so that the univariate
    recurrences hold in every graded algebra: Euler's, by the degree, or for a mixed
    derivative the one with the fewest products.
    """
    return sums_of_products(
        algebra, channels, u, z, lambda i, j, k: algebra.share(i, k)
    )


def compose(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], taylor: Sequence[Coefficient]
) -> Series:
    r"""Returns $\sigma(u) = \sum_k \frac{\sigma^{(k)}(u_0)}{k!} n^k$, n the nilpotent part.

    Args:
        algebra: the algebra of u.
        u: the argument.
        taylor: $\sigma^{(k)}(u_0)/k!$ for k = 0, 1, ...; shorter ones end in zeros.
    """
    parts: list[list[Array]] = [[] for _ in range(algebra.size)]
    slopes = taylor[1 : algebra.order + 1]
    for slope, power in zip(slopes, _powers(algebra, u, len(slopes)), strict=True):
        for c in range(1, algebra.size):
            term = _times(slope, power[c])
            if term is not None:
                parts[c].append(term)
    return [taylor[0], *(total(terms) for terms in parts[1:])]


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    return None if a is None or b is None else multiply(a, b)


def times_composed(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    taylor: Sequence[Coefficient],
    w: Sequence[Coefficient],
) -> Series:
    r"""Returns $\sigma(u)\, w$, ordered as $\sum_k n^k (\sigma_k w)$.

    The transpose by w, which a gradient is, then keeps the channels of u, which are there
    anyway, and of its powers; $\sigma(u)$ would be one more array per channel, a
    family's as large as the family. Measured on the Laplacian in 50 dimensions
    (4 x 128, 128 points, CPU): the gradient 21 ms -> 14 ms. Where a product adds the
    directions up, its sum is multiplied by $\sigma_k$ instead, once for all of them:
    another tenth less.
    """
    slopes = taylor[: algebra.order + 1]
    counts = [channel.count for channel in algebra.channels]
    single, family = (
        [c for c, n in enumerate(counts) if (n > 1) == wide] for wide in (False, True)
    )
    parts: list[list[Coefficient]] = [[_times(slopes[0], c)] for c in w]
    powers = _powers(algebra, u, len(slopes) - 1)
    for slope, power in zip(slopes[1:], powers, strict=True):
        scaled_w = [_times(slope, c) for c in w]
        sums = sums_of_products(algebra, single, power, w)
        rows = sums_of_products(algebra, family, power, scaled_w)
        for c, term in zip(single, sums, strict=True):
            parts[c].append(_times(slope, term))
        for c, term in zip(family, rows, strict=True):
            parts[c].append(term)
    return [add_up(*terms) for terms in parts]


def _powers(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], upto: int
) -> list[Series]:
    r"""Returns the powers 1, 2, ... of u's nilpotent part n.

    $n^m = n^{m-1} n$, or $D n^m = m\, n^{m-1} D n$ where that takes fewer products.
    """
    base: Series = [None, *u[1:]]
    powers = [base]
    above = range(1, algebra.size)
    shorter = {
        k
        for k, weights in enumerate(algebra.derivations)
        if any(j not in weights for _, j, _ in algebra.entries[k])
    }

    def share(m: int, i: int, j: int, k: int) -> Fraction | int:
        return m * algebra.share(j, k) if k in shorter else 1

    for m in range(2, upto + 1):
        if m == 2:
            power = squares(algebra, above, base)
        else:
            power = sums_of_products(
                algebra, above, powers[-1], base, partial(share, m)
            )
        powers.append([None, *power])
    return powers[:upto]


def binomial(power: float, k: int) -> float:
    """Returns the generalised binomial coefficient of a real power."""
    return math.prod(power - i for i in range(k)) / math.factorial(k)
