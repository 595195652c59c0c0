"""The table of primitives: for each its rule, and how it behaves, declared together.

    @primitive("tanh", kind="elementwise", entries="curved")
    def tanh(context: Context, equation: Equation, inputs: Sequence[Value]):
        ...

In: declarations, next to the rules in `rules/`, and of users (`extension.py`). Out:
`TABLE`, one row per primitive. Whatever depends on the primitive asks its row: which way an
equation goes (`interpret.py`), whether a body is worth composing (`composition.py`), which
networks have kinks (`runtime/pushes.py`) or are not to be reversed
(`runtime/tracing.py`), what `oc.taylor.coverage` lists. So a primitive
is known everywhere once it is declared, wherever its rule stands.

The key is the name of the primitive, never that of a jit-compiled function: a user's `silu`
is not ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from opcompiler import _compat
from opcompiler._compat import Equation
from opcompiler.algebra.families import Folding
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.edge import public
from opcompiler.taylor.arithmetic import Series
from opcompiler.taylor.tuning import DEFAULT
from opcompiler.taylor.value import make, Value


@dataclass(frozen=True)
class Context:
    """What a rule may ask of its surroundings.

    Attributes:
        algebra: the algebra of all active operands.
        folding: how the algebra came from one without families, if it did.
        stack_from: number of channels from which a matrix product is done on all of
            them at once.
        compose_upto: order up to which elementwise functions are composed from scalar
            derivatives instead of by recurrence.
        reducible: whether a family may be exchanged for another one with the same sums
            of squares, because nothing else is read and nothing outside of the program
            at hand has it, see `rank.py`.
        points: where the axis of points stands in the values of the program, if it is
            mapped over points, see `rank.Points`.
        watch: in a trial run, where it is written what happens to families.
    """

    algebra: TaylorAlgebra
    folding: Folding | None = None
    stack_from: int = DEFAULT.stack_from
    compose_upto: int = DEFAULT.compose_upto
    reducible: bool = False
    points: Any = None
    watch: Any = None

    def truncated(self, order: int) -> "Context":
        """Returns the context for values known up to a lower order only."""
        return replace(self, algebra=self.algebra.truncated(order))


Rule = Callable[[Context, Equation, Sequence[Value]], list[Value]]
"""(context, equation, operands) -> outputs."""

SparseRule = Callable[[Context, Equation, Sequence[Value]], list[Value] | None]
"""A rule that takes sparse or local values; `None` from it: they are written out."""

Entries = Literal["", "curved", "flat", "selecting"]


@dataclass(frozen=True)
class Primitive:
    """A row of the table.

    Attributes:
        name: of the primitive.
        kind: the class of its rule, as in `rules/__init__.py`.
        rule: how it acts on algebra-valued arrays.
        entries: how it acts entry by entry: "curved", where a program of such primitives
            is worth composing from scalar derivatives, "flat", where it is piecewise
            linear in one operand, "selecting", where it picks one of its operands; ""
            for what moves, joins or sums entries.
        kink: whether it is there to bend a piecewise linear function; what selects is.
        steep: whether a derivative may be infinite, or no number, at a finite operand.
        sparse: the rule for values that a family changes at a few places only (see
            `places.py`), if it has one; for the others they are written out.
        local: the rule for values whose families are held in lanes (see `support.py`), if
            it has one; for the others they are written out.
        inlined: whether the rule runs the equation's body in its place, in the same
            algebra.
    """

    name: str
    kind: str
    rule: Rule
    entries: Entries = ""
    kink: bool = False
    steep: bool = False
    sparse: SparseRule | None = None
    local: SparseRule | None = None
    inlined: bool = False


TABLE: dict[str, Primitive] = {}
"""Every primitive with a rule of its own; importing `rules` fills it."""

ANY = "any other primitive"
"""The row of `TABLE` for all primitives that have none, see `fallback.py`."""


def primitive(
    *names: str,
    kind: str,
    entries: Entries = "",
    kink: bool = False,
    steep: bool = False,
    sparse: SparseRule | None = None,
    local: SparseRule | None = None,
    inlined: bool = False,
) -> Callable[[Rule], Rule]:
    """Declares primitives that share a rule; each can be declared only once.

    The arguments are those of `Primitive`.
    """

    def declare(rule: Rule) -> Rule:
        for name in names:
            if name in TABLE:
                raise AssertionError(f"{name} already has the rule {TABLE[name].rule}")
            bent = kink or entries == "selecting"
            TABLE[name] = Primitive(
                name, kind, rule, entries, bent, steep, sparse, local, inlined
            )
        return rule

    return declare


CUSTOM: dict[int, tuple[Any, Primitive]] = {}
"""Functions with a custom derivative that have a rule: by the `id` of what was given to
`defjvp` or `defvjp`, which is kept alive beside the row."""


def custom(
    *derivatives: Any,
    name: str,
    kind: str,
    entries: Entries = "",
    steep: bool = False,
    sparse: SparseRule | None = None,
    local: SparseRule | None = None,
) -> Callable[[Rule], Rule]:
    """Declares the rule of a function with a custom derivative.

    Args:
        derivatives: what was given to `defjvp` or `defvjp`; none, where this version of
            JAX has no such function.
        name: of the function.
        kind: as of `Primitive`.
        entries: as of `Primitive`.
        steep: as of `Primitive`.
        sparse: as of `Primitive`.
        local: as of `Primitive`.
    """

    def declare(rule: Rule) -> Rule:
        bent = entries == "selecting"
        row = Primitive(name, kind, rule, entries, bent, steep, sparse, local)
        for derivative in derivatives:
            CUSTOM[id(derivative)] = derivative, row
        return rule

    return declare


def row_of(equation: Equation) -> Primitive:
    """Returns the row of an equation's primitive, that of all others if it has none."""
    name = equation.primitive.name
    if CUSTOM and name.startswith("custom_"):
        for function in _compat.custom_derivatives(equation):
            if id(function) in CUSTOM:
                return CUSTOM[id(function)][1]
    return TABLE.get(name) or TABLE[ANY]


def one_output(
    channels: Callable[[Context, Equation, Sequence[Value]], Series],
) -> Rule:
    """Makes a rule of a function that returns the channels of the only output."""

    def rule(
        context: Context, equation: Equation, inputs: Sequence[Value]
    ) -> list[Value]:
        (aval,) = _compat.output_avals(equation)
        return [make(channels(context, equation, inputs), aval.shape, aval.dtype)]

    return rule


# --- coverage ---------------------------------------------------------------------------


@dataclass(frozen=True, order=True, slots=True)
class Coverage:
    """How one primitive is evaluated on algebra-valued arrays.

    Attributes:
        primitive: its name.
        kind: the class of its rule, as in `taylor/rules`; `fallback` for a primitive
            that goes by its JVP.
    """

    primitive: str
    kind: str


@public("oc.taylor.coverage()")
def coverage() -> tuple[Coverage, ...]:
    """Returns a row for every primitive with a rule or a JVP, sorted by name.

    Examples:
        >>> rows = {row.primitive: row.kind for row in oc.taylor.coverage()}
        >>> rows["add"], rows["tanh"]
        ('elementwise', 'elementwise')
    """
    rows = [Coverage(p.name, p.kind) for p in TABLE.values() if p.name != ANY]
    others = _compat.primitives_with_jvp() - set(TABLE)
    return tuple(sorted([*rows, *(Coverage(n, "fallback") for n in others)]))
