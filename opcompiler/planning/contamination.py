r"""What the coefficients of a jet hold: a check of hand-made jet tables.

The convention here is that of the published tables and of `jax.experimental.jet`: the
curve is $x + \sum_s v_s\,\varepsilon^s/s!$ and coefficients are derivatives, $J_k = k!$
times the coefficient of $\varepsilon^k$. With coordinate $e_i$ in slot $s_i$,

$$ J_k = \sum_{\sum_i \beta_i s_i = k} \frac{k!}{\prod_i \beta_i!\,(s_i!)^{\beta_i}}\;
   \partial^\beta u . $$

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
appendix F.2. Its equation 43 has the factors $1/s!$ twice; the examples have them once.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from opcompiler.algebra.quadratic import Exact
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import argument_name, linear_text, MultiIndex, OperatorSymbol
from opcompiler.planning.slots import contents, Curve, Jet
from opcompiler.visible import plain_text, simple_table

if TYPE_CHECKING:
    from rich.table import Table

HIGHEST_JET = 48
"""Of a jet that is reported on: twice `HIGHEST_ORDER`, for slots beyond the first.

A coefficient of order k holds a partial derivative for every partition of k into slots.
"""


@public('oc.contamination({2: "x", 3: "y"}, 9)')
@dataclass(frozen=True)
class Contamination:
    """Which partial derivatives each coefficient of a jet holds.

    Attributes:
        arguments: names of the field's coordinates.
        tangents: the tangent in each slot, $v_s$.
        outputs: what $J_0, J_1, ...$ hold, exactly.

    Examples:
        >>> report = oc.contamination({2: "x", 3: "y"}, 9)
        >>> report
        <Contamination of a jet of order 9: e_x in slot 2, e_y in slot 3>
    """

    arguments: tuple[str, ...]
    tangents: Curve
    outputs: tuple[OperatorSymbol, ...]

    @property
    def order(self) -> int:
        """The jet's order."""
        return len(self.outputs) - 1

    def coefficient(self, partial: MultiIndex | str, order: int) -> Exact:
        """Returns the factor of a partial derivative in a coefficient; 0 if absent.

        Args:
            partial: a multi-index, or coordinates as in a subscript: `xxy`, `x1,x1,x2`.
            order: number of the coefficient.

        Returns:
            An exact number.

        Raises:
            OperatorError: for a coordinate or a coefficient that there is not.

        Examples:
            >>> print(report.coefficient("xxxy", 9))
            1260
        """
        return dict(self._output(order).terms).get(self._index(partial), Fraction(0))

    def orders(self, partial: MultiIndex | str) -> tuple[int, ...]:
        """Returns the coefficients that hold a partial derivative.

        Args:
            partial: a multi-index, or coordinates as in a subscript: `xxy`, `x1,x1,x2`.

        Returns:
            Their numbers, ascending.

        Raises:
            OperatorError: for a coordinate that there is not.

        Examples:
            >>> report.orders("xxxy")
            (9,)
        """
        return tuple(
            k for k in range(self.order + 1) if self.coefficient(partial, k) != 0
        )

    def is_pure(self, partial: MultiIndex | str, order: int) -> bool:
        """Returns whether a coefficient holds a partial derivative and nothing else.

        Args:
            partial: a multi-index, or coordinates as in a subscript: `xxy`, `x1,x1,x2`.
            order: number of the coefficient.

        Raises:
            OperatorError: for a coordinate or a coefficient that there is not.

        Examples:
            >>> report.is_pure("xxy", 7), report.is_pure("xxxy", 9)
            (True, False)
        """
        alone = len(self._output(order).terms) == 1
        return alone and self.coefficient(partial, order) != 0

    def unwanted(self, partial: MultiIndex | str, order: int) -> OperatorSymbol:
        """Returns what has to be subtracted from a coefficient to get one derivative.

        Args:
            partial: a multi-index, or coordinates as in a subscript: `xxy`, `x1,x1,x2`.
            order: number of the coefficient.

        Returns:
            The other derivatives that it holds, with their factors.

        Raises:
            OperatorError: if the coefficient does not hold the derivative.

        Examples:
            >>> report.unwanted("xxxy", 9).label("u", report.arguments)
            '280*u_yyy'
        """
        alpha = self._index(partial)
        terms = dict(self._output(order).terms)
        if alpha not in terms:
            there = ", ".join(f"J{k}" for k in self.orders(alpha))
            raise OperatorError(
                f"J{order} does not hold {self._name(alpha)}",
                hint=f"it is in {there}" if there else "no coefficient holds it",
            )
        del terms[alpha]
        return OperatorSymbol.of(terms)

    def recipe(self, partial: MultiIndex | str, order: int) -> str:
        """Returns how to read a derivative: `u_xxxy = (J9 - 280*u_yyy)/1260`.

        Args:
            partial: a multi-index, or coordinates as in a subscript: `xxy`, `x1,x1,x2`.
            order: number of the coefficient.

        Returns:
            The recipe, in which the field is called u.

        Raises:
            OperatorError: if the coefficient does not hold the derivative.

        Examples:
            >>> report.recipe("xxy", 7)
            'u_xxy = J7/105'
        """
        others = self.unwanted(partial, order).scaled(-1)
        alpha = self._index(partial)
        scale = self.coefficient(alpha, order)
        minus = [(self._name(beta), c) for beta, c in others.terms]
        value = linear_text([(f"J{order}", Fraction(1)), *minus])
        value = f"({value})" if minus and scale != 1 else value
        below = f"{scale}" if Fraction(scale).denominator == 1 else f"({scale})"
        return f"{self._name(alpha)} = {value}" + ("" if scale == 1 else f"/{below}")

    def __str__(self) -> str:
        return plain_text(self._headline(), self._table())

    def __repr__(self) -> str:
        return f"<Contamination of a {self._headline()}>"

    def _headline(self) -> str:
        places = (
            f"{linear_text((f'e_{argument_name(self.arguments, i)}', c) for i, c in v)}"
            f" in slot {slot}"
            for slot, v in self.tangents
        )
        return f"jet of order {self.order}: {', '.join(places)}"

    def _table(self) -> "Table":
        table = simple_table("coefficient", "holds", "gives")
        for k, output in enumerate(self.outputs):
            match output.terms:
                case ():
                    continue
                case ((alpha, _),):
                    gives = self.recipe(alpha, k)
                case _:
                    gives = f"nothing alone: {len(output.terms)} derivatives"
            table.add_row(f"J{k}", output.label("u", self.arguments), gives)
        return table

    def _output(self, order: int) -> OperatorSymbol:
        if not 0 <= order <= self.order:
            raise OperatorError(
                f"this jet has no coefficient J{order}",
                hint=f"they go from J0 to J{self.order}",
            )
        return self.outputs[order]

    def _name(self, alpha: MultiIndex) -> str:
        return alpha.label("u", self.arguments)

    def _index(self, partial: MultiIndex | str) -> MultiIndex:
        if isinstance(partial, MultiIndex):
            return partial
        short = all(len(name) == 1 for name in self.arguments)
        names = [n.strip() for n in partial.split(",")] if "," in partial else [partial]
        if short and "," not in partial:
            names = list(partial)
        places = [_place(name, self.arguments) for name in names if name]
        return MultiIndex(tuple(map(places.count, range(len(self.arguments)))))


