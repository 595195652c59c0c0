r"""What a plan costs: a training step, in forward passes of the network.

A channel that is not structurally zero goes through every linear layer, three times in
all: once forward, and twice in the transpose, for the weights and for the channels below.
Each structure constant between such channels is one multiplication per neuron in a
nonlinearity and some more in its transpose. So

$$ \text{time} = \sum_{\text{pushes}} \bigl( C + \kappa\, P \bigr) , $$

C channels, P products, $\kappa$ the price of a product in matrix products of one
channel; it depends on the device, see `kinds.DEVICES`. Nested forward mode makes the same
channels, as `jax.jvp` does, but its transpose shares nothing among them. A reverse pass is
a channel more for each below the highest degree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from opcompiler.planning.kinds import DEVICES, KINDS, Push, ReadOut


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


def plan_cost(
    pushes: Sequence[Push], readouts: Sequence[ReadOut], device: str = "cpu"
) -> Cost:
    """Counts the channels and products of a plan, and predicts its time.

    Pushes at one site share what is equal in them, because the compiler below does: the
    value, equal tangents, and equal lower derivatives of nested forward mode.

    Args:
        pushes: of the plan.
        readouts: of the plan.
        device: the class of device, a key of `DEVICES`.
    """
    price = DEVICES[device]
    time = price.push * len(pushes)
    products = 0
    known: set[object] = set()
    for number, push in enumerate(pushes):
        read = [(r, k) for r in readouts for p, k, _ in r.terms if p == number]
        useful = _useful(push, {k for _, k in read})
        kind, fields = KINDS[push.kind], {r.functional.field for r, _ in read}
        fresh = kind.arrays(push, number, useful, fields) - known
        known |= fresh
        count = sum(
            1 for k in useful for i, j, _ in push.algebra.entries[k] if {i, j} <= useful
        )
        products += count
        time += kind.time(push, price, len(fresh), count)
    return Cost(len(known), products, _nested_passes(readouts), round(time, 2))


def _useful(push: Push, read: set[int]) -> set[int]:
    """Returns the channels that some program can make non-zero and what is read needs."""
    entries, size = push.algebra.entries, push.algebra.size
    living = {0, *(k for k, tangent in enumerate(push.seeds) if tangent)}
    for k in range(1, size):  # by degree, so that factors come first
        if any({i, j} <= living for i, j, _ in entries[k]):
            living.add(k)
    needed = {0, *read}
    for k in range(size - 1, 0, -1):
        if k in needed:
            needed.update(c for i, j, _ in entries[k] for c in (i, j))
    return living & needed


def _nested_passes(readouts: Sequence[ReadOut]) -> int:
    wanted = [r.functional for r in readouts]
    partials = {(f.site, alpha) for f in wanted for alpha, _ in f.symbol.terms}
    # Nested passes to xxy give x, y, xx and xy on the way: these cost nothing more.
    covered = {
        (site, below)
        for site, alpha in partials
        for below in alpha.below()
        if below != alpha
    }
    return sum(2**alpha.order for _, alpha in partials - covered)
