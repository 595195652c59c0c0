"""Every primitive of the coverage table, against nested jvp and against mpmath."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
    "gelu",
    "integer_pow -3",
}
"""The others are compared with mpmath, along curves and to higher order."""

FAST = [n for n in PROGRAMS if n not in SLOW and (n not in CLOSED or n in FEW_CLOSED)]

TWICE_AND_ONCE = {
    "tanh", "div", "pow", "atan2", "max", "conv", "reduce_prod", "cholesky", "scan",
    "checkpoint", "custom_jvp",
}  # fmt: skip
"""Programs whose u_xxy is tested too; that of the others when there is time."""

FURTHER = {
    "pow of integers", "pow of an array of exponents", "complex div", "abs of complex",
    "gelu", "softplus", "softmax", "logsumexp", "cumprod", "scatter-mul",
    "reduce_window of products", "dot_general batched", "run_state",
    "while with active test", "vmapped while", "cond", "triangular_solve moving matrix",
    "lu", "eigh", "solve", "custom_linear_solve", "custom_vjp differentiated",
}  # fmt: skip
"""Programs whose third derivative is tested too: their rules multiply, or solve.

The others move entries about, or are like these; to order 2, by default.
"""

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
    seeds[0] = np.full((1,) * start.ndim, random.uniform(-1, 1))
    if len(seeds) > 2:
        seeds[min(3, len(seeds) - 1)] = None
    return Case(model, start, seeds)


def in_one(
    funs: dict[str, Callable], arguments: dict[str, tuple], *, eager: bool = False
) -> dict:
    """Returns what each function gives, all of them compiled as one program."""

    def run(arguments):
        found = {}
        for name, fun in funs.items():
            try:
                found[name] = fun(*arguments[name])
            except Exception as error:
                error.add_note(f"in the program {name!r}")
                raise
        return found

    if eager:
        return run(arguments)
    return jax.jit(run, compiler_options=QUICK)(arguments)


def is_eager(name: str) -> bool:
    return name in PROGRAMS and PROGRAMS[name].eager


def groups(size: int, names: Sequence[str]) -> list:
    """Returns the programs of one test each; what cannot be compiled is alone."""
    alone = [name for name in names if is_eager(name)]
    names = [name for name in names if name not in alone]
    parts = [names[at : at + size] for at in range(0, len(names), size)]
    parts += [[name] for name in alone]
    return [pytest.param(part, id=f"{part[0]} to {part[-1]}") for part in parts]


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
    if name in FURTHER and PROGRAMS[name].order > 2:
        return [in_two_directions(name, 3, ONE_FURTHER)]
    return [in_two_directions(name, 2)]


STEADY = [name for name in FAST if not name.startswith("qr") and name not in RANDOM]
"""Programs whose values are stored; LAPACK's signs and JAX's random numbers may change."""

LIVE = {name for place, name in enumerate(STEADY) if place % 32 == 0}
"""Programs of which nested jvp itself runs by default, beside those not stored."""

STORED = stored.load()


@pytest.mark.parametrize("names", groups(8, FAST))
def test_nested_jvp_agrees(names: list[str]) -> None:
    funs, arguments = {}, {}
    for name in names:
        program = PROGRAMS[name]
        for place, case in enumerate(by_default(name)):
            key = f"{name}, {place}"
            ours = partial(by_engine, case.model, program)
            theirs = partial(by_nested_jvp, case.model, program.reference)
            alive = name in LIVE or key not in STORED
            pair = (ours, theirs) if alive else (ours,)
            funs[key] = lambda x, s, pair=pair: [push(x, s) for push in pair]
            arguments[key] = case.start, case.seeds
    found = in_one(funs, arguments, eager=is_eager(names[0]))
    for key, (got, *live) in found.items():
        want = STORED.get(key)
        for channels in live:
            assert all(np.isfinite(c).all() for c in channels), key
            assert want is None or worst_error(want, channels) < STORED_RTOL, key
            want = channels
        assert worst_error(got, want) < RTOL, key


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


MULTIPLIED = [
    "div", "dot_general batched", "conv", "triangular_solve moving matrix", "checkpoint",
]  # fmt: skip
MOVED = [
    "pow", "cumprod", "sort", "gather", "broadcast", "reduce_max", "ragged dot",
    "scatter-add", "cond", "custom_jvp", "shard_map",
]  # fmt: skip
FOLDED = MULTIPLIED + MOVED
"""Programs in which directions are folded by default; the others when there is time.

