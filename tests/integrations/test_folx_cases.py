"""What folx's own tests cover, through `oc.taylor.forward_laplacian`.

Functions of the same kinds, written for this file: elementwise, products, reductions,
pieces and places of arrays, determinants and solutions, attention, derivatives of the
user's own. Values, gradients and Laplacians are compared with nested forward mode in
double precision, and with folx itself where it is installed, its sparse storage included.
"""

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.scipy import special

import opcompiler as oc
from tests.shares import only

random = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    return random.normal(size=shape)


def complex_normal(*shape: int) -> np.ndarray:
    return normal(*shape) + 1j * normal(*shape)


def nested(fun: Callable, point) -> tuple:
    """Value, slopes and curvatures along every coordinate, the coordinate's axis last."""
    flat, restore = ravel_pytree(point)
    of_row = lambda row: fun(restore(row))

    def along(unit):
        pushed = lambda row: jax.jvp(of_row, (row,), (unit,))
        (value, slope), (_, curvature) = jax.jvp(pushed, (flat,), (unit,))
        return value, slope, curvature

    units = jnp.eye(len(flat), dtype=flat.dtype)
    return jax.vmap(along, out_axes=(None, -1, -1))(units)


def rows(gradient, shape: tuple[int, ...]) -> np.ndarray:
    """A gradient like the point, as one axis at the end."""
    leaves = jax.tree.leaves(gradient)
    return np.concatenate([leaf.reshape(*shape, -1) for leaf in leaves], axis=-1)


def close(found, wanted, name: str, rtol: float = 1e-10) -> None:
    scale = np.max(np.abs(np.asarray(wanted)), initial=1e-3)
    np.testing.assert_allclose(
        found, wanted, rtol=rtol, atol=rtol * scale, err_msg=name
    )


def check(functions: Mapping[str, Callable], point, **options) -> None:
    """All functions of a group in one program, each against nested forward mode."""
    together = lambda z: {name: fun(z) for name, fun in functions.items()}
    push = oc.taylor.forward_laplacian(together, **options)
    both = jax.jit(lambda point: (push(point), nested(together, point)))
    found, true = jax.tree.map(np.asarray, both(point))
    values, gradients, laplacians = found
    wanted, slopes, curvatures = true
    for name in functions:
        shape = wanted[name].shape
        assert values[name].shape == laplacians[name].shape == shape
        close(values[name], wanted[name], f"{name}: value")
        close(rows(gradients[name], shape), slopes[name], f"{name}: gradient")
        close(laplacians[name], curvatures[name].sum(-1), f"{name}: Laplacian")


# --- groups -----------------------------------------------------------------------------

OF_ONE_NUMBER = {
    "sin": jnp.sin, "cos": jnp.cos, "tanh": jnp.tanh, "exp": jnp.exp,
    "square": jnp.square, "abs": jnp.abs, "sinh": jnp.sinh, "cosh": jnp.cosh,
    "log of abs": lambda z: jnp.log(jnp.abs(z)),
    "sqrt of abs": lambda z: jnp.sqrt(jnp.abs(z)),
    "integer_pow": lambda z: z**3 + z**-2,
    "conj, real and imag": lambda z: jnp.real(z) * jnp.conj(z) + jnp.imag(z) ** 2,
}  # fmt: skip

REAL_ONLY = {
    "erf": special.erf, "erfc": special.erfc, "cbrt": jnp.cbrt, "exp2": jnp.exp2,
    "erf_inv": lambda z: special.erfinv(jnp.tanh(z)),
    "tan, atan, asinh": lambda z: jnp.tan(z) + jnp.arctan(z) * jnp.arcsinh(z),
    "asin, acos": lambda z: jnp.arcsin(jnp.tanh(z)) * jnp.arccos(jnp.tanh(z) / 2),
    "acosh": lambda z: jnp.arccosh(jnp.abs(z) + 1.5),
    "atanh": lambda z: jnp.arctanh(jnp.tanh(z)),
    "atan2": lambda z: jnp.arctan2(z, jnp.cos(z)),
    "lgamma": lambda z: special.gammaln(jnp.abs(z) + 0.5),
    "digamma": lambda z: special.digamma(jnp.abs(z) + 0.5),
    "log1p, expm1, rsqrt": lambda z: jnp.log1p(z**2) * jnp.expm1(z) * lax.rsqrt(2 + z),
    "pow": lambda z: jnp.abs(z) ** (z + 0.5),
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "silu, softplus": lambda z: jax.nn.silu(z) * jax.nn.softplus(z),
    "logistic, logaddexp": lambda z: jnp.logaddexp(jax.nn.sigmoid(z), z**2),
}  # fmt: skip

