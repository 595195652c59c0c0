"""Which way an equation goes: the primitive itself, its rule, or the fallback."""

from collections.abc import Sequence
from typing import Any

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.registry import Context
from opcompiler.taylor.rules import RULES
from opcompiler.taylor.value import is_active, Value


def interpreter(algebra: TaylorAlgebra) -> Context:
    """Returns the context in which programs are interpreted by default."""
    return Context(algebra, apply)


def apply(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Runs one equation: its primitive, its rule, or the fallback."""
    if not any(map(is_active, inputs)):
        return _compat.bind(equation, *inputs)
    found = RULES.get(equation.primitive.name, any_primitive)
    return found(context, equation, inputs)
