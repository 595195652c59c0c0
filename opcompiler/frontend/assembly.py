"""Puts sites, templates, functionals, sums and shell together, everything named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.frontend.bodies import Bodies
from opcompiler.frontend.collect import Collector, TermSum
from opcompiler.frontend.expand import Leaves
from opcompiler.frontend.naming import functional_names, printable
from opcompiler.frontend.programs import emit
from opcompiler.frontend.signature import Signature
from opcompiler.frontend.templates import Draft, DraftSum, Key, Templates, Wanted
from opcompiler.ir import (
    Argument,
    Body,
    Combination,
    Component,
    Direction,
    Functional,
    Gather,
    MultiIndex,
    OperatorSymbol,
    Program,
    Site,
    Step,
    Sum,
)


@dataclass(frozen=True)
class Assembly:
    """What `assemble` returns; the attributes are those of `Operator`."""

    sites: tuple[Site, ...]
    functionals: tuple[Functional, ...]
    names: tuple[str, ...]
    sums: tuple[Sum, ...]
    gathers: tuple[Gather, ...]
    constants: tuple[tuple[str, tuple[float, ...]], ...]
    shell: tuple[sp.Expr, ...]
    program: Program


def assemble(
    expressions: Sequence[sp.Expr],
    leaves: Leaves,
    signature: Signature,
    shared: bool = True,
    sampled: bool = False,
) -> Assembly:
    """Brings expressions over leaves and held sums into normal form.

    Args:
        expressions: one per equation.
        leaves: what their dummies stand for.
        signature: their coordinates, fields and parameters.
        shared: whether sums over the same indices run together.
        sampled: whether like terms of fixed operators become sums, to be sampled.
    """
    symbols = (*signature.coordinates, *signature.parameters, *signature.arrays)
    bodies = Bodies(signature, [_name(s) for s in symbols])
    templates = Templates(leaves, bodies, shared)
    collector = Collector(leaves, sampled)
    shells = [collector.shell(templates.read(e)) for e in expressions]
    inner = {s: collector.shell(d.body) for d, s in templates.sums.items()}
    places = _Places(collector, templates, signature)
    functionals = {
        dummy: places.functional(f) for f, dummy in collector.functionals.items()
    }
    functionals |= {dummy: places.wanted(w) for w, dummy in templates.wanted.items()}
    terms = {dummy: places.terms(item) for item, dummy in collector.terms.items()}
    functionals |= {sp.Dummy(): functional for functional in terms.values()}
    # Equal ones that were met in two ways are one.
    distinct = tuple(dict.fromkeys(functionals.values()))
    taken = {*map(_name, symbols), *_inputs(signature)}
    names = functional_names(distinct, [s.labels for s in places.sites], taken)
    by_name = dict(zip(distinct, names, strict=True))
    named = {d: sp.Symbol(by_name[f]) for d, f in functionals.items()}
    added = (*inner, *terms)
    named |= {s: sp.Symbol(bodies.fresh(f"sum{n}")) for n, s in enumerate(added)}
    writer = _Writer(bodies, named, places, by_name)
    sums = writer.sums(templates.sums, inner)
    sums += tuple(writer.terms(i, d, terms[d]) for i, d in collector.terms.items())
    constants = tuple(
        (_coefficients(named[d].name), item.coefficients)
        for item, d in collector.terms.items()
    )
    shell = tuple(s.xreplace(named) for s in shells)
    shell, gathers = writer.fixed_components(shell)
    inputs = [*_inputs(signature), *names, *(n for s in sums for n in s.names)]
    program = emit(list(shell), [*inputs, *(g.name for g in gathers)])
    return Assembly(
        tuple(places.sites), distinct, names, sums, gathers, constants, shell, program,
    )  # fmt: skip


def _name(symbol: sp.Expr) -> str:
    return symbol.name if isinstance(symbol, sp.Symbol) else str(symbol)


def _coefficients(name: str) -> str:
    """Returns the name of the array of a sampled sum's coefficients."""
    return f"{name}_coefficients"


def _inputs(signature: Signature) -> tuple[str, ...]:
    """Returns what sites and shells are computed from, quadrature rules included."""
    symbols = (*signature.coordinates, *signature.parameters)
    rules = [s.name for a in signature.axes.values() for s in (a.node, a.weight)]
    return (*(s.name for s in symbols if isinstance(s, sp.Symbol)), *rules)


