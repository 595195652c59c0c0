"""A plan: what is pushed through the network, and how functionals are read off."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.core.apolar import Tangent
from opcompiler.core.symbol import Functional
from opcompiler.inspection.table import plan_table
from opcompiler.planning.certificate import check_plan
from opcompiler.planning.cost import Cost, plan_cost


@dataclass(frozen=True)
class Push:
    """One evaluation of the fields at one site, in one Taylor algebra.

    Attributes:
        site: number of the evaluation site.
        algebra: what travels with the values.
        seeds: for every channel the tangent it starts from; empty for none. The unit's
            is empty: it starts from the point itself.
    """

    site: int
    algebra: TaylorAlgebra
    seeds: tuple[Tangent, ...]


@dataclass(frozen=True)
class ReadOut:
    """How one functional is made from channels: a rational combination.

    Attributes:
        functional: what it is worth.
        terms: `(push, channel, coefficient)`.
    """

    functional: Functional
    terms: tuple[tuple[int, int, Fraction], ...]


@dataclass(frozen=True)
class Plan:
    """The complete recipe for a set of functionals; frozen, hashable, printable.

    Attributes:
        strategy: name of the strategy that made it.
        sites: the arguments of each evaluation site, as text.
        pushes: the evaluations.
        readouts: one per functional, in the order in which they were asked for.
    """

    strategy: str
    sites: tuple[tuple[str, ...], ...]
    pushes: tuple[Push, ...]
    readouts: tuple[ReadOut, ...]

    @property
    def channels(self) -> int:
        """Number of Taylor channels over all pushes, values included."""
        return sum(push.algebra.size for push in self.pushes)

    @property
    def functionals(self) -> tuple[Functional, ...]:
        """What the plan computes."""
        return tuple(readout.functional for readout in self.readouts)

    @cached_property
    def cost(self) -> Cost:
        """What it costs, beside nested automatic differentiation."""
        return plan_cost(self)

    def verify(self) -> bool:
        """Proves by exact rational arithmetic that every read-out is its functional.

        A generic polynomial is pushed through each algebra; see `certificate.py`.

        Returns:
            Whether the plan is right; a strategy that returns `False` has a defect.
        """
        return self._certificate

    @cached_property
    def _certificate(self) -> bool:
        return check_plan(self)

    def __str__(self) -> str:
        return plan_table(self)
