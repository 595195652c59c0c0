"""Real PDEs, from other people's repositories, as SymPy expressions.

`pde_corpus.json` holds text; `load` turns each record into symbols. Only names that the
record declares, and the whitelisted functions below, exist while its text is read, so a
parameter called `gamma` or a field called `E` is what the record says it is.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import sympy as sp
from sympy.parsing.sympy_parser import auto_number, parse_expr, rationalize

PATH = Path(__file__).with_name("pde_corpus.json")

OUT_OF_SCOPE = ("Sum", "frac_laplacian")
"""Heads which need an index sum or a nonlocal operator."""

_NUMBERS = (sp.Integer, sp.Float, sp.Rational)
_CALCULUS = (sp.Derivative, sp.Subs, sp.Sum, sp.Integral)
_KINKS = (sp.Abs, sp.Max, sp.Min, sp.Heaviside, sp.Piecewise)
_SMOOTH = (sp.sin, sp.cos, sp.tan, sp.exp, sp.log, sp.sqrt, sp.conjugate)
_OTHERS = (sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.Function("frac_laplacian"))
_GLOBALS = {
    "__builtins__": {},
    "pi": sp.pi,
    "True": sp.true,
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
        """Whether the record needs no index sum or nonlocal operator."""
        return not self.vector and not self.heads.intersection(OUT_OF_SCOPE)


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
    """The records made of pointwise derivatives in finitely many named coordinates."""
    return tuple(record for record in load() if record.in_scope)
