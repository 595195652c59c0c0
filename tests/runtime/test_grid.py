"""On a grid a residual gives what it gives at the grid's points as a list."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime import autotune
from tests.corpus import Record
from tests.draws import normal, uniform
from tests.end_to_end import test_corpus as corpus
from tests.shares import one_in, only

t, x, y, nu = sp.symbols("t x y nu")
u = sp.Function("u")(t, x, y)
X = oc.vector("x", 3)
w = sp.Function("w")(t, X)
i = oc.index("i", X)
TS, XS, YS = (np.linspace(0.1, 0.9, n) ** 2 for n in (3, 4, 5))
GRID = oc.grid(t=TS, x=XS, y=YS)
FULL = np.stack(np.meshgrid(TS, XS, YS, indexing="ij"), -1)

PARAMS = {
    "a": normal((0, 0), (3, 1, 8)),
    "b": normal((0, 1), (3, 8, 8)) / 3,
    "m": normal((0, 2), (3, 8)),
}


def separable(params: Any, q: Any) -> Any:
    axis = lambda a, b, s: jnp.tanh(jnp.tanh(s[None] @ a) @ b)
    return jnp.sum(jnp.prod(jax.vmap(axis)(params["a"], params["b"], q), 0))


def shallow(params: Any, q: Any) -> Any:
    """Of one layer, where more of them would show no more."""
    along = jax.vmap(lambda a, s: jnp.tanh(s * a[0]))(params["a"], q)
    return jnp.sum(jnp.prod(along, 0))


def mixing(params: Any, q: Any) -> Any:
    return jnp.sum(jnp.sin(jnp.tanh(q @ params["m"]) @ params["b"][0]))


APPLY = {"separable": separable, "mixing": mixing}
EQUATIONS = [
    u.diff(t) - nu * u.diff(x, 2) + u.diff(y, 3) * u + sp.sin(x) * t,
    u.subs(t, 0) - sp.cos(x) * y,
    u.diff(x).subs(x, 1),
]
RESIDUAL = oc.compile(EQUATIONS)
# For gradients: of a lower order, which a program of gradients shows well enough.
OF_SECOND = [u.diff(t) - nu * u.diff(x, 2) * u, EQUATIONS[2]]
SECOND = oc.compile(OF_SECOND)
# For the ways to call: what is called matters less.
FIRST = oc.compile([u.diff(t) + nu * u * u.diff(x), EQUATIONS[1]])
NUMBERS = {
    "number": 0.1,
    "along an axis": XS[:, None],
    "along two": TS[:, None, None] * YS,
    "at all points": FULL.sum(-1),
    "of the point": lambda q: q[0] * q[2],
}


def close(got: Any, want: Any, tolerance: float = 1e-12, name: Any = "") -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert np.shape(a) == np.shape(b), name
        atol = tolerance * max(1.0, float(np.max(np.abs(b))))
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=str(name))


def both(residual: oc.Residual, net: Any, grid: Any, full: Any, **given: Any) -> None:
    """Compares values on a grid with those at its points."""
    run = lambda points: residual(net, points, **given)
    close(*jax.jit(lambda *points: [run(each) for each in points])(grid, full))


@pytest.mark.parametrize("apply", APPLY)
@pytest.mark.parametrize("number", NUMBERS)
def test_equations_and_conditions(apply: str, number: str) -> None:
    residual = RESIDUAL if number == "number" else FIRST
    f = residual.bind(APPLY[apply])
    run = lambda points: f(PARAMS, points, nu=NUMBERS[number])
    values, want = jax.jit(lambda *points: [run(each) for each in points])(GRID, FULL)
    assert {value.shape for value in values} == {(3, 4, 5)}
    close(values, want)


WEIGHED = {"nu": XS[:, None], "weights": (TS[:, None, None], FULL[..., 1])}


@pytest.mark.parametrize(
    ("apply", "tile"),
    only(
        [("separable", None), ("separable", 7)],
        product(APPLY, [None, 1, 7, 24, 1000]),
    ),
)
def test_losses_and_gradients_by_tiles(apply: str, tile: int | None) -> None:
    tiled = SECOND.tuned(replace(SECOND.tuning, tile=tile)).bind(APPLY[apply])
    of_list = SECOND.bind(APPLY[apply]).value_and_grad
    both = lambda params: (
        tiled.value_and_grad(params, GRID, **WEIGHED),
        of_list(params, FULL, **WEIGHED),
    )
    close(*jax.jit(both)(PARAMS))


def test_gradients_by_axes_parameters_and_weights() -> None:
    f = FIRST.tuned(replace(FIRST.tuning, tile=16)).bind(shallow)

    def on_grid(axes: Any, number: Any, weight: Any) -> Any:
        grid = oc.grid(t=axes[0], x=axes[1], y=axes[2])
        return f.loss(PARAMS, grid, nu=number, weights=weight)

    def on_list(axes: Any, number: Any, weight: Any) -> Any:
        points = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1)
        return f.loss(PARAMS, points, nu=number, weights=weight)

    given = (TS, XS, YS), XS[:, None] + 0.5, TS[:, None, None]

    def derivatives(loss: Any) -> Any:
        """Returns the gradient, and its derivative as all axes are stretched."""
        along = (given[0], *map(np.zeros_like, given[1:]))
        return jax.jvp(jax.grad(loss, (0, 1, 2)), given, along)

    close(*jax.jit(lambda: (derivatives(on_grid), derivatives(on_list)))())


@pytest.mark.parametrize(
    "strategy", one_in(4, ["nested", "partition", "polarization", "algebra"])
)
def test_every_strategy(strategy: str) -> None:
    residual = oc.compile(OF_SECOND, strategy=strategy)
    nets = {"separable": shallow, "mixing": mixing}
    run = lambda params, points: {
        name: residual(partial(apply, params), points, nu=0.1)
        for name, apply in nets.items()
    }
    both = jax.jit(lambda params, *points: [run(params, each) for each in points])
    found, want = both(PARAMS, GRID, FULL)
    for name, value in want.items():
        close(found[name], value, name=name)


def test_first_derivatives_alone_and_values() -> None:
    equations = {
        "value": u,
        "one": u.diff(x),
        "all": sp.sqrt(u.diff(x) ** 2 + u.diff(y) ** 2) + u.diff(t),
    }
    residuals = {
        name: oc.compile(equation, coordinates=[t, x, y])
        for name, equation in equations.items()
    }

    @jax.jit
    def values(points):
        return {
            (name, kind): residual(partial(apply, PARAMS), points)
            for name, residual in residuals.items()
            for kind, apply in APPLY.items()
        }

    found, want = jax.jit(lambda: (values(GRID), values(FULL)))()
    for name, value in want.items():
        close(found[name], value, name=name)


def test_axes_of_several_coordinates_and_their_order() -> None:
    places = uniform((0, 0), (6, 2))
    full = np.concatenate(
        [
            np.broadcast_to(TS[:, None, None], (3, 6, 1)),
            np.broadcast_to(places, (3, 6, 2)),
        ],
        -1,
    )
    f = FIRST.bind(shallow)
    grids = {
        "names": oc.grid(t=TS, xy=places),
        "symbols": oc.grid({t: TS, (x, y): places}),
        "in another order": oc.grid(t=TS, yx=places[:, ::-1]),
        "axes turned": oc.grid(yx=places[:, ::-1], t=TS),
        "one axis": oc.grid(txy=full[0]),
        "axes of one": oc.grid(t=TS[:1], x=XS, y=YS[:1]),
    }
    lists = np.concatenate([full.reshape(-1, 3), FULL[0, :, 0]])
    run = lambda points: f(PARAMS, points, nu=0.1)
    found, of_lists = jax.jit(
        lambda grids, points: ({n: run(at) for n, at in grids.items()}, run(points))
    )(grids, lists)
    of_list = [part[:18].reshape(3, 6) for part in of_lists]
    want = {
        "axes turned": [part.T for part in of_list],
        "one axis": [part[0] for part in of_list],
        "axes of one": [part[18:].reshape(1, 4, 1) for part in of_lists],
    }
    for name, grid in grids.items():
        value = want.get(name, of_list)
        assert grid.shape == value[0].shape
        close(found[name], value, name=name)


def test_sums_over_components_on_a_grid_of_times_and_places() -> None:
    places = uniform((0, 0), (6, 3))
    full = np.concatenate(
        [
            np.broadcast_to(TS[:, None, None], (3, 6, 1)),
            np.broadcast_to(places, (3, 6, 3)),
        ],
        -1,
    )
    table = sp.IndexedBase("c")
    equation = (
        w.diff(t) + oc.laplacian(w, X) + oc.Sum(table[i] * X[i] * oc.D(w, X[i]), i) * nu
    )
    net = lambda q: jnp.sin(q[0]) * jnp.sum(jnp.tanh(q[1:] @ PARAMS["m"]))
    given = {"c": np.arange(3.0), "nu": TS[:, None]}
    for options in ({}, {"estimator": oc.Sparse(2, per_point=True)}):
        residual = oc.compile(equation, **options)
        drawn = {"key": jax.random.key(1)} if options else {}
        grid = oc.grid(t=TS, x=places)
        both(residual, net, grid, full, **given, **drawn)


def test_integrals_on_a_grid() -> None:
    s = sp.Symbol("s")
    field = sp.Function("u")
    equation = (
        u.diff(x)
        - oc.Integral(field(s, x, y) * sp.cos(t * s), (s, 0, 1))
        + oc.Integral(field(t, s, 0).diff(t), (s, 0, x))
    )
    residual = oc.compile(equation, coordinates=[t, x, y])
    rule = {"s": oc.gauss_legendre(4)}
    tiled = residual.tuned(replace(residual.tuning, tile=20)).bind(shallow)

    def on_grid(params):
        values = [residual(partial(a, params), GRID, quadrature=rule) for a in nets]
        return values, tiled.value_and_grad(params, GRID, quadrature=rule)

    def on_list(params):
        run = lambda apply, p: residual(partial(apply, p), FULL, quadrature=rule)
        square = lambda p: (jnp.mean((values := run(shallow, p)) ** 2), values)
        (loss, values), slope = jax.value_and_grad(square, has_aux=True)(params)
        return [values, run(mixing, params)], (loss, slope)

    nets = (shallow, mixing)
    close(*jax.jit(lambda params: (on_grid(params), on_list(params)))(PARAMS))


def test_modules_jit_vmap_and_precision() -> None:
    class Net(eqx.Module):
        params: Any

        def __call__(self, q: Any) -> Any:
            return shallow(self.params, q)

    run = jax.jit(lambda n, g: FIRST(n, g, nu=0.1))
    several = jax.tree.map(lambda a: np.stack([a, a + 0.1]), GRID)
    narrow = oc.grid(t=np.float32(TS), x=np.float32(XS), y=np.float32(YS))
    single = jax.tree.map(np.float32, PARAMS)

    @jax.jit
    def everything(net, single):
        mapped = jax.vmap(lambda g: FIRST(net, g, nu=0.1))(several)
        return {
            "want": run(net, FULL),
            "jit": run(net, GRID),
            "vmap": [value[0] for value in mapped],
            "moved": ([value[1] for value in mapped], run(net, FULL + 0.1)),
            "single": run(single, narrow),
        }

    found = everything(Net(PARAMS), Net(single))
    want = found["want"]
    close(FIRST(Net(PARAMS), GRID, nu=0.1), want)
    close(found["jit"], want)
    close(found["vmap"], want)
    close(*found["moved"])
    assert {value.dtype for value in found["single"]} == {jnp.dtype(jnp.float32)}
    close(found["single"], want, 1e-4)
    numbers = oc.grid(t=[0, 1], x=np.arange(3), y=YS)
    assert jax.eval_shape(run, Net(PARAMS), numbers)[0].shape == (2, 3, 5)


def test_what_takes_points_takes_a_grid(monkeypatch) -> None:
    bound = oc.compile(u.diff(t) - nu * u, coordinates=[t, x, y]).bind(shallow)
    shapes = oc.grid(t=jax.ShapeDtypeStruct((3,), TS.dtype), x=XS, y=YS)
    compiled = bound.lower(PARAMS, shapes, nu=0.1).compile()
    rows = jax.jit(lambda rows: bound(PARAMS, rows, nu=0.1))(FULL)
    close(compiled(PARAMS, GRID, nu=np.asarray(0.1)), rows)
    slope = oc.compile(u.diff(t) * u, coordinates=[t, x, y])
    net = lambda q: jnp.prod(jnp.sin(q))
    monkeypatch.setattr(autotune, "_CHOICES", {"tile": (2,)})
    tuned = oc.autotune(slope, net, GRID, repeats=1, progress=False)
    close(*jax.jit(lambda: (tuned(net, GRID), slope(net, FULL)))())
    loss = oc.sobolev_loss(u.diff(t) * u, 1, [t, x]).bind(shallow)
    close(*jax.jit(lambda p: (loss(p, GRID), loss(p, FULL)))(PARAMS))


def largest(residual: Any, net: Any, grid: Any) -> int:
    """Returns how many numbers the largest array holds, but for the values themselves."""
    program = jax.make_jaxpr(lambda g: residual(net, g))(grid).jaxpr
    made = [e for e in program.eqns if e.outvars[0] not in program.outvars]
    return max(e.outvars[0].aval.size for e in made)


def test_a_condition_costs_its_own_face() -> None:
    grid = oc.grid(t=np.ones(30), x=np.ones(40), y=np.ones(50))
    net = lambda q: mixing(PARAMS, q)
    face = oc.compile(u.subs(t, 0).diff(x, 2) - sp.sin(x), coordinates=[t, x, y])
    assert largest(face, net, grid) <= 8 * 40 * 50
    line = oc.compile(u.subs({t: 0, y: 1}), coordinates=[t, x, y])
    assert largest(line, net, grid) <= 8 * 40


def test_a_separable_network_is_evaluated_along_axes() -> None:
    grid = oc.grid(t=np.ones(30), x=np.ones(40), y=np.ones(50))
    residual = oc.compile(u.diff(t) - u.diff(x, 2) - u.diff(y, 2))
    assert largest(residual, lambda q: separable(PARAMS, q), grid) <= 30 * 40 * 50


def test_the_grid_of_a_problem() -> None:
    problem = oc.parse(
        "coordinates t in [0, 2], x in [-1, pi], y\nfield u\nu_t = u_xx + u_y"
    )
    grid = problem.grid(t=3, x=5, y=YS)
    assert grid.shape == (3, 5, 5)
    np.testing.assert_allclose(grid.axes[0], [0, 1, 2])
    np.testing.assert_allclose(grid.axes[1], np.linspace(-1, np.pi, 5))
    residual = oc.compile(problem)
    values = jax.jit(lambda points: residual(lambda q: q @ q, points))(grid)
    assert [value.shape for value in values.values()] == [(3, 5, 5)]
    for axes, part in (
        ({"t": 3, "x": 4, "y": 5}, "y has no interval"),
        ({"t": 3, "x": 1, "y": YS}, "two ends"),
    ):
        with pytest.raises(oc.OperatorError, match=part):
            problem.grid(**axes)
    with pytest.raises(oc.OperatorError, match="no axis of the grid is that of y"):
        residual(lambda q: q @ q, problem.grid(t=3, x=4))


# The corpus ---------------------------------------------------------------------------


def partly_separable(field: Any) -> Any:
    """A network that is partly separable, and positive where it was."""
    return lambda z: field(z) * (1 + 0.1 * jnp.prod(jnp.sin(z + 0.3)))


ROUNDED = {"fractional_poisson_2d": 1e-10}
"""Its integrand divides differences of a field by powers of small distances, so rounding,
which a grid does in another order, shows by so much."""


def on_grid_and_list(
    residual: oc.Residual, record: Record, given: Mapping[str, Any]
) -> None:
    bank = corpus.bank(record, activations=("tanh",))
    nets = {
        name: partly_separable(bank.field("tanh", name)) for name in residual.fields
    }
    rules = corpus.quadrature(residual)
    at = corpus.points(record)
    columns = {c.name: at[:, n] for n, c in enumerate(residual.operator.columns)}
    lengths = [2, 3, *[1] * len(columns)][: len(columns)]
    axes = {n: a[:k] for (n, a), k in zip(columns.items(), lengths, strict=True)}
    full = np.stack(np.meshgrid(*axes.values(), indexing="ij"), -1)
    run = lambda points: residual(nets, points, quadrature=rules, **given)
    both = jax.jit(lambda *points: [run(each) for each in points])
    close(*both(oc.grid(axes), full), ROUNDED.get(record.name, 1e-12))


@pytest.mark.parametrize(
    "record", one_in(32, corpus.RECORDS, 16), ids=lambda record: record.name
)
def test_corpus(record: Record) -> None:
    residual = oc.compile(
        list(record.equations),
        fields=list(record.functions),
        coordinates=list(record.coordinates),
    )
    on_grid_and_list(residual, record, corpus.parameters(record))


# Mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: oc.grid(), "none is given"),
        (lambda: oc.grid(t=0.5), "t=0.5"),
        (lambda: oc.grid(t=jnp.sin), "the axis of t"),
        (lambda: oc.grid(t=jnp.ones((2, 2, 2))), "the axis of t"),
        (lambda: oc.grid(t=1j * jnp.ones(2)), "the axis of t"),
        (lambda: use(oc.grid(t=TS, x=XS)), "no axis of the grid is that of y"),
        (lambda: use(oc.grid(t=TS, x=XS, z=YS)), "there is no coordinate z"),
        (lambda: use(oc.grid(t=TS, xy=XS)), r"the axis of x, y has shape \(4,\)"),
        (lambda: use(oc.grid(t=TS, x=XS, xy=FULL[0, 0, :, :2])), "two axes"),
        (lambda: use(GRID, nu=jnp.ones(7)), "parameter nu of shape"),
        (lambda: use(GRID, nu=jnp.ones((1, 1, 1, 1))), "parameter nu of shape"),
    ],
)
def test_mistakes(make: Any, part: str) -> None:
    with pytest.raises(oc.OperatorError, match=part):
        make()


def use(grid: Any, **given: Any) -> Any:
    return RESIDUAL(lambda q: mixing(PARAMS, q), grid, **{"nu": 0.1, **given})


def test_names_in_a_row_that_are_not_clear() -> None:
    a, ab, b = sp.symbols("a ab b")
    residual = oc.compile(sp.Function("u")(a, ab, b).diff(a))
    with pytest.raises(oc.OperatorError, match="may be read as"):
        residual(lambda q: q[0], oc.grid(aabb=jnp.ones((2, 3)), ab=TS))
