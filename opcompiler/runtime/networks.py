"""Which callable gives which fields, and in which form.

In: a function of one point, or a dict of such functions by field. Out: a `Group` per
function: its fields, and where each stands among its outputs:

    {"u": net_u, ("v", "w"): net}  ->  Group(("u",), ...), Group(("v", "w"), ...)

Most of this file refuses what does not fit, at one traced point, before anything is pushed:
later the same mistake would be an error of JAX from inside a derivative.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler.errors import OperatorError
from opcompiler.frontend import field_names
from opcompiler.ir import Operator
from opcompiler.runtime.over import Over
from opcompiler.runtime.points import check_names, Points
from opcompiler.runtime.tracing import Traced
from opcompiler.taylor.misuse import explained

Network = Callable[[Array], Any]
"""A function of ONE point, (d,) -> () or (m,)."""


@dataclass(frozen=True)
class Group:
    """Fields that one network gives together.

    Attributes:
        fields: in the order of the outputs.
        network: what gives them.
        alone: the only field that the residual needs, if the network may give just this
            field; else empty.
        pairs: the fields that are two real outputs each, the real part first.
    """

    fields: tuple[str, ...]
    network: Traced
    alone: tuple[str, ...] = ()
    pairs: frozenset[str] = frozenset()

    def places(self, field: str) -> tuple[int, ...]:
        """Returns the numbers of a field's outputs, one or two."""
        before = self.fields[: self.fields.index(field)]
        first = sum(2 if name in self.pairs else 1 for name in before)
        return (first, first + 1) if field in self.pairs else (first,)

    def pick(self, outputs: Array, field: str, axis: int = -1) -> Array:
        """Returns a field from an array with an axis of all outputs."""
        parts = [
            lax.index_in_dim(outputs, n, axis, keepdims=False)
            for n in self.places(field)
        ]
        return parts[0] if len(parts) == 1 else lax.complex(*parts)


def read_networks(given: Any, operator: Operator, points: Any = None) -> list[Group]:
    """Reads one callable for all fields, or a dict of callables; each is traced once.

    A key of the dict is a field, or a tuple of fields for a network that gives
    several. Where the points hold functions, too, a network takes (point, function).

    Raises:
        OperatorError: for missing or unknown fields, values that are not callable, one
            network for fields of different arguments, or of an order that is not
            declared.
    """
    single = not isinstance(given, Mapping)
    items = [(operator.fields, given)] if single else given.items()
    networks = [(field_names(key), network) for key, network in items]
    names = [name for fields, _ in networks for name in fields]
    known = (*operator.fields, *operator.others)
    check_names("field", names, known, required=operator.used)
    if len(names) != len(set(names)):
        raise OperatorError(
            "a field is given by two networks",
            expression=", ".join(names),
            hint="name every field once",
        )
    for fields, network in networks:
        _check_network(fields, network, operator)
    if single and not operator.ordered:
        raise unordered(operator.fields)
    of_one = points.split if isinstance(points, Over) else lambda network: network
    traced = {id(network): Traced(of_one(network)) for _, network in networks}
    alone = operator.used if single and len(operator.used) == 1 else ()
    return [Group(fields, traced[id(net)], alone) for fields, net in networks]


def unordered(fields: tuple[str, ...]) -> OperatorError:
    """Returns the error about one network for fields whose order is not declared."""
    names = sorted(fields)
    listed = ", ".join(map(repr, names))
    dict_of_networks = ", ".join(f"{name!r}: ..." for name in names)
    return OperatorError(
        f"one network is given for the fields {', '.join(names)}, and nothing says "
        "which of its outputs is which: SymPy does not keep the order in which they "
        "were written",
        expression=", ".join(names),
        hint=f"say it, oc.compile(..., fields=[{listed}]) in the order of the outputs; "
        f"or give a dict of networks, {{{dict_of_networks}}} or {{({listed}): net}}",
    )


def _check_network(fields: tuple[str, ...], network: Any, operator: Operator) -> None:
    check_callable(
        f"the network of {', '.join(fields)}",
        network,
        "a function of one point, or a dict of such functions by field",
    )
    arguments = {
        name: _arguments(name, operator) for name in fields if name in operator.used
    }
    known = {a for a in arguments.values() if "?" not in a}
    if len(known) > 1 or len(set(map(len, arguments.values()))) > 1:
        listed = ", ".join(f"{n}({', '.join(a)})" for n, a in arguments.items())
        raise OperatorError(
            "one network cannot give fields of different arguments",
            expression=listed,
            hint="give a dict with a network for each: "
            f"{{{', '.join(f'{n!r}: ...' for n in fields)}}}",
        )


def check_callable(what: str, given: Any, wanted: str) -> None:
    """Refuses what is no function: a pair of functions, parameters, a class."""
    if callable(given) and not isinstance(given, type):
        return
    hint = f"give {wanted}"
    if isinstance(given, type):
        hint = "give an object of the class"
    elif hasattr(given, "init") and hasattr(given, "apply"):  # as Haiku has it
        hint = "give residual.bind its apply: hk.without_apply_rng(f).apply"
    elif isinstance(given, list | tuple) and any(map(callable, given)):
        hint = 'give a dict by field: {"u": net_u, "v": net_v}'
    raise OperatorError(
        f"{what} is not callable", expression=repr(given)[:200], hint=hint
    )


