"""What a problem is: an operator, its solution, conditions built in, and a sampler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import jax
import sympy as sp
from jax import Array

import opcompiler as oc

Map = Callable[[sp.Expr], sp.Expr]
Sampler = Callable[[Array, int], Array]


@dataclass(frozen=True)
class Problem:
    """A differential equation in symbols.

    Nothing here is differentiated by hand: the source of a manufactured solution is the
    operator applied to the solution, and the compiler differentiates it.

    Attributes:
        name: of the problem.
        coordinates: symbols and vectors, in the order of the points' columns.
        operator: u -> L(u), for any expression u.
        sample: (key, count) -> points (count, D) of the domain.
        solution: in the same coordinates, where one is known.
        source: whether L(solution) is moved to the right-hand side; else it is zero.
        ansatz: N -> u, with conditions built in ("hard constraint"); N itself by default.
        sides: (key, count) -> points of the boundary where the solution's values are
            trained ("soft constraint").
        closed: the solution in plain JAX, (N, D) -> (N,), where it is easier to write so
            than as `solution`.
        radius: the size of |x| in the domain: networks are given x / radius.
        by_hand: the ansatz once more, (point, N(point)) -> u in plain JAX: what one writes
            without a compiler, of equations Lap u + f(u) = g that are compared with that.
        arrays: values of the indexed coefficients in `operator`, `solution`, `ansatz`.
    """

    name: str
    coordinates: tuple[sp.Symbol | sp.IndexedBase, ...]
    operator: Map
    sample: Sampler
    solution: sp.Expr | None = None
    source: bool = False
    ansatz: Map = lambda u: u
    sides: Sampler | None = None
    closed: Callable[[Array], Array] | None = None
    radius: float = 1.0
    by_hand: Callable[[Array, Array], Array] | None = None
    arrays: Mapping[str, Array] = field(default_factory=dict)

    @property
    def unknown(self) -> sp.Expr:
        """The field itself, u(x, t)."""
        return sp.Function("u")(*self.coordinates)

    def equation(self, u: sp.Expr | None = None) -> sp.Expr:
        """Returns L(u) - L(solution), or L(u): zero for the solution."""
        left = self.operator(self.unknown if u is None else u)
        return left - self.operator(self.solution) if self.source else left

    @property
    def trained(self) -> sp.Expr:
        """The equation for the network N(x, t) inside of the ansatz."""
        return self.equation(self.ansatz(sp.Function("N")(*self.coordinates)))

    def given(self, compiled: oc.Residual) -> dict[str, Array]:
        """Returns the arrays that a compiled expression needs."""
        known = (name for name, _ in compiled.operator.arrays)
        return {name: self.arrays[name] for name in known if name in self.arrays}

    def function(self, expr: sp.Expr) -> Callable[..., Array]:
        """Returns an expression without fields as (points (N, D), **parameters) -> (N,)."""
        # A residual has a field: the expression is minus the residual of the field 0.
        compiled = oc.compile(self.unknown - expr, coordinates=list(self.coordinates))
        arrays = self.given(compiled)

        def values(points: Array, **parameters: Array) -> Array:
            return -compiled(lambda point: 0 * point[0], points, **arrays, **parameters)

        return jax.jit(values)

    @cached_property
    def exact(self) -> Callable[[Array], Array]:
        """The solution as a function of points, (N, D) -> (N,)."""
        if self.closed is not None:
            return self.closed
        assert self.solution is not None
        return self.function(self.solution)

    @cached_property
    def placed(self) -> Callable[..., Array]:
        """The ansatz as a function: (points (N, D), N=its values (N,)) -> u (N,)."""
        return self.function(self.ansatz(sp.Symbol("N")))
