"""Programs with programs inside: loops, branches, custom rules, devices, randomness."""

from functools import partial

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src.lax.eval_jaxpr import eval_jaxpr_p
from jax._src.lax.lax import dce_sink, tie_p
from jax._src.state.discharge import run_state
from jax.ad_checkpoint import checkpoint_name
from jax.experimental import checkify, hijax

import opcompiler as oc
from opcompiler.taylor import laplacian
from tests.taylor.programs import Program

A = np.cos(np.arange(1.0, 31.0))
W = A[:9].reshape(3, 3)


def _scan(x, **options):
    """Carries of every kind: an array, an integer, one that gains channels late."""

    def step(carry, item):
        h, n, late = carry
        h = jnp.tanh(W @ h + item * x)
        return (h, n + 1, late * x[0] + n), (h * h, n, late)

    start = (jnp.zeros(3), 0, jnp.float64(1.0))
    (h, n, late), (squares, counts, _) = lax.scan(step, start, x * x, **options)
    return h * n + late, squares * counts[:, None]


def _while(x):
    def body(state):
        k, y, z = state
        return k + 1, y * x, z + y

    keep_on = lambda state: (state[0] < 5) & (jnp.sum(state[1]) < 50)
    return lax.while_loop(keep_on, body, (0, x, jnp.zeros(3)))[1:]


def _cond(x):
    one = lax.cond(x[0] > 0, lambda y: (y * y, 1.0), lambda y: (jnp.sin(y), 2.0), x)
    two = lax.switch(
        2, [lambda y: jnp.zeros(3), lambda y: y, lambda y: y**3, jnp.cos], x
    )
    return one[0] * one[1] + two


def _many_conds(x):
    return jax.vmap(lambda y: lax.cond(y > 0, jnp.sin, lambda z: z**3, y))(x)


@jax.custom_jvp
def _cube_root_of_one_plus(x):
    return jnp.cbrt(1 + x)


@_cube_root_of_one_plus.defjvp
def _(primals, tangents):
    y = _cube_root_of_one_plus(*primals)
    return y, tangents[0] / (3 * y * y)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _own_power(x, n, w):
    return x**n * w


@_own_power.defjvp
def _(n, primals, tangents):
    (x, w), (dx, dw) = primals, tangents
    return x**n * w, n * x ** (n - 1) * w * dx + x**n * dw


@jax.custom_vjp
def _own_sine(x):
    return jnp.sin(x) * x


def _slope(x, t):
    return (t * (jnp.cos(x) * x + jnp.sin(x)),)


_own_sine.defvjp(lambda x: (jnp.sin(x) * x, x), _slope)


@jax.custom_vjp
def _own_sine_for_remat(x):
    return jnp.sin(x) * x


_own_sine_for_remat.defvjp(lambda x: (jnp.sin(x) * x, x), _slope, optimize_remat=True)


@jax.custom_batching.custom_vmap
def _own_batching(x):
    return jnp.sin(x) * x


@_own_batching.def_vmap
def _(size, batched, x):
    del size
    return jnp.sin(x) * x, batched[0]


def _linear_call(x):
    double = lambda r, y: 2 * y * r
    return jax.custom_derivatives.linear_call(double, double, A[:3], x * x)


def _moving_linear_call(x):
    times = lambda r, y: y * r
    return jax.custom_derivatives.linear_call(times, times, jnp.sin(x), x * x)


def _called(primitive):
    """A program inside a program by a primitive that JAX uses for itself only."""

    def fun(x):
        body = jax.make_jaxpr(lambda y: jnp.sin(y) * y)(x)
        options = primitive.get_bind_params({"call_jaxpr": body})
        return primitive.bind(x * x, **options)

    return fun


def _eval_jaxpr(x):
    body = jax.make_jaxpr(lambda y: jnp.sin(y) * y)(x)
    return eval_jaxpr_p.bind(x * x, jaxpr=body)


def _checked(x):
    checkify.check(jnp.all(x < 5), "too big")
    return x * x


def _sunk(x):
    dce_sink(x * 2)
    return x * x


def _run_state(x):
    def body(ref):
        ref[0] = ref[1] * x[2]

    return run_state(body)(x * x)


def _network(x):
    return jnp.tanh(W @ jnp.sin(x)) @ x


def _silent_debug(x):
    jax.debug.callback(lambda _: None, x)
    jax.debug.inspect_array_sharding(x, callback=lambda _: None)
    jax.debug.print("{}", jnp.sum(x))
    return x


class _Square(hijax.VJPHiPrimitive):
    """A primitive of hijax with a forward rule."""

    def __init__(self, aval):
        self.in_avals, self.out_aval, self.params = (aval,), aval, {}
        super().__init__()

    def expand(self, *args):
        return args[0] * args[0]

    def jvp(self, primals, tangents):
        return self(*primals), 2 * primals[0] * tangents[0]


def _constant_reference(x):
    box = jax.new_ref(jnp.zeros(3))
    box[0] = 2.0
    return box[...] * x * x


