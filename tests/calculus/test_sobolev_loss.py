"""Weighted Sobolev losses against nested differentiation of the residual as a whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal

t, x, nu = sp.symbols("t x nu")
u = sp.Function("u")(t, x)
v = sp.Function("v")(t, x)
BURGERS = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)
POINTS = normal(0, (3, 2)) / 2
MATRIX = normal(1, (2, 6)) / 2


def apply(params, z):
    hidden = jnp.tanh(z @ MATRIX + 0.2)
    return hidden @ params


PARAMS = normal(2, (6,))


def burgers(params, z, nu):
    """The residual at one point, by nested forward mode."""
    net = lambda point: apply(params, point)
    (first, slope), bend = jax.jacfwd(net)(z), jax.hessian(net)(z)
    return first + net(z) * slope - nu * bend[1, 1]


def tensor_loss(params, points, nu, weights, axes=(0, 1), residual=burgers):
    """Q_j times the squares of all entries of the j-th derivative tensor."""
    axes = jnp.array(axes)

    def at(z):
        fun = lambda part: residual(params, z.at[axes].set(part), nu)
        total = 0.0
        for j, weight in enumerate(weights):
            total = total + weight * jnp.sum(fun(z[axes]) ** 2)
            if j + 1 < len(weights):
                fun = jax.jacfwd(fun)
        return total

    return jnp.mean(jax.vmap(at)(jnp.asarray(points)))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_loss_in_the_plane_is_that_of_derivative_tensors(order) -> None:
    weights = [1.0, 0.3, 0.05][: order + 1]
    loss = oc.sobolev_loss(BURGERS, order, [t, x], weights=weights)

    @jax.jit
    def both(points):
        got = loss(lambda z: apply(PARAMS, z), points, nu=0.3)
        return got, tensor_loss(PARAMS, points, 0.3, weights)

    np.testing.assert_allclose(*both(POINTS), rtol=1e-10)
    assert len(loss.terms[""].rows.plan.pushes) == 1


def test_order_four_in_the_plane() -> None:
    """T28: the loss, and the gradient's directional derivative, are those of AD."""
    weights = [0.1**j for j in range(5)]
    loss = oc.sobolev_loss(BURGERS, 4, [t, x], weights=lambda j: 0.1**j).bind(apply)
    got = jax.jit(jax.value_and_grad(lambda p: loss(p, POINTS, nu=0.3)))(PARAMS)
    plain = lambda p: tensor_loss(p, POINTS, 0.3, weights)
    along = normal(3, PARAMS.shape)
    want = jax.jit(lambda p: jax.jvp(plain, (p,), (along,)))(PARAMS)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-9)
    np.testing.assert_allclose(got[1] @ along, want[1], rtol=1e-9)


def test_point_sets_of_different_orders_and_weights() -> None:
    near, far = POINTS / 4, 2 * POINTS
    loss = oc.sobolev_loss(
        BURGERS,
        {"far": 0, "near": 2},
        x,
        weights={"near": [1, 0, 0.25], "far": [10]},
    )
    same = oc.sobolev_loss(BURGERS, {"far": 0, "near": 1}, x, weights=[1, 2])
    columns = {"near": near, "far": {"t": far[:, 0], "x": far[:, 1]}}
    net = lambda z: apply(PARAMS, z)
    of_near = lambda weights: tensor_loss(PARAMS, near, 0.3, weights, axes=(1,))
    of_far = lambda weights: tensor_loss(PARAMS, far, 0.3, weights)

    @jax.jit
    def everything(columns, arrays):
        got = loss(net, columns, nu=0.3), same(net, arrays, nu=0.3)
        return got, (
            of_far([10]) + of_near([1, 0, 0.25]), of_far([1]) + of_near([1, 2]),
        )  # fmt: skip

    got, want = everything(columns, {"near": near, "far": far})
    np.testing.assert_allclose(got, want, rtol=1e-10)
    channels = {name: term.rows.plan.channels for name, term in loss.terms.items()}
    assert channels["far"] < channels["near"]


def test_systems_scales_and_unknown_parameters() -> None:
    system = {"burgers": BURGERS, "heat": sp.Eq(v.diff(t), nu * v.diff(x, 2))}
    other = lambda z: jnp.cos(z[0] - 2 * z[1])
    loss = oc.sobolev_loss(system, 1, x, scales=[2, 3], weights=[1, 0.5])
    net = {"u": lambda z: apply(PARAMS, z), "v": other}

    def heat(params, z, nu):
        return jax.grad(other)(z)[0] - nu * jax.hessian(other)(z)[1, 1]

    def want(nu):
        parts = [
            s**2 * tensor_loss(PARAMS, POINTS, nu, [1, 0.5], (1,), r)
            for s, r in ((2, burgers), (3, heat))
        ]
        return sum(parts)

    ours = lambda value: loss(net, POINTS, nu=value)
    both = jax.jit(lambda nu: [jax.value_and_grad(f)(nu) for f in (ours, want)])
    got, wanted = both(0.3)
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-10)
    np.testing.assert_allclose(got[1], wanted[1], rtol=1e-9)
    assert loss.fields == ("u", "v")
    assert loss.parameters == ("nu",)


def test_problems_complex_fields_and_single_precision() -> None:
    problem = oc.parse("""
    coordinates t, x
    complex field psi
    parameter k = 2
    I*psi_t + k*psi_xx = 0
    """)
    loss = oc.sobolev_loss(problem, 1, x, weights=[1, 0.1])

    def net(z):
        return jnp.stack([jnp.sin(z[0]) * z[1] ** 2, jnp.cos(z[0] * z[1])])

    points = POINTS.astype(jnp.float32)
    whole = lambda z: jax.lax.complex(*net(z))

    def residual(params, z, nu):
        along = lambda f, n: lambda z: jax.jvp(f, (z,), (jnp.eye(2)[n],))[1]
        value = 1j * along(whole, 0)(z) + 2 * along(along(whole, 1), 1)(z)
        return jnp.stack([value.real, value.imag])

    wanted = lambda points: tensor_loss(None, points, None, [1, 0.1], (1,), residual)
    both = jax.jit(lambda short, points: (loss(net, short), wanted(points)))
    got, want = both(points, POINTS)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: oc.sobolev_loss(BURGERS, 2, x, weights=[1, 2]), "2 weights for 3"),
        (lambda: oc.sobolev_loss(BURGERS, 2, x, scales=[]), "0 scales for 1"),
        (lambda: oc.sobolev_loss(BURGERS, {}, x), "needs a point set"),
        (lambda: oc.sobolev_loss(BURGERS, -1, x), "Sobolev"),
        (
            lambda: oc.sobolev_loss(u - 1, {"a": 1, "b": 0}, x)(jnp.sum, POINTS),
            "point sets a, b",
        ),
        (
            lambda: oc.sobolev_loss(u - 1, {"a": 1}, x)(jnp.sum, {"b": POINTS}),
            "point sets a",
        ),
    ],
)
def test_mistakes(call, problem) -> None:
    with pytest.raises(oc.OperatorError, match=problem):
        call()
