r"""Gradient, divergence, curl, Laplacian and what is made of them, in any system.

All follow from the covariant derivative of a tensor of any rank by physical components,

$$ \nabla_j T_{a b \dots} = \frac{1}{h_j} \partial_j T_{ab\dots}
   + \sum_c \Gamma_{jca} T_{cb\dots} + \sum_c \Gamma_{jcb} T_{ac\dots} + \dots , $$

see `systems.py`. Derivatives are held: nothing is multiplied out, and `compile` decides how
they are evaluated. For a vector coordinate, `oc.vector("x", d)`, see `components.py`.
"""

from typing import Any

import sympy as sp

from opcompiler.calculus import components
from opcompiler.calculus.systems import read_system, System, Where
from opcompiler.calculus.tensors import (
    Components,
    dot,
    each,
    rank,
    read,
    Value,
    written,
)
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic


@public("oc.grad(u, [x, y])")
def grad(value: Value, where: Where | sp.IndexedBase) -> Value:
    r"""Returns the gradient: of a scalar a column, of a vector $(\nabla v)_{ij}$.

    Args:
        value: a scalar expression, or a column of physical components.
        where: coordinates of space: a system, one symbol, several (Cartesian), or a
            vector coordinate.

    Raises:
        OperatorError: for a tensor, or a vector of another number of components.
    """
    if isinstance(where, sp.IndexedBase):
        return components.grad(value, where)
    if rank(value) > 1:
        raise OperatorError(
            "grad of a tensor is no matrix",
            expression=value,
            hint="div takes tensors; take grad of a row",
        )
    system = read_system(where)
    return written(_covariant(read(value, _size(value, system)), system))


@public("oc.div([u, v], [x, y])")
def div(value: Value, where: Where | sp.IndexedBase) -> Value:
    r"""Returns the divergence of a vector, or $(\nabla \cdot T)_i$ of a tensor.

    Args:
        value: a column of physical components, or a matrix of them.
        where: as for `grad`.

    Raises:
        OperatorError: for a scalar, or a wrong number of components.
    """
    if isinstance(where, sp.IndexedBase):
        return components.div(value, where)
    if rank(value) == 0:
        raise OperatorError(
            "div of a scalar",
            expression=value,
            hint="div takes a vector; grad takes a scalar",
        )
    system = read_system(where)
    return written(_contracted(read(value, len(system.coordinates), "div"), system))


@public("oc.curl([u, v, w], [x, y, z])")
def curl(value: Value, where: Where) -> Value:
    r"""Returns the curl.

    Args:
        value: a vector of 3 components; of 2, whose curl is a scalar; or, in 2
            coordinates, a scalar $\psi$, whose curl is the vector $(\psi_y, -\psi_x)$.
        where: as for `grad`.

    Raises:
        OperatorError: for other numbers of components.
    """
    system = read_system(where)
    size = len(system.coordinates)
    if rank(value) == 0 and size == 2:
        slope = grad(value, system)
        return sp.Matrix([slope[1], -slope[0]])
    if rank(value) != 1 or size not in (2, 3):
        raise OperatorError(
            f"curl of this in {size} coordinates",
            expression=value,
            hint="curl takes vectors of 2 or 3 components in as many coordinates",
        )
    table = _covariant(read(value, size, "curl"), system)
    turn = [
        table[j, i] - table[i, j]
        for i, j in ((1, 2), (2, 0), (0, 1))
        if max(i, j) < size
    ]
    return sp.Matrix(turn) if size == 3 else turn[0]


@public("oc.laplacian(u, [x, y]); of a JAX function, oc.taylor.laplacian(f)")
def laplacian(value: Value, where: Where | sp.IndexedBase) -> Value:
    r"""Returns $\Delta$ of a scalar, or $\nabla \cdot \nabla v$ of a vector.

    Args:
        value: a scalar expression, or a column of physical components.
        where: as for `grad`.
    """
    if isinstance(where, sp.IndexedBase):
        return components.laplacian(value, where)
    system = read_system(where)
    if all(h == 1 for h in system.scales):
        second = lambda f: sp.Add(*(_derivative(f, (q, 2)) for q in system.coordinates))
        return each(second, value)
    slopes = _covariant(read(value, _size(value, system)), system)
    return written(_contracted(slopes, system))


