"""Sites while their directions are being found, and how they become sites of the IR.

In: evaluation points of fields with the directions that functionals need, as they are met.
Out: `ir.Site`s. A site of vectors has as many directions as its functionals need, which is
known when all equations have been read. Until then a functional of it is *open*: its
multi-indices give powers by the number of a direction, and no dimension:

    number = sites.at((x,), extents=((0, 99),))      # u(x), x of 100 components
    n = sites[number].number(Component("x_i", 0, index=0, shift=0))
    Functional("u", number, OperatorSymbol.partial(MultiIndex.of(OPEN, {n: 2})))

Functionals that do not run (`u` itself, `u_t`, `D(u, x[3])`, a contracted sum) have no push
of their own where there is one that runs at the same arguments: they ride along with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.frontend.emission import emit
from opcompiler.frontend.held import Held
from opcompiler.frontend.naming import printable
from opcompiler.frontend.signature import Signature
from opcompiler.ir import (
    Argument,
    Combination,
    Component,
    Direction,
    Extent,
    Functional,
    MultiIndex,
    OperatorSymbol,
    Site,
)

OPEN = 0
"""The dimension of a multi-index whose site has not all of its directions yet."""

Point = tuple[sp.Expr, ...]
"""The arguments of a field."""


@dataclass(eq=False)
class OpenSite:
    """A site while its directions are being found; most attributes are those of a `Site`.

    Attributes:
        labels: the arguments as text.
        values: the arguments, functionals' dummies in the place of those of leaves.
    """

    arguments: Point
    labels: tuple[str, ...]
    plain: bool
    extents: tuple[Extent, ...] = ()
    draw: int = 0
    gradient: bool = False
    chances: tuple[float, ...] = ()
    directions: list[Direction] = field(default_factory=list)
    values: Point = ()

    @property
    def dummies(self) -> set[sp.Dummy]:
        """The dummies in the arguments' values."""
        return {d for value in self.values for d in value.atoms(sp.Dummy)}

    def number(self, direction: Direction) -> int:
        """Returns the number of a direction, a new one if need be."""
        if direction not in self.directions:
            self.directions.append(direction)
        return self.directions.index(direction)

    def argument(self, place: int) -> int:
        """Returns the number of the direction along a plain argument."""
        return self.number(Argument(self.labels[place], place))


class OpenSites:
    """The sites of one set of equations, each known by what distinguishes it.

    Args:
        signature: of the equations.
        held: what the dummies in arguments stand for.
    """

    def __init__(self, signature: Signature, held: Held) -> None:
        self._signature, self._held = signature, held
        self._sites: list[OpenSite] = []
        self._numbers: dict[object, int] = {}

    def __getitem__(self, number: int) -> OpenSite:
        return self._sites[number]

    def __iter__(self) -> Iterator[OpenSite]:
        """Yields the sites, also those that are added meanwhile."""
        return iter(self._sites)

    def at(
        self,
        arguments: Point,
        extents: tuple[Extent, ...] = (),
        draw: int = 0,
        gradient: bool = False,
    ) -> int:
        """Returns the number of a site, a new one if need be."""
        key = (arguments, extents, draw, gradient)
        if key not in self._numbers:
            plain = not extents and not any(
                a in self._signature.sizes for a in arguments
            )
            labels = self._labels(arguments)
            site = OpenSite(arguments, labels, plain, extents, draw, gradient)
            self._numbers[key] = self._add(site)
        return self._numbers[key]

    def of_terms(
        self,
        arguments: Point,
        directions: Sequence[Direction],
        chances: tuple[float, ...],
    ) -> int:
        """Adds a site at plain arguments whose directions run through a table of them."""
        extents = ((0, len(chances) - 1),)
        draw = sum(not site.plain for site in self._sites)
        labels = self._labels(arguments)
        site = OpenSite(
            arguments, labels, False, extents, draw, False, chances, [*directions]
        )
        return self._add(site)

    def _labels(self, arguments: Point) -> tuple[str, ...]:
        return tuple(printable(self._held.readable(a)) for a in arguments)

    def _add(self, site: OpenSite) -> int:
        self._sites.append(site)
        return len(self._sites) - 1

    def at_rest(self, arguments: Point) -> int:
        """Returns the number of the site of functionals that do not run.

        It is one that runs at the same arguments, if there is one already.
        """
        for number, site in enumerate(self._sites):
            if site.extents and not site.gradient and site.arguments == arguments:
                return number
        return self.at(arguments)

    def closed(self, found: Mapping[sp.Dummy, Functional]) -> "ClosedSites":
        """Returns the sites in the order of the IR: by stages, in each plain ones first.

        Args:
            found: the functionals, open, whose dummies stand in arguments.
        """
        # An argument is an expression that holds smaller ones, so no site needs itself.
        stages: dict[Point, int] = {}

        def stage(site: OpenSite) -> int:
            if site.arguments not in stages:
                needed = [found[d].site for d in site.dummies]
                needs = [1 + stage(self._sites[number]) for number in needed]
                stages[site.arguments] = max(needs, default=0)
            return stages[site.arguments]

        # Otherwise in order of need.
        numbered = list(enumerate(self._sites))
        numbered.sort(key=lambda pair: (stage(pair[1]), not pair[1].plain))
        order: list[int] = []
        where: dict[int, tuple[int, tuple[int, ...]]] = {}
        for number, site in numbered:
            # A site that does not run joins a running one: its push evaluates the network
            # at the same arguments anyway, and further directions are further channels.
            alone = site.plain or site.extents
            host = number if alone else self.at_rest(site.arguments)
            if host not in order:
                order.append(host)
            numbers = tuple(map(self._sites[host].number, site.directions))
            where[number] = (order.index(host), numbers)
        closed = tuple(self._sites[n] for n in order)
        return ClosedSites(self._signature, closed, tuple(map(stage, closed)), where)


