"""A compiler from symbolic differential operators to fast JAX numerics.

What many programs never use is loaded when it is first asked for: the text notation, the
report on hand-made jets, and the reader of `sympy.vector`.
"""

from importlib import import_module
from typing import Any, TYPE_CHECKING

from opcompiler import taylor
from opcompiler.api import compile, sobolev_loss
from opcompiler.calculus import (
    advect,
    biharmonic,
    Cartesian,
    christoffel,
    covariant,
    cross,
    curl,
    Cylindrical,
    det,
    directional,
    div,
    dot,
    einstein,
    grad,
    hessian,
    inverse,
    laplacian,
    material,
    matmul,
    Metric,
    norm,
    Orthogonal,
    outer,
    Polar,
    ricci,
    riemann,
    sobolev,
    Spherical,
    strain,
    trace,
    trace_hessian,
    VectorField,
)
from opcompiler.errors import OperatorError
from opcompiler.planning import Plan, register_strategy
from opcompiler.runtime import (
    along,
    autotune,
    gauss_legendre,
    Grid,
    grid,
    least_squares,
    Over,
    over,
    Residual,
    unbiased_square,
)
from opcompiler.sampling import Dense, Sparse
from opcompiler.symbols import D, index, Integral, Sum, vector
from opcompiler.taylor import jet
from opcompiler.views import register_view

if TYPE_CHECKING:
    from opcompiler.calculus.sympy_vectors import from_sympy_vector
    from opcompiler.planning.contamination import contamination
    from opcompiler.text import load, parse, Problem, to_latex, to_text

_LATER = {
    "Problem": "opcompiler.text",
    "contamination": "opcompiler.planning.contamination",
    "from_sympy_vector": "opcompiler.calculus.sympy_vectors",
    "load": "opcompiler.text",
    "parse": "opcompiler.text",
    "to_latex": "opcompiler.text",
    "to_text": "opcompiler.text",
}

__all__ = [
    "Cartesian",
    "Cylindrical",
    "D",
    "Dense",
    "Grid",
    "Integral",
    "Metric",
    "OperatorError",
    "Orthogonal",
    "Over",
    "Plan",
    "Polar",
    "Problem",
    "Residual",
    "Sparse",
    "Spherical",
    "Sum",
    "VectorField",
    "advect",
    "along",
    "autotune",
    "biharmonic",
    "christoffel",
    "compile",
    "contamination",
    "covariant",
    "cross",
    "curl",
    "det",
    "directional",
    "div",
    "dot",
    "einstein",
    "from_sympy_vector",
    "gauss_legendre",
    "grad",
    "grid",
    "hessian",
    "index",
    "inverse",
    "jet",
    "laplacian",
    "least_squares",
    "load",
    "material",
    "matmul",
    "norm",
    "outer",
    "over",
    "parse",
    "register_strategy",
    "register_view",
    "ricci",
    "riemann",
    "sobolev",
    "sobolev_loss",
    "strain",
    "taylor",
    "to_latex",
    "to_text",
    "trace",
    "trace_hessian",
    "unbiased_square",
    "vector",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'opcompiler' has no attribute {name!r}")
    found = getattr(import_module(_LATER[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
