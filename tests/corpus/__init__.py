"""Real PDEs, from other people's repositories, as SymPy expressions.

`pde_corpus.json` holds text; `load` turns each record into symbols. Only names that the
record declares, and the whitelisted functions below, exist while its text is read, so a
parameter called `gamma` or a field called `E` is what the record says it is.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.parsing.sympy_parser import auto_number, parse_expr, rationalize

import opcompiler as oc

PATH = Path(__file__).with_name("pde_corpus.json")

DIMENSION = 3
"""Number of components where a record leaves it open."""


def fractional_laplacian(u: sp.Expr, alpha: sp.Expr) -> sp.Expr:
    r"""$(-\Delta)^{\alpha/2} u$ in the plane, by its singular integral about a point.

    $$ C \int_0^\pi \int_0^\infty \frac{2u(x) - u(x + r\omega) - u(x - r\omega)}
       {r^{1+\alpha}}\, dr\, d\theta, \quad
       C = \frac{\alpha\, 2^{\alpha-1} \Gamma(1 + \alpha/2)}{\pi\, \Gamma(1 - \alpha/2)} $$

    with $r = (s/(1-s))^2$. Source: Kwasnicki, FCAA 20 (2017), section 2.
    """
    x, y, s, a = sp.symbols("x y s a")
    r = (s / (1 - s)) ** 2
    ahead = u.func(x + r * sp.cos(a), y + r * sp.sin(a))
    behind = u.func(x - r * sp.cos(a), y - r * sp.sin(a))
    measure = 2 * s / (1 - s) ** 3 / r ** (1 + alpha)
    constant = alpha * 2 ** (alpha - 1) * sp.gamma(1 + alpha / 2)
    constant /= sp.pi * sp.gamma(1 - alpha / 2)
    integrand = (2 * u - ahead - behind) * measure
    return constant * sp.Integral(integrand, (s, 0, 1), (a, 0, sp.pi))


_NUMBERS = (sp.Integer, sp.Float, sp.Rational)
_CALCULUS = (sp.Derivative, sp.Subs, sp.Sum, sp.Integral)
_KINKS = (sp.Abs, sp.Max, sp.Min, sp.Heaviside, sp.Piecewise)
_SMOOTH = (sp.sin, sp.cos, sp.tan, sp.exp, sp.log, sp.sqrt, sp.conjugate)
_OTHERS = (sp.sinh, sp.cosh, sp.tanh, sp.atan)
_GLOBALS = {
    "__builtins__": {},
    "pi": sp.pi,
    "True": sp.true,
    "frac_laplacian": fractional_laplacian,
    **{f.__name__: f for f in _NUMBERS + _CALCULUS + _KINKS + _SMOOTH + _OTHERS},
}


@dataclass(frozen=True)
class Record:
    """One PDE of the corpus.

    `fields` and `coefficients` map a name to the coordinates it is written with, in
    written order; `exact` maps a field's name to its closed form, and `exact_parameters`
    a parameter's name to its rational value. `vector` says that a coordinate has a
    symbolic number of components, `heads` which functions the equations use.
    """

    name: str
    coordinates: tuple[sp.Basic, ...]
    fields: dict[str, tuple[sp.Basic, ...]]
    coefficients: dict[str, tuple[sp.Basic, ...]]
    parameters: dict[str, sp.Symbol]
    equations: tuple[sp.Expr, ...]
    exact: dict[str, sp.Expr]
    exact_parameters: dict[str, sp.Expr]
    heads: frozenset[str]
    vector: bool
    complex: bool
    max_order: int
    tags: tuple[str, ...]

    @property
    def functions(self) -> dict[str, tuple[sp.Basic, ...]]:
        """Unknown fields and known coefficient functions together."""
        return {**self.fields, **self.coefficients}

    @property
    def in_scope(self) -> bool:
        """Whether the record has a fixed number of coordinates."""
        return not self.vector

    @property
    def tables(self) -> dict[str, np.ndarray]:
        """Values for the indexed parameters, of `DIMENSION` rows."""
        numbers = np.arange(1, DIMENSION + 1) / 4
        ranks = {
            str(node.base): len(node.indices)
            for equation in self.equations
            for node in equation.atoms(sp.Indexed)
            if node.base not in self.coordinates
        }
        return {
            name: numbers if rank == 1 else np.cos(np.add.outer(numbers, 2 * numbers))
            for name, rank in ranks.items()
        }

    def held(self) -> tuple[sp.Expr, ...]:
        """The equations with vectors of `DIMENSION` components, sums as they are.

        A free index makes an equation for each of its values.
        """
        moved = {sp.Symbol("d"): sp.Integer(DIMENSION)}
        for c in self.coordinates:
            if isinstance(c, sp.IndexedBase):
                moved[c] = oc.vector(str(c), DIMENSION)
        equations = []
        for equation in self.equations:
            equation = equation.xreplace(moved)
            free = _J in _free(equation)
            values = map(sp.Integer, range(DIMENSION)) if free else [_J]
            equations += [equation.xreplace({_J: value}) for value in values]
        return tuple(equations)

    def written_out(self) -> Record:
        """The record with `DIMENSION` components as coordinates x1, x2, ..."""
        if not self.vector:
            return self

        def out(expr: sp.Basic) -> sp.Expr:
            return _written_out(expr, self.coordinates, self.tables)

        def spread(arguments: Sequence[sp.Basic]) -> tuple[sp.Basic, ...]:
            return tuple(s for a in arguments for s in _components(a))

        return replace(
            self,
            coordinates=spread(self.coordinates),
            fields={name: spread(args) for name, args in self.fields.items()},
            coefficients={n: spread(args) for n, args in self.coefficients.items()},
            parameters={n: s for n, s in self.parameters.items() if n != "d"},
            equations=tuple(map(out, self.held())),
            exact={name: out(form) for name, form in self.exact.items()},
            exact_parameters={
                n: v for n, v in self.exact_parameters.items() if n != "d"
            },
            vector=False,
        )


_J = sp.Symbol("j", integer=True)


def _free(expr: sp.Basic) -> set[sp.Basic]:
    """Symbols outside of the sums over them, by a walk that hides nothing."""
    if isinstance(expr, sp.Sum):
        return _free(expr.function) - {limit[0] for limit in expr.limits}
    if isinstance(expr, sp.Symbol):
        return {expr}
    return {symbol for argument in expr.args for symbol in _free(argument)}


def _components(argument: sp.Basic) -> tuple[sp.Basic, ...]:
    if not isinstance(argument, sp.IndexedBase):
        return (argument,)
    return sp.symbols(f"{argument.label}1:{DIMENSION + 1}")


def _written_out(
    expr: sp.Basic, vectors: Sequence[sp.Basic], tables: dict[str, np.ndarray]
) -> sp.Expr:
    """Sums written out term by term, components and table entries put in."""
    again = lambda part: _written_out(part, vectors, tables)
    if isinstance(expr, sp.Sum):
        *inner, (index, _, _) = expr.limits
        body = sp.Sum(expr.function, *inner) if inner else expr.function
        terms = (body.xreplace({index: sp.Integer(k)}) for k in range(DIMENSION))
        return sp.Add(*map(again, terms))
    if isinstance(expr, sp.Indexed):
        place = tuple(map(int, expr.indices))
        name = str(expr.base.label)
        if name in tables:
            return sp.Float(tables[name][place], 17)
        return _components(expr.base)[place[0]]
    if isinstance(expr, AppliedUndef):
        return expr.func(*(s for a in expr.args for s in _components(a)))
    if isinstance(expr, sp.Derivative):
        steps = ((again(variable), count) for variable, count in expr.variable_count)
        return sp.Derivative(again(expr.expr), *steps, evaluate=False)
    if expr == sp.Symbol("d"):
        return sp.Integer(DIMENSION)
    return expr.func(*map(again, expr.args)) if expr.args else expr


def _parse(text: str, names: dict[str, object]) -> sp.Expr:
    """Reads `text` where nothing but `names` and the whitelist exists."""
    return parse_expr(
        text,
        local_dict=dict(names),
        global_dict=dict(_GLOBALS),
        transformations=(auto_number, rationalize),
    )


def _record(raw: dict) -> Record:
    vectors = {c.split("[")[0] for c in raw["coordinates"] if "[" in c}
    order = [c.split("[")[0] for c in raw["coordinates"]]
    coordinates = {
        name: sp.IndexedBase(name) if name in vectors else sp.Symbol(name)
        for name in order
    }
    parameters = {name: sp.Symbol(name) for name in raw["parameters"]}
    functions = {**raw["fields"], **raw["coefficients"]}
    names: dict[str, object] = {"s": sp.Symbol("s")}
    if vectors:
        names |= {name: sp.Symbol(name, integer=True) for name in "ij"}
        indexed = set(re.findall(r"(\w+)\[", " ".join(raw["equations"])))
        names |= {name: sp.IndexedBase(name) for name in indexed - vectors}
    if raw["complex"]:
        names["I"] = sp.I
    names |= parameters
    # A field may be called like a coordinate that it does not use; fields come last
    # because they are applied and coordinates are not mixed up with them in any record.
    names |= coordinates | {name: sp.Function(name) for name in functions}

    exact = raw.get("exact", {"fields": {}, "parameters": {}})
    constants = {name: sp.Symbol(name) for name in exact["parameters"]}
    text = " ".join(raw["equations"])
    return Record(
        name=raw["name"],
        coordinates=tuple(coordinates.values()),
        fields={
            f: tuple(coordinates[a] for a in args) for f, args in raw["fields"].items()
        },
        coefficients={
            f: tuple(coordinates[a] for a in args)
            for f, args in raw["coefficients"].items()
        },
        parameters=parameters,
        equations=tuple(_parse(equation, names) for equation in raw["equations"]),
        exact={
            f: _parse(form, names | constants) for f, form in exact["fields"].items()
        },
        exact_parameters={p: _parse(v, {}) for p, v in exact["parameters"].items()},
        heads=frozenset(re.findall(r"([A-Za-z_]\w*)\(", text)) - functions.keys(),
        vector=bool(vectors),
        complex=raw["complex"],
        max_order=raw["max_order"],
        tags=tuple(raw["tags"]),
    )


@functools.cache
def load() -> tuple[Record, ...]:
    """Every record of the corpus, in the order of the file."""
    return tuple(_record(raw) for raw in json.loads(PATH.read_text()))


def in_scope() -> tuple[Record, ...]:
    """Every record, those of d dimensions written out in three."""
    return tuple(record.written_out() for record in load())
