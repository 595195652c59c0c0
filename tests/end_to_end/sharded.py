"""Residuals on meshes of devices against one device: run by `test_devices.py`.

    python -m tests.end_to_end.sharded [--only NAME ...]         # 8 devices here
    python -m tests.end_to_end.sharded --port PORT --process 0   # one of two processes

Prints for each residual and mesh the largest relative difference of values and of
parameter gradients, and whether the first layer is ever gathered on one device.
"""

import argparse
import re
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

import opcompiler as oc
from examples import distributed
from tests.draws import normal, uniform

DIM, POINTS = 32, 16
MESHES = ((8, 1), (4, 2), (2, 4))


def low_dimensional():
    """Navier-Stokes-like: two fields of one network, mixed and second derivatives."""
    t, x, y = sp.symbols("t x y")
    u, v = (sp.Function(name)(t, x, y) for name in "uv")
    momentum = u.diff(t) + u * u.diff(x) + v * u.diff(y) - u.diff(x, 2) - u.diff(y, 2)
    return [momentum, u.diff(x, y) + v.diff(x, 2, y)]


EQUATION = partial(distributed.equation, DIM)
RESIDUALS = {
    "low-dimensional": (low_dimensional, {"fields": ["u", "v"]}, 3),
    "grid": (low_dimensional, {"fields": ["u", "v"]}, 3),
    "sum, exact": (EQUATION, {}, DIM),
    "sum, sampled": (EQUATION, {"estimator": oc.Sparse(5)}, DIM),
    "sum, sampled per point": (
        EQUATION, {"estimator": oc.Sparse(5, per_point=True)}, DIM,
    ),
    "sum, random directions": (EQUATION, {"estimator": oc.Dense(5)}, DIM),
}  # fmt: skip
"""What makes the equations, how they are compiled, and the number of coordinates."""


def network(params, point):
    (first, bias), (second, _), _ = params
    hidden = jnp.tanh(point @ first + bias) @ second
    return hidden[0] if len(point) == DIM else hidden[:2]


def grid_of(points):
    """A grid whose first axis lies as the points do."""
    short = jnp.linspace(0.0, 1.0, 5)
    return oc.grid(t=points[:, 0], x=short, y=short[:4])


def functions(residual, name):
    """Values with the gradient of their mean square, and the same by tiles of points."""
    sampled = "sampled" in name or "random" in name
    given = {"key": jax.random.key(7)} if sampled else {}
    where = grid_of if name == "grid" else lambda points: points

    def loss(params, points):
        found = residual(lambda z: network(params, z), where(points), **given)
        values = found if isinstance(found, tuple) else (found,)
        return sum(jnp.mean(r**2) for r in values), values

    tiles = residual.tuned(replace(residual.tuning, tile=8)).bind(network)
    by_tiles = lambda params, points: tiles.value_and_grad(
        params, where(points), **given
    )
    return jax.grad(loss, has_aux=True), by_tiles


def initial(dim):
    """Weights as those of the example; here NumPy draws them."""
    sizes = pairwise([dim, distributed.WIDTH, distributed.WIDTH, 1])
    return [
        (jnp.asarray(normal(n, shape) / shape[0] ** 0.5), jnp.zeros(shape[1]))
        for n, shape in enumerate(sizes)
    ]


def compared(name, shape):
    """The largest difference to one device, and whether the layer was gathered."""
    equations, options, dim = RESIDUALS[name]
    residual = oc.compile(equations(), **options)
    mesh = Mesh(np.array(jax.devices()).reshape(shape), ("points", "coordinates"))
    params = initial(dim)
    points = uniform(1, (POINTS, dim)) / 8
    cut = dim % shape[1] == 0
    spread = NamedSharding(mesh, P("points", "coordinates" if cut else None))
    places = distributed.layout(mesh, params)
    if not cut:
        places = jax.tree.map(lambda _: NamedSharding(mesh, P()), params)
    parts = functions(residual, name)
    run = jax.jit(lambda *given: [part(*given) for part in parts])
    placed = jax.device_put(params, places), jax.device_put(points, spread)
    compiled = run.lower(*placed).compile()
    layer = rf"f64\[{dim},{distributed.WIDTH}\]"
    gather = re.compile(rf" = .*{layer}\S* all-gather(-start)?\(")
    gathered = any(map(gather.search, compiled.as_text().splitlines()))
    worst = 0.0
    alone = jax.tree.leaves(run(params, points))
    for whole, want in zip(jax.tree.leaves(compiled(*placed)), alone, strict=True):
        want = np.asarray(want)
        assert whole.shape == want.shape
        # Of two processes each sees its own parts.
        for here in whole.addressable_shards:
            distance = np.abs(np.asarray(here.data) - want[here.index]).max()
            worst = max(worst, distance / (1e-12 + np.abs(want).max()))
    return worst, gathered


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", help="residuals, on the mesh 4 x 2")
    parser.add_argument("--port", help="of process 0 of two; each has 4 devices")
    parser.add_argument("--process", type=int)
    options = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    if options.port:
        jax.distributed.initialize(f"localhost:{options.port}", 2, options.process)
    assert jax.device_count() == 8
    assert jax.process_count() == (2 if options.port else 1)
    for name in options.only or RESIDUALS:
        for shape in MESHES[1:2] if options.only else MESHES:
            worst, gathered = compared(name, shape)
            whole = "gathered" if gathered else "in parts"
            sys.stdout.write(f"{name}; {shape}; {worst:.1e}; {whole}\n")


if __name__ == "__main__":
    main()
