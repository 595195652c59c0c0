"""One short session on a GPU: `python -m tests.benchmarks.gpu_session --out DIR`.

Runs the million-dimensional example in its variants, each in a process of its own with a
time limit, then what a step consists of, and writes `sine_gordon_million.md` and `.json`.
In all under six minutes. `--quick` runs everything small, on any machine.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import optax

from examples import sine_gordon_million as example

RUNS = {
    "ours": (["--steps", "10000"], 150),
    "ours, per point": (["--steps", "1000", "--per-point"], 50),
    "engine by hand": (["--scheme", "engine", "--steps", "1000"], 50),
    "engine by hand, per point": (
        ["--scheme", "engine", "--steps", "1000", "--per-point"], 50,
    ),
    "ours, float32 products": (["--steps", "500", "--precision", "float32"], 40),
    "STDE": (["--scheme", "stde", "--steps", "200", "--each", "100"], 60),
    "ours, d = 100 000": (["--dim", "100000", "--steps", "10000"], 60),
    "STDE, d = 100 000": (
        ["--dim", "100000", "--scheme", "stde", "--steps", "1000"], 40,
    ),
}  # fmt: skip
SMALL = ["--dim", "3000", "--steps", "20", "--each", "10", "--tests", "100"]


def run(name, options, limit, out, quick):
    """One run of the example; `None` if it failed or took too long."""
    file = out / "one.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "examples.sine_gordon_million", *options]
    tests = "20000" if name == "ours" else "1000"
    command += ["--tests", tests, "--schedule", "10000", *(SMALL if quick else [])]
    print(f"== {name}: {' '.join(command[2:])}", flush=True)
    try:
        subprocess.run([*command, "--out", str(file)], timeout=limit, check=True)
    except subprocess.SubprocessError as error:
        print(f"{name}: {error}", flush=True)
        return None
    return json.loads(file.read_text())


def pieces(dim):
    """Milliseconds of what a step consists of, each compiled for itself."""
    jax.config.update("jax_default_matmul_precision", "tensorfloat32")
    options = SimpleNamespace(
        dim=dim, points=100, samples=16, per_point=False, scheme="opcompiler"
    )
    keys = jax.random.split(jax.random.key(0), 3)
    coefficients = jax.random.normal(keys[0], (dim - 1,), jnp.float32)
    params = example.initial(keys[1], dim)
    points = jax.jit(lambda k: example.in_ball(k, 100, dim))(keys[2])
    optimizer = optax.adam(1e-3)
    memory = jax.jit(optimizer.init)(params)

    def loss(scheme, params, key):
        given = SimpleNamespace(**{**vars(options), "scheme": scheme})
        return example.loss_of(given, coefficients, params, key)

    def operator(params, key):
        return sum(map(jnp.sum, example.ours(options, params, points, key)))

    def descend(params, memory):
        change, memory = optimizer.update(params, memory)
        return optax.apply_updates(params, change), memory

    parts = {
        "points": (partial(example.in_ball, count=100, dim=dim), (keys[0],)),
        "source": (partial(example.sources, coefficients), (points,)),
        "indices": (lambda k: example.subset(k, dim, (16,)), (keys[0],)),
        "first layer": (lambda p: points @ p[0][0], (params,)),
        "operator": (operator, (params, keys[0])),
        "its gradient": (jax.grad(operator), (params, keys[0])),
        "gradient of the loss": (
            jax.grad(partial(loss, "opcompiler")), (params, keys[0]),
        ),
        "gradient of the loss, engine by hand": (
            jax.grad(partial(loss, "engine")), (params, keys[0]),
        ),
        "Adam": (descend, (params, memory)),
    }  # fmt: skip
    return {
        name: milliseconds(function, *given)
        for name, (function, given) in parts.items()
    }


def milliseconds(function, *given):
    """Per call, of calls sent off together."""
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(*given))
    begin, calls = time.perf_counter(), 10
    for _ in range(calls):
        result = compiled(*given)
    jax.block_until_ready(result)
    return 1e3 * (time.perf_counter() - begin) / calls


def page(results, parts):
    """The tables, in Markdown."""
    head = ("run", "device", "it/s", "10 000 steps, s", "compile, s", "peak GiB",
            "error", "best a (1 - r^2)")  # fmt: skip
    rows = [head, ("---",) * len(head)]
    for name, found in results.items():
        if found is None:
            rows.append((name, *["failed"] * (len(head) - 1)))
            continue
        rate = found["iterations_per_second"]
        rows.append((
            f"{name} ({found['steps']} steps)", found["device"], f"{rate:.2f}",
            f"{10_000 / rate:.0f}", f"{found['compilation']:.1f}",
            f"{found['peak_gib']:.2f}", f"{found['error']:.2e}",
            f"{found['trivial']:.2e}",
        ))  # fmt: skip
    table = ["| " + " | ".join(row) + " |" for row in rows]
    lines = ["", "| piece of a step | ms |", "| --- | --- |"]
    lines += [f"| {name} | {taken:.2f} |" for name, taken in parts.items()]
    return "# Sine-Gordon in a million dimensions\n\n" + "\n".join(table + lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ".")))
    parser.add_argument("--quick", action="store_true", help="small, on any machine")
    parser.add_argument("--only", default="", help="runs whose name holds this")
    options = parser.parse_args()
    results, parts = {}, {}
    for name, (given, limit) in RUNS.items():
        if options.only in name:
            results[name] = run(name, given, limit, options.out, options.quick)
            save(options.out, results, parts)
    parts = pieces(3000 if options.quick else 1_000_000)
    save(options.out, results, parts)
    print(page(results, parts))


def save(out, results, parts):
    """Writes what there is so far: a session may end early."""
    (out / "sine_gordon_million.md").write_text(page(results, parts))
    numbers = {"runs": results, "pieces": parts}
    (out / "sine_gordon_million.json").write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
