r"""Tensors by their components, and what vector calculus does with them.

In: tensors whose shapes fit; out: tensors. Operators refuse nothing here: `operators.py`
checks what SymPy users give, `text/shapes.py` what a text says, and both call this.

    v = written((u, w))                       a vector of two components
    divergence(v, Cartesian(x, y)).at()       Derivative(u, x) + Derivative(w, y)
    gradient(scalar(f), read_system(X))       by its general component, at(i)

A tensor is a function of its indices. So every operator is one line about a component, and
a vector of 1 000 000 components is a vector like any other whose sums stay held. All
derivatives follow from the covariant one, by physical components:

$$ \nabla_j T_{a b \dots} = \frac{1}{h_j} \partial_j T_{ab\dots}
   + \sum_c \Gamma_{jca} T_{cb\dots} + \sum_c \Gamma_{jcb} T_{ac\dots} + \dots $$

Conventions: $(\nabla v)_{ij} = \nabla_j v_i$ and $(\nabla \cdot T)_i = \sum_j \nabla_j
T_{ij}$, so that $\nabla\cdot\nabla v = \Delta v$ and $(a\cdot\nabla)v = (\nabla v)\, a$.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp

from opcompiler.calculus.geometry import MetricSystem
from opcompiler.calculus.systems import System, total
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic
from opcompiler.held_tensors import Element, HeldTensor, Written

Nested = Any
"""An expression, or a tuple of such: a vector, a matrix by rows, ..."""


@dataclass(frozen=True)
class Tensor:
    """A scalar, vector or tensor.

    Attributes:
        shape: () of a scalar, (n,) of a vector, (n, m) of a matrix.
        at: the component as a function of the indices, counted from 0.
        is_written: whether every component is at hand; otherwise sums over them stay held.
    """

    shape: tuple[int, ...]
    at: Callable[..., sp.Expr]
    is_written: bool = True

    @property
    def rank(self) -> int:
        """The number of indices."""
        return len(self.shape)

    @property
    def nested(self) -> Nested:
        """The components as an expression, a tuple, or a tuple of rows."""

        def inner(*index: int) -> Nested:
            if len(index) == self.rank:
                return self.at(*index)
            return tuple(inner(*index, i) for i in range(self.shape[len(index)]))

        return inner()

    def __mul__(self, factor: sp.Expr) -> "Tensor":
        """Scales every component."""
        return each(lambda part: factor * part, self)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> "Tensor":
        """Adds a vector that is known by its general component."""
        right = by_component(other, self.shape[0])
        return tensor(self.shape, lambda i: self.at(i) + right.at(i), False)


def tensor(
    shape: tuple[int, ...], at: Callable[..., sp.Expr], is_written: bool = True
) -> Tensor:
    """Returns a tensor; if `is_written`, its components are computed now, and only once."""
    if not is_written and shape:
        return Tensor(shape, at, False)
    entries = {index: at(*index) for index in product(*map(range, shape))}
    return Tensor(shape, lambda *index: entries[index])


def scalar(value: sp.Expr) -> Tensor:
    """Returns a tensor without indices."""
    return Tensor((), lambda: value)


def written(value: Nested) -> Tensor:
    """Returns the tensor of an expression, a tuple, or a tuple of rows."""
    if not isinstance(value, tuple):
        return scalar(value)
    parts = [written(part) for part in value]
    inner = parts[0].shape
    return Tensor((len(parts), *inner), lambda i, *rest: parts[i].at(*rest))


def by_component(value: Any, size: int) -> Tensor:
    """Returns a vector of d components: an indexed name, a gradient, a function of i.

    Raises:
        OperatorError: for anything else, or another size.
    """
    if isinstance(value, sp.IndexedBase):
        known = int(value.shape[0]) if value.shape else size
        value = Tensor((known,), lambda i, base=value: base[i], False)
    elif callable(value) and not isinstance(value, Tensor):
        value = Tensor((size,), lambda i, at=value: symbolic(at(i)), False)
    if not isinstance(value, Tensor) or value.shape != (size,):
        raise OperatorError(
            f"this is no vector of {size} components",
            expression=str(value),
            hint="give oc.grad(u, x), an indexed name, or a function of the index: "
            "lambda i: sympy.sin(x[i])",
        )
    return value


def node(value: Tensor) -> HeldTensor:
    """Returns a written tensor as a held one."""
    places = product(*map(range, value.shape))
    return Written(sp.Tuple(*value.shape), *(value.at(*place) for place in places))


def of_node(found: HeldTensor) -> Tensor:
    """Returns a held tensor by its elements."""
    return Tensor(found.shape, lambda *place: Element(found, *place))


def each(function: Callable[[sp.Expr], sp.Expr], value: Tensor) -> Tensor:
    """Applies a function to every component."""
    return tensor(value.shape, lambda *i: function(value.at(*i)), value.is_written)


# Products.


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Returns the product over the last index of `a` and the first of `b`."""
    rows = a.rank - 1
    is_written = a.is_written and b.is_written
    return tensor(
        (*a.shape[:-1], *b.shape[1:]),
        lambda *i: total(
            a.shape[-1], lambda k: a.at(*i[:rows], k) * b.at(k, *i[rows:]), is_written
        ),
        is_written,
    )


