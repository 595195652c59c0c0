"""What `opcompiler demo` shows; needs the extra `examples` (optax, matplotlib).

story.py       the demo from beginning to end, on the terminal
problems.py    the equations, in SymPy and by hand
contest.py     races against nested `jax.jvp` and `jax.experimental.jet`, for `bench` too
jets.py        any residual by `jax.experimental.jet`
burgers.py     the initial-boundary value problem, and its exact solution
training.py    trains it
figure.py      draws it
perceptron.py  the network
"""
