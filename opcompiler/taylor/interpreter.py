"""Which way an equation goes: the primitive itself, its rule, or the fallback."""

from collections.abc import Sequence
from typing import Any

from opcompiler import _compat
from opcompiler.algebra.families import fold
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.families import without_families
from opcompiler.taylor.registry import Context, FAMILY_RULES, SPARSE_RULES
from opcompiler.taylor.rules import RULES
from opcompiler.taylor.sparse import densified, SparseArray
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import is_active, Value


def interpreter(algebra: TaylorAlgebra, tuning: Tuning = DEFAULT) -> Context:
    """Returns the context in which programs are interpreted.

    An algebra that has families from the start stays as it is.
    """
    folding = None if algebra.has_families else fold(algebra, tuning.fold_from)
    return Context(
        algebra if folding is None else folding.folded,
        apply,
        folding,
        tuning.stack_from,
        tuning.compose_upto,
    )


def apply(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Runs one equation: its primitive, its rule, or the fallback."""
    if not any(map(is_active, inputs)):
        return _compat.bind(equation, *inputs)
    name = equation.primitive.name
    if any(isinstance(value, SparseArray) for value in inputs):
        if name in SPARSE_RULES:
            outputs = SPARSE_RULES[name](context, equation, inputs)
            if outputs is not None:
                return outputs
        inputs = [densified(value) for value in inputs]
    if name not in RULES:
        return any_primitive(context, equation, inputs)
    if name in FAMILY_RULES:
        return RULES[name](context, equation, inputs)
    return without_families(context, RULES[name], equation, inputs)