def outer(a: Tensor, b: Tensor) -> Tensor:
    """Returns the products of all components of `a` with all of `b`."""
    return tensor(
        (*a.shape, *b.shape), lambda *i: a.at(*i[: a.rank]) * b.at(*i[a.rank :])
    )


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Returns the cross product: a vector in 3 dimensions, a scalar in 2."""
    return _turned(outer(a, b))


def transpose(value: Tensor) -> Tensor:
    """Returns a matrix with rows and columns exchanged."""
    return tensor(value.shape[::-1], lambda i, j: value.at(j, i))


def trace(value: Tensor) -> Tensor:
    """Returns the sum of a square matrix's diagonal."""
    return scalar(sp.Add(*(value.at(i, i) for i in range(value.shape[0]))))


def _turned(table: Tensor) -> Tensor:
    """Returns $T_{ij} - T_{ji}$ of a matrix: in 3 dimensions a vector, in 2 a scalar."""
    turn = lambda i, j: table.at(i, j) - table.at(j, i)
    if table.shape[0] == 2:
        return scalar(turn(0, 1))
    return tensor((3,), lambda i: turn((i + 1) % 3, (i + 2) % 3))


# Derivatives.


def slope(value: Tensor, system: System, place: tuple[Any, ...], j: Any) -> sp.Expr:
    r"""Returns the component $\nabla_j T_{place}$ of the covariant derivative."""
    rate = system.derivative(value.at(*place), system.coordinate(j))
    if system.is_straight:
        return rate
    terms = [rate / system.scales[j]]
    # Each index of the tensor stands for a unit vector, which turns along coordinate j.
    for axis, a in enumerate(place):
        for c in range(system.size):
            turning = system.turning(j, c, a)
            if turning != 0:
                terms.append(turning * value.at(*place[:axis], c, *place[axis + 1 :]))
    return sp.Add(*terms)


def gradient(value: Tensor, system: System) -> Tensor:
    """Returns the covariant derivative: the index of the coordinate stands last.

    With a metric that index too is an upper one.
    """
    if isinstance(system, MetricSystem):
        return of_node(system.gradient(node(value)))
    return tensor(
        (*value.shape, system.size),
        lambda *index: slope(value, system, index[:-1], index[-1]),
        system.is_written,
    )


def directional(value: Tensor, along: Tensor, system: System) -> Tensor:
    r"""Returns $(a \cdot \nabla)$ of a tensor."""
    if isinstance(system, MetricSystem):
        return of_node(system.along(node(value), node(along)))
    return dot(gradient(value, system), along)


def divergence(value: Tensor, system: System) -> Tensor:
    """Returns the covariant derivative, summed over its index and the tensor's last one."""
    if isinstance(system, MetricSystem):
        return of_node(system.divergence(node(value)))
    return tensor(
        value.shape[:-1],
        lambda *index: system.total(lambda j: slope(value, system, (*index, j), j)),
    )


def curl(value: Tensor, system: System) -> Tensor:
    r"""Returns the curl of a vector of 3 or 2 components.

    In 2 coordinates that of a vector is a scalar, and that of a scalar $\psi$ is the vector
    $(\psi_y, -\psi_x)$.
    """
    slopes = gradient(value, system)
    if value.rank == 0:
        return written((slopes.at(1), -slopes.at(0)))
    return _turned(transpose(slopes))


def laplacian(value: Tensor, system: System) -> Tensor:
    r"""Returns $\nabla \cdot \nabla$ of a tensor."""
    if isinstance(system, MetricSystem):
        return of_node(system.laplacian(node(value)))
    if not system.is_straight:
        return divergence(gradient(value, system), system)
    # Second derivatives at once: short, and merged with derivatives that the value is.
    twice = lambda part, j: system.derivative(part, system.coordinate(j), 2)
    return each(lambda part: system.total(lambda j: twice(part, j)), value)