PIECEWISE = {
    "clip": lambda z: jnp.clip(z, -0.5, 0.5) * z,
    "rem": lambda z: lax.rem(z, 0.7) ** 2,
    "floor": lambda z: jnp.floor(3 * z) * z**2,
    "ceil": lambda z: jnp.ceil(3 * z) * z**2,
    "round": lambda z: jnp.round(3 * z) * z**2,
    "cummax": lambda z: lax.cummax(z**2, axis=0),
    "cummin": lambda z: lax.cummin(jnp.sin(z), axis=0),
    "max, min": lambda z: jnp.maximum(z, z[::-1] ** 2) * jnp.minimum(z, 0.3),
    "where, sign": lambda z: jnp.where(z > 0.2, z**3, jnp.sign(z) * jnp.sin(z)),
    "reduce_max, reduce_min": lambda z: jnp.max(z**2) * jnp.min(jnp.exp(z)),
    "argmax by comparison": lambda z: jnp.sum(jnp.where(z == jnp.max(z), z**2, 0.0)),
}

REDUCED = {
    "sum": jnp.sum,
    "sum of squares": lambda z: jnp.sum(z**2),
    "prod": lambda z: jnp.prod(jnp.sin(z)),
    "cumsum": lambda z: jnp.cumsum(z**2),
    "cumprod": lambda z: jnp.cumprod(jnp.sin(z)),
    "norm": lambda z: jnp.linalg.norm(z.reshape(2, 3), axis=-1),
    "logsumexp": lambda z: special.logsumexp(z.reshape(2, 3), axis=0),
    "sort": lambda z: jnp.sort(z) ** 2 * jnp.arange(6),
    "slope inside": lambda z: z * jax.grad(lambda y: jnp.sum(jnp.sin(y) + y**2))(z),
}

PLACES = {
    "stack": lambda z: jnp.stack([z, 2 * z**2], axis=1),
    "stack with a constant": lambda z: jnp.stack([z**2, jnp.ones(6)]),
    "unstack": lambda z: jnp.unstack(z.reshape(2, 3) ** 2)[1],
    "split": lambda z: jnp.split(z**3, [2])[1] * jnp.split(z, 2)[0][0],
    "concatenate": lambda z: jnp.concatenate([z**2, jnp.ones(4), z[:2] * z[3]]),
    "tile": lambda z: jnp.tile(z.reshape(2, 3) ** 2, (2, 2)),
    "copy": lambda z: jnp.copy(z) * z,
    "squeeze, reverse, transpose": lambda z: z[::-1].reshape(2, 1, 3)[:, 0].T ** 2,
    "pad": lambda z: jnp.pad(z.reshape(2, 3) ** 2, ((1, 0), (0, 2))),
    "pad inside": lambda z: lax.pad(z.reshape(2, 3), 7.0, ((1, 0, 1), (0, 2, 0))) ** 2,
    "pad with a variable": lambda z: lax.pad(z[:5], z[5], ((2, 1, 1),)) ** 2,
    "pad less than nothing": lambda z: lax.pad(z**2, 0.0, ((-1, -2, 0),)),
    "gather": lambda z: z[jnp.array([5, 0, 0, 3])] ** 2 * z[1],
    "take_along_axis": lambda z: jnp.take_along_axis(z**2, jnp.arange(6)[::-1], 0),
    "dynamic_slice": lambda z: lax.dynamic_slice(z, (2,), (3,)) ** 2 * z[0],
    "dynamic_update_slice": lambda z: lax.dynamic_update_slice(z, z[:2] ** 2, (3,)),
    "update of a constant": lambda z: lax.dynamic_update_slice(
        jnp.zeros(8), z**2, (1,)
    ),
    "constant update": lambda z: lax.dynamic_update_slice(
        jnp.sin(z), jnp.ones(3), (2,)
    ),
    "roll": lambda z: z * jnp.roll(z, 1) ** 2,
}

SOME, TWICE = np.array([0, 2, 5]), np.array([1, 1, 3])


