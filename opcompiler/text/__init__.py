"""The text notation: from text to a `Problem` of SymPy equations, and back.

In: a text of declarations, equations and conditions; out: a `Problem`.

    problem = parse("coordinates t, x; field u; heat: u_t = u_xx")
    problem.equations["heat"]    Eq(Derivative(u(t, x), t), Derivative(u(t, x), (x, 2)))

The way of a text, by file:

    grammar.py       grammar/operator.lark -> lexer and parser
    layout.py        characters -> tokens -> syntax.py's tree
    statements.py    tree -> problem.py's Problem; usage.py finds names that nothing uses
    reader.py        a part of the tree -> its value, by a table of functions:
    expressions.py     one for each rule of the grammar; precedence.py refuses doubtful ones
    heads.py           fields at points, and the operators and functions before parentheses
    conditions.py      what `where` compares
    scope.py         which names are declared; spelling.py spells and splits them
    values.py        what an expression is: SymPy, or a tuple of such
    shapes.py        vector calculus on values, by opcompiler/calculus/tensors.py
    derivatives.py   derivatives and evaluation points, unevaluated; normal.py
    application.py   functions at their arguments
    limits.py        how long and how large anything may be
    mistakes.py      errors with a place; habits.py has hints
    printing.py      a Problem -> text
    typesetting.py   a Problem -> LaTeX

Every form stands with an example in `grammar/README.md`.
"""

from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.text.limits import LONGEST_TEXT
from opcompiler.text.mistakes import NotationError, Source
from opcompiler.text.printing import to_text
from opcompiler.text.problem import (
    Condition,
    Coordinate,
    Field,
    Parameter,
    Part,
    Problem,
)
from opcompiler.text.statements import read_problem
from opcompiler.text.typesetting import to_latex

__all__ = [
    "Condition",
    "Coordinate",
    "Field",
    "NotationError",
    "Parameter",
    "Part",
    "Problem",
    "load",
    "parse",
    "to_latex",
    "to_text",
]


@public('oc.parse("coordinates x; field u; e: u_xx = k*u", parameters={"k": 2})')
def parse(
    text: str, *, parameters: Mapping[str, float] | None = None, file: str = "<text>"
) -> Problem:
    """Reads a problem in the notation of `grammar/README.md`.

    Args:
        text: declarations, equations and conditions.
        parameters: values that replace those in the text, by name; a dimension among
            them (`x in R^d`) writes the coordinates out.
        file: the name that errors show.

    Returns:
        The problem: `opcompiler.compile(problem)` takes it.

    Raises:
        OperatorError: with file, line, column and a caret under what is wrong.

    Examples:
        >>> problem = oc.parse("coordinates t, x; field u; heat: u_t = u_xx")
        >>> problem.equations["heat"]
        Eq(Derivative(u(t, x), t), Derivative(u(t, x), (x, 2)))
    """
    given = {str(name): _number(name, v) for name, v in (parameters or {}).items()}
    # Some editors begin a file with a mark of its byte order.
    return read_problem(Source(text.removeprefix("\ufeff"), file), given)


@public('oc.load("heat.pde"); oc.parse reads a text')
def load(path: str | Path, *, parameters: Mapping[str, float] | None = None) -> Problem:
    """Reads a problem from a file, by custom `name.pde`, in UTF-8.

    Args:
        path: of the file.
        parameters: values that replace those in the text, by name; a dimension among
            them (`x in R^d`) writes the coordinates out.

    Returns:
        The problem.

    Raises:
        OperatorError: if the file cannot be read, or if its text is wrong, with line,
            column and a caret under what is wrong.

    Examples:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "heat.pde"
        >>> _ = file.write_text("coordinates t, x; field u; heat: u_t = u_xx")
        >>> oc.load(file).symbols
        (t, x)
    """
    try:
        with Path(path).open("rb") as file:
            # One byte more than any text that is read, so that huge files are not.
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise OperatorError(
                f"{path} has more than {_LARGEST_FILE} bytes",
                hint=f"texts of up to {LONGEST_TEXT} characters are read",
            )
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            problem = f"{path} is not UTF-8 at byte {error.start}"
            raise OperatorError(problem, hint="save the file as UTF-8") from None
        why = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise OperatorError(
            f"cannot read {str(path)[:_LONGEST_SHOWN]}: {why}", hint=_other_file(path)
        ) from None
    return parse(text, parameters=parameters, file=str(path))


_LARGEST_FILE = 4 * LONGEST_TEXT
_LONGEST_SHOWN = 200


def _other_file(path: str | Path) -> str:
    """Returns what may have been meant by the name of a file that cannot be read."""
    if any(sign in str(path) for sign in "\n;="):
        return "this is a text, not the name of a file: oc.parse(text) reads it"
    file = Path(path)
    with suppress(OSError, ValueError):
        beside = [
            other.name for other in file.parent.iterdir() if other.suffix == ".pde"
        ]
        with_suffix = f"{file.name}.pde"
        close = [with_suffix] if with_suffix in beside else None
        close = close or get_close_matches(file.name, beside, n=3)
        if close:
            names = " or ".join(str(file.with_name(name)) for name in close)
            return f"did you mean {names}?"
    return "give the name of a file; oc.parse reads a text"


def _number(name: str, value: float) -> sp.Expr:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # a number of NumPy or JAX
    if isinstance(value, bool) or not isinstance(value, int | float | sp.Rational):
        raise OperatorError(
            f"the parameter {name} is given {value!r}", hint="give it a number"
        )
    if isinstance(value, float) and not -1e300 < value < 1e300:
        raise OperatorError(
            f"the parameter {name} is given {value!r}", hint="give it a finite number"
        )
    return sp.Rational(value)