class _Places:
    """Numbers of sites and templates, and where functionals stand."""

    def __init__(
        self, collector: Collector, templates: Templates, signature: Signature
    ) -> None:
        self._signature = signature
        self._collected = collector.sites
        self.sites: list[Site] = []
        self._plain: dict[tuple[sp.Expr, ...], int] = {}
        self._drafts = dict(templates.drafts)
        self._at: dict[Key, tuple[Draft, int]] = {}
        for functional in collector.functionals:
            arguments = collector.sites[functional.site]
            if any(a in signature.sizes for a in arguments):
                host = self._host(arguments)
                for place in functional.symbol.terms[0][0].slots():
                    host.number(Argument("", place))
                for alpha, _ in functional.symbol.terms:
                    for place in alpha.slots():
                        host.number(Argument("", place))
            elif arguments not in self._plain:
                self._plain[arguments] = len(self.sites)
                directions = tuple(
                    Argument(printable(a), n) for n, a in enumerate(arguments)
                )
                self.sites.append(self._site(arguments, directions))
        for key in list(self._drafts):
            draft = self._merged(key)
            if draft.key not in self._at:
                self._at[draft.key] = (draft, len(self.sites))
                self._add(draft)
            self._at[key] = self._at[draft.key]

    def _host(self, arguments: tuple[sp.Expr, ...]) -> Draft:
        """Returns the template that carries what does not run: one that runs, if any."""
        for key, draft in self._drafts.items():
            if key[0] == arguments and key[1] and not key[3]:
                return draft
        key = (arguments, (), 0, False)
        return self._drafts.setdefault(key, Draft(key))

    def _merged(self, key: Key) -> Draft:
        """Returns the draft that a key's functionals go to, with its directions."""
        draft = self._drafts[key]
        if key[1]:
            return draft
        host = self._host(key[0])
        for direction in draft.directions:
            host.number(direction)
        return host

    def _add(self, draft: Draft) -> None:
        arguments, extents, draw, gradient = draft.key
        for other in self._drafts:
            if not other[1] and self._host(other[0]) is draft:
                for direction in self._drafts[other].directions:
                    draft.number(direction)
        directions = tuple(
            self._labelled(d, arguments, n) for n, d in enumerate(draft.directions)
        )
        site = self._site(arguments, directions)
        self.sites.append(replace(site, extents=extents, draw=draw, gradient=gradient))

    def _labelled(
        self, direction: Direction, arguments: tuple[sp.Expr, ...], number: int
    ) -> Direction:
        argument = printable(arguments[direction.place])
        if isinstance(direction, Argument):
            return replace(direction, label=argument)
        if isinstance(direction, Combination):
            return replace(direction, label=f"{argument}_along{number}")
        letter = "" if direction.index is None else "ijklmnpqrs"[direction.index]
        shift = direction.shift
        step = (
            ""
            if letter and not shift
            else (f"m{-shift}" if shift < 0 else f"p{shift}" if letter else str(shift))
        )
        scale = "s" if direction.scale else ""
        return replace(direction, label=f"{argument}_{letter}{step}{scale}")

    def _site(
        self, arguments: tuple[sp.Expr, ...], directions: tuple[Direction, ...]
    ) -> Site:
        coordinates = self._signature.coordinates
        place = {c: i for i, c in enumerate(coordinates)}
        vectors = tuple(
            str(a) if a in self._signature.sizes else None for a in arguments
        )
        plain = all(a in place for a in arguments)
        scalar = [a for a, v in zip(arguments, vectors, strict=True) if v is None]
        if any(a.has(sp.Dummy) for a in scalar):
            raise OperatorError(
                "the place of a field runs with the index of a sum",
                expression=", ".join(map(printable, arguments)),
                hint="declare the vector with up to 10 components, or write the terms out: "
                "sum(u(x, t - k) for k in range(5))",
            )
        if any(a.has(sp.Indexed) for a in scalar):
            raise OperatorError(
                "an argument of a field is a component of a vector",
                expression=", ".join(map(printable, arguments)),
                hint="fields take whole vectors, plain coordinates and expressions in "
                "plain coordinates",
            )
        columns = (
            tuple(place[a] for a in arguments) if plain and not any(vectors) else None
        )
        return Site(
            tuple(map(printable, arguments)), emit(scalar, _inputs(self._signature)),
            vectors, columns, arguments == coordinates, directions,
        )  # fmt: skip

    def functional(self, functional: Functional) -> Functional:
        """Renumbers a functional that was collected at its arguments."""
        arguments = self._collected[functional.site]
        if arguments in self._plain:
            return replace(functional, site=self._plain[arguments])
        draft, site = self._at[self._host(arguments).key]
        symbol = {
            self._index(draft, {Argument("", p): n for p, n in alpha.powers.items()}): c
            for alpha, c in functional.symbol.terms
        }
        return Functional(functional.field, site, OperatorSymbol.of(symbol))

    def wanted(self, wanted: Wanted) -> Functional:
        """Returns a template's functional."""
        own = self._drafts[wanted.key]
        draft, site = self._at[wanted.key]
        counts = {own.directions[n]: order for n, order in wanted.counts}
        symbol = OperatorSymbol.partial(self._index(draft, counts))
        return Functional(wanted.field, site, symbol)

    @staticmethod
    def _index(draft: Draft, counts: Mapping[Direction, int]) -> MultiIndex:
        return MultiIndex(tuple(counts.get(d, 0) for d in draft.directions))

    def terms(self, item: TermSum) -> Functional:
        """Adds a template along one argument or another, and returns its functional."""
        arguments = self._collected[item.site]
        directions = tuple(
            Component(f"e{n}", 0, 0, 0, table=places)
            for n, places in enumerate(item.places)
        )
        number = len(self.sites)
        chances = tuple(map(abs, item.coefficients))
        extents = ((0, len(item.coefficients) - 1),)
        draw = sum(not site.plain for site in self.sites)
        site = self._site(arguments, directions)
        self.sites.append(replace(site, extents=extents, draw=draw, chances=chances))
        symbol = OperatorSymbol.partial(MultiIndex(item.shape))
        return Functional(item.field, number, symbol)

    def site_of(self, key: Key) -> int:
        """Returns the number of a draft's site."""
        return self._at[key][1]