@public('oc.contamination({2: "x", 3: "y"}, 9)')
def contamination(
    slots: Mapping[int, str | Mapping[str, int | Fraction]],
    order: int,
    arguments: str | Sequence[str] | None = None,
) -> Contamination:
    """Says exactly what each coefficient of a jet holds.

    >>> oc.contamination({2: "x", 3: "y"}, 9).recipe("xxxy", 9)
    'u_xxxy = (J9 - 280*u_yyy)/1260'

    Args:
        slots: what is in each slot, counted from 1: a coordinate, for its unit vector,
            or a dense tangent by its components, `{"x": 1, "y": -1}`.
        order: of the jet.
        arguments: all coordinates of the field, in its order; by default those that
            are in slots, by slot.

    Raises:
        OperatorError: for a slot or an order below 1, an order beyond `HIGHEST_JET`, or
            an unknown coordinate.
    """
    for slot, tangent in slots.items():
        named = isinstance(tangent, str | Mapping) and all(map(_is_name, tangent))
        if not isinstance(slot, int) or not named:
            raise OperatorError(
                "a slot is a number, and holds the name of a coordinate",
                expression=f"{{{slot!r}: {tangent!r}}}",
                hint='for instance {2: "x", 3: {"x": 1, "y": -1}}',
            )
    dense = {s: {v: 1} if isinstance(v, str) else v for s, v in sorted(slots.items())}
    if order > HIGHEST_JET:
        raise OperatorError(
            f"a jet of order {order}",
            expression=f"order={order}",
            hint=f"orders of jets go up to {HIGHEST_JET}",
        )
    if order < 1 or min(dense, default=1) < 1:
        raise OperatorError(
            f"there is no jet of order {order} with the slots {sorted(slots)}",
            hint="slots and orders are counted from 1",
        )
    names = tuple(
        arguments or dict.fromkeys(name for v in dense.values() for name in v)
    )
    curve = tuple(
        (s, tuple(sorted((_place(name, names), Fraction(c)) for name, c in v.items())))
        for s, v in dense.items()
    )
    # Slots of the tables hold v_s/s!, and coefficients are derivatives: k! times ours.
    normalised = tuple(
        (s, tuple((i, c / math.factorial(s)) for i, c in v)) for s, v in curve
    )
    outputs: list[OperatorSymbol] = []
    for k, content in enumerate(contents(Jet(normalised, order))):
        terms: dict[MultiIndex, Fraction] = {}
        for places, c in content.items():
            alpha = MultiIndex.of(len(names), Counter(places))
            terms[alpha] = Fraction(c) * math.factorial(k) / alpha.factorial
        outputs.append(OperatorSymbol.of(terms))
    return Contamination(names, curve, tuple(outputs))


def _is_name(given: object) -> bool:
    return isinstance(given, str)


def _place(name: str, arguments: Sequence[str]) -> int:
    if name not in arguments:
        raise OperatorError(
            f"there is no coordinate {name!r}", hint=f"take {', '.join(arguments)}"
        )
    return list(arguments).index(name)
