"""A compiler from symbolic differential operators to fast JAX numerics.

    import sympy as sp
    import opcompiler as oc

    x = sp.Symbol("x")
    residual = oc.compile(sp.Function("u")(x).diff(x, 2))

Every public name is loaded when it is first asked for, and with it JAX, SymPy and what else
it needs. So a program, and the command line, load what they use and no more.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from opcompiler import taylor
    from opcompiler.api import compile, sobolev_loss
    from opcompiler.calculus.geometry import (
        christoffel,
        covariant,
        einstein,
        Metric,
        ricci,
        riemann,
    )
    from opcompiler.calculus.matrices import det, inverse, matmul, trace
    from opcompiler.calculus.operators import (
        advect,
        biharmonic,
        cross,
        curl,
        directional,
        div,
        dot,
        grad,
        hessian,
        laplacian,
        material,
        norm,
        outer,
        strain,
        trace_hessian,
        VectorField,
    )
    from opcompiler.calculus.sobolev import sobolev
    from opcompiler.calculus.sympy_vectors import from_sympy_vector
    from opcompiler.calculus.systems import (
        Cartesian,
        Cylindrical,
        Orthogonal,
        Polar,
        Spherical,
    )
    from opcompiler.errors import OperatorError
    from opcompiler.planning import Plan, register_strategy
    from opcompiler.planning.contamination import contamination
    from opcompiler.runtime.autotune import autotune
    from opcompiler.runtime.grid import Grid, grid
    from opcompiler.runtime.least_squares import least_squares
    from opcompiler.runtime.losses import unbiased_square
    from opcompiler.runtime.over import along, Over, over
    from opcompiler.runtime.quadrature import gauss_legendre
    from opcompiler.runtime.residual import Residual
    from opcompiler.sampling import Dense, Sparse
    from opcompiler.symbols import D, index, Integral, Sum, vector
    from opcompiler.taylor import jet
    from opcompiler.text import load, parse, Problem, to_latex, to_text
    from opcompiler.views import register_view

__version__ = "0.1.0"

# The same again, for Python, which does not read what is above.
_HOMES = {
    "opcompiler.api": "compile sobolev_loss",
    "opcompiler.calculus.geometry": (
        "christoffel covariant einstein Metric ricci riemann"
    ),
    "opcompiler.calculus.matrices": "det inverse matmul trace",
    "opcompiler.calculus.operators": (
        "advect biharmonic cross curl directional div dot grad hessian laplacian "
        "material norm outer strain trace_hessian VectorField"
    ),
    "opcompiler.calculus.sobolev": "sobolev",
    "opcompiler.calculus.sympy_vectors": "from_sympy_vector",
    "opcompiler.calculus.systems": "Cartesian Cylindrical Orthogonal Polar Spherical",
    "opcompiler.errors": "OperatorError",
    "opcompiler.planning": "Plan register_strategy",
    "opcompiler.planning.contamination": "contamination",
    "opcompiler.runtime.autotune": "autotune",
    "opcompiler.runtime.grid": "Grid grid",
    "opcompiler.runtime.least_squares": "least_squares",
    "opcompiler.runtime.losses": "unbiased_square",
    "opcompiler.runtime.over": "along Over over",
    "opcompiler.runtime.quadrature": "gauss_legendre",
    "opcompiler.runtime.residual": "Residual",
    "opcompiler.sampling": "Dense Sparse",
    "opcompiler.symbols": "D index Integral Sum vector",
    "opcompiler.taylor": "jet",
    "opcompiler.text": "load parse Problem to_latex to_text",
    "opcompiler.views": "register_view",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

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
    if name in _HOME_OF:
        found = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = found
        return found
    if name.startswith("_") or find_spec(f"opcompiler.{name}") is None:
        raise AttributeError(f"module 'opcompiler' has no attribute {name!r}")
    return import_module(f"opcompiler.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
