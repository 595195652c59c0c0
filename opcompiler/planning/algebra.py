r"""Strategy `algebra`: the operator's own minimal Taylor algebra.

The wanted symbols and all their derivatives span the smallest space of operators that
is closed under Leibniz' rule; its dual is the algebra $R[\varepsilon]/\mathrm{Ann}(p)$.
No Taylor-type scheme carries fewer channels. See `docs/theory.md`, section 3; Ishii,
arXiv 2106.14153, for Weil algebras; Macaulay's inverse systems for the duality.
"""

from collections.abc import Sequence
from fractions import Fraction

from opcompiler.algebra.inverse_system import ApolarBasis
from opcompiler.ir import Functional
from opcompiler.planning.plan import Plan, Push, ReadOut


def plan_algebra(
    functionals: Sequence[Functional], sites: Sequence[tuple[str, ...]]
) -> Plan:
    """Plans one push per evaluation site, joint over all its functionals."""
    pushes: list[Push] = []
    terms: dict[Functional, tuple[tuple[int, int, Fraction], ...]] = {}
    for site in dict.fromkeys(f.site for f in functionals):
        here = [f for f in functionals if f.site == site]
        basis = ApolarBasis([f.symbol for f in here], len(sites[site]))
        push = Push(site, basis.algebra(sites[site]), basis.seeds())
        for functional in here:
            row = basis.coordinates(functional.symbol)
            terms[functional] = tuple((len(pushes), k, c) for k, c in row.items())
        pushes.append(push)
    readouts = tuple(ReadOut(f, terms[f]) for f in functionals)
    return Plan("algebra", tuple(sites), tuple(pushes), readouts)
