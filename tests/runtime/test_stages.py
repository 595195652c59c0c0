"""Fields at places that hold fields, against nested derivatives of JAX and closed forms."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.taylor.tuning import Tuning
from tests.draws import normal

t, x, y, a = sp.symbols("t x y a")
u, v, w, s, K, b, c = map(sp.Function, "uvwsKbc")
xi = sp.Symbol("xi")
SIZES = {"u": 1, "v": 20, "w": 2, "s": 1, "K": 1, "b": 1, "c": 1}
POINTS = np.linspace(-1.0, 1.0, 7)[:, None]
RULE = oc.gauss_legendre(6)

Params = dict[str, list[jax.Array]]


def _params() -> Params:
    made = {}
    for n, (name, width) in enumerate(SIZES.items()):
        first = normal((n, 0), (width, 16)) * 0.5
        made[name] = [first, normal((n, 1), (16,)) * 0.4]
    return made


def _apply(layers: list[jax.Array], point: jax.Array) -> jax.Array:
    return jnp.tanh(point @ layers[0] + 0.1) @ layers[1]


def _networks(params: Params, names: str) -> dict[str, Any]:
    return {n: lambda p, n=n: _apply(params[n], p) for n in names}


class _By:
    """The fields as functions of numbers, to be differentiated by JAX."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def __getattr__(self, name: str) -> Callable[..., jax.Array]:
        return lambda *z: _apply(self._params[name], jnp.stack(z))


def _d(function: Callable[..., Any], order: int = 1, by: int = 0) -> Callable[..., Any]:
    for _ in range(order):
        function = _slope(function, by)
    return function


def _slope(function: Callable[..., Any], by: int) -> Callable[..., Any]:
    def slope(*given: Any) -> Any:
        along = lambda z: function(*given[:by], z, *given[by + 1 :])
        return jax.jvp(along, (given[by],), (jnp.ones_like(given[by]),))[1]

    return slope


ONE_COORDINATE = {
    "delay by the state": (
        u(x).diff(x) - u(x - a * u(x)),
        "u",
        lambda f, x, a: _d(f.u)(x) - f.u(x - a * f.u(x)),
    ),
    "itself, three times": (
        u(u(x)).diff(x, 3),
        "u",
        lambda f, x, a: _d(lambda x: f.u(f.u(x)), 3)(x),
    ),
    "held derivative": (
        oc.D(u(u(x) * x), x, 3),
        "u",
        lambda f, x, a: _d(lambda x: f.u(f.u(x) * x), 3)(x),
    ),
    "law": (
        (K(u(x)) * u(x).diff(x)).diff(x),
        "uK",
        lambda f, x, a: _d(lambda x: f.K(f.u(x)) * _d(f.u)(x))(x),
    ),
    "law of place": (
        oc.D(w(u(x), x) * u(x).diff(x), x),
        "uw",
        lambda f, x, a: _d(lambda x: f.w(f.u(x), x) * _d(f.u)(x))(x),
    ),
    "law of a derivative": (
        oc.D(K(u(x).diff(x) + a * x), x, 2),
        "uK",
        lambda f, x, a: _d(lambda x: f.K(_d(f.u)(x) + a * x), 2)(x),
    ),
    "two stages": (
        oc.D(b(c(u(x)) + a), x, 2),
        "ubc",
        lambda f, x, a: _d(lambda x: f.b(f.c(f.u(x)) + a), 2)(x),
    ),
    "moved": (
        sp.Subs(oc.D(b(u(x)), x, 2), x, x**2),
        "ub",
        lambda f, x, a: _d(lambda x: f.b(f.u(x)), 2)(x**2),
    ),
    "derivative by the inner field": (
        oc.D(K(u(x)) * u(x).diff(x) ** 2, u(x)) - oc.D(b(K(u(x))), u(x), 2),
        "uKb",
        lambda f, x, a: (
            _d(f.K)(f.u(x)) * _d(f.u)(x) ** 2 - _d(lambda z: f.b(f.K(z)), 2)(f.u(x))
        ),
    ),
    "integral over a law": (
        sp.Integral(b(u(y * x)), (y, 0, 1)).diff(x),
        "ub",
        lambda f, x, a: _d(lambda x: _integral(lambda y: f.b(f.u(y * x)), 0, 1))(x),
    ),
    "law of an integral": (
        oc.D(b(sp.Integral(u(y), (y, 0, x))), x),
        "ub",
        lambda f, x, a: _d(lambda x: f.b(_integral(f.u, 0, x)))(x),
    ),
    "limit that a field gives": (
        sp.Integral(w(x, y), (y, 0, s(x))).diff(x),
        "ws",
        lambda f, x, a: _d(lambda x: _integral(lambda y: f.w(x, y), 0, f.s(x)))(x),
    ),
}


