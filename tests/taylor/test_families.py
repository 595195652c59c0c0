"""Folding directions into families changes the layout and nothing else."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.algebra.families import fold
from opcompiler.algebra.weil import univariate
from opcompiler.taylor import push
from opcompiler.taylor.diagonal import powers_algebra
from opcompiler.taylor.tuning import NEVER, Tuning
from tests.draws import normal, uniform
from tests.shares import only
from tests.taylor.primitives import PROGRAMS, SLOW
from tests.taylor.programs import names_in, Program

DIM = 15
X = sp.symbols(f"x1:{DIM + 1}")
t = sp.Symbol("t")
U = sp.Function("u")(t, *X)


def powers(order, weight=lambda k: 1):
    return sum(weight(k) * U.diff(x, order) for k, x in enumerate(X))


OPERATORS = {
    "Laplacian": lambda: powers(2),
    "weighted Laplacian": lambda: powers(2, lambda k: k + 1) + U.diff(t, 2),
    "signed": lambda: powers(2, lambda k: (-1) ** k) * U + U.diff(X[3]) + U.diff(t),
    "fourth powers": lambda: powers(4) + powers(2) + U.diff(t),
    "third powers": lambda: powers(3, lambda k: 2 * k - 15),
    "fifth powers": lambda: powers(5),
}


def layers(seed):
    shapes = [(DIM + 1, 9), (9, 9), (9,)]
    return [normal((seed, k), s) / 3 for k, s in enumerate(shapes)]


A, B, C = layers(0)


def normalised(z):
    h = z @ A
    return (h - h.mean()) / jnp.sqrt(h.var() + 0.1)


NETWORKS = {
    "tanh": lambda z: jnp.tanh(jnp.tanh(z @ A + 0.1) @ B) @ C,
    "softplus and gelu": lambda z: jax.nn.gelu(jax.nn.softplus(z @ A) @ B) @ C,
    "layer norm": lambda z: jnp.sin(normalised(z)) @ C,
    "hard constraint": lambda z: (1 - z @ z) * jnp.tanh(z @ A) @ C / (2 + z[0]),
    "attention": lambda z: jax.nn.softmax(z @ A) @ B @ jnp.cos(z @ A),
    "reshapes": lambda z: jnp.exp(
        jnp.concatenate([(z @ A).reshape(3, 3).T.ravel()[::-1], z[:2]]).sum() / 9
    ),
    "max and sort": lambda z: jnp.sort(jnp.maximum(jnp.sin(z @ A), 0.1)) @ C,
    "scan": lambda z: (
        jax.lax.scan(
            lambda h, _: (jnp.tanh(h @ B + z @ A), None), jnp.zeros(9), length=2
        )[0]
        @ C
    ),
    "checkpoint": lambda z: jax.checkpoint(lambda h: jnp.tanh(h @ B))(z @ A) @ C,
    "powers": lambda z: jnp.sum((1 + (z @ A) ** 2) ** 1.5 + jnp.abs(z @ A) ** 3),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_algebra_folds_to_one_family_per_degree(operator: str) -> None:
    algebra = oc.compile(OPERATORS[operator]()).plan.pushes[0].algebra
    folding = fold(algebra, 13)
    assert folding is not None
    families = [c for c in folding.folded.channels if c.count > 1]
    assert all(c.count >= DIM for c in families)
    assert len(folding.folded.channels) < 12
    # Every explicit channel has one place, and every place one channel.
    assert len(set(folding.places)) == algebra.size
    assert sum(c.count for c in folding.folded.channels) == algebra.size
    for k, (channel, at) in enumerate(folding.places):
        assert folding.members(channel)[at] == k


def test_what_does_not_fold() -> None:
    cross = sum(U.diff(x, 2).diff(y, 2) for x in X[:4] for y in X[:4])
    assert fold(oc.compile(cross).plan.pushes[0].algebra, 3) is None
    assert fold(univariate(5), 1) is not None
    assert fold(oc.compile(U.diff(t)).plan.pushes[0].algebra, 2) is None


@pytest.mark.parametrize("network", NETWORKS)
def test_folded_equals_written_out(network) -> None:
    """As "signed", of few coordinates, which are folded all the same."""
    signed = sum((-1) ** k * U.diff(x, 2) for k, x in enumerate(X[:5]))
    plain = oc.compile(signed * U + U.diff(X[3]) + U.diff(t))
    points = uniform(1, (3, DIM + 1))
    net = NETWORKS[network]

    def values(residual, scale):
        return residual(lambda z: net(scale * z), points)

    def both(fold_from, scale):
        residual = plain.tuned(Tuning(fold_from=fold_from))

        def loss(s):
            found = values(residual, s)
            return jnp.sum(found**2), found

        return jax.grad(loss, has_aux=True)(scale)

    folded, explicit = jax.jit(lambda s: (both(4, s), both(NEVER, s)))(1.1)
    np.testing.assert_allclose(folded[1], explicit[1], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(folded[0], explicit[0], rtol=1e-9)


@pytest.mark.parametrize(
    "operator",
    only(OPERATORS.keys() - {"weighted Laplacian", "fifth powers"}, OPERATORS),
)
def test_folded_equals_the_exact_derivative(operator: str) -> None:
    equation = OPERATORS[operator]()
    residual = oc.compile(equation)
    form = sp.sin(t + sum((k + 1) * x for k, x in enumerate(X)) / DIM)
    exact = sp.lambdify((t, *X), equation.subs(U, form).doit(), "numpy")
    points = np.linspace(0, 1, 2 * (DIM + 1)).reshape(2, DIM + 1)
    weights = np.array([1.0, *(np.arange(1, DIM + 1) / DIM)])
    got = jax.jit(lambda p: residual(lambda z: jnp.sin(z @ weights), p))(points)
    np.testing.assert_allclose(got, exact(*points.T), rtol=1e-11)


# --- no primitive writes directions out -------------------------------------------------


def _equations_with(count: int, program: Program, start) -> int:
    """Returns the length of a push with a family of some directions."""
    order = min(3, program.order)
    algebra = powers_algebra(order, count, False)
    shape = (*start.shape[:1], count, *start.shape[1:])
    seed = np.cos(np.arange(math.prod(shape), dtype=float)).reshape(shape)

    def channels(x):
        (output,) = push(program, x, [seed, *[None] * (order - 1)], algebra)
        return getattr(output, "coefficients", output)

    return len(names_in(channels, start))


# `test_primitives.py` pushes every primitive; every tenth is folded here by default.
@pytest.mark.parametrize(
    "name", only([n for n in PROGRAMS if n not in SLOW][::10], PROGRAMS)
)
def test_a_push_is_as_long_for_many_directions_as_for_few(name: str) -> None:
    program = PROGRAMS[name]
    start, _ = program.start(name)
    assert _equations_with(7, program, start) == _equations_with(5, program, start)
