"""Plans for operators with templates: their directions may run, their algebra does not."""

from collections.abc import Collection, Sequence

from opcompiler.core.errors import OperatorError
from opcompiler.core.sums import Template
from opcompiler.core.symbol import Functional
from opcompiler.planning.joining import joined
from opcompiler.planning.plan import Plan
from opcompiler.planning.strategies import make_plan

_OWN = ("auto", "algebra")


def plan_templates(
    functionals: Sequence[Functional],
    sites: tuple[tuple[str, ...], ...],
    strategy: str,
    templates: Collection[Template],
) -> Plan:
    """Plans functionals; those of templates by their algebra, or one reverse pass.

    A template stands for all values of its indices, so one plan, and one proof, does.

    Raises:
        OperatorError: for a strategy that templates do not have.
    """
    at = {template.site: template for template in templates}
    if not at:
        return make_plan(tuple(functionals), sites, strategy)
    if strategy not in _OWN:
        raise OperatorError(
            f"strategy {strategy!r} does not apply to sums over many components",
            hint="leave it out, or write a vector of at most 10 components",
        )
    plans = []
    plain = tuple(f for f in functionals if f.site not in at)
    if plain:
        plans.append(make_plan(plain, sites, strategy))
    for site, template in at.items():
        here = tuple(f for f in functionals if f.site == site)
        if here:
            name = "reverse" if template.gradient else "algebra"
            plans.append(make_plan(here, sites, name))
    names = dict.fromkeys(plan.strategy for plan in plans)
    choices = tuple(choice for plan in plans for choice in plan.choices)
    return joined(plans, functionals, sites, "+".join(names), choices)
