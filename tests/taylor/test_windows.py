"""Families in lanes through windows, and through what works along some axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import opcompiler as oc
from opcompiler.taylor.rules import windows
from opcompiler.taylor.watch import Watch, watching
from tests.draws import normal
from tests.shares import only

SIDE = 8
FIRST = normal((7, 0), (3, 3, 1, 2))
SECOND = normal((7, 1), (2, 2, 2, 3))
EACH = normal((7, 2), (3, 3, 1, 2))
Z = normal((7, 3), (SIDE * SIDE,))
IMAGE = ("NHWC", "HWIO", "NHWC")


def first_layer(z):
    image = z.reshape(1, SIDE, SIDE, 1)
    return jnp.tanh(
        lax.conv_general_dilated(image, FIRST, (1, 1), "SAME", dimension_numbers=IMAGE)
    )


def energy(*arrays):
    return sum(jnp.sum(jnp.sin(a)) for a in arrays)


def convolutions(z):
    h = first_layer(z)
    conv = lambda x, w, **options: lax.conv_general_dilated(
        x, w, **{"window_strides": (1, 1), "padding": "VALID"} | options,
        dimension_numbers=IMAGE,
    )  # fmt: skip
    channels_first = lax.conv_general_dilated(
        z.reshape(2, 1, 4, SIDE), FIRST[:, :, :, :1].transpose(3, 2, 0, 1), (2, 1),
        "SAME",
    )  # fmt: skip
    return energy(
        conv(h, SECOND),
        conv(h, SECOND, window_strides=(3, 2), padding=((1, 0), (0, 2))),
        conv(z.reshape(1, SIDE, SIDE, 1), FIRST, rhs_dilation=(2, 1)),
        conv(
            z.reshape(1, SIDE, SIDE, 1), FIRST,
            lhs_dilation=(2, 3), padding=((2, 1), (0, 0)),
        ),
        conv(z.reshape(1, SIDE, SIDE, 1), FIRST[:1, :1]),
        conv(z.reshape(1, SIDE, SIDE // 2, 2), EACH, feature_group_count=2),
        channels_first,
    )  # fmt: skip


def pooling(z):
    h = first_layer(z)
    over = lambda start, op, size, strides: lax.reduce_window(
        h, start, op, (1, *size, 1), (1, *strides, 1), "VALID"
    )
    return energy(
        over(0.0, lax.add, (2, 2), (2, 2)),
        over(-jnp.inf, lax.max, (2, 1), (1, 2)),
        over(jnp.inf, lax.min, (2, 2), (2, 2)),
    )


def rows(z):
    return jnp.sin(z.reshape(16, 4) * jnp.arange(1, 5))


def along_an_axis(z):
    parts = rows(z)
    best, _ = lax.top_k(parts, 2)
    keys, values = lax.sort((parts, parts**2), dimension=1, num_keys=1)
    joined = lax.reduce(parts, 0.0, lambda a, b: a + b + a * b, (1,))
    return energy(
        best, keys * values, parts.max(1), joined, jnp.cumsum(parts, 1),
        lax.cummax(parts, 1), jnp.abs(jnp.fft.fft(parts)),
    )  # fmt: skip


def also_along_an_axis(z):
    parts = rows(z)
    windows_of_two = lax.reduce_window(
        parts, 0.0, lambda a, b: a + b + a * b, (1, 2), (1, 1), "VALID"
    )
    return energy(
        parts.min(1), parts.prod(1), jnp.cumprod(parts, 1),
        lax.cumlogsumexp(parts, 1), windows_of_two,
    )  # fmt: skip


def of_parts(z):
    """Six matrices, and six with a spectrum of their own."""
    parts = jnp.sin(z[:54].reshape(6, 3, 3)) + 2 * jnp.eye(3)
    return parts, parts + parts.swapaxes(1, 2) + jnp.diag(jnp.arange(3.0))


def matrices(z):
    parts, squares = of_parts(z)
    lower = jnp.linalg.cholesky(squares)
    solved = lax.linalg.triangular_solve(lower, parts, left_side=True, lower=True)
    return energy(lower, solved, lax.linalg.lu(parts)[0])


def spectra(z):
    parts, squares = of_parts(z)
    q, r = jnp.linalg.qr(parts)
    return energy(
        jnp.linalg.eigh(squares)[0], jnp.linalg.svd(parts)[1], q * r,
        jnp.linalg.slogdet(parts)[1], jnp.linalg.det(parts),
    )  # fmt: skip


NETS = {
    f.__name__: f
    for f in (
        convolutions,
        pooling,
        along_an_axis,
        also_along_an_axis,
        matrices,
        spectra,
    )
}
LONG = {"also_along_an_axis", "spectra"}


@pytest.mark.parametrize("name", only(NETS.keys() - LONG, NETS))
def test_parts_stay_parts(name):
    """The numbers are right, and only the sum at the end has all directions."""
    net, watch = NETS[name], Watch()

    @jax.jit
    def both(z, units):
        line = lambda e: jax.jvp(lambda y: jax.jvp(net, (y,), (e,))[1], (z,), (e,))[1]
        with watching(watch):
            ours = oc.taylor.laplacian(net)(z)
        return ours, jnp.sum(lax.map(line, units))

    np.testing.assert_allclose(*both(Z, np.eye(Z.size)), rtol=1e-9)
    start, *later = watch.events
    assert start == "64 directions, 1 per element"
    assert all("from reduce_sum" in event for event in later), later


@pytest.mark.parametrize(
    ("shape", "window", "lanes"),
    [((30,), 3, 3), ((9, 9), 3, 9), ((9, 9), 5, 25), ((5, 5, 5), 2, 8)],
)
def test_directions_that_meet_have_different_colours(shape, window, lanes):
    count = int(np.prod(shape))
    index = np.arange(count).reshape(1, *shape)
    reads = [
        windows._window(size, size, window, 1, 1, 1, window // 2) for size in shape
    ]
    met = windows._read(index, reads)
    colours = windows._coloured(met, count, count)
    assert colours is not None
    assert colours.max() + 1 == lanes
    for column in met.reshape(len(met), -1).T:
        found = colours[column[column >= 0]]
        assert len(set(found)) == len(found)


def test_too_many_colours_do_not_pay():
    met = np.arange(6)[:, None]
    assert windows._coloured(met, 6, 5) is None
    assert windows._coloured(met, 6, 6) is not None
