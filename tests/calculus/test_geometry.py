"""Curvature and covariant derivatives against JAX by hand, and against exact metrics."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.shares import only

X = sp.symbols("t x y z")
POINTS = np.asarray(np.random.default_rng(0).uniform(0.3, 0.9, (5, 4)))


def unknown(d: int) -> sp.Matrix:
    name = lambda i, j: f"g{min(i, j)}{max(i, j)}"
    return sp.Matrix(d, d, lambda i, j: sp.Function(name(i, j))(*X[:d]))


def upper(g: sp.Matrix) -> list[sp.Expr]:
    d = g.shape[0]
    return [g[i, j] for i in range(d) for j in range(i, d)]


def general(d: int):
    """A metric of no symmetry, (d,) -> (d, d), of signature (-, +, ...)."""
    key = np.random.default_rng(d)
    weights = key.normal(size=(d, d, d))
    eta = np.diag([-2.0, *[2.0] * (d - 1)])

    def metric(point):
        part = 0.2 * jnp.tanh(weights @ point + jnp.sin(point))
        return eta + part + part.T

    return metric


def as_network(metric, d: int):
    rows, columns = np.triu_indices(d)
    return lambda point: metric(point)[rows, columns]


def christoffel(metric):
    def at(q):
        slopes = jax.jacfwd(metric)(q)
        low = slopes + jnp.swapaxes(slopes, 1, 2) - jnp.transpose(slopes, (2, 0, 1))
        return jnp.einsum("as,sbc->abc", jnp.linalg.inv(metric(q)), low / 2)

    return at


def riemann(metric):
    """From the Christoffel symbols and their derivatives, nothing lowered."""

    def at(q):
        gamma, slopes = christoffel(metric)(q), jax.jacfwd(christoffel(metric))(q)
        one = jnp.einsum("abdc->abcd", slopes) + jnp.einsum(
            "ace,ebd->abcd", gamma, gamma
        )
        return one - jnp.swapaxes(one, 2, 3)

    return at


def ricci(metric):
    return lambda q: jnp.einsum("abad->bd", riemann(metric)(q))


def without_trace(r, g):
    """Einstein's tensor of Ricci's."""
    return r - g * jnp.sum(jnp.linalg.inv(g) * r) / 2


CURVATURES = ("christoffel", "riemann", "ricci", "einstein")


@pytest.mark.parametrize("d", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_curvature_of_unknown_metrics(d: int) -> None:
    metric, points = general(d), POINTS[:, :d]
    arrays = [getattr(oc, name)(unknown(d), X[:d]) for name in CURVATURES]
    equations = [entry for array in arrays for entry in sp.flatten(array.tolist())]
    residual = oc.compile(equations, fields=upper(unknown(d)))

    def by_hand(q):
        whole, g = riemann(metric)(q), metric(q)
        traced = jnp.einsum("abad->bd", whole)
        parts = christoffel(metric)(q), whole, traced, without_trace(traced, g)
        return jnp.concatenate([part.ravel() for part in parts])

    @jax.jit
    def both(points):
        got = residual(as_network(metric, d), points)
        return jnp.stack(got, -1), jax.vmap(by_hand)(points)

    np.testing.assert_allclose(*both(points), rtol=1e-10, atol=1e-11)


def kerr_schild(mass: float, spin: float):
    """Kerr's metric in Cartesian Kerr-Schild coordinates; Schwarzschild's without spin."""

    def metric(q):
        _, x, y, z = q
        rho = x**2 + y**2 + z**2 - spin**2
        r = jnp.sqrt((rho + jnp.sqrt(rho**2 + 4 * spin**2 * z**2)) / 2)
        below = r**2 + spin**2
        null = jnp.stack([
            jnp.ones(()), (r * x + spin * y) / below, (r * y - spin * x) / below, z / r,
        ])  # fmt: skip
        height = mass * r**3 / (r**4 + spin**2 * z**2)
        return jnp.diag(jnp.array([-1.0, 1, 1, 1])) + 2 * height * jnp.outer(null, null)

    return metric


def schwarzschild(q):
    _, r, theta, _ = q
    f = 1 - 2 / r
    return jnp.diag(jnp.stack([-f, 1 / f, r**2, (r * jnp.sin(theta)) ** 2]))


VACUUM = {
    "Schwarzschild": schwarzschild,
    "Schwarzschild, Kerr-Schild": kerr_schild(1.0, 0.0),
    "Kerr": kerr_schild(1.0, 0.7),
}


@pytest.mark.parametrize("name", only(["Kerr"], VACUUM))
def test_black_holes_are_vacuum(name: str) -> None:
    points = POINTS + np.array([0.0, 3.0, 0.6, 1.0])
    g = unknown(4)
    first = [oc.einstein(g, X)[0, k] for k in range(4)]
    equations = [*upper(oc.ricci(g, X)), *first, oc.riemann(g, X)[0, 1, 0, 1]]
    residual = oc.compile(equations, fields=upper(g))
    network = as_network(VACUUM[name], 4)
    *flat, curved = jax.jit(lambda p: residual(network, p))(points)
    assert np.abs(flat).max() < 1e-10
    assert np.abs(curved).max() > 1e-3


def test_one_entry_and_its_derivative() -> None:
    metric = general(2)
    entry = oc.ricci(unknown(2), X[:2])[0, 1]
    equations = [entry, oc.D(entry, X[1]), entry.diff(X[0])]
    residual = oc.compile(equations, fields=upper(unknown(2)))

    def one(q):
        value = ricci(metric)(q)[0, 1]
        return value, value

    @jax.jit
    def both(points):
        got = residual(as_network(metric, 2), points)
        return got, jax.vmap(jax.jacfwd(one, has_aux=True))(points)

    got, (slopes, wanted) = jax.tree.map(np.asarray, both(POINTS[:, :2]))
    np.testing.assert_allclose(got[0], wanted, rtol=1e-10)
    np.testing.assert_allclose(got[1], slopes[:, 1], rtol=1e-9)
    np.testing.assert_allclose(got[2], slopes[:, 0], rtol=1e-9)


def test_the_gradient_by_parameters() -> None:
    metric = general(2)
    residual = oc.compile(oc.ricci(unknown(2), X[:2]), fields=upper(unknown(2)))
    points = POINTS[:, :2]

    def scaled(a):
        return lambda q: metric(a * q) + a * jnp.diag(q)

    def loss(a):
        found = residual(as_network(scaled(a), 2), points)
        return sum(jnp.sum(value**2) for value in found)

    want = lambda a: jnp.sum(jax.vmap(ricci(scaled(a)))(points) ** 2)
    both = lambda a: (jax.value_and_grad(loss)(a), jax.jvp(want, (a,), (1.0,)))
    got, exact = jax.jit(both)(0.9)
    np.testing.assert_allclose(got, exact, rtol=1e-9)


def test_single_precision_stays() -> None:
    single = lambda q: general(2)(q).astype(jnp.float32)
    residual = oc.compile(oc.ricci(unknown(2), X[:2]), fields=upper(unknown(2)))

    @jax.jit
    def both(points):
        got = residual(as_network(single, 2), points.astype(jnp.float32))
        return jnp.stack(got, -1), jax.vmap(ricci(general(2)))(points)

    got, want = both(POINTS[:, :2])
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want.reshape(5, 4), rtol=2e-3, atol=1e-5)


# Metrics of the coordinates alone.

theta, phi, a, b = sp.symbols("theta phi a b", positive=True)
SPHERE = sp.diag(a**2, a**2 * sp.sin(theta) ** 2)
TORUS = sp.diag(b**2, (a + b * sp.cos(theta)) ** 2)


def written(array):
    flat = sp.flatten(array.tolist()) if hasattr(array, "tolist") else [array]
    return [sp.simplify(entry.doit()) for entry in flat]


def test_written_out_in_coordinates() -> None:
    where = [theta, phi]
    sphere = sp.diag(1, sp.sin(theta) ** 2)
    assert written(oc.ricci(SPHERE, where)) == sp.flatten(sphere.tolist())
    assert written(oc.einstein(SPHERE, where)) == [0] * 4
    gauss = sp.cos(theta) / (b * (a + b * sp.cos(theta)))
    want = sp.flatten((gauss * TORUS).tolist())
    found = sp.flatten(oc.ricci(TORUS, where).tolist())
    assert [sp.simplify(x.doit() - y) for x, y in zip(found, want, strict=True)] == (
        [0] * 4
    )
    assert written(oc.christoffel(SPHERE, where)[0, 1, 1]) == [
        sp.simplify(-sp.sin(theta) * sp.cos(theta))
    ]
    assert set(written(oc.covariant(TORUS, TORUS, where))) == {0}


def test_laplace_beltrami_has_spherical_harmonics() -> None:
    u = sp.Function("u")(theta, phi)
    residual = oc.compile(oc.laplacian(u, oc.Metric(SPHERE, [theta, phi])))
    nets = {}
    for degree, order in [(1, 0), (2, 1), (3, 2)]:
        harmonic = sp.Ynm(degree, order, theta, phi).expand(func=True)
        function = sp.lambdify([theta, phi], sp.re(harmonic.as_real_imag()[0]), jnp)
        nets[degree] = lambda q, f=function: f(q[0], q[1])

    @jax.jit
    def all_of_them(points):
        both = lambda net: (residual(net, points, a=2.0), jax.vmap(net)(points))
        return {degree: both(net) for degree, net in nets.items()}

    for degree, (got, values) in all_of_them(POINTS[:, :2] + 0.4).items():
        want = -degree * (degree + 1) * np.asarray(values) / 2.0**2
        np.testing.assert_allclose(got, want, rtol=1e-10, err_msg=str(degree))


def laplace_beltrami(function, metric):
    """The determinant's form, (sqrt|g| g^ij u_j)_i / sqrt|g|, by nested derivatives."""
    root = lambda q: jnp.sqrt(jnp.abs(jnp.linalg.det(metric(q))))
    flux = lambda q: root(q) * jnp.linalg.inv(metric(q)) @ jax.grad(function)(q)
    return lambda q: jnp.trace(jax.jacfwd(flux)(q)) / root(q)


