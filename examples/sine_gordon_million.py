"""The two-body Sine-Gordon equation in a million dimensions.

    Lap u + sin u = g in the unit ball, u = 0 on the sphere, g such that
    u = (1 - |x|^2) sum_i c_i sin(x_i + cos x_{i+1} + x_{i+1} cos x_i),  c_i ~ N(0, 1).

The settings are those of Shi, Hu, Lin & Kawaguchi, *Stochastic Taylor derivative
estimator* (2024), section 5.1 and appendix H: 100 new points and 16 sampled coordinates a
step, u = (1 - |x|^2) N(x), N a tanh network of width 128 and depth 4, 10 000 steps of Adam
whose rate falls from 1e-3 to 0. On one A100 their program takes 8.4 minutes.

Ours samples Lap N alone: Lap u = (1 - |x|^2) Lap N - 4 x.grad N - 2 d N; the compiler
finds that, and the source. `--scheme exact` samples nothing: behind the first layer 128
directions do the work of all. `--scheme engine` is the sampled one by hand on the Taylor
engine, `stde` the paper's: a 2-jet along dense one-hot vectors.

The solution is hundreds of times as large as a new network, and Adam moves no weight
further than the sum of its rates. `--solve` first gives the last layer, in which the
residual is nearly linear, the values of a least-squares problem at the points of one step.

    python -m examples.sine_gordon_million                        # needs a GPU
    python -m examples.sine_gordon_million --dim 10000 --steps 200
    python -m examples.sine_gordon_million --scheme stde --steps 200
    python -m examples.sine_gordon_million --scheme exact --solve --steps 0  # any machine
    python -m examples.sine_gordon_million --per-point
"""

import argparse
import json
import math
import resource
import time
from fractions import Fraction
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental.jet import jet
from jax.flatten_util import ravel_pytree

import opcompiler as oc
from examples.problems import elliptic
from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.taylor import OneHot
from opcompiler.taylor.push import push

WIDTH, DEPTH = 128, 4


# --- the problem ------------------------------------------------------------------------


def initial(key, dim):
    """Weights and biases: truncated normal over the square root of the inputs."""
    sizes = [dim, *[WIDTH] * (DEPTH - 1), 1]
    draw = jax.nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
    keys = jax.random.split(key, DEPTH)
    shapes = pairwise(sizes)
    return [
        (draw(k, shape, jnp.float32), jnp.zeros(shape[1], jnp.float32))
        for k, shape in zip(keys, shapes, strict=True)
    ]


def network(params, points):
    """(..., d) -> (...)."""
    *hidden, (weights, bias) = params
    for w, b in hidden:
        points = jnp.tanh(points @ w + b)
    return (points @ weights + bias)[..., 0]


def constraint(points):
    return 1 - jnp.sum(points * points, -1)


def solution(params, points):
    return constraint(points) * network(params, points)


def in_ball(key, count, dim):
    """Points with a radius uniform in [0, 1], as the paper has them."""
    along, away = jax.random.split(key)
    directions = jax.random.normal(along, (count, dim), jnp.float32)
    radius = jax.random.uniform(away, (count, 1), jnp.float32)
    length = jnp.sqrt(jnp.sum(directions * directions, 1, keepdims=True))
    return directions * (radius / length)


def exact(coefficients, z):
    x, y = z[:-1], z[1:]
    waves = jnp.sin(x + jnp.cos(y) + y * jnp.cos(x))
    return constraint(z) * jnp.sum(coefficients * waves)


