r"""Equations as people write them: `u_t + 6*u*u_x + u_xxx`, as text and in LaTeX.

In: a normal form. Out: a line of text, or of LaTeX, for each equation that the user gave:

    equation_texts(operator)        ('6*u*u_x + u_t + u_xxx = 0',)
    equation_formulas(operator)     ('6 u {u}_{x} + {u}_{t} + {u}_{xxx}',)

They are SymPy's printers but for fields. A field at the coordinates themselves, its *home*,
stands without arguments; derivatives are subscripts, named by the coordinates at home, so
`u_x(0)` is the slope at 0. SymPy's own printers repeat all arguments and write fractions of
differentials, which is twice as long.
"""

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from opcompiler.frontend.normalize import NormalForm
from opcompiler.frontend.traversal import parts

_Home = tuple[sp.Basic, ...]


def equation_texts(operator: NormalForm) -> tuple[str, ...]:
    """Returns a line per equation, with its key where the user gave a dict."""
    printer, given = _Text(_homes(operator)), operator.equations
    lines = tuple(f"{printer.doprint(r)} = 0" for r in given.residuals)
    if given.keys is None:
        return lines
    return tuple(f"{k}: {line}" for k, line in zip(given.keys, lines, strict=True))


def equation_formulas(operator: NormalForm) -> tuple[str, ...]:
    """Returns the left side of each equation in LaTeX."""
    printer = _Latex(_homes(operator))
    return tuple(map(printer.doprint, operator.equations.residuals))


def family_formulas(operator: NormalForm) -> tuple[dict[str, str], tuple[str, ...]]:
    r"""Returns residuals by name, and residuals and their derivatives by these names.

    The equations are those of a Sobolev loss: derivatives of a residual R stand
    unevaluated, and are written $\partial_x R$.

    Returns:
        What R (of several $R_1$, $R_2$, ...) is, and a formula for each equation.
    """
    printer = _Latex(_homes(operator))
    derived: list[tuple[sp.Expr, tuple[Any, ...]]] = []
    for residual in operator.equations.residuals:
        base, by = residual, ()
        inner = residual.expr if isinstance(residual, sp.Derivative) else None
        known = inner in operator.equations.residuals
        if inner is not None and (known or not isinstance(inner, AppliedUndef)):
            base, by = inner, residual.variable_count
        derived.append((base, by))
    bases = list(dict.fromkeys(base for base, _ in derived))
    names = [f"R_{{{n + 1}}}" if len(bases) > 1 else "R" for n in range(len(bases))]
    named = dict(zip(bases, names, strict=True))

    def partial(by: sp.Basic, times: sp.Basic) -> str:
        power = "" if times == 1 else f"^{{{times}}}"
        return f"\\partial_{{{printer.doprint(by)}}}{power}"

    rows = (
        " ".join([*(partial(*pair) for pair in by), named[base]])
        for base, by in derived
    )
    return {named[base]: printer.doprint(base) for base in bases}, tuple(rows)


def _homes(operator: NormalForm) -> dict[str, _Home]:
    """Returns for each field the first different coordinates that it is applied to."""
    known = set(operator.coordinates)
    found: dict[str, _Home] = {}
    for part in parts(*operator.equations.residuals):
        different = len(set(part.args)) == len(part.args)
        if isinstance(part, AppliedUndef) and different and known.issuperset(part.args):
            found.setdefault(part.func.__name__, part.args)
    return found


class _Fields:
    """What both printers do with fields; the methods are those that SymPy calls."""

    homes: dict[str, _Home]
    _print: Any

    def named(self, name: str, by: list[str]) -> str:
        """Returns the name of a derivative, or of the field itself."""
        raise NotImplementedError

    def called(self, name: str, arguments: str) -> str:
        """Returns a name with arguments."""
        raise NotImplementedError

    def _field(self, field: AppliedUndef, by: Iterable[sp.Basic], at: _Home) -> str:
        name = field.func.__name__
        home = self.homes.get(name)
        if home is None or len(home) != len(at):
            home = field.args
        # By an argument of the field, whatever it is called here; or by a component.
        place = dict(zip(field.args, home, strict=True))
        own = self.named(name, [self._print(place.get(v, v)) for v in by])
        if at == self.homes.get(name):
            return own
        return self.called(own, ", ".join(map(self._print, at)))

    def _print_AppliedUndef(self, expr: AppliedUndef, exp: Any = None) -> str:  # noqa: N802
        text = self._field(expr, (), expr.args)
        return text if exp is None else f"{text}^{{{exp}}}"

    def _print_Derivative(self, expr: sp.Derivative) -> str:  # noqa: N802
        field = expr.expr
        if isinstance(field, AppliedUndef):
            by = [v for v, n in expr.variable_count for _ in range(int(n))]
            return self._field(field, by, field.args)
        return super()._print_Derivative(expr)

    def _print_Subs(self, expr: sp.Subs) -> str:  # noqa: N802
        inner, pins = expr.expr, dict(zip(expr.variables, expr.point, strict=True))
        if isinstance(inner, sp.Derivative) and isinstance(inner.expr, AppliedUndef):
            field = inner.expr
            by = [v for v, n in inner.variable_count for _ in range(int(n))]
            at = tuple(argument.xreplace(pins) for argument in field.args)
            return self._field(field, by, at)
        return super()._print_Subs(expr)

    def _print_Idx(self, expr: sp.Idx) -> str:  # noqa: N802
        return self._print(sp.Symbol(str(expr.label)))

    def _print_Dummy(self, expr: sp.Dummy) -> str:  # noqa: N802
        return self._print(sp.Symbol(expr.name))


# SymPy calls these methods by position; it names their arguments in several ways.
class _Text(_Fields, StrPrinter):  # pyright: ignore[reportIncompatibleMethodOverride]
    def __init__(self, homes: dict[str, _Home]) -> None:
        super().__init__()
        self.homes = homes

    def named(self, name: str, by: list[str]) -> str:
        short = all(len(v) == 1 for v in by)
        subscript = "".join(by) if short else f"{{{','.join(by)}}}"
        return f"{name}_{subscript}" if by else name

    def called(self, name: str, arguments: str) -> str:
        return f"{name}({arguments})"


class _Latex(_Fields, LatexPrinter):  # pyright: ignore[reportIncompatibleMethodOverride]
    def __init__(self, homes: dict[str, _Home]) -> None:
        super().__init__()
        self.homes = homes

    def named(self, name: str, by: list[str]) -> str:
        shown = self._print(sp.Symbol(name))
        # Names with an index of their own would run together.
        subscript = ("" if all(len(v) == 1 for v in by) else " ").join(by)
        return f"{{{shown}}}_{{{subscript}}}" if by else shown

    def called(self, name: str, arguments: str) -> str:
        return f"{name}\\left({arguments}\\right)"
