"""Which primitives of the installed JAX have a rule of their own, and which fall back."""

from dataclasses import dataclass

from opcompiler import _compat
from opcompiler.edge import public
from opcompiler.taylor.registry import FAMILY_RULES, KINDS
from opcompiler.taylor.rules import RULES


@dataclass(frozen=True, order=True, slots=True)
class Coverage:
    """How one primitive is evaluated on algebra-valued arrays.

    Attributes:
        primitive: its name.
        kind: the file of its rule, as in `taylor/rules`; `fallback` for a primitive
            that goes by its JVP.
        families: whether its rule takes families of directions as they are.
    """

    primitive: str
    kind: str
    families: bool


@public("oc.taylor.coverage()")
def coverage() -> tuple[Coverage, ...]:
    """Returns a row for every primitive with a rule or a JVP, sorted by name."""
    names = set(RULES) | _compat.primitives_with_jvp()
    return tuple(sorted(_row(name) for name in names))


def _row(name: str) -> Coverage:
    found = RULES.get(name)
    if found is None:
        return Coverage(name, "fallback", families=False)
    return Coverage(name, KINDS[name], families=name in FAMILY_RULES)


def coverage_table() -> str:
    """Returns the coverage as a Markdown table, one row per kind of rule."""
    kinds: dict[str, list[str]] = {}
    for row in coverage():
        kinds.setdefault(row.kind, []).append(f"`{row.primitive}`")
    lines = ["| kind | primitives |", "| --- | --- |"]
    lines += [f"| {kind} | {', '.join(kinds[kind])} |" for kind in sorted(kinds)]
    return "\n".join(lines) + "\n"