def source(coefficients, z):
    """Lap u + sin u of the exact solution at one point: one pass over the coordinates."""
    x, y = z[:-1], z[1:]
    sines, cosines = jnp.sin(z), jnp.cos(z)
    phase = x + cosines[1:] + y * cosines[:-1]
    sine, cosine = coefficients * jnp.sin(phase), coefficients * jnp.cos(phase)
    by_x, by_y = 1 - y * sines[:-1], cosines[:-1] - sines[1:]
    curved = cosine * (y * cosines[:-1] + cosines[1:]) + sine * (by_x**2 + by_y**2)
    slope = cosine * (x * by_x + y * by_y)
    factor = constraint(z)
    total = jnp.sum(sine)
    laplacian = -jnp.sum(factor * curved + 4 * slope) - 2 * z.size * total
    return laplacian + jnp.sin(factor * total)


def sources(coefficients, points):
    """At all points: at once on a GPU, one after the other where a cache is small."""
    one = partial(source, coefficients)
    if jax.default_backend() == "cpu":
        return jax.lax.map(one, points)
    return jax.vmap(one)(points)


# --- the operator -----------------------------------------------------------------------


def subset(key, dim, shape):
    """Distinct coordinates in each row, by Floyd's algorithm: nothing of length d."""
    samples = shape[-1]
    tops = jnp.arange(dim - samples, dim)
    guesses = jax.random.randint(key, shape, 0, tops + 1)
    chosen = guesses[..., :1]
    for place in range(1, samples):
        guess = guesses[..., place : place + 1]
        taken = jnp.any(chosen == guess, -1, keepdims=True)
        chosen = jnp.concatenate([chosen, jnp.where(taken, tops[place], guess)], -1)
    return chosen


def algebra_of(samples):
    """The tangent x beside a family e_i whose squares are summed."""
    one = Fraction(1)
    channels = (Channel(0, "1"), Channel(1, "x.grad"), Channel(1, "d_i", samples),
                Channel(2, "sum d_i^2 / 2"))  # fmt: skip
    return TaylorAlgebra(channels, ((2, 2, 3, one),))


def ours(options, params, points, key):
    """u and its Laplacian, Lap N sampled and the rest exact."""
    dim, samples = options.dim, options.samples
    shape = (options.points, samples) if options.per_point else (samples,)
    seeds = [points, OneHot(subset(key, dim, shape)), None]
    net = partial(network, params)
    (pushed,) = push(net, points, seeds, algebra_of(samples))
    value, radial = pushed.dense(0), pushed.dense(1)
    curved = pushed.dense(3) * (2 * dim / samples)
    factor = constraint(points)
    return factor * value, factor * curved - 4 * radial - 2 * dim * value


def by_jet(options, params, points, key):
    """The STDE scheme: a 2-jet of u along each of 16 dense one-hot vectors."""
    dim, samples = options.dim, options.samples
    net = partial(solution, params)
    drawn = jax.random.choice(key, dim, (samples,), replace=False)

    def at(point):
        def along(tangent):
            return jet(net, (point,), ((tangent, jnp.zeros_like(point)),))

        tangents = jax.vmap(lambda i: jnp.eye(dim, dtype=point.dtype)[i])(drawn)
        values, (_, curved) = jax.vmap(along)(tangents)
        return values[0], dim * jnp.mean(curved)

    return jax.vmap(at)(points)


@lru_cache
def compiled(dim, samples, per_point):
    """The residual in symbols, with its source; exact for no samples."""
    equation = elliptic.on_ball("sine_gordon", "two_body", dim).trained
    if not samples:
        return oc.compile(equation)
    return oc.compile(equation, estimator=oc.Sparse(samples, per_point=per_point))


def residuals(options, coefficients, params, points, key):
    """An estimate at all points, (N,), or the exact values."""
    if options.scheme == "exact":
        residual = compiled(options.dim, 0, False)
        return residual(partial(network, params), points, c=coefficients)
    if options.scheme == "opcompiler":
        residual = compiled(options.dim, options.samples, options.per_point)
        return residual(partial(network, params), points, key=key, c=coefficients)
    if options.scheme == "engine":
        value, laplacian = ours(options, params, points, key)
        rest = sources(coefficients, points)
    else:
        value, laplacian = by_jet(options, params, points, key)
        rest = jax.vmap(partial(source, coefficients))(points)
    return laplacian + jnp.sin(value) - rest


