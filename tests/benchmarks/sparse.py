"""Sampled Laplacians in many dimensions: `python -m tests.benchmarks.sparse`.

The two-body Sine-Gordon residual of u = (1 - |x|^2) N(x), 100 points, 16 coordinates
drawn once for all points, a gradient step; source: Shi, Hu, Lin & Kawaguchi, *Stochastic
Taylor derivative estimator* (2024), section 5.1. Their scheme is one 2-jet per sampled
coordinate along a one-hot vector of full length.

`--dim 1000000` measures ours alone, with the peak memory of the process.
"""

import argparse
import resource
import time
from functools import partial

import jax
import jax.numpy as jnp
from jax.experimental.jet import jet

from opcompiler.taylor import diagonal_sum
from tests.benchmarks import report
from tests.benchmarks.network import apply, setting
from tests.benchmarks.timing import measure, Row

POINTS, SAMPLES, HIDDEN = 100, 16, (128,) * 4
DIMS = (1_000, 10_000, 100_000)


def solution(params, z):
    """The network under its hard constraint."""
    return (1 - jnp.sum(z * z)) * apply(params, z)


def source(weights, z):
    """Lap v + sin v of v = (1 - |x|^2) s, s = sum_i c_i sin(f_i), in closed form.

    f_i = x_i + cos(y) + y cos(x_i), y = x_{i+1}; the weights are the c_i.
    """
    x, y = z[:-1], z[1:]
    sines, cosines = jnp.sin(z), jnp.cos(z)
    phase = x + cosines[1:] + y * cosines[:-1]
    sine, cosine = weights * jnp.sin(phase), weights * jnp.cos(phase)
    by_x, by_y = 1 - y * sines[:-1], cosines[:-1] - sines[1:]
    total = jnp.sum(sine)
    curved = -cosine * (y * cosines[:-1] + cosines[1:]) - sine * (by_x**2 + by_y**2)
    slope = jnp.sum(cosine * (x * by_x + y * by_y))
    constraint = 1 - jnp.sum(z * z)
    laplacian = constraint * jnp.sum(curved) - 4 * slope - 2 * z.size * total
    return laplacian + jnp.sin(constraint * total)


def residual(values, laplacians, points, with_source):
    """The residual at all points, from u and its estimated Laplacian."""
    # One point after the other: d numbers stay in the cache, N d would not.
    weights = jnp.cos(jnp.arange(points.shape[1] - 1, dtype=points.dtype))
    rest = jax.lax.map(partial(source, weights), points) if with_source else 0
    return laplacians + jnp.sin(values) - rest


def ours(indices, with_source):
    def evaluate(params, points):
        push = diagonal_sum(partial(solution, params), 2, with_value=True)
        values, sums = push(points, indices)
        scale = points.shape[1] / SAMPLES
        return residual(values, scale * sums, points, with_source)

    return evaluate


def by_jet(indices, with_source):
    """STDE: dense one-hot tangents, vmapped over the draw and over points."""

    def evaluate(params, points):
        dim = points.shape[1]

        def one(z):
            def second(v):
                net = partial(solution, params)
                return jet(net, (z,), ((v, jnp.zeros_like(z)),))

            lines = jax.vmap(lambda i: jax.nn.one_hot(i, dim, dtype=z.dtype))(indices)
            values, (_, curved) = jax.vmap(second)(lines)
            return values[0], dim * jnp.mean(curved)

        values, laplacians = jax.vmap(one)(points)
        return residual(values, laplacians, points, with_source)

    return evaluate


def nested(indices, with_source):
    """Forward over reverse: one Hessian-vector product per sampled coordinate."""

    def evaluate(params, points):
        dim = points.shape[1]

        def one(z):
            net = partial(solution, params)

            def entry(i):
                line = jax.nn.one_hot(i, dim, dtype=z.dtype)
                return jax.jvp(jax.grad(net), (z,), (line,))[1][i]

            return net(z), dim * jnp.mean(jax.vmap(entry)(indices))

        values, laplacians = jax.vmap(one)(points)
        return residual(values, laplacians, points, with_source)

    return evaluate


def floor(params, points):
    """The first layer once, the others for the value, 16 directions and their sum."""
    (first, _), *others = params
    rows = jnp.tile(points @ first, (SAMPLES + 2, 1))
    for weights, _ in others:
        rows = rows @ weights
    return rows


def draw(dim):
    return jax.random.choice(jax.random.key(3), dim, (SAMPLES,), replace=False)


def drawn_per_point(dim):
    return jax.random.randint(jax.random.key(3), (POINTS, SAMPLES), 0, dim)


def row(dim: int, with_source: bool = True) -> Row:
    indices = draw(dim)
    name = f"Sine-Gordon, {dim} dimensions, 16 sampled"
    contestants = {
        "opcompiler": ours(indices, with_source),
        "STDE: jet along one-hot vectors": by_jet(indices, with_source),
        "forward over reverse": nested(indices, with_source),
    }
    return Row(
        name if with_source else f"{name}, no source", dim, 1, SAMPLES + 2, contestants,
        HIDDEN, POINTS, floor, repeats=15 if dim < 50_000 else 5,
    )  # fmt: skip


def scene(dim):
    """Parameters, and points in the unit ball."""
    params, points = setting(dim, 1, HIDDEN, POINTS)
    return params, points / dim**0.5


def alone(dim):
    """Evaluates ours and takes one training step; prints times and peak memory."""
    params, points = scene(dim)
    for name, indices in (("shared", draw(dim)), ("per point", drawn_per_point(dim))):
        evaluate = ours(indices, True)

        def loss(params, points, evaluate=evaluate):
            return jnp.mean(evaluate(params, points) ** 2)

        def step(params, points, loss=loss):
            slopes = jax.grad(loss)(params, points)
            return jax.tree.map(lambda p, g: p - 1e-9 * g, params, slopes)

        value = jax.jit(loss)
        train = jax.jit(step, donate_argnums=0)
        _timed(f"{name}: evaluation", lambda value=value: value(params, points))
        for _ in range(3):

            def once(train=train):
                nonlocal params
                params = train(params, points)
                return params

            _timed(f"{name}: training step", once)


def _timed(name, call):
    start = time.perf_counter()
    jax.block_until_ready(call())
    taken = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {taken:.2f} s, peak memory {peak:.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.sparse", description=__doc__
    )
    parser.add_argument("--dim", type=int, help="ours alone, in this many dimensions")
    options = parser.parse_args()
    if options.dim:
        alone(options.dim)
        return
    results = []
    for dim in DIMS:
        for with_source in (True, False):
            results += measure(row(dim, with_source), *scene(dim))
    report.show(results)


if __name__ == "__main__":
    main()
