"""A compiler from symbolic differential operators to fast JAX numerics."""

from opcompiler import taylor
from opcompiler.api import compile, sobolev_loss
from opcompiler.calculus import (
    advect,
    biharmonic,
    Cartesian,
    cross,
    curl,
    Cylindrical,
    directional,
    div,
    dot,
    from_sympy_vector,
    grad,
    hessian,
    laplacian,
    material,
    norm,
    Orthogonal,
    outer,
    Polar,
    sobolev,
    Spherical,
    strain,
    trace_hessian,
    VectorField,
)
from opcompiler.errors import OperatorError
from opcompiler.planning import Plan
from opcompiler.planning.contamination import contamination
from opcompiler.runtime import autotune, gauss_legendre, Residual, unbiased_square
from opcompiler.sampling import Dense, Sparse
from opcompiler.symbols import D, index, Integral, Sum, vector
from opcompiler.taylor import jet
from opcompiler.text import (
    load,
    parse,
    Problem,
    to_latex,
    to_text,
)

__all__ = [
    "Cartesian",
    "Cylindrical",
    "D",
    "Dense",
    "Integral",
    "OperatorError",
    "Orthogonal",
    "Plan",
    "Polar",
    "Problem",
    "Residual",
    "Sparse",
    "Spherical",
    "Sum",
    "VectorField",
    "advect",
    "autotune",
    "biharmonic",
    "compile",
    "contamination",
    "cross",
    "curl",
    "directional",
    "div",
    "dot",
    "from_sympy_vector",
    "gauss_legendre",
    "grad",
    "hessian",
    "index",
    "jet",
    "laplacian",
    "load",
    "material",
    "norm",
    "outer",
    "parse",
    "sobolev",
    "sobolev_loss",
    "strain",
    "taylor",
    "to_latex",
    "to_text",
    "trace_hessian",
    "unbiased_square",
    "vector",
]
