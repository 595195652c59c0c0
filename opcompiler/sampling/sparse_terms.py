r"""`Sparse`: some terms of a sum stand for all of them.

In: the ranges of a sum's indices. Out: R tuples of indices with weights w, so that
$E \sum_r w_r f(i_r) = \sum_i f(i)$ for every f, nonlinear terms included:

    oc.Sparse(16)                                    16 different terms, each counts d / 16
    oc.Sparse(16, replace=True)                      16 terms, perhaps the same ones
    oc.Sparse(16, replace=True, importance=(...))    with probabilities p, weight 1/(16 p)

Source: Shi, Hu, Lin & Kawaguchi, *Stochastic Taylor Derivative Estimator*, NeurIPS 2024,
equations 13-17.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import Extent, Site
from opcompiler.sampling.estimator import check_samples, Draw, Estimator, Form

_INT32 = 2**31 - 1

_Indices = tuple[Array, ...]


@public("oc.Sparse(16)")
@dataclass(frozen=True, slots=True)
class Sparse(Estimator):
    """Sample the terms of a sum; unbiased for every operator of every order.

    Attributes:
        samples: terms per point and sum.
        replace: whether a term may be drawn twice. Without replacement the variance is
            smaller, and none is left when all terms are drawn.
        per_point: whether every point has a draw of its own, or all points share one.
        shared: whether several sums over the same range have one draw, and one push.
        importance: probabilities of the terms: `None` for uniform, "coefficients" for
            proportional to the absolute coefficients, or weights, one per term.

    Raises:
        OperatorError: for fewer than one sample, weights that are no probabilities, or
            importance without replacement.

    Examples:
        >>> x = oc.vector("x", 1000)
        >>> lap = oc.laplacian(sp.Function("u")(x), x)
        >>> r = oc.compile(lap, estimator=oc.Sparse(16))
        >>> r(lambda p: p @ p, jnp.ones((2, 1000)), key=jax.random.key(0)).tolist()
        [2000.0, 2000.0]

    Source: STDE, sections 4.2 and 4.3, equations 13-17.
    """

    samples: int
    replace: bool = False
    per_point: bool = False
    shared: bool = True
    importance: str | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_samples(self.samples)
        if isinstance(self.importance, str) and self.importance != "coefficients":
            raise OperatorError(
                "there is no such importance",
                expression=f"importance={self.importance!r}",
                hint='give None, "coefficients", or a tuple of weights, one per term',
            )
        if self.importance is not None and not self.replace:
            raise OperatorError(
                "terms of unequal probability are drawn with replacement",
                expression=f"{self}",
                hint="add replace=True",
            )
        if isinstance(self.importance, tuple) and not all(
            isinstance(weight, Real) and 0 < weight < math.inf
            for weight in self.importance
        ):
            raise OperatorError(
                "importance weights are probabilities up to a factor; a term of weight 0 "
                "would never be drawn, and the estimate would lack it",
                expression=f"importance={self.importance}",
                hint="give finite weights above zero",
            )

    def rewrite(self, operator: Form) -> Form:
        """Returns the operator itself; refuses probabilities that are no numbers.

        Args:
            operator: in normal form.

        Returns:
            The same operator.

        Raises:
            OperatorError: for importance by coefficients that depend on the point.
        """
        if self.importance != "coefficients":
            return operator
        for item in operator.sums:
            site = None if item.site is None else operator.sites[item.site]
            if site and site.sampled and not site.chances and item.body:
                raise OperatorError(
                    "the coefficients of this sum depend on the point",
                    expression=", ".join(name for _, name in item.functionals),
                    hint="give the probabilities: importance=(p_0, p_1, ...)",
                )
        return operator

    def draw(
        self, site: Site, key: Callable[..., Array], points: int | None, dtype: Any
    ) -> Draw:
        """Draws index tuples; all of them, once each, where samples are enough.

        Args:
            site: `site.extents` are the ranges of its indices, both ends included.
            key: `key()` is a key of `jax.random` for this draw; `key(name)` is another
                one for each name.
            points: their number, for a draw of each; `None` for one draw.
            dtype: of random directions.

        Returns:
            The draw: indices, (samples,) or (points, samples), or directions; weights.

        Raises:
            OperatorError: for importance weights that are not one number per term.
        """
        extents, one_key = site.extents, key()
        sizes = [last - first + 1 for first, last in extents]
        total = math.prod(sizes)
        chances = self.importance
        if chances == "coefficients":
            chances = site.chances or None
        if chances is not None:
            index, weight = self._by_importance(chances, extents, one_key, points)
            return Draw((index,), self.samples, weight)
        if self.samples >= total and not self.replace:
            indices: Sequence[Array] = _digits(jnp.arange(total), sizes)
            return Draw(_shifted(indices, extents), total, 1.0)
        drawn = _with_replacement if self.replace else _without_replacement
        one = partial(drawn, sizes, self.samples)
        if points is None:
            indices = one(one_key)
        else:
            indices = jax.vmap(one)(jax.random.split(one_key, points))
        return Draw(_shifted(indices, extents), self.samples, total / self.samples)

    def _by_importance(
        self,
        importance: str | Sequence[float],
        extents: Sequence[Extent],
        key: Array,
        points: int | None,
    ) -> tuple[Array, Array]:
        """Draws with probabilities p; the weights are 1 / (R p): Hansen & Hurwitz."""
        sizes = [last - first + 1 for first, last in extents]
        if len(sizes) != 1 or len(importance) != sizes[0]:
            raise OperatorError(
                "importance weights are one number per term of a sum over one index",
                expression=f"{len(importance)} weights, ranges {tuple(extents)}",
                hint=f"give {sizes[0]} weights, or leave importance out",
            )
        chances = jnp.asarray(importance)
        chances = chances / jnp.sum(chances)
        shape = (self.samples,) if points is None else (points, self.samples)
        index = jax.random.categorical(key, jnp.log(chances), shape=shape)
        return index + extents[0][0], 1 / (self.samples * chances[index])

    def describe(self, site: Site, terms: int) -> str:
        """Says how many terms are drawn, and what the variance comes from.

        Args:
            site: where the sum runs.
            terms: how many it has.

        Returns:
            A line of `Residual.explain`, without a full stop.
        """
        if self.samples >= terms and not self.replace:
            return f"all {terms} terms, exact"
        how = "with" if self.replace else "without"
        return (
            f"{min(self.samples, terms)} of {terms} terms {how} replacement{self.scope}; "
            "variance from the spread of the terms / R"
        )


def _shifted(indices: Sequence[Array], extents: Sequence[Extent]) -> _Indices:
    return tuple(i + first for i, (first, _) in zip(indices, extents, strict=True))


def _digits(flat: Array, sizes: Sequence[int]) -> list[Array]:
    """Splits numbers of tuples into indices, the last one fastest."""
    digits = []
    for size in reversed(sizes):
        digits.append(flat % size)
        flat = flat // size
    return digits[::-1]


def _with_replacement(sizes: Sequence[int], samples: int, key: Array) -> list[Array]:
    keys = jax.random.split(key, len(sizes))
    return [
        jax.random.randint(k, (samples,), 0, size)
        for k, size in zip(keys, sizes, strict=True)
    ]


def _without_replacement(sizes: Sequence[int], samples: int, key: Array) -> list[Array]:
    """Draws distinct tuples, every set of them as likely as any other."""
    total = math.prod(sizes)
    if total <= _INT32:
        return _digits(_subset(total, samples, key), sizes)
    # So many tuples that two alike are rare: then all are drawn again.
    first = jnp.stack(_with_replacement(sizes, samples, key))

    def again(state: tuple[Array, Array]) -> tuple[Array, Array]:
        key, _ = state
        key, part = jax.random.split(key)
        return key, jnp.stack(_with_replacement(sizes, samples, part))

    start = (jax.random.fold_in(key, 1), first)
    _, tuples = lax.while_loop(lambda state: _repeats(state[1]), again, start)
    return list(tuples)


def _repeats(tuples: Array) -> Array:
    """Whether two columns are equal."""
    same = jnp.all(tuples[:, :, None] == tuples[:, None, :], axis=0)
    return jnp.any(jnp.triu(same, 1))


def _subset(total: int, samples: int, key: Array) -> Array:
    """Draws a subset by Floyd's algorithm: no work in the size of the whole.

    Source: Bentley & Floyd, *A sample of brilliance*, CACM 30 (1987) 754.
    """
    tops = jnp.arange(total - samples, total)
    # u in 0 ... top for each step; a top already taken stands for a number taken before.
    guesses = jax.vmap(lambda k, top: jax.random.randint(k, (), 0, top + 1))(
        jax.random.split(key, samples), tops
    )

    def step(place: int, chosen: Array) -> Array:
        guess = guesses[place]
        taken = jnp.any(chosen == guess)
        return chosen.at[place].set(jnp.where(taken, tops[place], guess))

    empty = jnp.full((samples,), -1, guesses.dtype)
    return lax.fori_loop(0, samples, step, empty)
