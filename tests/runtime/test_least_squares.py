"""Sums of squares: everything against the plain Jacobian, in float64."""

import functools
import itertools
import math
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from flax import nnx
from jax.flatten_util import ravel_pytree

import opcompiler as oc
from tests.corpus import Record
from tests.draws import normal, uniform
from tests.end_to_end.test_corpus import (
    bank as bank_of,
    parameters,
    points,
    quadrature,
    RECORDS,
    SCALE,
)
from tests.end_to_end.test_networks import (
    EQUATIONS,
    EquinoxNet,
    FlaxNet,
    FORMS,
    made,
    POINTS,
)
from tests.oracle.networks import ACTIVATIONS, mlp
from tests.shares import one_in, only

TOLERANCE = 1e-10


def close(found, wanted, tolerance=TOLERANCE, name: str = "") -> None:
    """Compares arrays by the largest entry of what is wanted."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, name
    assert np.all(np.isfinite(wanted)), name
    assert np.max(np.abs(found - wanted)) <= tolerance * np.max(np.abs(wanted)), name


def rows_of(values) -> jax.Array:
    """Residuals of N points point by point, a complex one as two: an independent layout."""
    columns = []
    for value in values:
        columns += [value.real, value.imag] if jnp.iscomplexobj(value) else [value]
    return jnp.stack(columns, -1).reshape(-1)


METHODS = ("residual", "loss", "jvp", "vjp", "gauss_newton", "jacobian", "gram")
SOME = pytest.mark.parametrize(
    "methods",
    [("gauss_newton", "gram"), pytest.param(METHODS, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
"""One that goes forwards and backwards by tiles, and the one that looks for layers."""


def check(squares, reference, params, methods=METHODS) -> dict:
    """Compares methods with the plain Jacobian of a function of params, (M,).

    Returns what the methods give.
    """

    @jax.jit
    def pairs(params):
        flat, unravel = ravel_pytree(params)
        rows = lambda flat: (reference(unravel(flat)),) * 2
        jacobian, wanted = jax.jacrev(rows, has_aux=True)(flat)
        v = jnp.asarray(normal(3, flat.shape, flat.dtype))
        w = jnp.asarray(normal(3, wanted.shape, flat.dtype))
        raveled = lambda tree: ravel_pytree(tree)[0]
        both = {
            "residual": lambda: (squares.residual(params), wanted),
            "loss": lambda: (squares.loss(params), wanted @ wanted),
            "jvp": lambda: (squares.jvp(params, unravel(v)), jacobian @ v),
            "vjp": lambda: (raveled(squares.vjp(params, w)), w @ jacobian),
            "gauss_newton": lambda: (
                raveled(squares.gauss_newton(params, unravel(v))),
                jacobian.T @ (jacobian @ v),
            ),
            "jacobian": lambda: (squares.jacobian(params), jacobian),
            "gram": lambda: (squares.gram(params), jacobian @ jacobian.T),
        }
        return {method: both[method]() for method in methods}

    both = pairs(params)
    for method, (found, wanted) in both.items():
        close(found, wanted, name=method)
    return {method: found for method, (found, _) in both.items()}


# --- every network and every equation -----------------------------------------------------

ONE = oc.compile(EQUATIONS[0])


@pytest.mark.parametrize(
    ("library", "form"),
    only(
        [
            (EquinoxNet, "mlp"),
            (FlaxNet, "resnet with layer norm"),
            (EquinoxNet, "attention"),
            (FlaxNet, "deeponet"),
        ],
        itertools.product((EquinoxNet, FlaxNet), FORMS),
    ),
)
def test_gram_of_every_network(library, form: str) -> None:
    if library is EquinoxNet:
        params, rest = eqx.partition(made(library, form), eqx.is_inexact_array)
        apply = lambda params, z: eqx.combine(params, rest)(z)
    else:
        graph, params, rest = nnx.split(made(library, form), nnx.Param, ...)
        apply = lambda params, z: nnx.merge(graph, params, rest)(z)
    f = ONE.bind(apply)
    squares = oc.least_squares([(f, POINTS)])

    @jax.jit
    def both(params):
        flat, unravel = ravel_pytree(params)

        def reference(flat):
            net = lambda z: apply(unravel(flat), z)
            return ONE(net, POINTS) / np.sqrt(len(POINTS))

        jacobian = jax.jacrev(reference)(flat)
        return squares.gram(params), jacobian @ jacobian.T

    in_float32 = "f32" in str(jax.make_jaxpr(lambda: apply(params, POINTS[0]))())
    close(*both(params), 1e-5 if in_float32 else TOLERANCE)


def with_params(record: Record, activation: str = "tanh"):
    """Returns the bank's networks as functions of params, and params."""
    networks = bank_of(record, activations=(activation,))
    params = {name: networks._layers[activation, name] for name in record.functions}

    def network(name, params, point):
        outputs = mlp(params[name], ACTIVATIONS[activation], point)
        return networks.kinds[name].value(outputs)

    return {name: functools.partial(network, name) for name in params}, params


