"""What a residual does, in words: its plan, and how every sum is evaluated."""

from collections.abc import Iterator
from math import prod

from opcompiler.frontend import Operator
from opcompiler.ir import IndexedSum, Random, Template
from opcompiler.planning import Plan
from opcompiler.sampling import Dense, Estimator, Sparse


def explanation(operator: Operator, plan: Plan, estimator: Estimator | None) -> str:
    """Returns the plan as text, and a line per sum: its terms, its draw, its variance."""
    lines = sum_lines(operator, estimator)
    if not lines:
        return str(plan)
    return "\n".join([str(plan), "", "sums", *(f"  {line}" for line in lines)])


def sum_lines(operator: Operator, estimator: Estimator | None) -> list[str]:
    """Returns a line per sum over components: its terms, its draw, its variance."""
    return [line for item in operator.sums for line in _sum(item, operator, estimator)]


def _sum(
    item: IndexedSum, operator: Operator, estimator: Estimator | None
) -> Iterator[str]:
    terms = prod(last - first + 1 for first, last in item.extents)
    what = ", ".join(item.names)
    if item.template is None:
        yield f"{what}: all {terms} terms, no derivatives"
        return
    template = operator.templates[item.template]
    of = ", ".join(name for _, name in item.functionals)
    if template.gradient:
        yield f"{what}: all {terms} terms of {of}, from one reverse pass"
    elif estimator is None:
        yield f"{what}: all {terms} terms of {of}"
    else:
        yield f"{what}: {of}, {_draw(template, terms, estimator)}"


def _draw(template: Template, terms: int, estimator: Estimator) -> str:
    laws = [d.law for d in template.directions if isinstance(d, Random)]
    each = ", a draw per point" if estimator.per_point else ", one draw for all points"
    if laws and isinstance(estimator, Dense):
        spread = (
            "variance from mixed derivatives only"
            if laws[0] == "rademacher"
            else "variance from all derivatives of that order"
        )
        return (
            f"{estimator.samples} directions of the law {laws[0]}{each}; {spread} / R"
        )
    repeated = isinstance(estimator, Sparse) and estimator.replace
    if estimator.samples >= terms and not repeated:
        return f"all {terms} terms, exact"
    how = "with" if repeated else "without"
    return (
        f"{min(estimator.samples, terms)} of {terms} terms {how} replacement{each}; "
        "variance from the spread of the terms / R"
    )
