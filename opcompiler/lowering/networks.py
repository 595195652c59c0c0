"""Which callable gives which fields."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax import Array

from opcompiler.core.errors import OperatorError
from opcompiler.lowering.points import check_names
from opcompiler.operator import Operator

Network = Callable[[Array], Any]
"""A function of ONE point, (d,) -> () or (m,)."""


@dataclass(frozen=True)
class Group:
    """Fields that one network gives together, in the order of its outputs."""

    fields: tuple[str, ...]
    network: Network


def read_networks(given: Any, operator: Operator) -> list[Group]:
    """Reads one callable for all fields, or a dict of callables.

    A key of the dict is a field, or a tuple of fields for a network that gives
    several.

    Raises:
        OperatorError: for missing or unknown fields, values that are not callable, and
            one network for fields of different arguments.
    """
    if isinstance(given, Mapping):
        groups = [Group(_fields(key), network) for key, network in given.items()]
    else:
        groups = [Group(operator.fields, given)]
    names = [name for group in groups for name in group.fields]
    check_names("field", names, operator.fields, required=operator.fields)
    if len(names) != len(set(names)):
        raise OperatorError(
            "a field is given by two networks",
            expression=", ".join(names),
            hint="name every field once",
        )
    for group in groups:
        _check_group(group, operator)
    return groups


def _fields(key: Any) -> tuple[str, ...]:
    return tuple(map(str, key)) if isinstance(key, tuple) else (str(key),)


def _check_group(group: Group, operator: Operator) -> None:
    if not callable(group.network):
        raise OperatorError(
            f"the network of {', '.join(group.fields)} is not callable",
            expression=repr(group.network)[:200],
            hint="give a function of one point, or a dict of such functions by field",
        )
    arguments = {name: _arguments(name, operator) for name in group.fields}
    known = {a for a in arguments.values() if "?" not in a}
    if len(known) > 1 or len(set(map(len, arguments.values()))) > 1:
        listed = ", ".join(f"{n}({', '.join(a)})" for n, a in arguments.items())
        raise OperatorError(
            "one network cannot give fields of different arguments",
            expression=listed,
            hint="give a dict with a network for each: "
            f"{{{', '.join(f'{n!r}: ...' for n in group.fields)}}}",
        )


def _arguments(field: str, operator: Operator) -> tuple[str, ...]:
    """Returns the field's arguments where they are plain, else `?` for each."""
    for functional in operator.functionals:
        site = operator.sites[functional.site]
        if functional.field == field and site.names is not None:
            return site.names
    return ("?",) * operator.arity[operator.fields.index(field)]


def check_outputs(group: Group, point: jax.ShapeDtypeStruct) -> None:
    """Refuses a network that does not give one number per field at one point.

    Raises:
        OperatorError: with the fields, the shape found and the shape expected.
    """
    names = ", ".join(group.fields)
    try:
        found = jax.eval_shape(group.network, point)
    except (TypeError, ValueError) as error:
        raise OperatorError(
            f"the network of {names} cannot be called on one point of shape "
            f"{point.shape}",
            expression=f"{type(error).__name__}: {error}",
            hint=f"a network is a function of ONE point, {point.shape} -> "
            f"{_expected(group.fields)}; batching is done for you",
        ) from error
    shape = getattr(found, "shape", None)
    allowed = {(len(group.fields),)} | ({()} if len(group.fields) == 1 else set())
    if shape not in allowed:
        raise OperatorError(
            f"the network of {names} returns {_describe(found)} at one point",
            expression=names,
            hint=f"return an array of shape {_expected(group.fields)}"
            + (f", in the order {names}" if len(group.fields) > 1 else ""),
        )
    if _width(found.dtype) > _width(point.dtype):
        raise OperatorError(
            f"the network of {names} returns {found.dtype} at points of {point.dtype}",
            expression=names,
            hint=f"cast the points to {found.dtype}, or the network's parameters to "
            f"{point.dtype}",
        )


def _describe(found: Any) -> str:
    shape = getattr(found, "shape", None)
    return f"shape {shape}" if shape is not None else f"a {type(found).__name__}"


def _expected(fields: Sequence[str]) -> str:
    return "()" if len(fields) == 1 else f"({len(fields)},)"


def _width(dtype: Any) -> int:
    """Bytes of one real number of a dtype."""
    complex_valued = jax.numpy.issubdtype(dtype, jax.numpy.complexfloating)
    return dtype.itemsize // (2 if complex_valued else 1)
