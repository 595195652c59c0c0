"""Primitives whose derivative is zero wherever it exists."""

from collections.abc import Sequence
from typing import Any

from opcompiler import _compat
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import primal, Value

_NAMES = (
    "and", "argmax", "argmin", "bitcast_convert_type", "ceil", "clz", "eq", "eq_to",
    "floor", "ge", "gt", "iota", "is_finite", "le", "le_to", "lt", "lt_to", "ne",
    "nextafter", "not", "or", "population_count", "round", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "stop_gradient", "xor",
)  # fmt: skip


@rule(*_NAMES)
def constant(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Runs the primitive on the plain values."""
    del context
    return _compat.bind(equation, *map(primal, inputs))
