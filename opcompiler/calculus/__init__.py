"""Vector calculus on SymPy expressions; everything stays held until it is compiled.

systems.py        orthogonal coordinate systems by their scale factors
tensors.py        scalars, vectors, tensors by components; products
operators.py      grad, div, curl, laplacian, ... in any system
components.py     the same over a vector coordinate, as sums
sympy_vectors.py  expressions of sympy.vector
sobolev.py        a residual and its derivatives
"""

from opcompiler.calculus.components import IndexedVector, trace_hessian
from opcompiler.calculus.operators import (
    advect,
    biharmonic,
    curl,
    directional,
    div,
    grad,
    hessian,
    laplacian,
    material,
    strain,
)
from opcompiler.calculus.products import dot, norm
from opcompiler.calculus.sobolev import sobolev
from opcompiler.calculus.systems import (
    Cartesian,
    Cylindrical,
    Orthogonal,
    Polar,
    Spherical,
    System,
)
from opcompiler.calculus.tensors import cross, outer, VectorField

__all__ = [
    "Cartesian",
    "Cylindrical",
    "IndexedVector",
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
