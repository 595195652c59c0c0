r"""What the demo races: an operator, compiled and by hand, and the time of a step.

A *step* is the loss of a residual, the mean of its squares, and its gradient by the
parameters of the network. By hand, nothing is taken from opcompiler, and there are two
styles: as people write it, with nested `jax.grad` and `jax.hessian`, and as an expert
writes it, who knows `jax.experimental.jet`, folx and forward mode.

    for result in measure(plate()):
        print(result.contestant, result.compile_seconds, result.step_seconds)

`tests/benchmarks/front_door.py` measures these races and others in the same way.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import folx
import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array
from jax.experimental.jet import jet

import opcompiler as oc
from opcompiler.demo import perceptron

Field = Callable[[Array], Array]
AtPoint = Callable[[Field, Array], Any]
"""(network, point) -> what the operator gives there"""
Evaluate = Callable[[Any, Any], Any]
"""(params, points) -> an array, or a tuple of them"""

OURS, EXPERT, PEOPLE = "opcompiler", "as an expert writes it", "as people write it"


@dataclass(frozen=True)
class Race:
    """One operator, and everybody who evaluates it.

    Attributes:
        name: the operator.
        scene: the network and the number of points, in words.
        setting: dtype -> parameters and points.
        ours: the compiled residual.
        expert, people: the same by hand, by the name of the way.
        less: the names of those that evaluate only a part of it, so that it ends.
    """

    name: str
    scene: str
    setting: Callable[[type], tuple[Any, Any]]
    ours: Evaluate
    expert: Mapping[str, Evaluate]
    people: Mapping[str, Evaluate]
    less: frozenset[str] = frozenset()

    def lanes(self) -> list[tuple[str, str, Evaluate]]:
        """Returns (style, name, function) of everybody, ours first."""
        return [
            (OURS, OURS, self.ours),
            *((EXPERT, name, run) for name, run in self.expert.items()),
            *((PEOPLE, name, run) for name, run in self.people.items()),
        ]


@dataclass(frozen=True)
class Result:
    """What one contestant took.

    Attributes:
        style: one of `OURS`, `EXPERT`, `PEOPLE`.
        contestant: the name of the way.
        compile_seconds: of the step's program.
        step_seconds: median.
        difference: largest relative difference of its gradient to ours, in float32;
            none where it evaluates less.
    """

    style: str
    contestant: str
    compile_seconds: float
    step_seconds: float
    difference: float | None


# --- measuring --------------------------------------------------------------------------


def measure(
    race: Race,
    report: Callable[[str], None] = lambda _: None,
    rounds: int = 10,
    seconds: float = 2.0,
) -> list[Result]:
    """Compiles the step of every contestant, compares the gradients, and takes times.

    Everybody steps in turns, so that a slow phase of the machine meets all. In a turn a
    program runs twice and the second run counts, as in training: the first finds the
    caches as another has left them. Runs of more than a second need no such care.

    Args:
        race: who takes part.
        report: is called with what happens next.
        rounds: of which medians are taken.
        seconds: after which no round begins, if there were three.

    Raises:
        AssertionError: if gradients differ by more than 1e-3, relative in max norm.
    """
    params, points = race.setting(jnp.float32)
    lanes, programs, compiling = race.lanes(), [], []
    for _, name, run in lanes:
        report(f"{race.name}: compiling {name}")
        start = time.perf_counter()
        programs.append(jax.jit(jax.grad(loss_of(run))).lower(params, points).compile())
        compiling.append(time.perf_counter() - start)
    found, first = [], []
    for step in programs:
        start = time.perf_counter()
        found.append(jax.block_until_ready(step(params, points)))
        first.append(time.perf_counter() - start)
    differences = [
        None if name in race.less else distance(gradient, found[0])
        for (_, name, _), gradient in zip(lanes, found, strict=True)
    ]
    assert all(d is None or d < 1e-3 for d in differences), (race.name, differences)
    times: list[list[float]] = [[] for _ in lanes]
    report(f"{race.name}: in turns")
    begin = time.perf_counter()
    for turn in range(rounds):
        if turn >= 3 and time.perf_counter() - begin > seconds:
            break
        for step, taken, once in zip(programs, times, first, strict=True):
            if once < 1:
                jax.block_until_ready(step(params, points))
            start = time.perf_counter()
            jax.block_until_ready(step(params, points))
            taken.append(time.perf_counter() - start)
    medians = map(statistics.median, times)
    return [
        Result(style, name, *numbers)
        for (style, name, _), *numbers in zip(
            lanes, compiling, medians, differences, strict=True
        )
    ]


def loss_of(run: Evaluate) -> Evaluate:
    """Returns the mean of all squares, as a function of (params, points)."""

    def loss(params: Any, points: Any) -> Array:
        rows = jax.tree.leaves(run(params, points))
        return sum(jnp.mean(row**2) for row in rows) / len(rows)

    return loss


def distance(found: Any, wanted: Any) -> float:
    """Returns the largest difference, relative to the largest number wanted."""
    pairs = list(zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True))
    gap = max(float(jnp.max(jnp.abs(a - b))) for a, b in pairs)
    return gap / max(float(jnp.max(jnp.abs(b))) for _, b in pairs)


# --- operators --------------------------------------------------------------------------


def per_point(at_point: AtPoint) -> Evaluate:
    """Maps what is written for a network and one point over all points."""

    def run(params: Any, points: Array) -> Any:
        field = lambda point: perceptron.apply(params, point)
        return jax.vmap(lambda point: at_point(field, point))(points)

    return run


def of_perceptrons(
    inputs: int, hidden: tuple[int, ...], points: int, outputs: int = 1
) -> tuple[str, Callable[[type], tuple[Any, Any]]]:
    """Returns the words and the setting of a tanh network at uniform points."""

    def setting(dtype: type) -> tuple[Any, Any]:
        weights, places = jax.random.split(jax.random.key(0))
        params = perceptron.init(weights, (inputs, *hidden, outputs), dtype)
        return params, jax.random.uniform(places, (points, inputs), dtype, -1, 1)

    widths = f"{len(hidden)}×{hidden[0]}"
    return f"tanh {widths}, {points} points", setting


def plate(hidden: tuple[int, ...] = (128,) * 4, points: int = 256) -> Race:
    """The biharmonic operator of a plate: fourth order, with a mixed derivative."""
    x, y = sp.symbols("x y")
    u = sp.Function("u")(x, y)
    operator = u.diff(x, 4) + 2 * u.diff(x, 2, y, 2) + u.diff(y, 4)
    return Race(
        "plate, u_xxxx + 2 u_xxyy + u_yyyy",
        *of_perceptrons(2, hidden, points),
        oc.compile(operator).bind(perceptron.apply),
        expert={"nested jvp": per_point(plate_by_jvp)},
        people={"hessian of hessian": per_point(plate_by_hessians)},
    )


def laplacian(
    dim: int = 10, hidden: tuple[int, ...] = (128,) * 4, points: int = 256
) -> Race:
    """The Laplacian in many dimensions."""
    x = sp.symbols(f"x1:{dim + 1}")
    u = sp.Function("u")(*x)
    return Race(
        f"Laplacian in {dim} dimensions",
        *of_perceptrons(dim, hidden, points),
        oc.compile(sum(u.diff(a, 2) for a in x)).bind(perceptron.apply),
        expert={"folx": per_point(laplacian_by_folx)},
        people={"jax.hessian": per_point(laplacian_by_hessian)},
    )


def derivatives(
    order: int = 8,
    hidden: tuple[int, ...] = (128,) * 3,
    points: int = 1024,
    by_grad: int = 3,
) -> Race:
    """All derivatives of a function of one variable, up to `order`.

    Nested `jax.grad` goes to `by_grad`: with every order more it compiles two to three
    times as long.
    """
    x = sp.Symbol("x")
    u = sp.Function("u")(x)
    rows = [u, *(u.diff(x, k) for k in range(1, order + 1))]
    bound = oc.compile(rows).bind(perceptron.apply)
    name = "nested jax.grad" if by_grad == order else f"nested jax.grad, 0…{by_grad}"
    return Race(
        f"derivatives 0…{order}",
        *of_perceptrons(1, hidden, points),
        lambda params, points: jnp.stack(bound(params, points), axis=-1),
        expert={"jet": per_point(lambda f, p: derivatives_by_jet(f, p, order))},
        people={name: per_point(lambda f, p: derivatives_by_grad(f, p, by_grad))},
        less=frozenset({name} if by_grad < order else ()),
    )


# --- by hand ----------------------------------------------------------------------------


def laplacian_by_hessian(field: Field, point: Array) -> Array:
    """What one writes first: forward over reverse, all of the matrix."""
    return jnp.trace(jax.hessian(field)(point))


def laplacian_by_folx(field: Field, point: Array) -> Array:
    """The forward Laplacian of folx."""
    return folx.forward_laplacian(field)(point).laplacian


def plate_by_hessians(field: Field, point: Array) -> Array:
    """The Laplacian of the Laplacian, as one writes it first."""
    return laplacian_by_hessian(lambda z: laplacian_by_hessian(field, z), point)


def plate_by_jvp(field: Field, point: Array) -> Array:
    """Forward mode four deep; the second derivatives are shared."""
    x, y = jnp.eye(2, dtype=point.dtype)
    u_xx, u_yy = (_twice(field, v) for v in (x, y))
    bent = lambda z: u_xx(z) + 2 * u_yy(z)  # u_xxxx + 2 u_yyxx by one nest along x
    return _twice(bent, x)(point) + _twice(u_yy, y)(point)


def _twice(field: Field, v: Array) -> Field:
    """Returns the second derivative along `v`."""

    def slope(z: Array) -> Array:
        return jax.jvp(field, (z,), (v,))[1]

    return lambda z: jax.jvp(slope, (z,), (v,))[1]


def derivatives_by_grad(field: Field, point: Array, order: int) -> Array:
    """Each derivative by its own nest of `jax.grad`."""
    along = lambda s: field(s[None])
    found = [along(point[0])]
    for _ in range(order):
        along = jax.grad(along)
        found.append(along(point[0]))
    return jnp.stack(found)


def derivatives_by_jet(field: Field, point: Array, order: int) -> Array:
    """One jet."""
    series = [jnp.ones_like(point)] + [jnp.zeros_like(point)] * (order - 1)
    value, found = jet(field, (point,), (series,))
    return jnp.stack([value, *found])
