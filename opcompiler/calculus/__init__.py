"""Vector calculus on SymPy expressions; everything stays held until it is compiled.

systems.py        orthogonal coordinates by their scale factors, vector coordinates
geometry.py       any metric: covariant derivatives, curvature
matrices.py       inverses, determinants, products of matrices, held
tensors.py        tensors by components, and the meaning of every operator
operators.py      dot, grad, div, ... for SymPy users: checks, then tensors.py
sympy_vectors.py  expressions of sympy.vector
sobolev.py        a residual and its derivatives
"""

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
from opcompiler.calculus.systems import (
    Cartesian,
    Cylindrical,
    Orthogonal,
    Polar,
    Spherical,
    System,
)

__all__ = [
    "Cartesian",
    "Cylindrical",
    "Metric",
    "Orthogonal",
    "Polar",
    "Spherical",
    "System",
    "VectorField",
    "advect",
    "biharmonic",
    "christoffel",
    "covariant",
    "cross",
    "curl",
    "det",
    "directional",
    "div",
    "dot",
    "einstein",
    "grad",
    "hessian",
    "inverse",
    "laplacian",
    "material",
    "matmul",
    "norm",
    "outer",
    "ricci",
    "riemann",
    "sobolev",
    "strain",
    "trace",
    "trace_hessian",
]
