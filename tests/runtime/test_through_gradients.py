"""Algebras whose highest degree comes from reverse passes: the same numbers as without."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations_with_replacement

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning import STRATEGIES
from opcompiler.planning.kinds import KINDS
from tests.draws import normal
from tests.planning.test_channel_table import ROWS
from tests.shares import only


def of_hessians(x: tuple[sp.Symbol, ...]) -> dict:
    """Equations for which the strategy is made, in these coordinates."""
    u = sp.Function("u")(*x)
    hessian = oc.hessian(u, x)
    along = sum(u.diff(a) * u.diff(b) * u.diff(a, b) for a in x for b in x)
    return {
        "Monge-Ampere": oc.det(hessian) - u,
        "infinity Laplacian": along,
        "minimal surface": sp.sqrt(1 + sum(u.diff(a) ** 2 for a in x)) * hessian.trace()
        - along,
    }


def others(x: tuple[sp.Symbol, ...]) -> dict:
    """Equations of every other kind in these coordinates."""
    u, v = sp.Function("u")(*x), sp.Function("v")(*x)
    second = second_order(u)
    return {
        "all of third order": [
            u.diff(a, b, c) for a, b, c in combinations_with_replacement(x, 3)
        ],
        "mixed orders": [*second, u.diff(x[0]), u],
        "two fields": [s * v for s in second] + [v.diff(x[0], x[1])],
        "two sites": [
            u.diff(*x[:2]), u.diff(x[1], 2).subs(x[0], 0), u.subs(x[0], 1)
        ],
    }  # fmt: skip


def second_order(*fields: sp.Expr) -> list:
    return [
        f.diff(a, b)
        for f in fields
        for a, b in combinations_with_replacement(f.args, 2)
    ]


X = sp.symbols("x1:5")
u = sp.Function("u")(*X)
THREE, TWO = X[:3], X[:2]
# The first derivatives' pattern needs three coordinates, all else shows in the plane.
IN_THREE = ("infinity Laplacian", "minimal surface")
EQUATIONS = of_hessians(TWO) | others(TWO)
EQUATIONS |= {name: of_hessians(THREE)[name] for name in IN_THREE}
SIX = sp.symbols("x1:7")
OF_SIX = [sp.Function(name)(*SIX) for name in "uvwq"]
A = normal(0, (4, 7)) / 3
B = normal(1, (7, 2)) / 2
POINTS = normal(2, (5, 4))
IN_SPACE, IN_THE_PLANE = POINTS[:, :3], POINTS[:, :2]


@pytest.fixture(autouse=True)
def through() -> Iterator[None]:
    """A strategy: the minimal algebra, its highest degree by reverse passes."""

    def plan(symbols, site, arguments):
        (push,), rows = STRATEGIES["algebra"](symbols, site, arguments)
        return [replace(push, kind="reverse")], rows

    oc.register_strategy("through", plan)
    yield
    del STRATEGIES["through"]


def network(residual, scale=1.0):
    one = len(residual.fields) == 1

    def net(z):
        outputs = jnp.tanh(scale * z @ A[: z.size]) @ B
        return outputs[0] + jnp.sin(z[0] * z[1]) if one else outputs

    return net


def both(equations, points, net=network, **settings):
    """Values and the slope of a loss, by the algebra and through gradients."""
    residuals = [
        oc.compile(equations, strategy=strategy, **settings)
        for strategy in ("algebra", "through")
    ]
    assert all(residual.plan.verify() for residual in residuals)

    def of_one(residual, scale):
        def loss(scale):
            values = residual(net(residual, scale), points)
            return sum(jnp.sum(r**2) for r in jax.tree.leaves(values)), values

        (_, values), slope = jax.value_and_grad(loss, has_aux=True)(scale)
        return jax.tree.leaves(values), slope

    return jax.jit(lambda scale: [of_one(each, scale) for each in residuals])(1.2)


def check(equations, points, net=network, **settings) -> None:
    (want, want_slope), (values, slope) = both(equations, points, net, **settings)
    for a, b in zip(values, want, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(slope, want_slope, rtol=1e-9)


# Hessians stand in the tests of settings, points and parameters, mixed orders in that of
# networks.
@pytest.mark.parametrize(
    "name", only(["all of third order", "two fields", "two sites"], EQUATIONS)
)
def test_the_same_as_the_algebra(name: str) -> None:
    fields = ["u", "v"] if name == "two fields" else None
    points = IN_SPACE if name in IN_THREE else IN_THE_PLANE
    check(EQUATIONS[name], points, fields=fields)


def test_all_rows_go_along_straight_lines() -> None:
    for name, (equations, _) in ROWS.items():
        (push, *_) = oc.compile(equations, strategy="algebra").plan.pushes
        assert not KINDS["reverse"].misfit(push), name


@pytest.mark.parametrize("name", only(["biharmonic 2D"], ROWS))
def test_every_row_of_the_table(name: str) -> None:
    """Orders up to nine, whatever the algebra: also where it does not pay."""
    equations, _ = ROWS[name]
    width = len(oc.compile(equations, strategy="algebra").coordinates)
    wave = lambda residual, scale: (
        lambda z: jnp.sum(jnp.sin(scale * z @ jnp.ones((width, 2))) * jnp.exp(-z[0]))
    )
    points = np.linspace(0.1, 0.9, 2 * width).reshape(2, width)
    check(equations, points, wave)


@pytest.mark.parametrize(
    "name", only(["Monge-Ampere", "infinity Laplacian"], of_hessians(TWO))
)
def test_auto_takes_it_for_hessians_in_many_coordinates(name: str) -> None:
    plan = oc.compile(of_hessians(SIX)[name]).plan
    assert plan.strategy == "reverse"
    assert [push.kind for push in plan.pushes] == ["reverse"]
    assert "the highest by reverse passes" in str(plan)
    cost = dict(plan.choices[0].predicted)
    assert cost["reverse"] < cost["algebra"]


def test_auto_does_not_take_it_where_it_does_not_pay() -> None:
    three = sp.Function("u")(*X[:3])
    assert oc.compile(oc.det(oc.hessian(three, X[:3]))).plan.strategy == "algebra"
    # A pass per field costs more than the channels that all fields share.
    many = oc.compile(second_order(*OF_SIX), fields=OF_SIX)
    assert many.plan.strategy == "algebra"
    assert oc.compile(oc.laplacian(OF_SIX[0], SIX)).plan.strategy == "algebra"


def test_networks_apart_are_planned_apart() -> None:
    """Two fields by two networks: each network has one field, so it pays."""
    many = second_order(*OF_SIX[:2])
    residual, algebra = oc.compile(many), oc.compile(many, strategy="algebra")
    assert residual.plan.strategy == "algebra"
    assert {residual._plan_for((name,)).strategy for name in "uv"} == {"reverse"}
    first, last = normal(0, (6, 3)), normal(1, (3,))
    nets = {
        name: lambda z, n=n: jnp.tanh(z @ first * (n + 1)) @ last
        for n, name in enumerate("uv")
    }
    both = jax.jit(lambda z: (residual(nets, z), algebra(nets, z)))
    for a, b in zip(*both(normal(2, (5, 6))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_seeds_of_a_higher_degree_are_refused() -> None:
    """A jet along a curve is none along straight lines."""
    plan = oc.compile(u.diff(X[0], 3, X[1]), strategy="partition").plan
    curved = [
        place
        for place, push in enumerate(plan.pushes)
        if KINDS["reverse"].misfit(replace(push, kind="reverse"))
    ]
    pushes = list(plan.pushes)
    pushes[curved[0]] = replace(pushes[curved[0]], kind="reverse")
    wrong = replace(plan, pushes=tuple(pushes))
    assert not wrong.verify()
    with pytest.raises(oc.OperatorError, match="this is not a plan") as caught:
        oc.Plan.from_json(wrong.to_json())
    assert "degree 1" in caught.value.hint


NETWORKS = {
    "a loop": lambda z: jax.lax.while_loop(
        lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1]) * z[1]), (0, z @ A[:, 0])
    )[1],
    "a scan": lambda z: jax.lax.scan(
        lambda c, a: (jnp.tanh(c @ A @ A.T + a), None), z, jnp.arange(3.0)
    )[0].sum(),
    "sorted": lambda z: jnp.sort(jnp.sin(z)) @ jnp.arange(4.0) ** 2,
    "complex": lambda z: jnp.exp(1j * (z @ A[:, 0])) * jnp.cos(z @ A[:, 1]),
    "constant": lambda z: jnp.asarray(2.0),
    "affine": lambda z: z @ A[:, 0] + 1,
    "quadratic": lambda z: z @ A @ A.T @ z,
    "attention": lambda z: jnp.sum(
        jax.nn.softmax(jnp.outer(z, z), axis=-1) @ jnp.tanh(z[:, None] * A)
    ),
    "slogdet": lambda z: jnp.linalg.slogdet(
        jnp.eye(2) + jnp.tanh(jnp.outer(z[:2], z[2:]))
    )[1],
    "normed": lambda z: jnp.linalg.norm(jnp.tanh(z @ A)),
    "convolution": lambda z: jnp.sum(
        jnp.tanh(jnp.convolve(z, A[:3, 0], mode="valid")) ** 3
    ),
    "one array": lambda z: (jnp.tanh(z @ A) @ B[:, :1]).reshape(1),
}  # fmt: skip


# "normed" and "slogdet" have what is peculiar to "attention": all entries in each other.
@pytest.mark.parametrize("name", only(NETWORKS.keys() - {"attention"}, NETWORKS))
def test_networks_of_all_kinds(name: str) -> None:
    """What cannot be reversed goes by the engine alone."""
    mine = NETWORKS[name]
    equations = [u.diff(X[1], 2), u.diff(X[1], X[2]), u.diff(X[2]), u]
    one, other = (
        oc.compile(equations, strategy=s, coordinates=X) for s in ("through", "algebra")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, want = jax.jit(lambda z: (one(mine, z), other(mine, z)))(POINTS)
    for a, b in zip(found, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@jax.custom_jvp
def odd(a, b):
    """A function whose rule is the derivative of no function."""
    return a * b


@odd.defjvp
def _(primals, tangents):
    (a, b), (da, db) = primals, tangents
    return odd(a, b), b * da * a + 2 * a * db


def test_derivatives_that_depend_on_their_order() -> None:
    of_three = sp.Function("u")(*THREE)
    mine = lambda z: odd(jnp.sin(z[0]), z[1] ** 2) * z[2]
    one, other = (
        oc.compile(second_order(of_three), strategy=s) for s in ("through", "nested")
    )
    both = jax.jit(lambda z: (one(mine, z), other(mine, z)))
    for a, b in zip(*both(IN_SPACE), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_network_of_straight_pieces_is_warned_of() -> None:
    residual = oc.compile(EQUATIONS["Monge-Ampere"], strategy="through")
    mine = lambda z: jnp.sum(jax.nn.relu(z @ A[:2]))
    with pytest.warns(UserWarning, match="piecewise linear"):
        values = jax.jit(lambda at: residual(mine, at))(IN_THE_PLANE)
    want = -np.sum(np.maximum(IN_THE_PLANE @ A[:2], 0), axis=1)
    np.testing.assert_allclose(values, want)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("infinity Laplacian", {"chunk": 2}), ("Monge-Ampere", {"remat": True})],
)
def test_settings(name: str, settings) -> None:
    points = IN_SPACE if name in IN_THREE else IN_THE_PLANE
    check(EQUATIONS[name], points, **settings)


def test_other_points() -> None:
    """One point, none, many axes, a grid, and points under `vmap`."""
    through, algebra = (
        oc.compile(EQUATIONS["Monge-Ampere"], strategy=s)
        for s in ("through", "algebra")
    )
    axes = {f"x{n}": np.linspace(0.1, 0.4, 2) + n / 10 for n in (1, 2)}
    points = {
        "one": IN_THE_PLANE[0],
        "none": IN_THE_PLANE[:0],
        "many axes": np.stack([IN_THE_PLANE, 2 * IN_THE_PLANE]),
        "grid": oc.grid(axes),
    }
    mesh = np.stack(np.meshgrid(*axes.values(), indexing="ij"), -1).reshape(-1, 2)
    listed = np.concatenate([IN_THE_PLANE, 2 * IN_THE_PLANE, mesh])

    def values(scale):
        net = network(through, scale)
        found = {name: through(net, at) for name, at in points.items()}
        return found | {"vmap": jax.vmap(lambda z: through(net, z))(IN_THE_PLANE)}

    of_list = lambda scale: algebra(network(algebra, scale), listed)
    both = lambda scale: [
        jax.jvp(function, (scale,), (1.0,)) for function in (values, of_list)
    ]
    found, want = jax.jit(both)(1.2)
    for got, row in zip(found, want, strict=True):
        wanted = {
            "one": row[0],
            "none": row[:0],
            "many axes": row[:10].reshape(2, 5),
            "grid": row[10:].reshape(2, 2),
            "vmap": row[:5],
        }
        for name, value in wanted.items():
            assert got[name].shape == value.shape, name
            np.testing.assert_allclose(
                got[name], value, rtol=1e-9, atol=1e-11, err_msg=name
            )


def test_float32_stays() -> None:
    residual = oc.compile(EQUATIONS["infinity Laplacian"], strategy="through")
    net = lambda first, last: lambda z: jnp.tanh(z @ first[:3]) @ last[:, 0]
    short = [each.astype(np.float32) for each in (A, B, IN_SPACE)]
    both = jax.jit(lambda given: [residual(net(a, b), at) for a, b, at in given])
    values, want = both([short, [A, B, IN_SPACE]])
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, want, rtol=1e-4, atol=1e-6)


def test_parameters_of_a_whole_network_and_least_squares() -> None:
    """Layers are used forwards and backwards; the gradient and JᵀJ are the same."""
    equation = EQUATIONS["Monge-Ampere"]
    params = {"in": A[:2], "mid": np.eye(7) + 0.1, "out": B[:, 0]}
    apply = lambda p, z: jnp.tanh(jnp.tanh(z @ p["in"]) @ p["mid"]) @ p["out"]

    through, algebra = (
        oc.compile(equation, strategy=s).bind(apply) for s in ("through", "algebra")
    )

    @jax.jit
    def both(params, points):
        gram = oc.least_squares([(through, points)]).gram(params)
        found = through.value_and_grad(params, points), gram
        twice = lambda params: (algebra(params, points),) * 2
        jacobian, values = jax.jacrev(twice, has_aux=True)(params)
        slope = jax.tree.map(lambda rows: 2 * jnp.tensordot(values, rows, 1), jacobian)
        rows = jnp.concatenate(
            [own.reshape(len(points), -1) for own in jax.tree.leaves(jacobian)], 1
        )
        mean = lambda each: jax.tree.map(lambda part: part / len(points), each)
        return found, mean(((values @ values, slope), rows @ rows.T))

    found = both(params, IN_THE_PLANE)
    for a, b in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
