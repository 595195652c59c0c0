"""Weil algebras: exact arithmetic on Taylor channels; neither SymPy nor JAX."""
