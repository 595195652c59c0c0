r"""Pushes, what is read from them, and the kinds of pushes: how a push is run.

What a push computes has one definition, whatever its kind: the fields at
$a = x + \sum_b s_b\,\varepsilon_b$, in its algebra; channel b of the result is the number
that read-outs name. The proof (`algebra/proof.py`) is of that definition. For example

    Push(0, univariate(2), ((), ((0, Fraction(1)),), ()))      # a Taylor jet along x
    ReadOut(u_xx, ((0, 2, Fraction(2)),))                      # 2 times channel 2 of push 0

A kind is one class and one line in `KINDS`. It says which pushes its way of running
computes in just the sense above (`misfit`, `readable`): `form.py` refuses all others, for
the proof and for the run alike, so neither has a reading of its own. And it says what they
cost (`arrays`, `time`). The runs are JAX and stand in `runtime/pushes.py`, under the same
names.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain, combinations

from opcompiler.algebra.quadratic import Exact
from opcompiler.algebra.weil import dual_numbers, Tangent, TaylorAlgebra
from opcompiler.ir import Functional


@dataclass(frozen=True)
class Push:
    """One evaluation of the fields at one site, in one Taylor algebra.

    Attributes:
        site: number of the evaluation site.
        algebra: what travels with the values.
        seeds: for every channel the tangent it starts from; empty for none. The unit's
            is empty: it starts from the point itself.
        kind: how it is run, a name in `KINDS`: "taylor" by our engine, "nested" by
            nested `jax.jvp`, "reverse" by our engine and one reverse pass per field.
    """

    site: int
    algebra: TaylorAlgebra
    seeds: tuple[Tangent, ...]
    kind: str = "taylor"

    @property
    def summary(self) -> str:
        """Its channels, and how it is run, for people."""
        degrees = " ".join(map(str, self.algebra.degrees))
        channels = f"{self.algebra.size} channels, by degree {degrees}"
        return ", ".join(filter(None, (channels, KINDS[self.kind].how)))


Terms = tuple[tuple[int, int, Exact], ...]
"""A combination of channels: (push, channel, coefficient)."""


@dataclass(frozen=True)
class ReadOut:
    """How one functional is made from channels: an exact combination.

    Attributes:
        functional: what it is worth.
        terms: `(push, channel, coefficient)`.
    """

    functional: Functional
    terms: Terms


@dataclass(frozen=True, slots=True)
class Device:
    """Prices in matrix products of one channel, in a training step.

    Attributes:
        product: of one structure constant in a nonlinearity.
        push: of what a push costs beside its channels.
        nested: of a channel of nested forward mode, at order n: nested**(n - 1).
        reverse: of a value with its reverse pass, or of each further field's pass.
        through: of a channel that goes through a program of reverse passes.
    """

    product: float
    push: float
    nested: float
    reverse: float
    through: float


DEVICES = {
    "cpu": Device(product=0.12, push=0.2, nested=1.2, reverse=1.05, through=1.4),
    "gpu": Device(product=0.05, push=0.5, nested=1.2, reverse=1.05, through=1.4),
}
"""Prices by device class. Those of the CPU are fitted to docs/benchmarks/strategies.md;
those of a GPU, whose elementwise work is cheap beside its launches, are estimates."""


class Taylor:
    """One pass of our engine, which runs any algebra. The other kinds differ from it.

    Attributes:
        how: it is run, if not by our engine alone; for people.
    """

    how = ""

    def misfit(self, push: Push) -> str:
        """Says what is expected of a push of this kind; empty if it is as expected."""
        del push
        return ""

    def readable(self, push: Push) -> Collection[int]:
        """Returns the channels that may be read."""
        return range(push.algebra.size)

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """Names the arrays that a push makes; arrays of the same name are equal.

        Args:
            push: of this kind.
            number: its place in the plan.
            useful: channels that may be non-zero and are needed.
            fields: the fields that are read from it.

        Returns:
            A name per channel; values and tangents are shared with other pushes.
        """
        del fields
        degree = [channel.degree for channel in push.algebra.channels]
        return {
            (push.site, (push.seeds[k],)) if degree[k] == 1
            else (number, k) if k else (push.site, ())
            for k in useful
        }  # fmt: skip

    def time(self, push: Push, device: Device, arrays: int, products: int) -> float:
        """Predicts a training step, in forward passes.

        Args:
            push: of this kind.
            device: prices.
            arrays: how many no earlier push has made; one is a matrix product per layer.
            products: structure constants between useful channels.
        """
        del push
        return arrays + device.product * products


class Reverse(Taylor):
    r"""The last derivative by one reverse pass per field, all before it by our engine.

    The values and gradients of the fields go through the algebra without its highest
    degree m; what is missing is read off by Euler's theorem on homogeneous functions. With
    the seeds $E = \sum_i v_i\,\varepsilon_i$, all of degree 1, and $G$ the gradient at
    $x + E$, part by part of a degree:

    $$ F_m = \frac1m \sum_i \varepsilon_i\, v_i \cdot G_{m-1} . $$

    All second derivatives in n coordinates take (n + 1)(n + 2)/2 channels, and 2 (n + 1)
    passes in this way. At order 1 nothing is left for the engine: that is a reverse pass.
    """

    how = "the highest by reverse passes"

    def misfit(self, push: Push) -> str:
        """Straight lines: tangents of degree 1."""
        degrees = (channel.degree for channel in push.algebra.channels)
        straight = all(
            degree == 1
            for degree, seed in zip(degrees, push.seeds, strict=True)
            if seed
        )
        return "" if straight else "tangents for channels of degree 1 only"

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """The values, and a pass per field, with all channels but the highest."""
        count = below(push.algebra)
        lower = {k for k in useful if k < count}
        values = super().arrays(push, number, lower, fields)
        return values | {(number, field, k) for field in fields for k in lower}

    def time(self, push: Push, device: Device, arrays: int, products: int) -> float:
        """A reverse pass each."""
        if push.algebra.order <= 1:
            return device.reverse * arrays
        return device.through * arrays + device.product * products


def below(algebra: TaylorAlgebra) -> int:
    """Returns how many channels are not of the highest degree; the unit always is one."""
    return sum(algebra.degrees[: max(algebra.order, 1)])


class Nested(Taylor):
    """Nested `jax.jvp` along the tangents of the channels of degree one, in order.

    That is an algebra of dual numbers, a tangent for each; only the last channel comes out.
    """

    how = "by nested jvp"

    def misfit(self, push: Push) -> str:
        """The dual numbers, and a tangent for each of them."""
        algebra, n = push.algebra, push.algebra.order
        if algebra.size != 2**n or algebra.products != dual_numbers(n).products:
            return "the dual numbers of as many directions as the order"
        if not all(push.seeds[1 : n + 1]) or any(push.seeds[n + 1 :]):
            return "a tangent for every channel of degree 1, and for no other"
        return ""

    def readable(self, push: Push) -> Collection[int]:
        """The last channel."""
        return (push.algebra.size - 1,)

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """An array per set of tangents: lower derivatives are shared between pushes."""
        del number, useful, fields
        tangents = push.seeds[1 : push.algebra.order + 1]
        subsets = chain.from_iterable(
            combinations(tangents, k) for k in range(len(tangents) + 1)
        )
        return {(push.site, tuple(sorted(subset))) for subset in subsets}

    def time(self, push: Push, device: Device, arrays: int, products: int) -> float:
        """Channels whose transposes share nothing."""
        del products
        return arrays * device.nested ** max(push.algebra.order - 1, 0)


KINDS = {"taylor": Taylor(), "reverse": Reverse(), "nested": Nested()}
