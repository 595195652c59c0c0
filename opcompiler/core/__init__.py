"""Plain data every room shares: errors, multi-indices, symbols, algebras, programs.

Nothing here knows SymPy or JAX.
"""