@pytest.mark.parametrize("record", one_in(32, RECORDS), ids=lambda record: record.name)
def test_gram_of_every_record(record: Record) -> None:
    """Parameters of the equations are unknowns, too."""
    residual = oc.compile(list(record.equations), fields=list(record.functions))
    apply, params = with_params(record)
    apply = {
        name: lambda p, z, own=own: own(p["net"], z) for name, own in apply.items()
    }
    given = {n: np.asarray(v) for n, v in parameters(record).items()}
    unknown = {"net": params, "pde": given}
    columns = [record.coordinates.index(c) for c in residual.coordinates]
    at, rules = points(record)[:, columns], quadrature(residual)
    f = residual.bind(apply)
    squares = oc.least_squares(
        [(f, at, None, lambda p: {**p["pde"], "quadrature": rules})]
    )

    def reference(p):
        nets = {name: lambda z, own=own: own(p, z) for name, own in apply.items()}
        values = residual(nets, at, quadrature=rules, **p["pde"])
        return rows_of(values) / np.sqrt(len(at))

    check(squares, reference, unknown, ["gram"])
    assert record.name not in SCALE or params


# --- several terms, weights, unknowns -----------------------------------------------------

x, y, nu = sp.symbols("x y nu")
U = sp.Function("u")(x, y)
BURGERS = oc.compile(U.diff(x) + U * U.diff(y) - nu * U.diff(y, 2))
# Where points, parameters and tiles are what is tested.
FIRST = oc.compile(U.diff(x) + U * U.diff(y) - nu * U)


def layers(*widths, dtype=jnp.float64):
    return [
        (normal((7, k, 0), (m, n), dtype) / math.sqrt(m),
         normal((7, k, 1), (n,), dtype))
        for k, (m, n) in enumerate(itertools.pairwise(widths))
    ]  # fmt: skip


def apply(params, point):
    return mlp(params["net"], jnp.tanh, point)[0]


INSIDE = uniform(1, (37, 2))
WALL = uniform(2, (11, 2))
PARAMS = {"net": layers(2, 8, 8, 1), "nu": np.array(0.3)}
SMALL = {"net": layers(2, 6, 1), "nu": np.array(0.3)}


def several():
    f = FIRST.bind(apply)
    weights = np.arange(11.0)
    squares = oc.least_squares(
        [
            (f, INSIDE, 2.0, lambda p: {"nu": p["nu"]}),
            (lambda p, data: apply(p, data[0]) - data[1], (WALL, WALL[:, 0]), weights),
            (lambda p: p["nu"] ** 2 - jnp.array([1.0, 2.0]), None, 3.0),
        ]
    )

    def reference(p):
        inside = FIRST(lambda z: apply(p, z), INSIDE, nu=p["nu"])
        wall = jax.vmap(lambda z: apply(p, z))(WALL) - WALL[:, 0]
        return jnp.concatenate(
            [jnp.sqrt(2 / 37) * inside, jnp.sqrt(weights / 11) * wall,
             jnp.sqrt(3 / 2) * (p["nu"] ** 2 - jnp.array([1.0, 2.0]))]
        )  # fmt: skip

    return squares, reference


def test_residuals_data_and_unknowns_together() -> None:
    check(*several(), SMALL)


@SOME
def test_by_tiles_too(methods) -> None:
    f = BURGERS.tuned(replace(BURGERS.tuning, tile=16)).bind(apply)
    squares = oc.least_squares([(f, INSIDE, None, {"nu": 0.3})])
    reference = lambda p: f(p, INSIDE, nu=0.3) / jnp.sqrt(37)
    check(squares, reference, {"net": SMALL["net"]}, methods)