GIVEN = sp.diag(4, (3 + 2 * sp.cos(X[0])) ** 2, 1 + X[1] ** 2)


def given(q):
    return jnp.diag(
        jnp.stack([4.0 + 0 * q[0], (3 + 2 * jnp.cos(q[0])) ** 2, 1 + q[1] ** 2])
    )


@pytest.mark.parametrize("of_fields", [True, False])
def test_laplace_beltrami_of_fields_and_of_coordinates(of_fields: bool) -> None:
    g, metric = (unknown(3), general(3)) if of_fields else (GIVEN, given)
    u = sp.Function("u")(*X[:3])
    function = lambda q: jnp.sin(q[0] + 2 * q[1]) * q[2] ** 2 + q[0] * q[1]
    where = oc.Metric(g, X[:3])
    equations = [oc.laplacian(u, where), oc.div(oc.grad(u, where), where)]
    fields = [u, *upper(g)] if of_fields else [u]
    residual = oc.compile(equations, fields=fields, coordinates=X[:3])
    parts = lambda q: jnp.concatenate([function(q)[None], as_network(metric, 3)(q)])
    network = parts if of_fields else function
    exact = jax.vmap(laplace_beltrami(function, metric))
    both = jax.jit(lambda p: (residual(network, p), exact(p)))
    got, want = both(POINTS[:, :3])
    np.testing.assert_allclose(got[0], want, rtol=1e-9)
    np.testing.assert_allclose(got[1], want, rtol=1e-9)


