"""Expressions in indices as programs that gather what they read."""

from collections.abc import Sequence
from itertools import count

import sympy as sp

from opcompiler.core.errors import OperatorError
from opcompiler.core.sums import Body, Gather
from opcompiler.operator.emit import emit
from opcompiler.operator.names import printable
from opcompiler.operator.signature import Signature
from opcompiler.operator.vectors import check_component

_LETTERS = "ijklmnpqrs"


class Bodies:
    """Writes bodies; the same index, at the same place in a sum, has one symbol.

    Attributes:
        canonical: the symbols of the first, second, ... index of a sum.
        inputs: names of coordinates and parameters.
    """

    def __init__(self, signature: Signature, taken: Sequence[str]) -> None:
        self._taken = set(taken)
        self._sizes = signature.sizes
        self._arrays = signature.arrays
        self.inputs = tuple(
            s.name
            for s in (*signature.coordinates, *signature.parameters)
            if isinstance(s, sp.Symbol)
        )
        self.canonical = [
            sp.Dummy(self.fresh(letter), integer=True) for letter in _LETTERS
        ]

    def fresh(self, wish: str) -> str:
        """Returns a name that no coordinate, parameter or other input has."""
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish

    def body(
        self,
        expressions: Sequence[sp.Expr],
        indices: Sequence[sp.Symbol],
        inputs: Sequence[str] = (),
    ) -> Body:
        """Writes expressions in indices as one body, an output for each.

        Args:
            expressions: over components, indices, coordinates, parameters, `inputs`.
            indices: the first is index number 0, and so on.
            inputs: names of further inputs.
        """
        names = [s.name for s in self.canonical[: len(indices)]]
        gathers: dict[sp.Indexed, Gather] = {}
        used = {*self.inputs, *inputs, *names}
        atoms = {a for e in expressions for a in e.atoms(sp.Indexed)}
        for place in sorted(atoms, key=sp.default_sort_key):
            gathers[place] = self.gather(place, indices, used)
        known: dict[sp.Basic, sp.Basic] = {
            i: sp.Symbol(name) for i, name in zip(indices, names, strict=True)
        }
        known |= {place: sp.Symbol(g.name) for place, g in gathers.items()}
        written = [e.xreplace(known) for e in expressions]
        read = [*self.inputs, *inputs, *names, *(g.name for g in gathers.values())]
        return Body(
            tuple(enumerate(names)), tuple(gathers.values()), emit(written, read)
        )

    def gather(
        self, place: sp.Indexed, indices: Sequence[sp.Symbol], used: set[str]
    ) -> Gather:
        """Reads an indexed name as an input that is gathered."""
        if place.base not in self._sizes and place.base not in self._arrays:
            raise OperatorError(
                f"{place.base} is no coordinate and no parameter",
                expression=place,
                hint="make it an argument of the field",
            )
        for number, size in zip(place.indices, place.base.shape or (), strict=False):
            if number.is_Integer and size.is_Integer:
                check_component(place, int(number), int(size))
        places = tuple(place_of(number, indices) for number in place.indices)
        wish = f"{place.base}" + "".join(
            f"_{shift}"
            if number is None
            else f"_{self.canonical[number].name}" + _shift_text(shift)
            for number, shift in places
        )
        name = next(n for k in count() if (n := f"{wish}{'_' * k}") not in used)
        used.add(name)
        return Gather(name, str(place.base), places)


def _shift_text(shift: int) -> str:
    return "" if shift == 0 else (f"p{shift}" if shift > 0 else f"m{-shift}")


def place_of(number: sp.Expr, indices: Sequence[sp.Symbol]) -> tuple[int | None, int]:
    """Reads `i + 2` as (number of i, 2), `3` as (None, 3).

    Raises:
        OperatorError: for any other expression.
    """
    if number.is_Integer:
        return None, int(number)
    for place, index in enumerate(indices):
        shift = number - index
        if shift.is_Integer:
            return place, int(shift)
    raise OperatorError(
        "a component's index must be a number, or an index of the sum plus a number",
        expression=printable(number),
        hint="write x[i], x[i + 1], x[3]",
    )
