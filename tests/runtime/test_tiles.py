"""A loss by tiles is the mean of squares, and so are all of its derivatives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal, uniform
from tests.shares import only

x, y, a = sp.symbols("x y a")
u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
psi = sp.Function("psi", complex=True)(x, y)
X = oc.vector("x", 12)
w = sp.Function("w")(X)
i = oc.index("i", X)
table = sp.IndexedBase("c")
HEAT = u.diff(x) - a * u.diff(y, 2) + u**3
FIRST = u.diff(x) - a * u.diff(y) + u**2


def close(got: Any, want: Any, tolerance: float = 1e-12, name: Any = "") -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        atol = tolerance * max(1.0, float(np.max(np.abs(b))))
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=str(name))


def parameters(width: int, outputs: tuple[int, ...] = ()) -> Any:
    return {
        "first": normal((0, 0), (width, 6)),
        "last": normal((0, 1), (6, *outputs)),
    }


def apply(params: Any, point: Any) -> Any:
    return jnp.tanh(point @ params["first"]) @ params["last"]


def cloud(*shape: int) -> Any:
    return uniform(1, shape, minval=-1.0)


def squares(values: Any, weights: Any = 1.0) -> Any:
    """The mean over points of squares, summed over equations, as one would write it."""
    listed = jax.tree.leaves(values)
    each = weights if isinstance(weights, list) else [weights] * len(listed)
    return sum(jnp.mean(q * jnp.abs(r) ** 2) for q, r in zip(each, listed, strict=True))


@dataclass(frozen=True)
class Case:
    residual: Any
    params: Any
    points: Any
    given: Mapping[str, Any] = field(default_factory=dict)
    apply: Any = apply


def networks(params: Any, point: Any) -> Any:
    return jnp.sin(apply(params, point))


RULE = {"s": oc.gauss_legendre(3)}
KEY = {"key": jax.random.key(5)}
INTEGRAL = u - oc.Integral(
    sp.Function("u")(sp.Symbol("s"), y) * x, (sp.Symbol("s"), 0, x)
)
WEIGHTED = oc.Sum(table[i] * oc.D(w, X[i], 2), i) + w
CASES: dict[str, Callable[[], Case]] = {
    "single": lambda: Case(HEAT, parameters(2), cloud(21, 2), {"a": 0.3}),
    "first order": lambda: Case(FIRST, parameters(2), cloud(21, 2), {"a": 0.3}),
    "several axes": lambda: Case(HEAT, parameters(2), cloud(3, 7, 2), {"a": 0.3}),
    "dict of columns": lambda: Case(
        HEAT, parameters(2), {"x": cloud(21), "y": 0.25}, {"a": 0.3}
    ),
    "parameter per point": lambda: Case(
        HEAT, parameters(2), cloud(3, 7, 2), {"a": cloud(7)}
    ),
    "parameter of the point": lambda: Case(
        HEAT, parameters(2), cloud(21, 2), {"a": lambda p: p[0] * p[1]}
    ),
    "tuple": lambda: Case(
        oc.compile([u.diff(x, 2) - v, v.diff(y) * u], fields=[u, v]),
        parameters(2, (2,)),
        cloud(21, 2),
    ),
    "dict": lambda: Case(
        oc.compile({"z": u.diff(x, 2) - v, "b": v.diff(y) * u}),
        parameters(2),
        cloud(21, 2),
        apply={"u": apply, "v": networks},
    ),
    "constant equation": lambda: Case(
        [u.diff(x, y), a**2], parameters(2), cloud(21, 2), {"a": 0.3}
    ),
    "complex": lambda: Case(
        sp.I * psi.diff(x) + psi.diff(y, 2) + sp.Abs(psi) ** 2 * psi,
        parameters(2, (2,)),
        cloud(21, 2),
    ),
    "integral": lambda: Case(
        INTEGRAL, parameters(2), cloud(21, 2), {"quadrature": RULE}
    ),
    "sum": lambda: Case(oc.laplacian(w, X) + w**2, parameters(12), cloud(21, 12)),
    "array": lambda: Case(WEIGHTED, parameters(12), cloud(21, 12), {"c": cloud(12)}),
    "array per point": lambda: Case(
        WEIGHTED, parameters(12), cloud(3, 7, 12), {"c": cloud(3, 7, 12)}
    ),
    "array of the point": lambda: Case(
        WEIGHTED, parameters(12), cloud(21, 12), {"c": lambda p: p**2}
    ),
    "one draw": lambda: estimated(oc.Sparse(4)),
    "a draw per point": lambda: estimated(oc.Sparse(4, per_point=True)),
    "importance per point": lambda: estimated(
        oc.Sparse(4, per_point=True, replace=True, importance=tuple(range(1, 13)))
    ),
    "random directions": lambda: estimated(oc.Dense(4)),
    "random directions per point": lambda: estimated(oc.Dense(4, per_point=True)),
}


def estimated(estimator: Any) -> Case:
    residual = oc.compile(oc.laplacian(w, X) + w, estimator=estimator)
    return Case(residual, parameters(12), cloud(21, 12), KEY)


def bound(case: Case, tile: int | None) -> Any:
    residual = case.residual
    if not isinstance(residual, oc.Residual):
        residual = oc.compile(residual)
    return residual.tuned(replace(residual.tuning, tile=tile)).bind(case.apply)


@pytest.mark.parametrize(
    "name",
    only(
        [
            "several axes",
            "dict of columns",
            "tuple",
            "complex",
            "integral",
            "array per point",
            "a draw per point",
        ],
        CASES,
    ),
)
def test_a_loss_by_tiles_is_the_mean_of_squares(name: str) -> None:
    case = CASES[name]()
    f = bound(case, 8)
    plain = lambda p: squares(f(p, case.points, **case.given))

    @jax.jit
    def found(params):
        loss = f.loss(params, case.points, **case.given)
        both = f.value_and_grad(params, case.points, **case.given)
        return loss, both, jax.value_and_grad(plain)(params)

    loss, both, want = found(case.params)
    close(both, want)
    close(loss, want[0])


@pytest.mark.parametrize("tile", [1, 7, 20, 21, 22, None])
def test_tiles_of_every_size(tile: int | None) -> None:
    case = CASES["single"]()
    f = bound(case, tile)
    plain = lambda p: squares(f(p, case.points, **case.given))
    both = lambda p: (
        f.value_and_grad(p, case.points, **case.given),
        jax.value_and_grad(plain)(p),
    )
    close(*jax.jit(both)(case.params))


def pair(points: Any) -> tuple[Any, Any, Any]:
    """A loss by tiles of everything that it is differentiable in, and as one writes it."""
    f = bound(CASES["first order"](), 8)
    tiled = lambda p, z, q, s: f.loss(p, z, weights=q, a=s)
    plain = lambda p, z, q, s: squares(f(p, z, a=s), q)
    return tiled, plain, (parameters(2), points, cloud(21), cloud(21) ** 2)


@pytest.mark.parametrize(
    "number",
    [(0, 1, 2, 3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(4))],
    ids=str,
)
def test_gradients_by_everything(number: int | tuple[int, ...]) -> None:
    """By all at once, and by each alone."""
    tiled, plain, given = pair(cloud(21, 2))
    slopes = [jax.grad(f, number) for f in (tiled, plain)]
    close(*jax.jit(lambda *given: [slope(*given) for slope in slopes])(*given))


def test_forward_mode() -> None:
    tiled, plain, given = pair(cloud(21, 2))
    given = jax.tree.map(jnp.asarray, given)

    def forwards(f):
        return jax.jvp(f, given, given), jax.jacfwd(f, 0)(*given)

    close(*jax.jit(lambda: (forwards(tiled), forwards(plain)))())


WAYS = {"forward": jax.jacfwd, "reverse": jax.jacrev}


@pytest.mark.parametrize(
    ("outer", "inner"),
    only([("forward", "reverse"), ("reverse", "forward")], product(WAYS, WAYS)),
)
def test_second_derivatives(outer: str, inner: str) -> None:
    tiled, plain, given = pair(cloud(21, 2))
    second = lambda f: WAYS[outer](WAYS[inner](f, (0, 2)), (0, 3))
    both = jax.jit(lambda *given: (second(tiled)(*given), second(plain)(*given)))
    close(*both(*given))


def test_third_derivatives() -> None:
    tiled, plain, (params, *given) = pair(cloud(21, 2))
    along = lambda f: lambda p: jax.jvp(lambda q: f(q, *given), (p,), (params,))[1]
    twice = lambda f: lambda p: jax.jvp(along(f), (p,), (params,))[1]
    close(
        jax.jit(jax.grad(twice(tiled)))(params), jax.jit(jax.grad(twice(plain)))(params)
    )


def test_maps_jit_and_scan() -> None:
    tiled, plain, (params, *given) = pair(cloud(21, 2))
    crowd = jax.tree.map(lambda leaf: np.stack([leaf, 2 * leaf]), params)
    by_each = (0, None, None, None)

    def mapped(f: Any) -> Any:
        return jax.vmap(jax.value_and_grad(f), by_each)(crowd, *given)

    def trained(f: Any) -> Any:
        def step(p: Any, _: Any) -> Any:
            slopes = jax.grad(f)(p, *given)
            return jax.tree.map(lambda leaf, g: leaf - 0.01 * g, p, slopes), None

        return jax.lax.scan(step, params, None, 3)[0]

    jitted = lambda f: jax.jit(jax.grad(f))(params, *given)
    for ways in (mapped, jitted, trained):
        close(*jax.jit(lambda ways=ways: (ways(tiled), ways(plain)))())


def test_what_is_closed_over_has_a_gradient() -> None:
    residual = oc.compile(FIRST)
    residual = residual.tuned(replace(residual.tuning, tile=8))
    params, points = parameters(2), cloud(21, 2)

    def scaled(scale: Any) -> Any:
        f = residual.bind(lambda p, z: scale * apply(p, z))
        own = {"a": lambda p: scale * p[0]}
        return f.loss(params, points, **own), squares(f(params, points, **own))

    twice = lambda which: jax.jacfwd(jax.grad(lambda s: scaled(s)[which]))
    both = lambda scale: (jax.jacrev(scaled)(scale), (twice(0)(scale), twice(1)(scale)))
    first, second = jax.jit(both)(0.7)
    close(*first)
    close(*second)


def test_losses_of_several_sets_are_added() -> None:
    case = CASES["first order"]()
    f = bound(case, 8)
    g = oc.compile(u.subs(x, 0) - sp.Symbol("b"), coordinates=[x, y]).bind(apply)
    walls, data = cloud(30, 2), cloud(30)
    tiled = lambda p: f.loss(p, case.points, a=0.3) + 10 * g.loss(p, walls, b=data)
    plain = lambda p: (
        squares(f(p, case.points, a=0.3)) + 10 * squares(g(p, walls, b=data))
    )
    both = jax.jit(lambda p: [jax.value_and_grad(of)(p) for of in (tiled, plain)])
    close(*both(case.params))


def test_weights_by_equation_and_point() -> None:
    system = oc.compile([u.diff(x) - v, v.diff(y) * u], fields=[u, v])
    case = replace(CASES["tuple"](), residual=system)
    f, by_point = bound(case, 8), cloud(21)
    given = {
        "of equations": ((2, 0.5), [2, 0.5]),
        "of both": ([by_point, 3.0], [by_point, 3.0]),
        "whole numbers": ((1, np.arange(21)), [1, np.arange(21)]),
        "of points": (by_point, [by_point, by_point]),
        "one": (2, [2, 2]),
    }

    @jax.jit
    def losses(params):
        def plain(p):
            values = f(p, case.points)
            each = {name: squares(values, own) for name, (_, own) in given.items()}
            return each, each

        slopes, values = jax.jacrev(plain, has_aux=True)(params)
        found = {
            name: f.value_and_grad(params, case.points, weights=given[name][0])
            for name in ("of both", "whole numbers")
        }
        alone = {
            name: f.loss(params, case.points, weights=weights)
            for name, (weights, _) in given.items()
        }
        return found, {name: (values[name], slopes[name]) for name in found}, (
            alone, values
        )  # fmt: skip

    found, wanted, (alone, values) = losses(case.params)
    for name, got in found.items():
        close(got, wanted[name], name=name)
    for name, got in alone.items():
        close(got, values[name], name=name)
    case = CASES["dict"]()
    f = bound(case, 8)

    @jax.jit
    def of_dict(params):
        values = list(f(params, case.points).values())
        got = f.loss(params, case.points, weights={"b": by_point, "z": 2.0})
        return got, squares(values, [2.0, by_point])

    close(*of_dict(case.params))
    case = CASES["first order"]()
    f = bound(case, 8)

    @jax.jit
    def of_list(params):
        plain = squares(f(params, case.points, a=0.3), jnp.asarray(by_point))
        weights = by_point.tolist()
        return f.loss(params, case.points, weights=weights, a=0.3), plain

    close(*of_list(case.params))


@pytest.mark.parametrize(
    "counts",
    [(1, 7, 8, 9, 20), pytest.param(range(1, 28), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_what_fills_up_a_tile_counts_nowhere(counts) -> None:
    # Where the network is not finite, so is the loss; but only there.
    root = oc.compile(u.diff(x)).tuned(oc.compile(u.diff(x)).tuning)
    f = root.tuned(replace(root.tuning, tile=8)).bind(lambda p, z: p * jnp.sqrt(z[0]))
    points = np.linspace(0.5, 2.0, 27).reshape(-1, 1) * np.ones(2)
    at = {count: points[:count] for count in counts}
    spoilt = points.copy()
    spoilt[3] = -1.0

    @jax.jit
    def losses(p, at, spoilt):
        found = {count: f.value_and_grad(p, own) for count, own in at.items()}
        return found, f.loss(p, spoilt)

    found, not_finite = losses(2.0, at, spoilt)
    for count, values in found.items():
        want = np.mean(1 / points[:count, 0])
        close(values, (want, want), name=count)
    assert not np.isfinite(not_finite)


def test_a_network_without_reverse_mode() -> None:
    def settled(params: Any, point: Any) -> Any:
        step = lambda z: jnp.tanh(point @ params["first"] + 0.1 * z)
        state = (0, jnp.zeros(6))
        loop = lambda s: (s[0] + 1, step(s[1]))
        _, z = jax.lax.while_loop(lambda s: s[0] < 20, loop, state)
        return z @ params["last"]

    residual = oc.compile(u.diff(x) - u)
    f = residual.tuned(replace(residual.tuning, tile=8)).bind(settled)
    params, points = parameters(2), cloud(21, 2)
    along = lambda loss: jax.jvp(loss, (params,), (params,))
    params = jax.tree.map(jnp.asarray, params)
    plain = lambda p: squares(f(p, points))
    close(*jax.jit(lambda: (along(lambda p: f.loss(p, points)), along(plain)))())
    with pytest.raises(oc.OperatorError, match="has no reverse mode"):
        f.value_and_grad(params, points)


def test_one_network_run_once() -> None:
    calls = []

    def counting(params: Any, point: Any) -> Any:
        calls.append(1)
        return apply(params, point)

    residual = oc.compile(HEAT)
    f = residual.tuned(replace(residual.tuning, tile=8)).bind(counting)
    f.value_and_grad(parameters(2), cloud(21, 2), a=0.3)
    f.value_and_grad(parameters(2), 2 * cloud(21, 2), a=0.4)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "way",
    only(
        ["forward over reverse"],
        [
            "loss and gradient",
            "gradient",
            "forward over reverse",
            "reverse over forward",
        ],
    ),
)
def test_memory_is_that_of_a_tile(way: str) -> None:
    case = CASES["first order"]()
    f = bound(case, None)
    loss = lambda p, z: f.loss(p, z, a=0.3)

    def kept(run: Any, count: int) -> float:
        points = jax.ShapeDtypeStruct((count, 2), float)
        planned = jax.jit(run).lower(case.params, points).compile().memory_analysis()
        return planned.temp_size_in_bytes - 3 * 8 * 2 * count  # points, put in tiles

    runs = {
        "loss and gradient": lambda p, z: f.value_and_grad(p, z, a=0.3),
        "gradient": jax.grad(loss),
        "forward over reverse": lambda p, z: jax.jvp(
            jax.grad(lambda q: loss(q, z)), (p,), (p,)
        ),
        "reverse over forward": jax.grad(
            lambda p, z: jax.jvp(lambda q: loss(q, z), (p,), (p,))[1]
        ),
    }
    assert kept(runs[way], 2**16) < 1.2 * kept(runs[way], 2**13) + 2**16


def test_values_at_many_points_are_tiled() -> None:
    shapes = [(2, 32), (32, 32), (32,)]
    params = [normal(place, shape) / 4 for place, shape in enumerate(shapes)]

    def perceptron(p: Any, z: Any) -> Any:
        return jnp.tanh(jnp.tanh(z @ p[0]) @ p[1]) @ p[2]

    f = oc.compile(HEAT).bind(perceptron)
    points = uniform(1, (20_011, 2))
    few = 2_000
    own = np.linspace(0.0, 1.0, len(points))

    @jax.jit
    def found(params: Any) -> Any:
        both_ends = [np.concatenate([a[:few], a[-few:]]) for a in (points, own)]
        parts = [(points, own), both_ends]
        values = [f(params, at, a=a) for at, a in parts]
        return values, f.value_and_grad(params, points, a=own)[1]

    (values, ends), slopes = found(params)
    close(values[:few], ends[:few])
    close(values[-few:], ends[few:])
    loss = lambda p: squares(f(p, points, a=own))
    compiled = jax.jit(jax.grad(loss)).lower(params).compile()
    close(compiled(params), slopes)
    assert compiled.memory_analysis().temp_size_in_bytes < 2**23


def test_a_million_points_in_single_precision() -> None:
    residual = oc.compile(u.diff(x) - u)
    f = residual.tuned(replace(residual.tuning, tile=64)).bind(
        lambda p, z: p * jnp.sin(3 * z[0])
    )
    points = np.linspace(0, 1, 10**6, dtype=np.float32)[:, None] * np.ones(
        2, np.float32
    )
    exact = points[:, 0].astype(float)
    want = np.mean((3 * np.cos(3 * exact) - np.sin(3 * exact)) ** 2)
    value, slope = f.value_and_grad(jnp.float32(1.0), points)
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose([value, slope / 2], want, rtol=2e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": jnp.zeros((0, 2))}, "there are none"),
        ({"weights": jnp.ones(20)}, "does not fit points of shape"),
        ({"weights": 1j}, "complex"),
        ({"weights": {"u": 1.0}}, "there is one equation"),
        ({"weights": "all"}, "not a number"),
        ({"weights": lambda p: 1.0}, "not a number"),
        (
            {"params": {"first": jnp.ones((2, 6), int), "last": jnp.ones(6)}},
            "no gradient",
        ),
        ({"a": jnp.ones(20)}, "does not fit points of shape"),
        ({"b": 1.0}, "there is no parameter b"),
        ({"key": jax.random.key(0)}, "nothing is random"),
    ],
)
def test_what_is_refused(change: dict[str, Any], words: str) -> None:
    f = bound(CASES["single"](), 8)
    given = {"params": parameters(2), "points": cloud(21, 2), "a": 0.3} | change
    with pytest.raises(oc.OperatorError, match=words):
        f.value_and_grad(given.pop("params"), given.pop("points"), **given)


def test_weights_of_several_equations_are_as_many() -> None:
    f = bound(CASES["tuple"](), 8)
    with pytest.raises(oc.OperatorError, match="not one for each of 2"):
        f.loss(parameters(2, (2,)), cloud(21, 2), weights=(1.0, 2.0, 3.0))
    f = bound(CASES["dict"](), 8)
    with pytest.raises(oc.OperatorError, match="keys 'z', 'b'"):
        f.loss(parameters(2), cloud(21, 2), weights=(1.0, 2.0))
    named = oc.compile(u.diff(x) - sp.Symbol("weights"), coordinates=[x, y]).bind(apply)
    with pytest.raises(oc.OperatorError, match="the same name"):
        named.loss(parameters(2), cloud(21, 2), weights=1.0)
