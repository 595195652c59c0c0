"""Vector calculus on SymPy expressions; everything stays held until it is compiled.

systems.py        orthogonal coordinates by their scale factors, vector coordinates
tensors.py        tensors by components, and the meaning of every operator
operators.py      dot, grad, div, ... for SymPy users: checks, then tensors.py
sympy_vectors.py  expressions of sympy.vector
sobolev.py        a residual and its derivatives
"""

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
    "Orthogonal",
    "Polar",
    "Spherical",
    "System",
    "VectorField",
    "advect",
    "biharmonic",
    "cross",
    "curl",
    "directional",
    "div",
    "dot",
    "grad",
    "hessian",
    "laplacian",
    "material",
    "norm",
    "outer",
    "sobolev",
    "strain",
    "trace_hessian",
]
