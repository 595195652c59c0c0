"""A function at the points of a product gives what it gives at each point."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from opcompiler import _compat
from opcompiler.taylor.product import over_product, Piece
from tests.draws import normal
from tests.shares import one_in

A = normal((0, 0), (3, 1, 8))
B = normal((0, 1), (3, 8, 8)) / 3
M = normal((0, 2), (3, 8))
V = normal((0, 3), (8,))
LENGTHS = (4, 5, 6)
TS, XS, YS = (normal((1, n), (n,)) for n in LENGTHS)


def axis(number: int, s: jax.Array) -> jax.Array:
    return jnp.tanh(jnp.tanh(s[None] @ A[number]) @ B[number])


def stacked(q: jax.Array, activation: Callable = jnp.tanh) -> jax.Array:
    one = lambda a, b, s: activation(activation(s[None] @ a) @ b)
    return jax.vmap(one)(A, B, q)


def unpacked(q: jax.Array) -> jax.Array:
    t, x, y = (q - 0.1) / 2
    return jnp.einsum("r,r,r->", axis(0, t), axis(1, x), axis(2, y))


def side_by_side(q: jax.Array) -> jax.Array:
    return jnp.stack([axis(n, q[n]) for n in range(3)])


def of_lists(points: jax.Array) -> jax.Array:
    """A separable network of n numbers along each axis, (n, 3) -> (n, n, n, 1)."""
    rows = jax.vmap(side_by_side)(points)
    first, second, third = (rows[:, n] for n in range(3))
    found = jnp.einsum("az,bz,cz->abc", first, second, third)
    return jnp.stack([found], axis=-1)


def attention(q: jax.Array) -> jax.Array:
    tokens = q[:, None] * M
    return jnp.sum(jax.nn.softmax(tokens @ tokens.T) @ tokens)


def scanned(q: jax.Array) -> jax.Array:
    step = lambda h, w: (jnp.tanh(h @ w), None)
    return jnp.sum(jax.lax.scan(step, q @ M, B)[0])


NETWORKS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "a product of axes": lambda q: jnp.sum(
        axis(0, q[0]) * axis(1, q[1]) * axis(2, q[2])
    ),
    "unpacked after scaling": unpacked,
    "axes by vmap": lambda q: jnp.sum(jnp.prod(stacked(q), 0)),
    "side by side": lambda q: jnp.sum(jnp.prod(side_by_side(q), 0)),
    "each of a list": lambda q: of_lists((q / np.ones(1))[None]).reshape(-1),
    "an array of rows": lambda q: jnp.sum(
        jnp.prod(jnp.array([axis(n, q[n]) for n in range(3)]), axis=0)
    ),
    "a factor of one number": lambda q: jnp.sum(
        (1 - q[:1] ** 2) * axis(1, q[1]) * axis(2, q[2])
    ),
    "a column times a row": lambda q: jnp.sum(
        axis(0, q[0])[:, None] * axis(1, q[1])[None] * B[2]
    ),
    "several outputs": lambda q: jnp.prod(stacked(q), 0).reshape(2, 4).sum(1),
    "custom rules by vmap": lambda q: jnp.sum(jnp.prod(stacked(q, jax.nn.relu), 0)),
    "softplus by vmap": lambda q: jnp.sum(jnp.prod(stacked(q, jax.nn.softplus), 0)),
    "a layer of all": lambda q: jnp.tanh(jnp.tanh(q @ M) @ B[0]) @ V,
    "matrices on the left": lambda q: V @ jnp.tanh(B[0].T @ jnp.tanh(M.T @ q + 0.3)),
    "features side by side": lambda q: jnp.tanh(
        jnp.concatenate([jnp.sin(2 * q), jnp.cos(q[:2]), jnp.ones(1)])[:, None] * V
    ).sum(),
    "two against one": lambda q: jnp.tanh(q[:2] @ M[:2]) @ (jnp.tanh(q[2:] @ M[2:])),
    "norm, maximum": lambda q: (
        jnp.sum(q**2) + jnp.max(q) * jnp.linalg.norm(q) + jnp.min(q[:2])
    ),
    "gathered and reversed": lambda q: jnp.sum(q[np.array([2, 0])] ** 3 * q[::-1][:2]),
    "rolled, padded, sorted": lambda q: (
        jnp.roll(q, 1)[0] + jnp.pad(q, 1)[1:4] @ jnp.sort(q)
    ),
    "at a place that is computed": lambda q: q[jnp.argmax(q)],
    "outputs of single axes": lambda q: jnp.stack([q[1] * q[0], q[2], 3.0 * q[0]]),
    "one axis alone": lambda q: jnp.stack([q[1], jnp.sin(q[1])]),
    "constant": lambda q: jnp.ones(2),
    "a product used twice": lambda q: (lambda p: jnp.sum(p) + jnp.max(p))(
        2 * axis(0, q[0]) * axis(1, q[1])
    ),
    "a product times a vector": lambda q: (axis(0, q[0]) * axis(1, q[1])) @ V,
    "a product times a matrix": lambda q: (axis(0, q[0]) * axis(1, q[1])) @ B[0],
    "outer products": lambda q: jnp.sum(
        jnp.outer(axis(0, q[0]), axis(1, q[1])) @ axis(2, q[2])
    ),
    "matrices of two axes": lambda q: jnp.sum(
        jnp.outer(axis(0, q[0]), V) @ jnp.outer(axis(1, q[1]), axis(0, q[0]))
    ),
    "scan": scanned,
    "attention": attention,
    "a branch": lambda q: jax.lax.cond(q[0] > 0, jnp.sin, jnp.cos, q[1]) * q[2],
    "where": lambda q: jnp.where(q > 0, q, q**2) @ jnp.clip(q, -1.0, 0.5),
    "jit and remat": jax.jit(lambda q: jax.checkpoint(lambda s: axis(0, s))(q[0]) @ V),
    "integers": lambda q: q[0] * (q[1] > 0).astype(int),
    "complex": lambda q: jnp.exp(1j * q[0]) * axis(1, q[1]).sum(),
}

LIKE_OTHERS = [
    "an array of rows", "softplus by vmap", "a product times a vector",
    "matrices of two axes", "two against one", "one axis alone",
]  # fmt: skip
"""Networks on three axes when there is time."""

PIECES = {
    "three axes": (LENGTHS, [((0,), (0,)), ((1,), (1,)), ((2,), (2,))]),
    "two columns on one axis": ((4, 5), [((0, 2), (1,)), ((1,), (0,))]),
    "a column that stands still": ((4, 5), [((0,), (0,)), ((1,), ()), ((2,), (1,))]),
    "a column of two axes": ((4, 5), [((0,), (0, 1)), ((1, 2), (1,))]),
}


def columns(lengths: tuple, pieces: list) -> tuple[list, np.ndarray]:
    """Returns the arrays of the pieces, and all points, (*lengths, 3)."""
    rng, arrays, full = np.random.default_rng(0), [], np.zeros((*lengths, 3))
    for own, axes in pieces:
        shape = [n if a in axes else 1 for a, n in enumerate(lengths)]
        array = rng.normal(size=(*shape, len(own)))
        full[..., list(own)] = array
        arrays.append(array.reshape(-1, len(own)))
    return arrays, full


def cases() -> list:
    """Five networks at a time on three axes; on the others one group, by default."""
    names, (first, *more) = list(NETWORKS), PIECES
    usual = [n for n in names if n not in LIKE_OTHERS]
    groups = [usual[at : at + 5] for at in range(0, len(usual), 5)]
    found: list = [pytest.param(group, first, id=group[0]) for group in groups]
    found += [
        pytest.param([name], first, id=name, marks=pytest.mark.slow)
        for name in LIKE_OTHERS
    ]
    for start, pieces in enumerate(more):
        mixed = [names[at::12] for at in range(12)]
        found += one_in(12, [(group, pieces) for group in mixed], start)
    return found


@pytest.mark.parametrize(("names", "pieces"), cases())
def test_functions_at_all_points_of_a_product(names: list[str], pieces: str) -> None:
    lengths, parts = PIECES[pieces]
    arrays, full = columns(lengths, parts)

    @jax.jit
    def everything(arrays, full):
        found = {}
        for name in names:
            network = NETWORKS[name]
            at_all = over_product(network, [Piece(*part) for part in parts], lengths)
            found[name] = at_all(*arrays), jax.vmap(network)(full)
        return found

    for name, (got, want) in everything(arrays, full.reshape(-1, 3)).items():
        assert got.ndim == len(lengths) + want.ndim - 1, name
        got = np.broadcast_to(got, (*lengths, *want.shape[1:])).reshape(want.shape)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-13, err_msg=name)


@pytest.mark.parametrize(
    "name",
    [
        "a product of axes",
        "unpacked after scaling",
        "axes by vmap",
        "softplus by vmap",
        "side by side",
        "each of a list",
        "an array of rows",
        "a factor of one number",
    ],
)
def test_each_axis_is_computed_alone(name: str) -> None:
    """Nothing but the products of factors has all points."""
    pieces = [Piece((n,), (n,)) for n in range(3)]
    lengths = (40, 50, 60)
    arrays = [jnp.ones((n, 1)) for n in lengths]
    program, _ = _compat.trace(over_product(NETWORKS[name], pieces, lengths), *arrays)
    large = [
        (equation.primitive.name, aval.shape)
        for equation in program.eqns
        for aval in _compat.output_avals(equation)
        if aval.size > 40 * 50 * 60
    ]
    assert not large
    assert [e.primitive.name for e in program.eqns].count("tanh") < 20


def test_a_product_of_two_factors_is_one_matrix_product() -> None:
    network = lambda q: jnp.sum(axis(0, q[0]) * axis(1, q[1]))
    pieces = [Piece((0,), (0,)), Piece((1,), (1,))]
    arrays = [jnp.ones((40, 1)), jnp.ones((50, 1))]
    program, _ = _compat.trace(over_product(network, pieces, (40, 50)), *arrays)
    sizes = [a.size for e in program.eqns for a in _compat.output_avals(e)]
    assert max(sizes) == 40 * 50
