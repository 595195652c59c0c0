"""Families in lanes: the same numbers as written out, for networks of parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.taylor import support
from opcompiler.taylor.rules import local
from opcompiler.taylor.tuning import Tuning
from tests.draws import normal
from tests.shares import only

N, D, W = 6, 3, 4
W1 = normal((5, 0), (D, W))
W2 = normal((5, 1), (W, W))
W3 = normal((5, 2), (D + 1, W))
W4 = normal((5, 3), (N * D, W))
V = normal((5, 4), (W,))
Z = normal((5, 5), (N * D,))


def nodes(z):
    h = z.reshape(N, D)
    for w in (W1, W2):
        h = jnp.tanh(h @ w)
    return jnp.sum(h @ V)


def pairs(z):
    x = z.reshape(N, D)
    r = x[:, None] - x[None]
    distance = jnp.sqrt(jnp.sum(r**2, -1) + jnp.eye(N))
    h = jnp.tanh(jnp.concatenate([r, distance[..., None]], -1) @ W3)
    h = jax.nn.silu(h @ W2) + h
    return jnp.sum(h.mean(0) @ V)


def before_and_after_mixing(z):
    h = jnp.tanh(z.reshape(N, D) @ W1)
    mean = jnp.broadcast_to(h.mean(0), (N, W))
    return jnp.sum(jnp.tanh(jnp.concatenate([h, mean], -1)) @ jnp.concatenate([V, V]))


def attention(z):
    h = z.reshape(N, D) @ W1
    return jnp.sum(jax.nn.softmax(h @ h.T / 3, -1) @ h @ V)


def moved(z):
    x = z.reshape(N, D)
    y = jnp.stack([x, x[::-1]]).transpose(1, 0, 2)
    y = jax.lax.pad(y, 0.3, ((1, 0, 0), (0, 0, 0), (0, 2, 0)))
    a, b = jnp.split(y, [4], 0)
    return (
        jnp.sum(jnp.sin(a[:3]) * b[:3])
        + jnp.sum(jnp.roll(z, 2) * z**2)
        + jnp.sum(jnp.sin(z[::2]) * z[1::2])
        + jnp.sum(z[jnp.array([3, 1, 1])] ** 2)
        + jnp.sum(jax.lax.pad(z[:4], 0.5, ((1, -1, 2),)) ** 3)
    )


def others(z):
    x = z.reshape(N, D)
    return (
        jnp.max(jnp.sin(z))
        + jnp.sum(jnp.cumsum(z) ** 2)
        + jnp.linalg.norm(x, axis=1).prod()
        + jnp.sum(jax.lax.sort(z)[:4] ** 3)
        + jnp.sum(jnp.convolve(jnp.sin(z), V) ** 2)
        + jax.lax.fori_loop(0, 3, lambda i, s: jnp.sin(s) @ W4 @ W4.T, z)[0]
    )


NETWORKS = {
    "nodes": nodes,
    "pairs": pairs,
    "neighbours": lambda z: jnp.sum(
        jnp.where(z[1:] > 0, z[1:] ** 3, jnp.exp(z[:-1])) + jnp.sin(z[1:] * z[:-1])
    ),
    "perceptron": lambda z: jnp.sum(jnp.tanh(jnp.tanh(z @ W4) @ W2)),
    "matrix on the left": lambda z: jnp.sum(jnp.tanh(W4.T @ jnp.sin(z))),
    "hard constraint": lambda z: (1 - z @ z) * jnp.sum(jnp.tanh(z @ W4)),
    "before and after mixing": before_and_after_mixing,
    "attention": attention,
    "moved": moved,
    "no rule": others,
    "determinant": lambda z: jnp.linalg.slogdet(
        jnp.tanh(z.reshape(N, D) @ W1)[:W] + 2 * jnp.eye(W)
    )[1],
    "inside of calls": jax.checkpoint(jax.jit(nodes)),
    "several outputs": lambda z: jnp.tanh(z.reshape(N, D) @ W1),
    "complex": lambda z: jnp.sum(jnp.exp(1j * z.reshape(N, D) @ W1)),
    "two inputs meet": lambda z: jnp.einsum(
        "id,jd,ij->", jnp.sin(z.reshape(N, D)), z.reshape(N, D), jnp.tri(N)
    ),
}  # fmt: skip


def derivatives(f, z):
    """First and second ones by nested forward mode, each (..., d)."""
    along = lambda e: jax.jvp(lambda y: jax.jvp(f, (y,), (e,))[1], (z,), (e,))
    return [jnp.moveaxis(each, 0, -1) for each in jax.vmap(along)(jnp.eye(z.size))]


def second_derivatives(f, z):
    return derivatives(f, z)[1]


def close(found, expected, scale, what=""):
    atol = 1e-10 * float(scale)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=atol, err_msg=what)


# By default networks that are slow in the next test, which has the others.
@pytest.mark.parametrize(
    "name",
    only(
        [
            "before and after mixing",
            "inside of calls",
            "neighbours",
            "no rule",
            "several outputs",
        ],
        NETWORKS,
    ),
)
def test_operators_on_plain_functions(name):
    f, weights = NETWORKS[name], np.cos(np.arange(N * D))

    @jax.jit
    def both(z, weights):
        # Weights that are known only when it runs, at each point of a batch.
        batch = jnp.stack([z, z / 2])
        weighted = jax.vmap(oc.taylor.laplacian(f, weights=weights))(batch)
        slopes, every = derivatives(f, z)
        theirs = (f(z), slopes, every.sum(-1), every @ weights)
        return (*oc.taylor.forward_laplacian(f)(z), weighted[0]), theirs, every

    ours, theirs, every = both(Z, weights)
    for found, expected in zip(ours, theirs, strict=True):
        close(found, expected, np.abs(every).max())


X = oc.vector("x", N * D)
I = oc.index("i", X)
U = sp.Function("u")(X)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "several outputs"])
def test_sums_of_compiled_operators(name):
    f = NETWORKS[name]
    operators = (
        oc.laplacian(U, X),
        oc.Sum(X[I] ** 2 * oc.D(U, X[I], 2), I),
        oc.Sum(oc.D(U, X[I], 2) ** 2, I),
    )
    residual = oc.compile(operators)

    @jax.jit
    def both(z):
        every = second_derivatives(f, z)
        theirs = (every.sum(), z**2 @ every, (every**2).sum())
        return residual(f, z), theirs, every

    ours, theirs, every = both(Z)
    for found, expected in zip(ours, theirs, strict=True):
        close(found, expected, np.maximum(1, np.abs(every).max()) ** 2)


def test_higher_orders():
    """Fourth powers, and a second derivative along one more direction."""
    t = sp.Symbol("t")
    v = sp.Function("v")(t, X)
    meeting = lambda z: jnp.sum(jnp.sin(z[1:] * z[:-1]))
    layer = lambda z: jnp.sum(jnp.sin(z.reshape(N, D) @ W1) @ V)
    net = lambda p: jnp.cos(p[0]) * meeting(p[1:]) + layer(p[0] * p[1:])
    point = np.concatenate([[0.3], Z])
    residual = oc.compile(
        (oc.Sum(oc.D(v, X[I], 4), I), oc.laplacian(v.diff(t), X))
    )  # fmt: skip

    def power(e):
        line = lambda s: net(point + s * e)
        for _ in range(4):
            line = jax.jacfwd(line)
        return line(0.0)

    @jax.jit
    def both(point):
        fourth = jax.vmap(power)(jnp.eye(1 + N * D)[1:]).sum()
        lap = lambda p: second_derivatives(net, p)[1:].sum()
        return residual(net, point), (fourth, jax.grad(lap)(point)[0])

    np.testing.assert_allclose(*both(point), rtol=1e-9)


@pytest.mark.parametrize(
    "numbers", [(0, 5), pytest.param((2, 10**6), marks=pytest.mark.slow)]
)
def test_how_many_directions_an_element_may_have(numbers):
    x = sp.symbols(f"y0:{N * D}")
    v = sp.Function("v")(*x)
    residual = oc.compile(sum(v.diff(s, 2) for s in x))
    residuals = [residual.tuned(Tuning(sparsity=most)) for most in numbers]
    names = ("attention", "moved", "hard constraint")

    @jax.jit
    def all_of_them(z):
        fs = [NETWORKS[name] for name in names]
        found = [[residual(f, z) for residual in residuals] for f in fs]
        return found, [second_derivatives(f, z) for f in fs]

    for found, every in zip(*all_of_them(Z), strict=True):
        for most, number in zip(numbers, found, strict=True):
            close(number, every.sum(), np.abs(every).max(), f"{most} directions")


def test_a_negative_number_of_directions_is_refused():
    with pytest.raises(oc.OperatorError, match="number of directions"):
        oc.taylor.laplacian(nodes, sparsity=-1)


def test_parts_cost_what_they_depend_on():
    """The largest array of a program of nodes has a lane per coordinate of one node."""
    batch = jnp.ones((2, N * D))
    program = jax.make_jaxpr(jax.vmap(oc.taylor.laplacian(nodes)))(batch)
    assert _largest(program.jaxpr) <= 2 * N * W * (D + 1)
    dense = jax.vmap(oc.taylor.laplacian(nodes, sparsity=0))
    assert _largest(jax.make_jaxpr(dense)(batch).jaxpr) >= 2 * N * W * N * D


def _largest(jaxpr):
    sizes = [v.aval.size for e in jaxpr.eqns for v in e.outvars]
    inner = [
        _largest(getattr(p, "jaxpr", p))
        for e in jaxpr.eqns
        for p in e.params.values()
        if hasattr(getattr(p, "jaxpr", p), "eqns")
    ]
    return max(sizes + inner, default=0)


def test_gradients_by_parameters():
    def net(params, z):
        h = jnp.tanh(z.reshape(N, D) @ params[0])
        return jnp.sum(jnp.tanh(h @ params[1]) @ V) + jnp.sum(h * h[::-1])

    ours = lambda p: oc.taylor.laplacian(lambda z: net(p, z))(Z) ** 2
    theirs = lambda p: second_derivatives(lambda z: net(p, z), Z).sum() ** 2
    both = jax.jit(lambda p: (jax.grad(ours)(p), jax.grad(theirs)(p)))
    for a, b in zip(*both((W1, W2)), strict=True):
        close(a, b, np.abs(b).max())


# --- indices ----------------------------------------------------------------------------


def random_index(rng, lanes, dims, count):
    """Distinct directions at every element, some lanes empty."""
    rows = np.argsort(rng.random((count, *dims)), axis=0)[:lanes]
    return np.where(rng.random(rows.shape) < 0.3, support.NONE, rows)


def dense(index, data, count):
    found = np.zeros((count, *data.shape[1:]))
    for at in np.ndindex(index.shape):
        if index[at] >= 0:
            found[(index[at], *at[1:])] += data[at]
    return found


def of_lanes(data, held):
    """An array whose directions are the lanes in front."""
    dims = data.shape[1:]
    series = (jnp.zeros(dims), jnp.moveaxis(data, 0, 1))
    return support.AlgebraArray(dims, jnp.dtype(float), series, held)


@pytest.mark.parametrize("seed", range(5))
def test_union_and_routes(seed):
    rng = np.random.default_rng(seed)
    count, dims = int(rng.integers(4, 40)), (3, 4)
    a, b = (random_index(rng, int(rng.integers(1, 4)), dims, count) for _ in range(2))
    union = support.united([a, b])
    for index in (a, b):
        data = rng.random(index.shape) * (index >= 0)
        supports = [support.Support(index, count, most) for most in (count, 2)]
        after = []

        @jax.jit
        def moved(data, supports=supports, after=after):
            values = [of_lanes(data, one) for one in supports]
            there = support.routed(values[0], values[0].support.at(union))
            sums = [support.summed(value, [1]) for value in values]
            after += [one for _, one in sums]
            full = support.spread(values[0])
            return there.coefficients[1], full.coefficients[1], [s[1] for s, _ in sums]

        there, full, sums = moved(data)
        expected = dense(index, data, count)
        lanes = lambda numbers: np.moveaxis(np.asarray(numbers), 1, 0)
        np.testing.assert_array_equal(dense(union, lanes(there), count), expected)
        np.testing.assert_array_equal(lanes(full), expected)
        for total, one in zip(sums, after, strict=True):
            wide = np.broadcast_to(one.index, (one.lanes, 3))
            found = dense(wide, lanes(total), count)
            np.testing.assert_allclose(found, expected.sum(-1))
    together = [set(np.r_[a, b][:, i, j]) - {-1} for i in range(3) for j in range(4)]
    assert union.shape[0] == max(map(len, together))


@pytest.mark.parametrize("parts", [slice(None), slice(1, 3)])
@pytest.mark.parametrize("most", [4, 12])
def test_sums_over_one_of_a_pair(parts, most):
    """Pairs (i, j) of 6 parts with 2 directions each, summed over either; i = j has 2."""
    count, rng = 2 * N, np.random.default_rng(0)
    own = 2 * np.arange(N) + np.arange(2)[:, None]
    i, j = np.broadcast_arrays(own[:, :, None], own[:, None, :])
    index = np.concatenate([i, np.where(i == j, support.NONE, j)])[:, parts]
    data = rng.random(index.shape) * (index >= 0)
    expected = dense(index, data, count)
    after = []

    @jax.jit
    def summed(data):
        value = of_lanes(data, support.Support(index, count, most))
        sums = [support.summed(value, [axis]) for axis in (0, 1)]
        after.extend(one for _, one in sums)
        return [s[1] for s, _ in sums]

    found = summed(data)
    for axis, (sums, one) in enumerate(zip(found, after, strict=True)):
        total = np.moveaxis(np.asarray(sums), 1, 0)
        wide = np.broadcast_to(one.index, (one.lanes, total.shape[1]))
        np.testing.assert_allclose(
            dense(wide, total, count), expected.sum(1 + axis), rtol=1e-12
        )


@pytest.mark.parametrize("name", ["moved", "pairs", "neighbours"])
def test_indices_move_as_entries_do(monkeypatch, name):
    """What is done to indices by hand is what the rules themselves do to numbers."""
    f, found = NETWORKS[name], []
    narrow = local.narrow

    def noted(index):
        found.append(narrow(index))
        return found[-1]

    monkeypatch.setattr(local, "narrow", noted)
    jax.eval_shape(oc.taylor.laplacian(f), Z)
    by_hand, found = found, []
    monkeypatch.setattr(local, "INDEX_MOVES", {})
    jax.eval_shape(oc.taylor.laplacian(f), Z)
    assert len(by_hand) == len(found) > 3
    for a, b in zip(by_hand, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_lanes_of_pairs_vary_along_one_axis():
    """Whatever order they come in; and each pair keeps the directions it has."""
    random, nodes = np.random.default_rng(1), 5
    own = 3 * np.arange(nodes) + np.arange(3)[:, None]
    sides = own[:, :, None], own[:, None]
    both = np.concatenate([np.broadcast_to(s, (3, nodes, nodes)) for s in sides])
    both[3:, np.arange(nodes), np.arange(nodes)] = support.NONE
    mixed = random.permuted(both, axis=0)
    found = support.united_along(mixed[..., None], [2])[..., 0]
    assert len(found) == 6
    for lane in found:
        columns = [np.where(a == support.NONE, a.max(0), a) for a in (lane, lane.T)]
        assert any((c == c[:1]).all() for c in columns), lane
    np.testing.assert_array_equal(np.sort(found, 0), np.sort(mixed, 0))


def test_sums_over_pairs_pick_no_entries():
    """As `r_ij` in wavefunctions: distances of pairs, a layer, a mean over one end."""
    weights = normal(5, (4, 6))

    def net(z):
        at, eye = z.reshape(5, 3), jnp.eye(5)[..., None]
        apart = at[None] - at[:, None]
        length = jnp.linalg.norm(apart + eye, axis=-1, keepdims=True) * (1 - eye)
        pairs = jnp.tanh(jnp.concatenate([length, apart], -1) @ weights)
        return jnp.sum(jnp.sin(pairs[:2].mean(0)) + jnp.cos(pairs.mean(1)))

    z = normal(6, (15,))
    laplacian = oc.taylor.laplacian(net, sparsity=6)
    both = jax.jit(lambda z: (laplacian(z), jnp.trace(jax.hessian(net)(z))))
    np.testing.assert_allclose(*both(z), rtol=1e-10)
    gathers = str(jax.make_jaxpr(laplacian)(z)).count(" gather[")
    assert gathers <= 2, "the layer's inputs may be picked, its outputs need not"
