"""The table of strategies; a new one is a file beside this and a line here."""

from functools import lru_cache

from opcompiler.errors import OperatorError
from opcompiler.ir import Functional
from opcompiler.planning.algebra import plan_algebra
from opcompiler.planning.auto import plan_auto, Strategy
from opcompiler.planning.nested import plan_nested
from opcompiler.planning.partition import plan_partition
from opcompiler.planning.plan import Plan
from opcompiler.planning.polarization import plan_polarization
from opcompiler.planning.reverse import plan_reverse

STRATEGIES: dict[str, Strategy] = {
    "algebra": plan_algebra,
    "nested": plan_nested,
    "partition": plan_partition,
    "polarization": plan_polarization,
    "reverse": plan_reverse,
}


@lru_cache(maxsize=512)
def make_plan(
    functionals: tuple[Functional, ...],
    sites: tuple[tuple[str, ...], ...],
    strategy: str = "auto",
) -> Plan:
    """Plans functionals by the named strategy; `auto` is the cheapest at each site.

    Raises:
        OperatorError: if there is no such strategy.
    """
    if strategy != "auto" and strategy not in STRATEGIES:
        raise OperatorError(
            f"there is no strategy {strategy!r}",
            hint=f"choose one of: auto, {', '.join(sorted(STRATEGIES))}",
        )
    if strategy == "auto":
        return plan_auto(functionals, sites)
    return STRATEGIES[strategy](functionals, sites)
