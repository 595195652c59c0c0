r"""Expressions in indices as programs that gather what they read.

In: SymPy expressions over indices, components and functionals, and the ranges of the
indices. Out: an `ir.Body`. For `x[i]*sin(x[i + 1]) * u_ii` with i in 0...8:

    gathers   x_i = x[i + 0],  x_ip1 = x[i + 1], which reaches places 1 to 9
    program   s0 = sin(x_ip1);  s1 = x_i*s0;  s2 = s1*u_ii

The same index, at the same place in a sum, always has the same symbol (`canonical`), so
that equal sums are equal whatever a user called their indices.
"""

from collections.abc import Mapping, Sequence
from itertools import count

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.frontend.emission import emit
from opcompiler.frontend.ranges import (
    check_component,
    hull,
    place_of,
    Range,
    reads,
    size_of,
)
from opcompiler.frontend.signature import Signature
from opcompiler.ir import Body, Extent, Gather

_LETTERS = "ijklmnpqrs"


class IndexedPrograms:
    """Writes the bodies of sums and directions of one set of equations.

    Attributes:
        canonical: the symbols of the first, second, ... index of a sum.
        inputs: names of coordinates and parameters that are numbers at a point.
        outer: names of all coordinates and parameters.
    """

    def __init__(self, signature: Signature) -> None:
        self.outer = (*signature.numbers, *map(str, signature.indexed))
        self._taken = set(self.outer)
        self._sizes = signature.sizes
        self._arrays = signature.arrays
        self._ranks: dict[str, int] = {}
        self.inputs = signature.numbers
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
        indices: Mapping[sp.Symbol, Extent],
        inputs: Sequence[str] = (),
    ) -> Body:
        """Writes expressions in indices as one body, an output for each.

        Args:
            expressions: over components, indices, coordinates, parameters, `inputs`.
            indices: with their ranges; the first is index number 0, and so on.
            inputs: names of further inputs.
        """
        names = [s.name for s in self.canonical[: len(indices)]]
        used = {*self.inputs, *inputs, *names}
        gathers = self.gathers(expressions, indices, used)
        known: dict[sp.Basic, sp.Basic] = {
            i: sp.Symbol(name) for i, name in zip(indices, names, strict=True)
        }
        known |= {place: sp.Symbol(g.name) for place, g in gathers.items()}
        written = [e.xreplace(known) for e in expressions]
        read = [*self.inputs, *inputs, *names, *(g.name for g in gathers.values())]
        program = emit(written, read)
        counted = [
            max(map(abs, extent))
            for name, extent in zip(names, indices.values(), strict=True)
            if program.reads(name)
        ]
        return Body(
            tuple(enumerate(names)),
            tuple(gathers.values()),
            program,
            max(counted, default=0),
        )

    def gathers(
        self,
        expressions: Sequence[sp.Expr],
        indices: Mapping[sp.Symbol, Extent],
        used: set[str],
    ) -> dict[sp.Indexed, Gather]:
        """Reads every indexed name in expressions as an input that is gathered."""
        reached: dict[sp.Indexed, tuple[Range | None, ...]] = {}
        for expr in expressions:
            for place, spans in reads(expr, indices):
                known = reached.get(place, spans)
                reached[place] = tuple(map(hull, known, spans))
        atoms = {a for e in expressions for a in e.atoms(sp.Indexed)}
        return {
            place: self._gather(place, tuple(indices), reached.get(place, ()), used)
            for place in sorted(atoms, key=sp.default_sort_key)
        }

    def _gather(
        self,
        place: sp.Indexed,
        indices: Sequence[sp.Symbol],
        reach: tuple[Range | None, ...],
        used: set[str],
    ) -> Gather:
        if place.base not in self._sizes and place.base not in self._arrays:
            raise OperatorError(
                f"{place.base} is no coordinate and no parameter",
                expression=place,
                hint="make it an argument of the field",
            )
        self._check_rank(place)
        places = tuple(place_of(number, indices) for number in place.indices)
        wish = f"{place.base}" + "".join(
            f"_{shift}"
            if number is None
            else f"_{self.canonical[number].name}" + _shift_text(shift)
            for number, shift in places
        )
        name = next(n for k in count() if (n := f"{wish}{'_' * k}") not in used)
        used.add(name)
        # `place_of` has refused every place whose range is not known.
        spans = tuple(span for span in reach if span is not None)
        for number, span in enumerate(spans):
            check_component(place, span, size_of(place.base, number))
        return Gather(name, str(place.base), places, spans)

    def _check_rank(self, place: sp.Indexed) -> None:
        """Refuses one name with different numbers of indices."""
        rank = self._ranks.setdefault(str(place.base), len(place.indices))
        if rank != len(place.indices):
            raise OperatorError(
                f"{place.base} stands with {rank} and with {len(place.indices)} indices",
                expression=place,
                hint="give it the same number of indices everywhere, or use two names",
            )


def _shift_text(shift: int) -> str:
    return "" if shift == 0 else (f"p{shift}" if shift > 0 else f"m{-shift}")
