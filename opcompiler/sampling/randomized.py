r"""Templates under an estimator: what is sampled, and what a random direction stands for.

`Sparse` draws index tuples; templates stay as they are. `Dense` puts one random direction
v in the place of all directions that run, where the law of v has the moments for it:
$E\,D^k u[v, \dots, v]$ times a factor is the sum.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

from opcompiler.errors import OperatorError
from opcompiler.ir import (
    Argument,
    Combination,
    Component,
    Direction,
    Functional,
    IndexedSum,
    MultiIndex,
    OperatorSymbol,
    Random,
    Template,
)
from opcompiler.sampling.laws import choose_law, Law
from opcompiler.sampling.sampling import Dense, Estimator, Sparse


class _Site(Protocol):
    @property
    def labels(self) -> tuple[str, ...]: ...


class _Operator(Protocol):
    """What is needed of an operator in normal form."""

    @property
    def functionals(self) -> tuple[Functional, ...]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def templates(self) -> tuple[Template, ...]: ...
    @property
    def sums(self) -> tuple[IndexedSum, ...]: ...
    @property
    def sites(self) -> Sequence[_Site]: ...


def estimated(operator: Any, estimator: Estimator) -> Any:
    """Returns an operator whose templates are what the estimator draws for.

    Raises:
        OperatorError: if there is nothing to sample, or a sum that random directions do
            not estimate, with the reason.
    """
    running = [t for t in operator.templates if t.extents and not t.gradient]
    if not running:
        raise OperatorError(
            "there is nothing to sample: everything in this operator is exact",
            expression=f"estimator={estimator}",
            hint="leave the estimator out; first derivatives and sums without "
            "derivatives need none, and sums over components are written oc.Sum(..., i)",
        )
    if isinstance(estimator, Sparse):
        _check_importance(operator, estimator)
        return operator
    if any(template.chances for template in running):
        raise OperatorError(
            "random directions estimate sums over the components of a vector",
            expression=f"estimator={estimator}",
            hint="write the operator over x = oc.vector(...), or take oc.Sparse",
        )
    return _Rewriting(operator, estimator).result()


def _check_importance(operator: _Operator, estimator: Sparse) -> None:
    """Refuses probabilities by coefficients where these are no numbers."""
    if estimator.importance != "coefficients":
        return
    for item in operator.sums:
        template = None if item.template is None else operator.templates[item.template]
        if template and not template.gradient and not template.chances and item.body:
            raise OperatorError(
                "the coefficients of this sum depend on the point",
                expression=", ".join(name for _, name in item.functionals),
                hint="give the probabilities: importance=(p_0, p_1, ...)",
            )


class _Rewriting:
    """Puts random directions into the templates of an operator."""

    def __init__(self, operator: _Operator, estimator: Dense) -> None:
        self._operator, self._estimator = operator, estimator
        self._names = dict(zip(operator.functionals, operator.names, strict=True))
        self._templates = list(operator.templates)
        self._sites = list(operator.sites)
        self._moved: dict[Functional, Functional] = {}
        self._laws: dict[Functional, Law] = {}

    def result(self) -> Any:
        """Returns the operator with its templates, functionals and sums replaced."""
        for number, template in enumerate(self._operator.templates):
            if template.extents and not template.gradient:
                self._check_sums(number)
                self._randomize(number, template)
        sums = [self._sum(item) for item in self._operator.sums]
        corrections = [
            c for item in self._operator.sums for c in self._corrections(item)
        ]
        functionals = [self._moved.get(f, f) for f in self._operator.functionals]
        names = dict(zip(functionals, self._operator.names, strict=True))
        for item in corrections:
            names |= dict(item.functionals)
        return replace(
            self._operator,
            functionals=tuple(names),
            names=tuple(names.values()),
            templates=tuple(self._templates),
            sums=(*sums, *corrections),
            sites=tuple(self._sites),
        )

    def _check_sums(self, number: int) -> None:
        for item in self._operator.sums:
            if item.template == number and item.body is not None:
                raise OperatorError(
                    "random directions estimate plain sums of derivatives, and a term of "
                    "this one has a coefficient that depends on the index, or is not "
                    "linear",
                    expression=", ".join(name for _, name in item.functionals),
                    hint="take oc.Sparse, or write the coefficient of a k-th derivative as "
                    "a k-th power: x[i]**2 * oc.D(u, x[i], 2)",
                )

    def _randomize(self, number: int, template: Template) -> None:
        here = [f for f in self._operator.functionals if f.site == template.site]
        fixed = [d for d in template.directions if not d.runs]
        found = {f: self._terms(f, template) for f in here}
        moved = (d for terms in found.values() for orders, _ in terms for d in orders)
        directions = [d for d in dict.fromkeys(moved) if d not in fixed] + fixed
        labelled = tuple(
            replace(d, label=f"v{n}") if isinstance(d, Random) else d
            for n, d in enumerate(directions)
        )
        self._templates[number] = replace(
            template, extents=template.extents[:1], directions=labelled
        )
        self._sites[template.site] = replace(
            self._sites[template.site], labels=tuple(d.label for d in labelled)
        )
        for functional, terms in found.items():
            symbol = OperatorSymbol.of(
                {
                    MultiIndex(tuple(orders.get(d, 0) for d in directions)): c
                    for orders, c in terms
                }
            )
            self._moved[functional] = replace(functional, symbol=symbol)

    def _terms(
        self, functional: Functional, template: Template
    ) -> list[tuple[dict[Direction, int], Fraction]]:
        """Returns a functional's terms as orders by direction, with coefficients."""
        return [
            (orders, c * share)
            for alpha, c in functional.symbol.terms
            for orders, share in self._term(functional, alpha, template)
        ]

    def _term(
        self, functional: Functional, alpha: MultiIndex, template: Template
    ) -> list[tuple[dict[Direction, int], Fraction]]:
        """Returns a term with its running directions as one random direction."""
        fixed: dict[Direction, int] = {}
        bases: set[Component | Combination] = set()
        pattern: list[int] = []
        for direction, order in zip(template.directions, alpha.exponents, strict=True):
            if order and direction.runs:
                bases.add(_base(direction))
                pattern.append(order)
            elif order:
                fixed[direction] = order
        if not pattern:
            return [(fixed, Fraction(1))]
        alike = len(bases) == 1 and len(set(template.extents)) == 1
        if not alike or len(pattern) != len(template.extents):
            raise OperatorError(
                "no random direction has the moments of this sum: its indices differ in "
                "range, or one term is differentiated by several components of one index",
                expression=self._names[functional],
                hint="take oc.Sparse, which samples any sum",
            )
        extent = template.extents[0]
        size = extent[1] - extent[0] + 1
        law = choose_law(self._estimator.distribution, tuple(pattern), size)
        self._laws[functional] = law
        (base,) = bases
        parts = [
            Random("", base.place, extent, base, law.name, part)
            for part in range(law.parts)
        ]
        return [
            ({d: n for d, n in zip(parts, orders, strict=True) if n} | fixed, c)
            for orders, c in _real_part(sum(pattern), law.parts)
        ]

    def _sum(self, item: IndexedSum) -> IndexedSum:
        functionals = tuple((self._moved.get(f, f), n) for f, n in item.functionals)
        factor = item.factor
        for functional, _ in item.functionals:
            if functional in self._laws:
                factor *= float(self._laws[functional].factor)
        return replace(item, functionals=functionals, factor=factor)

    def _corrections(self, item: IndexedSum) -> list[IndexedSum]:
        """Returns the sums that a law's moments lack, sampled by terms."""
        found = []
        for functional, name in item.functionals:
            law = self._laws.get(functional)
            for pattern, coefficient in law.corrections if law else ():
                found.append(
                    self._correction(
                        item, functional, name, pattern, float(coefficient)
                    )
                )
        return found

    def _correction(
        self,
        item: IndexedSum,
        functional: Functional,
        name: str,
        pattern: tuple[int, ...],
        coefficient: float,
    ) -> IndexedSum:
        old = self._operator.templates[item.template or 0]
        (alpha, scale), *_ = functional.symbol.terms
        running = [d for d in old.directions if d.runs]
        fixed = [d for d in old.directions if isinstance(d, Argument)]
        by_direction = dict(zip(old.directions, alpha.exponents, strict=True))
        bases = [replace(_base(running[0]), index=n) for n in range(len(pattern))]
        directions = (*bases, *fixed)
        exponents = (*pattern, *(by_direction[d] for d in fixed))
        site = self._sites[old.site]
        labels = tuple(d.label or f"e{n}" for n, d in enumerate(directions))
        self._sites.append(replace(site, labels=labels))
        template = Template(
            len(self._sites) - 1, old.extents[: len(pattern)], directions, old.draw
        )
        self._templates.append(template)
        symbol = OperatorSymbol.of({MultiIndex(exponents): scale})
        correction = Functional(functional.field, template.site, symbol)
        return IndexedSum(
            item.names,
            template.extents,
            len(self._templates) - 1,
            ((correction, f"{name}_more{len(self._templates)}"),),
            None,
            coefficient,
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
