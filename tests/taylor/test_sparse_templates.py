"""One-hot directions in template algebras: nothing of length d per direction, ever.

The algebras are those of sums over coordinates: one direction stands for all, perhaps
beside a direction that all share, or beside a second one of its own.
"""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.taylor import OneHot
from opcompiler.taylor.push import push
from tests.draws import normal, uniform

POINTS, BLOCK, COUNT = 3, 4, 5
DIM = 11 * BLOCK
X = uniform((8, 0), (POINTS, DIM), minval=-0.9, maxval=0.9)
WEIGHTS = {
    "first": normal((8, 1), (DIM, 6)) / 4,
    "second": normal((8, 2), (6, 7)) / 2,
    "window": normal((8, 3), (BLOCK,)),
    "blocks": normal((8, 4), (DIM // BLOCK, 6)) / 2,
}
I = np.array([1, 7, 3, 3, 43])
J = np.array([1, 8, 3, 4, 0])  # pairs that meet, are neighbours, share a block
PER_POINT = np.stack([I, (I + 2) % DIM, (I * 3) % DIM])

ONE = Fraction(1)


def perceptron(w, z):
    return jnp.sum(jnp.tanh(jnp.tanh(z @ w["first"]) @ w["second"]))


def constrained(w, z):
    return (1 - jnp.sum(z * z)) * perceptron(w, z)


def two_bodies(w, z):
    x, y = z[:-1], z[1:]
    return jnp.sum(jnp.sin(x + jnp.cos(y) + y * jnp.cos(x))) * w["window"][0]


def shared_blocks(w, z):
    """Appendix G of the STDE paper: one small layer for all blocks of coordinates."""
    first = jnp.tanh(z.reshape(-1, BLOCK) @ w["window"])
    return jnp.sum(jnp.tanh(first @ w["blocks"]) @ w["second"])


def strided_convolution(w, z):
    """The same as a convolution."""
    kernel = w["window"].reshape(1, 1, BLOCK)
    first = lax.conv_general_dilated(z.reshape(1, 1, -1), kernel, (BLOCK,), "VALID")
    return jnp.sum(jnp.tanh(first.reshape(-1) @ w["blocks"]) @ w["second"])


def with_time(w, z):
    x, t = z[:-1], z[-1:]
    return jnp.sum(jnp.tanh(jnp.concatenate([jnp.sin(t), x]) @ w["first"])) * t[0]


def embedded(w, z):
    """A first layer on features of single coordinates."""
    features = jnp.concatenate([jnp.sin(z), z * z, jnp.roll(z, 1) * z])
    return jnp.sum(jnp.tanh(features @ jnp.tile(w["first"], (3, 1))))


NETS = {
    net.__name__: net
    for net in (perceptron, constrained, two_bodies, shared_blocks,
                strided_convolution, with_time, embedded)
}  # fmt: skip


def monomials(wanted, families, top):
    """The algebra of monomials that divide one; families end below the top.

    Args:
        wanted: the exponents.
        families: for each letter whether it is a family.
        top: how many directions the wanted channel has.
    """
    grid = np.ndindex(*(a + 1 for a in wanted))
    basis = sorted(grid, key=lambda m: (sum(m), m))

    def count(m):
        own = any(a and f for a, f in zip(m, families, strict=True))
        return (top if m == wanted else COUNT) if own else 1

    place = {m: k for k, m in enumerate(basis)}
    products = []
    for i, a in enumerate(basis):
        for j, b in enumerate(basis):
            both = tuple(np.add(a, b).tolist())
            if 0 < i <= j and both in place:
                products.append((i, j, place[both], ONE))
    channels = (Channel(sum(m), str(m), count(m)) for m in basis)
    algebra = TaylorAlgebra(tuple(channels), tuple(products))
    return algebra, [
        place[tuple(int(n == k) for n in range(len(wanted)))]
        for k in range(len(wanted))
    ]


def pushed(fun, x, wanted, tangents, top):
    """The channel of the wanted monomial, times its factorials."""
    families = [isinstance(t, OneHot) for t in tangents]
    algebra, letters = monomials(wanted, families, top)
    seeds = [None] * (algebra.size - 1)
    for channel, tangent in zip(letters, tangents, strict=True):
        seeds[channel - 1] = tangent
    (output,) = push(jax.vmap(fun), x, seeds, algebra, (algebra.size - 1,))
    last = algebra.size - 1
    scale = math.prod(map(math.factorial, wanted))
    read = output.dense(last) if top == 1 else output.family(last, COUNT)
    return scale * read


def nested(fun, z, wanted, tangents):
    """The same along dense tangents at one point, by nested jvp."""
    for power, tangent in zip(wanted, tangents, strict=True):
        for _ in range(power):
            fun = (lambda f, v: lambda y: jax.jvp(f, (y,), (v,))[1])(fun, tangent)
    return fun(z)


SHARED_TANGENT = np.linspace(-1, 1, DIM)[None]
ALONG = lambda x: SHARED_TANGENT
CASES = {
    "sum of d_t d_i^2": ((1, 2), (ALONG, I), 1),
    "the same, indices per point": ((1, 2), (ALONG, PER_POINT), 1),
    "tangent b(x)": ((1, 2), (jnp.sin, PER_POINT), 1),
    "tangent b(x), single terms": ((2, 2), (jnp.sin, PER_POINT), COUNT),
    "pairs of indices": ((2, 2), (I, J), 1),
    "pairs, per point, single terms": ((2, 1), (PER_POINT, J), COUNT),
    "pairs beside a tangent": ((1, 1, 2), (jnp.cos, I, PER_POINT), 1),
    "triples": ((1, 1, 1), (I, J, PER_POINT), 1),
    "pure powers": ((4,), (PER_POINT,), 1),
}


def directions(given, x):
    """Tangents for functions of the points, one-hot families for places."""
    return [t(x) if callable(t) else OneHot(t) for t in given]


def written(tangent):
    """A tangent as rows (N or 1, R or 1, d)."""
    if not isinstance(tangent, OneHot):
        return jnp.broadcast_to(tangent, X.shape)[:, None]
    rows = jax.nn.one_hot(tangent.indices, DIM, dtype=X.dtype)
    return rows if rows.ndim == 3 else rows[None]


QUICK = [
    ("embedded", "tangent b(x)"),
    ("constrained", "sum of d_t d_i^2"),
    ("shared_blocks", "pairs, per point, single terms"),
    ("strided_convolution", "pure powers"),
]


@pytest.mark.parametrize(("name", "case"), QUICK)
def test_numbers_and_shapes(name: str, case: str) -> None:
    numbers_and_shapes(name, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NETS)
def test_all_numbers_and_shapes(name: str, case: str) -> None:
    numbers_and_shapes(name, case)


def numbers_and_shapes(name: str, case: str) -> None:
    wanted, given, top = CASES[case]

    def value(weights, x):
        return pushed(
            lambda z: NETS[name](weights, z), x, wanted, directions(given, x), top
        )

    def oracle(weights, x):
        fun = lambda z: NETS[name](weights, z)
        rows = [
            jnp.broadcast_to(written(t), (POINTS, COUNT, DIM))
            for t in directions(given, x)
        ]
        one = lambda z, *vs: nested(fun, z, wanted, vs)
        terms = jax.vmap(lambda z, *vs: jax.vmap(lambda *v: one(z, *v))(*vs))(x, *rows)
        return terms.sum(1) if top == 1 else terms.T

    # the tangent b(x) is a direction, not part of what is differentiated
    got, want = jax.jit(lambda w, x: (value(w, x), oracle(w, x)))(WEIGHTS, X)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10 * np.abs(want).max())
    slopes = jax.grad(lambda w, x: jnp.mean(value(w, x) ** 2))
    for function in (value, slopes):
        assert not long_families(jax.make_jaxpr(function)(WEIGHTS, X))


def long_families(closed):
    """Shapes that have an axis of directions and one of all coordinates."""
    return {
        shape
        for shape in shapes(closed.jaxpr)
        if COUNT in shape and max(shape) >= DIM - 1
    }


def shapes(jaxpr):
    """The shapes of everything a program computes, inner programs included."""
    found = set()
    for equation in jaxpr.eqns:
        found |= {variable.aval.shape for variable in equation.outvars}
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                found |= shapes(inner)
    return found


def test_the_walk_sees_what_is_written_out() -> None:
    dense = jax.nn.one_hot(I, DIM)
    along = lambda v: jax.jvp(jax.jit(lambda z: jnp.sum(z * z)), (X[0],), (v,))[1]
    program = jax.make_jaxpr(jax.jit(jax.vmap(along)))(dense)
    assert long_families(program) == {(COUNT, DIM)}


def test_single_terms_add_up_to_the_sum() -> None:
    fun = lambda z: constrained(WEIGHTS, z)
    both = jax.jit(
        lambda x: [
            pushed(fun, x, (2, 2), (OneHot(I), OneHot(PER_POINT)), top)
            for top in (1, COUNT)
        ]
    )
    whole, terms = both(X)
    np.testing.assert_allclose(terms.sum(0), whole, rtol=1e-10)
