"""Places, nodes, directions are real, or refused: no imaginary part is dropped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal

x, y, k, s = sp.symbols("x y k s")
c = sp.IndexedBase("c")
u = sp.Function("u")
POINTS = np.array([[0.3], [0.9]])
NODES, WEIGHTS = oc.gauss_legendre(6)


def wave(z):
    return jnp.sin(z[0])


PLACES = {
    "unit": (u(sp.I * x) + u(x), {}),
    "parameter": (u(k * x) + u(x), {"k": 1j}),
    "complex dtype": (u(k * x) + u(x), {"k": np.array(2 + 0j)}),
    "per point": (u(x + k) + u(x), {"k": np.array([1j, 2.0])}),
    "of the point": (u(x + k) + u(x), {"k": lambda z: 1j * z[0]}),
    "constant": (u(x + sp.sqrt(-2)) + u(x), {}),
    "function": (u(sp.exp(sp.I * x)) + u(x), {}),
    "case": (u(sp.Piecewise((sp.I * x, x > 0.5), (x, True))) + u(x), {}),
    "derivative": (u(k * x).diff(x, 2) + u(x), {"k": 1j}),
    "pinned": (sp.Subs(u(y).diff(y), y, sp.I) + u(x), {}),
    "second field": (u(x) + sp.Function("v")(sp.I * x), {}),
}


@pytest.mark.parametrize("name", PLACES)
def test_complex_places(name):
    equation, given = PLACES[name]
    net = {"u": wave, "v": wave} if name == "second field" else wave
    residual = oc.compile(equation, coordinates=[x])
    with pytest.raises(oc.OperatorError, match=r"argument .* is complex"):
        residual(net, POINTS, **given)


def test_places_that_are_real_by_what_is_taken_of_them():
    residual = oc.compile(u(sp.re(k) * x) + u(sp.Abs(k) * x) * k, coordinates=[x])
    got = residual(wave, POINTS, k=3 + 4j)
    z = np.asarray(POINTS[:, 0])
    want = np.sin(3 * z) + np.sin(5 * z) * (3 + 4j)
    np.testing.assert_allclose(got, want, rtol=1e-14)


def test_complex_points():
    residual = oc.compile(u(x))
    for points in (POINTS + 0j, {"x": POINTS[:, 0] * 1j}):
        with pytest.raises(oc.OperatorError, match="complex128"):
            residual(wave, points)


@pytest.mark.parametrize(
    ("nodes", "weights"), [(NODES + 0j, WEIGHTS), (NODES, 1j * WEIGHTS)]
)
def test_complex_quadrature(nodes, weights):
    residual = oc.compile(oc.Integral(u(s) * x, (s, 0, x)))
    with pytest.raises(oc.OperatorError, match="quadrature rule of s is complex"):
        residual(wave, POINTS, quadrature={"s": (nodes, weights)})


@pytest.mark.parametrize("end", [sp.I, k, x + sp.I * k])
def test_complex_ends_of_integrals(end):
    residual = oc.compile(u(x) + oc.Integral(u(s), (s, 0, end)), coordinates=[x])
    given = {"k": 1j} if "k" in residual.parameters else {}
    with pytest.raises(oc.OperatorError, match=r"argument .* is complex"):
        residual(wave, POINTS, quadrature={"s": (NODES, WEIGHTS)}, **given)


def test_text():
    head = "coordinates x in [0, 1]; complex field u; parameter k; "
    problem = oc.parse(head + "e: u(k*x) + u = 0; boundary b: u(x=0) = u(x=2*I)")
    complex_wave = lambda z: jnp.sin(z[0]) * (1 + 1j)
    with pytest.raises(oc.OperatorError, match=r"argument k\*x of a field is complex"):
        oc.compile(problem)(complex_wave, POINTS, k=1j)
    with pytest.raises(oc.OperatorError, match=r"argument 2\*I of a field is complex"):
        oc.compile(problem.condition("b"))(complex_wave, POINTS)


X = oc.vector("x", 12)
i = oc.index("i", X)
v = u(X)
LONG = normal(0, (3, 12))


def weighted(z):
    return jnp.sum(jnp.sin(z) * jnp.arange(1, 13))


@pytest.mark.parametrize(
    "equation",
    [
        oc.Sum(c[i] * oc.D(v, X[i]), i),
        oc.Sum(c[i] ** 2 * oc.D(v, X[i], 2), i),
        oc.Sum(c[0] ** i * oc.D(v, X[i]), i),
    ],
)
def test_complex_directions(equation):
    """Coefficients that become the entries or the length of a direction."""
    with pytest.raises(oc.OperatorError, match="direction is real"):
        oc.compile(equation)(weighted, LONG, c=np.arange(12) * 1j)


def test_complex_directions_by_their_parts():
    parts = [oc.Sum(f(c[i]) * oc.D(v, X[i]), i) for f in (sp.re, sp.im)]
    numbers = np.arange(12) * (1 + 2j)
    residual = oc.compile(parts[0] + sp.I * parts[1])
    got = jax.jit(lambda points: residual(weighted, points, c=numbers))(LONG)
    want = np.cos(LONG) @ (np.arange(1, 13) * numbers)
    np.testing.assert_allclose(got, want, rtol=1e-13)
