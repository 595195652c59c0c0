"""One-hot directions: the same numbers as dense ones, for any program."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax import lax

import opcompiler as oc
from opcompiler.algebra.families import split, written_out
from opcompiler.algebra.weil import Channel, TaylorAlgebra, univariate
from opcompiler.taylor import diagonal_sum, diagonal_terms, interpret, OneHot
from opcompiler.taylor.diagonal import powers_algebra
from opcompiler.taylor.places import densified, SparseArray
from opcompiler.taylor.push import push
from opcompiler.taylor.tuning import Tuning
from opcompiler.taylor.value import AlgebraArray
from tests.draws import normal, uniform

POINTS, DIM, COUNT = 3, 8, 5
X = uniform((0, 0), (POINTS, DIM), minval=-0.9, maxval=0.9)
W = normal((0, 1), (DIM, 6)) / 3
B = normal((0, 2), (4,))
K = normal((0, 3), (2, 1, 3))
A = normal((0, 4), (DIM, DIM)) / 3
SHARED = np.array([1, 7, 3, 3, 0])
PER_POINT = np.stack([SHARED, (SHARED + 2) % DIM, (SHARED * 3) % DIM])
LINE = lambda z: z.reshape(1, 1, -1)


def conv(z, stride, padding="VALID"):
    return lax.conv_general_dilated(LINE(z), K, (stride,), padding)


STAYS = {
    "perceptron": lambda z: jnp.sum(jnp.tanh(jnp.tanh(z @ W) @ W.T) @ W),
    "matrix on the left": lambda z: jnp.sum(jnp.tanh(W.T @ z)),
    "hard constraint": lambda z: (1 - jnp.sum(z * z)) * jnp.sum(jnp.tanh(z @ W)),
    "inner product": lambda z: (1 - z @ z) * jnp.sum(jnp.tanh(z @ W)),
    "sum of functions": lambda z: jnp.sum(jnp.sin(z + 3 * jnp.cos(z)) / jnp.exp(z)),
    "two bodies": lambda z: jnp.sum(
        jnp.sin(z[:-1] + 3 * jnp.cos(z[1:]) + z[1:] * jnp.cos(z[:-1]))
    ),
    "three bodies": lambda z: jnp.sum(jnp.exp(z[:-2] * z[1:-1] * z[2:])),
    "roll": lambda z: jnp.sum(jnp.sin(z * jnp.roll(z, 2))),
    "columns": lambda z: jnp.sum(
        jnp.tanh(jnp.concatenate([z * z, jnp.ones(1), jnp.sin(z)]) @ jnp.ones((17, 2)))
    ),
    "reversed": lambda z: jnp.sum(jnp.cos(z * z[::-1]) ** 2 @ W),
    "shared blocks": lambda z: jnp.sum(jnp.tanh(jnp.tanh(z.reshape(-1, 4) @ B) @ A[:2])),
    "there and back": lambda z: jnp.sum(
        jnp.tanh(jnp.sin(z.reshape(-1, 4)).reshape(-1) @ W)
    ),
    "norm and mean": lambda z: jnp.linalg.norm(z) * z.mean(),
    "where": lambda z: jnp.sum(jnp.where(z > 0, jnp.sin(z), z**3)),
    "custom rules": lambda z: (
        jnp.sum(jax.nn.softplus(z) @ W) ** 2
        + jnp.sum(jax.nn.relu(z) ** 4 + jax.nn.gelu(z) * jax.nn.silu(z))
    ),
    "picked": lambda z: jnp.sum(jnp.tanh(z[np.array([1, 3, 3, 0])] * 2)),
    "stacked": lambda z: jnp.sum(jnp.tanh(jnp.stack([z, z * z]) @ W)),
    "strided convolution": lambda z: jnp.sum(jnp.sin(conv(z, 3))),
    "convolution": lambda z: jnp.sum(jnp.sin(conv(z, 2, [(1, 2)]))),
    "checkpoint": lambda z: jax.checkpoint(
        lambda y: (1 - y @ y) * jnp.tanh(y @ W).sum()
    )(jnp.sin(z)),
    "barrier": lambda z: jnp.sum(jnp.sin(lax.optimization_barrier((z * z, A))[0]) @ A),
    "even and odd": lambda z: jnp.sum(jnp.sin(z[::2] * z[1::2])),
    "padded": lambda z: jnp.sum(jnp.sin(z * jnp.pad(z[2:], (0, 2)))),
    "gaps": lambda z: jnp.sum(jnp.sin(lax.pad(z, 0.3, ((1, 2, 1),)))),
    "powers and extrema": lambda z: jnp.sum(
        (2 + jnp.sin(z)) ** 1.3 + jnp.maximum(z, 0.1) ** 2 + jnp.abs(z) * z
        + jnp.clip(z, -0.5, 0.5) ** 2 + jnp.arctan2(z, 2 + z * z)
    ),
    "window": lambda z: jnp.sum(jnp.sin(lax.dynamic_slice(z, (jnp.array(6),), (3,)))),
    "window of each point": lambda z: jnp.sum(
        jnp.sin(lax.dynamic_slice(z, (jnp.argmax(z),), (3,)))
    ),
    "parts": lambda z: sum(
        jnp.sum(jnp.sin(p * k)) for k, p in enumerate(jnp.split(z, [2, 5]))
    ),
    "a field": lambda z: jnp.exp(z) * z[::-1],
}  # fmt: skip

DENSE = {
    "quadratic form": lambda z: jnp.tanh(z) @ A @ z,
    "entries": lambda z: z[0] * z[3] ** 2 + jnp.sin(z[-1] * z[1]),
    "interleaved": lambda z: jnp.sum(
        jnp.tanh(jnp.stack([z, z * z], -1).reshape(-1) @ jnp.concatenate([W, W]))
    ),
    "field times network": lambda z: z / (2 + jnp.sin(z)) * jnp.tanh(z @ W).sum(),
    "running sum": lambda z: jnp.cumsum(z * z) @ W,
    "layer norm": lambda z: jnp.tanh((z - z.mean()) / jnp.sqrt(0.1 + z.var()) @ W),
    "scan": lambda z: lax.scan(
        lambda h, _: (jnp.tanh(h + z @ W), None), jnp.zeros(6), length=2
    )[0],
    "outer product": lambda z: jnp.sum(jnp.tanh(jnp.outer(z, z) @ W)),
    "sorted": lambda z: jnp.sum(jnp.sort(z) * jnp.arange(DIM) ** 2 * z),
    "fft": lambda z: jnp.sum(jnp.abs(jnp.fft.rfft(jnp.sin(z))) ** 2),
}

PROGRAMS = STAYS | DENSE


def along(fun, order, point, indices):
    """D^k f along each chosen axis, by nested jvp."""

    def one(i):
        line = jax.nn.one_hot(i, DIM, dtype=point.dtype)
        nested = fun
        for _ in range(order):
            nested = (lambda f: lambda z: jax.jvp(f, (z,), (line,))[1])(nested)
        return nested(point)

    return jax.vmap(one)(indices)


def together(step: int, start: int) -> list:
    """Every so many programs, five in one by default; the others alone."""
    names = list(PROGRAMS)
    some = names[start::step]
    parts = [some[at : at + 5] for at in range(0, len(some), 5)]
    return [pytest.param(part, id=f"{part[0]} to {part[-1]}") for part in parts] + [
        pytest.param([n], id=n, marks=pytest.mark.slow) for n in names if n not in some
    ]


@pytest.mark.parametrize("names", together(4, 0))
def test_any_program_has_its_derivatives(names: list[str]) -> None:
    def both(x, fun):
        got = diagonal_sum(fun, 3)(x, PER_POINT)
        return got, jax.vmap(lambda z, j: along(fun, 3, z, j).sum(0))(x, PER_POINT)

    found = jax.jit(lambda x: {name: both(x, PROGRAMS[name]) for name in names})(X)
    for name, pair in found.items():
        close(*pair, name)


@pytest.mark.parametrize("names", together(8, 1))
def test_any_program_has_its_terms(names: list[str]) -> None:
    def both(x, fun):
        got = diagonal_terms(fun, 2)(x, SHARED)
        return got, jax.vmap(lambda z: along(fun, 2, z, SHARED))(x)

    found = jax.jit(lambda x: {name: both(x, PROGRAMS[name]) for name in names})(X)
    for name, pair in found.items():
        close(*pair, name)


def close(got, want, name: str) -> None:
    atol = 1e-10 * (1 + np.abs(want).max())
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=atol, err_msg=name)


@pytest.mark.parametrize("name", STAYS)
def test_nothing_is_written_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def spy(value):
        if isinstance(value, SparseArray):
            written.append(value.shape)
        return densified(value)

    monkeypatch.setattr(interpret, "densified", spy)
    jax.make_jaxpr(diagonal_sum(STAYS[name], 2))(X, PER_POINT)
    assert not written


# --- random programs ------------------------------------------------------------------

UNARY = {
    "sin": jnp.sin,
    "square": lambda x: x * x,
    "cube": lambda x: x**3 / 2,
    "bell": lambda x: jnp.exp(-x * x),
    "where": lambda x: jnp.where(x > 0.2, jnp.sin(x), x / 2),
    "softplus": jax.nn.softplus,
    "roll": lambda x: jnp.roll(x, 1),
    "shift": lambda x: jnp.concatenate([x[2:], jnp.ones(2)]),
    "reverse": lambda x: x[::-1],
    "pad": lambda x: jnp.pad(x[1:-1], (1, 1), constant_values=0.5),
    "blocks": lambda x: jnp.sin(x.reshape(2, 4)).reshape(-1),
    "swap": lambda x: x.reshape(2, 4)[::-1].reshape(-1),
    "transpose": lambda x: x.reshape(2, 4).T.reshape(-1),
    "halves": lambda x: (x[:4, None] * jnp.array([1.0, 0.5])).T.reshape(-1),
    "layer": lambda x: jnp.tanh(x @ A),
    "centred": lambda x: x - x.mean(),
    "running": lambda x: jnp.cumsum(x) / 4,
    "scaled": lambda x: x * jnp.arange(1.0, 9.0) / 8,
    "unit": lambda x: x / jnp.sqrt(1 + x @ x),
}
BINARY = {
    "add": jnp.add,
    "sub": lambda x, y: x - 2 * y,
    "mul": jnp.multiply,
    "div": lambda x, y: x / (2 + y * y),
    "max": jnp.maximum,
    "angle": lambda x, y: jnp.arctan2(x, 2 + y * y),
    "stack": lambda x, y: jnp.sum(jnp.stack([x, jnp.sin(y)]), 0),
    "cross": lambda x, y: x * jnp.sum(x * y),
}
steps = st.tuples(
    st.sampled_from(sorted(UNARY | BINARY)), st.integers(0, 3), st.integers(0, 3)
)


def run(program, x):
    values = [x]
    for name, one, two in program:
        first, second = values[-1 - one % len(values)], values[-1 - two % len(values)]
        values.append(
            UNARY[name](first) if name in UNARY else BINARY[name](first, second)
        )
    return values[-1]


def channels(output, algebra):
    assert isinstance(output, AlgebraArray)
    return [
        output.family(k, c.count) if c.count > 1 else output.dense(k)
        for k, c in enumerate(algebra.channels)
    ]


def dense_seeds(indices):
    rows = jax.nn.one_hot(indices, DIM, dtype=jnp.float64)
    return rows[None] if rows.ndim == 2 else rows


def against_dense_seeds(program, order, summed, per_point):
    indices = PER_POINT if per_point else SHARED
    algebra = powers_algebra(order, COUNT, summed)
    rest = [None] * (order - 1)
    fun = jax.vmap(lambda z: run(program, z))

    @jax.jit
    def both(x):
        pushed = (
            push(fun, x, [seed, *rest], algebra)
            for seed in (OneHot(indices), dense_seeds(indices))
        )
        return [channels(output, algebra) for (output,) in pushed]

    for got, want in zip(*both(X), strict=True):
        scale = 1 + np.abs(want).max()
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11 * scale)


@given(st.lists(steps, min_size=3, max_size=7), st.booleans(), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=3)
def test_random_programs(program, summed, per_point) -> None:
    against_dense_seeds(program, 3, summed, per_point)


@pytest.mark.slow
@given(
    st.lists(steps, min_size=3, max_size=10),
    st.integers(2, 4),
    st.booleans(),
    st.booleans(),
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_more_random_programs(program, order, summed, per_point) -> None:
    against_dense_seeds(program, order, summed, per_point)


# --- algebras beyond powers -------------------------------------------------------------

ONE = Fraction(1)
PAIRS = TaylorAlgebra(
    (Channel(0, "1"), Channel(1, "v", COUNT), Channel(1, "w", COUNT), Channel(2, "vw")),
    ((1, 2, 3, ONE),),
)
MIXED = TaylorAlgebra(
    (
        Channel(0, "1"), Channel(1, "t"), Channel(1, "v", COUNT), Channel(2, "tv", COUNT),
        Channel(2, "tt + sum vv"), Channel(3, "sum c tvv"),
    ),
    (
        (1, 1, 4, ONE), (1, 2, 3, ONE), (2, 2, 4, ONE),
        (2, 3, 5, tuple(Fraction(r + 1, 2) for r in range(COUNT))),
    ),
)  # fmt: skip


@pytest.mark.parametrize("name", ["perceptron", "hard constraint", "two bodies",
                                  "reversed", "sorted"])  # fmt: skip
def test_two_families_with_places_of_their_own(name: str) -> None:
    fun = PROGRAMS[name]
    other = np.array([1, 2, 4, 3, 0])  # three pairs meet, two are neighbours or apart

    def second(z, i, j):
        v, w = (jax.nn.one_hot(k, DIM, dtype=z.dtype) for k in (i, j))
        return jax.jvp(lambda y: jax.jvp(fun, (y,), (v,))[1], (z,), (w,))[1]

    @jax.jit
    def both(x, i, j):
        (output,) = push(jax.vmap(fun), x, [OneHot(i), OneHot(j), None], PAIRS)
        pairs = jax.vmap(second, (None, 0, 0))
        return output.dense(3), jax.vmap(lambda z: pairs(z, i, j).sum(0))(x)

    got, want = both(X, SHARED, other)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["hard constraint", "two bodies", "custom rules",
                                  "shared blocks", "layer norm"])  # fmt: skip
def test_beside_a_direction_of_another_kind(name: str) -> None:
    fun = PROGRAMS[name]
    tangent = np.linspace(-1, 1, DIM)[None]

    @jax.jit
    def both(x):
        outputs = [
            push(jax.vmap(fun), x, [tangent, seed, None, None, None], MIXED)[0]
            for seed in (OneHot(PER_POINT), dense_seeds(PER_POINT))
        ]
        return [channels(output, MIXED) for output in outputs]

    for got, want in zip(*both(X), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-11)


def test_directions_that_multiply_each_other_are_written_out() -> None:
    squares = TaylorAlgebra(
        (Channel(0, "1"), Channel(1, "v", COUNT), Channel(2, "q"), Channel(4, "qq")),
        ((1, 1, 2, ONE), (2, 2, 3, ONE)),
    )
    assert split(squares) is None
    fun = jax.vmap(lambda z: jnp.sum(jnp.exp(z @ W) * (1 - z @ z)))

    @jax.jit
    def both(x):
        return [
            push(fun, x, [seed, None, None], squares)[0].dense(3)
            for seed in (OneHot(SHARED), dense_seeds(SHARED))
        ]

    np.testing.assert_allclose(*both(X), rtol=1e-12)


def test_a_column_behind_the_coordinates_is_known_to_be_untouched() -> None:
    def net(z):
        x, t = z[:-1], z[-1]
        return jnp.sin(3 * t) * jnp.sum(jnp.tanh(x @ W[:-1])) + jnp.sort(z[-1:])[0]

    algebra = powers_algebra(2, COUNT, True)
    indices = np.array([0, 6, 2, 2, 5])
    seed = OneHot(indices, below=DIM - 1)
    time = lambda z: jnp.sin(z[-1:])

    @jax.jit
    def both(x):
        (output,) = push(jax.vmap(net), x, [seed, None], algebra)
        (untouched,) = push(jax.vmap(time), x, [seed, None], algebra)
        assert not isinstance(untouched, AlgebraArray)
        want = jax.vmap(lambda z: along(net, 2, z, indices).sum())(x)
        return 2 * output.dense(2), want

    np.testing.assert_allclose(*both(X), rtol=1e-11)


def test_families_are_written_out_as_single_channels() -> None:
    folding = written_out(MIXED)
    assert folding.explicit.size == 4 + 2 * COUNT
    assert not folding.explicit.has_families
    assert [c.degree for c in folding.explicit.channels] == sorted(
        c.degree for c in folding.explicit.channels
    )
    for number, channel in enumerate(MIXED.channels):
        assert len(folding.members(number)) == channel.count


# --- transformations ------------------------------------------------------------------


def net(weights, z):
    first, second = weights
    return (1 - z @ z) * jnp.sum(jnp.tanh(jnp.tanh(z @ first) @ second))


WEIGHTS = (W, A[:6, :4])


@pytest.mark.parametrize(
    ("indices", "chunk"),
    [
        pytest.param(SHARED, None, id="shared"),
        pytest.param(PER_POINT, 2, id="per point, in chunks"),
        pytest.param(PER_POINT, None, id="per point", marks=pytest.mark.slow),
        pytest.param(SHARED, 2, id="shared, in chunks", marks=pytest.mark.slow),
    ],
)
def test_parameter_gradients(indices, chunk) -> None:
    def ours(weights):
        value = diagonal_sum(lambda z: net(weights, z), 2, chunk=chunk)
        return jnp.mean(value(X, indices) ** 2)

    def oracle(weights):
        rows = np.broadcast_to(indices, (POINTS, COUNT))
        fun = lambda z, j: along(lambda y: net(weights, y), 2, z, j).sum()
        return jnp.mean(jax.vmap(fun)(X, rows) ** 2)

    both = jax.jit(lambda w: [jax.value_and_grad(f)(w) for f in (ours, oracle)])
    got, want = both(WEIGHTS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), got, want)


def test_one_point_and_vmap_and_jvp_of_grad() -> None:
    value = lambda w, z, j: diagonal_sum(lambda y: net(w, y), 2)(z, j)

    @jax.jit
    def three_ways(w, x, indices):
        terms = diagonal_terms(lambda y: net(w, y), 2)(x[1], indices[1])
        mapped = jax.vmap(value, (None, 0, 0))(w, x, indices)
        return value(w, x, indices), mapped, value(w, x[1], indices[1]), terms

    found = three_ways(WEIGHTS, X, PER_POINT)
    together, mapped, single, terms = map(np.asarray, found)
    np.testing.assert_allclose(mapped, together, rtol=1e-12)
    np.testing.assert_allclose(single, together[1], rtol=1e-12)
    assert terms.shape == (COUNT,)
    np.testing.assert_allclose(terms.sum(), single, rtol=1e-12)
    loss = lambda w: jnp.sum(value(w, X, SHARED) ** 2)
    change_of = jax.jit(lambda w: jax.jvp(jax.grad(loss), (w,), (WEIGHTS,)))
    step = 1e-5
    moved = [[w * (1 + s) for w in WEIGHTS] for s in (step, -step)]
    (_, change), (up, _), (down, _) = (
        change_of(tuple(w)) for w in (WEIGHTS, *moved)
    )  # fmt: skip
    for a, *ends in zip(change, up, down, strict=True):
        b, c = map(np.asarray, ends)
        np.testing.assert_allclose(a, (b - c) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "count"),
    [("two bodies", 4), ("layer norm", 7), ("perceptron", 0), ("perceptron", 1)],
)
def test_chunks_change_nothing(name: str, count: int) -> None:
    fun = PROGRAMS[name]
    indices = np.random.default_rng(0).integers(0, DIM, (POINTS, count))
    both_ways = (diagonal_sum, diagonal_terms)

    @jax.jit
    def all_of_them(x, j):
        return [(make(fun, 2)(x, j), make(fun, 2, chunk=3)(x, j)) for make in both_ways]

    for make, (whole, parts) in zip(both_ways, all_of_them(X, indices), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-11, atol=1e-12)
        assert whole.shape == jax.eval_shape(make(fun, 2), X, indices).shape


def test_chunks_with_constants_that_differ() -> None:
    fun = jax.vmap(STAYS["hard constraint"])
    tangent = np.ones((1, DIM))
    seeds = [tangent, OneHot(PER_POINT), None, None, None]

    @jax.jit
    def both(x):
        whole = push(fun, x, seeds, MIXED)[0]
        parts = push(fun, x, seeds, MIXED, tuning=Tuning(chunk=2))[0]
        return channels(parts, MIXED), channels(whole, MIXED)

    for got, want in zip(*both(X), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_values_and_pytrees_and_dtypes(order: int) -> None:
    fun = lambda z: {"a": jnp.sin(z).sum(), "b": (z @ W, jnp.float32(1.0))}
    x = X.astype(np.float32)
    values, sums = jax.jit(diagonal_sum(fun, order, with_value=True))(x, SHARED)
    assert jax.tree.structure(sums) == jax.tree.structure(jax.eval_shape(fun, x[0]))
    np.testing.assert_allclose(values["a"], np.sin(x).sum(1), rtol=1e-6)
    assert sums["a"].dtype == jnp.float32
    assert sums["b"][0].shape == (POINTS, 6)
    wave = np.sin(np.asarray(x, float)[:, SHARED] + order * math.pi / 2).sum(1)
    np.testing.assert_allclose(sums["a"], wave, rtol=1e-5)
    assert not np.any(sums["b"][1])


def test_all_coordinates_give_the_laplacian() -> None:
    fun = lambda z: net(WEIGHTS, z)
    ours = lambda x: diagonal_sum(fun, 2)(x, np.arange(DIM))
    got, want = jax.jit(lambda x: (ours(x), jax.vmap(oc.taylor.laplacian(fun))(x)))(X)
    np.testing.assert_allclose(got, want, rtol=1e-12)


# --- what is refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "indices", "message"),
    [
        (X, jnp.array([0, DIM]), "not among the first 8"),
        (X, jnp.array([-1, 0]), "not among the first 8"),
        (X, np.ones((2, 4), int), "do not fit"),
        (X[0], np.ones((3, 4), int), "do not fit"),
        (X, jnp.array([0.0, 1.0]), "give integers"),
        (X[0, 0], jnp.array([0, 1]), "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(point, indices, message) -> None:
    with pytest.raises(oc.OperatorError, match=message):
        diagonal_sum(jnp.sum, 2)(point, indices)


def test_orders_and_axes_are_checked() -> None:
    with pytest.raises(oc.OperatorError, match="at least 1"):
        diagonal_sum(jnp.sum, 0)
    algebra = powers_algebra(2, COUNT, True)
    with pytest.raises(oc.OperatorError, match="no axis 2"):
        push(jnp.sum, X, [OneHot(SHARED, axis=2), None], algebra)
    with pytest.raises(oc.OperatorError, match="both the points and the places"):
        push(jnp.sum, X, [OneHot(PER_POINT, axis=0), None], algebra)


def test_traced_places_outside_are_not_a_number() -> None:
    value = jax.jit(diagonal_sum(STAYS["perceptron"], 2))
    assert np.all(np.isnan(value(X, jnp.array([0, DIM]))))
    assert np.all(np.isfinite(value(X, jnp.array([0, DIM - 1]))))


@pytest.mark.parametrize(
    "seed",
    [
        np.arange(3.0),
        jnp.asarray(np.arange(3.0)),
        np.arange(3),
        [0.0, 1.0, 2.0],
        jnp.asarray(np.ones((1, 1))),
    ],
)
def test_dense_seeds_broadcast_to_the_point(seed) -> None:
    algebra = TaylorAlgebra((Channel(0, "1"), Channel(1, "a"), Channel(1, "b")), ())
    point, matrix = np.linspace(0, 1, 6).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    fun = lambda z: jnp.tanh(z @ matrix)
    wide = np.broadcast_to(np.asarray(seed, float), point.shape)

    @jax.jit
    def both(point):
        (found,) = oc.taylor.push(fun, point, [seed, None], algebra)
        return found.coefficients[1], jax.jvp(fun, (point,), (wide,))[1]

    np.testing.assert_allclose(*both(point), rtol=1e-14)


def test_a_number_is_a_seed() -> None:
    (found,) = oc.taylor.push(jnp.sin, 0.5, [1.0, None], univariate(2))
    want = np.sin(0.5), np.cos(0.5), -np.sin(0.5) / 2
    np.testing.assert_allclose(found.coefficients, want, rtol=1e-15)


def test_a_family_of_seeds_broadcasts() -> None:
    algebra = TaylorAlgebra((Channel(0, "1"), Channel(1, "a", 5)), ())
    seeds = np.arange(15.0).reshape(5, 3)
    point = np.linspace(0, 1, 6).reshape(2, 3)

    @jax.jit
    def family(point):
        (found,) = oc.taylor.push(lambda z: jnp.sin(z).sum(-1), point, [seeds], algebra)
        return found.family(1, 5)

    want = np.einsum("nd,rd->nr", np.cos(point), seeds)
    np.testing.assert_allclose(family(point).T, want, rtol=1e-14)


@pytest.mark.parametrize(
    ("seed", "words"),
    [(np.ones(4), "does not broadcast"), (np.ones((1, 2, 3)), "does not broadcast"),
     (1j, "dtype complex"), ("x", "dtype")],
)  # fmt: skip
def test_seeds_that_do_not_fit_are_refused(seed, words) -> None:
    with pytest.raises(oc.OperatorError, match=words):
        oc.taylor.push(jnp.sin, jnp.ones((2, 3)), [seed, None], univariate(2))