@public("oc.biharmonic(u, [x, y]); of a JAX function, oc.taylor.biharmonic(f)")
def biharmonic(value: Value, where: Where | sp.IndexedBase) -> Value:
    r"""Returns $\Delta \Delta$ of a scalar or vector; arguments as for `laplacian`."""
    if isinstance(where, sp.IndexedBase):
        return components.biharmonic(value, where)
    return laplacian(laplacian(value, where), where)


@public("oc.hessian(u, [x, y])")
def hessian(value: sp.Expr, where: Where | sp.IndexedBase) -> sp.Matrix:
    r"""Returns the matrix $\nabla_j \nabla_i f$ of a scalar; arguments as for `grad`."""
    if isinstance(where, sp.IndexedBase):
        raise OperatorError(
            f"the Hessian by {where} is not written out",
            expression=value,
            hint="write a sum: oc.Sum(a[i, j] * oc.D(u, x[i], x[j]), i, j)",
        )
    return grad(grad(value, where), where)


@public("oc.directional(u, [1, 0], [x, y])")
def directional(value: Value, along: Value, where: Where | sp.IndexedBase) -> Value:
    r"""Returns $(a \cdot \nabla)$ of a scalar or vector.

    Args:
        value: what is differentiated.
        along: the vector a, physical components; it need not be of unit length.
        where: as for `grad`.
    """
    if isinstance(where, sp.IndexedBase):
        return components.dot(components.grad(value, where), along)
    return dot(grad(value, where), along)


@public("oc.advect([u, v], u, [x, y])")
def advect(velocity: Value, value: Value, where: Where | sp.IndexedBase) -> Value:
    r"""Returns $(v \cdot \nabla)$ of a scalar or vector, as `directional`."""
    return directional(value, velocity, where)


@public("oc.material(u, [v, w], t, [x, y])")
def material(
    value: Value, velocity: Value, time: sp.Symbol, where: Where | sp.IndexedBase
) -> Value:
    r"""Returns the material derivative $D/Dt = \partial_t + v \cdot \nabla$."""
    symbolic(time)
    rate = each(lambda f: _derivative(f, (time, 1)), value)
    return rate + advect(velocity, value, where)


@public("oc.strain([u, v], [x, y])")
def strain(velocity: Value, where: Where) -> sp.Matrix:
    r"""Returns the symmetric gradient $(\nabla v + \nabla v^T)/2$."""
    if rank(velocity) != 1:
        raise OperatorError(
            "strain of what is no vector",
            expression=velocity,
            hint="give a column of components: oc.strain([u, v], [x, y])",
        )
    slopes = grad(velocity, where)
    return (slopes + slopes.T) / 2


def _size(value: Value, system: System) -> int | None:
    return len(system.coordinates) if rank(value) else None


def _derivative(expr: sp.Expr, *steps: Any) -> sp.Expr:
    """Returns a held derivative; 0 of what has no fields and no such coordinate."""
    if expr.is_Number:
        return sp.S.Zero
    return sp.Derivative(expr, *steps)


def _covariant(value: Components, system: System) -> Components:
    r"""Returns $\nabla_j T_{ab \dots}$ with the new index last."""
    size = range(len(system.coordinates))
    found: Components = {}
    for index, part in value.items():
        for j in size:
            terms = [_derivative(part, (system.coordinates[j], 1)) / system.scales[j]]
            for axis, a in enumerate(index):
                for c in size:
                    turning = system.turning(j, c, a)
                    if turning != 0:
                        other = (*index[:axis], c, *index[axis + 1 :])
                        terms.append(turning * value[other])
            found[*index, j] = sp.Add(*terms)
    return found


def _contracted(value: Components, system: System) -> Components:
    r"""Returns $\sum_j \nabla_j T_{a \dots j}$."""
    slopes = _covariant(value, system)
    found: dict[tuple[int, ...], list[sp.Expr]] = {}
    for index, part in slopes.items():
        if index[-1] == index[-2]:
            found.setdefault(index[:-2], []).append(part)
    return {index: sp.Add(*parts) for index, parts in found.items()}
