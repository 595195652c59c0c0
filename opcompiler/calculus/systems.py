r"""Orthogonal coordinate systems by their scale factors.

Everything about a system $q \mapsto x(q)$ with orthogonal coordinate lines follows from the
lengths $h_i = |\partial x / \partial q_i|$ (Lamé's scale factors). Vectors and tensors have
physical components, along the unit vectors $e_i$; how these turn is

$$ \nabla_{e_j} e_c = \sum_a \Gamma_{jca} e_a , \qquad
   \Gamma_{jca} = \delta_{ja} \frac{\partial_c h_j}{h_j h_c}
                - \delta_{jc} \frac{\partial_a h_j}{h_j h_a} . $$

Source: Batchelor, *An Introduction to Fluid Dynamics*, appendix 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic


@public("oc.Polar(r, theta)")
@dataclass(frozen=True, slots=True)
class System:
    """Orthogonal coordinates.

    Attributes:
        coordinates: the symbols, in an order that is right-handed.
        scales: the scale factor of each.
    """

    coordinates: tuple[sp.Symbol, ...]
    scales: tuple[sp.Expr, ...]

    def turning(self, j: int, c: int, a: int) -> sp.Expr:
        r"""Returns $\Gamma_{jca}$, how $e_c$ turns towards $e_a$ along $e_j$."""
        return _turning(self.coordinates, self.scales, j, c, a)


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
    """Returns Cartesian coordinates, of any number."""
    return _system(coordinates, [sp.S.One] * len(coordinates))


@public("oc.Polar(r, theta)")
def Polar(r: sp.Symbol, theta: sp.Symbol) -> System:  # noqa: N802
    """Returns polar coordinates of the plane."""
    return _system((r, theta), (sp.S.One, r))


@public("oc.Cylindrical(r, theta, z)")
def Cylindrical(r: sp.Symbol, theta: sp.Symbol, z: sp.Symbol) -> System:  # noqa: N802
    """Returns cylindrical coordinates: distance from the axis, angle, height."""
    return _system((r, theta, z), (sp.S.One, r, sp.S.One))


@public("oc.Spherical(r, theta, phi)")
def Spherical(r: sp.Symbol, theta: sp.Symbol, phi: sp.Symbol) -> System:  # noqa: N802
    """Returns spherical coordinates: radius, angle from the axis, longitude."""
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
    return System(tuple(coordinates), tuple(map(sp.S, scales)))


Where = System | sp.Symbol | Sequence[sp.Symbol]
"""A system; or one symbol or several, for Cartesian coordinates."""


def read_system(where: Where) -> System:
    """Returns a system, Cartesian where symbols are given."""
    if isinstance(where, System):
        return where
    if isinstance(where, sp.Symbol):
        return Cartesian(where)
    return Cartesian(*where)
