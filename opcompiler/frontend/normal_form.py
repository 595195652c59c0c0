"""The normal form of a set of equations: `normalize`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from opcompiler.frontend.assembly import assemble, Site
from opcompiler.frontend.equations import Equations, read_equations
from opcompiler.frontend.expand import Leaves
from opcompiler.frontend.fields import Declaration, read_fields
from opcompiler.frontend.signature import (
    Coordinate as Symbol,
    read_signature,
    refuse_twins,
)
from opcompiler.frontend.traversal import parts
from opcompiler.frontend.vectors import (
    components,
    find_vectors,
    has_matrix,
    refuse_clashes,
    Vectors,
    written_out,
)
from opcompiler.ir import (
    Combination,
    Component,
    Coordinate,
    Functional,
    Gather,
    IndexedSum,
    Program,
    Random,
    Template,
)


@dataclass(frozen=True)
class Operator:
    """Equations in normal form: a shell over functionals and sums of functionals.

    Attributes:
        coordinates: in order of first appearance in the fields' arguments.
        columns: what the points' columns are: the coordinates, vectors with their sizes.
        fields: names of what one network gives, in the order of its outputs.
        ordered: whether that order is declared, or there is only one field; if not, it
            is that of first appearance, which means nothing.
        others: names of further fields of a problem, for which networks may be given.
        arity: number of arguments of each field; 0 for one that no equation holds.
        kinds: of fields that are declared "real" or "complex".
        parameters: names of those that are numbers at a point, sorted.
        arrays: names of parameters with axes of their own, and their shapes, if known.
        axes: of the integration variables: (name, input of nodes, input of weights).
        sites: the evaluation points; functionals name them by number.
        functionals: the numbers the shell and the sums need.
        names: the name of each functional in the shell program.
        templates: the sites whose functionals are along directions, perhaps running.
        sums: over components, not written out.
        gathers: components by number that the shell reads.
        constants: arrays of numbers that sums read.
        shell: one SymPy expression per equation, over the functionals' symbols.
        program: the shell as a straight-line program.
        equations: the residuals as they were given.
    """

    coordinates: tuple[Symbol, ...]
    columns: tuple[Coordinate, ...]
    fields: tuple[str, ...]
    ordered: bool
    others: tuple[str, ...]
    arity: tuple[int, ...]
    kinds: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    arrays: tuple[tuple[str, tuple[int, ...] | None], ...]
    axes: tuple[tuple[str, str, str], ...]
    sites: tuple[Site, ...]
    functionals: tuple[Functional, ...]
    names: tuple[str, ...]
    templates: tuple[Template, ...]
    sums: tuple[IndexedSum, ...]
    gathers: tuple[Gather, ...]
    constants: tuple[tuple[str, tuple[float, ...]], ...]
    shell: tuple[sp.Expr, ...]
    program: Program
    equations: Equations

    @property
    def used(self) -> tuple[str, ...]:
        """The fields that the equations hold; all, but for a part of a problem."""
        pairs = zip(self.fields, self.arity, strict=True)
        return tuple(name for name, arguments in pairs if arguments)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of all that must be given at call time: parameters and arrays."""
        return tuple(sorted((*self.parameters, *(name for name, _ in self.arrays))))

    def all_gathers(self) -> Iterator[Gather]:
        """Yields every read of an indexed name."""
        yield from self.gathers
        for item in self.sums:
            if item.body is not None:
                yield from item.body.gathers
        for template in self.templates:
            for direction in template.directions:
                base = direction.base if isinstance(direction, Random) else direction
                if isinstance(base, Combination):
                    yield from base.body.gathers
                elif isinstance(base, Component) and base.scale is not None:
                    yield from base.scale.gathers


def normalize(
    given: object,
    coordinates: Sequence[Symbol] | None = None,
    fields: Any = None,
    hold: bool = False,
    shared: bool = True,
    matrices: bool = True,
) -> Operator:
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
    equations, coordinates = _renamed(read_equations(given), coordinates)
    vectors = find_vectors(equations.residuals)
    signature = read_signature(equations.residuals, coordinates, vectors)
    seen = signature
    declaration = fields if isinstance(fields, Declaration) else Declaration(fields)
    outputs = read_fields(declaration, seen)
    residuals = equations.residuals
    short = vectors.short and not hold
    short = short and not (matrices and has_matrix(residuals, vectors))
    if vectors.sizes and short:
        refuse_clashes(residuals, vectors)
        residuals = tuple(written_out(r, vectors) for r in residuals)
        plain = [s for c in seen.coordinates for s in _plain(c, vectors)]
        signature = read_signature(residuals, plain)
    leaves = Leaves(signature)
    expressions = [leaves.expand(r) for r in residuals]
    sampled = hold and not vectors.sizes
    found = assemble(expressions, leaves, signature, shared, sampled)
    return Operator(
        coordinates=seen.coordinates,
        columns=tuple(_column(c, vectors, short) for c in seen.coordinates),
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
        sites=found.sites,
        functionals=found.functionals,
        names=found.names,
        templates=found.templates,
        sums=found.sums,
        gathers=found.gathers,
        constants=found.constants,
        shell=found.shell,
        program=found.program,
        equations=equations,
    )


def _renamed(
    equations: Equations, coordinates: Sequence[Symbol] | Symbol | None
) -> tuple[Equations, Sequence[Symbol] | Symbol | None]:
    """Puts plain symbols for the user's Dummy symbols: from here on, those are ours."""
    if not any(isinstance(part, sp.Dummy) for part in parts(*equations.residuals)):
        return equations, coordinates
    free = {s for r in equations.residuals for s in r.free_symbols}
    dummies = sorted((s for s in free if isinstance(s, sp.Dummy)), key=str)
    refuse_twins([s for s in free if type(s) in (sp.Symbol, sp.Dummy)], set())
    plain = {d: sp.Symbol(d.name, **d.assumptions0) for d in dummies}
    residuals = tuple(r.xreplace(plain) for r in equations.residuals)
    if isinstance(coordinates, sp.Dummy):
        coordinates = [coordinates]
    if isinstance(coordinates, Sequence):
        coordinates = [plain.get(c, c) for c in coordinates]
    return replace(equations, residuals=residuals), coordinates


def _plain(coordinate: Symbol, vectors: Vectors) -> tuple[sp.Symbol, ...]:
    if isinstance(coordinate, sp.Symbol):
        return (coordinate,)
    return components(coordinate, vectors.sizes[coordinate])


def _column(coordinate: Symbol, vectors: Vectors, short: bool) -> Coordinate:
    if isinstance(coordinate, sp.Symbol):
        return Coordinate(coordinate.name)
    size = vectors.sizes[coordinate]
    names = tuple(s.name for s in components(coordinate, size)) if short else ()
    return Coordinate(str(coordinate), size, names)


def _shape(array: sp.IndexedBase) -> tuple[int, ...] | None:
    if array.shape is None or not all(n.is_Integer for n in array.shape):
        return None
    return tuple(map(int, array.shape))
