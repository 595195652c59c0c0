"""How a residual is called: every form of network, points and parameters."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal, uniform
from tests.shares import one_in

t, x, y, nu = sp.symbols("t x y nu")
u = sp.Function("u")(t, x)
v = sp.Function("v")(t, x)
BURGERS = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)
POINTS = uniform(0, (3, 4, 2), jnp.float64)


def f(z):
    return jnp.sin(z[0]) * jnp.exp(z[1])


def g(z):
    return jnp.cos(2 * z[0] * z[1])


def both(z):
    return jnp.stack([f(z), g(z)])


def burgers(points, value):
    time, place = points[..., 0], points[..., 1]
    field = np.sin(time) * np.exp(place)
    return np.cos(time) * np.exp(place) + field**2 - value * field


def evaluated(residual, net, points=POINTS, **parameters):
    """The values of a call, compiled as one program."""
    return jax.jit(lambda points: residual(net, points, **parameters))(points)


def test_points_keep_their_leading_shape() -> None:
    residual = oc.compile(BURGERS)
    given = [POINTS, POINTS[0], POINTS[0, 0]]
    run = jax.jit(lambda given: [residual(f, points, nu=0.3) for points in given])
    *found, none = run([*given, np.zeros((0, 2))])
    for got, points in zip(found, given, strict=True):
        assert got.shape == points.shape[:-1]
        np.testing.assert_allclose(got, burgers(points, 0.3), rtol=1e-13)
    assert none.shape == (0,)


def test_points_by_name_broadcast() -> None:
    residual = oc.compile(BURGERS)
    columns = {"t": POINTS[..., 0], "x": POINTS[..., 1]}
    found = evaluated(residual, f, columns, nu=0.3)
    np.testing.assert_allclose(found, burgers(POINTS, 0.3))
    by_symbol = {t: np.linspace(0.0, 1, 5)[:, None], x: np.linspace(0.0, 1, 7)}
    shape = jax.eval_shape(lambda: residual(f, by_symbol, nu=0.3)).shape
    assert shape == (5, 7)


def test_parameters_are_scalars_arrays_or_functions() -> None:
    residual = oc.compile(BURGERS)
    values = POINTS[..., 0] ** 2
    want = burgers(POINTS, values)
    bound = residual.bind(lambda params, z: params * f(z))
    of_point = lambda z: z[0] ** 2

    @jax.jit
    def found(points, values):
        return {
            "an array": residual(f, points, nu=values),
            "a function": residual(f, points, nu=of_point),
            "bound": bound(1.0, points, nu=of_point),
        }

    for name, value in found(POINTS, values).items():
        np.testing.assert_allclose(value, want, err_msg=name)


def test_results_have_the_form_of_the_equations() -> None:
    form = lambda e, **given: jax.eval_shape(lambda: oc.compile(e)(f, POINTS, **given))
    assert isinstance(form([BURGERS], nu=1), tuple)
    assert set(form({"a": u, "b": u.diff(t)})) == {"a", "b"}
    unsorted = oc.compile({"b": u, "a": u.diff(t)})
    assert list(unsorted.bind(lambda params, z: f(z))(None, POINTS)) == ["b", "a"]
    assert form(sp.Eq(u.diff(t), u)).shape == (3, 4)


def test_an_equation_without_fields_has_the_points_shape() -> None:
    constant, source = oc.compile([u, sp.Integer(3), x**2])(f, POINTS)[1:]
    np.testing.assert_array_equal(constant, np.full((3, 4), 3.0))
    np.testing.assert_allclose(source, POINTS[..., 1] ** 2)


def test_one_network_or_one_per_field() -> None:
    system = [u.diff(t) * v.diff(x, 2), v.diff(t) - u.diff(x)]
    residual = oc.compile(system, fields=[u, v])
    nets = {
        "one": both,
        "one each": {"u": f, "v": g},
        "as a tuple": {("u", "v"): both},
        "in another order": {("v", "u"): lambda z: both(z)[::-1]},
    }
    found = jax.jit(lambda at: {name: residual(net, at) for name, net in nets.items()})(
        POINTS
    )
    for name, values in found.items():
        for a, b in zip(values, found["one"], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=name)
    assert residual.bind({"u": lambda p, z: p * f(z), "v": lambda p, z: g(z)})(
        1.0, POINTS
    )[0].shape == (3, 4)


def test_a_field_with_its_own_network_has_its_own_smaller_plan() -> None:
    c = sp.Function("c")(t, x)
    residual = oc.compile(sp.Derivative(u, (x, 2)) * c)
    assert residual.plan.channels == 3
    assert residual._plan_for(("c",)).channels == 1


def test_fields_receive_their_own_arguments_in_written_order() -> None:
    w = sp.Function("w")(x, t)
    phi = sp.Function("phi")(x)
    residual = oc.compile(w.diff(t) + phi.diff(x) * sp.Symbol("a"), coordinates=[t, x])
    nets = {"w": lambda z: z[0] ** 2 * z[1] ** 3, "phi": lambda z: z[0] ** 4}
    time, place = POINTS[..., 0], POINTS[..., 1]
    want = 3 * place**2 * time**2 + 2 * 4 * place**3
    np.testing.assert_allclose(evaluated(residual, nets, a=2), want)


def test_known_coefficients_are_fields_and_are_differentiated() -> None:
    k = sp.Function("k")(x)
    residual = oc.compile(sp.Derivative(k * u.diff(x), x))
    got = evaluated(residual, {"u": f, "k": lambda z: z[0] ** 2})
    time, place = POINTS[..., 0], POINTS[..., 1]
    want = (2 * place + place**2) * np.sin(time) * np.exp(place)
    np.testing.assert_allclose(got, want)


def test_evaluation_sites() -> None:
    residual = oc.compile(
        {
            "periodic": u.subs(x, 0) - u.subs(x, 1),
            "delay": sp.Function("u")(t - nu, x).diff(x),
            "neumann": sp.Subs(u.diff(x), x, 1),
            "reflection": sp.Function("u")(t, -x).diff(x),
        }
    )
    got = evaluated(residual, f, nu=0.5)
    time, place = POINTS[..., 0], POINTS[..., 1]
    np.testing.assert_allclose(got["periodic"], np.sin(time) * (1 - np.e))
    np.testing.assert_allclose(got["delay"], np.sin(time - 0.5) * np.exp(place))
    np.testing.assert_allclose(got["neumann"], np.sin(time) * np.e)
    np.testing.assert_allclose(got["reflection"], -np.sin(time) * np.exp(-place))


def test_complex_fields_and_conjugates() -> None:
    psi = sp.Function("psi")(t, x)
    equation = sp.I * psi.diff(t) + psi.diff(x, 2) / 2 + sp.Abs(psi) ** 2 * psi
    residual = oc.compile([equation, sp.conjugate(psi) * psi, sp.im(psi.diff(x))])

    def soliton(z):
        return jnp.exp(0.5j * z[0]) / jnp.cosh(z[1])

    schroedinger, density, current = evaluated(residual, soliton)
    np.testing.assert_allclose(schroedinger, 0, atol=1e-14)
    np.testing.assert_allclose(density, 1 / np.cosh(POINTS[..., 1]) ** 2)
    assert current.dtype == jnp.float64


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype_of_the_points_is_kept(dtype) -> None:
    residual = oc.compile(
        BURGERS * sp.Rational(1, 3) + sp.Float(0.1) * sp.sin(x) + sp.Max(u, 0) + sp.pi
    )
    points = POINTS.astype(dtype)
    for wide in (np.float64(0.1), jnp.asarray(0.1, jnp.float64)):
        found = jax.eval_shape(lambda p, nu=wide: residual(f, p, nu=nu), points)
        assert found.dtype == dtype
    text = str(jax.make_jaxpr(lambda p: residual(f, p, nu=0.1))(points))
    if dtype == jnp.float32:
        assert "f64" not in text


def test_a_float_keeps_all_its_digits() -> None:
    residual = oc.compile(u * 0 + sp.Float(0.1) + sp.Float(0.2) + x * 0 + u)
    assert residual(lambda z: 0 * z[0], POINTS[0, 0]) == 0.1 + 0.2


@pytest.mark.parametrize("order", one_in(2, [2, 4]))
def test_one_point_in_vmap_is_the_batch(order) -> None:
    """The same numbers, and matrix products of the same shapes over the 12 points."""
    residual = oc.compile(u.diff(t) + u * u.diff(x, order))
    weights = [normal((1, 0), (2, 8)), normal((1, 1), (8, 1))]
    f = residual.bind(lambda w, z: (jnp.tanh(z @ w[0]) @ w[1])[0])
    rows = POINTS.reshape(-1, 2)
    one = lambda w, time, place: f(w, {"t": time, "x": place})
    runs = f, lambda w, z: jax.vmap(one, (None, 0, 0))(w, z[:, 0], z[:, 1])
    found, shapes = [], []
    for run in runs:
        both = jax.value_and_grad(lambda w, run=run: jnp.mean(run(w, rows) ** 2))
        lowered = jax.jit(both).lower(weights)
        found.append(lowered.compile()(weights))
        lines = lowered.as_text().splitlines()
        products = (s.split(" : ")[1] for s in lines if "dot_general" in s)
        shapes.append(sorted(s for s in products if "<12x" in s))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), *found)
    assert shapes[0] == shapes[1]


def test_the_transformations_of_jax() -> None:
    residual = oc.compile(BURGERS)

    def loss(scale, value, points):
        return jnp.mean(residual(lambda z: scale * f(z), points, nu=value) ** 2)

    eager = loss(1.5, 0.3, POINTS)
    step = 1e-6
    compiled = jax.jit(loss)
    np.testing.assert_allclose(compiled(1.5, 0.3, POINTS), eager, rtol=1e-12)
    after, before = (compiled(1.5, 0.3 + s, POINTS) for s in (step, -step))

    def downhill(scale, _):
        value, slope = jax.value_and_grad(loss)(scale, 0.3, POINTS)
        return scale - 1e-3 * slope, value

    @jax.jit
    def transformed(scale, value, points):
        values = jnp.array([0.3, 0.4])
        along = lambda scale: loss(scale, value, points)
        return {
            "vmap": jax.vmap(loss, (None, 0, None))(scale, values, points),
            "grad": jax.grad(loss, (0, 1))(scale, value, points),
            "jvp": jax.jvp(along, (scale,), (1.0,))[1],
            "hessian": jax.hessian(loss)(scale, value, points),
            "scan": jax.lax.scan(downhill, scale, length=5)[1],
        }

    found = transformed(1.5, 0.3, POINTS)
    np.testing.assert_allclose(found["vmap"][0], eager, rtol=1e-12)
    slopes = found["grad"]
    np.testing.assert_allclose(slopes[1], (after - before) / 2 / step, rtol=1e-8)
    np.testing.assert_allclose(found["jvp"], slopes[0], rtol=1e-12)
    assert np.isfinite(found["hessian"])
    assert found["scan"][-1] < found["scan"][0]


def test_an_equinox_module_is_compiled_once() -> None:
    residual = oc.compile(BURGERS)
    calls = []

    def counted(z):
        calls.append(1)
        return jnp.tanh(z)

    key = jax.random.key(1)
    net = eqx.nn.MLP(2, "scalar", 8, 1, counted, key=key, dtype=jnp.float64)
    first = residual(net, POINTS, nu=0.1)
    traced = len(calls)
    assert traced
    moved = eqx.tree_at(lambda m: m.layers[-1].bias, net, net.layers[-1].bias + 1)
    second = residual(moved, POINTS, nu=0.2)
    assert len(calls) == traced
    assert not np.allclose(first, second)
    want = evaluated(residual, lambda z: moved(z), nu=0.2)
    np.testing.assert_allclose(second, want)


def test_a_module_with_one_array_is_a_structure_not_a_function() -> None:
    @jax.tree_util.register_dataclass
    @dataclass
    class Linear:
        weights: np.ndarray

        def __call__(self, z):
            return jnp.tanh(z @ self.weights)

    got = oc.compile(u.diff(t))(Linear(np.ones(2)), POINTS)
    np.testing.assert_allclose(got, 1 / np.cosh(POINTS.sum(-1)) ** 2)


def test_bind_traces_once_per_shape() -> None:
    traces = []

    def apply(params, z):
        traces.append(1)
        return params * f(z)

    bound = oc.compile(BURGERS).bind(apply)
    for k in range(5):
        bound(1.0 + k, POINTS, nu=0.1 * k)
    once = len(traces)
    bound(1.0, POINTS[0], nu=0.1)
    assert len(traces) == 2 * once


def test_strategies_agree() -> None:
    equation = (
        BURGERS + sp.Derivative(sp.exp(u) * u.diff(t), x) + u.diff(x, 3) * u.diff(t, x)
    )
    both = [oc.compile(equation, strategy=s) for s in ("algebra", "nested")]
    run = jax.jit(lambda at: [residual(f, at, nu=0.3) for residual in both])
    np.testing.assert_allclose(*run(POINTS), rtol=1e-12)