def test_the_loss_is_that_of_a_bound_residual() -> None:
    system = oc.compile({"a": U.diff(x) - U, "b": U.diff(y, 2) + U})
    f = system.bind(apply)
    weights = {"a": 2.0, "b": np.linspace(0, 1, 37)}
    squares = oc.least_squares([(f, INSIDE, weights)])

    @jax.jit
    def all_ways(params):
        value, slope = jax.value_and_grad(squares.loss)(params)
        wanted, by_bound = f.value_and_grad(params, INSIDE, weights=weights)
        twice = squares.vjp(params, 2 * squares.residual(params))
        raveled = [ravel_pytree(tree)[0] for tree in (slope, twice, by_bound)]
        return value, wanted, *raveled

    value, wanted_value, slope, twice, wanted = all_ways(SMALL)
    close(value, wanted_value)
    close(slope, wanted)
    close(twice, wanted)


@SOME
def test_points_of_any_shape_and_parameters_over_them(methods) -> None:
    f = FIRST.bind(apply)
    at = INSIDE[:36].reshape(4, 9, 2)
    values = np.linspace(0.1, 1, 36).reshape(4, 9)
    squares = oc.least_squares([(f, at, values, {"nu": values})])
    reference = lambda p: (jnp.sqrt(values / 36) * f(p, at, nu=values)).reshape(-1)
    found = check(squares, reference, SMALL, methods)
    columns = {"x": at[..., 0], "y": at[..., 1]}
    other = oc.least_squares([(f, columns, values, {"nu": values})])
    close(jax.jit(other.gram)(SMALL), found["gram"])


@SOME
def test_an_unknown_coefficient_is_a_network(methods) -> None:
    f = FIRST.bind(lambda p, z: mlp(p["u"], jnp.tanh, z)[0])
    params = {"u": layers(2, 6, 1), "nu": layers(2, 5, 1)}
    of = lambda p: lambda z: mlp(p["nu"], jnp.tanh, z)[0] ** 2
    squares = oc.least_squares([(f, INSIDE, 1.0, lambda p: {"nu": of(p)})])
    reference = lambda p: f(p, INSIDE, nu=of(p)) / jnp.sqrt(37)
    check(squares, reference, params, methods)


@SOME
def test_complex_residuals_are_two_rows(methods) -> None:
    psi = sp.Function("psi", complex=True)(x, y)
    residual = oc.compile(sp.I * psi.diff(x) + psi.diff(y) * abs(psi) ** 2)
    f = residual.bind(lambda p, z: mlp(p["net"], jnp.tanh, z))
    params = {"net": layers(2, 6, 2)}
    squares = oc.least_squares([(f, INSIDE)])
    reference = lambda p: rows_of([f(p, INSIDE)]) / jnp.sqrt(37)
    check(squares, reference, params, methods)


@SOME
@pytest.mark.parametrize("per_point", [False, True])
def test_a_drawn_residual_at_one_key(per_point: bool, methods) -> None:
    X = oc.vector("x", 12)
    u = sp.Function("u")(X)
    estimator = oc.Sparse(3, per_point=per_point)
    f = oc.compile(oc.laplacian(u, X), estimator=estimator).bind(apply)
    at, params = normal(0, (6, 12)), {"net": layers(12, 6, 1)}
    key = jax.random.key(4)
    squares = oc.least_squares([(f, at, None, {"key": key})])
    check(squares, lambda p: f(p, at, key=key) / jnp.sqrt(6), params, methods)


# --- how parameters are used --------------------------------------------------------------

LAPLACE = oc.compile(U.diff(x, 2) + U.diff(y, 2))


def normed(p, z):
    columns = p["v"] * p["g"] / jnp.linalg.norm(p["v"], axis=0)
    return jnp.tanh(z @ p["w"]) @ columns @ p["last"]


def out_of_a_vector(p, z):
    first, second = p["flat"][:10].reshape(2, 5), p["flat"][10:35].reshape(5, 5)
    return jnp.sum(jnp.tanh(jnp.tanh(jnp.sin(z) @ first) @ second.T) * p["flat"][35:40])


def tied(p, z):
    h = jnp.tanh(jnp.sin(z) @ p["w"])  # a transposed layer is the same layer
    return jnp.sum(jnp.tanh(jnp.tanh(h @ p["w"].T) @ p["w"]) ** 2)


def stacked(p, z):
    h = jnp.tanh(z @ p["w"])
    h, _ = jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), h, p["layers"])
    return jnp.sum(h @ p["layers"][0])


