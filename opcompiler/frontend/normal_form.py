"""The normal form of a set of equations: `normalize`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from opcompiler.frontend.assembly import assemble
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
from opcompiler.ir import Coordinate, Operator


@dataclass(frozen=True)
class NormalForm(Operator):
    """An operator, and beside it the SymPy objects that it was made of.

    Attributes:
        coordinates: in order of first appearance in the fields' arguments.
        shell: one SymPy expression per equation, over the functionals' symbols.
        equations: the residuals as they were given.
    """

    coordinates: tuple[Symbol, ...]
    shell: tuple[sp.Expr, ...]
    equations: Equations


def normalize(
    given: object,
    coordinates: Sequence[Symbol] | None = None,
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
    return NormalForm(
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
