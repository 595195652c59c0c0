r"""Strategy `nested`: one nested forward-mode evaluation per partial derivative.

The reference that everything else is compared with. As an algebra it is a product of
dual numbers, $R[\varepsilon_1,\dots,\varepsilon_k]/(\varepsilon_i^2)$, with $2^k$
channels; the lowering runs it by `jax.jvp`, not by our engine.
"""

from collections.abc import Sequence
from fractions import Fraction

from opcompiler.algebra.weil import dual_numbers, Tangent
from opcompiler.ir import Functional, MultiIndex
from opcompiler.planning.plan import Plan, Push, ReadOut


def plan_nested(
    functionals: Sequence[Functional], sites: Sequence[tuple[str, ...]]
) -> Plan:
    """Plans one push per distinct partial derivative and site."""
    places: dict[tuple[int, MultiIndex], int] = {}
    pushes: list[Push] = []
    readouts: list[ReadOut] = []
    for functional in functionals:
        terms: list[tuple[int, int, Fraction]] = []
        for alpha, c in functional.symbol.terms:
            key = (functional.site, alpha)
            if key not in places:
                places[key] = len(pushes)
                pushes.append(_push(functional.site, alpha))
            top = pushes[places[key]].algebra.size - 1
            terms.append((places[key], top, c))
        readouts.append(ReadOut(functional, tuple(terms)))
    return Plan("nested", tuple(sites), tuple(pushes), tuple(readouts))


def _push(site: int, alpha: MultiIndex) -> Push:
    slots = alpha.slots()
    seeds: list[Tangent] = [()] * 2 ** len(slots)
    for place, slot in enumerate(slots):
        seeds[1 + place] = ((slot, Fraction(1)),)
    return Push(site, dual_numbers(len(slots)), tuple(seeds), "nested")
