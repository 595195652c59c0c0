"""Sums over components: held ones against the same sums written out, and nested AD."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend import write_out
from tests.draws import normal
from tests.hang import finishes

DIM = 5
x, t = oc.vector("x", DIM), sp.Symbol("t")
i, j, k = (oc.index(name, x) for name in "ijk")
u = sp.Function("u")(x, t)
N = sp.Function("N")(x)
constraint = 1 - oc.Sum(x[i] ** 2, i)
phase = x[i] + sp.cos(x[i + 1]) + x[i + 1] * sp.cos(x[i])
exact = constraint * oc.Sum(sp.cos(i + 1) * sp.sin(phase), (i, 0, DIM - 2))
sigma = sp.IndexedBase("sigma")
m = oc.index("m", 3)


def laplacian(f):
    return oc.Sum(oc.D(f, x[k], 2), k)


OPERATORS = {
    "heat": oc.D(u, t) - laplacian(u) + u**3,
    "squares before second derivatives": oc.Sum(x[i] ** 2 * oc.D(u, x[i], 2), i) / 2
    + oc.Sum(x[i] * oc.D(u, x[i]), i),
    "weights": t * oc.Sum(sp.sin(x[i]) * oc.D(u, x[i], 2), i),
    "gradient": oc.Sum(oc.D(u, x[i]) ** 2, i) + oc.Sum(u * sp.Abs(oc.D(u, x[i])), i),
    "two indices": oc.Sum(oc.D(u, x[i], 2, x[j], 2), i, j),
    "hard constraint": laplacian(constraint * N) + sp.sin(constraint * N),
    "source": laplacian(exact) + sp.sin(exact) + N,
    "slope of a source": oc.Sum(oc.D(exact, x[k]) ** 2, k) + N,
    "nested": laplacian(laplacian(constraint * N)),
    "fixed components": oc.D(N, x[3], 2, x[1]) + x[3],
    "in time": oc.Sum(oc.D(u, t, x[i], 2), i) + oc.D(u, t, 2),
    "neighbours": oc.Sum(oc.D(u, x[i], 1, x[i + 1], 2), (i, 0, DIM - 2)),
    "term by term": oc.Sum(sp.exp(oc.D(u, x[i], 2)) * x[i], (i, 1, DIM - 2)),
    "along a tangent twice": oc.Sum(x[i] * x[j] * oc.D(u, x[i], x[j]), i, j),
    "a full matrix": oc.Sum(sp.cos(x[i] * x[j]) * oc.D(u, x[i], x[j]), i, j),
    "two kinds in one": oc.Sum(x[i] * oc.D(u, x[i], 2) ** 2 + oc.D(u, x[i]), i),
    "gradient of a residual": oc.Sum(oc.D(laplacian(constraint * N) + exact, x[j]), j),
    "function of an inner sum": oc.Sum(sp.sin(x[i] * laplacian(N)), i),
    "other points": sp.Function("u")(x, 0) + laplacian(sp.Function("u")(x, t - 1)),
}


def network(dim):
    inner = normal((3, 0), (dim, 6)) / dim**0.5
    outer = normal((3, 1), (6,))
    return lambda z: jnp.sin(jnp.tanh(z @ inner) @ outer)


def points(dim):
    return normal(5, (3, dim)) / 2


@pytest.fixture
def held(monkeypatch):
    """Nothing is written out, however short."""
    monkeypatch.setattr(write_out, "WRITTEN_OUT", 0)


def width(equation):
    return DIM + (1 if equation.has(t) else 0)


@pytest.mark.parametrize("name", OPERATORS)
def test_held_sums_are_written_out_sums(name, monkeypatch) -> None:
    equation = OPERATORS[name]
    dim = width(equation)
    written = oc.compile(equation)
    monkeypatch.setattr(write_out, "WRITTEN_OUT", 0)
    held = oc.compile(equation)
    assert held.plan.verify()
    net = network(dim)
    both = jax.jit(lambda at: (held(net, at), written(net, at)))
    np.testing.assert_allclose(*both(points(dim)), rtol=1e-11)


@pytest.mark.parametrize("dim", [40, 300])
def test_against_jax_hessian(dim) -> None:
    y = oc.vector("y", dim)
    n = oc.index("n", y)
    v = sp.Function("v")(y)
    weighted = oc.Sum(sp.cos(n) * oc.D(v, y[n], 2), n) + oc.Sum(oc.D(v, y[n]) ** 4, n)
    net, at = network(dim), points(dim)

    def wanted(z):
        weights = jnp.cos(jnp.arange(dim))
        return jnp.trace(weights * jax.hessian(net)(z)) + jnp.sum(jax.grad(net)(z) ** 4)

    residual = oc.compile(weighted)
    found, exact = jax.jit(lambda at: (residual(net, at), jax.vmap(wanted)(at)))(at)
    np.testing.assert_allclose(found, exact, rtol=1e-10)


@pytest.mark.parametrize("per_point", [False, True], ids=["constant", "by point"])
def test_columns_of_a_matrix(per_point, held) -> None:
    equation = oc.Sum(sigma[i, m] * sigma[j, m] * oc.D(N, x[i], x[j]), i, j, m)
    residual = oc.compile(equation)
    (template,) = (s for s in residual.operator.sites if not s.plain)
    assert template.extents == ((0, 2),)  # it runs over columns, not over d^2 pairs
    net, at = network(DIM), points(DIM)
    shape = (3, DIM, 3) if per_point else (DIM, 3)
    matrix = normal(8, shape)
    square = np.broadcast_to(matrix @ np.swapaxes(matrix, -1, -2), (3, DIM, DIM))

    @jax.jit
    def both(sigma):
        hessians = jax.vmap(jax.hessian(net))(at)
        wanted = jnp.einsum("nij,nij->n", square, hessians)
        return residual(net, at, sigma=sigma), wanted

    np.testing.assert_allclose(*both(matrix), rtol=1e-12)


def test_points_by_name_and_gradients(held) -> None:
    residual = oc.compile(oc.D(u, t) - sp.Symbol("nu") * laplacian(u))
    at, net = points(DIM + 1), network(DIM + 1)
    laplace = lambda z: jnp.trace(jax.hessian(net)(z)[:DIM, :DIM])

    @jax.jit
    def found(nu):
        named = residual(net, {"x": at[:, :DIM], "t": at[:, DIM]}, nu=nu)
        slope = jax.grad(lambda nu: residual(net, at, nu=nu).sum())(nu)
        return named, residual(net, at, nu=nu), slope, jax.vmap(laplace)(at)

    named, listed, slope, trace = found(2.0)
    np.testing.assert_array_equal(named, listed)
    np.testing.assert_allclose(slope, -np.sum(trace), rtol=1e-12)


def test_a_million_components_compile_at_once() -> None:
    d = 1_000_000
    y = oc.vector("y", d)
    a, b = oc.index("a", y), oc.index("b", y)
    v = sp.Function("v")(y)
    w = 1 - oc.Sum(y[a] ** 2, a)
    s = w * oc.Sum(sp.sin(y[a] + sp.cos(y[a + 1])), (a, 0, d - 2))
    with finishes():  # 0.2 s; written out it would be hours
        for f in (w * v, s):
            oc.compile(oc.Sum(oc.D(f, y[b], 2), b) + sp.sin(f) + v)


def test_first_derivatives_are_one_tangent(held) -> None:
    residual = oc.compile(oc.Sum(x[i] * oc.D(N, x[i]), i))
    (push,) = residual.plan.pushes
    assert push.algebra.degrees == (1, 1)
    assert not residual.operator.sums


@pytest.mark.parametrize(
    ("equation", "offender", "way_out"),
    [
        (oc.D(u, x[i]), "i", "oc.Sum(..., i)"),
        (u.diff(x[i]) * t, "Derivative(x, x[i])", "oc.D(u, x[i], 2)"),
        (oc.Sum(x[i + 1] * N, i), "x[i + 1]", "shifted"),
        (oc.Sum(oc.D(N, x[2 * i]), (i, 0, 2)), "2*i", "x[i + 1]"),
        (sp.Function("w")(sp.IndexedBase("y")), "w(y)", "oc.vector"),
        (oc.Sum(x[i], (i, 0, sp.Symbol("n"))) + N, "Sum(x[i]", "bounds"),
        (oc.D(N, x[7]), "x[7]", "counted from 0"),
        (
            oc.Sum(sp.sin(oc.Sum(sp.cos(x[i] * x[j]) * N, j)), i),
            "sin(N(x)*Sum(cos(x[i]*x[j]), (j, 0, 4)))",
            "plain factor",
        ),
    ],
)
def test_messages(equation, offender, way_out, held) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equation)
    assert offender in str(caught.value)
    assert way_out in str(caught.value)


def test_points_that_do_not_fit(held) -> None:
    residual = oc.compile(laplacian(N))
    with pytest.raises(oc.OperatorError, match=r"x\[0\], ..., x\[4\]"):
        residual(network(4), points(4))
    with pytest.raises(oc.OperatorError, match="5 components"):
        residual(network(5), {"x": points(4)})


def test_a_matrix_of_moving_coefficients_is_held_early() -> None:
    """3 channels per direction and the value, where written out each pair is one."""
    n, m = oc.index("n", 4), oc.index("m", 4)
    z = oc.vector("z", 4)
    v = sp.Function("v")(z)
    matrix = oc.Sum(sp.cos(z[n] + 2 * z[m]) * oc.D(v, z[n], z[m]), n, m)
    equation = matrix**2 + oc.laplacian(v, z) * v + z[0] * oc.D(v, z[1], 2)
    net, at = network(4), points(4)
    held, written = oc.compile(equation), oc.compile(equation, strategy="nested")
    assert not all(site.plain for site in held.operator.sites)
    assert all(site.plain for site in written.operator.sites)
    both = jax.jit(lambda at: (held(net, at), written(net, at)))
    np.testing.assert_allclose(*both(at), rtol=1e-11)
    constant = oc.Sum((n + 2 * m) * oc.D(v, z[n], z[m]), n, m)
    assert all(site.plain for site in oc.compile(constant).operator.sites)