class _Writer:
    """Writes sums and the shell's components as programs."""

    def __init__(
        self,
        bodies: Bodies,
        named: Mapping[sp.Symbol, sp.Symbol],
        places: _Places,
        names: Mapping[Functional, str],
    ) -> None:
        self._bodies, self._named, self._places = bodies, named, places
        self._names = {name: functional for functional, name in names.items()}

    def sums(
        self, drafts: Mapping[DraftSum, sp.Dummy], inner: Mapping[sp.Symbol, sp.Expr]
    ) -> tuple[Sum, ...]:
        """Writes sums; those over the same indices that need no other sum run together."""
        groups: dict[object, list[tuple[str, DraftSum, sp.Expr]]] = {}
        for draft, symbol in drafts.items():
            expr = inner[symbol]
            bare = expr in self._named and draft.key is not None
            nested = any(s in drafts.values() for s in expr.free_symbols)
            alone = symbol if bare or nested else None
            group = (draft.key, draft.extents, alone)
            groups.setdefault(group, []).append((self._named[symbol].name, draft, expr))
        return tuple(self._sum(members) for members in groups.values())

    def terms(self, item: TermSum, symbol: sp.Symbol, functional: Functional) -> Sum:
        """Writes a sum of like terms with their coefficients."""
        name = self._named[symbol].name
        value = next(n for n, f in self._names.items() if f == functional)
        index = self._bodies.canonical[0].name
        extent = (0, len(item.coefficients) - 1)
        gather = Gather(f"{name}_c", _coefficients(name), ((0, 0),), (extent,))
        program = Program(
            (gather.name, value), (Step("s0", "mul", (gather.name, value)),), ("s0",)
        )
        body = Body(((0, index),), (gather,), program)
        return Sum((name,), (extent,), functional.site, ((functional, value),), body)

    def _sum(self, members: list[tuple[str, DraftSum, sp.Expr]]) -> Sum:
        names = tuple(name for name, _, _ in members)
        draft = members[0][1]
        site = None if draft.key is None else self._places.site_of(draft.key)
        expressions = [expr.xreplace(self._named) for _, _, expr in members]
        read = sorted(
            {
                s.name
                for e in expressions
                for s in e.free_symbols
                if isinstance(s, sp.Symbol)
            }
        )
        functionals = tuple((self._names[n], n) for n in read if n in self._names)
        if expressions[0] in self._named.values() and site is not None:
            return Sum(names, draft.extents, site, functionals, None)
        indices = dict(zip(self._bodies.canonical, draft.extents, strict=False))
        inputs = [s.name for s in self._named.values()]
        body = self._bodies.body(expressions, indices, sorted(set(inputs)))
        return Sum(names, draft.extents, site, functionals, body)

    def fixed_components(
        self, shell: tuple[sp.Expr, ...]
    ) -> tuple[tuple[sp.Expr, ...], tuple[Gather, ...]]:
        """Replaces components such as x[3] in the shell by inputs."""
        used = {s.name for s in self._named.values()}
        gathers = self._bodies.gathers(shell, {}, used)
        known = {place: sp.Symbol(g.name) for place, g in gathers.items()}
        return tuple(e.xreplace(known) for e in shell), tuple(gathers.values())
