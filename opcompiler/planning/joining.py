"""Plans side by side, as one."""

from collections.abc import Sequence

from opcompiler.ir import Functional
from opcompiler.planning.plan import Choice, Plan, Push, ReadOut


def joined(
    plans: Sequence[Plan],
    functionals: Sequence[Functional],
    sites: tuple[tuple[str, ...], ...],
    strategy: str,
    choices: tuple[Choice, ...] = (),
) -> Plan:
    """Puts plans for different functionals side by side, in the order asked for."""
    pushes: list[Push] = []
    readouts: dict[Functional, ReadOut] = {}
    for plan in plans:
        shift = len(pushes)
        pushes += plan.pushes
        for readout in plan.readouts:
            terms = tuple((push + shift, k, c) for push, k, c in readout.terms)
            readouts[readout.functional] = ReadOut(readout.functional, terms)
    ordered = tuple(readouts[f] for f in functionals)
    return Plan(strategy, sites, tuple(pushes), ordered, choices)
