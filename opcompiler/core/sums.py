r"""Sums over components as plain data: what runs for every tuple of indices.

A sum $\sum_{i} g(x_i, \partial_i u, \dots)$ never becomes d terms. One *template* stands
for all of them: an operator in a few directions, some of which run with the indices. Its
plan is that of any operator of so many arguments, and so is its proof.
"""

from dataclasses import dataclass, field

from opcompiler.core.program import Program
from opcompiler.core.symbol import Functional

Extent = tuple[int, int]
"""First and last value of an index, both included."""


@dataclass(frozen=True, slots=True)
class Gather:
    """An input of a body that is read from an array at the indices.

    Attributes:
        name: of the input.
        array: a vector coordinate, or a parameter with axes of its own.
        places: per axis of the array (number of an index, shift); the number is `None`
            for a fixed place, the shift.
        reach: per axis the least and the greatest place that is read; empty if none is,
            because no case that reads it is ever taken.
    """

    name: str
    array: str
    places: tuple[tuple[int | None, int], ...]
    reach: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A program that is run at every tuple of indices.

    Attributes:
        indices: for each index its number and the input that holds its value.
        gathers: inputs read from arrays.
        program: its other inputs are coordinates, parameters and functionals.
        greatest: the greatest index that the program reads as a number.
    """

    indices: tuple[tuple[int, str], ...]
    gathers: tuple[Gather, ...]
    program: Program
    greatest: int = 0

    @property
    def read(self) -> set[int]:
        """The indices that its outputs depend on."""
        gathered = {n for g in self.gathers for n, _ in g.places if n is not None}
        numbers = {name: number for number, name in self.indices}
        operands = [o for step in self.program.steps for o in step.operands]
        named = (o for o in (*operands, *self.program.outputs) if isinstance(o, str))
        return gathered | {numbers[name] for name in named if name in numbers}


@dataclass(frozen=True, slots=True)
class Argument:
    """A direction along one plain argument of the field."""

    label: str = field(compare=False)
    place: int

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices."""
        return False


@dataclass(frozen=True, slots=True)
class Component:
    """A direction along a component of a vector argument, that of an index or a fixed one.

    Attributes:
        label: for people.
        place: number of the vector among the field's arguments.
        index: number of the index; `None` for the component number `shift`.
        shift: added to the index.
        scale: its length, one output; 1 if `None`.
        table: per value of the index the argument it is along, all of them plain; then
            place and shift say nothing.
    """

    label: str = field(compare=False)
    place: int
    index: int | None
    shift: int
    scale: Body | None = None
    table: tuple[int, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices."""
        return self.index is not None


@dataclass(frozen=True, slots=True)
class Combination:
    r"""A direction $\sum_i b_i e_i$ over components: a sum of first order, in one tangent.

    Attributes:
        label: for people.
        place: number of the vector among the field's arguments.
        extent: range of i, which is index number `index` of the body alone.
        index: its number there; others are those of the template.
        shift: the component is i + shift.
        body: b, one output.
    """

    label: str = field(compare=False)
    place: int
    extent: Extent
    index: int
    shift: int
    body: Body

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices."""
        return bool(self.body.read - {self.index})


@dataclass(frozen=True, slots=True)
class Random:
    r"""A random direction $\sum_i v_i b_i$ over an index, in place of all the $b_i$.

    Attributes:
        label: for people.
        place: number of the vector among the field's arguments.
        extent: range of the index.
        base: $b_i$, a direction that runs with index number 0.
        law: how the $v_i$ are drawn; a name that the samplers know.
        part: 0 for the real part of complex $v_i$, 1 for the imaginary one.
    """

    label: str = field(compare=False)
    place: int
    extent: Extent
    base: Component | Combination
    law: str
    part: int = 0

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices, or sample."""
        return True


Direction = Argument | Component | Combination | Random


@dataclass(frozen=True, slots=True)
class Template:
    """Operators at one site in directions that may run with indices.

    The functionals at the template's site have one argument per direction.

    Attributes:
        site: its number among the operator's sites.
        extents: of the indices; empty if no direction runs.
        directions: the arguments of its functionals.
        draw: number of the draw of indices it runs over, if they are sampled.
        chances: per value of the index its relative probability, if it is drawn by the
            size of its coefficient; empty if all are alike.
        gradient: whether all its functionals are first derivatives along one running
            component: then one reverse pass gives all of them.
    """

    site: int
    extents: tuple[Extent, ...]
    directions: tuple[Direction, ...]
    draw: int = 0
    chances: tuple[float, ...] = ()
    gradient: bool = False


@dataclass(frozen=True, slots=True)
class IndexedSum:
    r"""Sums $\sum_{i}$ over the same indices, run together.

    Attributes:
        names: of their values in the shell.
        extents: of the indices.
        template: number of the template whose functionals are summed; `None` for bodies
            without derivatives, which are summed over all indices always.
        functionals: the template's, one number per tuple of indices each, with their
            names in the body.
        body: one output per name; `None` for the bare sum of the one functional.
        factor: of all of them. Sums of one name are added.
    """

    names: tuple[str, ...]
    extents: tuple[Extent, ...]
    template: int | None
    functionals: tuple[tuple[Functional, str], ...]
    body: Body | None
    factor: float = 1.0
