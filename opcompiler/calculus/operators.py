r"""Vector calculus for SymPy users: what is given is checked, and stays held.

In: expressions, columns and matrices of components, and coordinates; out: the same kinds.

    oc.grad(u, [x, y])                     Matrix([Derivative(u, x), Derivative(u, y)])
    oc.laplacian(v, oc.Polar(r, theta))    a column of physical components
    oc.dot(oc.grad(u, X), oc.grad(u, X))   a held sum, for X = oc.vector("X", 100)

Nothing is multiplied out: `compile` decides how derivatives are evaluated. What each
operator means stands in `tensors.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from opcompiler.calculus import tensors
from opcompiler.calculus.geometry import MetricSystem
from opcompiler.calculus.systems import (
    Anywhere,
    held,
    read_system,
    System,
    total,
    Where,
)
from opcompiler.calculus.tensors import by_component, Tensor, written
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic

Value = Any
"""A scalar expression, a column or sequence of components, a matrix; `oc.grad(u, X)`."""


def _rank(value: Value) -> int:
    """Returns 0 for a scalar, 1 for a vector, 2 for a matrix."""
    if isinstance(value, sp.MatrixBase):
        return 1 if value.shape[1] == 1 else 2
    return 1 if isinstance(value, list | tuple) else 0


def _read(value: Value, system: System | None = None, what: str = "this") -> Tensor:
    """Returns the tensor of a value.

    Args:
        value: scalar, vector or matrix.
        system: where vectors and matrices must have as many components as coordinates; by
            a vector coordinate only scalars are read.
        what: names the value in a message.

    Raises:
        OperatorError: for another number of components.
    """
    symbolic(value)
    if isinstance(value, list | tuple):
        try:
            value = sp.Matrix(list(value))
        except (TypeError, ValueError):
            raise OperatorError(
                "these components make no vector and no matrix",
                expression=str(value),
                hint="give scalars, or rows of equal length",
            ) from None
    if not isinstance(value, sp.MatrixBase):
        return tensors.scalar(sp.S(value) if isinstance(value, int | float) else value)
    rows, columns = value.shape
    if not rows or not columns:
        raise OperatorError(
            "a vector without components", expression=value, hint="give at least one"
        )
    if system is not None and not system.is_written:
        raise OperatorError(
            "by a vector coordinate only scalars are differentiated here",
            expression=value,
            hint="take a component",
        )
    size = system.size if system is not None else None
    if size is not None and (rows != size or columns not in (1, size)):
        raise OperatorError(
            f"{what} has {rows} by {columns} components in {size} coordinates",
            expression=value,
            hint=f"give a column of {size} components, or a {size} by {size} matrix",
        )
    if columns == 1:
        return written(tuple(value))
    return written(tuple(tuple(value.row(i)) for i in range(rows)))


def _given(value: Tensor) -> Value:
    """Returns a tensor as SymPy users know it: an expression, a column, a matrix."""
    if value.rank == 0 or not value.is_written:
        return value if value.rank else value.at()
    return sp.Matrix(value.nested)


# Products.


@public("oc.dot([u, v], [1, 0])")
def dot(a: Value, b: Value) -> Value:
    """Returns the product over the last index of `a` and the first of `b`.

    Args:
        a: a column or matrix; or `oc.grad(u, x)` by a vector coordinate.
        b: a column or matrix; or `oc.grad(u, x)`, and beside one an indexed name, or a
            function of the index, `lambda i: sympy.sin(x[i])`.

    Raises:
        OperatorError: for scalars, and numbers of components that do not fit.

    Examples:
        >>> oc.dot([1, 2], [3, 4])
        11
    """
    sizes = [v.shape[0] for v in (a, b) if isinstance(v, Tensor)]
    if sizes:
        return _given(tensors.dot(*(by_component(v, sizes[0]) for v in (a, b))))
    left, right = _read(a), _read(b)
    if left.rank == 0 or right.rank == 0:
        raise OperatorError(
            "dot of a scalar", expression=a, hint="multiply by a scalar with *"
        )
    if left.shape[-1] != right.shape[0]:
        raise OperatorError(
            f"dot of {left.shape[-1]} and {right.shape[0]} components",
            expression=f"{a}, {b}",
            hint="give vectors of equal length",
        )
    return _given(tensors.dot(left, right))


@public("oc.norm([u, v])")
def norm(value: Value) -> sp.Expr:
    """Returns the Euclidean length; of a tensor the Frobenius norm.

    Args:
        value: a column of components, a matrix, or `oc.grad(u, x)` by a vector coordinate.

    Examples:
        >>> oc.norm([3, 4])
        5
    """
    if isinstance(value, Tensor):
        return sp.sqrt(dot(value, value))
    squares = tensors.each(lambda part: part**2, _read(value)).nested
    return sp.sqrt(sp.Add(*sp.flatten([squares])))


@public("oc.cross([u, v, w], [1, 0, 0])")
def cross(a: Value, b: Value) -> Value:
    """Returns the cross product: a vector in 3 dimensions, a scalar in 2.

    Args:
        a: a column of 3 components, or of 2.
        b: a column of as many.

    Raises:
        OperatorError: for other numbers of components.

    Examples:
        >>> oc.cross([1, 0, 0], [0, 1, 0]).T
        Matrix([[0, 0, 1]])
    """
    left, right = _read(a), _read(b)
    if left.shape != right.shape or left.shape not in ((2,), (3,)):
        raise OperatorError(
            "cross takes two vectors of 3 components, or two of 2",
            expression=f"{a}, {b}",
            hint="dot and outer take vectors of any length",
        )
    return _given(tensors.cross(left, right))


@public("oc.outer([u, v], [u, v])")
def outer(a: Value, b: Value) -> Value:
    """Returns the matrix of products $a_i b_j$.

    Args:
        a: a column of m components.
        b: a column of n components.

    Raises:
        OperatorError: for matrices.

    Examples:
        >>> oc.outer([1, 2], [3, 4])
        Matrix([
        [3, 4],
        [6, 8]])
    """
    left, right = _read(a), _read(b)
    if left.rank + right.rank > 2:
        raise OperatorError(
            "outer takes two vectors", expression=f"{a}, {b}", hint="give columns"
        )
    return _given(tensors.outer(left, right))


# Derivatives.


@public("oc.grad(u, [x, y])")
def grad(value: Value, where: Anywhere) -> Value:
    r"""Returns the gradient: of a scalar a column, of a vector $(\nabla v)_{ij}$.

    Args:
        value: a scalar expression, or a column of physical components.
        where: coordinates of space: a system, one symbol, several (Cartesian), or a
            vector coordinate.

    Raises:
        OperatorError: for a tensor, or a vector of another number of components.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.grad(x * y**2, [x, y]).doit().T
        Matrix([[y**2, 2*x*y]])
    """
    if _rank(value) > 1:
        raise OperatorError(
            "grad of a tensor is no matrix",
            expression=value,
            hint="div takes tensors; take grad of a row",
        )
    system = read_system(where)
    return _given(tensors.gradient(_read(value, system), system))


@public("oc.div([u, v], [x, y])")
def div(value: Value, where: Anywhere) -> Value:
    r"""Returns the divergence of a vector, or $(\nabla \cdot T)_i$ of a tensor.

    Args:
        value: a column of physical components, or a matrix of them; by a vector
            coordinate a gradient, an indexed name, or a function of the index.
        where: coordinates of space: a system, one symbol, several (Cartesian), or a
            vector coordinate.

    Raises:
        OperatorError: for a scalar, or a wrong number of components.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.div([x * y, y**2], [x, y]).doit()
        3*y
    """
    system = read_system(where)
    if not system.is_written:
        return _given(tensors.divergence(by_component(value, system.size), system))
    if _rank(value) == 0:
        raise OperatorError(
            "div of a scalar",
            expression=value,
            hint="div takes a vector; grad takes a scalar",
        )
    return _given(tensors.divergence(_read(value, system, "div"), system))


@public("oc.curl([u, v, w], [x, y, z])")
def curl(value: Value, where: Where) -> Value:
    r"""Returns the curl.

    Args:
        value: a vector of 3 components; of 2, whose curl is a scalar; or, in 2
            coordinates, a scalar $\psi$, whose curl is the vector $(\psi_y, -\psi_x)$.
        where: coordinates of space: a system, one symbol, or several (Cartesian).

    Raises:
        OperatorError: for other numbers of components.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.curl([-y, x], [x, y]).doit()
        2
    """
    system = read_system(where)
    if isinstance(system, MetricSystem):
        raise OperatorError(
            "the curl by a metric",
            expression=value,
            hint="it is no vector but antisymmetric: take oc.grad, and subtract its "
            "transpose",
        )
    if (_rank(value), system.size) not in ((0, 2), (1, 2), (1, 3)):
        raise OperatorError(
            f"curl of this in {system.size} coordinates",
            expression=value,
            hint="curl takes vectors of 2 or 3 components in as many coordinates",
        )
    return _given(tensors.curl(_read(value, system, "curl"), system))


@public("oc.laplacian(u, [x, y]); of a JAX function, oc.taylor.laplacian(f)")
def laplacian(value: Value, where: Anywhere) -> Value:
    r"""Returns $\Delta$ of a scalar, or $\nabla \cdot \nabla v$ of a vector.

    Args:
        value: a scalar expression, or a column of physical components.
        where: coordinates of space: a system, one symbol, several (Cartesian), or a
            vector coordinate.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> oc.laplacian(u, [x, y])
        Derivative(u(x, y), (x, 2)) + Derivative(u(x, y), (y, 2))
    """
    system = read_system(where)
    sized = None if system.is_straight and system.is_written else system
    return _given(tensors.laplacian(_read(value, sized), system))


@public("oc.biharmonic(u, [x, y]); of a JAX function, oc.taylor.biharmonic(f)")
def biharmonic(value: Value, where: Anywhere) -> Value:
    r"""Returns $\Delta \Delta$ of a scalar or vector.

    Args:
        value: a scalar expression, or a column of physical components.
        where: coordinates of space: a system, one symbol, several (Cartesian), or a
            vector coordinate.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.biharmonic(x**4 + y**4, [x, y]).doit()
        48
    """
    return laplacian(laplacian(value, where), where)


@public("oc.hessian(u, [x, y])")
def hessian(value: sp.Expr, where: Anywhere) -> sp.Matrix:
    r"""Returns the matrix $\nabla_j \nabla_i f$.

    Args:
        value: a scalar expression f.
        where: coordinates of space: a system, one symbol, or several (Cartesian).

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.hessian(x * y**2, [x, y]).doit()
        Matrix([
        [  0, 2*y],
        [2*y, 2*x]])
    """
    if isinstance(where, sp.IndexedBase):
        raise OperatorError(
            f"the Hessian by {where} is not written out",
            expression=value,
            hint="write a sum: oc.Sum(a[i, j] * oc.D(u, x[i], x[j]), i, j)",
        )
    return grad(grad(value, where), where)


@public("oc.directional(u, [1, 0], [x, y])")
def directional(value: Value, along: Value, where: Anywhere) -> Value:
    r"""Returns $(a \cdot \nabla)$ of a scalar or vector.

    Args:
        value: what is differentiated.
        along: the vector a, physical components; it may have any length.
        where: coordinates of space: a system, one symbol, several (Cartesian), or a
            vector coordinate.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.directional(x * y, [1, 2], [x, y]).doit()
        2*x + y
    """
    system = read_system(where)
    if isinstance(system, MetricSystem):
        parts = _read(value, system), _read(along, system, "the direction")
        return _given(tensors.directional(*parts, system))
    return dot(grad(value, where), along)


@public("oc.advect([u, v], u, [x, y])")
def advect(velocity: Value, value: Value, where: Anywhere) -> Value:
    r"""Returns $(v \cdot \nabla)$ of a scalar or vector: `directional`, velocity first.

    Args:
        velocity: v, a column of a component for each coordinate.
        value: what is carried along, a scalar or a column.
        where: coordinates of space: a system, one symbol, or several (Cartesian).

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.advect([1, x], x * y, [x, y]).doit()
        x**2 + y
    """
    return directional(value, velocity, where)


@public("oc.material(u, [v, w], t, [x, y])")
def material(value: Value, velocity: Value, time: sp.Symbol, where: Anywhere) -> Value:
    r"""Returns the material derivative $D/Dt = \partial_t + v \cdot \nabla$.

    Args:
        value: what is carried along, a scalar or a column.
        velocity: v, a column of a component for each coordinate of space.
        time: the symbol of time.
        where: coordinates of space: a system, one symbol, or several (Cartesian).

    Examples:
        >>> t, x = sp.symbols("t x")
        >>> oc.material(x * t, [x], t, [x]).doit()
        t*x + x
    """
    symbolic(time)
    rate = tensors.each(lambda f: held(f, time), _read(value))
    return _given(rate) + advect(velocity, value, where)


@public("oc.strain([u, v], [x, y])")
def strain(velocity: Value, where: Where) -> sp.Matrix:
    r"""Returns the symmetric gradient $(\nabla v + \nabla v^T)/2$.

    Args:
        velocity: v, a column of a component for each coordinate.
        where: coordinates of space: a system, one symbol, or several (Cartesian).

    Raises:
        OperatorError: for what is no vector.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.strain([y, 0], [x, y]).doit()
        Matrix([
        [  0, 1/2],
        [1/2,   0]])
    """
    if _rank(velocity) != 1:
        raise OperatorError(
            "strain of what is no vector",
            expression=velocity,
            hint="give a column of components: oc.strain([u, v], [x, y])",
        )
    slopes = grad(velocity, where)
    return (slopes + slopes.T) / 2


@public('oc.trace_hessian(u, x, sympy.IndexedBase("sigma", shape=(d, m)))')
def trace_hessian(value: sp.Expr, x: sp.IndexedBase, sigma: sp.IndexedBase) -> sp.Expr:
    r"""Returns $\mathrm{tr}(\sigma \sigma^T \nabla^2 u)$, along the columns of $\sigma$.

    Args:
        value: u.
        x: a vector coordinate of d components.
        sigma: `sympy.IndexedBase("sigma", shape=(d, m))`, a parameter: an array (d, m),
            (..., d, m), or a function of the point.

    Raises:
        OperatorError: for a matrix of another shape.

    Examples:
        >>> x = oc.vector("x", 3)
        >>> s = sp.IndexedBase("s", shape=(3, 3))
        >>> r = oc.compile(oc.trace_hessian(sp.Function("u")(x), x, s))
        >>> r(lambda p: p @ p, jnp.ones((1, 3)), s=jnp.eye(3)).tolist()
        [6.0]
    """
    system = read_system(x)
    symbolic([value, sigma])
    if sigma.shape is None or len(sigma.shape) != 2 or sigma.shape[0] != system.size:
        raise OperatorError(
            f"sigma has one row for each of the {system.size} components of {x}",
            expression=f"{sigma} of shape {sigma.shape}",
            hint=f'declare it by sympy.IndexedBase("{sigma}", shape=({system.size}, m))',
        )
    second = lambda i, j: sp.Derivative(value, x[i], x[j], evaluate=False)
    along: Callable[[Any], sp.Expr] = lambda m: system.total(
        lambda i: system.total(lambda j: sigma[i, m] * sigma[j, m] * second(i, j))
    )
    return total(int(sigma.shape[1]), along, is_written=False)


@public('oc.VectorField("u v", x, y)')
def VectorField(  # noqa: N802 - a kind of object, in Python's eyes
    names: str | Sequence[str], *arguments: sp.Expr | System
) -> sp.Matrix:
    """Returns a column of unknown fields of the same arguments.

    Args:
        names: "u v w", or a sequence of names; one field per component.
        *arguments: t, x, y, ..., as of any field; a system stands for its coordinates.

    Examples:
        >>> t, x = sp.symbols("t x")
        >>> oc.VectorField("u v", t, x).T
        Matrix([[u(t, x), v(t, x)]])
    """
    parts = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    if not parts or not arguments:
        raise OperatorError(
            "a vector field has a name for each component, and arguments",
            expression=f"VectorField({names!r}, {', '.join(map(str, arguments))})",
            hint='for instance oc.VectorField("u v", t, x, y)',
        )
    for argument in arguments:
        if not isinstance(argument, System | sp.Basic):
            raise OperatorError(
                f"an argument of a field is no {type(argument).__name__}",
                expression=argument,
                hint='give the coordinates one by one: oc.VectorField("u v", t, x, y)',
            )
    places = [a.coordinates if isinstance(a, System) else (a,) for a in arguments]
    flat = symbolic([place for group in places for place in group])
    return sp.Matrix([sp.Function(name)(*flat) for name in parts])