def rows_into_zeros(z):
    distance = jnp.linalg.norm(z.reshape(4, 3), axis=1)
    return jnp.zeros((2, 4)).at[0].set(distance).at[1].set(5 * distance**2)


def segments(z):
    distance = jnp.linalg.norm(z.reshape(4, 3), axis=1)
    return jnp.zeros(2).at[jnp.array([0, 1, 0, 1])].add(distance)


SCATTERED = {
    "rows into zeros": rows_into_zeros,
    "segments": segments,
    "set": lambda z: jnp.sin(z).at[SOME].set(z[:3] ** 2),
    "set a constant": lambda z: jnp.sin(z).at[SOME].set(1.5),
    "set one": lambda z: jnp.sin(z).at[3].set(z[0] * z[1]),
    "outside is dropped": lambda z: jnp.sin(z).at[jnp.array([1, 100])].add(z[:2] ** 2),
    "add twice": lambda z: jnp.sin(z).at[TWICE].add(z[:3] ** 2),
    "add a constant": lambda z: jnp.sin(z).at[TWICE].add(2.5),
    "add windows": lambda z: (
        jnp.sin(z).reshape(4, 3).at[SOME[:2]].add(jnp.cos(z[:6]).reshape(2, 3))
    ),
    "add at pairs": lambda z: (
        jnp.sin(z).reshape(4, 3).at[TWICE, SOME % 3].add(z[:3] * z[3:6])
    ),
    "multiply": lambda z: jnp.sin(z).at[SOME].multiply(z[6:9], unique_indices=True),
    "min": lambda z: jnp.sin(z).at[SOME].min(2 * z[6:9]),
    "max": lambda z: jnp.sin(z).at[SOME].max(2 * z[6:9]),
    "min, a constant": lambda z: jnp.sin(z).at[SOME].min(0.1),
    "max, a constant": lambda z: jnp.sin(z).at[SOME].max(-0.1),
    # One operand depends on everything, the other on a single coordinate.
    "dense operand": lambda z: jnp.cumsum(z).at[SOME].set(z[:3] ** 2),
    "dense update": lambda z: jnp.sin(z).at[SOME].set(jnp.cumsum(z)[:3] ** 2),
    "add to dense": lambda z: jnp.cumsum(z**2).at[SOME].add(z[:3]),
    "add dense": lambda z: jnp.sin(z).at[SOME].add(jnp.cumsum(z**2)[:3]),
    "min with dense": lambda z: jnp.sin(z).at[SOME].min(jnp.cumsum(z)[:3]),
}

FIRST, SECOND = normal(6, 5), normal(6, 6, 4)

PRODUCTS = {
    "matrix": lambda z: jnp.tanh(z.reshape(-1)[:6] @ FIRST),
    "with itself": lambda z: jnp.matmul(jnp.exp(jnp.matmul(z, z.T) / 4), z),
    "of two functions": lambda z: jnp.matmul(jnp.sin(z), jnp.cos(z.T)),
    "einsum of three": lambda z: jnp.einsum("i,j,ijk->k", z[:, 0], z[:, 1], SECOND),
    "batched": lambda z: jnp.einsum(
        "bij,bjk->bik", z.reshape(3, 2, 2), z.reshape(3, 2, 2)
    ),
    "with one row": lambda z: jnp.einsum("ik,jk->ij", z, jnp.cos(z[2:3])),
    "one row with all": lambda z: jnp.einsum("ik,jk->ij", z[:1] ** 2, jnp.sin(z)),
    "a row with rows": lambda z: z[1] @ jnp.tanh(z[:4]).T,
    "messages between nodes": lambda z: jnp.einsum(
        "ijk,jk->ik", jnp.cos(z[:, None] - z), jnp.sin(z)
    ),
    "outer, divided": lambda z: z[:, 0] / (2 + z[:, 1] ** 2) - z[:, 1] * z[:, 0],
}


def mlp(layers, z):
    for w, b in layers:
        z = jnp.tanh(z @ w + b)
    return jnp.sum(z)


LAYERS = [(normal(6, 6), normal(6)) for _ in range(3)]
HEADS = [normal(4, 8) for _ in range(3)]


def attention(z):
    q, k, v = (z @ w for w in HEADS)
    return jnp.sum(jax.nn.softmax(q @ k.T, axis=-1) @ v)


