"""Which declared names nothing uses: a misspelt one has a twin that nothing reads.

A coordinate is used where something is differentiated by it, or stands on it; it is not by
being among the arguments of a field. A definition is used where it was written: the
equations hold it written out, so the reader notes that, and so it does for parameters,
which a dimension `R^d` holds by their values.
"""

from collections.abc import Iterator, Mapping

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.text.problem import Condition
from opcompiler.text.scope import Scope
from opcompiler.text.values import flat


def unused(
    scope: Scope, equations: Mapping[str, sp.Eq], conditions: Mapping[str, Condition]
) -> tuple[str, ...]:
    """Returns the declared names that neither an equation nor a declaration uses.

    Each behind the word that it was declared by, in declared order: `parameter rho`.
    """
    stated = [*equations.values(), *(c.equation for c in conditions.values())]
    sides = [side for equation in stated for side in equation.args]
    sides += [part for value in scope.definitions.values() for part in flat(value)]
    for coordinate in scope.coordinates.values():
        sides += [*(coordinate.interval or ()), *filter(None, [coordinate.dimension])]
    for declared in scope.fields.values():
        sides += declared.shape or ()
    seen = {name for side in sides for name in _names(side, scope)}

    def missing(names: tuple[str, ...]) -> bool:
        return not seen.intersection(names)

    found = [
        f"coordinate {c.name}"
        for c in scope.coordinates.values()
        if missing((c.name, *(str(s) for s in c.symbols)))
    ]
    for declared in scope.fields.values():
        if missing((declared.name, *declared.names)):
            word = "coefficient" if declared.known else "field"
            found.append(f"{word} {declared.name}")
    for parameter in scope.parameters.values():
        if parameter.name not in scope.used and missing((parameter.name,)):
            word = "unknown" if parameter.unknown else "parameter"
            found.append(f"{word} {parameter.name}")
    found += [
        f"definition {name}" for name in scope.definitions if name not in scope.used
    ]
    return tuple(found)


def _names(expr: sp.Basic, scope: Scope) -> Iterator[str]:
    """Yields the names in an expression; of a field at home its own alone."""
    pending = [expr]
    while pending:
        node = pending.pop()
        if isinstance(node, AppliedUndef):
            yield node.func.__name__
            pending += _moved(node, scope)
        elif isinstance(node, sp.Symbol):
            yield node.name
        else:
            pending += node.args


def _moved(field: AppliedUndef, scope: Scope) -> list[sp.Basic]:
    """Returns the coordinates that a field elsewhere has other values of, and these."""
    declared = scope.field_of(field.func.__name__)
    if field in scope.home or declared is None:
        return []
    pairs = zip(scope.arguments(declared), field.args, strict=True)
    return [part for pair in pairs if pair[0] != pair[1] for part in pair]
