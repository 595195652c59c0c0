"""Sampled Laplacians in many dimensions: `python -m tests.benchmarks.sparse [--write]`.

A gradient step of the two-body Sine-Gordon residual of u = (1 - |x|^2) N(x): 100 points,
16 coordinates drawn in the step, the source at all points. The rivals are the STDE scheme
as its paper and script have it (Shi, Hu, Lin & Kawaguchi, 2024, section 5.1): a shared
draw by `choice`, a 2-jet of u along each one-hot vector of full length, the source
assembled coordinate by coordinate; and forward-over-reverse Hessian entries.

`--dim 1000000` measures ours alone, with the peak memory of the process; `--figure` draws
the cost against the samples and against the dimension.
"""

import argparse
import json
import math
import resource
import time
from dataclasses import asdict
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import matplotlib as mpl

from examples import sine_gordon_million as example
from tests.benchmarks import report
from tests.benchmarks.network import setting
from tests.benchmarks.timing import compiled, measure, race, Row

mpl.use("Agg")
import matplotlib.pyplot as plt

POINTS, SAMPLES, HIDDEN = 100, 16, (128,) * 4
DIMS = (1_000, 10_000, 100_000)
NAME = "sparse"


def key_of(points):
    """A key that depends on the data, so that no compiler knows the draw beforehand."""
    return jax.random.key(jax.lax.bitcast_convert_type(points[0, 0], jnp.int32))


def coefficients_of(dim):
    return jax.random.normal(jax.random.key(5), (dim - 1,), jnp.float32)


def ours(coefficients, samples=SAMPLES, per_point=False, scheme="opcompiler"):
    """The compiled residual of the example, its draw and its source inside."""
    options = SimpleNamespace(
        dim=len(coefficients) + 1, points=POINTS, samples=samples, scheme=scheme,
        per_point=per_point,
    )  # fmt: skip

    def evaluate(params, points):
        key = key_of(points)
        return example.residuals(options, coefficients, params, points, key)

    return evaluate


def source_by_coordinate(coefficients, z):
    """Lap u + sin u of the exact solution, every derivative a vector of length d."""
    x, y = z[:-1], z[1:]
    phase = x + jnp.cos(y) + y * jnp.cos(x)
    by_x, by_y = 1 - y * jnp.sin(x), jnp.cos(x) - jnp.sin(y)
    sine, cosine = coefficients * jnp.sin(phase), coefficients * jnp.cos(phase)
    empty = jnp.zeros_like(z)
    slope = empty.at[:-1].add(cosine * by_x).at[1:].add(cosine * by_y)
    curved = empty.at[:-1].add(-sine * by_x**2 - cosine * y * jnp.cos(x))
    curved = curved.at[1:].add(-sine * by_y**2 - cosine * jnp.cos(y))
    factor, total = 1 - jnp.sum(z**2), jnp.sum(sine)
    laplacian = jnp.sum(factor * curved - 4 * z * slope - 2 * total)
    return laplacian + jnp.sin(factor * total)


def by_jet(coefficients, samples=SAMPLES):
    """STDE: dense one-hot tangents, mapped over the draw and over points."""
    dim = len(coefficients) + 1
    options = SimpleNamespace(dim=dim, samples=samples)

    def evaluate(params, points):
        values, curved = example.by_jet(options, params, points, key_of(points))
        rest = jax.vmap(partial(source_by_coordinate, coefficients))(points)
        return curved + jnp.sin(values) - rest

    return evaluate


def nested(coefficients, samples=SAMPLES):
    """Forward over reverse: one Hessian-vector product per sampled coordinate."""
    dim = len(coefficients) + 1

    def evaluate(params, points):
        net = partial(example.solution, params)
        drawn = jax.random.choice(key_of(points), dim, (samples,), replace=False)

        def one(z):
            def entry(i):
                line = jax.nn.one_hot(i, dim, dtype=z.dtype)
                return jax.jvp(jax.grad(net), (z,), (line,))[1][i]

            curved = dim * jnp.mean(jax.vmap(entry)(drawn))
            value = net(z)
            return curved + jnp.sin(value) - source_by_coordinate(coefficients, z)

        return jax.vmap(one)(points)

    return evaluate


def floor(params, points):
    """The first layer once, the others for the value, 16 directions and their sum."""
    (first, _), *others = params
    rows = jnp.tile(points @ first, (SAMPLES + 2, 1))
    for weights, _ in others:
        rows = rows @ weights
    return rows


def row(dim: int) -> Row:
    coefficients = coefficients_of(dim)
    contestants = {
        "opcompiler": ours(coefficients),
        "opcompiler, a draw for each point": ours(coefficients, per_point=True),
        "STDE: jet along one-hot vectors": by_jet(coefficients),
        "forward over reverse": nested(coefficients),
    }
    return Row(
        f"Sine-Gordon, {dim} dimensions, 16 sampled", dim, 1, SAMPLES + 2, contestants,
        HIDDEN, POINTS, floor, repeats=11 if dim < 50_000 else 3, drawn=contestants,
    )  # fmt: skip


