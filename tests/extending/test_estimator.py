"""The page on estimators: its code runs with public imports and draws without bias."""

import re
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.sampling.laws import LAWS
from tests.draws import normal

PAGE = Path(__file__).parents[2] / "docs" / "extending" / "estimator.md"
DIM, SAMPLES, DRAWS = 10, 4, 400
x = oc.vector("x", DIM)
i, j = oc.index("i", x), oc.index("j", x)
u = sp.Function("u")(x)


@pytest.fixture(scope="module")
def page():
    """What the page's code defines; its law is taken back: the catalogue lists all."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {"__name__": "page"}
    with mock.patch.dict(LAWS):
        exec("\n".join(code), names)
        yield names


def network(p):
    return jnp.sum(jnp.sin(p * jnp.arange(1, DIM + 1) / 3)) + (p @ p) ** 2 * p[0] / 10


POINTS = normal(1, (3, DIM))


def check_unbiased(equation, estimator) -> None:
    """Compares the mean of many draws with the exact value, in standard errors."""
    residual, plain = oc.compile(equation, estimator=estimator), oc.compile(equation)

    @jax.jit
    def both(key):
        draw = jax.vmap(lambda key: residual(network, POINTS, key=key))
        return draw(jax.random.split(key, DRAWS)), plain(network, POINTS)

    found, exact = both(jax.random.key(2))
    error = np.std(found, axis=0, ddof=1) / DRAWS**0.5
    assert np.all(error > 0)
    np.testing.assert_array_less(np.abs(np.mean(found, axis=0) - exact), 4 * error)


LAPLACIAN = oc.Sum(oc.D(u, x[i], 2), i)


@pytest.mark.parametrize("per_point", [False, True], ids=["one draw", "per point"])
@pytest.mark.parametrize("samples", [SAMPLES, 3], ids=["even", "uneven"])
def test_a_linear_sum_is_unbiased(page, samples, per_point) -> None:
    check_unbiased(LAPLACIAN + u, page["Stratified"](samples, per_point))


def test_a_nonlinear_sum_is_unbiased(page) -> None:
    equation = oc.Sum(x[i] * sp.sin(oc.D(u, x[i], 2)), i)
    check_unbiased(equation, page["Stratified"](SAMPLES))


def test_all_terms_are_exact_and_the_variance_is_within_stretches(page) -> None:
    exact = oc.compile(LAPLACIAN)
    every = oc.compile(LAPLACIAN, estimator=page["Stratified"](DIM))
    smooth = lambda p: jnp.sum(jnp.arange(DIM) * p**2)  # terms grow with their number
    mine = oc.compile(LAPLACIAN, estimator=page["Stratified"](SAMPLES))
    sparse = oc.compile(LAPLACIAN, estimator=oc.Sparse(SAMPLES))

    @jax.jit
    def everything(points):
        key = jax.random.key(4)
        both = every(network, points, key=key), exact(network, points)
        return both, [r.variance(smooth, points, key) for r in (mine, sparse)]

    both, (ours, theirs) = everything(POINTS)
    np.testing.assert_allclose(*both)
    assert np.all(ours < theirs / 3)


def test_it_says_what_it_does_and_what_it_does_not(page) -> None:
    estimator = page["Stratified"](SAMPLES)
    residual = oc.compile(LAPLACIAN, estimator=estimator)
    assert "one term of each of 4 stretches, one draw for all points" in (
        residual.explain()
    )
    with pytest.raises(oc.OperatorError, match="stretches are of one index"):
        oc.compile(oc.Sum(oc.D(u, x[i], 2, x[j], 2), i, j), estimator=estimator)
    with pytest.warns(UserWarning, match="is biased"):
        oc.compile(LAPLACIAN**2, estimator=estimator)


def test_a_law_of_ones_own(page) -> None:
    biharmonic = oc.Sum(oc.D(u, x[i], 2, x[j], 2), i, j)
    check_unbiased(biharmonic, oc.Dense(2, "three points"))
    with pytest.raises(oc.OperatorError, match="do not have the moments"):
        oc.compile(oc.Sum(oc.D(u, x[i], 3), i), estimator=oc.Dense(2, "three points"))
    with pytest.raises(oc.OperatorError, match="already"):
        page["register_law"](
            page["independent"]("gaussian", page["moment"], page["sample"])
        )
