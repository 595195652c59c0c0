"""Programs on devices: shardings, collectives, random numbers."""

import jax
import jax.numpy as jnp
from jax import lax
from jax._src.lax import parallel
from jax.experimental import layout
from jax.extend.random import threefry_2x32
from jax.sharding import PartitionSpec as P

from tests.taylor.programs import Program

SPLIT = P("i")


def _mesh():
    return jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))


def _explicit():
    return jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Explicit,))


def _mapped(body, out=SPLIT, **options):
    return lambda x: jax.shard_map(
        body, mesh=_mesh(), in_specs=SPLIT, out_specs=out, **options
    )(x)


def _collectives(x):
    y = lax.psum(x * x, "i") + lax.pmean(jnp.sin(x), "i")
    y = lax.ppermute(y, "i", [(0, 0)]) * lax.axis_index("i").astype(float) + y * x
    y = lax.all_to_all(y.reshape(1, 3), "i", 0, 0).reshape(3)
    return lax.psum_scatter(y, "i", tiled=True) * lax.all_gather(x, "i", tiled=True)


def _invariant(x):
    y = parallel.all_gather_invariant(x * x, "i", tiled=True)
    return lax.pcast(lax.pcast(y, "i", to="reduced"), "i", to="varying") * x


def _gathered(x):
    y = parallel.all_gather_reduced(x * x, "i", tiled=True)
    return lax.pcast(y, "i", to="varying") * x


def _unreduced(x):
    y = parallel.unreduced_psum(lax.pcast(x * x, "i", to="unreduced"), "i")
    z = lax.pcast(jnp.sin(x), "i", to="unreduced")
    return y * parallel.unreduced_psum_scatter(z, "i", tiled=True)


def _resharded(x):
    place = jax.sharding.NamedSharding(_explicit(), P("i"))
    return jax.sharding.reshard(x * x, place) * 2


def _laid_out(x):
    return layout.with_layout_constraint(x * x, layout.Layout(major_to_minor=(0,))) * x


def _constrained(x):
    place = jax.sharding.NamedSharding(_mesh(), P("i"))
    return lax.with_sharding_constraint(x * x, place) * x


def _dropout(x):
    key = jax.random.key(3)
    keep = jax.random.bernoulli(key, 0.6, x.shape)
    noise = jax.random.normal(jax.random.fold_in(key, 1), x.shape)
    one, two = jax.random.split(jax.random.wrap_key_data(jax.random.key_data(key)))
    more = jax.random.uniform(one, (3,)) + jax.random.uniform(
        jax.random.clone(two), (3,)
    )
    return jnp.where(keep, x / 0.6, 0) ** 2 * noise + jnp.sin(x) * more


def _random_shape(x):
    return jax.random.gamma(jax.random.key(0), 1.5 + x)


def _raw_bits(x):
    bits, _ = lax.rng_bit_generator(jnp.zeros(4, jnp.uint32), (3,))
    words = threefry_2x32(jnp.zeros(2, jnp.uint32), jnp.arange(4, dtype=jnp.uint32))
    noise = 0 * lax.rng_uniform(0.0, 1.0, (3,))
    return x * x * (1 + (jnp.sum(bits) >= words[0])) + noise


PARALLEL = {
    "device_put": Program(lambda x: jax.device_put(x * x, jax.devices()[0]) * x),
    "sharding_constraint": Program(_constrained),
    "reshard": Program(_resharded, jit=True),
    "layout": Program(_laid_out),
    "all_gather_invariant": Program(_mapped(_invariant), jit=True),
    "all_gather_reduced": Program(_mapped(_gathered), jit=True),
    "unreduced_psum": Program(_mapped(_unreduced), jit=True),
    "shard_map": Program(_mapped(lambda x: jnp.sin(x) * x), jit=True),
    "shard_map of a sum": Program(
        _mapped(lambda x: lax.psum(jnp.sum(x * x), "i"), P()), jit=True
    ),
    "collectives": Program(_mapped(_collectives), jit=True),
    "collectives unchecked": Program(_mapped(_collectives, check_vma=False), jit=True),
    "pmax as a shift": Program(
        _mapped(lambda x: jnp.exp(x - lax.pmax(lax.stop_gradient(x), "i"))), jit=True
    ),
    "vmapped psum": Program(
        lambda x: jax.vmap(lambda y: y / lax.psum(y * y, "k"), axis_name="k")(x)
    ),
}  # fmt: skip

RANDOM = {
    "dropout and noise": Program(_dropout),
    "random_gamma": Program(_random_shape, 0.0, 1.0, order=1),
    "rng_bit_generator": Program(_raw_bits),
}

PROGRAMS = PARALLEL | RANDOM