def scene(dim):
    """Parameters, and points in the unit ball."""
    params, points = setting(dim, 1, HIDDEN, POINTS)
    return params, points / dim**0.5


def rows(keep=lambda results: None):
    """All measurements of the table; `keep` gets those so far after every row."""
    results = []
    for dim in DIMS:
        results += measure(row(dim), *scene(dim))
        keep(results)
    return results


def alone(dim):
    """Evaluates ours and takes one training step; prints times and peak memory."""
    params, points = scene(dim)
    coefficients = coefficients_of(dim)
    for name in ("shared", "per point"):
        evaluate = ours(coefficients, per_point=name == "per point")

        def loss(params, points, evaluate=evaluate):
            return jnp.mean(evaluate(params, points) ** 2)

        def step(params, points, loss=loss):
            slopes = jax.grad(loss)(params, points)
            return jax.tree.map(lambda p, g: p - 1e-30 * g, params, slopes)

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


def figure():
    """Draws the gradient's time against R at fixed d, and against d at fixed R."""
    samples, dims = (4, 16, 64, 256), (1_000, 10_000, 100_000)
    panels = [[(d, r) for r in samples] for d in (10_000, 100_000)]
    panels.append([(d, 16) for d in (*dims, 300_000)])
    _, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axis, cases in zip(axes, panels, strict=True):
        taken = {name: [_gradient(make, *case) for case in cases]
                 for name, make in (("opcompiler", ours), ("STDE", by_jet))}  # fmt: skip
        along = 0 if axis is axes[2] else 1
        for name, times in taken.items():
            axis.loglog([case[along] for case in cases], times, "-o", label=name)
        fixed = f"R = {cases[0][1]}" if along == 0 else f"d = {cases[0][0]:,}"
        across = "dimension d" if along == 0 else "sampled terms R"
        axis.set(xlabel=across, ylabel="gradient, milliseconds", title=fixed)
        axis.grid(alpha=0.3)
        print(
            fixed, {name: [round(t, 1) for t in times] for name, times in taken.items()}
        )
    axes[0].legend()
    plt.gcf().suptitle(
        f"Sampled Sine-Gordon residual, 100 points; {report.machine()}", fontsize=9
    )
    plt.savefig(report.FOLDER / f"{NAME}.png", dpi=110)


def _gradient(make, dim, samples):
    if dim * samples > 6_000_000 and make is by_jet:
        return float("nan")  # would not fit into memory
    params, points = scene(dim)
    evaluate = make(coefficients_of(dim), samples)
    slope = jax.grad(lambda p, x: jnp.mean(evaluate(p, x) ** 2))
    function, _ = compiled(slope, params, points)
    return race({"": function}, params, points, 3)[""]


TARGETS = {1_000: 4, 10_000: 8, 100_000: 20}
"""Times STDE's gradient; 30 times nested differentiation's and twice the floor for all."""


def targets(results):
    """How far the gradients are from what was aimed at, as Markdown."""
    lines = [
        "| d | STDE / ours (aim) | STDE / floor | nested / ours (30) | ours / floor (2) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for dim, aim in TARGETS.items():
        mine = [m for m in results if f" {dim} dimensions" in m.row]
        ours, stde, nested, floor = (
            next((m.gradient for m in mine if m.contestant.startswith(name)), math.nan)
            for name in ("opcompiler", "STDE", "forward over reverse", "(floor")
        )
        lines.append(
            f"| {dim} | {stde / ours:.1f} ({aim}) | {stde / floor:.1f} "
            f"| {nested / ours:.1f} | {ours / floor:.2f} |"
        )
    return "\n".join(lines)


def write(results):
    """Writes docs/benchmarks/sparse.md and .jsonl."""
    page = report.page(
        "Sampled Laplacians in many dimensions", results,
        "The two-body Sine-Gordon residual with its hard constraint, its source and its "
        "draw, tanh network, float32; see `tests/benchmarks/sparse.py`. The floor is the "
        "first layer's matrix product once, and those of all channels behind it.",
    )  # fmt: skip
    (report.FOLDER / f"{NAME}.md").write_text(
        f"{page}\n## Gradients and aims\n\n{targets(results)}\n\n"
        "STDE / floor bounds what anybody can reach who multiplies those matrices.\n\n"
        f"![cost]({NAME}.png)\n\n"
        "`--dim 1000000` prints times and the peak memory of one million dimensions.\n"
    )
    records = [json.dumps({**asdict(m), "machine": report.machine()}) for m in results]
    (report.FOLDER / f"{NAME}.jsonl").write_text("\n".join(records) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.sparse", description=__doc__
    )
    parser.add_argument("--dim", type=int, help="ours alone, in this many dimensions")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument("--figure", action="store_true", help="draw the cost")
    options = parser.parse_args()
    if options.dim:
        alone(options.dim)
        return
    if options.figure:
        figure()
        return
    report.show(rows(write) if options.write else rows())


if __name__ == "__main__":
    main()
