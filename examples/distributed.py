"""A residual on many devices: points and coordinates sharded, numbers as on one.

    (d^2/dx_1^2 + ... + d^2/dx_d^2) u + sin u = 0,   u = (1 - |x|^2) N(x),

on a mesh with an axis of points and one of coordinates. Points are cut along both; the
first layer, d x 128, is cut along the coordinates, so that d may be larger than one device
holds; the other layers are copied. Nothing in the residual knows of it, and one key gives
one draw of the 16 sampled coordinates on any mesh.

On the devices of one machine, or on 8 that are made up:

    python -m examples.distributed
    XLA_FLAGS=--xla_force_host_platform_device_count=8 python -m examples.distributed \\
        --coordinates 2

On a cluster the same line on every machine; Slurm, Open MPI, Cloud TPU and Kubernetes
tell JAX the rest, elsewhere it is said (docs/distributed.md):

    srun python -m examples.distributed --cluster --dim 10000000 --coordinates 4
"""

import argparse
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import sympy as sp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

import opcompiler as oc

WIDTH, SAMPLES = 128, 16


def equation(dim):
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    u = (1 - oc.Sum(x[i] ** 2, i)) * sp.Function("N")(x)
    return oc.Sum(oc.D(u, x[i], 2), i) + sp.sin(u)


def network(params, point):
    (first, bias), *others = params
    hidden = point @ first + bias
    for weights, bias in others:
        hidden = jnp.tanh(hidden) @ weights + bias
    return hidden[0]


def initial(key, dim, dtype=jnp.float32):
    sizes = [dim, WIDTH, WIDTH, 1]
    shapes = list(pairwise(sizes))
    keys = jax.random.split(key, len(shapes))
    return [
        (
            jax.random.normal(k, shape, dtype) / shape[0] ** 0.5,
            jnp.zeros(shape[1], dtype),
        )
        for k, shape in zip(keys, shapes, strict=True)
    ]


def mesh_of(coordinates):
    """All devices of all processes, as (points, coordinates)."""
    devices = np.array(jax.devices()).reshape(-1, coordinates)
    return Mesh(devices, ("points", "coordinates"))


def layout(mesh, params):
    """The first layer is cut along the coordinates, everything else is copied."""
    copied = NamedSharding(mesh, P())
    cut = NamedSharding(mesh, P("coordinates", None))
    places = jax.tree.map(lambda _: copied, params)
    return [(cut, copied), *places[1:]]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dim", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=104)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--coordinates", type=int, default=1,
                        help="devices along the coordinates; they divide dim")  # fmt: skip
    parser.add_argument("--cluster", action="store_true", help="one of many processes")
    parser.add_argument("--coordinator", help="host:port of process 0")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--process", type=int, help="number of this process")
    options = parser.parse_args()
    if options.cluster or options.coordinator:
        jax.distributed.initialize(
            options.coordinator, options.processes, options.process
        )
    mesh = mesh_of(options.coordinates)
    residual = oc.compile(equation(options.dim), estimator=oc.Sparse(SAMPLES))
    spread = NamedSharding(mesh, P("points", "coordinates"))
    optimizer = optax.adam(1e-3)

    def loss(params, points, key):
        values = residual(lambda z: network(params, z), points, key=key)
        return jnp.mean((values - 1) ** 2)

    @jax.jit
    def step(params, memory, key):
        where, which = jax.random.split(key)
        directions = jax.random.normal(where, (options.points, options.dim))
        points = directions / options.dim**0.5 / 2
        points = jax.lax.with_sharding_constraint(points, spread)
        value, slopes = jax.value_and_grad(loss)(params, points, which)
        change, memory = optimizer.update(slopes, memory)
        return optax.apply_updates(params, change), memory, value

    first, *keys = jax.random.split(jax.random.key(0), options.steps + 1)
    shapes = jax.eval_shape(lambda: initial(first, options.dim))
    # Every device makes its own part: the whole may not fit anywhere.
    params = jax.jit(
        lambda: initial(first, options.dim), out_shardings=layout(mesh, shapes)
    )()
    memory = jax.jit(optimizer.init)(params)
    value = jnp.nan
    for key in keys:
        params, memory, value = step(params, memory, key)
    held = max(s.data.nbytes for s in params[0][0].addressable_shards)
    print(
        f"{jax.device_count()} devices of {jax.process_count()} processes, mesh "
        f"{dict(mesh.shape)}: loss {float(value):.10e} after {options.steps} steps; a "
        f"device holds {held / 2**20:.2f} MiB of the first layer's "
        f"{params[0][0].nbytes / 2**20:.2f}"
    )


if __name__ == "__main__":
    main()