r = sp.Symbol("r", positive=True)


@pytest.mark.parametrize("name", only(["Polar"], ["Polar", "Spherical"]))
def test_a_metric_agrees_with_an_orthogonal_system(name: str) -> None:
    # Physical components are those along coordinate lines times the scale factors.
    where = [r, theta, phi][: 2 if name == "Polar" else 3]
    system = getattr(oc, name)(*where)
    metric = oc.Metric(sp.diag(*(h**2 for h in system.scales)), where)
    scales = sp.Matrix(system.scales)
    f = r**2 * sp.sin(theta) * sp.cos(where[-1]) + r
    v = [r * sp.cos(theta), sp.sin(where[-1]) * r**2, sp.cos(phi) * sp.sin(theta)]
    v = sp.Matrix(v[: len(where)])
    physical = v.multiply_elementwise(scales)
    table = scales * scales.T
    pairs = [
        (oc.laplacian(f, system), oc.laplacian(f, metric)),
        (oc.div(physical, system), oc.div(v, metric)),
        (oc.grad(f, system), oc.grad(f, metric).multiply_elementwise(scales)),
        (
            oc.grad(physical, system),
            oc.grad(v, metric).multiply_elementwise(table),
        ),
        (
            oc.laplacian(physical, system),
            oc.laplacian(v, metric).multiply_elementwise(scales),
        ),
        (
            oc.advect(physical, physical, system),
            oc.advect(v, v, metric).multiply_elementwise(scales),
        ),
        (
            oc.strain(physical, system),
            oc.strain(v, metric).multiply_elementwise(table),
        ),
    ]
    for one, other in pairs:
        both = [
            sp.lambdify(where, [sp.S(e).doit() for e in sp.flatten([value])])
            for value in (one, other)
        ]
        np.testing.assert_allclose(
            *(f(*[1.3, 0.7, 0.4][: len(where)]) for f in both), rtol=1e-12
        )


