"""The columns of points: plain coordinates, and vectors of many components."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One coordinate as the user sees it.

    Attributes:
        name: its name.
        size: number of components of a vector; `None` for a plain coordinate.
        components: names of the components, where they are written out.
    """

    name: str
    size: int | None = None
    components: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 if self.size is None else self.size
