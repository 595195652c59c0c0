"""What programs read at the points, and the fields' arguments at every site.

In: the points, and what a call gives by name. Out: a `Scene`, which programs and bodies
read, and for every site an `Input`, the points that a network is called with there:

    u(x, y)    at the points themselves      (N, 2)
    u(0, y)    on the boundary               the site's program gives 0 and y
    u(s, y)    under an integral over s      s (Q, 1) and y (N,): a product of two axes
    b(u(x))    at the values of a field      u is known: it is of an earlier stage
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from opcompiler.ir import Extent, Operator, Site
from opcompiler.runtime.indexed import Input, Scene
from opcompiler.runtime.points import check_names, Points, read_arrays, read_parameters
from opcompiler.runtime.precision import as_real, finite
from opcompiler.runtime.quadrature import read_quadrature
from opcompiler.runtime.shell import run_program


def read_numbers(
    where: Points, operator: Operator, parameters: Mapping[str, Any]
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Reads the parameters that are numbers; functions of the point wait for a scene.

    Returns:
        What varies with the point, (N, ...); and all other parameters.

    Raises:
        OperatorError: for missing or unknown names, and shapes that do not fit.
    """
    check_names("parameter", parameters, operator.given, required=operator.given)
    numbers = {n: v for n, v in parameters.items() if not callable(v)}
    reach = _reach(operator)
    plain = [name for name in operator.parameters if name in numbers]
    found = read_parameters(numbers, plain, where)
    arrays = [(name, shape) for name, shape in operator.arrays if name in numbers]
    found |= read_arrays(numbers, arrays, reach, where)
    ranks = {name: len(reach.get(name, ())) for name in found}
    rows = {name: array for name, array in found.items() if array.ndim > ranks[name]}
    others = {**parameters, **found}
    return rows, {name: v for name, v in others.items() if name not in rows}


def _reach(operator: Operator) -> dict[str, list[list[Extent]]]:
    """Returns of each array parameter the places that are read, by axis."""
    declared = {name for name, _ in operator.arrays}
    reach: dict[str, list[list[Extent]]] = {}
    for gather in operator.all_gathers():
        if gather.array in declared:
            axes = reach.setdefault(gather.array, [[] for _ in gather.places])
            for axis, extent in zip(axes, gather.reach, strict=False):
                axis.append(extent)
    return reach


def read_scene(
    where: Points, operator: Operator, parameters: Mapping[str, Any], rules: Any = None
) -> Scene:
    """Reads coordinates, parameters and quadrature rules.

    Raises:
        OperatorError: for missing or unknown names, and shapes that do not fit.
    """
    names = operator.given
    check_names("parameter", parameters, names, required=names)
    plain: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    start = 0
    for column in operator.columns:
        part = where.column(start, column.width)
        start += column.width
        if column.size is None:
            plain[column.name] = part[..., 0]
        elif column.components:
            parts = jnp.moveaxis(part, -1, 0)
            plain |= dict(zip(column.components, parts, strict=True))
        else:
            arrays[column.name] = part
    reach = _reach(operator)
    ranks = dict.fromkeys(arrays, 1) | {name: len(axes) for name, axes in reach.items()}
    plain |= read_parameters(parameters, operator.parameters, where)
    for name, numbers in operator.constants:
        own = [finite(c, where.dtype) for c in numbers]
        arrays[name], ranks[name] = jnp.asarray(own, where.dtype), 1
    arrays |= read_arrays(parameters, operator.arrays, reach, where)
    variables = [name for name, _, _ in operator.axes]
    read = read_quadrature(rules, variables, where.dtype)
    for (_, *inputs), rule in zip(operator.axes, read, strict=True):
        plain |= dict(zip(inputs, rule, strict=True))
    return Scene(plain, arrays, ranks, where.dtype)


def site_points(
    operator: Operator, numbers: Iterable[int], where: Points, scene: Scene
) -> dict[int, Input]:
    """Returns the fields' arguments at sites, those of one stage perhaps.

    Args:
        operator: the sites.
        numbers: of those that are wanted.
        where: the points.
        scene: with the values of all functionals of earlier stages.

    Raises:
        OperatorError: for complex ones; a network is called at real points.
    """
    return {
        number: _input(operator.sites[number], operator, where, scene)
        for number in numbers
    }


def _input(site: Site, operator: Operator, where: Points, scene: Scene) -> Input:
    widths = {column.name: column.width for column in operator.columns}
    sizes = tuple(1 if name is None else widths[name] for name in site.vectors)
    places = tuple(sum(sizes[:n]) for n in range(len(sizes)))
    made = partial(
        Input, places=places, sizes=sizes, vectors=site.vectors, plain=site.plain
    )
    # At the points themselves, or at some of their columns, no program runs.
    if site.whole:
        return made(where)
    if site.columns is not None and site.plain:
        firsts: list[int] = []  # vectors count as one column, or by component
        start = 0
        for column in operator.columns:
            firsts += range(start, start + max(len(column.components), 1))
            start += column.width
        return made(where.only([firsts[n] for n in site.columns]))

    pairs = zip(site.arguments, site.vectors, strict=True)
    scalars = [argument for argument, vector in pairs if vector is None]
    found = run_program(site.program, scene.plain, scene.dtype)
    values = [
        as_real(
            scene.dtype,
            value,
            f"the argument {argument} of a field",
            "fields stand at real points: take re(...) of it, or a real parameter",
        )
        for argument, value in zip(scalars, found, strict=True)
    ]
    # Beside what the program gives stand whole vectors. Integration variables have axes
    # before that of the points, so all arguments broadcast.
    pending = iter(values)
    parts = [
        next(pending)[..., None] if name is None else scene.arrays[name]
        for name in site.vectors
    ]
    if where.mapped and (any(site.vectors) or not operator.axes):
        parts = [jnp.broadcast_to(p, (where.count, p.shape[-1])) for p in parts]
    return made(Points.beside([*parts, *where.besides], where.more))
