"""Straight-line programs: the shell as plain data, after SymPy and before JAX.

    program ::= inputs, step*, outputs
    step    ::= name = function(operand*)
    operand ::= name | float | complex | int | bool

A float, or a complex number, is a number of the equation: when the program runs it has the
precision of the points. An int is an exponent, an order or an axis, fixed when the program
is written.

A program is what `residual.source()` prints and what the lowering evaluates, so the text
that a user reads is the thing that runs.
"""

from dataclasses import dataclass

Operand = str | bool | int | float | complex


@dataclass(frozen=True, slots=True)
class Step:
    """`name = function(*operands)`; a string operand is the name of an earlier value."""

    name: str
    function: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Steps in order of execution.

    Attributes:
        inputs: names that must be given: coordinates, parameters, functionals.
        steps: every operand name is an input or the name of an earlier step.
        outputs: one operand per result.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Operand, ...]

    def reads(self, name: str) -> bool:
        """Whether a step or an output has an operand of this name."""
        operands = (operand for step in self.steps for operand in step.operands)
        return name in (*operands, *self.outputs)