CONTROL = {
    "scan": Program(_scan, order=4),
    "scan backwards, unrolled": Program(partial(_scan, reverse=True, unroll=2), order=4),
    "scan without items": Program(
        lambda x: lax.scan(lambda c, _: (c * x, c[0]), x, None, length=3)
    ),
    "scan of length 0": Program(
        lambda x: lax.scan(lambda c, _: (c * x, c[0]), x * x, None, length=0)[0]
    ),
    "scan in a scan": Program(
        lambda x: lax.scan(lambda c, i: (lax.scan(
            lambda d, j: (d * jnp.sin(j), d), c, x)[0], c), jnp.float64(1), x)
    ),
    "while": Program(_while),
    "while with active test": Program(
        lambda x: lax.while_loop(lambda y: y[0] < 8 + x[0], lambda y: 2 * y, 1 + x * x)
    ),
    "fori_loop": Program(lambda x: lax.fori_loop(0, 4, lambda k, y: y * x + k, x)),
    "map": Program(lambda x: lax.map(lambda y: jnp.sin(y) * x, x)),
    "map in batches": Program(lambda x: lax.map(jnp.sin, x * x, batch_size=2)),
    "associative_scan": Program(
        lambda x: lax.associative_scan(jnp.matmul, jnp.outer(x, W).reshape(3, 3, 3) + 1)
    ),
    "cond": Program(_cond),
    "vmapped cond": Program(_many_conds),
    "vmapped while": Program(
        lambda x: jax.vmap(lambda y: lax.while_loop(
            lambda z: z < 4, lambda z: z * (1.5 + y * y), 1 + y * y))(x)
    ),
    "cond in a scan": Program(
        lambda x: lax.scan(lambda c, i: (lax.cond(
            i % 2 == 0, lambda d: d * x, lambda d: d + 1, c), None), x, jnp.arange(4))[0]
    ),
}  # fmt: skip

CALLS = {
    "jit in jit": Program(lambda x: jax.jit(lambda y: jax.jit(jnp.sin)(y) * y)(x * x)),
    "jit of several": Program(lambda x: jax.jit(lambda y, n: (y * n, n))(x * x, 3)[0]),
    "closed_call": Program(_called(jex.primitives.closed_call_p)),
    "call": Program(_called(jex.primitives.call_p)),
    "eval_jaxpr": Program(_eval_jaxpr),
    "run_state": Program(_run_state, order=4),
    "check": Program(_checked, eager=True),
    "dce_sink": Program(_sunk),
    "tie": Program(lambda x: tie_p.bind(x * x, jnp.sin(x))),
    "named_call": Program(jax.named_call(lambda x: jnp.sin(x) * x, name="wave")),
    "checkpoint": Program(jax.checkpoint(_network)),
    "checkpoint with a policy": Program(
        jax.checkpoint(_network, policy=jax.checkpoint_policies.dots_saveable)
    ),
    "checkpoint by names": Program(jax.checkpoint(
        lambda x: checkpoint_name(jnp.sin(x), "wave") * x,
        policy=jax.checkpoint_policies.save_only_these_names("wave"))),
    "checkpoint with constants": Program(
        lambda x: jax.checkpoint(lambda n, y: (jnp.sin(y) * n, n))(2.0, x)
    ),
    "checkpoint in a scan": Program(
        lambda x: lax.scan(jax.checkpoint(lambda c, i: (jnp.sin(c * i), c)), x, x)
    ),
    "custom_jvp": Program(_cube_root_of_one_plus),
    "custom_jvp of a product": Program(lambda x: _cube_root_of_one_plus(x * x) * x),
    "custom_jvp with static and two": Program(lambda x: _own_power(x + 2, 4, jnp.sin(x))),
    "custom_jvp of a constant": Program(lambda x: _own_power(A[:3], 3, x * x)),
    "custom_vmap": Program(lambda x: jax.vmap(_own_batching)(x * x)),
    "custom_vmap alone": Program(lambda x: _own_batching(x * x)),
    "composite": Program(
        lax.composite(lambda x: jnp.sin(x) * x, "a.wave"), like=lambda x: jnp.sin(x) * x
    ),
    "linear_call": Program(_linear_call),
    "linear_call moving": Program(_moving_linear_call, like=lambda x: jnp.sin(x) * x * x),
    "gradient inside": Program(jax.grad(_network), order=4),
    "hessian inside": Program(lambda x: jax.hessian(_network)(x) @ x, order=3),
    "custom_vjp": Program(
        lambda x: _own_sine(x * x), like=lambda x: jnp.sin(x * x) * x * x
    ),
    "custom_vjp differentiated": Program(
        jax.grad(lambda y: jnp.sum(_own_sine(y))),
        like=lambda x: jnp.cos(x) * x + jnp.sin(x),
    ),
    "custom_vjp for remat": Program(
        jax.grad(lambda y: jnp.sum(_own_sine_for_remat(y))),
        like=lambda x: jnp.cos(x) * x + jnp.sin(x),
    ),
    "custom_gradient": Program(
        jax.custom_gradient(lambda x: (x * x, lambda t: (2 * x * t,))),
        like=lambda x: x * x,
    ),
    "jet inside": Program(
        lambda x: oc.jet(_network, (x,), ([jnp.ones(3), x],))[1], order=3
    ),
    "Laplacian inside": Program(laplacian(_network), order=3),
    "optimization_barrier": Program(
        lambda x: sum(lax.optimization_barrier((x * x, 2.0, jnp.sin(x))))
    ),
    "stop_gradient": Program(lambda x: lax.stop_gradient(x * x) * jnp.sin(x)),
    "debug": Program(lambda x: _silent_debug(x * x) * x),
    "call_hi_primitive": Program(lambda x: _Square(jax.typeof(x))(jnp.sin(x))),
    "references of constants": Program(_constant_reference),
    "callback on constants": Program(
        lambda x: x * x * jax.pure_callback(np.sin, jax.typeof(x), A[:3])
    ),
}  # fmt: skip


PROGRAMS = CONTROL | CALLS
