r"""Strategies: from the symbols that are wanted at one site to pushes and read-outs.

In: functionals, for instance $u_{xx}$ and $u_y$ at site 0. Out: a `Plan`.

    make_plan((u_xx, u_y), (("x", "y"),))              # `auto`: the cheapest at each site
    make_plan((u_xx, u_y), (("x", "y"),), "nested")    # by name

A strategy sees one site: its arguments, the different symbols that are wanted there, of
whatever field, and answers with pushes and a combination of their channels for each
symbol. `make_plan` asks it site by site and joins what it says. So a strategy is a pure
function, and a line in `STRATEGIES`; `register_strategy` adds one from outside.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from opcompiler.algebra.inverse_system import ApolarBasis
from opcompiler.algebra.weil import Channel, dual_numbers, Tangent, TaylorAlgebra
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import argument_name, Functional, MultiIndex, OperatorSymbol, Site
from opcompiler.planning.cost import plan_cost
from opcompiler.planning.kinds import below, DEVICES, KINDS, Push, ReadOut, Terms
from opcompiler.planning.partition import plan_partition
from opcompiler.planning.plan import Choice, joined, Plan
from opcompiler.planning.polarization import plan_polarization

Strategy = Callable[
    [tuple[OperatorSymbol, ...], int, tuple[str, ...]],
    tuple[Sequence[Push], Sequence[Terms]],
]
"""(symbols, number of the site, its arguments) -> (pushes, a combination per symbol)."""


# --- the strategies that are a few lines ---------------------------------------------


def plan_algebra(
    symbols: Sequence[OperatorSymbol], site: int, arguments: tuple[str, ...]
) -> tuple[list[Push], list[Terms]]:
    r"""Strategy `algebra`: the operators' own minimal Taylor algebra.

    The symbols and all their derivatives span the smallest space of operators that is
    closed under Leibniz' rule; its dual is the algebra $R[\varepsilon]/\mathrm{Ann}(p)$.
    No Taylor-type scheme carries fewer channels. See `docs/theory.md`, section 3.
    """
    basis = ApolarBasis(symbols, len(arguments))
    rows = [basis.coordinates(symbol).items() for symbol in symbols]
    push = Push(site, basis.algebra(arguments), basis.seeds())
    return [push], [tuple((0, k, c) for k, c in row) for row in rows]


def plan_reverse(
    symbols: Sequence[OperatorSymbol], site: int, arguments: tuple[str, ...]
) -> tuple[list[Push], list[Terms]]:
    """Strategy `reverse`: the last derivative of all by one reverse pass per field.

    A gradient in many coordinates costs one reverse pass per field, whatever the number of
    coordinates, where forward mode carries a channel for each. Higher derivatives go by
    their minimal algebra beside it; or, where that is cheaper for one field, everything
    goes by the minimal algebra without its highest degree, through the gradient: then
    a Hessian in n coordinates takes 2 (n + 1) passes instead of (n + 1)(n + 2)/2.
    """
    (push,), rows = plan_algebra(symbols, site, arguments)
    through = replace(push, kind="reverse")
    ways = [([through], rows)] if not KINDS["reverse"].misfit(through) else []
    if any(symbol.order == 1 for symbol in symbols):
        ways.append(_gradient_beside_algebra(symbols, site, arguments))
    else:
        ways.append(([push], rows))

    def price(way: tuple[list[Push], list[Terms]]) -> float:
        pushes, rows = way
        wanted = [Functional("u", site, symbol) for symbol in symbols]
        return plan_cost(pushes, list(map(ReadOut, wanted, rows))).time

    return min(ways, key=price)


def _gradient_beside_algebra(
    symbols: Sequence[OperatorSymbol], site: int, arguments: tuple[str, ...]
) -> tuple[list[Push], list[Terms]]:
    """Plans first derivatives by one reverse pass, and all others by their algebra."""
    channels = [Channel(0, "1")]
    channels += [Channel(1, argument_name(arguments, i)) for i in range(len(arguments))]
    seeds: list[Tangent] = [(), *(((i, Fraction(1)),) for i in range(len(arguments)))]
    algebra = TaylorAlgebra(tuple(channels), ())
    pushes = [Push(site, algebra, tuple(seeds), "reverse")]
    terms: dict[OperatorSymbol, Terms] = {
        symbol: tuple(
            (0, alpha.slots()[0] + 1 if alpha.order else 0, c)
            for alpha, c in symbol.terms
        )
        for symbol in symbols
        if symbol.order <= 1
    }
    if high := [symbol for symbol in symbols if symbol.order > 1]:
        more, rows = plan_algebra(high, site, arguments)
        pushes += more
        for symbol, row in zip(high, rows, strict=True):
            terms[symbol] = tuple((push + 1, k, c) for push, k, c in row)
    return pushes, [terms[symbol] for symbol in symbols]


def plan_nested(
    symbols: Sequence[OperatorSymbol], site: int, arguments: tuple[str, ...]
) -> tuple[list[Push], list[Terms]]:
    r"""Strategy `nested`: one nested forward-mode evaluation per partial derivative.

    The reference that everything else is compared with. As an algebra it is a product of
    dual numbers, $R[\varepsilon_1,\dots,\varepsilon_k]/(\varepsilon_i^2)$, with $2^k$
    channels; it is run by `jax.jvp`, not by our engine.
    """
    del arguments
    partials = dict.fromkeys(alpha for symbol in symbols for alpha, _ in symbol.terms)
    place: dict[MultiIndex, tuple[int, int]] = {}
    pushes: list[Push] = []
    for number, alpha in enumerate(partials):
        algebra = dual_numbers(alpha.order)
        seeds: list[Tangent] = [()] * algebra.size
        seeds[1 : alpha.order + 1] = [((i, Fraction(1)),) for i in alpha.slots()]
        place[alpha] = number, algebra.size - 1
        pushes.append(Push(site, algebra, tuple(seeds), "nested"))
    return pushes, [tuple((*place[a], c) for a, c in p.terms) for p in symbols]


# --- the table ------------------------------------------------------------------------

STRATEGIES: dict[str, Strategy] = {
    "algebra": plan_algebra,
    "nested": plan_nested,
    "partition": plan_partition,
    "polarization": plan_polarization,
    "reverse": plan_reverse,
}

_OURS = frozenset(STRATEGIES)


@public('oc.register_strategy("mine", plan)')
def register_strategy(name: str, strategy: Strategy) -> None:
    """Adds a strategy to the table, so that `compile(..., strategy=name)` plans by it.

    What it plans is proved before it is run; a plan that is not right is refused.

    Args:
        name: any but those of the package; a name of your own is replaced.
        strategy: `(symbols, site, arguments) -> (pushes, rows)`, a pure function, as
            docs/extending/strategy.md explains.

    Raises:
        OperatorError: for the name of a strategy of the package.

    Examples:
        >>> from opcompiler.planning import STRATEGIES
        >>> oc.register_strategy("mine", STRATEGIES["algebra"])
        >>> x = sp.Symbol("x")
        >>> oc.compile(sp.Function("u")(x).diff(x), strategy="mine").plan.strategy
        'mine'
    """
    if name in _OURS or name == "auto":
        raise OperatorError(
            f"there is a strategy {name!r} already", hint="take another name"
        )
    STRATEGIES[name] = strategy
    make_plan.cache_clear()


# --- from functionals to a plan --------------------------------------------------------


def plan_functionals(
    functionals: Iterable[Functional], sites: Sequence[Site], strategy: str
) -> Plan:
    """Plans functionals; those in directions by their algebra, or one reverse pass.

    A site with directions stands for all values of its indices, so one plan, and one
    proof, does.

    Args:
        functionals: what is wanted.
        sites: where, by number.
        strategy: a name in `STRATEGIES`, or "auto".

    Raises:
        OperatorError: for a strategy that there is not, or that sites with directions do
            not have.
    """
    own = tuple(
        (number, "reverse" if site.gradient else "algebra")
        for number, site in enumerate(sites)
        if not site.plain
    )
    if own and strategy not in ("auto", "algebra"):
        raise OperatorError(
            f"strategy {strategy!r} does not apply to sums over many components",
            hint="leave it out, or write a vector of at most 10 components",
        )
    labels = tuple(site.labels for site in sites)
    return make_plan(tuple(functionals), labels, strategy, own)


@lru_cache(maxsize=512)
def make_plan(
    functionals: tuple[Functional, ...],
    sites: tuple[tuple[str, ...], ...],
    strategy: str = "auto",
    own: tuple[tuple[int, str], ...] = (),
) -> Plan:
    """Plans functionals site by site, by the named strategy or by the cheapest.

    Args:
        functionals: what is wanted.
        sites: the arguments of each site, as text.
        strategy: a name in `STRATEGIES`; "auto" takes the cheapest at each site.
        own: sites with a strategy of their own, (site, name); they are planned last.

    Raises:
        OperatorError: if there is no such strategy, or what it plans is not right.
    """
    if strategy != "auto" and strategy not in STRATEGIES:
        raise OperatorError(
            f"there is no strategy {strategy!r}",
            hint=f"choose one of: auto, {', '.join(sorted(STRATEGIES))}",
        )
    names = dict(own)
    asked = dict.fromkeys(f.site for f in functionals)
    parts: list[Plan] = []
    choices: list[Choice] = []
    for site in [
        *(s for s in asked if s not in names),
        *(s for s in names if s in asked),
    ]:
        here = tuple(f for f in functionals if f.site == site)
        name = names.get(site, strategy)
        if name == "auto":
            plans = _candidates(here, sites)
            name = min(plans, key=lambda n: (plans[n].cost.time, n != "algebra"))
            times = tuple((n, plan.cost.time) for n, plan in plans.items())
            choices.append(Choice(site, name, times))
            parts.append(plans[name])
        else:
            parts.append(_site_plan(name, here, sites))
    taken = dict.fromkeys(part.strategy for part in parts)
    title = "+".join(taken) or ("algebra" if strategy == "auto" else strategy)
    return joined(parts, functionals, sites, title, tuple(choices))


def _candidates(
    functionals: tuple[Functional, ...], sites: tuple[tuple[str, ...], ...]
) -> dict[str, Plan]:
    """Returns the plans of one site that `auto` weighs: those that can win.

    No Taylor-type scheme carries fewer channels than the minimal algebra; a reverse pass
    is no such scheme. The other strategies are for people who want to compare.
    """
    plans = {"algebra": _site_plan("algebra", functionals, sites)}
    # A reverse pass per field stands in for the channels of first derivatives. These
    # are at most as many as first derivatives are asked for: the bound on what it saves.
    # Or it stands in for the channels of the highest degree.
    slopes = [f for f in functionals if f.symbol.order == 1]
    passes = DEVICES["cpu"].reverse * len({f.field for f in slopes})
    (push,) = plans["algebra"].pushes
    values_and_passes = 1 + len({f.field for f in functionals})
    if (
        len({f.symbol for f in slopes}) > passes
        or values_and_passes * below(push.algebra) < push.algebra.size
    ):
        plans["reverse"] = _site_plan("reverse", functionals, sites)
    return plans


def _site_plan(
    name: str, functionals: tuple[Functional, ...], sites: tuple[tuple[str, ...], ...]
) -> Plan:
    """Asks a strategy for the plan of functionals at one site."""
    site = functionals[0].site
    symbols = tuple(dict.fromkeys(f.symbol for f in functionals))
    pushes, rows = STRATEGIES[name](symbols, site, sites[site])
    if not (len(rows) == len(symbols) and all(isinstance(p, Push) for p in pushes)):
        raise OperatorError(
            f"the strategy {name!r} does not answer with pushes and a row per symbol",
            expression=f"{len(symbols)} symbols, {len(rows)} rows",
            hint="return ([Push(...), ...], [((push, channel, coefficient), ...), ...])",
        )
    terms = dict(zip(symbols, map(tuple, rows), strict=True))
    readouts = tuple(ReadOut(f, terms[f.symbol]) for f in functionals)
    plan = Plan(name, sites, tuple(pushes), readouts)
    # Tests prove the plans of our own strategies; those of others are proved as they come.
    if name not in _OURS:
        plan.check()
        if not plan.verify():
            raise OperatorError(
                f"the plan of the strategy {name!r} is not right",
                expression=", ".join(
                    f.symbol.label(f.field, sites[site]) for f in functionals
                ),
                hint="its combinations of channels are not these derivatives",
            )
    return plan
