"""Functions over points: what nested `jax.vmap` of one function and one point gives."""

from dataclasses import replace
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

t, x, nu = sp.symbols("t x nu")
u = sp.Function("u")(t, x)
EQUATION = [
    u.diff(t) - nu * u.diff(x, 2) - u**2 + sp.sin(x),
    u.subs(x, 0).diff(t),
]
RESIDUAL = oc.compile(EQUATION)
# For gradients: of a lower order, which a program of gradients shows well enough.
FIRST = oc.compile([u.diff(t) - nu * u.diff(x) * u, u.subs(t, 0) - x])
PARAMS = {
    "branch": normal((0, 0), (5, 8)),
    "trunk": normal((0, 1), (2, 8)),
    "last": normal((0, 2), (8, 8)) / 3,
}
SENSORS = normal((0, 3), (4, 5))
POINTS = uniform((0, 4), (7, 2))
ROWS = np.tile(SENSORS, (2, 1))[:7]
TS, XS = np.linspace(0, 1, 3), np.linspace(0.1, 1, 6)


def deeponet(params: Any, point: Any, sensors: Any) -> Any:
    branch = jnp.tanh(sensors @ params["branch"]) @ params["last"]
    return branch @ jnp.tanh(point @ params["trunk"])


def joined(params: Any, point: Any, sensors: Any) -> Any:
    """A network that mixes function and point in its first layer."""
    first = jnp.tanh(sensors @ params["branch"] + point @ params["trunk"])
    return jnp.sum(jnp.sin(first @ params["last"]))


NETWORKS = {"deeponet": deeponet, "joined": joined}


def close(got: Any, want: Any, name: str = "") -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert np.shape(a) == np.shape(b), name
        atol = 1e-12 * max(1, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=name)


def one_by_one(
    apply: Any, params: Any, points: Any, residual: Any = RESIDUAL, **given: Any
) -> Any:
    one = lambda a: residual(lambda p: apply(params, p, a), points, **given)
    return jax.vmap(one)(SENSORS)


@pytest.mark.parametrize("apply", NETWORKS.values(), ids=NETWORKS)
def test_every_function_at_every_point(apply: Any) -> None:
    several = POINTS[:6].reshape(2, 3, 2)
    columns = {"t": POINTS[:, 0], "x": POINTS[:, 1]}
    calls = {
        "a number": (RESIDUAL, POINTS, POINTS, 0.1),
        "several axes": (FIRST, several, several, np.ones((2, 1))),
        "columns": (FIRST, columns, POINTS, lambda p: p[0] + p[1]),
    }

    @jax.jit
    def values(params):
        return {
            name: (
                residual.bind(apply)(params, oc.over(SENSORS, points), nu=nu),
                one_by_one(apply, params, same, residual, nu=nu),
            )
            for name, (residual, points, same, nu) in calls.items()
        }

    for name, (got, want) in values(PARAMS).items():
        shape = (4, 2, 3) if name == "several axes" else (4, 7)
        assert {value.shape for value in got} == {shape}, name
        close(got, want, name)


@pytest.mark.parametrize("name", only(["deeponet"], NETWORKS))
def test_functions_over_a_grid(name: str) -> None:
    apply = NETWORKS[name]
    grid = oc.grid(t=TS, x=XS)
    f = FIRST.bind(apply)
    both = lambda params: (
        f(params, oc.over(SENSORS, grid), nu=XS),
        one_by_one(apply, params, grid, FIRST, nu=XS),
    )
    values, want = jax.jit(both)(PARAMS)
    assert values[0].shape == (4, 3, 6)
    close(values, want)


@pytest.mark.parametrize("name", only(["joined"], NETWORKS))
def test_a_function_for_each_point(name: str) -> None:
    apply = NETWORKS[name]
    f = RESIDUAL.bind(apply)
    at = lambda a, p: RESIDUAL(lambda q: apply(PARAMS, q, a), p, nu=0.1)
    both = lambda rows: (
        f(PARAMS, oc.along(rows, POINTS), nu=0.1), jax.vmap(at)(rows, POINTS)
    )  # fmt: skip
    close(*jax.jit(both)(ROWS))


@pytest.mark.parametrize(
    ("name", "tile"), only([("deeponet", 10)], product(NETWORKS, [None, 1, 10, 16]))
)
def test_losses_by_tiles(name: str, tile: int | None) -> None:
    by_function = np.arange(4.0)[:, None]
    points, pairs = oc.over(SENSORS, POINTS), oc.along(ROWS, POINTS)
    apply = NETWORKS[name]
    f = FIRST.tuned(replace(FIRST.tuning, tile=tile)).bind(apply)

    def plain(params: Any, nu: Any) -> Any:
        one = lambda a, n: FIRST(lambda p: apply(params, p, a), POINTS, nu=n)
        values = jax.vmap(one)(SENSORS, nu[:, 0])
        return sum(jnp.mean(by_function * r**2) for r in values)

    @jax.jit
    def found(params: Any) -> Any:
        given = {"nu": by_function, "weights": by_function}
        values = f(params, pairs, nu=0.1)
        mean = sum(jnp.mean(r**2) for r in values)
        return {
            "over": (
                f.value_and_grad(params, points, **given),
                jax.value_and_grad(plain)(params, by_function),
            ),
            "along": (f.loss(params, pairs, nu=0.1), mean),
        }

    for kind, (got, want) in found(PARAMS).items():
        close(got, want, kind)


