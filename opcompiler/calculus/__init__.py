"""Vector calculus on SymPy expressions; everything stays held until it is compiled.

systems.py        orthogonal coordinates by their scale factors, vector coordinates
geometry.py       any metric: covariant derivatives, curvature
matrices.py       inverses, determinants, products of matrices, held
tensors.py        tensors by components, and the meaning of every operator
operators.py      dot, grad, div, ... for SymPy users: checks, then tensors.py
sympy_vectors.py  expressions of sympy.vector
sobolev.py        a residual and its derivatives
"""
