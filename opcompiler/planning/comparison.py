"""Every strategy on the same functionals, for people who want to compare."""

from collections.abc import Sequence

from opcompiler.core.errors import OperatorError
from opcompiler.core.symbol import Functional
from opcompiler.inspection.comparison import Candidate
from opcompiler.planning.strategies import make_plan, STRATEGIES


def compare_strategies(
    functionals: Sequence[Functional], sites: Sequence[tuple[str, ...]]
) -> tuple[Candidate, ...]:
    """Returns what each strategy plans, or why it refuses, in the order of the table."""
    wanted, where = tuple(functionals), tuple(sites)
    taken = {choice.strategy for choice in make_plan(wanted, where).choices}
    candidates: list[Candidate] = []
    for name in STRATEGIES:
        try:
            plan = make_plan(wanted, where, name)
        except OperatorError as refusal:
            reason = f"{refusal.problem}; {refusal.hint}"
            candidates.append(Candidate(name, None, reason))
        else:
            candidates.append(Candidate(name, plan, chosen=name in taken))
    return tuple(candidates)
