"""Vector coordinates: found among the fields' arguments; short ones are written out.

A vector of few components is written out before anything else looks at the equations: its
components become plain symbols, sums over them plain sums, and every strategy applies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.utilities.iterables import sift

from opcompiler.errors import OperatorError
from opcompiler.frontend.naming import ordered, printable
from opcompiler.frontend.plain_sums import bounds, put_together
from opcompiler.frontend.ranges import Range
from opcompiler.frontend.traversal import parts

WRITTEN_OUT = 10
"""Up to so many components a vector is written out, unless a sum is to be sampled."""

HELD_MATRIX = 4
"""From so many components a sum with a matrix of moving coefficients is held.

Held, one of its indices is contracted to a tangent, 3 d + 1 channels; written out, every
second derivative is one, d (d + 3) / 2 + 1.
"""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The indexed names of a set of equations.

    Attributes:
        sizes: number of components of each vector coordinate.
        arrays: other indexed names, which are parameters with axes of their own.
    """

    sizes: dict[sp.IndexedBase, int]
    arrays: tuple[sp.IndexedBase, ...]

    @property
    def short(self) -> bool:
        """Whether everything can be written out."""
        return not self.arrays and all(d <= WRITTEN_OUT for d in self.sizes.values())


def has_matrix(residuals: Sequence[sp.Expr], vectors: Vectors) -> bool:
    """Whether a sum of coefficients that move with its indices is better held."""
    large = max(vectors.sizes.values(), default=0) >= HELD_MATRIX
    return large and any(map(_is_matrix, _sums(residuals)))


def _sums(residuals: Sequence[sp.Expr]) -> Iterator[sp.Sum]:
    for residual in residuals:
        yield from (part for part in parts(residual) if isinstance(part, sp.Sum))


def _is_matrix(held: sp.Sum) -> bool:
    """Whether it is of the kind a(x_i, x_j) u_ij, with no derivatives in a."""
    derivatives, factors = sift(
        sp.Mul.make_args(held.function),
        lambda factor: isinstance(factor, sp.Derivative),
        binary=True,
    )
    rest = sp.Mul(*factors)
    if len(derivatives) != 1 or rest.has(sp.Derivative):
        return False
    by = [variable for variable, _ in derivatives[0].variable_count]
    mixed = sum(isinstance(v, sp.Indexed) and not v.indices[0].is_Integer for v in by)
    return mixed > 1 and rest.has(sp.Indexed)


def find_vectors(residuals: Sequence[sp.Expr]) -> Vectors:
    """Finds the vectors among the fields' arguments, and all other indexed names.

    Raises:
        OperatorError: for a vector without a size, one that is differentiated whole.
    """
    sizes: dict[sp.IndexedBase, int] = {}
    seen: set[sp.Basic] = set()
    for residual in residuals:
        for application in _applications(residual, seen):
            for argument in application.args:
                if isinstance(argument, sp.IndexedBase):
                    sizes[argument] = _size(argument, application)
    seen = set()
    bases = (base for r in residuals for base in _bases(r, seen))
    arrays = tuple(dict.fromkeys(base for base in bases if base not in sizes))
    return Vectors(sizes, arrays)


def _size(base: sp.IndexedBase, where: sp.Expr) -> int:
    if base.shape is None or len(base.shape) != 1 or not base.shape[0].is_Integer:
        raise OperatorError(
            f"the number of components of {base} is not known",
            expression=where,
            hint=f'declare {base} = oc.vector("{base}", 100), or '
            f'sympy.IndexedBase("{base}", shape=(100,))',
        )
    return int(base.shape[0])


def _applications(expr: sp.Basic, seen: set[sp.Basic]) -> Iterator[AppliedUndef]:
    if expr in seen:
        return
    seen.add(expr)
    if isinstance(expr, AppliedUndef):
        yield expr
    elif isinstance(expr, sp.Derivative) and isinstance(expr.expr, sp.IndexedBase):
        raise OperatorError(
            f"{expr.expr} is differentiated as a whole: this is what SymPy's diff makes "
            "of a derivative by a component",
            expression=expr,
            hint="write oc.D(u, x[i], 2) instead of u.diff(x[i], 2)",
        )
    else:
        for argument in expr.args:
            yield from _applications(argument, seen)


def _bases(expr: sp.Basic, seen: set[sp.Basic]) -> Iterator[sp.IndexedBase]:
    if expr in seen:
        return
    seen.add(expr)
    if isinstance(expr, sp.Indexed):
        yield expr.base
        for index in expr.indices:
            yield from _bases(index, seen)
    elif not isinstance(expr, AppliedUndef):
        for argument in expr.args:
            yield from _bases(argument, seen)