def heads(p, z):
    h = jnp.stack([jnp.sin(z), z**2, z])  # (3, 2)
    return jnp.sum(jnp.tanh(jnp.einsum("hi,hio->ho", h, p["w"])) * p["scale"])


def image(p, z):
    h = jnp.sin(jnp.outer(jnp.arange(1.0, 9), z))[None, None]  # (1, 1, 8, 2)
    h = jnp.tanh(jax.lax.conv(h, p["kernel"], (2, 1), "SAME"))
    h = jax.lax.conv_general_dilated(
        h, p["second"], (1, 1), "VALID", rhs_dilation=(2, 1)
    )
    return jnp.sum(jnp.tanh(h))


def draw(key, **shapes):
    return {
        name: normal((key, place), shape)
        for place, (name, shape) in enumerate(shapes.items())
    }


USES = {
    "a weight that is normed": (
        normed, draw(0, w=(2, 5), v=(5, 4), g=(4,), last=(4,))),
    "layers cut out of one vector": (out_of_a_vector, draw(1, flat=(43,))),
    "a layer that is used twice and transposed": (tied, draw(2, w=(2, 4))),
    "layers in a scan, one of them read outside": (
        stacked, draw(3, w=(2, 4), layers=(3, 4, 4))),
    "several matrices side by side": (heads, draw(4, w=(3, 2, 5), scale=(3, 5))),
    "convolutions with strides and dilation": (
        image, draw(5, kernel=(3, 1, 3, 2), second=(2, 3, 2, 1))),
}  # fmt: skip


@pytest.mark.parametrize(
    "methods",
    [("gram",), pytest.param(METHODS, marks=pytest.mark.slow)],
    ids=["gram", "all"],
)
@pytest.mark.parametrize("name", USES)
def test_every_way_to_use_a_parameter(name: str, methods) -> None:
    """The other methods do not look for layers."""
    net, params = USES[name]
    f = oc.compile(U.diff(x), coordinates=[x, y]).bind(net)
    squares = oc.least_squares([(f, WALL), (net, WALL, 5.0)])

    def reference(p):
        values = jax.vmap(lambda z: net(p, z))(WALL)
        return jnp.concatenate([f(p, WALL), jnp.sqrt(5) * values]) / jnp.sqrt(11)

    check(squares, reference, params, methods)


def test_layers_are_found() -> None:
    """The first layer meets constants and is a block; the last bias is not read at all."""
    f = LAPLACE.bind(apply)
    squares = oc.least_squares([(f, WALL)])
    parts = []
    looked = lambda params: parts.extend(squares._by_parts(params)[0])
    jax.eval_shape(looked, {"net": PARAMS["net"]})
    assert [part.layer for part in parts] == [False, False, True, False, True]


def test_in_jit_with_points_that_change_and_in_float32() -> None:
    f = LAPLACE.bind(apply)
    params = {"net": layers(2, 6, 1, dtype=jnp.float32)}

    @jax.jit
    def both(params, points):
        exact = oc.least_squares([(f, points.astype(float))])
        wide = jax.tree.map(lambda a: a.astype(float), params)
        return oc.least_squares([(f, points)]).gram(params), exact.gram(wide)

    found, exact = both(params, WALL.astype(jnp.float32))
    assert found.dtype == jnp.float32
    close(found, exact, 1e-5)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda f: oc.least_squares([]), "list of terms"),
        (lambda f: oc.least_squares([(WALL, f)]), "function with its points"),
        (lambda f: oc.least_squares([(f,)]), "no points"),
        (lambda f: oc.least_squares([(f, WALL, -1.0)]), "0 or more"),
        (lambda f: oc.least_squares([(f, WALL[:0])]), "there are none"),
        (lambda f: oc.least_squares([(apply, WALL, 1.0, {"nu": 1})]), "keywords"),
        (lambda f: oc.least_squares([(apply, (WALL, 1.0))]), "one row each"),
        (lambda f: oc.least_squares([(apply, WALL, jnp.ones(5))]), "does not fit"),
        (lambda f: oc.least_squares([(f, WALL)]).gram({"net": 1}), "real floating"),
        (
            lambda f: oc.least_squares([(f, WALL)]).vjp(PARAMS, jnp.ones(3)),
            "one number",
        ),
        (lambda f: oc.least_squares([(f, WALL)]).jvp(PARAMS, 1.0), "not like"),
    ],
)
def test_what_does_not_fit_is_refused(make, word: str) -> None:
    with pytest.raises(oc.OperatorError, match=word):
        make(LAPLACE.bind(apply))
