"""What Gauss-Newton methods take of a sum of squares: J Jᵀ, J v and Jᵀ w.

The rival of J Jᵀ is what one writes without its structure: the gradient of every residual
by `vmap` of `grad`, multiplied. The measure of J v and Jᵀ w is one gradient of the loss.
"""

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row

DIM, POINTS, HIDDEN = 5, 128, (128,) * 3
COORDINATES = sp.symbols(f"x:{DIM}")
U = sp.Function("u")(*COORDINATES)
LAPLACIAN = oc.compile(sum(U.diff(x, 2) for x in COORDINATES))
F = LAPLACIAN.bind(apply)


def squares(points):
    return oc.least_squares([(F, points)])


def per_sample(params, points):
    def slope(point):
        one = lambda params: LAPLACIAN(lambda z: apply(params, z), point[None])[0]
        return jax.grad(one)(params)

    leaves = jax.tree.leaves(jax.vmap(slope)(points))
    jacobian = jnp.concatenate([leaf.reshape(len(points), -1) for leaf in leaves], 1)
    return jacobian @ jacobian.T / len(points)


def gram() -> Row:
    contestants = {
        "opcompiler": lambda params, points: squares(points).gram(params),
        "per-sample gradients": per_sample,
    }
    return Row(
        f"J Jᵀ of the Laplacian in {DIM}D", DIM, 1, 0, contestants, hidden=HIDDEN,
        points=POINTS, repeats=9,
    )  # fmt: skip


def products() -> Row:
    ones = lambda params: jax.tree.map(jnp.ones_like, params)
    flat = lambda tree: jnp.concatenate([a.ravel() for a in jax.tree.leaves(tree)])
    loss = lambda params, points: jnp.mean(F(params, points) ** 2)
    contestants = {
        "opcompiler, J v": lambda p, x: squares(x).jvp(p, ones(p)),
        "opcompiler, Jᵀ w": lambda p, x: flat(squares(x).vjp(p, jnp.ones(len(x)))),
        "one gradient": lambda p, x: flat(jax.grad(loss)(p, x)),
    }
    return Row(
        f"J v and Jᵀ w of the Laplacian in {DIM}D", DIM, 1, 0, contestants,
        hidden=HIDDEN, points=POINTS, repeats=15, drawn=tuple(contestants),
    )  # fmt: skip
