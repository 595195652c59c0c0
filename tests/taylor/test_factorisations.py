"""Linear algebra: one factorisation of the plain matrix, at any order, for any family."""

import math
from collections import Counter
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import mpmath
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

SHIFT = np.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 6)))
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


@pytest.mark.parametrize(
    ("order", "name"),
    only(
        [*product([4], FUNCTIONS), (2, "slogdet"), (2, "inv")],
        product([2, 4], FUNCTIONS),
    ),
)
def test_one_factorisation_at_any_order(order: int, name: str) -> None:
    x = np.linspace(-0.8, 0.9, 6)
    series = lambda x: oc.jet(FUNCTIONS[name], (x,), ([x] * order,))[1]
    plain = Counter(names_in(FUNCTIONS[name], x))
    pushed = Counter(names_in(series, x))
    # The plain value of `slogdet` has one of its own, which XLA finds to be the same; `det`
    # has a factorisation that is not a primitive.
    most = 2 if "slogdet" in name else 0 if "det" in name else 1
    assert sum(pushed[n] for n in FACTORISATIONS) <= most
    if name in ("inv", "solve"):
        solves = plain["triangular_solve"]
        assert pushed["triangular_solve"] == solves * (1 + order)


@pytest.mark.parametrize(
    ("name", "symbols"),
    only(
        [("slogdet, complex", "mixed"), ("slogdet by QR", "pure")],
        product([n for n in FUNCTIONS if "det" in n], ("mixed", "pure")),
    ),
)
def test_determinants_agree_with_nested_jvp(name: str, symbols: str) -> None:
    """Directions of pure powers fold, those beside u_xxy do not."""
    program = Program(FUNCTIONS[name], shape=(6,))
    start, random = program.start(name)
    mixed = apolar(3, {(2, 0, 0): 1, (0, 2, 0): 3, (0, 0, 2): 1}, {(2, 1, 0): 1})
    pure = apolar(2, {(4, 0): 1, (0, 4): 2})
    folded, plain = Tuning(fold_from=2), Tuning(fold_from=NEVER)
    model, ways = {"mixed": (mixed, [plain]), "pure": (pure, [folded, plain])}[symbols]
    seeds = seeds_for(model, start, random)

    @partial(jax.jit, compiler_options=QUICK)
    def everybody(start):
        found = [by_engine(model, program, start, seeds, way) for way in ways]
        return by_nested_jvp(model, program, start, seeds), *found

    want, *found = everybody(start)
    for got in found:
        assert worst_error(got, want) < 1e-10


RANKS = (0, -1, -2, -3)
HOWS = ("exactly", "by permuted places", "rounded", 1e-8, 1e-11, 1e-14)


def of_ranks(size):
    """Matrices of rank n to n - 3, whose zeros are zero, rounded, or numbers like 1e-8."""
    random = np.random.default_rng(1)
    for rank in RANKS:
        for how in HOWS:
            diagonal = np.diag(
                (0.5 + np.arange(size)) * (np.arange(size) < size + rank)
            )
            if how == "exactly":
                yield diagonal
                continue
            if how == "by permuted places":
                yield diagonal[random.permutation(size)][:, random.permutation(size)]
                continue
            small = 0.0 if how == "rounded" else how
            turns = random.normal(size=(2, size, size))
            first, last = (np.linalg.qr(turn)[0] for turn in turns)
            yield first @ (diagonal + small * np.eye(size)) @ last


def exact_series(matrix, change, order):
    """Taylor coefficients of det(A + t B) and of their gradients by A, in 60 digits.

    By the values and cofactors at n + 1 nodes, in numbers that are exact enough.
    """
    size = len(matrix)
    with mpmath.workdps(60):
        start, slope = mpmath.matrix(matrix.tolist()), mpmath.matrix(change.tolist())
        nodes = range(1, size + 2)
        at = [start + t * slope for t in nodes]
        values = [mpmath.det(a) for a in at]
        cofactors = [v * (a**-1).T for v, a in zip(values, at, strict=True)]
        powers = mpmath.matrix(
            [[mpmath.mpf(t) ** k for k in range(size + 1)] for t in nodes]
        )
        inverse = powers**-1
        rows = range(order + 1)
        sums = lambda k, each: mpmath.fsum(
            inverse[k, t] * e for t, e in enumerate(each)
        )
        coefficients = [float(sums(k, values)) for k in rows]
        slopes = [
            [
                [float(sums(k, [c[i, j] for c in cofactors])) for j in range(size)]
                for i in range(size)
            ]
            for k in rows
        ]
    return np.array(coefficients), np.array(slopes)


