r"""Coordinates of vector calculus: orthogonal systems, and one vector coordinate.

In: symbols, `System`s or `oc.vector("x", d)`; out: a `System`, which `tensors.py` asks for
derivatives, and for sums over its coordinates.

    Spherical(r, theta, phi).scales        (1, r, r*sin(theta))
    read_system([x, y]).total(f)           f(0) + f(1), written out
    read_system(vector("x", 100)).total(f) Sum(f(i), (i, 0, 99)), held

Everything about a system $q \mapsto x(q)$ with orthogonal coordinate lines follows from the
lengths $h_i = |\partial x / \partial q_i|$ (Lamé's scale factors). Vectors and tensors have
physical components, along the unit vectors $e_i$; how these turn is

$$ \nabla_{e_j} e_c = \sum_a \Gamma_{jca} e_a , \qquad
   \Gamma_{jca} = \delta_{ja} \frac{\partial_c h_j}{h_j h_c}
                - \delta_{jc} \frac{\partial_a h_j}{h_j h_a} . $$

Source: Batchelor, *An Introduction to Fluid Dynamics*, appendix 2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic


def held(value: sp.Expr, variable: sp.Expr, times: int = 1) -> sp.Expr:
    """Returns a derivative that is not evaluated; 0 of a number."""
    return sp.S.Zero if value.is_Number else sp.Derivative(value, (variable, times))


@public("oc.Polar(r, theta)")
@dataclass(frozen=True)
class System:
    """Orthogonal coordinates.

    Attributes:
        coordinates: the symbols, in an order that is right-handed.
        scales: the scale factor of each.
        derivative: (value, variable, times) -> the derivative, held. The text notation
            brings its own, which orders variables as they are declared.
    """

    coordinates: tuple[sp.Expr, ...]
    scales: tuple[sp.Expr, ...]
    derivative: Callable[..., sp.Expr] = field(default=held, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return len(self.coordinates)

    @property
    def is_written(self) -> bool:
        """Whether vectors have their components one by one, and sums their terms."""
        return True

    @cached_property
    def is_straight(self) -> bool:
        """Whether the unit vectors do not turn: Cartesian coordinates."""
        return all(h == 1 for h in self.scales)

    def coordinate(self, j: int | sp.Expr) -> sp.Expr:
        """Returns the coordinate of a number, counted from 0."""
        return self.coordinates[j]

    def total(self, body: Callable[[int | sp.Expr], sp.Expr]) -> sp.Expr:
        """Returns the sum of `body(j)` over all coordinates."""
        return total(self.size, body, self.is_written)

    def turning(self, j: int, c: int, a: int) -> sp.Expr:
        r"""Returns $\Gamma_{jca}$, how $e_c$ turns towards $e_a$ along $e_j$."""
        return _turning(self.coordinates, self.scales, j, c, a)


class VectorCoordinate(System):
    """The components of one vector coordinate `oc.vector("x", d)`: sums stay held."""

    @property
    def size(self) -> int:
        """The number of components."""
        return int(self.coordinates[0].shape[0])

    @property
    def is_written(self) -> bool:
        """Components are known by their general one only."""
        return False

    def coordinate(self, j: int | sp.Expr) -> sp.Expr:
        """Returns the component x[j]."""
        return self.coordinates[0][j]


def total(
    size: int, body: Callable[[int | sp.Expr], sp.Expr], is_written: bool
) -> sp.Expr:
    """Returns the sum of `body(i)` over i from 0 to size - 1, written out or held."""
    if is_written:
        return sp.Add(*map(body, range(size)))
    index = sp.Dummy("i", integer=True)
    return sp.Sum(body(index), (index, 0, size - 1))


@lru_cache(maxsize=512)
def _turning(
    coordinates: tuple[sp.Symbol, ...],
    scales: tuple[sp.Expr, ...],
    j: int,
    c: int,
    a: int,
) -> sp.Expr:
    h, q = scales, coordinates
    result = sp.S.Zero
    if j == a:
        result += sp.diff(h[j], q[c]) / (h[j] * h[c])
    if j == c:
        result -= sp.diff(h[j], q[a]) / (h[j] * h[a])
    return sp.simplify(result)


@public("oc.Cartesian(x, y)")
def Cartesian(*coordinates: sp.Symbol) -> System:  # noqa: N802 - a system's name
    """Returns Cartesian coordinates, of any number.

    Args:
        *coordinates: their symbols.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> oc.div([x, y], oc.Cartesian(x, y)).doit()
        2
    """
    return _system(coordinates, [sp.S.One] * len(coordinates))


@public("oc.Polar(r, theta)")
def Polar(r: sp.Symbol, theta: sp.Symbol) -> System:  # noqa: N802
    """Returns polar coordinates of the plane.

    Args:
        r: the symbol of the distance from the origin.
        theta: that of the angle from the first axis.

    Examples:
        >>> r, theta = sp.symbols("r theta", positive=True)
        >>> sp.simplify(oc.laplacian(r**2, oc.Polar(r, theta)).doit())
        4
    """
    return _system((r, theta), (sp.S.One, r))


@public("oc.Cylindrical(r, theta, z)")
def Cylindrical(r: sp.Symbol, theta: sp.Symbol, z: sp.Symbol) -> System:  # noqa: N802
    """Returns cylindrical coordinates: distance from the axis, angle, height.

    Args:
        r: the symbol of the distance from the axis.
        theta: that of the angle around it.
        z: that of the height.

    Examples:
        >>> r, theta, z = sp.symbols("r theta z", positive=True)
        >>> sp.simplify(oc.laplacian(r**2 + z**2, oc.Cylindrical(r, theta, z)).doit())
        6
    """
    return _system((r, theta, z), (sp.S.One, r, sp.S.One))


@public("oc.Spherical(r, theta, phi)")
def Spherical(r: sp.Symbol, theta: sp.Symbol, phi: sp.Symbol) -> System:  # noqa: N802
    """Returns spherical coordinates: radius, angle from the axis, longitude.

    Args:
        r: the symbol of the radius.
        theta: that of the angle from the axis, 0 to pi.
        phi: that of the longitude.

    Examples:
        >>> r, theta, phi = sp.symbols("r theta phi", positive=True)
        >>> sp.simplify(oc.laplacian(1 / r, oc.Spherical(r, theta, phi)).doit())
        0
    """
    return _system((r, theta, phi), (sp.S.One, r, r * sp.sin(theta)))


@public("oc.Orthogonal([a, b], [a*cos(b), a*sin(b)])")
def Orthogonal(  # noqa: N802
    coordinates: Sequence[sp.Symbol], position: Sequence[sp.Expr]
) -> System:
    """Returns the system of a position map, Cartesian x(q).

    Args:
        coordinates: q.
        position: the Cartesian components, expressions in q.

    Raises:
        OperatorError: if the coordinate lines do not meet at right angles.

    Examples:
        >>> s, r = sp.symbols("s r", positive=True)
        >>> position = (s * r, (s**2 - r**2) / 2)
        >>> parabolic = oc.Orthogonal((s, r), position)
        >>> sp.simplify(oc.laplacian(s * r, parabolic).doit())
        0
    """
    q = tuple(coordinates)
    symbolic(list(position))
    if len(position) != len(q):
        raise OperatorError(
            f"a position has as many components as there are coordinates, {len(q)}",
            expression=str(list(position)),
            hint="for instance oc.Orthogonal([a, b], [a*cos(b), a*sin(b)])",
        )
    jacobian = sp.Matrix(list(position)).jacobian(sp.Matrix(q))
    metric = sp.simplify(jacobian.T * jacobian)
    for i in range(len(q)):
        for j in range(i):
            if sp.simplify(metric[i, j]) != 0:
                raise OperatorError(
                    f"the coordinate lines of {q[i]} and {q[j]} are not orthogonal",
                    expression=str(list(position)),
                    hint="write the equations in Cartesian coordinates and substitute, "
                    "or take orthogonal coordinates",
                )
    roots = [sp.simplify(sp.sqrt(metric[i, i])) for i in range(len(q))]
    # A length: away from where the map folds, its sign is that of a positive argument.
    return _system(q, [r.replace(sp.Abs, lambda a: a) for r in roots])


def _system(coordinates: Sequence[sp.Symbol], scales: Sequence[sp.Expr]) -> System:
    return System(check_coordinates(coordinates), tuple(map(sp.S, scales)))


def check_coordinates(coordinates: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    """Returns the coordinates of a system.

    Raises:
        OperatorError: unless they are distinct symbols, one or more.
    """
    for coordinate in coordinates:
        if not isinstance(coordinate, sp.Symbol):
            raise OperatorError(
                "a coordinate must be a symbol",
                expression=repr(coordinate),
                hint="for instance x, y = sympy.symbols('x y'); Cartesian(x, y)",
            )
    if not coordinates or len(set(coordinates)) < len(coordinates):
        raise OperatorError(
            "a coordinate system has distinct coordinates",
            expression=str(tuple(coordinates)),
            hint="name each coordinate once",
        )
    return tuple(coordinates)


Where = System | sp.Symbol | Sequence[sp.Symbol]
"""A system; or one symbol or several, for Cartesian coordinates."""

Anywhere = Where | sp.IndexedBase
"""Also a vector coordinate."""


def read_system(where: Anywhere) -> System:
    """Returns a system, Cartesian where symbols are given.

    Raises:
        OperatorError: for what is no coordinate, and a vector without a known dimension.
    """
    if isinstance(where, System):
        return where
    if not isinstance(where, sp.IndexedBase):
        return Cartesian(*([where] if isinstance(where, sp.Symbol) else where))
    if where.shape is None:
        raise OperatorError(
            f"the number of components of {where} is not known",
            expression=where,
            hint=f'declare {where} = oc.vector("{where}", 100)',
        )
    return VectorCoordinate((where,), (sp.S.One,))