def test_gradients_by_functions_and_a_pytree_of_them() -> None:
    def apply(params: Any, point: Any, function: Any) -> Any:
        scale, sensors = function["scale"], function["sensors"]
        return scale * deeponet(params, point, sensors)

    f = FIRST.bind(apply)
    functions = {"scale": np.arange(4.0) + 1, "sensors": SENSORS}
    loss = lambda functions: f.loss(PARAMS, oc.over(functions, POINTS), nu=0.1)

    def plain(functions: Any) -> Any:
        one = lambda a: FIRST(lambda p: apply(PARAMS, p, a), POINTS, nu=0.1)
        return sum(jnp.mean(r**2) for r in jax.vmap(one)(functions))

    both = lambda functions: [jax.grad(of)(functions) for of in (loss, plain)]
    close(*jax.jit(both)(functions))


def test_sums_integrals_and_other_residuals() -> None:
    X = oc.vector("x", 3)
    w = sp.Function("w")(X)
    s = sp.Symbol("s")
    points = uniform((0, 5), (7, 3))
    apply = lambda params, point, a: (
        jnp.sin(a @ params["branch"])
        @ jnp.tanh(jnp.sum(point) * params["trunk"][0] + point[1] ** 2)
    )
    for equation, at, given in (
        (oc.laplacian(w, X) + w, points, {}),
        (
            u.diff(t) + oc.Integral(sp.Function("u")(t, s) * x, (s, 0, x)),
            POINTS,
            {"quadrature": {"s": oc.gauss_legendre(3)}},
        ),
    ):
        residual = oc.compile(equation)

        @jax.jit
        def values(
            params: Any, at: Any, residual: Any = residual, given: Any = given
        ) -> Any:
            one = lambda a: residual(lambda p: apply(params, p, a), at, **given)
            net = lambda p, a: apply(params, p, a)
            both = (oc.over(SENSORS, at), oc.along(ROWS, at))
            return *[residual(net, z, **given) for z in both], jax.vmap(one)(SENSORS)

        over, along, want = values(PARAMS, at)
        close(over, want, str(equation))
        # Point k has the function of row k, and rows repeat every four.
        close(along, want[np.arange(7) % 4, np.arange(7)], str(equation))


def test_dicts_of_networks_and_least_squares() -> None:
    v = sp.Function("v")(t, x)
    residual = oc.compile([u.diff(t) - v, v.diff(x) + u])
    nets = {"u": deeponet, "v": joined}
    f = residual.bind(nets)
    points = oc.over(SENSORS, POINTS)
    one = lambda params, a: residual(
        {name: lambda p, n=net: n(params, p, a) for name, net in nets.items()}, POINTS
    )
    problem = oc.least_squares([(f, points, 2.0)])

    @jax.jit
    def found(params: Any) -> Any:
        squared = jnp.sum(problem.residual(params) ** 2)
        losses = squared, f.loss(params, points, weights=2.0)
        return (f(params, points), jax.vmap(one, (None, 0))(params, SENSORS)), losses

    values, losses = found(PARAMS)
    close(*values)
    close(*losses)


def test_the_branch_is_evaluated_once_for_each_function() -> None:
    sensors, points = np.ones((40, 5)), np.ones((50, 2))
    net = lambda p, a: deeponet(PARAMS, p, a)
    values = lambda a, z: RESIDUAL(net, oc.over(a, z), nu=0.1)
    program = jax.make_jaxpr(values)(sensors, points).jaxpr
    assert max(e.outvars[0].aval.size for e in program.eqns) <= 40 * 50


@pytest.mark.parametrize(
    ("points", "part"),
    [
        (lambda: oc.over(1.0, POINTS), "functions are no arrays"),
        (lambda: oc.over({"a": SENSORS, "b": np.ones(3)}, POINTS), "functions are no"),
        (lambda: oc.over(1j * SENSORS, POINTS), "a function is complex"),
        (lambda: oc.over(SENSORS, POINTS[:, :1]), "one column for each"),
        (lambda: oc.along(SENSORS, POINTS), "4 functions do not belong"),
        (lambda: POINTS, "cannot be called on one point"),
    ],
)
def test_mistakes(points: Any, part: str) -> None:
    with pytest.raises(oc.OperatorError, match=part):
        RESIDUAL(lambda p, a: deeponet(PARAMS, p, a), points(), nu=0.1)


def test_a_network_of_a_point_alone() -> None:
    with pytest.raises(oc.OperatorError, match="and one function"):
        RESIDUAL(lambda p: p[0] * p[1], oc.over(SENSORS, POINTS), nu=0.1)
