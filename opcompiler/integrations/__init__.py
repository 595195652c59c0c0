"""Residuals inside other people's training programs.

    opcompiler.integrations.jinns      a jinns dynamic loss
    opcompiler.integrations.deepxde    a `pde(x, y)` for DeepXDE's JAX backend
    opcompiler.integrations.lineax     the Jacobian of a sum of squares as an operator

Import the module of the package that you use. Equinox, Flax NNX and Linen, Haiku and
plain pytrees need no adapter: `residual(net, points)` and `residual.bind(apply)` take
them; `docs/guide.md` shows how.
"""
