"""Measuring the layout choices on the present device."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.runtime.residual import Residual
from opcompiler.taylor.tuning import DEFAULT, NEVER

_CHOICES: dict[str, tuple[Any, ...]] = {
    "fold_from": (2, DEFAULT.fold_from, NEVER),
    "stack_from": (2, DEFAULT.stack_from, NEVER),
    "compose_upto": (0, DEFAULT.compose_upto, NEVER),
    "tile": (32, 64, 128, 256, 512, 2**14),
}
_WORTH = 0.97
"""A choice must be this much faster than the one before to be taken."""


@public("oc.autotune(residual, net, points, nu=0.01)")
def autotune(
    residual: Residual,
    net: Any,
    points: Any,
    *,
    repeats: int = 15,
    progress: bool = True,
    **parameters: Any,
) -> Residual:
    """Measures how a residual is laid out best here, and pins it.

    Each choice of `Tuning` is tried in turn, the others as they are best so far, on a
    training step: values, and the gradient of their mean square by the network's arrays
    where the network is a pytree (an Equinox module), by the points where it is a plain
    function. They are those of the loss of a bound residual, so that the tile of points is
    tuned too. `chunk` and `remat`, which trade time for memory, stay as they are.

    Args:
        residual: any compiled residual.
        net: the network, as in a call of the residual.
        points: the points, as many as in training.
        repeats: measurements per choice; their median counts.
        progress: whether to show a progress bar.
        **parameters: values of the residual's parameters.

    Returns:
        The residual with its `tuning` pinned.

    Raises:
        OperatorError: if networks, points or parameters do not fit, or `repeats` < 1.

    Examples:
        >>> x = sp.Symbol("x")
        >>> residual, net = oc.compile(sp.Function("u")(x).diff(x, 2)), lambda p: p[0] ** 2
        >>> quick = oc.autotune(residual, net, jnp.ones((4, 1)), repeats=1, progress=False)
        >>> quick(net, jnp.ones((2, 1))).tolist()
        [2.0, 2.0]
    """
    if repeats < 1:
        raise OperatorError(
            "nothing can be measured in no repetitions",
            expression=f"repeats={repeats}",
            hint="give at least 1",
        )
    best = residual
    fastest = _time(residual, net, points, parameters, repeats)
    seen = {_program(residual, net, points, parameters)}
    trials = list(_trials())
    # A bar on the terminal; the package loads without what draws it.
    from rich.progress import track

    # Older versions of Rich print a line also when they are disabled.
    for name, value in track(trials, "tuning", transient=True) if progress else trials:
        candidate = best.tuned(replace(best.tuning, **{name: value}))
        # Most choices change nothing for a given operator: equal programs, equal times.
        program = _program(candidate, net, points, parameters)
        if program in seen:
            continue
        seen.add(program)
        taken = _time(candidate, net, points, parameters, repeats)
        if taken < _WORTH * fastest:
            best, fastest = candidate, taken
    return best


def _trials() -> Iterator[tuple[str, Any]]:
    for name, values in _CHOICES.items():
        for value in values:
            yield name, value


def _step(residual: Residual, net: Any, parameters: Any) -> Callable[..., Any]:
    """Returns (arrays, points) -> mean square and its gradient."""
    leaves, structure = jax.tree.flatten(net)
    places = [k for k, leaf in enumerate(leaves) if _is_trained(leaf)]

    def of_arrays(arrays: Sequence[Any]) -> Any:
        filled = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        return jax.tree.unflatten(structure, filled)

    apply: Any = lambda arrays, point: of_arrays(arrays)(point)
    if isinstance(net, Mapping):
        apply = {
            key: lambda arrays, point, key=key: of_arrays(arrays)[key](point)
            for key in net
        }
    f = residual.bind(apply)
    loss = lambda arrays, points: f.loss(arrays, points, **parameters)
    return jax.value_and_grad(loss, argnums=0 if places else 1)


def _is_trained(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def _lowered(residual: Residual, net: Any, points: Any, parameters: Any) -> Any:
    arrays = [leaf for leaf in jax.tree.leaves(net) if _is_trained(leaf)]
    points = jax.tree.map(jnp.asarray, points)
    step = jax.jit(_step(residual, net, parameters))
    return step.lower(arrays, points), arrays, points


def _program(residual: Residual, net: Any, points: Any, parameters: Any) -> int:
    lowered, _, _ = _lowered(residual, net, points, parameters)
    return hash(lowered.as_text())


def _time(
    residual: Residual, net: Any, points: Any, parameters: Any, repeats: int
) -> float:
    lowered, arrays, points = _lowered(residual, net, points, parameters)
    compiled = lowered.compile()
    jax.block_until_ready(compiled(arrays, points))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(compiled(arrays, points))
        times.append(time.perf_counter() - start)
    return statistics.median(times)
