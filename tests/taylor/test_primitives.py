"""Every primitive of the coverage table, against nested jvp and against mpmath."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

import opcompiler as oc
from opcompiler.taylor import coverage
from opcompiler.taylor.tuning import DEFAULT, Tuning
from tests.taylor import stored
from tests.taylor.oracle import (
    apolar,
    by_engine,
    by_nested_jvp,
    line,
    Model,
    seeds_for,
    worst_error,
)
from tests.taylor.primitives import (
    FORWARD_ONLY,
    MULTIHOST,
    NEVER_SEEN,
    NO_BATCHING,
    OTHER_NAMES,
    PROGRAMS,
    REFUSED,
    SLOW,
)
from tests.taylor.programs import primitives_of
from tests.taylor.programs_devices import RANDOM
from tests.taylor.programs_linalg import LINALG
from tests.taylor.programs_pointwise import CLOSED, ENTIRE

RTOL = 1e-8
STORED_RTOL = 1e-11
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""What the compiler does for programs that run once."""

ZERO = np.zeros(1, np.int32)

FEW_CLOSED = {
    "tanh",
    "exp",
    "log",
    "sqrt",
    "softplus",
    "gelu",
    "sinc",
    "integer_pow -3",
}
"""The others are compared with mpmath, along curves and to higher order."""

FAST = [n for n in PROGRAMS if n not in SLOW and (n not in CLOSED or n in FEW_CLOSED)]

TWICE_AND_ONCE = {
    "tanh", "div", "pow", "atan2", "max", "conv", "reduce_prod", "cholesky", "scan",
    "checkpoint", "custom_jvp",
}  # fmt: skip
"""Programs whose u_xxy is tested too; that of the others when there is time."""

# The Laplacian-like sum of two directions, and u_xxy; without u_xxy for order 2.
TWO_DIRECTIONS = {
    1: apolar(2, {(1, 0): 1}, {(0, 1): 1}),
    2: apolar(2, {(2, 0): 1, (0, 2): 3}),
    3: apolar(2, {(2, 0): 1, (0, 2): 3}, {(2, 1): 1}),
    4: apolar(2, {(4, 0): 1, (2, 2): 2, (0, 4): 1}, {(2, 1): 1}),
}
ONE_FURTHER = apolar(2, {(2, 0): 1, (0, 2): 3}, {(3, 0): 1})
"""That sum, and the third derivative along the first direction: both by one push."""


@dataclass(frozen=True)
class Case:
    """A program's push: where it starts, and along what.

    Attributes:
        model: the algebra.
        start: the point.
        seeds: its coefficients in every channel but the unit; None is a structural zero.
    """

    model: Model
    start: jax.Array
    seeds: list


def along_a_curve(name: str, order: int) -> Case:
    program = PROGRAMS[name]
    start, random = program.start(name)
    model = line(min(program.order, order))
    return Case(model, start, seeds_for(model, start, random))


def in_two_directions(name: str, order: int, model: Model | None = None) -> Case:
    """One direction shifts all entries alike; one channel is a structural zero."""
    program = PROGRAMS[name]
    start, random = program.start(name)
    model = model or TWO_DIRECTIONS[min(program.order, order)]
    seeds: list = seeds_for(model, start, random)
    seeds[0] = jnp.ones((1,) * start.ndim) * random.uniform(-1, 1)
    if len(seeds) > 3:
        seeds[3] = None
    return Case(model, start, seeds)


def engine(name: str, case: Case, *, quick: bool = True) -> list[jax.Array]:
    run = lambda x, s: by_engine(case.model, PROGRAMS[name], x, s)
    return compiled(name, run, quick)(case.start, case.seeds)


def nested(name: str, case: Case, *, quick: bool = True) -> list[jax.Array]:
    run = lambda x, s: by_nested_jvp(case.model, PROGRAMS[name].reference, x, s)
    found = compiled(name, run, quick)(case.start, case.seeds)
    assert all(np.isfinite(c).all() for c in found), "the oracle cannot go there"
    return found


def compiled(name: str, run, quick: bool):
    program = PROGRAMS[name]
    if program.jit or (quick and not program.eager):
        return jax.jit(run, compiler_options=QUICK)
    return run


def agree(name: str, case: Case, *, quick: bool = False) -> None:
    got, want = engine(name, case, quick=quick), nested(name, case, quick=quick)
    assert worst_error(got, want) < RTOL


def by_default(name: str) -> list[Case]:
    """What is pushed through a program by default."""
    if name in TWICE_AND_ONCE:
        return [along_a_curve(name, 3), in_two_directions(name, 3)]
    if name in CLOSED or PROGRAMS[name].order < 3:
        return [in_two_directions(name, 2)]  # the first: along curves by mpmath
    return [in_two_directions(name, 3, ONE_FURTHER)]


STEADY = [name for name in FAST if name not in LINALG and name not in RANDOM]
"""Programs whose values are stored; LAPACK's signs and JAX's random numbers may change."""

