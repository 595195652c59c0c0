"""What `opcompiler demo` shows; needs the extra `examples` (optax, matplotlib).

`story` tells it in order. `problems` holds the equations in SymPy, `nested` the same
equations by hand in nested automatic differentiation, `comparison` sets one against the
other. `burgers` is the initial-boundary value problem, `training` trains it, `colehopf`
solves it exactly, `figure` draws both.
"""
