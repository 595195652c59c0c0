r"""Kinds of pushes: how a push is run. One class each, and one line in `KINDS`.

What a push computes has one definition, whatever its kind: the fields at
$a = x + \sum_b s_b\,\varepsilon_b$, in its algebra; channel b of the result is the number
that read-outs name. The proof (`certificate.py`) is of that. A kind says which pushes its
way of running computes in just this sense, and `form.py` refuses all others, for the
proof and for the run alike; so neither has a reading of its own.

The ways of running stand in `runtime/pushes.py`, under the same names.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain, combinations
from typing import Protocol, TYPE_CHECKING

from opcompiler.algebra.weil import dual_numbers

if TYPE_CHECKING:
    from opcompiler.planning.cost import Device
    from opcompiler.planning.plan import Push


class Kind(Protocol):
    """A way to run pushes."""

    def misfit(self, push: Push) -> str:
        """Says what is expected of a push of this kind; empty if it is as expected."""
        ...

    def gives(self, push: Push) -> Collection[int]:
        """Returns the channels that may be read."""
        ...

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """Names the arrays that a push makes; those of the same name are equal.

        Args:
            push: of this kind.
            number: its place in the plan.
            useful: channels that may be non-zero and are needed.
            fields: those that are read from it.
        """
        ...

    def time(self, push: Push, device: Device, arrays: int, products: int) -> float:
        """Predicts a training step, in forward passes.

        Args:
            push: of this kind.
            device: prices.
            arrays: how many no earlier push has made.
            products: structure constants between useful channels.
        """
        ...


class Taylor:
    """One pass of our engine, which runs any algebra."""

    def misfit(self, push: Push) -> str:
        """Nothing: any algebra and any seeds."""
        del push
        return ""

    def gives(self, push: Push) -> Collection[int]:
        """All channels."""
        return range(push.algebra.size)

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """A channel each; values and tangents are shared with other pushes."""
        del fields
        degree = [channel.degree for channel in push.algebra.channels]
        return {
            (push.site, (push.seeds[k],)) if degree[k] == 1
            else (number, k) if k else (push.site, ())
            for k in useful
        }  # fmt: skip

    def time(self, push: Push, device: Device, arrays: int, products: int) -> float:
        """A channel is a matrix product per layer, a product a multiplication."""
        del push
        return arrays + device.product * products


class Reverse:
    """One reverse pass per field: values and first derivatives."""

    def misfit(self, push: Push) -> str:
        """Of order 1: an algebra of that order has no products."""
        return "" if push.algebra.order <= 1 else "channels of degrees 0 and 1 only"

    def gives(self, push: Push) -> Collection[int]:
        """All channels."""
        return range(push.algebra.size)

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """The value, and a pass per field."""
        del useful
        return {(push.site, ()), *((number, field) for field in fields)}

    def time(self, push: Push, device: Device, arrays: int, products: int) -> float:
        """A pass each."""
        del push, products
        return device.reverse * arrays


class Nested:
    """Nested `jax.jvp` along the tangents of the channels of degree one, in order.

    In dual numbers, with a tangent for each; the last channel is what comes out.
    """

    def misfit(self, push: Push) -> str:
        """The dual numbers, and a tangent for each of them."""
        algebra, n = push.algebra, push.algebra.order
        if algebra.size != 2**n or algebra.products != dual_numbers(n).products:
            return "the dual numbers of as many directions as the order"
        if not all(push.seeds[1 : n + 1]) or any(push.seeds[n + 1 :]):
            return "a tangent for every channel of degree 1, and for no other"
        return ""

    def gives(self, push: Push) -> Collection[int]:
        """The last channel."""
        return (push.algebra.size - 1,)

    def arrays(
        self, push: Push, number: int, useful: set[int], fields: set[str]
    ) -> set[object]:
        """An array per set of tangents; equal ones are shared."""
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


KINDS: dict[str, Kind] = {
    "taylor": Taylor(),
    "reverse": Reverse(),
    "nested": Nested(),
}
