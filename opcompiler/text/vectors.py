r"""Vector calculus over Cartesian coordinates, on tuples of components.

A vector is a tuple of scalars, a matrix a tuple of its rows. Conventions:
$(\nabla v)_{ij} = \partial_j v_i$, $(\nabla\cdot T)_i = \sum_j \partial_j T_{ij}$, so
that $\nabla\cdot\nabla v = \Delta v$ and $(v\cdot\nabla)u = (\nabla u)\, v$.
"""

import sympy as sp

from opcompiler.text import limits
from opcompiler.text.derivatives import depends, held, slope
from opcompiler.text.errors import MeaningError
from opcompiler.text.scope import Scope
from opcompiler.text.values import each, Jacobian, shape, Value

Space = tuple[sp.Expr, ...]


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


def add(values: list[Value]) -> Value:
    """Returns the sum of values of one shape."""
    forms = {shape(value) for value in values}
    if len(forms) > 1:
        kinds = " and ".join(dict.fromkeys(shown(value) for value in values))
        raise MeaningError(f"a sum of {kinds}", "only values of one shape can be added")
    if isinstance(values[0], tuple):
        parts = (add(list(parts)) for parts in zip(*values, strict=True))
        marked = [value.of for value in values if isinstance(value, Jacobian)]
        of = marked[0] if len(marked) == len(values) == 1 else ""
        return Jacobian(parts, of) if marked else tuple(parts)
    return limits.total([scalar(value) for value in values])


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


def dot(left: Value, right: Value) -> Value:
    """Returns the product over the inner index; of scalars, their product."""
    if not isinstance(left, tuple) or not isinstance(right, tuple):
        return times(left, right)
    if isinstance(left[0], tuple):
        return tuple(dot(row, right) for row in left)
    if len(left) != len(right):
        raise _mismatch("dot", left, right)
    return add([times(a, b) for a, b in zip(left, right, strict=True)])


def cross(left: Value, right: Value) -> Value:
    """Returns the cross product: a vector in 3 dimensions, a scalar in 2."""
    forms = (shape(left), shape(right))
    if forms == ((2,), (2,)):
        return _minor(left, right, 0, 1)
    if forms == ((3,), (3,)):
        return tuple(_minor(left, right, i, j) for i, j in ((1, 2), (2, 0), (0, 1)))
    raise _mismatch("cross", left, right)


def _minor(a: Value, b: Value, i: int, j: int) -> Value:
    assert isinstance(a, tuple)
    assert isinstance(b, tuple)
    return add([times(a[i], b[j]), scale(sp.S.NegativeOne, times(a[j], b[i]))])


def outer(left: Value, right: Value) -> Value:
    """Returns the matrix of products of components."""
    if len(shape(left)) != 1 or len(shape(right)) != 1:
        raise _mismatch("outer", left, right)
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    return tuple(tuple(times(a, b) for b in right) for a in left)


def transpose(value: Value) -> Value:
    """Returns a matrix with rows and columns exchanged."""
    rows = _matrix(value, "transpose")
    return tuple(zip(*rows, strict=True))


def trace(value: Value) -> Value:
    """Returns the sum of a square matrix's diagonal."""
    rows = _matrix(value, "trace")
    return add([row[i] for i, row in enumerate(rows)])


def norm(value: Value, scope: Scope) -> sp.Expr:
    """Returns the Euclidean length, of a matrix the Frobenius norm."""
    sizes = [sp.Abs(p) if scope.is_complex(p) else p for p in flat(value)]
    squares = [limits.power(size, sp.Integer(2)) for size in sizes]
    return limits.power(scalar(add(list(squares))), sp.Rational(1, 2))


def flat(value: Value) -> list[sp.Expr]:
    """Returns the components in reading order."""
    if isinstance(value, tuple):
        return [part for row in value for part in flat(row)]
    return [value]


