"""The one family of errors that a user of the compiler can cause."""

from copyreg import __newobj__ as new_object
from typing import Any

from opcompiler.visible import visible


class OperatorError(Exception):
    """Base class of every error raised about a user's operator, network or points.

    The parts stay separate attributes, so that tests and editors need not parse the
    message; only `__str__` joins them.

    Attributes:
        problem: what is wrong, in one sentence.
        expression: the offending sub-expression as text; `None` if there is none.
        hint: what was expected and how to mend it.

    Examples:
        >>> try:
        ...     oc.parse("coordinates x; field u; u_x = nux")
        ... except oc.OperatorError as error:
        ...     print(error.hint)
        declare it: `parameter nux`, or as a field or coordinate
    """

    def __init__(
        self, problem: str, *, expression: object | None = None, hint: str
    ) -> None:
        self.problem = problem
        self.expression = None if expression is None else str(expression)
        self.hint = hint
        super().__init__(problem)

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is rebuilt from its `args` alone, and ours are made of more. One that
        # fails where it is unpickled leaves a `multiprocessing.Pool` waiting for ever.
        return new_object, (type(self), *self.args), self.__dict__

    def __str__(self) -> str:
        return visible(self._message())

    def _message(self) -> str:
        """Returns the parts in one text, as they are."""
        where = f"\n  in: {self.expression}" if self.expression else ""
        return f"{self.problem}{where}\n  hint: {self.hint}"