LIVE = {name for place, name in enumerate(STEADY) if place % 16 == 0}
"""Programs of which nested jvp itself runs by default, beside those not stored."""

STORED = stored.load()


@pytest.mark.parametrize("name", FAST)
def test_nested_jvp_agrees(name: str) -> None:
    for place, case in enumerate(by_default(name)):
        key = f"{name}, {place}"
        want = STORED.get(key)
        if name in LIVE or want is None:
            live = nested(name, case)
            assert want is None or worst_error(want, live) < STORED_RTOL
            want = live
        assert worst_error(engine(name, case), want) < RTOL


@pytest.mark.slow
@pytest.mark.parametrize("name", STEADY)
def test_stored_values_are_those_of_nested_jvp(name: str) -> None:
    """If not, `python -m tests.taylor.stored` makes them anew."""
    for place, case in enumerate(by_default(name)):
        assert worst_error(STORED[f"{name}, {place}"], nested(name, case)) < STORED_RTOL


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n in FAST if n not in CLOSED and n not in TWICE_AND_ONCE]
)
def test_more_along_a_curve(name: str) -> None:
    agree(name, along_a_curve(name, 3), quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in FAST])
def test_more_programs(name: str) -> None:
    agree(name, along_a_curve(name, 3))
    agree(name, in_two_directions(name, 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, p in PROGRAMS.items() if p.order > 2])
def test_twice_along_one_and_once_along_another(name: str) -> None:
    agree(name, in_two_directions(name, 3))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, p in PROGRAMS.items() if p.order > 3])
def test_to_high_order(name: str) -> None:
    agree(name, along_a_curve(name, 6))
    agree(name, in_two_directions(name, 4))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n, p in PROGRAMS.items() if not p.jit and n not in NO_BATCHING]
)
def test_a_batch_that_shares_its_directions(name: str) -> None:
    program = PROGRAMS[name]
    start, random = program.start(name)
    model = TWO_DIRECTIONS[min(program.order, 3)]
    seeds = [seed[None] for seed in seeds_for(model, start, random)]
    points = jnp.stack([start, start[::-1]])
    got = by_engine(model, jax.vmap(program), points, seeds)
    want = by_nested_jvp(model, jax.vmap(program.reference), points, seeds)
    assert all(np.isfinite(c).all() for c in want), "the oracle cannot go there"
    assert worst_error(got, want) < RTOL


FOLDED = [
    "div", "pow", "sort", "gather", "broadcast", "reduce_max", "dot_general batched",
    "conv", "ragged dot", "cumprod", "scatter-add", "triangular_solve moving matrix",
    "cond", "checkpoint", "custom_jvp", "shard_map",
]  # fmt: skip
"""Programs in which directions are folded by default; the others when there is time."""


def families_change_nothing(name: str) -> None:
    program = PROGRAMS[name]
    start, random = program.start(name)
    model = apolar(3, {(3, 0, 0): 1, (0, 3, 0): 2, (0, 0, 3): -1})
    seeds = seeds_for(model, start, random)

    def run(tuning):
        fun = lambda x: by_engine(model, program, x, seeds, tuning)
        fun = fun if program.eager else jax.jit(fun, compiler_options=QUICK)
        return fun(start)

    assert worst_error(run(Tuning(fold_from=2)), run(DEFAULT)) < 1e-11


@pytest.mark.parametrize("name", FOLDED)
def test_families_change_nothing(name: str) -> None:
    families_change_nothing(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n, p in PROGRAMS.items() if p.order > 2 and n not in FOLDED]
)
def test_families_change_nothing_else(name: str) -> None:
    families_change_nothing(name)


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: jnp.sin(x) / (2 + x[0]),
        lambda x: jnp.sort(jnp.sin(3 * x)) * x[0],
        lambda x: x[np.array([0, 2, 2, 1])] ** 2 * x[1] - x[2],
    ],
)
def test_a_number_beside_a_vector_of_as_many_entries_as_directions(fun) -> None:
    x = jnp.asarray(np.random.default_rng(0).uniform(-0.9, 0.9, 15))
    slope = lambda y, e: jax.jvp(fun, (y,), (e,))[1]
    bends = [jax.jvp(lambda y, e=e: slope(y, e), (x,), (e,))[1] for e in jnp.eye(15)]
    np.testing.assert_allclose(
        jax.jit(oc.taylor.laplacian(fun))(x), sum(bends), rtol=1e-10
    )


@pytest.mark.slow
def test_collectives_on_two_devices() -> None:
    run = [sys.executable, "-m", "tests.taylor.two_devices"]
    root = Path(__file__).parents[2]
    output = subprocess.run(run, capture_output=True, text=True, check=True, cwd=root)
    assert float(output.stdout) < RTOL


# --- the engine differentiated, as networks are trained ------------------------------

TRAINED = [
    "tanh", "div", "max", "scatter-mul", "cholesky", "scan", "cond", "custom_jvp",
    "shard_map",
]  # fmt: skip
"""One of every kind of rule; the others when there is time."""