def test_bianchi() -> None:
    # The divergence of the Einstein tensor vanishes, by third derivatives of the metric.
    g, d = unknown(2), 2
    mixed = oc.matmul(oc.inverse(g), oc.ricci(g, X[:d]))
    scalar = oc.trace(mixed)
    slopes = oc.covariant(mixed, g, X[:d], up=1)
    equations = [
        sum(slopes[a, c, a] for a in range(d)) - oc.D(scalar, X[c]) / 2
        for c in range(d)
    ]
    residual = oc.compile(equations, fields=upper(g))
    for got in residual(as_network(general(d), d), POINTS[:, :d]):
        np.testing.assert_allclose(got, 0, atol=1e-10)


def test_covariant_derivatives_of_every_kind() -> None:
    g, d = unknown(2), 2
    metric = general(d)
    part = lambda q: jnp.stack([
        jnp.stack([jnp.sin(q[0] * q[1]), q[0] ** 2]),
        jnp.stack([jnp.cos(q[1]), q[0] + q[1] ** 3]),
    ])  # fmt: skip
    T = sp.Matrix(2, 2, lambda i, j: sp.Function(f"T{i}{j}")(*X[:d]))
    net = lambda q: jnp.concatenate([as_network(metric, d)(q), part(q).reshape(-1)])

    def want(q, up):
        gamma, t, found = christoffel(metric)(q), part(q), jax.jacfwd(part)(q)
        for axis, letters in enumerate(["zj", "iz"]):
            turn = f"{'ij'[axis]}kz" if axis < up else f"zk{'ij'[axis]}"
            more = jnp.einsum(f"{turn},{letters}->ijk", gamma, t)
            found = found + more if axis < up else found - more
        return found

    kinds = range(3)
    arrays = [oc.covariant(T, g, X[:d], up) for up in kinds]
    residuals = [oc.compile(array, fields=[*upper(g), *T]) for array in arrays]

    @jax.jit
    def both(points):
        got = [jnp.stack(residual(net, points), -1) for residual in residuals]
        return got, [jax.vmap(partial(want, up=up))(points) for up in kinds]

    for up, got, exact in zip(kinds, *both(POINTS[:, :d]), strict=True):
        got = np.asarray(got).reshape(-1, d, d, d)
        np.testing.assert_allclose(got, exact, rtol=1e-10, err_msg=str(up))


def test_fields_of_some_coordinates() -> None:
    # A static, spherically symmetric metric, whose unknowns depend on r alone.
    t = sp.Symbol("t")
    A, B = (sp.Function(name)(r) for name in "AB")
    g = sp.diag(-A, B, r**2, r**2 * sp.sin(theta) ** 2)
    residual = oc.compile(
        oc.ricci(g, [t, r, theta, phi]), fields=[A, B], coordinates=[r, theta]
    )
    net = lambda q: jnp.stack([1 - 2 / q[0], 1 / (1 - 2 / q[0])])
    points = POINTS[:, :2] + jnp.array([3.0, 0])
    for value in residual(net, points):
        np.testing.assert_allclose(value, 0, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: oc.ricci(sp.eye(3), X), "4 by 4 matrix"),
        (lambda: oc.ricci(sp.Matrix([[1, 2], [3, 1]]), X[:2]), "symmetric"),
        (lambda: oc.ricci(sp.eye(2), [X[0], X[0]]), "distinct"),
        (lambda: oc.christoffel("g", X), "not a SymPy expression"),
        (lambda: oc.covariant([X[0]], sp.eye(2), X[:2]), "in 2 coordinates"),
        (lambda: oc.covariant(X[0], sp.eye(2), X[:2], up=1), "upper indices"),
        (lambda: oc.curl(list(X[:2]), oc.Metric(sp.eye(2), X[:2])), "curl"),
        (lambda: oc.div(list(X[:3]), oc.Metric(sp.eye(2), X[:2])), "components"),
    ],
)
def test_refused(call, message) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        call()
    assert message in str(caught.value)
    assert caught.value.hint


def test_every_entry_is_computed_once() -> None:
    g = unknown(3)
    operator = oc.compile(oc.ricci(g, X[:3]), fields=upper(g)).operator
    functions = [step.function for step in operator.program.steps]
    assert functions.count("linalg.inverse") == 1
    assert functions.count("linalg.einsum") < 12
    pairs = itertools.combinations_with_replacement(range(3), 2)
    assert len(operator.functionals) == len(list(pairs)) * 10