Of some that multiply families the third derivatives, of the others the second.
"""


def families_change_nothing(names: Sequence[str], order: int) -> None:
    pure = [tuple(row) for row in (order * np.eye(3, dtype=int)).tolist()]
    model = apolar(3, dict(zip(pure, (1, 2, -1), strict=True)))
    funs, arguments = {}, {}
    for name in names:
        push = partial(by_engine, model, PROGRAMS[name])
        funs[name] = lambda x, s, push=push: [
            push(x, s, tuning) for tuning in (Tuning(fold_from=2), DEFAULT)
        ]
        start, random = PROGRAMS[name].start(name)
        arguments[name] = start, seeds_for(model, start, random)
    for name, (folded, plain) in in_one(
        funs, arguments, eager=is_eager(names[0])
    ).items():
        assert worst_error(folded, plain) < 1e-11, name


@pytest.mark.parametrize("names", groups(5, MULTIPLIED))
def test_families_change_nothing(names: list[str]) -> None:
    families_change_nothing(names, 3)


@pytest.mark.parametrize("names", groups(6, MOVED))
def test_families_of_second_derivatives_change_nothing(names: list[str]) -> None:
    families_change_nothing(names, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n, p in PROGRAMS.items() if p.order > 2 and n not in MULTIPLIED]
)
def test_families_change_nothing_else(name: str) -> None:
    families_change_nothing([name], 3)


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: jnp.sin(x) / (2 + x[0]),
        lambda x: jnp.sort(jnp.sin(3 * x)) * x[0],
        lambda x: x[np.array([0, 2, 2, 1])] ** 2 * x[1] - x[2],
    ],
)
def test_a_number_beside_a_vector_of_as_many_entries_as_directions(fun) -> None:
    x = np.random.default_rng(0).uniform(-0.9, 0.9, 15)
    bends = lambda x: jax.vmap(
        lambda e: jax.jvp(lambda y: jax.jvp(fun, (y,), (e,))[1], (x,), (e,))[1]
    )(jnp.eye(15))
    both = jax.jit(lambda x: (oc.taylor.laplacian(fun)(x), bends(x).sum(0)))
    np.testing.assert_allclose(*both(x), rtol=1e-10)


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

ALONG_A_CURVE = {
    "div", "scatter-mul", "cholesky", "scan", "cond", "custom_jvp", "shard_map",
}  # fmt: skip
"""Of these, nested jvp in two directions is long; in them when there is time."""


def one_entry_at_a_time(loss: Callable) -> Callable:
    def slope(x):
        units = jnp.eye(x.size, dtype=x.dtype).reshape(-1, *x.shape)
        along = lambda unit: jax.jvp(loss, (x,), (unit,))[1]
        return jax.lax.map(along, units).reshape(x.shape)

    return slope


def slopes(name: str, model: Model | None = None) -> tuple[Callable, tuple]:
    """Returns the gradients of all channels, or their jvps through `while`, two ways."""
    program = PROGRAMS[name]
    start, random = program.start(name)
    model = model or TWO_DIRECTIONS[max(1, min(program.order - 1, 2))]
    seeds = seeds_for(model, start, random)
    weights = random.uniform(0.5, 1.5, model.algebra.size)
    # Some primitives have no rule for `vmap`; what is not compiled cannot be in a loop.
    forwards = jax.jacfwd if is_eager(name) else one_entry_at_a_time
    forward = name in FORWARD_ONLY or "while" in primitives_of(program, start)

    def slope_of(channels, oracle=False):
        def loss(x):
            return sum(
                w * jnp.vdot(c, jnp.cos(jnp.arange(1.0, c.size + 1)))
                for w, c in zip(weights, channels(x), strict=True)
            )

        if forward:
            return lambda x: jax.jvp(loss, (x,), (jnp.cos(x),))[1]
        # Reverse mode through nested jvps takes longer, and is not what is tested.
        return forwards(loss) if oracle else jax.grad(loss)

    got = slope_of(lambda x: by_engine(model, program, x, seeds))
    want = slope_of(lambda x: by_nested_jvp(model, program.reference, x, seeds), True)
    return lambda x: (got(x), want(x)), (start,)


def gradients_agree(
    names: Sequence[str], models: dict[str, Model] | None = None
) -> None:
    both = {name: slopes(name, (models or {}).get(name)) for name in names}
    funs, arguments = ({name: pair[k] for name, pair in both.items()} for k in (0, 1))
    for name, (got, want) in in_one(funs, arguments, eager=is_eager(names[0])).items():
        assert np.isfinite(want).all(), f"the oracle cannot go there: {name}"
        assert worst_error([got], [want]) < RTOL, name


@pytest.mark.parametrize("names", groups(5, TRAINED))
def test_gradients(names: list[str]) -> None:
    gradients_agree(names, dict.fromkeys(ALONG_A_CURVE, line(2)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        n for n, p in PROGRAMS.items()
        if p.order > 1 and (n not in TRAINED or n in ALONG_A_CURVE)
    ],
)  # fmt: skip
def test_more_gradients(name: str) -> None:
    gradients_agree([name])


# --- against mpmath ------------------------------------------------------------------


LONG_SERIES = ["bessel_i0e", "bessel_i1e", "entropy", "log_ndtr", "sinc", "xlogy"]
"""Many operations to order five, made of others' recurrences; to it when there is time."""


