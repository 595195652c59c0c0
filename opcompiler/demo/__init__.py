"""What `opcompiler demo` shows; needs the extra `demo` (folx, matplotlib, optax).

story.py       the demo from beginning to end, on the terminal
races.py       steps of training, against what people and experts write by hand
problems.py    equations in SymPy
contest.py     any residual against what JAX has itself, for `opcompiler bench`
jets.py        any residual by `jax.experimental.jet`
burgers.py     the initial-boundary value problem, and its exact solution
training.py    trains it
figure.py      draws it
perceptron.py  the network
"""
