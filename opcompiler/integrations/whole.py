"""One network, and whole points, of a foreign program for all unknown fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jax import Array

from opcompiler.errors import OperatorError
from opcompiler.runtime.grid import grid
from opcompiler.runtime.networks import unordered
from opcompiler.runtime.points import check_names
from opcompiler.runtime.residual import Residual


@dataclass(frozen=True)
class Whole:
    """A residual whose unknown fields are all given by one network of whole points.

    Attributes:
        residual: of `opcompiler.compile`.
        known: the coefficient functions, by field.
        fields: the unknown ones, in the order of the network's outputs.
        columns: names of the coordinates in the order of the network's arguments, which
            is that in which the unknown fields are written.
    """

    residual: Residual
    known: Mapping[str, Callable[..., Any]]
    fields: tuple[str, ...]
    columns: tuple[str, ...]

    def evaluate(
        self,
        net: Callable[..., Any],
        points: Array,
        parameters: Mapping[str, Any],
        product: bool = False,
    ) -> tuple[Array, ...]:
        """Returns the equations, (...) each.

        Args:
            net: of one point, (D,) -> (number of fields,).
            points: (..., D) in the order of `columns`.
            parameters: their values, by name.
            product: whether the columns are the axes of a grid, not points.
        """
        networks = {self.fields: net, **self.known}
        places: Any = {name: points[..., n] for n, name in enumerate(self.columns)}
        if product:
            places = grid(places)
        values = self.residual(networks, places, **parameters)
        if isinstance(values, Mapping):
            return tuple(values.values())
        return values if isinstance(values, tuple) else (values,)


def whole(
    residual: Residual, known: Mapping[str, Callable[..., Any]], package: str
) -> Whole:
    """Finds out which fields the network of a package gives, and of what.

    Raises:
        OperatorError: if the unknown fields have not all coordinates as arguments, or
            in different orders; if nobody has declared in which order the network gives
            them; if a coefficient is no field.
    """
    check_names("field", known, (*residual.fields, *residual.operator.others), ())
    fields = tuple(name for name in residual.fields if name not in known)
    if not fields:
        raise OperatorError(
            "no field is left for the network",
            expression=", ".join(residual.fields),
            hint="`known` is for coefficients only",
        )
    names = tuple(str(coordinate) for coordinate in residual.coordinates)
    written = {
        functional.field: arguments
        for functional in residual.operator.functionals
        if functional.field in fields
        and (arguments := residual.operator.sites[functional.site].names) is not None
    }
    columns = next(iter(written.values()), names)
    for field, arguments in written.items():
        if arguments != columns or set(arguments) != set(names):
            raise OperatorError(
                f"a network of {package} takes whole points, and {field} has other "
                "arguments",
                expression=f"{field}({', '.join(arguments)})",
                hint=f"write {field}({', '.join(names)}), or, if it is a known "
                f"coefficient, give known={{{field!r}: function}}",
            )
    if len(fields) > 1 and not residual.operator.ordered:
        raise unordered(fields)
    return Whole(residual, known, fields, columns)
