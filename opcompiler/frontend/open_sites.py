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

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.frontend.emission import emit
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
    """A site while its directions are being found; the attributes are those of a `Site`."""

    arguments: Point
    plain: bool
    extents: tuple[Extent, ...] = ()
    draw: int = 0
    gradient: bool = False
    chances: tuple[float, ...] = ()
    directions: list[Direction] = field(default_factory=list)

    def number(self, direction: Direction) -> int:
        """Returns the number of a direction, a new one if need be."""
        if direction not in self.directions:
            self.directions.append(direction)
        return self.directions.index(direction)

    def argument(self, place: int) -> int:
        """Returns the number of the direction along a plain argument."""
        return self.number(Argument(printable(self.arguments[place]), place))


class OpenSites:
    """The sites of one set of equations, each known by what distinguishes it."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._sites: list[OpenSite] = []
        self._numbers: dict[object, int] = {}

    def __getitem__(self, number: int) -> OpenSite:
        return self._sites[number]

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
            site = OpenSite(arguments, plain, extents, draw, gradient)
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
        site = OpenSite(arguments, False, extents, draw, False, chances, [*directions])
        return self._add(site)

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

    def closed(self) -> "ClosedSites":
        """Returns the sites as they are in the IR: plain ones first, in order of need."""
        order = [n for n, site in enumerate(self._sites) if site.plain]
        where = {n: (place, ()) for place, n in enumerate(order)}
        for number, site in enumerate(self._sites):
            if site.plain:
                continue
            # A site that does not run joins a running one: its push evaluates the network
            # at the same arguments anyway, and further directions are further channels.
            host = number if site.extents else self.at_rest(site.arguments)
            if host not in order:
                order.append(host)
            numbers = tuple(map(self._sites[host].number, site.directions))
            where[number] = (order.index(host), numbers)
        sites = tuple(self._site(self._sites[number]) for number in order)
        return ClosedSites(sites, where)

    def _site(self, site: OpenSite) -> Site:
        arguments, signature = site.arguments, self._signature
        labels = tuple(map(printable, arguments))
        vectors = tuple(str(a) if a in signature.sizes else None for a in arguments)
        scalar = [a for a, v in zip(arguments, vectors, strict=True) if v is None]
        if any(a.has(sp.Dummy) for a in scalar):
            raise OperatorError(
                "the place of a field runs with the index of a sum",
                expression=", ".join(labels),
                hint="declare the vector with up to 10 components, or write the terms out: "
                "sum(u(x, t - k) for k in range(5))",
            )
        if any(a.has(sp.Indexed) for a in scalar):
            raise OperatorError(
                "an argument of a field is a component of a vector",
                expression=", ".join(labels),
                hint="fields take whole vectors, plain coordinates and expressions in "
                "plain coordinates",
            )
        directions: tuple[Direction, ...]
        if site.plain:
            directions = tuple(Argument(label, n) for n, label in enumerate(labels))
        else:
            directions = tuple(
                replace(d, label=f"{labels[d.place]}_along{n}")
                if isinstance(d, Combination)
                else d
                for n, d in enumerate(site.directions)
            )
        place = {c: i for i, c in enumerate(signature.coordinates)}
        columns = None
        if not any(vectors) and all(a in place for a in arguments):
            columns = tuple(place[a] for a in arguments)
        return Site(
            arguments=labels,
            program=emit(scalar, signature.inputs),
            vectors=vectors,
            columns=columns,
            whole=arguments == signature.coordinates,
            directions=directions,
            extents=site.extents,
            draw=site.draw,
            chances=site.chances,
            gradient=site.gradient,
        )


@dataclass(frozen=True, slots=True)
class ClosedSites:
    """Sites of the IR, and where the open ones went.

    Attributes:
        sites: of the IR.
        where: by the number of an open site the number of a site, and by the number of a
            direction the number of that direction there; none for a plain site, whose
            functionals are complete as they are.
    """

    sites: tuple[Site, ...]
    where: dict[int, tuple[int, tuple[int, ...]]]

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