def grad(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the gradient: of a vector, the matrix of derivatives of each component."""
    _check_length(value, space)
    if isinstance(value, tuple):
        return Jacobian(grad(part, space, scope) for part in value)
    return tuple(slope(value, x, scope) for x in _written(space))


def div(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the divergence of a vector, or of each row of a matrix."""
    if not isinstance(value, tuple):
        raise MeaningError("div of a scalar", "div takes a vector; grad takes a scalar")
    if isinstance(value[0], tuple):
        return tuple(div(row, space, scope) for row in value)
    if len(value) != len(_written(space)):
        raise MeaningError(
            f"div of {shown(value)} in {len(space)} dimensions",
            f"the coordinates of space are {', '.join(map(str, space))}",
        )
    pairs = zip(value, space, strict=True)
    return add([slope(scalar(part), x, scope) for part, x in pairs])


def curl(value: Value, space: Space, scope: Scope) -> Value:
    r"""Returns the curl: in 3 dimensions a vector.

    In 2 that of a vector is the scalar $v_x - u_y$, that of a scalar the vector
    $(\psi_y, -\psi_x)$.
    """
    form = (shape(value), len(_written(space)))
    if form == ((), 2):
        dx, dy = (slope(scalar(value), x, scope) for x in space)
        return (dy, -dx)
    table = grad(value, space, scope) if form in (((2,), 2), ((3,), 3)) else None
    if not isinstance(table, tuple):
        raise MeaningError(
            f"curl of {shown(value)} in {len(space)} dimensions",
            "curl takes vectors of 2 or 3 components in as many dimensions",
        )
    turn = [
        add([table[j][i], scale(sp.S.NegativeOne, table[i][j])])
        for i, j in ((1, 2), (2, 0), (0, 1))
        if max(i, j) < len(space)
    ]
    return tuple(turn) if len(turn) == 3 else turn[0]


def laplacian(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the sum of second derivatives, of every component."""
    _check_length(value, space)
    if isinstance(value, tuple):
        return each(lambda part: scalar(laplacian(part, space, scope)), value)
    if len(space) == 1 and isinstance(space[0], sp.IndexedBase) and space[0].shape:
        (x,) = space
        i = sp.Symbol("i", integer=True)
        second = sp.Derivative(value, (x[i], 2), evaluate=False)
        return sp.Sum(second, (i, 0, x.shape[0] - 1))
    terms = [_twice(value, x, scope) for x in _written(space)]
    return add(list(terms))


def _twice(value: sp.Expr, x: sp.Expr, scope: Scope) -> sp.Expr:
    if not depends(value, x):
        return sp.S.Zero
    if isinstance(value, sp.Add):
        # So that the Laplacian of a Laplacian is a sum of derivatives of the field.
        return sp.Add(*(_twice(term, x, scope) for term in value.args))
    return held(value, [(x, 2)], scope)


def biharmonic(value: Value, space: Space, scope: Scope) -> Value:
    """Returns the Laplacian of the Laplacian."""
    return laplacian(laplacian(value, space, scope), space, scope)


def advect(velocity: Value, value: Value, space: Space, scope: Scope) -> Value:
    """Returns the derivative of `value` along `velocity`, in space."""
    if shape(velocity) != (len(_written(space)),):
        raise MeaningError(
            f"advection by {shown(velocity)} in {len(space)} dimensions",
            "the velocity is a vector with a component for each coordinate of space",
        )
    if isinstance(value, tuple):
        return each(lambda part: scalar(advect(velocity, part, space, scope)), value)
    return dot(velocity, grad(value, space, scope))


def _check_length(value: Value, space: Space) -> None:
    """Refuses what would be written out in too many derivatives."""
    terms = sum(len(sp.Add.make_args(part)) for part in flat(value))
    if terms * len(space) > limits.MOST_SLOPES:
        raise MeaningError(
            f"this operator stands for {terms * len(space)} derivatives",
            f"up to {limits.MOST_SLOPES} are written out",
        )


def _matrix(value: Value, head: str) -> tuple[tuple[Value, ...], ...]:
    form = shape(value)
    if len(form) != 2 or (head == "trace" and form[0] != form[1]):
        raise MeaningError(f"{head} of {shown(value)}", f"{head} takes a matrix")
    assert isinstance(value, tuple)
    return tuple(row for row in value if isinstance(row, tuple))


def _written(space: Space) -> Space:
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
    return space


def _mismatch(head: str, left: Value, right: Value) -> MeaningError:
    return MeaningError(
        f"{head} of {shown(left)} and {shown(right)}", "their shapes do not fit"
    )