def _arguments(field: str, operator: Operator) -> tuple[str, ...]:
    """Returns the field's arguments where they are plain, else `?` for each."""
    for functional in operator.functionals:
        site = operator.sites[functional.site]
        if functional.field == field and site.names is not None:
            return site.names
    return ("?",) * operator.arity[operator.fields.index(field)]


def check_outputs(group: Group, points: Points, kinds: Mapping[str, str]) -> Group:
    """Finds out how a network gives its fields at one point.

    Args:
        group: the fields and the network.
        points: some.
        kinds: of fields that are declared "real" or "complex".

    Returns:
        The group, its complex fields in pairs if the network is real and has two outputs
        for each of them.

    Raises:
        OperatorError: with the fields, the shape found and the shape expected.
    """
    names = ", ".join(group.fields)
    one, more = (points.width - points.more,), ""
    if points.more:
        more = " and one function"
    with explained(
        f"the network of {names} cannot be called on one point of shape {one}{more}",
        f"a network is a function of ONE point, {one}{more} -> {_expected(group.fields)}; "
        "batching is done for you",
    ):
        found = group.network.result(points.like)
    shape = getattr(found, "shape", None)
    if group.alone and shape in ((), (1,)):
        group = replace(group, fields=group.alone)
    allowed = {(len(group.fields),)} | ({()} if len(group.fields) == 1 else set())
    pairs = frozenset(name for name in group.fields if kinds.get(name) == "complex")
    paired = bool(pairs) and shape == (len(group.fields) + len(pairs),)
    if shape not in allowed and not paired:
        returned = f"a {type(found).__name__}" if shape is None else f"shape {shape}"
        raise OperatorError(
            f"the network of {names} returns {returned} at one point",
            expression=names,
            hint=_form_hint(group, pairs, found),
        )
    if not jnp.issubdtype(found.dtype, jnp.inexact) and not found.weak_type:
        raise OperatorError(
            f"the network of {names} returns {found.dtype}, whose derivatives are zero",
            expression=names,
            hint="return floating-point numbers; where steps are meant: .astype(float)",
        )
    if jnp.issubdtype(found.dtype, jnp.complexfloating):
        _check_complex(group, paired, kinds)
    if _width(found.dtype) > _width(points.dtype):
        raise OperatorError(
            f"the network of {names} returns {found.dtype} at points of {points.dtype}",
            expression=names,
            hint=f"cast the points to {found.dtype}, or the network's parameters to "
            f"{points.dtype}",
        )
    return replace(group, pairs=pairs) if paired else group


def _form_hint(group: Group, pairs: frozenset[str], found: Any) -> str:
    shape = getattr(found, "shape", None)
    first, *_ = group.fields
    names = ", ".join(group.fields)
    if group.alone not in ((), group.fields):
        (only,) = group.alone
        return (
            f"one network gives all the fields, {names}, in this order, though {only} "
            f"alone is needed here; give a network of {only} as {{{only!r}: net}}"
        )
    order = f", in the order {names}" if len(group.fields) > 1 else ""
    hint = f"return an array of shape {_expected(group.fields)}{order}"
    if found is None:
        return f"{hint}: is a return missing?"
    if shape is None:
        hint += ": jnp.stack makes one of parts"
    if pairs:
        outputs = ", ".join(
            f"re {n}, im {n}" if n in pairs else n for n in group.fields
        )
        size = len(group.fields) + len(pairs)
        return f"{hint}; or, all real, of shape ({size},): {outputs}"
    if shape == (2 * len(group.fields),):
        hint += (
            "; if these are real and imaginary parts, declare the fields complex: "
            f"Function('{first}', complex=True), or `complex field` in text"
        )
    return hint


def _check_complex(group: Group, paired: bool, kinds: Mapping[str, str]) -> None:
    """Refuses complex values of parts, and of fields that SymPy took for real."""
    names = ", ".join(group.fields)
    if paired:
        raise OperatorError(
            f"the network of {names} returns pairs of complex numbers",
            expression=names,
            hint=f"return {_expected(group.fields)} complex numbers, or pairs of real ones",
        )
    for name in group.fields:
        if kinds.get(name) == "real":
            raise OperatorError(
                f"the network of {names} returns complex numbers, and {name} is declared "
                "real",
                expression=name,
                hint="SymPy has used it, conjugate(u) = u: declare it without real=True, "
                "or return real numbers",
            )


def _expected(fields: Sequence[str]) -> str:
    return "()" if len(fields) == 1 else f"({len(fields)},)"


def _width(dtype: Any) -> int:
    """Bytes of one real number of a dtype."""
    complex_valued = jnp.issubdtype(dtype, jnp.complexfloating)
    return dtype.itemsize // (2 if complex_valued else 1)
