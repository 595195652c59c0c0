r"""What an estimator is, and what it draws.

In: an operator whose sums run over all tuples of indices. Out: for each site whose
directions run a `Draw`, tuples and weights with

    E sum_r weight_r f(tuple_r) = sum_i f(i)   for every f,

so that whatever is evaluated at the tuples alone is right in the mean:

    class Half(Estimator):                         # every second term, the odd or the even
        def draw(self, site, key, points, dtype):
            ((first, last),) = site.extents
            start = first + jax.random.randint(key(), (), 0, 2)
            ...
            return Draw((indices,), indices.size, weight=2.0)

`docs/extending/estimator.md` has a whole one. An estimator may also put other directions
in the operator (`rewrite`), as `Dense` does: its draws are then entries of directions, not
tuples. Everything about one estimator (what it puts in the operator, what it draws, how it
is described) stands in its class, because each of these is right only with the others.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import Extent, Operator, Random, Site

Form = TypeVar("Form", bound=Operator)

_MOST_TERMS = 2**24
"""Exact sums over several indices write their indices out; longer ones are sampled."""


@dataclass(frozen=True, slots=True)
class Span:
    """An index that takes `length` values one after the other, along one axis of several.

    What it gathers from an array is a slice, never rows picked one by one.

    Attributes:
        first: a number known before anything runs, or a scalar array: then what is
            gathered must lie inside its array.
        length: number of values.
        axis: number of the axis.
    """

    first: int | Array
    length: int
    axis: int = 0

    @property
    def integers(self) -> Any:
        """All values, (length,): of numpy where they are known before anything runs."""
        library = np if isinstance(self.first, int) else jnp
        return self.first + library.arange(self.length)


Index = Span | Array
"""Values one after the other; or integers, (1 or N, *axes) where several axes meet."""


@dataclass(frozen=True)
class Draw:
    """Index tuples, all or some, and the weights with which their terms are summed.

    Attributes:
        indices: per index all values, or integers (R,), or (N, R), one set per point.
        count: R.
        weight: what each term counts: a number, or (R,) or (N, R).
        tangents: entries of random directions by law, (parts, R, d), or (parts, N, R, d).
    """

    indices: tuple[Index, ...]
    count: int
    weight: Any = 1
    tangents: Mapping[str, Array] = field(default_factory=dict)

    def by_axis(self) -> dict[int, Index]:
        """Returns the indices as bodies read them, along one axis."""
        return {
            n: i if isinstance(i, Span) else jnp.atleast_2d(i)
            for n, i in enumerate(self.indices)
        }

    def integers(self, number: int) -> Array:
        """Returns the values of an index, (R,) or (N, R)."""
        index = self.indices[number]
        return index.integers if isinstance(index, Span) else index

    def rows(self, points: int) -> dict[str, Array]:
        """Returns what differs from point to point, an axis of so many points first."""
        named = zip(_numbered(self.indices), self.indices, strict=True)
        parts = {name: index for name, index in named if not isinstance(index, Span)}
        parts["weight"] = jnp.asarray(self.weight)
        found = {n: a for n, a in parts.items() if a.ndim == 2 and len(a) == points}
        return found | {
            f"law {law}": jnp.moveaxis(array, 1, 0)
            for law, array in self.tangents.items()
            if array.ndim == 4
        }

    def at(self, rows: Mapping[str, Array]) -> "Draw":
        """Returns the draw at some of the points, of which these are the rows."""
        names = _numbered(self.indices)
        return Draw(
            tuple(rows.get(n, i) for n, i in zip(names, self.indices, strict=True)),
            self.count,
            rows.get("weight", self.weight),
            {
                law: jnp.moveaxis(rows[f"law {law}"], 0, 1)
                if f"law {law}" in rows
                else array
                for law, array in self.tangents.items()
            },
        )


def _numbered(indices: Sequence[Index]) -> list[str]:
    return [f"index {number}" for number in range(len(indices))]


@dataclass(frozen=True)
class Draws:
    """Which index tuples every site's directions run over.

    Attributes:
        drawn: by the range and the laws of a site; sites that are not here run over all
            tuples.
    """

    drawn: Mapping[object, Draw] = field(default_factory=dict)

    def __call__(self, site: Site) -> Draw:
        """Returns the draw of a site."""
        found = self.drawn.get(_group(site))
        return every(site.extents) if found is None else found

    def rows(self, points: int) -> list[dict[str, Array]]:
        """Returns what differs from point to point, an axis of so many points first."""
        return [draw.rows(points) for draw in self.drawn.values()]

    def at(self, rows: Sequence[Mapping[str, Array]]) -> "Draws":
        """Returns the draws at some of the points, of which these are the rows."""
        pairs = zip(self.drawn.items(), rows, strict=True)
        return Draws({group: draw.at(own) for (group, draw), own in pairs})


@public("oc.Sparse(16) or oc.Dense(16)")
class Estimator(ABC):
    """Base of what samples sums; give an instance to `oc.compile(..., estimator=)`.

    A subclass is immutable (a frozen dataclass), so that its text says all about it.

    Attributes:
        samples: how many terms, or directions, are evaluated per point and sum.
        per_point: whether every point has a draw of its own, or all points share one.
        shared: whether several sums over the same range have one draw, and one push.

    `docs/extending/estimator.md` writes one.

    Examples:
        >>> from opcompiler.sampling import Estimator
        >>> isinstance(oc.Sparse(16), Estimator), oc.Sparse(16).scope
        (True, ', one draw for all points')
    """

    __slots__ = ()

    samples: int
    per_point: bool = False
    shared: bool = True

    def rewrite(self, operator: Form) -> Form:
        """Returns the operator that is evaluated; by default the same.

        Args:
            operator: in normal form.

        Returns:
            An operator of the same equations, of which sites may run other directions.

        Raises:
            OperatorError: for sums that it does not estimate, with the reason.
        """
        return operator

    @abstractmethod
    def draw(
        self, site: Site, key: Callable[..., Array], points: int | None, dtype: Any
    ) -> Draw:
        """Draws for the directions that run at a site.

        Args:
            site: `site.extents` are the ranges of its indices, both ends included.
            key: `key()` is a key of `jax.random` for this draw; `key(name)` is another
                one for each name.
            points: their number, for a draw of each; `None` for one draw.
            dtype: of random directions.

        Returns:
            The draw: indices, (samples,) or (points, samples), or directions; weights.
        """

    def describe(self, site: Site, terms: int) -> str:
        """Says in words how a sum of so many terms at a site is estimated.

        Args:
            site: where the sum runs.
            terms: how many it has.

        Returns:
            A line of `Residual.explain`, without a full stop.
        """
        return f"{self.samples} of {terms} terms{self.scope}; estimator {self}"

    @property
    def scope(self) -> str:
        """For `describe`: for which points a draw is."""
        return ", a draw per point" if self.per_point else ", one draw for all points"


def estimated(operator: Form, estimator: Estimator) -> Form:
    """Returns an operator whose running directions are what the estimator draws for.

    Raises:
        OperatorError: if there is nothing to sample, or a sum that the estimator does not
            estimate, with the reason.
    """
    if not any(site.sampled for site in operator.sites):
        raise OperatorError(
            "there is nothing to sample: everything in this operator is exact",
            expression=f"estimator={estimator}",
            hint="leave the estimator out; first derivatives and sums without "
            "derivatives need none, and sums over components are written oc.Sum(..., i)",
        )
    return estimator.rewrite(operator)


def every(extents: Sequence[Extent]) -> Draw:
    """Returns the draw of all index tuples.

    Raises:
        OperatorError: if they are too many to be written out.
    """
    count = prod(last - first + 1 for first, last in extents)
    if len(extents) <= 1:
        spans = tuple(Span(first, last - first + 1) for first, last in extents)
        return Draw(spans, count)
    if count > _MOST_TERMS:
        raise OperatorError(
            f"a sum over several indices has {count} terms",
            expression=", ".join(f"{a}...{b}" for a, b in extents),
            hint="estimate it: compile(..., estimator=oc.Sparse(16))",
        )
    ranges = [jnp.arange(first, last + 1) for first, last in extents]
    grids = jnp.meshgrid(*ranges, indexing="ij")
    return Draw(tuple(grid.reshape(-1) for grid in grids), count)


def draws(
    estimator: Estimator | None,
    key: Array | None,
    sites: Sequence[Site],
    points: int,
    dtype: Any,
) -> Draws:
    """Draws for all sites; sites over the same indices have one draw.

    Args:
        estimator: how; `None` for all tuples.
        key: `jax.random.key`; the same key gives the same draws.
        sites: of the operator.
        points: their number.
        dtype: of random directions.

    Raises:
        OperatorError: for a key that is missing, is none, or that nothing asks for.
    """
    check_key(estimator, key)
    if estimator is None or key is None:
        return Draws()
    drawn: dict[object, Draw] = {}
    # Keys are numbered as they are first asked for: one order of sites, one set of keys.
    numbers: dict[object, int] = {}
    rows = points if estimator.per_point else None
    for site in sites:
        group = _group(site)
        if not site.sampled or group in drawn:
            continue

        # Of the laws alone the names count: two sites may share one and differ in others.
        def key_of(*name: object, same: object = group[:-1]) -> Array:
            number = numbers.setdefault((same, *name), len(numbers))
            return jax.random.fold_in(key, number)

        numbers.setdefault((group[:-1],), len(numbers))
        drawn[group] = estimator.draw(site, key_of, rows, dtype)
    return Draws(drawn)


def _group(site: Site) -> tuple[object, ...]:
    """Returns what sites with one draw have in common.

    Terms and random directions over the same indices are different draws.
    """
    laws = tuple(dict.fromkeys(random_laws(site)))
    return site.extents, site.draw, bool(laws), laws


def random_laws(site: Site) -> list[str]:
    """Returns the laws of a site's random directions, by name."""
    return [d.law for d in site.directions if isinstance(d, Random)]


