"""Vectors and sums that are written out: components as plain symbols, sums as their terms.

In: residuals. Out: which vectors they hold (`find_vectors`), and the residuals without them
(`written_out`), for x of 3 components

    oc.Sum(x[i] * oc.D(u(x), x[i]), i)   ->   x_0 * D(u(x_0, x_1, x_2), x_0) + ...

A vector of few components is written out before anything else looks at the equations:
then every strategy applies. A longer one stays whole, and so do the sums over it
(`held.py`). Sums over plain indices, whose bounds are numbers, are always written out
(`plain_sum`).

A range that runs backwards has SymPy's meaning, Karr's: the sum from a to b and the sum
from b + 1 to c make the sum from a to c, whatever the order of a, b and c. So

    Sum(f(n), (n, 5, 1)) = -(f(2) + f(3) + f(4)),    Sum(f(n), (n, 5, 4)) = 0.

Source: Karr, *Summation in finite terms*, J. ACM 28 (1981) 305, section 1.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.utilities.iterables import sift

from opcompiler.errors import OperatorError
from opcompiler.frontend.naming import ordered
from opcompiler.frontend.ranges import bounds, check_component
from opcompiler.frontend.traversal import parts

WRITTEN_OUT = 10
"""Up to so many components a vector is written out, unless a sum is to be sampled."""

HELD_MATRIX = 4
"""From so many components a sum with a matrix of moving coefficients is held.

Held, one of its indices is contracted to a tangent, 3 d + 1 channels; written out, every
second derivative is one, d (d + 3) / 2 + 1.
"""


_LARGEST_SUM = 10_000


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
    sums = (part for part in parts(*residuals) if isinstance(part, sp.Sum))
    return large and any(map(_is_matrix, sums))


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
        OperatorError: for a vector without a size, and a vector that is differentiated as a
            whole.
    """
    sizes: dict[sp.IndexedBase, int] = {}
    for part in parts(*residuals):
        if isinstance(part, sp.Derivative) and isinstance(part.expr, sp.IndexedBase):
            raise OperatorError(
                f"{part.expr} is differentiated as a whole: this is what SymPy's diff "
                "makes of a derivative by a component",
                expression=part,
                hint="write oc.D(u, x[i], 2) instead of u.diff(x[i], 2)",
            )
        if isinstance(part, AppliedUndef):
            for argument in part.args:
                if isinstance(argument, sp.IndexedBase):
                    sizes[argument] = _size(argument, part)
    outside = parts(*residuals, closed=AppliedUndef)
    bases = (part.base for part in outside if isinstance(part, sp.Indexed))
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
    return _put_together(expr, [written_out(term, vectors) for term in terms], sign)


def plain_sum(expr: sp.Sum | sp.Product) -> sp.Expr:
    """Writes out a sum or product whose bounds are numbers.

    By substitution into the body, never by `doit`: SymPy pulls derivatives by indexed
    coordinates out of sums, silently and wrongly.
    """
    terms: list[sp.Expr] = [expr.function]
    sign = 1
    for index, lower, upper in expr.limits:
        first, last, direction = bounds(expr, lower, upper)
        _check_index(expr, index, len(terms) * (last - first + 1))
        values = [sp.Integer(k) for k in range(first, last + 1)]
        terms = [t.xreplace({index: k}) for t in terms for k in values]
        sign *= direction
    return _put_together(expr, terms, sign)


def _check_index(expr: sp.Sum | sp.Product, index: sp.Symbol, count: int) -> None:
    if count > _LARGEST_SUM:
        raise OperatorError(
            f"a sum of {count} terms is too long to write out",
            expression=expr,
            hint=f"write sums of up to {_LARGEST_SUM} terms",
        )
    derivatives = expr.function.atoms(sp.Derivative)
    for derivative in sorted(derivatives, key=sp.default_sort_key):
        if any(variable.has(index) for variable, _ in derivative.variable_count):
            raise OperatorError(
                f"a derivative by an indexed coordinate cannot be compiled: {index} "
                "counts coordinates",
                expression=derivative,
                hint="write the coordinates out as separate symbols",
            )


def _put_together(
    expr: sp.Sum | sp.Product, terms: Sequence[sp.Expr], sign: int
) -> sp.Expr:
    """Returns the sum, or the product, of its terms."""
    if isinstance(expr, sp.Sum):
        return sign * sp.Add(*terms)
    return sp.Mul(*terms) ** sign


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
