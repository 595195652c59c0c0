"""Networks of other libraries need no adapter: the plain call, or `bind`, takes them."""

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from flax import linen, nnx

import opcompiler as oc
from tests.draws import like, normal, uniform

t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)
residual = oc.compile(u.diff(t) + u * u.diff(x) - sp.Symbol("nu") * u.diff(x, 2))
points = uniform(0, (6, 2))
key = jax.random.key(1)


def by_hand(f, points):
    """Burgers' equation by nested reverse mode, f: (2,) -> () or (1,)."""
    f_ = lambda p: jnp.reshape(f(p), ())
    slope, curvature = jax.grad(f_), jax.hessian(f_)
    at = lambda p: slope(p)[0] + f_(p) * slope(p)[1] - 0.1 * curvature(p)[1, 1]
    return jax.vmap(at)(points)


def loss(values):
    return jnp.mean(values**2)


def close(ours, theirs) -> None:
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def drawn(seed: int, shapes):
    """The same tree with numbers that NumPy draws for its arrays."""
    known = lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct)
    arrays, rest = eqx.partition(shapes, known)
    return eqx.combine(jax.device_put(like(seed, arrays)), rest)


def perceptron(seed: int, size):
    make = lambda: eqx.nn.MLP(2, size, 8, 1, jnp.tanh, key=jax.random.key(0))
    return drawn(seed, eqx.filter_eval_shape(make))


@pytest.mark.parametrize("size", ["scalar", 1])
def test_equinox(size) -> None:
    net = perceptron(0, size)
    ours = eqx.filter_grad(lambda n: loss(residual(n, points, nu=0.1)))
    theirs = eqx.filter_grad(lambda n: loss(by_hand(n, points)))
    values, *slopes = eqx.filter_jit(
        lambda net: (by_hand(net, points), ours(net), theirs(net))
    )(net)
    close(residual(net, points, nu=0.1), values)
    close(*slopes)


def test_equinox_is_compiled_once_whatever_its_weights() -> None:
    nets = [perceptron(seed, 1) for seed in (0, 1)]
    residual(nets[0], points, nu=0.1)
    with jax.log_compiles(False):
        before = residual._compiled._cache_size()
        residual(nets[1], points, nu=0.1)
        assert residual._compiled._cache_size() == before


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(2, 8, rngs=rngs, param_dtype=jnp.float64)
        self.last = nnx.Linear(8, 1, rngs=rngs, param_dtype=jnp.float64)

    def __call__(self, point):
        return self.last(jnp.tanh(self.hidden(point)))


def module():
    graph, state = nnx.split(nnx.eval_shape(lambda: Nnx(nnx.Rngs(0))))
    return nnx.merge(graph, drawn(0, state))


def test_flax_nnx() -> None:
    net = module()

    @nnx.jit
    def all_of(net):
        ours = nnx.grad(lambda n: loss(residual(n, points, nu=0.1)))(net)
        theirs = nnx.grad(lambda n: loss(by_hand(n, points)))(net)
        return by_hand(net, points), ours, theirs

    values, *slopes = all_of(net)
    close(residual(net, points, nu=0.1), values)
    close(*slopes)


def test_flax_nnx_split() -> None:
    graph, weights = nnx.split(module())
    apply = lambda weights, point: nnx.merge(graph, weights)(point)
    agrees(apply, weights)


class Linen(linen.Module):
    @linen.compact
    def __call__(self, point):
        hidden = jnp.tanh(linen.Dense(8, param_dtype=jnp.float64)(point))
        return linen.Dense(1, param_dtype=jnp.float64)(hidden)


def agrees(apply, params) -> None:
    """`bind(apply)` and its gradient against nested differentiation."""
    bound = residual.bind(apply)
    theirs = lambda params: by_hand(lambda point: apply(params, point), points)

    @jax.jit
    def all_of(params):
        ours = jax.grad(lambda params: loss(bound(params, points, nu=0.1)))(params)
        want = jax.grad(lambda params: loss(theirs(params)))(params)
        return bound(params, points, nu=0.1), theirs(params), ours, want

    found, values, *slopes = all_of(params)
    close(found, values)
    close(*slopes)


def test_flax_linen() -> None:
    model = Linen()
    agrees(model.apply, drawn(0, jax.eval_shape(model.init, key, points[0])))


def test_haiku() -> None:
    def net(point):
        return hk.nets.MLP([8, 1], activation=jnp.tanh)(point)

    model = hk.without_apply_rng(hk.transform(net))
    agrees(model.apply, drawn(0, jax.eval_shape(model.init, key, points[0])))


def test_plain_pytrees() -> None:
    params = {"in": normal(0, (2, 8)), "out": normal(1, (8,))}
    agrees(lambda params, p: jnp.tanh(p @ params["in"]) @ params["out"], params)


def test_one_network_of_each_kind() -> None:
    w = sp.Function("w")(t, x)
    both = oc.compile([u.diff(x) - w, w.diff(t) * u])
    net, other = perceptron(0, "scalar"), module()

    def wanted(point):
        w_t = jax.grad(lambda p: other(p)[0])(point)[0]
        return jax.grad(net)(point)[1] - other(point)[0], w_t * net(point)

    nets = {"u": net, "w": other}
    close(*jax.jit(lambda at: (both(nets, at), jax.vmap(wanted)(at)))(points))