def check_key(estimator: Estimator | None, key: Array | None) -> None:
    """Refuses a missing key, and one that nothing asks for.

    Raises:
        OperatorError: for either, and for what is no key.
    """
    if estimator is not None and key is None:
        raise OperatorError(
            "an estimated residual needs a key",
            expression=f"estimator={estimator}",
            hint="residual(net, points, key=jax.random.key(0)); split the key at each step",
        )
    if estimator is None and key is not None:
        raise OperatorError(
            "a key was given to a residual in which nothing is random",
            expression="key",
            hint="compile with estimator=oc.Sparse(16), or leave the key out",
        )
    if key is not None and not _is_key(key):
        raise OperatorError(
            "the key of an estimated residual is not one key of jax.random",
            expression=f"key={key!r}"[:200],
            hint="give jax.random.key(0), or one row of jax.random.split(key, n); for "
            "several keys at once jax.vmap over them",
        )


def _is_key(key: Any) -> bool:
    """Whether this is one key: `jax.random.key`, or the older `PRNGKey`."""
    if not hasattr(key, "dtype"):
        return False
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key.ndim == 0
    return key.ndim == 1 and key.dtype == jnp.uint32


def check_samples(samples: int) -> None:
    """Refuses estimates from nothing."""
    if samples < 1:
        raise OperatorError(
            "an estimator needs at least one sample",
            expression=f"samples={samples}",
            hint="give a whole number of 1 or more",
        )
