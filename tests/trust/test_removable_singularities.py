"""Functions that only look singular: in fields, coefficients, sums, conditions, losses."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime import special
from tests.shares import only

x, y, n = sp.symbols("x y n")
u = sp.Function("u")
POINTS = np.array([[0.0], [1e-9], [-1e-8], [1e-4], [0.3]])
SINC = [1.0, 0.0, -1 / 3, 0.0, 1 / 5, 0.0, -1 / 7]


def net(point):
    return point[0]


def exact(function, order: int, points=POINTS[:, 0]) -> list[float]:
    with mp.workdps(40):
        return [float(mp.diff(function, mp.mpf(p), order)) for p in points]


@pytest.mark.parametrize(
    ("function", "judge"),
    [
        (sp.sinc, mp.sinc),
        (sp.Si, mp.si),
        (sp.Shi, mp.shi),
        (lambda w: sp.polylog(2, w), lambda z: mp.polylog(2, z)),
        (lambda w: sp.polylog(-2, w), lambda z: z * (1 + z) / (1 - z) ** 3),
        (lambda w: sp.jn(0, w) * sp.besselj(1, w), lambda z: mp.sinc(z) * mp.besselj(1, z)),
        (lambda w: sp.dirichlet_eta(1 + w), lambda z: mp.altzeta(1 + z)),
        (lambda w: sp.binomial(5, 6 + w), lambda z: mp.binomial(5, 6 + z)),
        (lambda w: sp.binomial(sp.Rational(7, 2), w - 3),
         lambda z: mp.binomial(3.5, z - 3)),
        (lambda w: sp.beta(w - sp.Rational(3, 2), sp.Rational(3, 2)),
         lambda z: mp.beta(z - 1.5, 1.5)),
        (lambda w: sp.sinc(sp.sin(w)), lambda z: mp.sinc(mp.sin(z))),
    ],
)  # fmt: skip
def test_of_a_field_and_as_a_coefficient(function, judge) -> None:
    of_field, coefficient = function(u(x)), function(x) * u(x)
    residual = oc.compile([
        sp.Derivative(of_field, x), sp.Derivative(of_field, (x, 2)), oc.D(of_field, x, 3),
        sp.Derivative(coefficient, x), oc.D(coefficient, x, 2),
    ])  # fmt: skip
    found = jax.jit(lambda points: residual(net, points))(POINTS)
    product = lambda z: judge(z) * z
    wanted = [exact(judge, k) for k in (1, 2, 3)]
    wanted += [exact(product, k) for k in (1, 2)]
    for got, want in zip(found, wanted, strict=True):
        size = max(1.0, *np.abs(want))
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * size)


def test_every_order_at_zero() -> None:
    f = sp.sinc(u(x))
    residual = oc.compile([f, *(sp.Derivative(f, (x, k)) for k in range(1, 7))])
    values = jax.jit(lambda points: residual(net, points))
    for beside in (0.0, 1e-12, 1e-9, 1e-8):
        found = np.ravel(values(np.array([[beside]])))
        np.testing.assert_allclose(found, SINC, atol=1e-7)


@pytest.mark.parametrize("k", only([0, 3], range(7)))
def test_jax_differentiates_by_the_next_order(k: int) -> None:
    at = np.array([0.0, 1e-9, 0.3, 8.0, -40.0])
    functions = special.mean_of_cos, special.mean_of_cosh, special.sin_pi

    @jax.jit
    def everything(at):
        slopes = [jax.vmap(jax.grad(lambda z, f=f: f(k, z)))(at) for f in functions]
        return slopes, [f(k + 1, at) for f in functions]

    for slope, want in zip(*everything(at), strict=True):
        np.testing.assert_allclose(slope, want, rtol=1e-12, atol=1e-14)


def test_gradients_of_a_loss() -> None:
    residual = oc.compile(sp.Derivative(sp.sinc(u(x)), x))
    loss = lambda s: jnp.sum(residual(lambda z: s + z[0], np.zeros((1, 1))))
    third = lambda s: oc.taylor.derivatives(loss, 3)(s)[3]
    both = jax.jit(lambda s: (jax.value_and_grad(loss)(s), third(s)))
    (value, slope), third = both(0.0)
    np.testing.assert_allclose(value, 0.0, atol=1e-15)
    np.testing.assert_allclose(slope, -1 / 3, rtol=1e-12)
    np.testing.assert_allclose(third, 1 / 5, rtol=1e-12)


def test_of_two_coordinates_and_in_a_sum() -> None:
    radius = sp.sqrt(x**2 + y**2)
    w = u(x, y)
    residual = oc.compile([
        sp.Derivative(sp.sinc(w), x, y),
        sum(sp.Derivative(sp.sinc(k * w), (x, 2)) for k in (1, 2)),
        sp.sinc(radius) * w,
    ])  # fmt: skip
    net = lambda z: z[0] + 2 * z[1]
    found = jax.jit(lambda points: residual(net, points))(np.zeros((1, 2)))
    np.testing.assert_allclose(np.ravel(found), [-2 / 3, -5 / 3, 0.0], rtol=1e-12)


def test_in_a_vector_of_many_components() -> None:
    v = oc.vector("v", 30)
    i = oc.index("i", over=v)
    w = u(v)
    residual = oc.compile(oc.Sum(oc.D(sp.sinc(w), v[i], 2), i))
    found = jax.jit(lambda points: residual(jnp.sum, points))(np.zeros((1, 30)))
    np.testing.assert_allclose(found, [-10.0], rtol=1e-12)


def test_complex_fields_and_what_is_not_analytic() -> None:
    residual = oc.compile(sp.Derivative(sp.sinc(u(x)), x))
    run = jax.jit(lambda points: residual(lambda z: 1j * z[0], points))
    (found,) = run(np.array([[1e-3]]))
    with mp.workdps(30):
        wanted = complex(1j * mp.diff(mp.sinc, mp.mpc(0, 1e-3)))
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    with pytest.raises(oc.OperatorError, match="complex"):
        oc.compile(sp.dirichlet_eta(u(x)))(lambda z: 1j * z[0], np.ones((1, 1)))


@pytest.mark.parametrize(
    "function", [lambda w: sp.polylog(3, w), lambda w: sp.dirichlet_eta(w, 2)]
)
def test_a_function_that_is_refused_has_no_derivative_either(function) -> None:
    with pytest.raises(oc.OperatorError, match="no translation"):
        oc.compile(sp.Derivative(function(u(x)), x))
