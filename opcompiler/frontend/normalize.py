r"""From equations to their normal form: the passes of the frontend, in order.

In: what a user hands in, a SymPy residual or several. Out: an `ir.Operator`: functionals
of fields at sites, sums of them, and a program that computes the residuals from these,
with the SymPy objects that people want to see beside it (`NormalForm`). For `u_t -
nu*(u_xx + u_yy)`:

    sites         one, u(t, x, y)
    functionals   u_t and u_xx + u_yy, each one number at every point
    program       s0 = nu*u_sum;  s1 = u_t - s0

and for `oc.Sum(x[i]**2 * oc.D(u, x[i], 2), i)` in 1000 dimensions a second kind of site,
whose one direction x_i e_i runs with i, and a sum over i of its functional u_{ii}.

The passes stand below one by one, each a line or a paragraph of `normalize`. Each leaves
SymPy expressions over fewer kinds of things than it got:

    fields, derivatives, sums, integrals            what the user writes
      -> leaves and held sums                       expand.py, held.py
      -> functionals whose directions run, sums     contract.py
      -> functionals                                collect.py
      -> programs                                   emission.py, indexed_programs.py
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from opcompiler.frontend.collect import Collector, LikeTerms
from opcompiler.frontend.contract import Contraction, OpenSum
from opcompiler.frontend.emission import emit
from opcompiler.frontend.equations import Equations, read_equations
from opcompiler.frontend.expand import Expansion
from opcompiler.frontend.fields import Declaration, read_fields
from opcompiler.frontend.indexed_programs import IndexedPrograms
from opcompiler.frontend.naming import functional_names
from opcompiler.frontend.open_sites import OpenSites
from opcompiler.frontend.signature import read_signature
from opcompiler.frontend.signature_checks import CoordinateSymbol, no_twins
from opcompiler.frontend.traversal import parts
from opcompiler.frontend.write_out import (
    components,
    find_vectors,
    has_matrix,
    refuse_clashes,
    written_out,
)
from opcompiler.ir import (
    Body,
    Coordinate,
    Functional,
    Gather,
    Operator,
    Program,
    Step,
    Sum,
)


@dataclass(frozen=True)
class NormalForm(Operator):
    """An operator, and beside it the SymPy objects that it was made of.

    Attributes:
        coordinates: in order of first appearance in the fields' arguments.
        shell: one SymPy expression per equation, over the functionals' symbols.
        equations: the residuals as they were given.
    """

    coordinates: tuple[CoordinateSymbol, ...]
    shell: tuple[sp.Expr, ...]
    equations: Equations


def normalize(
    given: object,
    coordinates: Sequence[CoordinateSymbol] | None = None,
    fields: Any = None,
    hold: bool = False,
    shared: bool = True,
    matrices: bool = True,
) -> NormalForm:
    """Brings a residual, or several, into normal form.

    Args:
        given: SymPy expression, `Eq`, or a list, tuple, dict or matrix of them.
        coordinates: overrides the coordinates found in the fields' arguments, and
            with them their order.
        fields: all fields in the order of one network's outputs, or a `Declaration`.
        hold: keep sums over the components of short vectors too, to sample them; and,
            where there are no vectors, sums of like terms with numbers before them.
        shared: whether sums over the same indices run together, in one draw.
        matrices: keep sums with a matrix of moving coefficients too, which is cheaper.

    Raises:
        OperatorError: naming the sub-expression that cannot be compiled.
    """
    # Read: what are the residuals, which of their symbols are fields, coordinates,
    # parameters, and in which order does one network give the fields?
    equations, coordinates = _renamed(read_equations(given), coordinates)
    residuals = equations.residuals
    vectors = find_vectors(residuals)
    signature = seen = read_signature(residuals, coordinates, vectors)
    declaration = fields if isinstance(fields, Declaration) else Declaration(fields)
    outputs = read_fields(declaration, signature)

    # Write short vectors out: their components are coordinates like any other.
    columns = [
        Coordinate(c.name)
        if isinstance(c, sp.Symbol)
        else Coordinate(str(c), vectors.sizes[c])
        for c in seen.coordinates
    ]
    matrix = matrices and has_matrix(residuals, vectors)
    if vectors.sizes and vectors.short and not hold and not matrix:
        refuse_clashes(residuals, vectors)
        residuals = tuple(written_out(r, vectors) for r in residuals)
        plain: list[CoordinateSymbol] = []
        for n, c in enumerate(seen.coordinates):
            own = (c,) if isinstance(c, sp.Symbol) else components(c, vectors.sizes[c])
            plain += own
            if columns[n].size is not None:
                columns[n] = replace(columns[n], components=tuple(s.name for s in own))
        signature = read_signature(residuals, plain)

    # Hold sums and differentiate: nothing is left but leaves, held sums and functions.
    expansion = Expansion(signature)
    expressions = [expansion.expand(residual) for residual in residuals]
    held = expansion.held

    # Contract: derivatives that run with the index of a sum become functionals.
    sites, programs = OpenSites(signature, held), IndexedPrograms(signature)
    contraction = Contraction(held, programs, sites, shared)
    expressions = [contraction.read(e) for e in expressions]

    # Collect: all other derivatives do, with their coefficients, also those in sums.
    collector = Collector(held, sites, sampled=hold and not vectors.sizes)
    shell = tuple(collector.shell(e) for e in expressions)
    bodies = {dummy: collector.shell(s.body) for s, dummy in contraction.sums.items()}

    # The arguments of fields are expressions too: they add functionals at further sites.
    for site in sites:
        site.values = tuple(map(contraction.argument, site.arguments))
        site.values = tuple(map(collector.argument, site.values))

    # Close the sites and give everything a name.
    opened = {
        dummy: functional
        for functionals in (collector.functionals, contraction.functionals)
        for functional, dummy in functionals.items()
    }
    closed = sites.closed(opened)
    found = {d: closed.functional(functional) for d, functional in opened.items()}
    found |= {d: closed.functional(t.functional) for t, d in collector.terms.items()}
    # Equal ones that were met in two ways are one. Those that others need come first.
    met = dict.fromkeys(found.values())
    functionals = tuple(sorted(met, key=lambda f: closed.stages[f.site]))
    inputs = signature.inputs
    taken = {*programs.outer, *inputs}
    names = functional_names(functionals, closed.labels, taken)
    by_functional = dict(zip(functionals, names, strict=True))
    named = {
        dummy: sp.Symbol(by_functional[functional])
        for dummy, functional in found.items()
        if dummy not in collector.terms.values()
    }
    for number, dummy in enumerate((*bodies, *collector.terms.values())):
        named[dummy] = sp.Symbol(programs.fresh(f"sum{number}"))

    # Write the programs: of the sums, and of the shell that reads them.
    writer = _Sums(programs, named, {n: f for f, n in by_functional.items()})
    sums = writer.held(contraction.sums, bodies, closed.where)
    constants: list[tuple[str, tuple[float, ...]]] = []
    for terms, dummy in collector.terms.items():
        item, array = writer.of_terms(named[dummy].name, terms, found[dummy])
        sums.append(item)
        constants.append((array, terms.coefficients))
    shell = tuple(e.xreplace(named) for e in shell)
    gathers = programs.gathers(shell, {}, {s.name for s in named.values()})
    shell = tuple(
        e.xreplace({place: sp.Symbol(g.name) for place, g in gathers.items()})
        for e in shell
    )
    inputs = [*inputs, *names, *(n for s in sums for n in s.names)]
    program = emit(list(shell), [*inputs, *(g.name for g in gathers.values())])

    return NormalForm(
        columns=tuple(columns),
        fields=outputs.names,
        ordered=outputs.ordered,
        others=outputs.others,
        arity=outputs.arity,
        kinds=outputs.kinds,
        parameters=tuple(p.name for p in signature.parameters),
        arrays=tuple((str(a), _shape(a)) for a in signature.arrays),
        axes=tuple(
            (a.name, a.node.name, a.weight.name) for a in signature.axes.values()
        ),
        sites=closed.written(named),
        functionals=functionals,
        names=names,
        sums=tuple(sums),
        gathers=tuple(gathers.values()),
        constants=tuple(constants),
        program=program,
        coordinates=seen.coordinates,
        shell=shell,
        equations=equations,
    )


class _Sums:
    """Writes sums of the IR.

    Args:
        programs: writes their bodies.
        named: the symbol of each dummy.
        functionals: by name.
    """

    def __init__(
        self,
        programs: IndexedPrograms,
        named: Mapping[sp.Dummy, sp.Symbol],
        functionals: Mapping[str, Functional],
    ) -> None:
        self._programs, self._named = programs, named
        self._functionals = functionals

    def held(
        self,
        sums: Mapping[OpenSum, sp.Dummy],
        bodies: Mapping[sp.Dummy, sp.Expr],
        where: Mapping[int, tuple[int, object]],
    ) -> list[Sum]:
        """Writes sums; those over the same indices that need no other sum run together.

        Args:
            sums: their dummies.
            bodies: of each dummy.
            where: the number of the site of an open one, first.
        """
        groups: dict[object, list[tuple[sp.Dummy, OpenSum]]] = {}
        for item, dummy in sums.items():
            body = bodies[dummy]
            bare = body in self._named and item.site is not None
            nested = any(s in sums.values() for s in body.free_symbols)
            # A bare sum has no body; one that needs another sum must come after it.
            alone = dummy if bare or nested else None
            group = (item.site, item.extents, alone)
            groups.setdefault(group, []).append((dummy, item))
        written: list[Sum] = []
        for members in groups.values():
            first = members[0][1]
            names = tuple(self._named[dummy].name for dummy, _ in members)
            expressions = [bodies[dummy].xreplace(self._named) for dummy, _ in members]
            read = {s.name for e in expressions for s in e.free_symbols}
            read &= self._functionals.keys()
            functionals = tuple((self._functionals[n], n) for n in sorted(read))
            site = None if first.site is None else where[first.site][0]
            body = None
            if site is None or expressions[0] not in self._named.values():
                body = self._programs.body(
                    expressions,
                    dict(zip(self._programs.canonical, first.extents, strict=False)),
                    sorted({s.name for s in self._named.values()}),
                )
            written.append(Sum(names, first.extents, site, functionals, body))
        return written

    def of_terms(
        self, name: str, terms: LikeTerms, functional: Functional
    ) -> tuple[Sum, str]:
        """Writes a sum of like terms with coefficients; and the name of their array."""
        value = next(n for n, f in self._functionals.items() if f == functional)
        index = self._programs.canonical[0].name
        extent = (0, len(terms.coefficients) - 1)
        array = f"{name}_coefficients"
        gather = Gather(f"{name}_c", array, ((0, 0),), (extent,))
        program = Program(
            (gather.name, value), (Step("s0", "mul", (gather.name, value)),), ("s0",)
        )
        body = Body(((0, index),), (gather,), program)
        functionals = ((functional, value),)
        return Sum((name,), (extent,), functional.site, functionals, body), array


def _renamed(
    equations: Equations,
    coordinates: Sequence[CoordinateSymbol] | CoordinateSymbol | None,
) -> tuple[Equations, Sequence[CoordinateSymbol] | CoordinateSymbol | None]:
    """Puts plain symbols for the user's Dummy symbols: from here on, those are ours."""
    if not any(isinstance(part, sp.Dummy) for part in parts(*equations.residuals)):
        return equations, coordinates
    free = {s for r in equations.residuals for s in r.free_symbols}
    dummies = sorted((s for s in free if isinstance(s, sp.Dummy)), key=str)
    no_twins([s for s in free if type(s) in (sp.Symbol, sp.Dummy)], set())
    plain = {d: sp.Symbol(d.name, **d.assumptions0) for d in dummies}
    residuals = tuple(r.xreplace(plain) for r in equations.residuals)
    if isinstance(coordinates, sp.Dummy):
        coordinates = [coordinates]
    if isinstance(coordinates, Sequence):
        coordinates = [plain.get(c, c) for c in coordinates]
    return replace(equations, residuals=residuals), coordinates


def _shape(array: sp.IndexedBase) -> tuple[int, ...] | None:
    if array.shape is None or not all(n.is_Integer for n in array.shape):
        return None
    return tuple(map(int, array.shape))