def masked_heads(z):
    """Two heads over five of six nodes, with a bias by distance."""
    q, k, v = ((z @ w).reshape(6, 2, 4) for w in HEADS)
    seen = jnp.arange(6) < 5
    apart = jnp.sum((z[:, None] - z[None]) ** 2, axis=-1)
    logits = jnp.einsum("iha,jha->ihj", q, k) - apart[:, None] / 3
    logits = jnp.where(seen[:, None, None] & seen, logits, -1e30)
    return jnp.einsum("ihj,jha->iha", jax.nn.softmax(logits, axis=-1), v)


def normed(z):
    """A layer norm, and a residual connection."""
    return z + (z - z.mean(-1, keepdims=True)) / jnp.sqrt(
        z.var(-1, keepdims=True) + 1e-3
    )


NETWORKS = {
    "perceptron": lambda z: mlp(LAYERS, z.reshape(-1)[:6]),
    "perceptron of each node": lambda z: mlp([(LAYERS[0][0][:4], 0.1), *LAYERS[1:]], z),
    "attention": attention,
    "masked heads": masked_heads,
    "norm": normed,
}

NARROW, WIDE = normal(5, 3, 5), normal(2, 5, 3, 5)


def matrix(z, weights=NARROW):
    return 5 * jnp.eye(5) + jnp.tanh(jnp.einsum("id,...idj->...ij", z, weights))


RIGHT = normal(5, 2)
LOWER = 5 * np.eye(5) + np.tril(normal(5, 5), -1)

MATRICES = {
    "slogdet": lambda z: jnp.linalg.slogdet(matrix(z))[1],
    "slogdet of many": lambda z: jnp.sum(jnp.linalg.slogdet(matrix(z, WIDE))[1] ** 2),
    "det": lambda z: jnp.linalg.det(matrix(z)),
    "inverse": lambda z: jnp.linalg.inv(matrix(z)),
    "solve, the matrix varies": lambda z: jnp.linalg.solve(matrix(z), RIGHT),
    "solve, both vary": lambda z: jnp.linalg.solve(matrix(z), jnp.tanh(z).sum(-1)),
    "solve, the right side varies": lambda z: jnp.linalg.solve(
        LOWER, jnp.tanh(z).sum(-1)
    ),
    "solve, many matrices": lambda z: jnp.linalg.solve(
        matrix(z, WIDE), jnp.broadcast_to(jnp.tanh(z).sum(-1)[:, None], (2, 5, 1))
    ),
}

# Which entries a coordinate changes: one row or two, one column or two, all, one a row.
PATTERNS = {
    "rows": matrix,
    "two rows": lambda z: matrix(z) + jnp.roll(matrix(z), 1, axis=0) / 3,
    "columns": lambda z: matrix(z).T,
    "two columns": lambda z: matrix(z).T + jnp.roll(matrix(z).T, 1, axis=1) / 3,
    "everything": lambda z: matrix(z) + jnp.sum(z) / 9,
    "one entry a row": lambda z: (
        2 * jnp.eye(5)
        + jnp.tanh(z[:, 0])[(jnp.arange(5)[:, None] + jnp.arange(5)) % 5] / 2
    ),
}
DETERMINANTS = {
    name: lambda z, of=of: jnp.linalg.slogdet(of(z))[1] for name, of in PATTERNS.items()
}

COMPLEX = complex_normal(6, 6), complex_normal(6, 6)
COMPLEX_VALUED = {
    "sum of parts": lambda z: z @ COMPLEX[0].real + 1j * z @ COMPLEX[0].imag,
    "real part": lambda z: jnp.real(jnp.tanh(z @ COMPLEX[0])),
    "imaginary part": lambda z: jnp.imag(jnp.exp(z @ COMPLEX[0] / 4)),
    "perceptron": lambda z: jnp.tanh(z @ COMPLEX[0]) @ COMPLEX[1],
    "modulus": lambda z: jnp.abs(jnp.tanh(z @ COMPLEX[0])),
    "complex": lambda z: jnp.exp(lax.complex(z, z**2)),
    "slogdet": lambda z: jnp.linalg.slogdet(
        3 * jnp.eye(6) + jnp.tanh(z)[:, None] * COMPLEX[1]
    ),
    "det": lambda z: jnp.linalg.det(3 * jnp.eye(6) + jnp.tanh(z)[:, None] * COMPLEX[1]),
}

