"""Gradients of losses, transformations, training loops and dtypes."""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.oracle import networks
from tests.oracle.reference import reference

t, x, y, nu = sp.symbols("t x y nu")
TOLERANCE = 1e-8


@dataclass(frozen=True)
class Problem:
    """Equations for a network with one output for each of `fields`."""

    coordinates: tuple[sp.Symbol, ...]
    fields: tuple[str, ...]
    equations: tuple[sp.Expr, ...]

    def params(self, seed=0, dtype=np.float64):
        sizes = (len(self.coordinates), 12, len(self.fields))
        return networks.layers(np.random.default_rng(seed), sizes, dtype)

    def points(self, dtype=np.float64):
        key = np.random.default_rng(7)
        return np.asarray(key.uniform(-1, 1, (5, len(self.coordinates))), dtype)

    def apply(self, params, point):
        outputs = networks.mlp(params, jnp.tanh, point)
        return outputs if len(self.fields) > 1 else outputs[0]

    def reference(self, params, points, nu):
        fields = {
            name: lambda point, i=i: networks.mlp(params, jnp.tanh, point)[i]
            for i, name in enumerate(self.fields)
        }
        return reference(self.equations, self.coordinates, fields, points, nu=nu)

    def compiled(self):
        residual = oc.compile(
            self.equations, coordinates=self.coordinates, fields=self.fields
        )
        assert residual.fields == self.fields
        assert residual.parameters == ("nu",)
        return residual


def _burgers():
    u = sp.Function("u")(t, x)
    return Problem((t, x), ("u",), (u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2),))


def _navier_stokes():
    u, v, p = (sp.Function(name)(t, x, y) for name in "uvp")
    advect = lambda w: w.diff(t) + u * w.diff(x) + v * w.diff(y)
    diffuse = lambda w: nu * (w.diff(x, 2) + w.diff(y, 2))
    return Problem(
        (t, x, y),
        ("u", "v", "p"),
        (
            u.diff(x) + v.diff(y),
            advect(u) + p.diff(x) - diffuse(u),
            advect(v) + p.diff(y) - diffuse(v),
        ),
    )


def _biharmonic():
    u = sp.Function("u")(x, y)
    plate = u.diff(x, 4) + 2 * u.diff(x, 2, y, 2) + u.diff(y, 4)
    return Problem((x, y), ("u",), (plate - nu * u,))


def _kdv():
    u = sp.Function("u")(t, x)
    return Problem((t, x), ("u",), (u.diff(t) + 6 * u * u.diff(x) + nu * u.diff(x, 3),))


PROBLEMS = {
    "burgers": _burgers(),
    "navier_stokes_2d": _navier_stokes(),
    "biharmonic_2d": _biharmonic(),
    "kdv": _kdv(),
}


def each(*kept):
    """All of them, those named by default."""
    return pytest.mark.parametrize(
        "problem",
        [
            pytest.param(
                problem, id=name, marks=() if name in kept else pytest.mark.slow
            )
            for name, problem in PROBLEMS.items()
        ],
    )


def loss_of(evaluate):
    """The mean squared residual as a function of (params, points, nu)."""

    def loss(params, points, nu):
        return sum(jnp.mean(value**2) for value in evaluate(params, points, nu))

    return loss


def compiled_loss(problem):
    residual = problem.compiled()

    def evaluate(params, points, nu):
        return residual(functools.partial(problem.apply, params), points, nu=nu)

    return loss_of(evaluate)


def assert_close(values, wanted, tolerance=TOLERANCE):
    """Each leaf to `tolerance`, relative to the largest entry of that leaf."""
    leaves = zip(jax.tree.leaves(values), jax.tree.leaves(wanted), strict=True)
    for value, want in leaves:
        assert value.shape == want.shape
        scale = np.max(np.abs(want))
        assert np.max(np.abs(np.asarray(value) - np.asarray(want))) <= tolerance * scale