def _integral(f: Callable[[Any], Any], low: Any, high: Any) -> Any:
    half = (high - low) / 2
    nodes, weights = RULE
    return half * jax.vmap(lambda node: f(low + half + half * node))(nodes) @ weights


@pytest.mark.parametrize("name", ONE_COORDINATE)
def test_values_and_gradients_are_those_of_nested_derivatives(name: str) -> None:
    equation, fields, by_hand = ONE_COORDINATE[name]
    residual = oc.compile(equation)
    given: dict[str, Any] = {}
    if residual.operator.axes:
        given["quadrature"] = {"y": RULE}

    def ours(params: Params, a: Any) -> jax.Array:
        known = {"a": a} if "a" in residual.parameters else {}
        return residual(_networks(params, fields), POINTS, **given, **known)

    def theirs(params: Params, a: Any) -> jax.Array:
        return jax.vmap(lambda p: by_hand(_By(params), p[0], a))(POINTS)

    params = {name: own for name, own in _params().items() if name in fields}
    value = np.asarray(0.7)

    def evaluated(of: Callable[..., jax.Array], *given: Any) -> Any:
        """Returns the gradient of the mean square of values, and the values."""

        def square(*given: Any) -> tuple[jax.Array, jax.Array]:
            values = of(*given)
            return jnp.mean(values**2), values

        return jax.grad(square, (0, 1), has_aux=True)(*given)

    both = jax.jit(lambda *given: [evaluated(of, *given) for of in (ours, theirs)])
    (slopes, got), (wanted_slopes, want) = both(params, value)
    assert np.max(np.abs(got - want)) < 1e-10
    pairs = zip(*map(jax.tree.leaves, (slopes, wanted_slopes)), strict=True)
    scale = 1 + np.max(np.abs(want)) ** 2
    assert all(np.max(np.abs(p - q)) < 1e-9 * scale for p, q in pairs)
    residual.plan.verify()


def test_moving_boundary_closed_form() -> None:
    """The similarity solution of one-phase Stefan melting."""
    lam, alpha = 0.62, 0.4
    net_u = lambda p: (
        1
        - jax.scipy.special.erf(p[1] / (2 * jnp.sqrt(alpha * p[0])))
        / jax.scipy.special.erf(lam)
    )
    net_s = lambda p: 2 * lam * jnp.sqrt(alpha * p[0])
    slope = sp.Subs(oc.D(u(t, xi), xi), xi, s(t))
    residual = oc.compile([
        u(t, s(t)),
        oc.D(u(t, s(t)), t),
        oc.D(s(t), t) + a * slope,
        oc.D(slope, t),
    ])  # fmt: skip
    stefan = lam * math.sqrt(math.pi) * math.exp(lam**2) * math.erf(lam)
    times = np.linspace(0.3, 2.0, 9)[:, None]
    net = {"u": net_u, "s": net_s}
    run = jax.jit(lambda at: residual(net, at, a=stefan * alpha))
    zero, rate, front, change = run(times)
    assert np.max(np.abs(zero)) < 1e-14
    assert np.max(np.abs(rate)) < 1e-13
    assert np.max(np.abs(front)) < 1e-13
    want = 0.5 * lam / np.sqrt(alpha) / stefan / times[:, 0] ** 1.5
    assert np.max(np.abs(change - want)) < 1e-12