GROUPS: dict[str, tuple[Mapping[str, Callable], jax.Array]] = {
    "of one number": (OF_ONE_NUMBER, normal(6)),
    "of one complex number": (OF_ONE_NUMBER, complex_normal(6)),
    "of one real number": (REAL_ONLY, normal(6)),
    "piecewise": (PIECEWISE, normal(6)),
    "reduced": (REDUCED, normal(6)),
    "places": (PLACES, normal(6)),
    "scattered": (SCATTERED, normal(12)),
    "products": (PRODUCTS, normal(6, 2)),
    "networks": (NETWORKS, normal(6, 4)),
    "matrices": (MATRICES, normal(5, 3)),
    "determinants": (DETERMINANTS, normal(5, 3)),
}


def parts(fun: Callable) -> Callable:
    """Nested forward mode takes one array for a case: slogdet's pair as a stack."""
    return lambda z: fun(z) if not isinstance(fun(z), tuple) else jnp.stack(fun(z))


def half(functions: Mapping[str, Callable], which: int) -> Mapping[str, Callable]:
    """Every second function, the first one or not."""
    return dict(list(functions.items())[which::2])


halves = pytest.mark.parametrize("which", only([0], [0, 1]))
"""Of every group every second function by default: its neighbours are of its kind."""


@halves
@pytest.mark.parametrize("name", GROUPS)
def test_group(name: str, which: int) -> None:
    functions, point = GROUPS[name]
    check(half(functions, which), point)


@halves
def test_complex_values(which: int) -> None:
    functions = half(COMPLEX_VALUED, which)
    check({name: parts(fun) for name, fun in functions.items()}, normal(6))


@pytest.mark.parametrize("left", [1.0, 1j])
def test_products_of_real_and_complex(left) -> None:
    products = {
        f"matmul by {right}": lambda z, right=right: jnp.matmul(z, right * SECOND[0])
        for right in (1.0, 1j)
    }
    check(products, left * normal(6))


def test_two_arguments() -> None:
    first, second = normal(6), normal(6)
    binary = {"add": jnp.add, "subtract": jnp.subtract, "multiply": jnp.multiply,
              "divide": jnp.divide, "dot": jnp.dot}  # fmt: skip
    check({name: lambda z, f=f: f(*z) for name, f in binary.items()}, (first, second))
    left = {f"{name}, left": lambda z, f=f: f(z, second) for name, f in binary.items()}
    right = {
        f"{name}, right": lambda z, f=f: f(second, z) for name, f in binary.items()
    }
    check(left | right, first)


def test_weights() -> None:
    """folx' weights multiply the derivatives: ours are their squares."""
    point, weights = normal(6, 4), normal(6, 4)
    push = oc.taylor.forward_laplacian(attention, weights=weights**2)
    both = jax.jit(lambda point: (push(point)[2], nested(attention, point)[2]))
    laplacian, curvatures = map(np.asarray, both(point))
    wanted = np.sum(curvatures * weights.reshape(-1) ** 2)
    close(laplacian, wanted, "weighted")


# --- derivatives of the user's own ------------------------------------------------------


@jax.custom_jvp
def steeper(z):
    return jnp.sin(z)


@steeper.defjvp
def _steeper(primals, tangents):
    # Twice the slope: the rule of the user holds, not what the function says.
    return steeper(*primals), 2 * jnp.cos(primals[0]) * tangents[0]


@jax.custom_jvp
def both(z):
    return jnp.sin(z), jnp.cos(z)


@both.defjvp
def _both(primals, tangents):
    sine, cosine = both(*primals)
    return (sine, cosine), (cosine * tangents[0], -sine * tangents[0])


@jax.custom_jvp
def sum_and_difference(a, b):
    return a + b, a - b


@sum_and_difference.defjvp
def _sum_and_difference(primals, tangents):
    return sum_and_difference(*primals), sum_and_difference(*tangents)


def test_derivatives_of_the_user() -> None:
    functions = {
        "one": steeper,
        "two results": lambda z: jnp.stack(both(z)),
        "two arguments": lambda z: jnp.stack(sum_and_difference(jnp.sin(z), z**2)),
        "in a jitted function": jax.jit(lambda z: steeper(z) ** 2),
    }
    check(functions, normal(6))


# --- types ------------------------------------------------------------------------------


