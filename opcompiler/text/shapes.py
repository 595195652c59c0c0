r"""Values of expressions, scalars and tuples of them, and vector calculus on these.

In: what expressions of a text stand for; out: the same, or a refusal that says the shapes.

    div((u, v))     Derivative(u, x) + Derivative(v, y)
    grad((u, v))    Jacobian: a tuple of rows that remembers what it is the gradient of
    div(u)          MeaningError: "div of a scalar"

`calculus/tensors.py` says what each operator is; here stands which shapes it takes and what
is too long to be written out: that is known from the number of terms and of coordinates,
before anything is computed. Products are checked for too large numbers when they are there.
"""

from collections.abc import Callable
from itertools import count

import sympy as sp

from opcompiler.calculus import tensors
from opcompiler.calculus.systems import System
from opcompiler.calculus.tensors import Tensor, written
from opcompiler.held_tensors import Determinant, Element, Inverse
from opcompiler.text import limits
from opcompiler.text.derivatives import slope
from opcompiler.text.mistakes import MeaningError
from opcompiler.text.scope import Scope
from opcompiler.text.values import each, flat, Jacobian, like, shape, Value

Space = tuple[sp.Expr, ...]
"""The coordinates that an operator acts on."""


def shown(value: Value) -> str:
    """Returns what a value is, in words."""
    form = shape(value)
    words = {0: "a scalar", 1: "a vector of {}", 2: "a matrix of {} by {}"}
    return words.get(len(form), "a tensor").format(*form)


def scalar(value: Value, what: str = "this") -> sp.Expr:
    """Returns the value if it is a scalar.

    Raises:
        MeaningError: if it is a vector or matrix.
    """
    if isinstance(value, tuple):
        raise MeaningError(
            f"{what} must be a scalar and is {shown(value)}",
            "take a component, v[1], or use dot, norm or div",
        )
    return value


# Arithmetic, every number of which is bounded.


def add(values: list[Value]) -> Value:
    """Returns the sum of values of one shape."""
    if len({shape(value) for value in values}) > 1:
        kinds = " and ".join(dict.fromkeys(map(shown, values)))
        raise MeaningError(f"a sum of {kinds}", "only values of one shape can be added")
    if not isinstance(values[0], tuple):
        return limits.total([scalar(value) for value in values])
    parts = (add(list(parts)) for parts in zip(*values, strict=True))
    marked = [value.of for value in values if isinstance(value, Jacobian)]
    of = marked[0] if len(marked) == len(values) == 1 else ""
    return Jacobian(parts, of) if marked else tuple(parts)


def scale(factor: sp.Expr, value: Value) -> Value:
    """Returns a scalar times a value."""
    return each(lambda part: limits.product(factor, part), value)


def times(left: Value, right: Value) -> Value:
    """Returns a product, one factor of which must be a scalar."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        raise MeaningError(
            f"a product of {shown(left)} and {shown(right)}",
            "write dot(a, b), cross(a, b) or outer(a, b)",
        )
    return scale(right, left) if isinstance(left, tuple) else scale(left, right)


def norm(value: Value, scope: Scope) -> sp.Expr:
    """Returns the Euclidean length, of a matrix the Frobenius norm."""
    sizes = [sp.Abs(p) if scope.is_complex(p) else p for p in flat(value)]
    squares = limits.total([limits.power(size, sp.Integer(2)) for size in sizes])
    return limits.power(squares, sp.Rational(1, 2))


# Products of vectors.


def dot(left: Value, right: Value) -> Value:
    """Returns the product over the inner index; of scalars, their product."""
    if not isinstance(left, tuple) or not isinstance(right, tuple):
        return times(left, right)
    if isinstance(left[0], tuple):
        return tuple(dot(row, right) for row in left)
    if len(left) != len(right):
        raise _mismatch("dot", left, right)
    product = _bounded(tensors.dot(written(left), written(right)))
    return like(right[0], product) if isinstance(right[0], tuple) else product


def cross(left: Value, right: Value) -> Value:
    """Returns the cross product: a vector in 3 dimensions, a scalar in 2."""
    if shape(left) != shape(right) or shape(left) not in ((2,), (3,)):
        raise _mismatch("cross", left, right)
    return _bounded(tensors.cross(written(left), written(right)))


def outer(left: Value, right: Value) -> Value:
    """Returns the matrix of products of components."""
    if len(shape(left)) != 1 or len(shape(right)) != 1:
        raise _mismatch("outer", left, right)
    return _bounded(tensors.outer(written(left), written(right)))


def transpose(value: Value) -> Value:
    """Returns a matrix with rows and columns exchanged."""
    return tensors.transpose(_matrix(value, "transpose")).nested


def trace(value: Value) -> Value:
    """Returns the sum of a square matrix's diagonal."""
    return _bounded(tensors.trace(_matrix(value, "trace")))


def det(value: Value) -> sp.Expr:
    """Returns the determinant of a square matrix, held."""
    return Element(Determinant(tensors.node(_matrix(value, "det"))))


def inv(value: Value) -> Value:
    """Returns the inverse of a square matrix, held."""
    return tensors.of_node(Inverse(tensors.node(_matrix(value, "inv")))).nested