def gradients_agree(name: str) -> None:
    """Compares the gradients of all channels, or their jvps through `while`."""
    program = PROGRAMS[name]
    start, random = program.start(name)
    model = TWO_DIRECTIONS[max(1, min(program.order - 1, 2))]
    seeds = seeds_for(model, start, random)
    weights = random.uniform(0.5, 1.5, model.algebra.size)
    forward = name in FORWARD_ONLY or "while" in primitives_of(program, start)

    def slope_of(channels):
        def loss(x):
            return sum(
                w * jnp.vdot(c, jnp.cos(jnp.arange(1.0, c.size + 1)))
                for w, c in zip(weights, channels(x), strict=True)
            )

        if forward:
            return lambda x: jax.jvp(loss, (x,), (jnp.cos(x),))[1]
        return jax.grad(loss)

    got = slope_of(lambda x: by_engine(model, program, x, seeds))
    want = slope_of(lambda x: by_nested_jvp(model, program.reference, x, seeds))
    if not program.eager:
        got, want = (jax.jit(f, compiler_options=QUICK) for f in (got, want))
    expected = want(start)
    assert np.isfinite(expected).all(), "the oracle cannot go there"
    assert worst_error([got(start)], [expected]) < RTOL


@pytest.mark.parametrize("name", TRAINED)
def test_gradients(name: str) -> None:
    gradients_agree(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n, p in PROGRAMS.items() if p.order > 1 and n not in TRAINED]
)
def test_more_gradients(name: str) -> None:
    gradients_agree(name)


# --- against mpmath ------------------------------------------------------------------


def order_of(name: str) -> int:
    if name.startswith("bessel"):
        return 6  # the engine's cost doubles with every order
    return 10 if name in ENTIRE else 6


@pytest.mark.parametrize("name", CLOSED)
def test_elementwise_functions_to_high_order(name: str) -> None:
    fun, exact, low, high = CLOSED[name]
    order = order_of(name)
    random = np.random.default_rng(len(name))
    points = random.uniform(low, high, 3)
    slopes, bends = random.uniform(-1, 1, (2, 3))
    rest = [jnp.zeros(3)] * (order - 2)
    value, series = oc.jet(
        fun, (jnp.asarray(points),), ([slopes, bends, *rest],), factorial_scaled=False
    )
    got = np.stack([value, *series], 1)
    with mp.workdps(40):
        want = [
            [float(c) for c in mp.taylor(lambda t, p=p: exact(_curve(p, t)), 0, order)]
            for p in zip(points, slopes, bends, strict=True)
        ]
    np.testing.assert_allclose(got, want, rtol=RTOL, atol=1e-10 * np.max(np.abs(want)))


def _curve(start, t):
    point, slope, bend = map(mp.mpf, start)
    return point + slope * t + bend * t * t


def test_every_primitive_is_tested() -> None:
    seen: set[str] = set()
    for name, program in PROGRAMS.items():
        seen |= primitives_of(program, program.start(name)[0])
    table = {row.primitive for row in coverage()}
    excused = {*REFUSED, *NEVER_SEEN, *OTHER_NAMES}
    assert len(table) > 200
    assert table - seen - excused - MULTIHOST == set()
    assert set(OTHER_NAMES.values()) <= seen
    assert {*NEVER_SEEN, *OTHER_NAMES} & seen == set(), "no excuse is needed"
    assert excused <= table


@pytest.mark.parametrize("name", REFUSED)
def test_what_jax_cannot_differentiate_is_refused_by_name(name: str) -> None:
    fun = REFUSED[name]
    x = jnp.array([0.3, 0.5, 0.7])
    assert name in primitives_of(fun, x)
    with pytest.raises(oc.OperatorError) as caught:
        oc.jet(fun, (x,), ([jnp.ones(3), x],))
    assert name in str(caught.value)


def test_a_second_derivative_that_jax_lacks_is_refused_by_name() -> None:
    x = jnp.array([0.3, 0.5, 0.7])
    with pytest.raises(oc.OperatorError, match="igamma_grad_a"):
        oc.jet(lambda x: jax.lax.igamma(x, 0.7), (x,), ([jnp.ones(3), x],))


@pytest.mark.parametrize(
    "body",
    [
        lambda x: jax.lax.pbroadcast(x * x, "i", 0),
        lambda x: jax.lax.ragged_all_to_all(
            x * x, x, ZERO, ZERO + 3, ZERO, ZERO + 3, axis_name="i"
        ),
    ],
)
def test_without_a_cpu_lowering(body) -> None:
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    place = jax.P("i")
    fun = jax.shard_map(body, mesh=mesh, in_specs=place, out_specs=place)
    jet = lambda x: oc.jet(fun, (x,), ([x, x],))[1]
    shapes = jax.eval_shape(jet, jnp.ones(3))
    assert [s.shape for s in shapes] == [(3,), (3,)]