@pytest.mark.parametrize("size", [4, 5, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_determinants_of_any_rank(size: int, order: int) -> None:
    """Values, derivatives and their gradients, at singular matrices and next to them."""
    starts = np.array(list(of_ranks(size)))
    change = np.random.default_rng(2).normal(size=(size, size))

    def series(start):
        curve = lambda t: jnp.linalg.det(start + t * change)
        value, above = oc.jet(curve, (0.0,), ([1.0, *[0.0] * (order - 1)],))
        scales = [math.factorial(k) for k in range(order + 1)]
        return jnp.stack([value, *above]) / jnp.array(scales)

    both = lambda start: (series(start), jax.jacrev(series)(start))
    got = jax.jit(jax.vmap(both), compiler_options=QUICK)(starts)
    got = jax.tree.map(np.asarray, got)
    for k, start in enumerate(starts):
        for found, wanted in zip(got, exact_series(start, change, order), strict=True):
            size_of = np.abs(start).max() ** size
            np.testing.assert_allclose(
                found[k], wanted, rtol=1e-9, atol=1e-13 * size_of, err_msg=str(k)
            )


def test_determinants_of_complex_matrices_of_any_rank() -> None:
    turn = 0.6 + 0.8j
    starts = turn * np.array(list(of_ranks(4)))
    change = np.random.default_rng(2).normal(size=(4, 4))
    curve = lambda t: jnp.linalg.det(starts + t * turn * change)
    plain = lambda t: jnp.linalg.det((starts / turn).real + t * change)
    seeds = (0.0,), ([1.0, 0.0, 0.0],)
    got, want = jax.jit(
        lambda: [jnp.stack(oc.jet(f, *seeds)[1]) for f in (curve, plain)]
    )()
    np.testing.assert_allclose(got, want * turn**4, rtol=1e-9, atol=1e-9)


def test_a_determinant_of_no_numbers_is_none() -> None:
    @jax.jit
    def jet(matrix):
        curve = lambda t: jnp.linalg.det(matrix + t)
        value, above = oc.jet(curve, (0.0,), ([1.0, 0.0],))
        return jnp.stack([value, *above])

    for number in (math.nan, math.inf):
        matrix = np.eye(4)
        matrix[1, 2] = number
        assert not np.isfinite(jet(matrix)).any(), number


def test_a_determinant_within_derivatives_of_derivatives() -> None:
    """A push through what a push has made, and mapped over points as users map."""

    def fun(x):
        return jnp.linalg.det(matrices(x)[0] - 1.5 * jnp.eye(4))

    twice = lambda outer: lambda x: outer(lambda y: oc.taylor.laplacian(fun)(y))(x)
    nested = lambda g: lambda x: jnp.trace(jax.hessian(g)(x))
    points = jnp.linspace(-0.8, 0.9, 12).reshape(2, 6)
    got, want = jax.jit(
        lambda x: [jax.vmap(f)(x) for f in (twice(oc.taylor.laplacian), twice(nested))],
        compiler_options=QUICK,
    )(points)
    np.testing.assert_allclose(got, want, rtol=1e-9)


@pytest.mark.parametrize("name", only(["slogdet"], ["slogdet", "det"]))
def test_gradients_of_channels(name: str) -> None:
    x = np.linspace(-0.8, 0.9, 6)

    def channels(scale, laplacian):
        total = lambda x: sum(jax.tree.leaves(FUNCTIONS[name](scale * x)))
        return jnp.sum(laplacian(total)(x))

    def nested(fun):
        along = lambda e: lambda x: jax.jvp(fun, (x,), (e,))[1]
        twice = lambda x, e: jax.jvp(along(e), (x,), (e,))[1]
        return lambda x: jax.vmap(lambda e: twice(x, e))(jnp.eye(len(x))).sum(0)

    slope = lambda laplacian: jax.grad(partial(channels, laplacian=laplacian))
    both = lambda scale: (slope(oc.taylor.laplacian)(scale), slope(nested)(scale))
    np.testing.assert_allclose(*jax.jit(both, compiler_options=QUICK)(1.1), rtol=1e-10)