@each("kdv", "navier_stokes_2d")
def test_gradient_is_the_reference(problem):
    args = problem.params(), problem.points(), 0.3
    gradient = functools.partial(jax.value_and_grad, argnums=(0, 2))
    losses = compiled_loss(problem), loss_of(problem.reference)
    assert_close(*jax.jit(lambda *args: [gradient(f)(*args) for f in losses])(*args))


@each()
def test_gradient_under_vmap_over_parameters(problem):
    nus = jnp.asarray([0.1, 0.4, 2.0])
    params = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *(problem.params(seed) for seed in range(3))
    )

    def batched(loss):
        gradient = jax.grad(loss, argnums=(0, 2))
        return jax.jit(jax.vmap(gradient, in_axes=(0, None, 0)))

    args = params, problem.points(), nus
    values = batched(compiled_loss(problem))(*args)
    assert_close(values, batched(loss_of(problem.reference))(*args))


def test_vmap_over_nu_alone_and_over_points():
    problem = PROBLEMS["burgers"]
    residual, params, points = problem.compiled(), problem.params(), problem.points()
    net = functools.partial(problem.apply, params)

    @jax.jit
    def everything(nus, points):
        many = jax.vmap(lambda nu: residual(net, points, nu=nu)[0])(nus)
        one = jax.vmap(lambda point: residual(net, point, nu=0.4)[0])(points)
        wanted = jax.vmap(lambda nu: problem.reference(params, points, nu)[0])(nus)
        return many, one, wanted

    many, one, wanted = everything(np.array([0.1, 0.4, 2.0]), points)
    np.testing.assert_allclose(many, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one, many[1], rtol=1e-10, atol=1e-12)


@each("burgers")
def test_training_loop_inside_scan(problem):
    bound = problem.compiled().bind(problem.apply)

    def train(loss):
        def step(state, _):
            value, gradient = jax.value_and_grad(loss, argnums=(0, 2))(
                state[0], problem.points(), state[1]
            )
            state = jax.tree.map(lambda s, g: s - 1e-4 * g, state, gradient)
            return state, value

        start = problem.params(), jnp.asarray(0.3)
        return jax.lax.scan(step, start, length=5)

    ours = loss_of(lambda params, points, nu: bound(params, points, nu=nu))
    losses = ours, loss_of(problem.reference)
    assert_close(*jax.jit(lambda: [train(loss) for loss in losses])())


@each("navier_stokes_2d")
def test_bound_residual_is_traced_once(problem):
    calls = 0
    reference = jax.jit(problem.reference)

    def apply(params, point):
        nonlocal calls
        calls += 1
        return problem.apply(params, point)

    bound = problem.compiled().bind(apply)
    first = bound(problem.params(0), problem.points(), nu=0.3)
    traced = calls
    assert traced > 0
    for seed in range(1, 5):
        params, value = problem.params(seed), 0.1 * seed
        values = bound(params, problem.points(), nu=value)
        assert_close(values, reference(params, problem.points(), value))
    assert calls == traced
    assert_close(first, reference(problem.params(0), problem.points(), 0.3))


@each("kdv")
def test_float32_stays_float32(problem):
    params, points = problem.params(0, np.float32), problem.points(np.float32)
    residual, slope = problem.compiled(), jax.grad(compiled_loss(problem))
    found, gradient = jax.jit(
        lambda params, points: (
            residual(functools.partial(problem.apply, params), points, nu=0.3),
            slope(params, points, 0.3),
        )
    )(params, points)
    exact = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    exact_slope = jax.grad(loss_of(problem.reference))
    reference = jax.jit(
        lambda params, points: (
            problem.reference(params, points, 0.3),
            exact_slope(params, points, 0.3),
        )
    )
    found, gradient = jax.tree.map(np.asarray, (found, gradient))
    wanted = jax.tree.map(np.asarray, reference(exact, points.astype(np.float64)))
    for leaf in jax.tree.leaves((found, gradient)):
        assert leaf.dtype == jnp.float32
    assert_close((found, gradient), wanted, 1e-3)