def test_laws_of_a_field_in_many_dimensions() -> None:
    X = oc.vector("x", 20)
    i = oc.index("i", X)
    equation = oc.Sum(oc.D(K(v(X)) * oc.D(v(X), X[i]), X[i]), i)
    params, points = _params(), normal(5, (4, 20))
    f = _By(params)
    value = lambda p: _apply(params["v"], p)
    flux = lambda p: f.K(value(p)) * jax.grad(value)(p)
    net = _networks(params, "vK")
    exact = oc.compile(equation)
    drawn = oc.compile(equation, estimator=oc.Sparse(20))

    @jax.jit
    def all_three(points: Any) -> Any:
        want = jax.vmap(lambda p: jnp.trace(jax.jacfwd(flux)(p)))(points)
        every = drawn(net, points, key=jax.random.key(0))
        return want, exact(net, points), every

    want, found, every = map(np.asarray, all_three(points))
    assert np.max(np.abs(found - want)) < 1e-12
    assert np.max(np.abs(every - want)) < 1e-12


def test_a_moving_place_beside_a_vector() -> None:
    X = oc.vector("x", 20)
    residual = oc.compile(oc.laplacian(b(s(t), X), X), coordinates=[t, X])
    params = _params()
    weights = [normal(8, (21, 16)), params["b"][1]]
    net = _networks(params, "s") | {"b": lambda p: _apply(weights, p)}
    points = normal(5, (4, 21))

    def by_hand(p: jax.Array) -> jax.Array:
        at = _By(params).s(p[0])[None]
        inner = lambda z: _apply(weights, jnp.concatenate([at, z]))
        return jnp.trace(jax.hessian(inner)(p[1:]))

    both = jax.jit(lambda points: (residual(net, points), jax.vmap(by_hand)(points)))
    found, want = both(points)
    assert np.max(np.abs(found - want)) < 1e-12


def test_one_network_is_pushed_in_two_stages() -> None:
    residual = oc.compile(b(u(x)) + oc.D(u(x), x), fields=["b", "u"])
    net = lambda p: jnp.stack([p[0] ** 3, jnp.sin(p[0])])
    want = np.sin(POINTS[:, 0]) ** 3 + np.cos(POINTS[:, 0])
    found = jax.jit(lambda points: residual(net, points))(POINTS)
    assert np.max(np.abs(found - want)) < 1e-14


def test_every_form_of_a_call() -> None:
    residual = oc.compile((K(u(x)) * u(x).diff(x)).diff(x) + a)
    params = {name: own for name, own in _params().items() if name in "uK"}
    apply = {n: lambda P, p, n=n: _apply(P[n], p) for n in "uK"}
    bound = residual.bind(apply)
    tiled = residual.tuned(Tuning(tile=2)).bind(apply)
    system = oc.least_squares([(bound, POINTS, 1.0, {"a": 0.1})])

    @jax.jit
    def every_form(params: Params, single: Params) -> Any:
        row = lambda p: jax.flatten_util.ravel_pytree(
            jax.grad(lambda P: bound(P, p[None], a=0.1)[0])(params)
        )[0]
        rows = jax.vmap(row)(POINTS)
        many = jax.vmap(lambda a: bound(params, POINTS, a=a))(jnp.asarray([0.1, 0.2]))
        return {
            "network": residual(_networks(params, "uK"), POINTS, a=0.1),
            "bound": bound(params, POINTS, a=0.1),
            "loss": bound.loss(params, POINTS, a=0.1),
            "loss by tiles": tiled.loss(params, POINTS, a=0.1),
            "vmap": many[0],
            "single": bound(single, POINTS.astype(jnp.float32), a=0.1),
            "gram": system.gram(params) * len(POINTS),
            "by rows": rows @ rows.T,
        }

    single = jax.tree.map(lambda z: z.astype(np.float32), params)
    found = jax.tree.map(np.asarray, every_form(params, single))
    want = found["network"]
    assert np.max(np.abs(found["bound"] - want)) < 1e-14
    assert abs(found["loss"] - np.mean(want**2)) < 1e-13
    assert abs(found["loss by tiles"] - np.mean(want**2)) < 1e-13
    assert np.max(np.abs(found["vmap"] - want)) < 1e-14
    assert found["single"].dtype == np.float32
    assert np.max(np.abs(found["single"] - want)) < 1e-4
    # Least squares: J J^T, layer by layer, against rows of the Jacobian.
    gram = found["gram"]
    assert np.max(np.abs(gram - found["by rows"])) < 1e-10 * np.max(np.abs(gram))


