"""The table of Taylor rules, one per JAX primitive, keyed by the primitive's name.

To add one: put it in the file of its class in `rules/`, decorated with `@rule(name)`.
The name is that of the primitive, never that of a jit-compiled function: a user's
`silu` is not ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from opcompiler._compat import Equation
from opcompiler.algebra.families import Folding
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.tuning import DEFAULT
from opcompiler.taylor.value import Value

Rule = Callable[["Context", Equation, Sequence[Value]], list[Value]]
"""(context, equation, operands) -> outputs."""


@dataclass(frozen=True)
class Context:
    """What a rule may ask of its surroundings.

    Attributes:
        algebra: the algebra of all active operands.
        apply: runs one equation: the primitive itself, its rule, or the fallback.
        folding: how the algebra came from one without families, if it did.
        stack_from: number of channels from which a matrix product is done on all of
            them at once.
        compose_upto: order up to which elementwise functions are composed from scalar
            derivatives instead of by recurrence.
    """

    algebra: TaylorAlgebra
    apply: Rule
    folding: Folding | None = None
    stack_from: int = DEFAULT.stack_from
    compose_upto: int = DEFAULT.compose_upto

    def truncated(self, order: int) -> "Context":
        """Returns the context for values known up to a lower order only."""
        return replace(self, algebra=self.algebra.truncated(order))


RULES: dict[str, Rule] = {}

KINDS: dict[str, str] = {}
"""The class of each primitive: the file in which its rule stands."""

FAMILY_RULES: set[str] = set()
"""Primitives whose rules take families; for the others families are written out."""

SparseRule = Callable[["Context", Equation, Sequence[Value]], list[Value] | None]

SPARSE_RULES: dict[str, SparseRule] = {}
"""Rules that take sparse values; `None` from one of them: this one has to be dense."""


def sparse_rule(*names: str) -> Callable[[SparseRule], SparseRule]:
    """Registers how primitives act where some operands are sparse, see `sparse.py`."""

    def register(function: SparseRule) -> SparseRule:
        for name in names:
            if name in SPARSE_RULES:
                raise AssertionError(f"{name} already has {SPARSE_RULES[name]}")
            SPARSE_RULES[name] = function
        return function

    return register


def rule(
    *names: str, families: bool = False, kind: str | None = None
) -> Callable[[Rule], Rule]:
    """Registers the rule of primitives; each can have only one.

    Args:
        names: of the primitives.
        families: whether the rule takes channels with a family's axis.
        kind: the class of the primitives; the file of the function by default.
    """

    def register(function: Rule) -> Rule:
        where = kind or function.__module__.rpartition(".")[2]
        for name in names:
            if name in RULES:
                raise AssertionError(f"{name} already has the rule {RULES[name]}")
            RULES[name] = function
            KINDS[name] = where
            if families:
                FAMILY_RULES.add(name)
        return function

    return register