def _matrix(value: Value, head: str) -> Tensor:
    form = shape(value)
    if len(form) != 2 or (head != "transpose" and form[0] != form[1]):
        square = "" if head == "transpose" else "square "
        raise MeaningError(
            f"{head} of {shown(value)}", f"{head} takes a {square}matrix"
        )
    return written(value)


def _bounded(product: Tensor) -> Value:
    """Returns the components of a product, whose terms have numbers of bounded size."""
    for part in flat(product.nested):
        for term in sp.Add.make_args(part):
            limits.checked(term)
    return product.nested


def _mismatch(head: str, left: Value, right: Value) -> MeaningError:
    return MeaningError(
        f"{head} of {shown(left)} and {shown(right)}", "their shapes do not fit"
    )


# Derivatives.


def grad(value: Value, space: Space, scope: Scope, of: str = "v") -> Value:
    """Returns the gradient: of a vector, the matrix of derivatives of each component.

    Args:
        value: what is differentiated.
        space: by what.
        scope: the declared names.
        of: the words for `value`, for hints.
    """
    _check_length(value, space)
    table = tensors.gradient(written(value), _system(space, scope)).nested

    def marked(rows: Value, depth: int, of: str = "v") -> Value:
        if not depth or not isinstance(rows, tuple):
            return rows
        return Jacobian((marked(row, depth - 1) for row in rows), of)

    return marked(table, len(shape(value)), of)


def div(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the divergence of a vector, or of each row of a matrix."""
    if not isinstance(value, tuple):
        raise MeaningError("div of a scalar", "div takes a vector; grad takes a scalar")
    system = _system(space, scope)
    if shape(value)[-1] != system.size:
        raise MeaningError(
            f"div of a vector of {shape(value)[-1]} in {system.size} dimensions",
            f"the coordinates of space are {', '.join(map(str, space))}",
        )
    return tensors.divergence(written(value), system).nested


def curl(value: Value, space: Space, scope: Scope) -> Value:
    r"""Returns the curl: in 3 dimensions a vector.

    In 2 that of a vector is the scalar $v_x - u_y$, that of a scalar the vector
    $(\psi_y, -\psi_x)$.
    """
    system = _system(space, scope)
    if (shape(value), system.size) not in (((), 2), ((2,), 2), ((3,), 3)):
        raise MeaningError(
            f"curl of {shown(value)} in {system.size} dimensions",
            "curl takes vectors of 2 or 3 components in as many dimensions",
        )
    _check_length(value, space)
    return tensors.curl(written(value), system).nested


def laplacian(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the sum of second derivatives, of every component."""
    _check_length(value, space)
    if len(space) == 1 and isinstance(space[0], sp.IndexedBase) and space[0].shape:
        (x,) = space
        return each(lambda part: _held_laplacian(part, x, scope), value)
    system = _system(space, scope)
    return each(lambda part: tensors.laplacian(written(part), system).at(), value)


def _held_laplacian(value: sp.Expr, x: sp.IndexedBase, scope: Scope) -> sp.Expr:
    """Returns the sum over the components of a vector that is not written out."""
    inner = {limit[0].name for part in value.atoms(sp.Sum) for limit in part.limits}
    letters = (f"i{number or ''}" for number in count())
    name = next(n for n in letters if n not in inner and n not in scope.bound)
    i = sp.Symbol(name, integer=True)
    second = sp.Derivative(value, (x[i], 2), evaluate=False)
    return sp.Sum(second, (i, 0, x.shape[0] - 1))


def biharmonic(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the Laplacian of the Laplacian."""
    return laplacian(laplacian(value, space, scope), space, scope)


def hessian(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the gradient of the gradient."""
    return grad(grad(value, space, scope), space, scope)


def strain(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the symmetric part of the gradient."""
    table = grad(value, space, scope)
    return scale(sp.Rational(1, 2), add([table, transpose(table)]))


def advect(velocity: Value, value: Value, space: Space, scope: Scope) -> Value:
    """Returns the derivative of `value` along `velocity`, in space."""
    size = _system(space, scope).size
    if shape(velocity) != (size,):
        raise MeaningError(
            f"advection by {shown(velocity)} in {size} dimensions",
            "the velocity is a vector with a component for each coordinate of space",
        )
    along = lambda part: scalar(dot(velocity, grad(part, space, scope)))
    return each(along, value) if isinstance(value, tuple) else along(value)


def _check_length(value: Value, space: Space) -> None:
    """Refuses what would be written out in too many derivatives."""
    terms = sum(len(sp.Add.make_args(part)) for part in flat(value))
    if terms * len(space) > limits.MOST_SLOPES:
        raise MeaningError(
            f"this operator stands for {terms * len(space)} derivatives",
            f"up to {limits.MOST_SLOPES} are written out",
        )


def _system(space: Space, scope: Scope) -> System:
    """Returns Cartesian coordinates whose derivatives the text notation holds.

    Raises:
        MeaningError: without coordinates, or if they are not written out.
    """
    if not space:
        raise MeaningError(
            "there is no coordinate of space", "declare one: coordinates x"
        )
    for x in space:
        if isinstance(x, sp.IndexedBase):
            raise MeaningError(
                f"the components of {x} are not written out",
                f"write a sum: sum(i=1..d, d(u, {x}[i], 2))",
            )
    derivative: Callable[..., sp.Expr] = lambda value, x, times=1: slope(
        value, x, scope, times
    )
    return System(space, (sp.S.One,) * len(space), derivative)
