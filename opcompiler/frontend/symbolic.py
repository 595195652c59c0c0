"""What is handed to SymPy's constructors: expressions, numbers and lists, never text.

SymPy's constructors take strings, `Derivative(u, "x")` or `(i, 0, "n")`, and hand them to
Python's `eval`. Every function of ours that calls such a constructor asks here first.
"""

from numbers import Number
from typing import TypeVar

import sympy as sp
from sympy.core.function import UndefinedFunction

from opcompiler.errors import OperatorError

Given = TypeVar("Given")


def symbolic(given: Given) -> Given:
    """Returns the argument itself if it is an expression, a number or a list of them.

    Raises:
        OperatorError: for text, fields without arguments, and foreign objects.
    """
    if isinstance(given, list | tuple):
        for part in given:
            symbolic(part)
        return given
    if isinstance(given, UndefinedFunction):
        raise OperatorError(
            "a field stands without its arguments",
            expression=given,
            hint=f"apply it to its coordinates: {given}(t, x)",
        )
    if isinstance(given, sp.Basic | sp.MatrixBase | Number):
        return given
    hint = "give symbols, expressions and numbers"
    if isinstance(given, str):
        hint += "; text is never evaluated, oc.parse reads equations"
    elif callable(given):
        hint += (
            "; on JAX functions work oc.taylor.laplacian(f), oc.taylor.partials(f, ...)"
        )
    elif hasattr(given, "tolist"):
        hint += "; sympy.Matrix(array.tolist()) makes a matrix of an array"
    raise OperatorError(
        f"{type(given).__name__} is not a SymPy expression",
        expression=repr(given)[:200],
        hint=hint,
    )
