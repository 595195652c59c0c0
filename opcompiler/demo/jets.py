r"""A residual by `jax.experimental.jet`: univariate jets along directions, one by one.

JAX's own Taylor mode pushes one direction at a time, so every operator is written as a sum
of powers, $p(\xi) = \sum_r c_r (v_r\cdot\xi)^k$, and each $(v_r\cdot\partial)^k u$ is read
off a jet along $v_r$. Finding few directions is what `opcompiler.planning` does; they are
lent to the rival.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.jet import jet

import opcompiler as oc
from opcompiler.algebra.weil import Tangent
from opcompiler.ir import Functional
from opcompiler.planning.polarization import shared_directions
from opcompiler.runtime.networks import (
    check_outputs,
    Group,
    Network,
    read_networks,
)
from opcompiler.runtime.points import read_points
from opcompiler.runtime.shell import run_program
from opcompiler.runtime.sites import read_scene, site_points
from opcompiler.taylor.push import tangent_row

Powers = dict[Functional, dict[Tangent, float]]
"""How each functional is made from directional derivatives of its order."""


def by_jets(residual: oc.Residual) -> Callable[..., Any]:
    """Returns (net, points, quadrature, **parameters) -> residuals, a list or a dict.

    Raises:
        OperatorError: if it holds sums over components, which no jet evaluates.
    """
    operator = residual.operator
    if operator.sums or not all(site.plain for site in operator.sites):
        raise oc.OperatorError(
            "a sum over the components of a long vector is not written out",
            hint="take fewer components",
        )
    powers = _powers(operator.functionals)
    names = dict(operator.named)

    def evaluate(net: Any, points: Any, quadrature: Any, **named: Any) -> Any:
        where = read_points(points, operator.columns)
        scene = read_scene(where, operator, {**residual.defaults, **named}, quadrature)
        groups = read_networks(net, operator)
        in_order = (number for stage in operator.stages for number in stage)
        for number in in_order:
            (site,) = site_points(operator, [number], where, scene).values()
            for group in groups:
                here = {
                    f: terms
                    for f, terms in powers.items()
                    if f.site == number and f.field in group.fields
                }
                if not here:
                    continue
                given = check_outputs(group, site.where, dict(operator.kinds))
                found = _evaluated(given, here, site.points)
                scene = scene.knowing(
                    {names[f]: v.reshape(site.where.shape) for f, v in found.items()}
                )
        outputs = run_program(operator.program, scene.plain, where.dtype)
        residuals = [where.restore(r) for r in outputs]
        keys = operator.equations.keys
        return residuals if keys is None else dict(zip(keys, residuals, strict=True))

    return evaluate


def _powers(functionals: tuple[Functional, ...]) -> Powers:
    found: Powers = {}
    for site in dict.fromkeys(f.site for f in functionals):
        here = [f for f in functionals if f.site == site]
        symbols = list(dict.fromkeys(f.symbol for f in here if f.symbol.order))
        sums = shared_directions(symbols)
        for f in here:
            if f.symbol.order:
                found[f] = {v: float(c) for v, c in sums[f.symbol].items()}
            else:
                ((_, c),) = f.symbol.terms
                found[f] = {(): float(c)}
    return found


def _evaluated(group: Group, here: Powers, points: Array) -> dict[Functional, Array]:
    """Evaluates functionals of one site: a jet for each direction, of the top order."""
    orders: dict[Tangent, int] = {}
    for functional, terms in here.items():
        for v in terms:
            orders[v] = max(orders.get(v, 0), functional.symbol.order)
    jets = {v: _jet(group.network, points, v, order) for v, order in orders.items()}
    values = {}
    for functional, terms in here.items():
        total: Any = 0
        for v, c in terms.items():
            array = jets[v][functional.symbol.order]
            own = group.pick(array, functional.field) if array.ndim == 2 else array
            total = total + c * own
        values[functional] = total
    return values


def _jet(network: Network, points: Array, tangent: Tangent, order: int) -> list[Array]:
    """Returns the value and the derivatives along a direction, at all points."""
    row = tangent_row(tangent, points.shape[1], points.dtype)
    if row is None:
        return [jax.vmap(network)(points)]

    def at(point: Array) -> list[Array]:
        series = [row] + [jnp.zeros_like(row)] * (order - 1)
        value, derivatives = jet(network, (point,), (series,))
        return [value, *derivatives]

    return jax.vmap(at)(points)