def test_types_of_results() -> None:
    types = ("float16", "float32", "complex64", "complex128")
    cast = lambda z: {dtype: (z**2).astype(dtype) for dtype in types}
    found = jax.eval_shape(oc.taylor.forward_laplacian(cast), normal(6))
    for one in found:
        for dtype, leaf in one.items():
            assert leaf.dtype == jnp.dtype(dtype)


def test_whole_numbers_have_no_derivatives() -> None:
    types = ("bool", "int8", "int32", "uint64")
    cast = lambda z: {dtype: (3 * z).astype(dtype) for dtype in types}
    push = jax.jit(oc.taylor.forward_laplacian(cast))
    value, _, laplacian = push(np.abs(normal(6)))
    for dtype in types:
        assert value[dtype].dtype == jnp.dtype(dtype)
        assert not np.any(laplacian[dtype]), dtype


def test_the_type_of_a_products_sum() -> None:
    point = jnp.asarray(normal(4, 2) / 2, jnp.bfloat16)

    def fun(z):
        s = jnp.exp(jnp.matmul(z, z.T))
        contract = (((1,), (0,)), ((), ()))
        return lax.dot_general(s, z, contract, preferred_element_type=jnp.float32)

    push = oc.taylor.forward_laplacian(fun)
    both = jax.jit(lambda point: (push(point), push(point.astype(jnp.float32))))
    found, wanted = both(point)
    for one, other in zip(found, wanted, strict=True):
        close(one, other, "bfloat16", rtol=5e-2)
    assert found[0].dtype == found[2].dtype == jnp.float32


# --- under transformations --------------------------------------------------------------


def test_on_a_mesh() -> None:
    """Determinants, points sharded and mapped."""
    mesh = jax.sharding.Mesh(jax.devices()[:1], "i")
    logs = lambda z: jnp.linalg.slogdet(matrix(z))[1]
    push = lambda points: jax.vmap(oc.taylor.forward_laplacian(logs))(points)
    spec = jax.sharding.PartitionSpec("i")
    sharded = jax.shard_map(push, mesh=mesh, in_specs=(spec,), out_specs=spec)
    points = normal(2, 5, 3)
    both = jax.jit(lambda points: (sharded(points), push(points)))
    jax.tree.map(np.testing.assert_allclose, *both(points))


@pytest.mark.parametrize("chunk", [2, 5])
def test_in_chunks(chunk: int) -> None:
    """Those of the networks that `test_group` leaves to the slow suite."""
    check(half(NETWORKS, 1) if chunk == 2 else NETWORKS, normal(6, 4), chunk=chunk)


def test_a_derivative_of_the_laplacian() -> None:
    """Through the parameters, as a training step takes it."""

    def loss(laplacian, weights):
        fun = lambda z: mlp([(weights, 0.1)], z)
        return laplacian(fun)(normal_point) ** 2

    normal_point, weights = normal(6), normal(6, 6)
    ours = lambda fun: lambda z: oc.taylor.forward_laplacian(fun)(z)[2]
    theirs = lambda fun: lambda z: jnp.trace(jax.hessian(fun)(z))
    both = jax.jit(
        lambda weights: [jax.grad(partial(loss, f))(weights) for f in (ours, theirs)]
    )
    close(*both(weights), "gradient by parameters")


# --- folx itself ------------------------------------------------------------------------


@pytest.mark.skipif(
    not importlib.util.find_spec("folx"), reason="folx is not installed"
)
@halves
@pytest.mark.parametrize(
    ("name", "sparsity"),
    [("scattered", 0), ("scattered", 12), ("networks", 0), ("determinants", 15)],
)
def test_folx_finds_the_same(name: str, sparsity: int, which: int) -> None:
    import folx

    functions, point = GROUPS[name]
    functions = half(functions, which)
    # Every case once, weighted, so that folx traces and compiles one number.
    together = lambda z: sum(
        jnp.sum(jnp.cos(fun(z))) * (k + 1) for k, fun in enumerate(functions.values())
    )

    @jax.jit
    def both(point):
        pushed = folx.forward_laplacian(together, sparsity)(point)
        theirs = pushed.x, pushed.jacobian.dense_array, pushed.laplacian
        return oc.taylor.forward_laplacian(together)(point), theirs

    found, (value, gradient, laplacian) = both(point)
    close(found[0], value, "value")
    close(np.ravel(found[1]), gradient, "gradient", 1e-8)
    close(found[2], laplacian, "Laplacian", 1e-8)