def test_every_strategy() -> None:
    equation = (K(u(x)) * u(x).diff(x)).diff(x)
    net = _networks(_params(), "uK")
    strategies = ("auto", "algebra", "partition", "polarization", "reverse", "nested")
    residuals = {s: oc.compile(equation, strategy=s) for s in strategies}
    found = jax.jit(
        lambda at: {s: residual(net, at) for s, residual in residuals.items()}
    )(POINTS)
    for strategy, values in found.items():
        assert np.max(np.abs(values - found["auto"])) < 1e-12, strategy


def test_a_grid() -> None:
    residual = oc.compile(oc.D(w(t, s(t) * x), x, 2) + w(s(x), t))
    net = _networks(_params(), "ws")
    times, places = np.linspace(0.0, 1.0, 4), np.linspace(-1.0, 1.0, 5)
    mesh = np.stack(np.meshgrid(times, places, indexing="ij"), axis=-1)
    both = jax.jit(lambda *points: [residual(net, each) for each in points])
    on_grid, on_mesh = both(oc.grid(t=times, x=places), mesh)
    assert on_grid.shape == (4, 5)
    assert np.max(np.abs(on_grid - on_mesh)) < 1e-13


def test_complex_values_are_no_places() -> None:
    net = {"b": lambda p: jnp.sin(p[0]), "u": lambda p: p[0] * (1 + 2j)}
    with pytest.raises(oc.OperatorError, match="complex"):
        oc.compile(b(u(x)))(net, POINTS)
    residual = oc.compile(b(sp.re(u(x))))
    found = jax.jit(lambda points: residual(net, points))(POINTS)
    assert np.max(np.abs(found - np.sin(POINTS[:, 0]))) < 1e-14


def test_stages_show() -> None:
    residual = oc.compile(oc.D(w(t, s(t)), t))
    assert [site.stage for site in residual.operator.sites] == [0, 1]
    source = residual.source()
    assert source.index("s = c0[0].s") < source.index("taylor.push(net, (t, s)")
    assert "(t, s(t))" in residual.explain()
    assert oc.Plan.from_json(residual.plan.to_json()) == residual.plan
    assert "(t, s(t))" in residual.to_html()


X20 = oc.vector("x", 20)
I20 = oc.index("i", X20)


@pytest.mark.parametrize(
    ("equation", "problem", "offender"),
    [
        (b(oc.laplacian(v(X20), X20)), "depends on a sum over the components", "Sum("),
        (
            oc.Sum(b(oc.D(v(X20), X20[I20])), I20),
            "runs with the index of a sum",
            "b(Derivative(v(",
        ),
        (
            oc.D(K(oc.Sum(oc.D(v(X20), X20[I20]) ** 2, I20)), v(X20)),
            "a sum stands in it",
            "K(",
        ),
    ],
)
def test_what_is_refused(equation: sp.Expr, problem: str, offender: str) -> None:
    with pytest.raises(oc.OperatorError, match=problem) as caught:
        oc.compile(equation)
    assert offender in str(caught.value)
