"""Programs inside `jax.shard_map` with its defaults, on two devices of a pretending CPU.

Run by `test_sharded_programs.py`. Prints `name; failure` for each program that cannot be
pushed there although nested jvp can, and for each residual that gives other numbers.
With `--all` these are all programs and residuals, else one of every kind.
"""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import lax

import opcompiler as oc
from opcompiler.taylor.tuning import Tuning
from tests.taylor.oracle import apolar, by_engine, by_nested_jvp, seeds_for
from tests.taylor.primitives import PROGRAMS
from tests.taylor.programs_devices import PARALLEL
from tests.taylor.test_primitives import FOLDED

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)

MESH = jax.make_mesh((2,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
SPLIT = jax.P("i")
MODEL = apolar(2, {(2, 0): 1, (0, 2): 3})
VALUES = (
    "vmapped cond",
    "scan",
    "while",
    "softmax",
    "logsumexp",
    "slogdet",
    "custom_jvp",
)
"""Programs that run by default, beside those in which directions are folded."""

FEW = {"compiled", "reverse", "sum in chunks", "sampled"}
"""Residuals that run by default."""


def failure(run):
    try:
        run()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def keep(run, values):
    values.append(run())


def pushed(route, name, **options):
    """A push on each device, traced and not compiled."""
    program = PROGRAMS[name]
    start, random = program.start(name)
    seeds = seeds_for(MODEL, start, random)
    fun = program.reference if route is by_nested_jvp else program

    def body(x):
        return [c[None] for c in route(MODEL, fun, x[0], seeds, **options)]

    whole = jnp.stack([start, start * 1.01])
    out = jax.shard_map(body, mesh=MESH, in_specs=SPLIT, out_specs=SPLIT)
    return lambda: jax.eval_shape(out, whole)


def programs():
    for name, program in PROGRAMS.items():
        if name in PARALLEL or program.eager:
            continue
        if name not in {*FOLDED, *VALUES} and "--all" not in sys.argv:
            continue
        found = failure(pushed(by_engine, name))
        if name in FOLDED or "--all" in sys.argv:
            folded = pushed(by_engine, name, tuning=Tuning(fold_from=2))
            found = found or failure(folded)
        if found and not failure(pushed(by_nested_jvp, name)):
            yield name, found


def residuals():
    t, x = sp.symbols("t x")
    u = sp.Function("u")
    z = oc.vector("z", 20)
    i = oc.index("i", z)
    n = sp.Function("n")(z)
    heat = (
        u(t, x).diff(t) - u(t, x).diff(x, 2) + sp.Piecewise((u(t, x), x > 0), (1, True))
    )
    total = oc.Sum(oc.D(n, z[i], 2), i) + n**3
    relu = lambda y: jnp.sum(jax.nn.relu(jnp.sin(y)) ** 3) + jax.nn.logsumexp(y)
    few, many = (jnp.linspace(-0.8, 0.9, 4 * d).reshape(4, d) for d in (2, 20))
    key = jax.random.key(0)
    for name, residual, points, given in (
        ("compiled", oc.compile(heat), few, {}),
        ("reverse", oc.compile(heat, strategy="reverse"), few, {}),
        ("nested", oc.compile(heat, strategy="nested"), few, {}),
        ("partition", oc.compile(heat, strategy="partition"), few, {}),
        ("sum", oc.compile(total), many, {}),
        ("sum in chunks", oc.compile(total, chunk=7), many, {}),
        ("sampled", oc.compile(total, estimator=oc.Sparse(5)), many, {"key": key}),
        ("dense", oc.compile(total, estimator=oc.Dense(5)), many, {"key": key}),
    ):
        if name not in FEW and "--all" not in sys.argv:
            continue
        scaled = lambda a, y, relu=relu: relu(a * y)
        run = residual.bind(scaled)

        def body(p, run=run, given=given):
            values = run(0.7, p, **given)
            return values, lax.pmean(jnp.mean(values), "i")

        mean = lambda p, body=body: body(p)[1]
        out = SPLIT, jax.P()
        whole = jax.shard_map(body, mesh=MESH, in_specs=SPLIT, out_specs=out)
        alone = lambda p, run=run, given=given: run(0.7, p, **given)
        parts = lambda p, alone=alone: lax.map(alone, p.reshape(2, 2, -1)).ravel()
        values = []
        both = jax.jit(lambda p, whole=whole, parts=parts: (whole(p), parts(p)))
        found = failure(partial(keep, partial(both, points), values))
        if found is None:
            ((got, _), want) = values[0]
            if not np.allclose(got, want, rtol=1e-10):
                found = f"{got} for {want}"
        # One of them operation by operation.
        if name == "compiled":
            eager = jax.shard_map(mean, mesh=MESH, in_specs=SPLIT, out_specs=jax.P())
            found = found or failure(partial(eager, points))
        yield name, found


def main() -> None:
    for name, found in (*programs(), *residuals()):
        if found:
            print(f"{name}; {found}")  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
