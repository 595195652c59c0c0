"""A network's Python runs once per call of a residual, whatever is pushed through it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import uniform

t, x, s, k = sp.symbols("t x s k")
U = sp.Function("u")
u = U(t, x)
POINTS = uniform(0, (3, 2), minval=0.2)
STRATEGIES = ["auto", "algebra", "reverse", "nested", "partition", "polarization"]
SITES = u.diff(t) + U(0, x).diff(x) * U(t, -x) + U(t, 1) + u.diff(x, 3)


def plain(z):
    return jnp.exp(z[0]) * jnp.sin(2 * z[1])


class Counted:
    """A function that counts its calls: a side effect."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *operands):
        self.calls += 1
        return self.function(*operands)


def at_sites(points):
    a, b = points[:, 0], points[:, 1]
    f = lambda a, b: np.exp(a) * np.sin(2 * b)
    slope = 2 * np.cos(2 * b)
    third = -8 * np.exp(a) * np.cos(2 * b)
    return f(a, b) + slope * f(a, -b) + f(a, 1.0) + third


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_trace_serves_several_sites_in_every_strategy(strategy):
    net = Counted(plain)
    residual = oc.compile(SITES, strategy=strategy)
    np.testing.assert_allclose(residual(net, POINTS), at_sites(POINTS), rtol=1e-10)
    assert net.calls == 1
    residual(net, POINTS)
    assert net.calls == 2


X = oc.vector("x", 5)
i, j = oc.index("i", X), oc.index("j", X)
N = sp.Function("n")(X)
LAPLACIAN = oc.Sum(oc.D(N, X[i], 2), i)
CASES = {
    "gradients in reverse": (oc.Sum(X[i] * oc.D(N, X[i]) ** 2, i) + N, {}, {}),
    "a sum and its square": (LAPLACIAN**2 + oc.Sum(oc.D(N, X[i]), i), {}, {}),
    "in chunks": (LAPLACIAN, {"chunk": 2}, {}),
    "kept for the gradient": (LAPLACIAN, {"remat": True}, {}),
    "sampled": (
        LAPLACIAN + N,
        {"estimator": oc.Sparse(3)},
        {"key": jax.random.key(1)},
    ),
    "random directions": (
        LAPLACIAN**2 + N,
        {"estimator": oc.Dense(3)},
        {"key": jax.random.key(1)},
    ),
}


@pytest.mark.filterwarnings("ignore:the estimate")
@pytest.mark.parametrize(("expression", "options", "given"), CASES.values(), ids=CASES)
def test_one_trace_serves_templates(expression, options, given):
    net = Counted(lambda z: jnp.sum(jnp.sin(z) ** 2))
    residual = oc.compile(expression, **options)
    points = np.linspace(0.1, 1, 10).reshape(2, 5)
    both = lambda p: [residual(f, p, **given) for f in (net, net.function)]
    np.testing.assert_array_equal(*jax.jit(both)(points))
    assert net.calls == 1


def test_one_trace_under_integrals():
    memory = oc.compile(U(x).diff(x) + oc.Integral(U(s), (s, 0, x)) + U(0))
    net = Counted(lambda z: jnp.cos(z[0]))
    line = np.linspace(0.1, 1, 4)[:, None]
    found = memory(net, line, quadrature={"s": oc.gauss_legendre(12)})
    np.testing.assert_allclose(found, 1.0, rtol=1e-12)
    assert net.calls == 1


def test_one_trace_inside_transformations():
    residual = oc.compile(SITES)
    net = Counted(plain)
    total = lambda p: jnp.sum(residual(net, p) ** 2)
    jax.jit(jax.grad(total))(POINTS)
    assert net.calls == 1
    jax.jit(jax.vmap(lambda p: residual(net, p)))(POINTS)
    assert net.calls == 2
    bound = residual.bind(Counted(lambda params, z: params * plain(z)))
    bound(2.0, POINTS)
    bound(3.0, POINTS)
    assert bound._apply.calls == 1


def test_each_function_of_a_dict_is_traced_once():
    v = sp.Function("v")(t, x)
    residual = oc.compile([u.diff(t, 2) - v.diff(x), v * u.diff(x)])
    first, second = Counted(plain), Counted(lambda z: z[0] * z[1] ** 2)
    residual({"u": first, "v": second}, POINTS)
    assert (first.calls, second.calls) == (1, 1)
    residual({"u": first, "v": first}, POINTS)
    assert first.calls == 2


def test_parameters_that_are_functions_are_traced_once():
    residual = oc.compile(u.diff(t) + k * u)
    factor = Counted(lambda z: z[0] - z[1])
    found = residual(plain, POINTS, k=factor)
    a, b = POINTS.T
    np.testing.assert_allclose(found, (1 + a - b) * np.exp(a) * np.sin(2 * b))
    assert factor.calls == 1


class Remembering(eqx.Module):
    """A network that may replace its state once: Equinox raises for an old one."""

    index: eqx.nn.StateIndex

    def __init__(self):
        self.index = eqx.nn.StateIndex(jnp.asarray(2.0))

    def __call__(self, z, state):
        factor = state.get(self.index)
        return factor * plain(z), state.set(self.index, factor + 1)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("constant", [3.0, jnp.float64(3)])
def test_a_network_may_be_a_constant(strategy, constant):
    residual = oc.compile([u.diff(t) + U(t, 0), u.diff(x)], strategy=strategy)
    found = np.stack(residual(lambda z: constant, POINTS))
    np.testing.assert_array_equal(found, [[constant] * 3, [0.0] * 3])


@pytest.mark.parametrize("strategy", ["auto", "reverse", "nested"])
def test_a_state_of_equinox_is_replaced_once(strategy):
    model, state = eqx.nn.make_with_state(Remembering)()
    residual = oc.compile(u.diff(t) + U(0, x).diff(x) + u.diff(x, 2), strategy=strategy)
    found = residual(lambda z: model(z, state)[0], POINTS)
    a, b = POINTS.T
    want = -6 * np.exp(a) * np.sin(2 * b) + 4 * np.cos(2 * b)
    np.testing.assert_allclose(found, want, rtol=1e-10)


def test_what_a_function_closes_over_is_read_at_each_call():
    residual = oc.compile(u.diff(t))
    held = {"factor": 1.0}
    net = lambda z: held["factor"] * z[0] * z[1]
    once = residual(net, POINTS)
    held["factor"] = 2.0
    np.testing.assert_allclose(residual(net, POINTS), 2 * once)
