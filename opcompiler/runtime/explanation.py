"""What a residual does, in words: its plan, and how every sum is evaluated."""

from collections.abc import Iterator
from math import prod

from opcompiler.ir import Operator, Sum
from opcompiler.planning import Plan
from opcompiler.sampling import Estimator


def explanation(operator: Operator, plan: Plan, estimator: Estimator | None) -> str:
    """Returns the plan as text, and a line per sum: its terms, its draw, its variance."""
    lines = sum_lines(operator, estimator)
    if not lines:
        return str(plan)
    return "\n".join([str(plan), "", "sums", *(f"  {line}" for line in lines)])


def sum_lines(operator: Operator, estimator: Estimator | None) -> list[str]:
    """Returns a line per sum over components: its terms, its draw, its variance."""
    return [line for item in operator.sums for line in _sum(item, operator, estimator)]


def _sum(item: Sum, operator: Operator, estimator: Estimator | None) -> Iterator[str]:
    terms = prod(last - first + 1 for first, last in item.extents)
    what = ", ".join(item.names)
    if item.site is None:
        yield f"{what}: all {terms} terms, no derivatives"
        return
    site = operator.sites[item.site]
    of = ", ".join(name for _, name in item.functionals)
    if site.gradient:
        yield f"{what}: all {terms} terms of {of}, from one reverse pass"
    elif estimator is None:
        yield f"{what}: all {terms} terms of {of}"
    else:
        yield f"{what}: {of}, {estimator.describe(site, terms)}"