@dataclass(frozen=True, slots=True)
class ClosedSites:
    """Sites with all of their directions, and where the open ones went.

    Attributes:
        signature: of the equations.
        sites: in the order of the IR.
        stages: of the sites.
        where: by the number of an open site the number of a site, and by the number of a
            direction the number of that direction there; none for a plain site, whose
            functionals are complete as they are.
    """

    signature: Signature
    sites: tuple[OpenSite, ...]
    stages: tuple[int, ...]
    where: dict[int, tuple[int, tuple[int, ...]]]

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """What the functionals of each site are differentiated by, as text."""
        return [tuple(d.label for d in _directions(site)) for site in self.sites]

    def functional(self, functional: Functional) -> Functional:
        """Returns an open functional as it is in the IR."""
        number, moved = self.where[functional.site]
        site, symbol = self.sites[number], functional.symbol
        if not site.plain:
            dim = len(site.directions)
            symbol = OperatorSymbol.of(
                {
                    MultiIndex.of(
                        dim, {moved[n]: a for n, a in alpha.powers.items()}
                    ): c
                    for alpha, c in symbol.terms
                }
            )
        return Functional(functional.field, number, symbol)

    def written(self, names: Mapping[sp.Dummy, sp.Symbol]) -> tuple[Site, ...]:
        """Returns the sites of the IR, with the programs that compute their arguments.

        Args:
            names: of the functionals, by the dummies that stand for them in arguments.
        """
        return tuple(
            self._site(site, stage, names)
            for site, stage in zip(self.sites, self.stages, strict=True)
        )

    def _site(
        self, site: OpenSite, stage: int, names: Mapping[sp.Dummy, sp.Symbol]
    ) -> Site:
        signature = self.signature
        vectors = tuple(
            str(a) if a in signature.sizes else None for a in site.arguments
        )
        scalar = [a for a, v in zip(site.values, vectors, strict=True) if v is None]
        if any(a.has(sp.Indexed) for a in scalar):
            raise OperatorError(
                "an argument of a field is a component of a vector",
                expression=", ".join(site.labels),
                hint="fields take whole vectors, plain coordinates and expressions in "
                "plain coordinates",
            )
        place = {c: i for i, c in enumerate(signature.coordinates)}
        columns = None
        if not any(vectors) and all(a in place for a in site.arguments):
            columns = tuple(place[a] for a in site.arguments)
        read = sorted({names[d].name for d in site.dummies})
        return Site(
            arguments=site.labels,
            program=emit(
                [a.xreplace(names) for a in scalar], (*signature.inputs, *read)
            ),
            vectors=vectors,
            columns=columns,
            whole=site.arguments == signature.coordinates,
            directions=_directions(site),
            extents=site.extents,
            draw=site.draw,
            chances=site.chances,
            gradient=site.gradient,
            stage=stage,
        )


def _directions(site: OpenSite) -> tuple[Direction, ...]:
    if site.plain:
        return tuple(Argument(label, n) for n, label in enumerate(site.labels))
    return tuple(
        replace(d, label=f"{site.labels[d.place]}_along{n}")
        if isinstance(d, Combination)
        else d
        for n, d in enumerate(site.directions)
    )


def component(
    arguments: Point,
    place: int,
    index: int | None,
    shift: int,
    **more: object,
) -> Component:
    """Returns a direction along a component, with its label: x_i, x_ip1, x_3."""
    letter = "" if index is None else "ijklmnpqrs"[index]
    if letter:
        step = "" if not shift else f"m{-shift}" if shift < 0 else f"p{shift}"
    else:
        step = f"m{-shift}" if shift < 0 else str(shift)
    scale = "s" if more.get("scale") else ""
    label = f"{printable(arguments[place])}_{letter}{step}{scale}"
    return Component(label, place, index, shift, **more)
