"""Programs that move, multiply, reduce and order the entries of arrays."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.taylor.programs import Program

A = np.cos(np.arange(1.0, 31.0))
SIX = (6,)


def _pair(x):
    return x.reshape(2, 3)


def _conv(x, **options):
    """A convolution whose image and kernel both move."""
    image = jnp.concatenate([x, jnp.sin(x), x * x]).reshape(1, 1, 3, 6)
    kernel = jnp.cos(x[:4]).reshape(1, 1, 2, 2)
    options = {"window_strides": (1, 1), "padding": "VALID"} | options
    return lax.conv_general_dilated(image, kernel, **options)


def _grouped_conv(x, batches):
    image = jnp.outer(A[:16], x).reshape(2, 4, 12)
    kernel = jnp.outer(x, A[:8]).reshape(4, 4, 3) if batches else (
        jnp.outer(x, A[:4]).reshape(4, 2, 3)
    )  # fmt: skip
    groups = {"batch_group_count": 2} if batches else {"feature_group_count": 2}
    return lax.conv_general_dilated(image, kernel, (2,), "SAME", **groups)


def _ragged(x):
    rows = jnp.outer(A[:4], x[:2])
    stack = jnp.outer(x, A[:2]).reshape(2, 2, 3)
    return lax.ragged_dot(rows, stack, jnp.array([1, 3], jnp.int32))


def _window(x, shape=(2, 2), strides=(1, 1), padding="VALID", kind="max"):
    board = jnp.outer(jnp.sin(3 * x), A[:4]) + jnp.outer(x * x, A[4:8])
    start, op = {
        "max": (-jnp.inf, lax.max), "min": (jnp.inf, lax.min), "sum": (0.0, lax.add),
    }[kind]  # fmt: skip
    return lax.reduce_window(board, start, op, shape, strides, padding)


def _pools(x):
    return jnp.sum(_window(x) ** 2)


BILINEAR = {
    "dot_general batched": Program(
        lambda x: jnp.einsum("bij,bjk->bik", _cube(x), _cube(jnp.sin(x)))
    ),
    "dot_general two contractions": Program(
        lambda x: jnp.einsum("bij,ij->b", _cube(x), jnp.outer(x[:2], x[1:]))
    ),
    "einsum of three": Program(
        lambda x: jnp.einsum("i,ij,j->j", x, jnp.outer(x, x), A[:3]), shape=(3,)
    ),
    "matmul by constants": Program(lambda x: A[:18].reshape(6, 3) @ (x * x) @ A[:6]),
    "outer and dot": Program(lambda x: jnp.outer(x, jnp.sin(x)) @ x, shape=(3,)),
    "vmapped matmul": Program(
        lambda x: jax.vmap(lambda r: r @ r)(_pair(x)) + jax.vmap(jnp.dot, (1, None))(
            jnp.outer(x, A[:2]), x), shape=SIX,
    ),
    "conv": Program(_conv, shape=SIX, order=4),
    "conv strided, padded, dilated": Program(
        lambda x: _conv(x, window_strides=(1, 2), padding=((1, 0), (2, -1)),
                        lhs_dilation=(1, 2), rhs_dilation=(2, 1)),
        shape=SIX, order=4,
    ),
    "conv grouped": Program(lambda x: _grouped_conv(x, batches=False), shape=SIX, order=4),
    "conv of batch groups": Program(
        lambda x: _grouped_conv(x, batches=True), shape=SIX, order=4
    ),
    "conv transposed": Program(
        lambda x: lax.conv_transpose(
            x.reshape(1, 6, 1), jnp.sin(x[:3]).reshape(3, 1, 1), (2,), "SAME"),
        shape=SIX, order=4,
    ),
    "convolve": Program(lambda x: jnp.convolve(x, jnp.sin(x[:3])), shape=SIX, order=4),
    "ragged dot": Program(_ragged, shape=SIX, order=4),
    "gram of a vmap over None": Program(
        lambda x: jax.vmap(lambda r, s: r * s, (0, None))(_pair(x), x[:3]), shape=SIX
    ),
}  # fmt: skip


def _cube(x):
    return jnp.outer(A[:4], x).reshape(2, 2, 3)[:, :, :2] + x[0]


LINEAR = {
    "broadcast": Program(lambda x: jnp.broadcast_to(x[:, None], (3, 2)) * A[:2] * x[0]),
    "concatenate": Program(lambda x: jnp.concatenate([x, A[:2], x[:1] * x]) ** 2),
    "cumsum": Program(lambda x: jnp.cumsum(x * x) + lax.cumsum(x, reverse=True)),
    "cumsum of a matrix": Program(lambda x: jnp.cumsum(_pair(x) ** 2, 0), shape=SIX),
    "dynamic_slice": Program(
        lambda x: lax.dynamic_slice(x * x, (jnp.argmax(x) % 3,), (3,)), shape=SIX
    ),
    "dynamic_update_slice": Program(
        lambda x: lax.dynamic_update_slice(x * x, jnp.sin(x[:2]), (3,)) + (
            lax.dynamic_update_slice(jnp.asarray(A[:6]), x[:2] ** 2, (9,))), shape=SIX,
    ),
    "expand and squeeze": Program(lambda x: jnp.squeeze(x[None, :, None] ** 2, 0)),
    "fft": Program(lambda x: jnp.abs(jnp.fft.fft(x * x)) ** 2, shape=SIX),
    "ifft": Program(lambda x: jnp.fft.ifft(jnp.exp(1j * x)) * x[0], shape=SIX),
    "rfft": Program(lambda x: jnp.fft.rfft(jnp.sin(x)) ** 2, shape=SIX),
    "irfft": Program(lambda x: jnp.fft.irfft(x + 1j * x * x, 5), shape=SIX),
    "fft2": Program(lambda x: jnp.fft.fft2(_pair(x)) ** 2, shape=SIX),
    "gather": Program(lambda x: x[jnp.array([0, 2, 2, 1])] ** 2 * x[1]),
    "gather out of bounds": Program(
        lambda x: x.at[jnp.array([1, 7])].get(mode="fill", fill_value=2.0) ** 2 + (
            x.at[jnp.array([1, 7])].get(mode="clip"))
    ),
    "gather of rows": Program(
        lambda x: _pair(x)[jnp.array([1, 0]), jnp.array([2, 2])] * x[:2], shape=SIX
    ),
    "pad": Program(lambda x: jnp.pad(x * x, (2, 1), constant_values=3.0)),
    "pad interior, negative, moving": Program(
        lambda x: lax.pad(x * x, jnp.sin(x[0]), [(1, -1, 2)]), shape=SIX
    ),
    "pad of constants": Program(
        lambda x: lax.pad(jnp.asarray(A[:3]), x[0] * x[1], [(2, 1, 1)])
    ),
    "pad by reflection": Program(lambda x: jnp.pad(x * x, 2, mode="reflect")),
    "reduce_sum": Program(lambda x: jnp.sum(_pair(x) ** 3, 1), shape=SIX),
    "mean and variance": Program(lambda x: jnp.var(x) + jnp.mean(x**3) + jnp.std(x)),
    "reduce_window_sum": Program(lambda x: _window(x, kind="sum"), order=4),
    "average of a pool": Program(
        lambda x: lax.reduce_window(x * x, 0.0, lax.add, (2,), (2,), [(1, 1)]), shape=SIX
    ),
    "reshape": Program(lambda x: (x * x).reshape(3, 2).T.reshape(-1, order="F"), shape=SIX),
    "rev": Program(lambda x: x[::-1] * x + lax.rev(_pair(x[:6]), (0, 1)).sum(), shape=SIX),
    "roll and tile": Program(lambda x: jnp.roll(x, 1) * x + jnp.tile(x, 2)[1:4]),
    "tile": Program(lambda x: lax.tile(x * x, (2,)) if hasattr(lax, "tile") else x),
    "scatter": Program(
        lambda x: (x * x).at[jnp.array([2, 0])].set(jnp.sin(x[:2])) + (
            jnp.asarray(A[:3]).at[1].set(x[0] * x[0]))
    ),
    "scatter-add": Program(
        lambda x: (x * x).at[jnp.array([2, 0, 2])].add(jnp.sin(x)), order=6
    ),
    "scatter-sub": Program(lambda x: (x * x).at[jnp.array([1, 1])].subtract(x[:2])),
    "scatter-mul": Program(
        lambda x: (x * x).at[jnp.array([2, 0])].mul(jnp.sin(x[:2]), unique_indices=True)
    ),
    "scatter-mul by constants": Program(
        lambda x: (x * x).at[jnp.array([2, 2])].multiply(A[:2])
    ),
    "scatter-mul of constants": Program(
        lambda x: jnp.asarray(A[:3]).at[jnp.array([2, 0])].mul(
            x[:2] ** 2, unique_indices=True)
    ),
    "scatter-min": Program(lambda x: (x * x).at[jnp.array([2, 0])].min(x[:2]), order=4),
    "scatter-max": Program(
        lambda x: (x * x).at[jnp.array([2, 0])].max(jnp.sin(x[:2])), order=4
    ),
    "scatter out of bounds": Program(
        lambda x: x.at[jnp.array([1, 9])].add(x[:2] ** 2, mode="drop")
    ),
    "segment_sum": Program(
        lambda x: jax.ops.segment_sum(x * x, jnp.array([0, 1, 0, 2, 1, 1]), 3), shape=SIX
    ),
    "slice": Program(lambda x: x[1:5:2] * x[:2] + x[-1], shape=SIX),
    "split": Program(lambda x: lax.split(x * x, (2, 3, 1))[1] * x[0], shape=SIX),
    "stack": Program(lambda x: jnp.stack([x, x * x, jnp.sin(x)], 1) * x[0]),
    "transpose": Program(lambda x: jnp.transpose(_pair(x)) @ _pair(jnp.sin(x)), shape=SIX),
    "trapezoid and diff": Program(lambda x: jnp.trapezoid(x * x) * jnp.diff(x)),
    "unstack": Program(lambda x: [r * r for r in jnp.unstack(_pair(x))], shape=SIX),
    "vmap of a gather": Program(
        lambda x: jax.vmap(lambda r, i: r[i] * r[0])(_pair(x), jnp.array([2, 1])), shape=SIX
    ),
}  # fmt: skip


def _jvp_of_pool(x):
    return jax.jvp(_pools, (x,), (jnp.sin(x),))[1]


STRUCTURE = {
    "argsort": Program(lambda x: (x * x)[jnp.argsort(x)] * x[0], shape=SIX),
    "approx_top_k": Program(lambda x: lax.approx_max_k(jnp.sin(x), 2)[0] ** 2, shape=SIX),
    "cumlogsumexp": Program(lambda x: lax.cumlogsumexp(3 * x)),
    "cumlogsumexp backwards": Program(
        lambda x: lax.cumlogsumexp(x * x, reverse=True), shape=SIX
    ),
    "cumlogsumexp of a matrix": Program(
        lambda x: lax.cumlogsumexp(_pair(x) ** 2, axis=1), shape=SIX
    ),
    "cummax": Program(lambda x: lax.cummax(jnp.sin(3 * x)) * x[0], shape=SIX),
    "cummin": Program(
        lambda x: lax.cummin(_pair(jnp.sin(3 * x)), 1, reverse=True), shape=SIX
    ),
    "cumprod": Program(
        lambda x: jnp.cumprod(1 + x) + lax.cumprod(x, reverse=True), shape=SIX
    ),
    "logsumexp": Program(
        lambda x: jax.nn.logsumexp(_pair(x) ** 2, 1, b=jnp.asarray(A[:3] ** 2)), shape=SIX
    ),
    "logsumexp with a sign": Program(
        lambda x: jax.nn.logsumexp(3 * x, b=A[:6], return_sign=True)[0], shape=SIX
    ),
    "median and percentile": Program(
        lambda x: jnp.median(x * x) + jnp.percentile(jnp.sin(x), 30), shape=SIX
    ),
    "reduce_max": Program(lambda x: jnp.max(_pair(jnp.sin(x)), 0) * x[0], shape=SIX),
    "reduce_min": Program(lambda x: jnp.min(x * x) * x, shape=SIX),
    "reduce_prod": Program(lambda x: jnp.prod(_pair(x), 0) + jnp.prod(x), shape=SIX),
    "reduce_prod with zeros": Program(
        lambda x: jnp.prod(jnp.array([x[0], 0.0, x[1]]) + x[0] - x[0])
    ),
    "reduce of a user's sum": Program(
        lambda x: lax.reduce(_pair(x) ** 2, 0.0, lambda a, b: a + b, (1,)), shape=SIX
    ),
    "reduce_window_max": Program(_window, order=4),
    "reduce_window_min": Program(
        lambda x: _window(x, (2, 3), (2, 1), "SAME", "min"), order=4
    ),
    "reduce_window of products": Program(
        lambda x: lax.reduce_window(x * x, 1.0, lax.mul, (2,), (1,), "VALID"), order=3
    ),
    "max pool derivative": Program(_jvp_of_pool, order=3),
    "max pool gradient": Program(lambda x: jax.grad(_pools)(x), order=3),
    "sort": Program(lambda x: jnp.sort(_pair(jnp.sin(3 * x)), 0) * x[0], shape=SIX),
    "sort by key": Program(
        lambda x: lax.sort((jnp.round(2 * x), x * x, jnp.arange(6)), num_keys=1)[1],
        shape=SIX,
    ),
    "sort by constant keys": Program(
        lambda x: lax.sort_key_val(jnp.asarray(A[:6]), x * x)[1], shape=SIX
    ),
    "sort by two keys": Program(
        lambda x: jnp.stack(lax.sort((jnp.round(x), jnp.sin(x), x), num_keys=2)[1:]),
        shape=SIX,
    ),
    "softmax": Program(lambda x: jax.nn.softmax(_pair(3 * x), 0), shape=SIX),
    "log_softmax": Program(lambda x: jax.nn.log_softmax(3 * x) * x, shape=SIX),
    "standardize": Program(lambda x: jax.nn.standardize(x), shape=SIX, order=4),
    "top_k": Program(lambda x: lax.top_k(_pair(jnp.sin(3 * x)), 2)[0] * x[0], shape=SIX),
    "interp": Program(lambda x: jnp.interp(x, np.linspace(-1, 1, 5), A[:5]) * x),
    "unique entries": Program(lambda x: jnp.unique(x * x, size=6) * x, shape=SIX),
    "where of a searchsorted": Program(
        lambda x: x[jnp.searchsorted(jnp.sort(A[:5]), x) % 3] * x
    ),
}  # fmt: skip

ARRAYS = BILINEAR | LINEAR | STRUCTURE