def highest_order(name: str) -> int:
    if name.startswith("bessel"):
        return 6  # the engine's cost doubles with every order
    return 10 if name in ENTIRE else 6


@pytest.mark.parametrize(
    "names", groups(10, [name for name in CLOSED if name not in LONG_SERIES])
)
def test_elementwise_functions_to_order_five(names: list[str]) -> None:
    """By recurrences, as all orders behind `compose_upto`."""
    agree_with_mpmath(names, DEFAULT.compose_upto + 1)


def test_longer_elementwise_functions_to_order_three() -> None:
    agree_with_mpmath(LONG_SERIES, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLOSED)
def test_elementwise_functions_to_high_order(name: str) -> None:
    agree_with_mpmath([name], highest_order(name))


def agree_with_mpmath(names: Sequence[str], order: int) -> None:
    curves = {}
    for name in names:
        _, _, low, high = CLOSED[name]
        random = np.random.default_rng(len(name))
        points = random.uniform(low, high, 3)
        curves[name] = points, *random.uniform(-1, 1, (2, 3))
    jets = in_one({name: partial(_jet, name, order) for name in names}, curves)
    for name, got in jets.items():
        each = zip(*curves[name], strict=True)
        want = [_exact_jet(name, order, curve) for curve in each]
        atol = 1e-10 * np.max(np.abs(want))
        np.testing.assert_allclose(got, want, rtol=RTOL, atol=atol, err_msg=name)


def _jet(name: str, order: int, points, slopes, bends) -> jax.Array:
    series = [slopes, bends, *[jnp.zeros(3)] * (order - 2)]
    value, above = oc.jet(CLOSED[name][0], (points,), (series,), factorial_scaled=False)
    return jnp.stack([value, *above], 1)


def _exact_jet(name: str, order: int, curve: tuple) -> list[float]:
    exact = CLOSED[name][1]
    with mp.workdps(40):
        series = mp.taylor(lambda t: exact(_curve(curve, t)), 0, order)
        return [float(c) for c in series]


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
