"""Collectives over two devices, in a process that pretends to have them.

Run by `test_primitives.py`; prints the largest error against nested jvp.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.taylor.oracle import apolar, by_engine, by_nested_jvp, seeds_for, worst_error

jax.config.update("jax_enable_x64", True)


def _body(x):
    y = lax.psum(x * x, "i") + lax.pmean(jnp.sin(x), "i")
    y = lax.ppermute(jnp.sin(x) * y, "i", [(0, 1), (1, 0)]) * (1 + lax.axis_index("i"))
    y = lax.all_to_all(y * x, "i", 0, 0, tiled=True)
    whole = lax.all_gather(jnp.cos(y), "i", tiled=True)
    return lax.psum_scatter(whole * whole, "i", tiled=True) * x


def main() -> None:
    axes = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((2,), ("i",), axis_types=axes)
    place = jax.P("i")
    fun = jax.shard_map(_body, mesh=mesh, in_specs=place, out_specs=place)
    model = apolar(2, {(2, 0): 1, (0, 2): 3}, {(2, 1): 1})
    random = np.random.default_rng(0)
    start = jnp.asarray(random.uniform(-1, 1, 4))
    seeds = seeds_for(model, start, random)
    got = jax.jit(lambda x: by_engine(model, fun, x, seeds))(start)
    want = jax.jit(lambda x: by_nested_jvp(model, fun, x, seeds))(start)
    print(worst_error(got, want))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