def loss_of(options, coefficients, params, key):
    where, which = jax.random.split(key)
    points = in_ball(where, options.points, options.dim)
    return jnp.mean(residuals(options, coefficients, params, points, which) ** 2)


# --- training and testing ---------------------------------------------------------------


def solved(options, coefficients, params, key):
    """Gives the last layer what makes the residuals of one step smallest.

    Two Gauss-Newton steps: the residual is linear in the last layer but for sin u, which
    is at most 1 where the rest is of order d.
    """
    *hidden, last = params
    where, which = jax.random.split(key)
    points = in_ball(where, options.points, options.dim)

    @jax.jit
    def improved(hidden, last):
        flat, shaped = ravel_pytree(last)
        at = lambda flat: residuals(
            options, coefficients, [*hidden, shaped(flat)], points, which
        )
        change, *_ = jnp.linalg.lstsq(jax.jacrev(at)(flat), -at(flat), rcond=1e-6)
        return shaped(flat + change)

    for _ in range(2):
        last = improved(hidden, last)
    return [*hidden, last]


def trained(options, coefficients, params, key):
    """Trains; returns parameters, seconds of steps, seconds of compilation, losses."""
    rate = optax.linear_schedule(1e-3, 0.0, options.schedule or options.steps)
    optimizer = optax.adam(rate)

    def step(carry, number):
        params, memory = carry
        drawn = jax.random.fold_in(key, number)
        loss = partial(loss_of, options, coefficients)
        value, slopes = jax.value_and_grad(loss)(params, drawn)
        change, memory = optimizer.update(slopes, memory)
        return (optax.apply_updates(params, change), memory), value

    @partial(jax.jit, donate_argnums=0)
    def several(carry, numbers):
        return jax.lax.scan(step, carry, numbers)

    each = math.gcd(options.steps, options.each)
    carry = (params, jax.jit(optimizer.init)(params))
    begin = time.perf_counter()
    run = several.lower(carry, jnp.arange(each)).compile()
    compiling = time.perf_counter() - begin
    losses, seconds = [], 0.0
    for start in range(0, options.steps, each):
        begin = time.perf_counter()
        carry, values = run(carry, start + jnp.arange(each))
        losses.append(float(values[-1]))
        seconds += time.perf_counter() - begin
        print(f"step {start + each}: loss {losses[-1]:.3e}, "
              f"{(start + each) / seconds:.1f} it/s", flush=True)  # fmt: skip
    return carry[0], seconds, compiling, losses


