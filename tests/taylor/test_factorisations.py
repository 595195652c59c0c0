"""Linear algebra: one factorisation of the plain matrix, at any order, for any family."""

from collections import Counter
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from opcompiler.taylor.tuning import NEVER, Tuning
from tests.shares import only
from tests.taylor.oracle import (
    apolar,
    by_engine,
    by_nested_jvp,
    seeds_for,
    worst_error,
)
from tests.taylor.programs import names_in, Program
from tests.taylor.test_primitives import QUICK

SHIFT = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 6)))
TURN = SHIFT + 1j * SHIFT[::-1]


def matrices(x, weights=SHIFT):
    return 1.5 * jnp.eye(4) + jnp.tensordot(weights, jnp.sin(x), 1)


def positive(x):
    a = matrices(x)
    return a @ a.mT + jnp.eye(4)


FUNCTIONS = {
    "slogdet": lambda x: jnp.linalg.slogdet(matrices(x)),
    "slogdet, complex": lambda x: jnp.linalg.slogdet(matrices(x, TURN)),
    "slogdet of one": lambda x: jnp.linalg.slogdet(matrices(x)[0]),
    "slogdet by QR": lambda x: jnp.linalg.slogdet(matrices(x), method="qr"),
    "det": lambda x: jnp.linalg.det(matrices(x)),
    "det, complex": lambda x: jnp.linalg.det(matrices(x, TURN)),
    "det of one, vmapped": lambda x: jax.vmap(jax.jit(jnp.linalg.det))(matrices(x)),
    "inv": lambda x: jnp.linalg.inv(matrices(x)),
    "solve": lambda x: jnp.linalg.solve(matrices(x), matrices(x * x)[..., :2]),
    "cholesky": lambda x: jnp.linalg.cholesky(positive(x)),
    "cho_solve": lambda x: jax.scipy.linalg.cho_solve(
        (jnp.linalg.cholesky(positive(x)), True), matrices(x)
    ),
    "eigh": lambda x: jnp.linalg.eigh(positive(x)),
}
FACTORISATIONS = ("lu", "cholesky", "eigh", "geqrf")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [2, 4])
def test_one_factorisation_at_any_order(name: str, order: int) -> None:
    x = jnp.linspace(-0.8, 0.9, 6)
    series = lambda x: oc.jet(FUNCTIONS[name], (x,), ([x] * order,))[1]
    plain = Counter(names_in(FUNCTIONS[name], x))
    pushed = Counter(names_in(series, x))
    # The plain value of a determinant has one of its own, which XLA finds to be the same.
    most = 2 if "det" in name else 1
    assert sum(pushed[n] for n in FACTORISATIONS) <= most
    if name in ("inv", "solve"):
        solves = plain["triangular_solve"]
        assert pushed["triangular_solve"] == solves * (1 + order)


@pytest.mark.parametrize(
    "name",
    only(
        ["slogdet, complex", "slogdet by QR", "det of one, vmapped"],
        [n for n in FUNCTIONS if "det" in n],
    ),
)
def test_determinants_agree_with_nested_jvp(name: str) -> None:
    program = Program(FUNCTIONS[name], shape=(6,))
    start, random = program.start(name)
    mixed = apolar(3, {(2, 0, 0): 1, (0, 2, 0): 3, (0, 0, 2): 1}, {(2, 1, 0): 1})
    pure = apolar(2, {(4, 0): 1, (0, 4): 2})
    for model in (mixed, pure):
        seeds = seeds_for(model, start, random)

        @partial(jax.jit, compiler_options=QUICK)
        def all_three(start, model=model, seeds=seeds):
            folded, plain = Tuning(fold_from=2), Tuning(fold_from=NEVER)
            return (
                by_nested_jvp(model, program, start, seeds),
                by_engine(model, program, start, seeds, folded),
                by_engine(model, program, start, seeds, plain),
            )

        want, *found = all_three(start)
        for got in found:
            assert worst_error(got, want) < 1e-10


def test_the_first_derivative_of_a_singular_determinant() -> None:
    half = np.random.default_rng(1).normal(size=(2, 4, 3))
    singular, change = jnp.asarray(half[0] @ half[1].T), jnp.eye(4)
    curve = lambda t: jnp.linalg.det(singular + t * change)
    want = jax.jit(lambda: jax.jvp(curve, (0.0,), (1.0,))[1])()
    got = jax.jit(lambda: oc.jet(curve, (0.0,), ([1.0, 0.0, 0.0],))[1][0])()
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_gradients_of_channels() -> None:
    x = jnp.linspace(-0.8, 0.9, 6)

    def channels(scale, laplacian):
        both = lambda x: (
            sum(FUNCTIONS["slogdet"](scale * x)) + FUNCTIONS["det"](x * scale)
        )
        return jnp.sum(laplacian(both)(x))

    def nested(fun):
        return lambda x: jnp.trace(jax.hessian(fun)(x), axis1=-2, axis2=-1)

    def slope(laplacian):
        return jax.jit(jax.grad(partial(channels, laplacian=laplacian)),
                       compiler_options=QUICK)  # fmt: skip

    got, want = slope(oc.taylor.laplacian)(1.1), slope(nested)(1.1)
    np.testing.assert_allclose(got, want, rtol=1e-10)
