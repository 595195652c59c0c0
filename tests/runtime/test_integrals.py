"""Integrals by quadrature: closed forms, nested differentiation, gradients, refusals."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.corpus import fractional_laplacian
from tests.oracle.networks import Bank
from tests.oracle.reference import NODES, reference

x, y, s, r, a, b = sp.symbols("x y s r a b")
u, v = sp.Function("u"), sp.Function("v")
POINTS = np.random.default_rng(5).uniform(0.2, 0.9, (6, 2))
X, Y = POINTS.T
RULE = oc.gauss_legendre(NODES)


def cubic(point):
    return point[0] ** 3 - 2 * point[0] + 1


CLOSED = {
    "fixed limits": (oc.Integral(u(s), (s, 0, 2)), 4 - 4 + 2),
    "volterra": (oc.Integral(u(s), (s, 0, x)), X**4 / 4 - X**2 + X),
    "kernel": (oc.Integral((x - s) * u(s), (s, 0, x)), X**5 / 20 - X**3 / 3 + X**2 / 2),
    "derivative inside": (oc.Integral(u(s).diff(s), (s, 1, x)), X**3 - 2 * X + 1),
    "squared derivative": (
        oc.Integral(sp.Derivative(u(s), (s, 2)) ** 2, (s, 0, x)),
        12 * X**3,
    ),
    "shifted": (oc.Integral(u(x + s), (s, -x, y)), None),
    "double": (
        oc.Integral(s * r * u(s), (s, 0, r), (r, 0, x)),
        X**7 / 35 - 2 * X**5 / 15 + X**4 / 8,
    ),
    "both limits move": (oc.Integral(u(s) * y, (s, -x, y)), None),
    "field outside": (u(x) * oc.Integral(u(s), (s, 0, x)) ** 2, None),
    "no field": (u(x) - oc.Integral(sp.exp(-(s**2)), (s, 0, x)), None),
    "outside of time": (
        sp.Derivative(oc.Integral(u(s) * sp.exp(s * x), (s, 0, x)), (x, 2)),
        None,
    ),
    "nested": (
        oc.Integral(u(s) * oc.Integral(u(r), (r, 0, s)), (s, 0, x)),
        (X**4 / 4 - X**2 + X) ** 2 / 2,
    ),
    "cases": (
        oc.Integral(sp.Piecewise((u(s), s < x), (0, True)), (s, 0, y)) - u(x),
        None,
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_and_the_reference(name: str) -> None:
    expression, closed = CLOSED[name]
    residual = oc.compile(expression, coordinates=[x, y])
    rules = {variable: RULE for variable, *_ in residual.operator.axes}

    @jax.jit
    def both(at):
        value = residual(cubic, at, quadrature=rules)
        if closed is not None:
            return value, closed
        return value, *reference([expression], [x, y], {"u": cubic}, at)

    value, wanted = both(POINTS)
    assert np.max(np.abs(value - wanted)) <= 1e-12 * np.max(np.abs(wanted))


def test_a_rule_of_n_nodes_is_exact_to_degree_2n_minus_1() -> None:
    residual = oc.compile(oc.Integral(u(s), (s, 0, x)), coordinates=[x])

    def powers(at, count):
        rule = {"s": oc.gauss_legendre(count)}
        power = lambda n: residual(lambda p: p[0] ** n, at, quadrature=rule)
        return jax.vmap(power)(jnp.arange(2 * count + 1))

    run = jax.jit(lambda at: {count: powers(at, count) for count in range(1, 8)})
    for count, values in run(POINTS[:, :1]).items():
        for degree, value in enumerate(values):
            error = np.max(np.abs(value - X ** (degree + 1) / (degree + 1)))
            assert (error < 1e-15) == (degree < 2 * count), (count, degree)


@pytest.mark.parametrize("strategy", ["auto", "nested", "polarization"])
def test_networks_against_nested_differentiation(strategy: str) -> None:
    bank = Bank({"u": 2, "v": 1}, {}, activations=("tanh",), shared=())
    fields = {name: bank.field("tanh", name) for name in ("u", "v")}
    equation = sp.Derivative(
        v(x) * oc.Integral(sp.Derivative(u(s, y), (y, 2)) * v(s), (s, y, x)), x, y
    ) - u(x, y)
    residual = oc.compile(equation, coordinates=[x, y], strategy=strategy)

    @jax.jit
    def both(at):
        value = residual(fields, at, quadrature={"s": RULE})
        return value, *reference([equation], [x, y], fields, at)

    value, wanted = both(POINTS)
    assert np.max(np.abs(value - wanted)) <= 1e-9 * np.max(np.abs(wanted))


def test_constant_limits_need_no_nodes_at_each_point() -> None:
    seen = []

    def net(point):
        jax.debug.callback(lambda _: seen.append(1), point[0])
        return point[0]

    residual = oc.compile(oc.Integral(x * u(s), (s, 0, 1)), coordinates=[x])
    rules = {"s": oc.gauss_legendre(7)}
    jax.jit(lambda at: residual(net, at, quadrature=rules))(np.ones((50, 1)))
    jax.effects_barrier()
    assert len(seen) <= 2 * 7  # evaluated, and looked at for its shape


def test_gradients_by_networks_limits_and_rules() -> None:
    residual = oc.compile(oc.Integral(u(s) ** 2, (s, a, b)) + 0 * u(x), coordinates=[x])
    at = POINTS[:, :1]

    def loss(w, ends, rule):
        net = lambda p: w * p[0]
        return residual(net, at, a=ends[0], b=ends[1], quadrature={"s": rule}).mean()

    w, ends = 1.5, (0.5, 2.0)
    by_w, by_ends = jax.jit(jax.grad(loss, (0, 1)))(w, ends, RULE)
    assert np.isclose(by_w, 2 * w * (ends[1] ** 3 - ends[0] ** 3) / 3, rtol=1e-13)
    assert np.allclose(by_ends, [-((w * ends[0]) ** 2), (w * ends[1]) ** 2], rtol=1e-12)


def test_bind_and_single_precision() -> None:
    residual = oc.compile(oc.Integral(u(s), (s, 0, x)) - u(x))
    step = residual.bind(lambda w, p: w * p[0])
    at = jnp.asarray(POINTS[:, :1], jnp.float32)
    value = step(jnp.float32(3.0), at, quadrature={"s": oc.gauss_legendre(2)})
    assert value.dtype == jnp.float32
    assert np.allclose(value, 1.5 * X**2 - 3 * X, rtol=1e-5)


def test_complex_fields() -> None:
    residual = oc.compile(oc.Integral(sp.conjugate(u(s)) * u(s), (s, 0, x)) - u(x))
    net, rules = lambda p: p[0] * 1j, {"s": RULE}
    value = jax.jit(lambda at: residual(net, at, quadrature=rules))(POINTS[:, :1])
    assert np.allclose(value, X**3 / 3 - 1j * X)


def test_a_problem_in_the_notation() -> None:
    problem = oc.parse(
        "coordinates x, y; field u; parameter k = 2\n"
        "u_x = k*int(exp(s - x)*u_y(x=s), s, 0, x)"
    )
    residual = oc.compile(problem)
    net = lambda p: jnp.exp(p[0]) * p[1] ** 2
    rules = {"s": oc.gauss_legendre(12)}
    value = jax.jit(lambda at: residual(net, at, quadrature=rules))(POINTS)
    wanted = np.exp(X) * Y**2 - 2 * 2 * Y * (np.exp(X) - np.exp(-X)) / 2
    assert np.allclose(value["equation1"], wanted, rtol=1e-12)
    assert 'quadrature["s"]' in residual.source()


def test_the_fractional_laplacian_of_a_gaussian() -> None:
    """Source of the closed form: Dyda, Kuznetsov, Kwasnicki, Constr. Approx. 45 (2017)."""
    alpha = sp.Integer(1)
    residual = oc.compile(fractional_laplacian(u(x, y), alpha), coordinates=[x, y])
    rules = {"s": oc.gauss_legendre(40), "a": oc.gauss_legendre(30)}
    net = lambda p: jnp.exp(-(p @ p))
    value = jax.jit(lambda at: residual(net, at, quadrature=rules))(POINTS)
    hyper = [float(mpmath.hyp1f1(1.5, 1, -(a**2) - b**2)) for a, b in POINTS]
    assert np.allclose(value, np.sqrt(np.pi) * np.array(hyper), rtol=1e-5)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (sp.Integral(u(s), s), "without limits"),
        (sp.Integral(u(s), (s, x)), "without limits"),
        (sp.Integral(u(s), (s, 0, sp.oo)), "up to infinity"),
        (
            sp.Integral(u(s) * sp.Integral(u(s), (s, 0, s)), (s, 0, x)),
            "inside another one over s",
        ),
        (oc.Integral(v(s, oc.vector("z", 99)), (s, 0, x)), "vector of many components"),
    ],
)
def test_refused(expression, problem) -> None:
    with pytest.raises(oc.OperatorError, match=problem):
        oc.compile(u(x) - expression)


def test_rules_are_checked() -> None:
    residual = oc.compile(u(x) - oc.Integral(u(s), (s, 0, x)))
    at = POINTS[:, :1]
    for rules, problem in (
        (None, "the integral over s has no quadrature rule"),
        ({"r": RULE}, "the integral over s has no quadrature rule"),
        ({"s": RULE, "r": RULE}, "there is no integration variable r"),
        ({"s": 3}, "not a pair of arrays"),
        ({"s": (np.ones(3), np.ones(4))}, "not a pair of arrays"),
    ):
        with pytest.raises(oc.OperatorError, match=problem):
            residual(cubic, at, quadrature=rules)
    for count in (0, -1, 2.5, True):
        with pytest.raises(
            oc.OperatorError, match=r"a quadrature rule of|give a whole number"
        ):
            oc.gauss_legendre(count)
    with pytest.raises(oc.OperatorError, match="a variable and both ends"):
        oc.Integral(u(s))
