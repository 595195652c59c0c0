"""Operators and plans that every view has to show."""

import functools

import sympy as sp

from opcompiler.frontend import normalize
from opcompiler.planning import make_plan, Plan
from opcompiler.show.comparison import compare_strategies

t, x, y, nu = sp.symbols("t x y nu")
u, v, p = (sp.Function(name)(t, x, y) for name in "uvp")
w = sp.Function("w")(x, y)
q = sp.Function("q")(t, x)


def laplacian(field, *coordinates):
    return sum(field.diff(c, 2) for c in coordinates or (x, y))


def radial(dim):
    coordinates = sp.symbols(f"x1:{dim + 1}")
    return sp.Function("u")(*coordinates), coordinates


def high(dim, power=1):
    field, coordinates = radial(dim)
    for _ in range(power):
        field = laplacian(field, *coordinates)
    return field


OPERATORS = {
    "value": w - 1,
    "mixed": w.diff(x, y),
    "hessian": [w.diff(x, 2), w.diff(x, y), w.diff(y, 2)],
    "burgers": q.diff(t) + q * q.diff(x) - nu * q.diff(x, 2),
    "kdv": q.diff(t) + 6 * q * q.diff(x) + q.diff(x, 3),
    "third_and_first": w.diff(x, 3, y),
    "navier_stokes": [
        u.diff(t) + u * u.diff(x) + v * u.diff(y) + p.diff(x) - nu * laplacian(u),
        v.diff(t) + u * v.diff(x) + v * v.diff(y) + p.diff(y) - nu * laplacian(v),
        u.diff(x) + v.diff(y),
    ],
    "bilaplacian": laplacian(laplacian(w)),
    "bilaplacian_3d": high(3, 2),
    "sites": [w.subs(x, 0) - w.subs(x, 1), sp.Subs(w.diff(x), x, 1), w.diff(x, y)],
    "greek": sp.Function("psi")(sp.Symbol("theta_1"), sp.Symbol("rate")).diff(
        sp.Symbol("theta_1"), 2, sp.Symbol("rate")
    ),
    "laplacian_50d": high(50),
}


@functools.cache
def plan_of(name: str, strategy: str = "auto") -> Plan:
    operator = normalize(OPERATORS[name])
    sites = tuple(site.labels for site in operator.sites)
    return make_plan(tuple(operator.functionals), sites, strategy)


@functools.cache
def every_plan(name: str) -> tuple[Plan, ...]:
    """The plan of each strategy that does not refuse."""
    auto = plan_of(name)
    candidates = compare_strategies(auto.functionals, auto.sites)
    return tuple(found.plan for found in candidates if found.plan is not None)
