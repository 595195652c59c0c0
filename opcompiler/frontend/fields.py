"""Which fields one network gives, and in which order.

In: what a user declares of fields, and the signature found in the equations. Out: `Fields`,
their names in the order of the network's outputs.

    oc.compile(equations, fields=["u", "v"])    # output 0 is u, output 1 is v
    field_names([u, "w", sp.Function("p")])     # ("u", "w", "p")

SymPy sorts sums, products and their derivatives, and so it loses the order in which fields
were written before a compiler sees them. Therefore the order is never guessed: it is
declared, by `fields=` or in a text, or there is only one field.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from opcompiler.errors import OperatorError
from opcompiler.frontend.signature import Signature


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared of fields, apart from what the equations show.

    Attributes:
        order: names, Function classes, applied functions, or lists and matrices of them,
            in the order of one network's outputs; `None` if it is not declared.
        complex: names of fields that are complex, whatever SymPy assumes.
        known: all the names that there are; `None` where only the equations tell.
    """

    order: Any = None
    complex: frozenset[str] = frozenset()
    known: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one network.

    Attributes:
        names: in the order of its outputs; or, if that is not declared, of appearance.
        ordered: whether the order is declared, or there is only one.
        arity: number of arguments of each; 0 for one that the equations do not hold.
        kinds: of fields that are declared "real" or "complex".
        others: names of a problem's other fields.
    """

    names: tuple[str, ...]
    ordered: bool
    arity: tuple[int, ...]
    kinds: tuple[tuple[str, str], ...]
    others: tuple[str, ...] = ()


def field_names(given: Any) -> tuple[str, ...]:
    """Returns the names in what stands for fields: names, functions, several of them.

    A vector of functions, such as `oc.VectorField` returns, counts as its components.
    """
    return tuple(name for name, _ in _entries(given))


def _entries(given: Any) -> list[tuple[str, Any]]:
    """Returns pairs: the name of a field, and what stood for it."""
    if isinstance(given, list | tuple | sp.Tuple | sp.MatrixBase | sp.NDimArray):
        return [entry for part in given for entry in _entries(part)]
    if isinstance(given, UndefinedFunction):
        return [(given.__name__, given)]
    if isinstance(given, AppliedUndef):
        return [(given.func.__name__, given)]
    return [(re.sub(r"\(.*", "", str(given), flags=re.DOTALL).strip(), given)]


def read_fields(declaration: Declaration, signature: Signature) -> Fields:
    """Returns the fields of one network that serves these equations.

    Raises:
        OperatorError: for what is no field, and for fields that are named twice, not at
            all, or unknown.
    """
    used = dict(zip(signature.fields, signature.arity, strict=True))
    kinds = dict(signature.kinds)
    names = signature.fields
    if declaration.order is not None:
        entries = _ordered(declaration.order, {*used, *(declaration.known or ())})
        names = tuple(name for name, _ in entries)
        _check(entries, used, declaration, signature)
        kinds |= {n: k for n, given in entries if (k := _kind(given)) and n not in used}
    known = declaration.known or ()
    kinds |= dict.fromkeys(declaration.complex, "complex")
    return Fields(
        names,
        declaration.order is not None or len(names) == 1,
        tuple(used.get(name, 0) for name in names),
        tuple((name, kinds[name]) for name in (*names, *known) if name in kinds),
        tuple(name for name in known if name not in names),
    )


def _kind(given: Any) -> str | None:
    if not isinstance(given, UndefinedFunction | AppliedUndef):
        return None
    if getattr(given, "is_extended_real", None) is True:
        return "real"
    return "complex" if getattr(given, "is_complex", None) is True else None


def _ordered(order: Any, there: set[str]) -> list[tuple[str, Any]]:
    if isinstance(order, set | frozenset | Mapping):
        raise OperatorError(
            f"a {type(order).__name__} gives no order of the fields",
            expression=f"fields={order}",
            hint=f"give a list: fields=[{_quoted(there)}]",
        )
    if isinstance(order, str):
        words = order.replace(",", " ").split()
        # A text is a sequence of letters too.
        letters = words == [order] and order not in there and there >= set(order)
        return _entries(list(order) if letters else words)
    listed = isinstance(order, list | tuple | sp.Basic | sp.MatrixBase)
    if listed or isinstance(order, UndefinedFunction):
        return _entries(order)
    try:
        return _entries(list(order))
    except TypeError as error:
        raise OperatorError(
            "fields= names the outputs of one network",
            expression=f"fields={order!r}"[:200],
            hint=f"give a list: fields=[{_quoted(there)}]",
        ) from error


def _check(
    entries: list[tuple[str, Any]],
    used: Mapping[str, int],
    declaration: Declaration,
    signature: Signature,
) -> None:
    names = [name for name, _ in entries]
    there = list(dict.fromkeys((*used, *(declaration.known or ()))))
    hint = (
        "name each field once, in the order of the network's outputs: "
        f"fields=[{_quoted(used)}]"
    )
    missing = [name for name in used if name not in names]
    symbols = {str(s) for s in (*signature.coordinates, *signature.parameters)}
    symbols |= {str(array) for array in signature.arrays}
    for name, given in entries:
        shown = f"fields=[{', '.join(names)}]"
        if names.count(name) > 1:
            raise OperatorError(
                f"the field {name} is named twice", expression=shown, hint=hint
            )
        if name in there:
            continue
        # What the equations do not hold may be a further output of the network.
        strange = declaration.known is not None or missing or name in symbols
        if strange or not _is_name(name, given):
            close = get_close_matches(name, there, n=1)
            guess = f"did you mean {close[0]}? " if close else ""
            raise OperatorError(
                f"there is no field {name}", expression=shown, hint=guess + hint
            )
    if missing:
        raise OperatorError(
            f"the order of the fields leaves out {', '.join(missing)}",
            expression=f"fields=[{', '.join(names)}]",
            hint=hint,
        )


def _is_name(name: str, given: Any) -> bool:
    function = isinstance(given, UndefinedFunction | AppliedUndef)
    return function or (
        isinstance(given, str) and bool(re.fullmatch(r"[^\W\d]\w*", name))
    )


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names, key=_natural))


def _natural(name: str) -> list[Any]:
    """Sorts E2 before E10."""
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]
