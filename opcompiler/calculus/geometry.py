r"""Metrics: covariant derivatives and curvature, as held tensors.

In: a metric $g_{ab}$, a matrix of expressions in coordinates and fields; the coordinates.
Out: tensors whose elements SymPy and `compile` take one by one, evaluated as arrays.

    g = Matrix([[1, 0], [0, sin(theta)**2]])       the sphere
    ricci(g, [theta, phi])                         a 2 by 2 matrix, equal to g
    laplacian(u, Metric(g, [theta, phi]))          the Laplace-Beltrami operator

Nothing is written out, and nothing is computed twice: the inverse metric, the derivatives
of the metric and the Christoffel symbols are one array each. With lowered symbols
$L_{sbc} = (\partial_c g_{sb} + \partial_b g_{sc} - \partial_s g_{bc})/2$,

$$ \Gamma^a_{bc} = g^{as} L_{sbc}, \qquad
   R_{abcd} = \tfrac12 (\partial_b\partial_c g_{ad} + \partial_a\partial_d g_{bc}
     - \partial_a\partial_c g_{bd} - \partial_b\partial_d g_{ac})
     + \Gamma^e_{bc} L_{ead} - \Gamma^e_{bd} L_{eac} , $$

so the inverse metric is never differentiated. $R^a{}_{bcd} = \partial_c\Gamma^a_{bd} -
\dots$ and $R_{bd} = R^a{}_{bad}$: spheres have positive curvature.

Source: Misner, Thorne, Wheeler, *Gravitation* (1973), sections 8.5 and 8.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import sympy as sp

from opcompiler.calculus.systems import check_coordinates, System
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic
from opcompiler.held_tensors import (
    Einsum,
    Element,
    elements,
    HeldTensor,
    Inverse,
    read_tensor,
    Written,
)

_HALF = sp.Rational(1, 2)


def partial(
    tensor: HeldTensor, coordinates: Sequence[sp.Symbol], times: int = 1
) -> Written:
    """Returns all partial derivatives of a tensor, held; their axes stand last."""
    axes = (len(coordinates),) * times
    found = []
    for place in tensor.places:
        element = Element(tensor, *place)
        for steps in product(coordinates, repeat=times):
            depends = element.free_symbols.issuperset(steps)
            found.append(sp.Derivative(element, *steps) if depends else sp.S.Zero)
    return Written(sp.Tuple(*tensor.shape, *axes), *found)


@dataclass(frozen=True)
class MetricSystem(System):
    r"""Coordinates with a metric; components are those along coordinate lines.

    Attributes:
        metric: $g_{ab}$.
    """

    metric: HeldTensor = field(kw_only=True)

    @cached_property
    def inverse(self) -> HeldTensor:
        """$g^{ab}$."""
        return Inverse(self.metric)

    @cached_property
    def lowered(self) -> HeldTensor:
        r"""$L_{sbc} = g_{sa} \Gamma^a_{bc}$."""
        slopes = partial(self.metric, self.coordinates)
        return Einsum(
            (_HALF, "sbc->sbc", slopes),
            (_HALF, "scb->sbc", slopes),
            (-_HALF, "bcs->sbc", slopes),
        )

    @cached_property
    def christoffel(self) -> HeldTensor:
        r"""$\Gamma^a_{bc}$."""
        return Einsum((1, "as,sbc->abc", self.inverse, self.lowered))

    @cached_property
    def riemann(self) -> HeldTensor:
        r"""$R^a{}_{bcd}$."""
        second = partial(self.metric, self.coordinates, 2)
        turned = Einsum(
            (_HALF, "adbc->abcd", second),
            (_HALF, "bcad->abcd", second),
            (-_HALF, "bdac->abcd", second),
            (-_HALF, "acbd->abcd", second),
            (1, "ebc,ead->abcd", self.christoffel, self.lowered),
            (-1, "ebd,eac->abcd", self.christoffel, self.lowered),
        )
        return Einsum((1, "ae,ebcd->abcd", self.inverse, turned))

    @cached_property
    def ricci(self) -> HeldTensor:
        r"""$R_{bd}$, contracted before it is multiplied."""
        g, second = self.inverse, partial(self.metric, self.coordinates, 2)
        mixed = Einsum((1, "ac,adbc->bd", g, second))
        raised = Einsum((1, "ac,ead->ecd", g, self.lowered))
        trace = Einsum((1, "ac,eac->e", g, self.lowered))
        return Einsum(
            (_HALF, "bd->bd", mixed),
            (_HALF, "db->bd", mixed),
            (-_HALF, "ac,bdac->bd", g, second),
            (-_HALF, "ac,acbd->bd", g, second),
            (1, "ebc,ecd->bd", self.christoffel, raised),
            (-1, "ebd,e->bd", self.christoffel, trace),
        )

    @cached_property
    def einstein(self) -> HeldTensor:
        r"""$R_{ab} - R\, g_{ab} / 2$."""
        curvature = Einsum((1, "ab,ab->", self.inverse, self.ricci))
        return Einsum(
            (1, "ab->ab", self.ricci), (-_HALF, "ab,->ab", self.metric, curvature)
        )

    def covariant(self, tensor: HeldTensor, up: int) -> HeldTensor:
        r"""Returns $\nabla_k T^{a\dots}{}_{b\dots}$, k last.

        Args:
            tensor: T.
            up: how many of its axes, the first ones, are upper indices.
        """
        slopes, own = partial(tensor, self.coordinates), _letters(tensor)
        if not own:
            return slopes
        terms: list[Sequence[object]] = [(1, f"{own}k->{own}k", slopes)]
        for axis, letter in enumerate(own):
            inner = own.replace(letter, "z")
            turn = f"{letter}kz" if axis < up else f"zk{letter}"
            sign = 1 if axis < up else -1
            terms.append((sign, f"{turn},{inner}->{own}k", self.christoffel, tensor))
        return Einsum(*terms)

    def gradient(self, tensor: HeldTensor) -> HeldTensor:
        r"""Returns $\nabla^k T^{a\dots}$, k last."""
        own = _letters(tensor)
        slopes = self.covariant(tensor, len(own))
        return Einsum((1, f"{own}j,jk->{own}k", slopes, self.inverse))

    def along(self, tensor: HeldTensor, vector: HeldTensor) -> HeldTensor:
        r"""Returns $v^k \nabla_k T^{a\dots}$."""
        own = _letters(tensor)
        slopes = self.covariant(tensor, len(own))
        return Einsum((1, f"{own}k,k->{own}", slopes, vector))

    def divergence(self, tensor: HeldTensor) -> HeldTensor:
        r"""Returns $\nabla_k T^{a\dots k}$."""
        own = _letters(tensor)
        slopes = self.covariant(tensor, len(own))
        return Einsum((1, f"{own}{own[-1]}->{own[:-1]}", slopes))

    def laplacian(self, tensor: HeldTensor) -> HeldTensor:
        r"""Returns $g^{jk} \nabla_j \nabla_k T^{a\dots}$."""
        own = _letters(tensor)
        twice = self.covariant(self.covariant(tensor, len(own)), len(own))
        return Einsum((1, f"{own}jk,jk->{own}", twice, self.inverse))


def _letters(tensor: HeldTensor) -> str:
    """Returns a letter for each axis, none of which is j or k."""
    return "abcdefgh"[: len(tensor.shape)]


def read_metric(g: sp.MatrixBase, coordinates: Sequence[sp.Symbol]) -> MetricSystem:
    """Returns coordinates with a metric.

    Raises:
        OperatorError: for what is no symmetric matrix, or has another size.
    """
    if isinstance(coordinates, sp.Symbol):
        coordinates = (coordinates,)
    symbols = check_coordinates(coordinates)
    symbolic(g)
    if isinstance(g, list | tuple):
        g = sp.Matrix(g)
    size = len(symbols)
    if not isinstance(g, sp.MatrixBase) or g.shape != (size, size):
        raise OperatorError(
            f"a metric in {size} coordinates is a {size} by {size} matrix",
            expression=g,
            hint="give the matrix of its components, sympy.Matrix([[1, 0], [0, r**2]])",
        )
    for i in range(size):
        for j in range(i):
            if g[i, j] != g[j, i] and sp.simplify(g[i, j] - g[j, i]) != 0:
                raise OperatorError(
                    "a metric is symmetric",
                    expression=f"g[{i}, {j}] = {g[i, j]}, g[{j}, {i}] = {g[j, i]}",
                    hint="put one expression at both places; (g + g.T)/2 is symmetric",
                )
    return MetricSystem(symbols, (sp.S.One,) * size, metric=read_tensor(g))


@public("oc.Metric(g, [theta, phi])")
def Metric(g: sp.MatrixBase, coordinates: Sequence[sp.Symbol]) -> System:  # noqa: N802
    r"""Returns coordinates with any metric, as a system for `oc.grad`, `oc.div`, ...

    Vectors and tensors have components along the coordinate lines, upper indices all of
    them: $v = v^a \partial_a$. So `oc.grad(u, m)` is $g^{ab}\partial_b u$, `oc.div(v, m)`
    is $\nabla_a v^a$, `oc.laplacian(u, m)` the Laplace-Beltrami operator, the wave operator
    of a Lorentzian metric.

    Args:
        g: the matrix $g_{ab}$, symmetric; expressions in coordinates, fields, parameters.
        coordinates: the symbols.

    Returns:
        The system.

    Raises:
        OperatorError: for what is no symmetric matrix of that size.

    Example: `oc.laplacian(u, oc.Metric(sympy.diag(1, sympy.sin(theta)**2), [theta, phi]))`.

    Examples:
        >>> theta, phi = sp.symbols("theta phi")
        >>> g = sp.diag(1, sp.sin(theta) ** 2)
        >>> plane = oc.Metric(g, [theta, phi])
        >>> oc.compile(oc.laplacian(sp.Function("u")(theta, phi), plane)).plan.channels
        6
    """
    return read_metric(g, coordinates)


@public("oc.covariant(T, g, [t, x], up=1)")
def covariant(
    value: sp.Expr | sp.MatrixBase | sp.NDimArray | Sequence[sp.Expr],
    g: sp.MatrixBase,
    coordinates: Sequence[sp.Symbol],
    up: int = 0,
) -> sp.Matrix | sp.NDimArray:
    r"""Returns the covariant derivative $\nabla_k T^{a\dots}{}_{b\dots}$, k last.

    Args:
        value: T: a scalar, a list or column of components, a matrix, an array of d by d by
            ... components.
        g: the matrix $g_{ab}$, symmetric.
        coordinates: the symbols.
        up: how many indices of T, the first ones, are upper ones; the others are lower.

    Returns:
        An array with one more index: of a scalar (d,), of a vector a matrix (d, d).

    Raises:
        OperatorError: for what is no symmetric matrix of that size, components that do not
            fit it, and more upper indices than there are.

    Example: `oc.covariant(g, g, [t, x])` is zero: the metric is constant.

    Examples:
        >>> r, theta = sp.symbols("r theta", positive=True)
        >>> g = sp.diag(1, r**2)
        >>> sp.simplify(oc.covariant(g, g, [r, theta])[1, 1, 0].doit())
        0
    """
    system = read_metric(g, coordinates)
    symbolic(value)
    if isinstance(value, list | tuple):
        value = sp.Array(value)
    if isinstance(value, sp.MatrixBase) and value.shape[1] == 1:
        value = sp.Array(list(value))
    if isinstance(value, sp.Expr):
        value = sp.Array(value)
    if any(size != system.size for size in value.shape):
        raise OperatorError(
            f"a tensor of shape {value.shape} in {system.size} coordinates",
            expression=value,
            hint=f"each of its indices has {system.size} values",
        )
    if not 0 <= up <= len(value.shape):
        raise OperatorError(
            f"{up} upper indices of a tensor with {len(value.shape)}",
            expression=f"up={up}",
            hint="say how many of its indices are upper ones, those stand first",
        )
    return elements(system.covariant(read_tensor(value), up))


@public("oc.christoffel(g, [t, x])")
def christoffel(g: sp.MatrixBase, coordinates: Sequence[sp.Symbol]) -> sp.NDimArray:
    r"""Returns the Christoffel symbols $\Gamma^a_{bc}$, at [a, b, c].

    Args:
        g: the matrix $g_{ab}$, symmetric.
        coordinates: the symbols.

    Returns:
        An array (d, d, d) of expressions, held.

    Raises:
        OperatorError: for what is no symmetric matrix of that size.

    Example: `oc.christoffel(g, [t, x])[0, 1, 1]`.

    Examples:
        >>> r, theta = sp.symbols("r theta", positive=True)
        >>> g = sp.diag(1, r**2)
        >>> oc.christoffel(g, [r, theta])[0, 1, 1].doit()
        -r
    """
    return elements(read_metric(g, coordinates).christoffel)


@public("oc.riemann(g, [t, x])")
def riemann(g: sp.MatrixBase, coordinates: Sequence[sp.Symbol]) -> sp.NDimArray:
    r"""Returns the curvature $R^a{}_{bcd}$, at [a, b, c, d].

    $R^a{}_{bcd} = \partial_c \Gamma^a_{bd} - \partial_d \Gamma^a_{bc} + \Gamma^a_{ce}
    \Gamma^e_{bd} - \Gamma^a_{de} \Gamma^e_{bc}$.

    Args:
        g: the matrix $g_{ab}$, symmetric.
        coordinates: the symbols.

    Returns:
        An array (d, d, d, d) of expressions, held.

    Raises:
        OperatorError: for what is no symmetric matrix of that size.

    Example: `oc.riemann(g, [t, x])[0, 1, 0, 1]`.

    Examples:
        >>> theta, phi = sp.symbols("theta phi")
        >>> g = sp.diag(1, sp.sin(theta) ** 2)
        >>> sp.simplify(oc.riemann(g, [theta, phi])[0, 1, 0, 1].doit())
        sin(theta)**2
    """
    return elements(read_metric(g, coordinates).riemann)


@public("oc.ricci(g, [t, x, y, z])")
def ricci(g: sp.MatrixBase, coordinates: Sequence[sp.Symbol]) -> sp.Matrix:
    r"""Returns the Ricci tensor $R_{bd} = R^a{}_{bad}$; that of a sphere is positive.

    Args:
        g: the matrix $g_{ab}$, symmetric.
        coordinates: the symbols.

    Returns:
        A matrix of expressions, held, that `oc.compile` takes whole or one by one.

    Raises:
        OperatorError: for what is no symmetric matrix of that size.

    Example: `oc.compile(oc.ricci(g, [t, x, y, z]))`, Einstein's equations in vacuum.

    Examples:
        >>> theta, phi = sp.symbols("theta phi")
        >>> g = sp.diag(1, sp.sin(theta) ** 2)
        >>> sp.simplify(oc.ricci(g, [theta, phi])[0, 0].doit())
        1
    """
    return elements(read_metric(g, coordinates).ricci)


@public("oc.einstein(g, [t, x, y, z])")
def einstein(g: sp.MatrixBase, coordinates: Sequence[sp.Symbol]) -> sp.Matrix:
    r"""Returns the Einstein tensor $R_{ab} - R\, g_{ab}/2$.

    Args:
        g: the matrix $g_{ab}$, symmetric.
        coordinates: the symbols.

    Returns:
        A matrix of expressions, held.

    Raises:
        OperatorError: for what is no symmetric matrix of that size.

    Example: `oc.einstein(g, [t, x, y, z]) - 8 * sympy.pi * T`.

    Examples:
        >>> theta, phi = sp.symbols("theta phi")
        >>> g = sp.diag(1, sp.sin(theta) ** 2)
        >>> sp.simplify(oc.einstein(g, [theta, phi])[0, 0].doit())
        0
    """
    return elements(read_metric(g, coordinates).einstein)
