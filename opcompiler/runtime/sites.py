"""What programs read at the points, and the fields' arguments at every site."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from opcompiler.ir import Extent, Operator, Site
from opcompiler.runtime.indexed import Input, Scene
from opcompiler.runtime.points import check_names, Points, read_arrays, read_parameters
from opcompiler.runtime.precision import as_real, finite
from opcompiler.runtime.quadrature import read_quadrature
from opcompiler.runtime.shell import run_program


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
        part = where.flat[:, start : start + column.width]
        start += column.width
        if column.size is None:
            plain[column.name] = part[:, 0]
        elif column.components:
            plain |= dict(zip(column.components, part.T, strict=True))
        else:
            arrays[column.name] = part
    reach = _reach(operator)
    ranks = dict.fromkeys(arrays, 1) | {name: len(axes) for name, axes in reach.items()}
    plain |= read_parameters(parameters, operator.parameters, where)
    for name, numbers in operator.constants:
        own = [finite(c, where.flat.dtype) for c in numbers]
        arrays[name], ranks[name] = jnp.asarray(own, where.flat.dtype), 1
    arrays |= read_arrays(parameters, operator.arrays, reach, where)
    variables = [name for name, _, _ in operator.axes]
    read = read_quadrature(rules, variables, where.flat.dtype)
    for (_, *inputs), rule in zip(operator.axes, read, strict=True):
        plain |= dict(zip(inputs, rule, strict=True))
    return Scene(plain, arrays, ranks, where.flat.dtype)


def _reach(operator: Operator) -> dict[str, list[list[Extent]]]:
    """Returns the places of each array parameter that are read, by axis."""
    named = {name for name, _ in operator.arrays}
    found: dict[str, list[list[Extent]]] = {}
    for gather in operator.all_gathers():
        if gather.array in named:
            axes = found.setdefault(gather.array, [[] for _ in gather.places])
            for axis, extent in zip(axes, gather.reach, strict=False):
                axis.append(extent)
    return found


def site_points(operator: Operator, where: Points, scene: Scene) -> dict[int, Input]:
    """Returns the fields' arguments at every site."""
    return {
        number: _input(site, operator, where, scene)
        for number, site in enumerate(operator.sites)
    }


def _input(site: Site, operator: Operator, where: Points, scene: Scene) -> Input:
    widths = {column.name: column.width for column in operator.columns}
    sizes = tuple(1 if name is None else widths[name] for name in site.vectors)
    places = tuple(sum(sizes[:n]) for n in range(len(sizes)))
    if site.whole:
        return Input(where.flat, places, sizes, site.vectors, site.plain)
    if site.columns is not None and site.plain:
        return Input(
            _columns(site.columns, operator, where),
            places,
            sizes,
            site.vectors,
            site.plain,
        )
    if operator.axes and not any(site.vectors):
        return _spread(site, scene, where, places)
    outputs = iter(_arguments(site, scene))
    rows = where.flat.shape[0]
    parts = []
    for name in site.vectors:
        if name is not None:
            parts.append(scene.arrays[name])
        else:
            parts.append(jnp.broadcast_to(next(outputs), (rows,))[:, None])
    return Input(
        jnp.concatenate(parts, axis=1), places, sizes, site.vectors, site.plain
    )


def _arguments(site: Site, scene: Scene) -> list[Array]:
    """Returns the arguments of a site that are no vectors.

    Raises:
        OperatorError: for complex ones; a network is called at real points.
    """
    scalar = [
        argument
        for argument, vector in zip(site.arguments, site.vectors, strict=True)
        if vector is None
    ]
    return [
        as_real(
            scene.dtype,
            value,
            f"the argument {argument} of a field",
            "fields stand at real points: take re(...) of it, or a real parameter",
        )
        for argument, value in zip(
            scalar, run_program(site.program, scene.plain, scene.dtype), strict=True
        )
    ]


def _spread(site: Site, scene: Scene, where: Points, places: tuple[int, ...]) -> Input:
    """Returns a site at all nodes of the integrals it is under, before the points."""
    values = _arguments(site, scene)
    shape = jnp.broadcast_shapes(*(v.shape for v in values)) or where.flat.shape[:1]
    columns = [jnp.broadcast_to(v, shape).reshape(-1) for v in values]
    return Input(
        jnp.stack(columns, axis=1),
        places,
        (1,) * len(values),
        site.vectors,
        True,
        shape,
    )


def _columns(columns: tuple[int, ...], operator: Operator, where: Points) -> Array:
    """Selects columns of plain coordinates, numbered with vectors written out or whole."""
    firsts: list[int] = []
    start = 0
    for column in operator.columns:
        firsts += range(start, start + max(len(column.components), 1))
        start += column.width
    return where.flat[:, [firsts[n] for n in columns]]
