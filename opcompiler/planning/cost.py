r"""What a plan costs: a training step, in forward passes of the network.

A channel that is not structurally zero goes through every linear layer, three times in
all: once forward, and twice in the transpose, for the weights and for the channels below.
Each structure constant between such channels is one multiplication per neuron in a
nonlinearity and some more in its transpose. So

$$ \text{time} = \sum_{\text{pushes}} \bigl( C + \kappa\, P \bigr) , $$

C channels, P products, $\kappa$ the price of a product in matrix products of one
channel; it depends on the device, see `DEVICES`. Nested forward mode makes the same
channels, as `jax.jvp` does, but its transpose shares nothing among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.planning.kinds import KINDS

if TYPE_CHECKING:
    from opcompiler.planning.plan import Plan, Push


@dataclass(frozen=True, slots=True)
class Device:
    """Prices in matrix products of one channel, in a training step.

    Attributes:
        product: of one structure constant in a nonlinearity.
        push: of what a push costs beside its channels.
        nested: of a channel of nested forward mode, at order n: nested**(n - 1).
        reverse: of a value with its reverse pass, or of each further field's pass.
    """

    product: float
    push: float
    nested: float
    reverse: float


DEVICES = {
    "cpu": Device(product=0.12, push=0.2, nested=1.2, reverse=1.05),
    "gpu": Device(product=0.05, push=0.5, nested=1.2, reverse=1.05),
}
"""Prices by device class. Those of the CPU are fitted to docs/benchmarks/strategies.md;
those of a GPU, whose elementwise work is cheap beside its launches, are estimates."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Forward-pass equivalents.

    Attributes:
        passes: channels that are not structurally zero; each goes once through every
            linear layer.
        products: non-zero structure constants among them, the work of one nonlinearity.
        nested: the passes of nested forward mode, 2^k per partial of order k.
        time: predicted training step, values and gradient, in those of the network.
    """

    passes: int
    products: int
    nested: int
    time: float


def plan_cost(plan: Plan, device: str = "cpu") -> Cost:
    """Counts the channels and products of a plan, and predicts its time.

    Pushes at one site share what is equal in them, because the compiler below does: the
    value, equal tangents, and equal lower derivatives of nested forward mode.

    Args:
        plan: the plan.
        device: the class of device, a key of `DEVICES`.
    """
    price = DEVICES[device]
    time = price.push * len(plan.pushes)
    products = 0
    known: set[object] = set()
    for number, push in enumerate(plan.pushes):
        kind = KINDS[push.kind]
        useful = _useful(plan, number)
        fresh = kind.arrays(push, number, useful, _fields(plan, number)) - known
        known |= fresh
        count = sum(
            1 for k in useful for i, j, _ in push.algebra.entries[k] if {i, j} <= useful
        )
        products += count
        time += kind.time(push, price, len(fresh), count)
    return Cost(len(known), products, _nested_passes(plan), round(time, 2))


def _fields(plan: Plan, number: int) -> set[str]:
    """Returns the fields that are read from a push."""
    return {
        readout.functional.field
        for readout in plan.readouts
        if any(push == number for push, _, _ in readout.terms)
    }


def _useful(plan: Plan, number: int) -> set[int]:
    """Returns the channels of a push that may be non-zero and are needed."""
    push = plan.pushes[number]
    read = {k for readout in plan.readouts for p, k, _ in readout.terms if p == number}
    return _needed(push.algebra, read) & _living(push)


def _living(push: Push) -> set[int]:
    """Returns the channels that some program can make non-zero."""
    living = {0, *(k for k, tangent in enumerate(push.seeds) if tangent)}
    for k in range(1, push.algebra.size):  # by degree, so that factors come first
        if any({i, j} <= living for i, j, _ in push.algebra.entries[k]):
            living.add(k)
    return living


def _needed(algebra: TaylorAlgebra, read: set[int]) -> set[int]:
    """Returns the channels that what is read depends on."""
    needed = {0, *read}
    for k in range(algebra.size - 1, 0, -1):
        if k in needed:
            needed.update(c for i, j, _ in algebra.entries[k] for c in (i, j))
    return needed


def _nested_passes(plan: Plan) -> int:
    partials = {
        (functional.site, alpha)
        for functional in plan.functionals
        for alpha, _ in functional.symbol.terms
    }
    covered = {
        (site, below)
        for site, alpha in partials
        for below in alpha.below()
        if below != alpha
    }
    return sum(2**alpha.order for site, alpha in partials - covered)
