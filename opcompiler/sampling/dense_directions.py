r"""`Dense`: random directions whose moments give a sum stand for all its directions.

In: an operator with sums such as $\sum_i \partial_i^2 u$, whose direction runs. Out: the
operator with one random direction v in place of all of them, and the draws of v, so that
$E\,D^k u[v, \dots, v]$ times a factor is the sum (`laws.py` says which law has the
moments for it). What a law's moments lack is a further sum, sampled by terms beside:

    oc.Dense(16)                                 sum of d_i^2 u:  16 directions of signs
    oc.Dense(16, "gaussian")                     the biharmonic:  factor 1/3
    oc.Dense(16, "rademacher")                   the biharmonic:  1/3, and 2/3 sum d_i^4 u

A complex direction a + ib is two real ones, of which $\mathrm{Re} (\xi_a + i \xi_b)^k$
is one operator like any other: complex numbers never enter the network.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import (
    Argument,
    Combination,
    Component,
    Direction,
    Functional,
    MultiIndex,
    Operator,
    OperatorSymbol,
    Random,
    Site,
    Sum,
)
from opcompiler.sampling.estimator import (
    check_samples,
    Draw,
    Estimator,
    Form,
    random_laws,
)
from opcompiler.sampling.laws import distributions, Fit, fitted, law_named
from opcompiler.sampling.sparse_terms import Sparse


@public('oc.Dense(16, distribution="rademacher")')
@dataclass(frozen=True, slots=True)
class Dense(Estimator):
    r"""Push random directions whose moments give the operator, if any do.

    Attributes:
        samples: directions per point.
        distribution: "rademacher" (least variance for a Laplacian), "gaussian" and
            "sphere" (powers of it), "skewed" ($\sum_i \partial_i^3$), "roots_of_unity"
            ($\sum_i \partial_i^k$, complex directions).
        per_point: whether every point has directions of its own, or all share them.
        antithetic: whether directions come in pairs v, -v. Derivatives of odd order along
            a direction then cancel exactly; those of even order are the same for both,
            so that half of the work is wasted on a plain Laplacian.

    Raises:
        OperatorError: for fewer than one sample, an unknown distribution, or an odd number
            of antithetic samples.

    Examples:
        >>> x = oc.vector("x", 1000)
        >>> lap = oc.laplacian(sp.Function("u")(x), x)
        >>> r = oc.compile(lap, estimator=oc.Dense(16))
        >>> r(lambda p: p @ p, jnp.ones((2, 1000)), key=jax.random.key(0)).shape
        (2,)

    Source: STDE, section 4.4 and appendix K.
    """

    samples: int
    distribution: str = "rademacher"
    per_point: bool = False
    antithetic: bool = False

    def __post_init__(self) -> None:
        check_samples(self.samples)
        if self.distribution not in distributions():
            raise OperatorError(
                "there is no such distribution",
                expression=f"distribution={self.distribution!r}",
                hint=f"choose one of: {', '.join(distributions())}",
            )
        if self.antithetic and self.samples % 2:
            raise OperatorError(
                "antithetic directions come in pairs",
                expression=f"samples={self.samples}",
                hint="give an even number of samples",
            )

    def rewrite(self, operator: Form) -> Form:
        """Puts random directions in the place of those that run.

        Args:
            operator: in normal form.

        Returns:
            An operator whose sites run random directions, with what a law lacks added.

        Raises:
            OperatorError: for sums that no moments of the law give.
        """
        if any(site.chances for site in operator.sites if site.sampled):
            raise OperatorError(
                "random directions estimate sums over the components of a vector",
                expression=f"estimator={self}",
                hint="write the operator over x = oc.vector(...), or take oc.Sparse",
            )
        return _Rewriting(operator, self.distribution).result()

    def draw(
        self, site: Site, key: Callable[..., Array], points: int | None, dtype: Any
    ) -> Draw:
        """Draws the entries of directions; terms where no direction is random.

        Args:
            site: `site.extents` are the ranges of its indices, both ends included.
            key: `key()` is a key of `jax.random` for this draw; `key(name)` is another
                one for each name.
            points: their number, for a draw of each; `None` for one draw.
            dtype: of random directions.

        Returns:
            The draw: indices, (samples,) or (points, samples), or directions; weights.
        """
        laws = random_laws(site)
        if not laws:
            return self._beside.draw(site, key, points, dtype)
        (first, last), *_ = site.extents
        lead = () if points is None else (points,)
        count = self.samples // 2 if self.antithetic else self.samples
        shape = (*lead, count, last - first + 1)
        tangents = {}
        for name in dict.fromkeys(laws):
            rows = law_named(name).draw(key(name), shape, dtype)
            if self.antithetic:
                rows = jnp.concatenate([rows, -rows], axis=-2)
            tangents[name] = rows
        return Draw((), self.samples, 1 / self.samples, tangents)

    def describe(self, site: Site, terms: int) -> str:
        """Says how many directions are drawn, and what the variance comes from.

        Args:
            site: where the sum runs.
            terms: how many it has.

        Returns:
            A line of `Residual.explain`, without a full stop.
        """
        laws = random_laws(site)
        if not laws:
            return self._beside.describe(site, terms)
        spread = (
            "variance from mixed derivatives only"
            if laws[0] == "rademacher"
            else "variance from all derivatives of that order"
        )
        return (
            f"{self.samples} directions of the law {laws[0]}{self.scope}; {spread} / R"
        )

    @property
    def _beside(self) -> Sparse:
        """What samples the sums that the moments of a law lack."""
        return Sparse(self.samples, per_point=self.per_point)


class _Rewriting:
    """Puts random directions in the sites of an operator, and corrections beside."""

    def __init__(self, operator: Operator, distribution: str) -> None:
        self._operator, self._distribution = operator, distribution
        self._names = dict(zip(operator.functionals, operator.names, strict=True))
        self._sites = list(operator.sites)
        self._moved: dict[Functional, Functional] = {}
        self._fits: dict[Functional, Fit] = {}

    def result(self) -> Any:
        """Returns the operator with its sites, functionals and sums replaced."""
        operator = self._operator
        for number, site in enumerate(operator.sites):
            if site.sampled:
                self._check_sums(number)
                self._randomize(number, site)
        sums = [self._scaled(item) for item in operator.sums]
        # Corrections are sums of the same names: their values are added.
        corrections = [
            self._correction(item, functional, name, pattern, float(coefficient))
            for item in operator.sums
            for functional, name in item.functionals
            if functional in self._fits
            for pattern, coefficient in self._fits[functional].corrections
        ]
        names = {self._moved.get(f, f): name for f, name in self._names.items()}
        for item in corrections:
            names |= dict(item.functionals)
        return replace(
            operator,
            functionals=tuple(names),
            names=tuple(names.values()),
            sums=(*sums, *corrections),
            sites=tuple(self._sites),
        )

    def _check_sums(self, number: int) -> None:
        """Refuses terms that are no plain derivatives: no moment is a sum of those."""
        for item in self._operator.sums:
            if item.site == number and item.body is not None:
                raise OperatorError(
                    "random directions estimate plain sums of derivatives, and a term of "
                    "this one has a coefficient that depends on the index, or is not "
                    "linear",
                    expression=", ".join(name for _, name in item.functionals),
                    hint="take oc.Sparse, or write the coefficient of a k-th derivative as "
                    "a k-th power: x[i]**2 * oc.D(u, x[i], 2)",
                )

    def _randomize(self, number: int, site: Site) -> None:
        """Rewrites a site, and its functionals over the new directions."""
        found = {
            functional: [
                (orders, c * share)
                for alpha, c in functional.symbol.terms
                for orders, share in self._term(functional, alpha, site)
            ]
            for functional in self._operator.functionals
            if functional.site == number
        }
        # Random directions first, in the order in which they are needed; then the fixed.
        fixed = [d for d in site.directions if not d.runs]
        moved = (d for terms in found.values() for orders, _ in terms for d in orders)
        directions = [d for d in dict.fromkeys(moved) if d not in fixed] + fixed
        labelled = tuple(
            replace(d, label=f"v{n}") if isinstance(d, Random) else d
            for n, d in enumerate(directions)
        )
        self._sites[number] = replace(
            site, extents=site.extents[:1], directions=labelled
        )
        for functional, terms in found.items():
            symbol = OperatorSymbol.of(
                {
                    MultiIndex(tuple(orders.get(d, 0) for d in directions)): c
                    for orders, c in terms
                }
            )
            self._moved[functional] = replace(functional, symbol=symbol)

    def _term(
        self, functional: Functional, alpha: MultiIndex, site: Site
    ) -> list[tuple[dict[Direction, int], Fraction]]:
        """Returns a term with its running directions as one random direction.

        By the orders of its directions, with a coefficient; a complex direction has
        several such terms.
        """
        orders = {site.directions[n]: order for n, order in alpha.powers.items()}
        fixed = {d: order for d, order in orders.items() if not d.runs}
        pattern = tuple(order for d, order in orders.items() if d.runs)
        bases = {_base(d) for d in orders if d.runs}
        if not pattern:
            return [(fixed, Fraction(1))]
        alike = len(bases) == 1 and len(set(site.extents)) == 1
        if not alike or len(pattern) != len(site.extents):
            raise OperatorError(
                "no random direction has the moments of this sum: its indices differ in "
                "range, or one term is differentiated by several components of one index",
                expression=self._names[functional],
                hint="take oc.Sparse, which samples any sum",
            )
        (base,), extent = bases, site.extents[0]
        fit = fitted(self._distribution, pattern, extent[1] - extent[0] + 1)
        self._fits[functional] = fit
        parts = [
            Random("", base.place, extent, base, fit.law.name, part)
            for part in range(fit.law.parts)
        ]
        return [
            ({d: n for d, n in zip(parts, powers, strict=True) if n} | fixed, c)
            for powers, c in _real_part(sum(pattern), fit.law.parts)
        ]

    def _scaled(self, item: Sum) -> Sum:
        """Returns a sum of rewritten functionals, with the factors of their laws."""
        factor = item.factor
        for functional, _ in item.functionals:
            if functional in self._fits:
                factor *= float(self._fits[functional].factor)
        functionals = tuple((self._moved.get(f, f), n) for f, n in item.functionals)
        return replace(item, functionals=functionals, factor=factor)

    def _correction(
        self,
        item: Sum,
        functional: Functional,
        name: str,
        pattern: tuple[int, ...],
        coefficient: float,
    ) -> Sum:
        """Adds the site of a sum that a law's moments lack, and returns the sum."""
        old = self._operator.sites[functional.site]
        (alpha, scale), *_ = functional.symbol.terms
        running = next(d for d in old.directions if d.runs)
        fixed = [n for n, d in enumerate(old.directions) if isinstance(d, Argument)]
        directions = (
            *(replace(_base(running), index=n) for n in range(len(pattern))),
            *(old.directions[n] for n in fixed),
        )
        directions = tuple(
            replace(d, label=d.label or f"e{n}") for n, d in enumerate(directions)
        )
        exponents = (*pattern, *(alpha.powers.get(n, 0) for n in fixed))
        number = len(self._sites)
        extents = old.extents[: len(pattern)]
        self._sites.append(replace(old, directions=directions, extents=extents))
        symbol = OperatorSymbol.of({MultiIndex(exponents): scale})
        correction = Functional(functional.field, number, symbol)
        more = f"{name}_more{sum(not site.plain for site in self._sites)}"
        return Sum(
            item.names, extents, number, ((correction, more),), None, coefficient
        )


def _real_part(order: int, parts: int) -> list[tuple[tuple[int, ...], Fraction]]:
    r"""Expands $\mathrm{Re} (\xi_a + i \xi_b)^k$, or $\xi_a^k$ of a real direction.

    Derivatives are real at a real point, so a complex direction is two real ones, and the
    minimal algebra of this harmonic polynomial has two channels per order.
    """
    if parts == 1:
        return [((order,), Fraction(1))]
    return [
        ((order - 2 * n, 2 * n), Fraction((-1) ** n * math.comb(order, 2 * n)))
        for n in range(order // 2 + 1)
    ]


def _base(direction: Direction) -> Component | Combination:
    """Returns a running direction, as if its index were the first."""
    if isinstance(direction, Component):
        return replace(direction, index=0)
    assert isinstance(direction, Combination)
    return direction