def component(base: sp.IndexedBase, number: int) -> sp.Symbol:
    """Returns the symbol of a component that is written out."""
    return sp.Symbol(f"{base}_{number}")


def components(base: sp.IndexedBase, size: int) -> tuple[sp.Symbol, ...]:
    """Returns the symbols of all components."""
    return tuple(component(base, k) for k in range(size))


def written_out(expr: sp.Basic, vectors: Vectors) -> sp.Basic:
    """Replaces vectors by their components, and sums over them by plain sums."""
    if isinstance(expr, sp.Sum | sp.Product) and expr.has(sp.Indexed):
        return _sum_written_out(expr, vectors)
    if isinstance(expr, sp.Indexed):
        return _component(expr, vectors)
    if isinstance(expr, AppliedUndef):
        arguments: list[sp.Basic] = []
        for argument in expr.args:
            if argument in vectors.sizes:
                arguments += components(argument, vectors.sizes[argument])
            else:
                arguments.append(written_out(argument, vectors))
        return expr.func(*arguments)
    if not expr.args or isinstance(expr, sp.IndexedBase | sp.Idx):
        return expr
    arguments = [written_out(argument, vectors) for argument in expr.args]
    if isinstance(expr, sp.Derivative):
        return sp.Derivative(*arguments, evaluate=False)
    return expr.func(*arguments)


def _sum_written_out(expr: sp.Sum | sp.Product, vectors: Vectors) -> sp.Expr:
    terms, sign = [expr.function], 1
    for index, lower, upper in expr.limits:
        first, last, direction = bounds(expr, lower, upper)
        values = [sp.Integer(k) for k in range(first, last + 1)]
        terms = [at_index(term, index, k) for term in terms for k in values]
        sign *= direction
    return put_together(expr, [written_out(term, vectors) for term in terms], sign)


def at_index(expr: sp.Basic, index: sp.Basic, value: sp.Expr) -> sp.Basic:
    """Replaces an index by its value, but where an inner sum has one of that name."""
    if expr == index:
        return value
    if isinstance(expr, sp.Sum | sp.Product) and index in expr.bound_symbols:
        return expr
    if not expr.args or not expr.has(index):
        return expr
    arguments = [at_index(argument, index, value) for argument in expr.args]
    if isinstance(expr, sp.Derivative):
        return sp.Derivative(*arguments, evaluate=False)
    return expr.func(*arguments)


def _component(expr: sp.Indexed, vectors: Vectors) -> sp.Expr:
    if expr.base not in vectors.sizes or not expr.indices[0].is_Integer:
        raise OperatorError(
            "an index stands outside of a sum over it",
            expression=expr,
            hint="write oc.Sum(..., i) around it, or a number for the index",
        )
    number = int(expr.indices[0])
    check_component(expr, (number, number), vectors.sizes[expr.base])
    return component(expr.base, number)


def check_component(
    expr: sp.Expr, span: Range, size: int | None, written: str | None = None
) -> None:
    """Refuses components that are not there, of an array whose size may not be known."""
    for number in span:
        if number < 0 or (size is not None and number >= size):
            there = "they are" if size is None else f"there are {size},"
            raise OperatorError(
                f"{written or printable(expr)} reaches number {number}: {there} counted "
                "from 0",
                expression=printable(expr),
                hint="let the sum run from and to where shifted components exist: "
                "oc.Sum(..., (i, 0, d - 2)) for x[i + 1]; of d components the last is "
                "x[d - 1]",
            )


def size_of(base: sp.IndexedBase, axis: int) -> int | None:
    """Returns the declared number of places along an axis, if it is a number."""
    size = base.shape[axis] if base.shape else None
    return int(size) if size is not None and size.is_Integer else None


def refuse_clashes(residuals: Sequence[sp.Expr], vectors: Vectors) -> None:
    """Refuses symbols that are called like a component that is written out.

    Raises:
        OperatorError: naming the symbol.
    """
    names = {
        s.name: base for base, d in vectors.sizes.items() for s in components(base, d)
    }
    for residual in residuals:
        for symbol in ordered(residual):
            if isinstance(symbol, sp.Symbol) and symbol.name in names:
                raise OperatorError(
                    f"{symbol} is called like a component of {names[symbol.name]}",
                    expression=symbol,
                    hint="rename the symbol",
                )