def compared(options, coefficients, params, key):
    """At test points: |x|, the network, the solution, and the best a (1 - |x|^2)."""

    @jax.jit
    def values(params, key):
        points = in_ball(key, options.points, options.dim)
        if jax.default_backend() == "cpu":
            truth = jax.lax.map(partial(exact, coefficients), points)
        else:
            truth = jax.vmap(partial(exact, coefficients))(points)
        ball = constraint(points)
        radius = jnp.sqrt(jnp.sum(points * points, -1))
        return jnp.stack([radius, solution(params, points), truth, ball])

    batches = max(1, options.tests // options.points)
    parts = [values(params, k) for k in jax.random.split(key, batches)]
    # In double precision, and as a difference: 1 - cos^2 of 5e-4 is lost in float32.
    radius, found, truth, ball = np.concatenate(jax.device_get(parts), 1).astype(float)
    return radius, found, truth, ball * (ball @ truth) / (ball @ ball)


def errors_of(found, truth, best):
    """Relative L2 errors of the network and of the best a (1 - |x|^2)."""
    size = np.linalg.norm(truth)
    wrong, trivial = (np.linalg.norm(v - truth) / size for v in (found, best))
    return float(wrong), float(trivial)


def tested(options, coefficients, params, key):
    """Relative L2 errors at test points, of the network and of the best a (1 - |x|^2)."""
    _, *values = compared(options, coefficients, params, key)
    return errors_of(*values)


def picture(dim, radius, found, truth, best):
    """Values against |x|, and what the network and a (1 - |x|^2) miss."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot(radius, truth, "o", ms=4, mfc="none", color="0.4", label="solution")
    left.plot(radius, found, ".", ms=3, color="C0", label="network")
    left.set(title="u at test points", xlabel="|x|", ylabel="u")
    wrong, trivial = errors_of(found, truth, best)
    told = f"network: {100 * wrong:.2g} % in relative L2"
    right.plot(radius, found - truth, ".", ms=3, color="C0", label=told)
    told = f"best a (1 - |x|²): {100 * trivial:.2g} %"
    right.plot(radius, best - truth, ".", ms=3, color="0.4", label=told)
    right.set(title="what is missed", xlabel="|x|", ylabel="u - solution")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    figure.suptitle(f"Sine-Gordon equation, two-body solution, d = {dim:,}")
    return figure


def peak_memory():
    """GiB, on the device where it tells, of the process otherwise."""
    told = jax.devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in told:
        return told["peak_bytes_in_use"] / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def parsed():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dim", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--schedule", type=int, help="steps until the rate is 0")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument(
        "--scheme",
        choices=("opcompiler", "exact", "engine", "stde"),
        default="opcompiler",
    )
    parser.add_argument(
        "--solve", action="store_true", help="start with a last layer that fits"
    )
    parser.add_argument(
        "--per-point", action="store_true", help="a draw for each point"
    )
    parser.add_argument("--tests", type=int, default=20_000, help="points of the test")
    parser.add_argument("--each", type=int, default=500, help="steps per compiled loop")
    parser.add_argument("--precision", default="tensorfloat32",
                        help="of matrix products; float32 for exact ones")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    parser.add_argument("--figure", type=Path, help="PNG file: u against |x|")
    return parser.parse_args()


def main():
    options = parsed()
    jax.config.update("jax_default_matmul_precision", options.precision)
    keys = jax.random.split(jax.random.key(options.seed), 4)
    coefficients = jax.random.normal(keys[0], (options.dim - 1,), jnp.float32)
    params = initial(keys[1], options.dim)
    begin = time.perf_counter()
    if options.solve:
        params = jax.block_until_ready(
            solved(options, coefficients, params, jax.random.fold_in(keys[3], 0))
        )
    solving = time.perf_counter() - begin
    seconds, compiling, losses = 0.0, 0.0, []
    if options.steps:
        params, seconds, compiling, losses = trained(
            options, coefficients, params, keys[2]
        )
    peak = peak_memory()
    values = compared(options, coefficients, params, keys[3])
    error, trivial = errors_of(*values[1:])
    if options.figure:
        picture(options.dim, *values).savefig(options.figure, dpi=80)
    device = jax.devices()[0]
    rate = options.steps / seconds if seconds else 0.0
    print(
        f"{options.scheme}{' per point' if options.per_point else ''}, "
        f"d = {options.dim}, {options.steps} steps on {device.device_kind}: "
        f"{rate:.2f} it/s, {seconds:.1f} s and {compiling:.1f} s of compilation, "
        f"last layer solved in {solving:.1f} s, "
        f"peak memory {peak:.2f} GiB, relative L2 error {error:.2e} "
        f"(the best a (1 - |x|^2): {trivial:.2e})"
    )
    if options.out:
        chosen = {k: v for k, v in vars(options).items() if k not in ("out", "figure")}
        numbers = {
            **chosen, "device": device.device_kind, "iterations_per_second": rate,
            "seconds": seconds, "compilation": compiling, "solving": solving,
            "peak_gib": peak,
            "error": error, "trivial": trivial, "losses": losses,
        }  # fmt: skip
        options.out.write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
