"""Primitives whose derivative is zero wherever it exists: steps, integers, keys."""

from collections.abc import Sequence
from typing import Any

from opcompiler import _compat
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import primal, Value

_NAMES = (
    "and", "argmax", "argmin", "bitcast_convert_type", "ceil", "clz", "eq", "eq_to",
    "floor", "ge", "gt", "iota", "is_finite", "le", "le_to", "lt", "lt_to", "ne",
    "axis_index", "mulhi", "not", "or", "population_count", "random_bits",
    "random_clone", "random_fold_in", "random_seed", "random_split", "random_unwrap",
    "random_wrap", "rng_bit_generator", "rng_uniform", "round", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "stop_gradient",
    "threefry2x32", "xor",
)  # fmt: skip


@rule(*_NAMES, families=True)
def constant(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Runs the primitive on the plain values."""
    del context
    return _compat.bind(equation, *map(primal, inputs))
