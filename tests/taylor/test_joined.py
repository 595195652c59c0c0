"""Parts that are joined only to be multiplied."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import opcompiler as oc
from opcompiler.taylor import joined
from opcompiler.taylor.price import operations
from tests.draws import normal
from tests.shares import only

NODES, WIDTH = 10, 24
FIRST = normal((3, 0), (4, WIDTH))
MIXING = normal((3, 1), (3 * WIDTH + 8, WIDTH)) / WIDTH**0.5
LABELS = normal((3, 2), (NODES, 8))
PAIRS = normal((3, 3), (2 * WIDTH, WIDTH)) / WIDTH**0.5
Z = normal((3, 4), (4 * NODES,)) / 2


def first_layer(z):
    return jnp.tanh(z.reshape(NODES, 4) @ FIRST)


def of_all(h):
    return jnp.tile(h.mean(0, keepdims=True), [len(h), 1])


def energy(*arrays):
    return sum(jnp.sum(jnp.sin(a) + a**2) for a in arrays)


def global_features(z, mixing=MIXING):
    """Each node beside what is common to all, to half of them, and to what is fixed."""
    h = first_layer(z)
    for _ in range(2):
        upper = jnp.broadcast_to(h[:4].mean(0), h.shape)
        h = jnp.tanh(jnp.concatenate([h, of_all(h), upper, LABELS], -1) @ mixing)
    return energy(h)


def constant_beside(z):
    """What does not depend on the point, twice as wide as what does."""
    h = first_layer(z)
    fixed = jnp.tile(LABELS, [1, 6])
    return energy(jnp.concatenate([fixed, h], 1) @ MIXING[:72])


def from_the_left(z):
    h = first_layer(z)
    columns = jnp.concatenate([of_all(h).T, h.T, of_all(h * h).T], 0)
    return energy(MIXING[:72].T @ columns)


def in_batches(z):
    """Of pairs (i, j): one matrix for each i."""
    h = first_layer(z)
    each = jnp.stack([PAIRS + i / 7 for i in range(NODES)])
    pairs = h[:, None] * h[None]
    common = jnp.broadcast_to(pairs.mean(1, keepdims=True), pairs.shape)
    return energy(
        jnp.einsum("ijk,ikl->ijl", jnp.concatenate([pairs, common], -1), each)
    )


def messages(z):
    """Pairs of nodes: both ends, and what belongs to the pair."""
    h = first_layer(z)
    one, other = (jnp.broadcast_to(a, (NODES, NODES, WIDTH)) for a in (h[:, None], h))
    at = z.reshape(NODES, 4)
    apart = jnp.sum((at[:, None] - at) ** 2, -1, keepdims=True)
    both = jnp.concatenate([one, other, apart], -1)
    return energy(jnp.tanh(both @ MIXING[: 2 * WIDTH + 1]))


def several_axes(z):
    h = first_layer(z).reshape(NODES, 4, 6)
    both = jnp.concatenate([h, jnp.broadcast_to(h.mean(0), h.shape)], 2)
    return energy(
        lax.dot_general(both, PAIRS.reshape(4, 12, -1), (((1, 2), (0, 1)), ((), ())))
    )


def read_twice(z):
    h = first_layer(z)
    both = jnp.concatenate([h, of_all(h)], 1)
    return energy(both @ PAIRS, both @ PAIRS[:, :3] ** 2)


def by_what_varies(z):
    """The other factor depends on the point, too; and one that is the same array."""
    h = first_layer(z)
    both, other, third = (
        jnp.concatenate(parts, 1)
        for parts in ([h, of_all(h)], [of_all(h), h**2], [h, of_all(h * h)])
    )
    scores = lambda a, b: jnp.einsum("ik,jk->ij", a, b)
    return energy(both @ (PAIRS * h.sum()), scores(both, other), scores(third, third))


def read_elsewhere(z):
    h = first_layer(z)
    both = jnp.concatenate([h, of_all(h)], 1)
    return energy(both @ PAIRS, both)


def of_complex_numbers(z):
    h = first_layer(z) * jnp.exp(1j * first_layer(z))
    both = jnp.concatenate([h, of_all(h)], 1)
    return energy(jnp.abs(both @ PAIRS.astype(complex)))


def of_a_loop(z):
    def step(h, matrix):
        return jnp.tanh(jnp.concatenate([h, of_all(h)], 1) @ matrix), None

    return energy(lax.scan(step, first_layer(z), jnp.stack([PAIRS, -PAIRS]))[0])


def nested_laplacian(net):
    """The trace of the Hessian, by nested forward mode."""
    along = lambda e: lambda z: jax.jvp(net, (z,), (e,))[1]
    twice = lambda z, e: jax.jvp(along(e), (z,), (e,))[1]
    return lambda z: jax.vmap(lambda e: twice(z, e))(
        jnp.eye(z.size, dtype=z.dtype)
    ).sum()


LESS_WORK = (
    global_features, constant_beside, from_the_left, in_batches, messages, several_axes,
    read_twice, of_complex_numbers, of_a_loop,
)  # fmt: skip
AS_IT_WAS = (by_what_varies, read_elsewhere)
NETWORKS = {f.__name__: f for f in (*LESS_WORK, *AS_IT_WAS)}


SPARSE = ("global_features", "in_batches", "messages", "several_axes", "by_what_varies")
DENSE = ("several_axes",)


@pytest.mark.parametrize(
    ("name", "sparsity"),
    only(
        [*product(SPARSE, [None]), *product(DENSE, [0])], product(NETWORKS, [None, 0])
    ),
)
def test_laplacians_are_those_of_the_hessian(name, sparsity) -> None:
    net = NETWORKS[name]
    trace = nested_laplacian(net)
    ours = oc.taylor.forward_laplacian(net, sparsity=sparsity)
    theirs = lambda z: (*jax.value_and_grad(net)(z), trace(z))
    found, wanted = jax.jit(lambda z: (ours(z), theirs(z)))(Z)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-11)


def test_higher_orders_are_nested_derivatives() -> None:
    along = np.cos(np.arange(4.0 * NODES))

    @jax.jit
    def both(z):
        found = oc.taylor.derivatives(global_features, 3, along=along)(z)
        wanted = [lambda s: global_features(z + s * along)]
        for _ in range(3):
            wanted.append(jax.grad(wanted[-1]))
        return found, [line(0.0) for line in wanted]

    for mine, other in zip(*both(Z), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10)


def test_gradients_by_the_matrix() -> None:
    def of(laplacian):
        return jax.grad(lambda w: laplacian(lambda z: global_features(z, w))(Z))

    ways = oc.taylor.laplacian, nested_laplacian
    found, wanted = jax.jit(lambda w: [of(way)(w) for way in ways])(MIXING)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


def work(net) -> int:
    program = jax.make_jaxpr(oc.taylor.laplacian(net))(Z).jaxpr
    return operations(program.eqns)


@pytest.mark.parametrize("net", [*LESS_WORK, *AS_IT_WAS])
def test_there_is_less_work(net, monkeypatch) -> None:
    apart = work(net)
    monkeypatch.setattr(joined, "WORTH", np.inf)
    together = work(net)
    assert apart < (1.1 if net in AS_IT_WAS else 0.8) * together


def test_half_precision_is_summed_once(monkeypatch) -> None:
    def net(z):
        h = first_layer(z).astype(jnp.bfloat16)
        both = jnp.concatenate([h, of_all(h)], 1)
        return energy((both @ PAIRS.astype(jnp.bfloat16)).astype(z.dtype))

    before = work(net)
    monkeypatch.setattr(joined, "WORTH", np.inf)
    assert work(net) == before
