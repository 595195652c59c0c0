r"""Plans broken at random, and an evaluator of plans that shares nothing with the package.

`mutations` changes the JSON of a plan in one or two places. `value_of` runs a plan on a
polynomial by the words of its JSON alone: it adds and multiplies algebra elements in exact
arithmetic, numbers $a + b\sqrt n$ as polynomials in the root. `truth` differentiates.
"""

import contextlib
import copy
import functools
import json
import random
from collections import defaultdict
from fractions import Fraction
from math import perm

import sympy as sp

import opcompiler as oc
from opcompiler.algebra.quadratic import quadratic
from opcompiler.frontend import normalize
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning import joined, make_plan, Plan, STRATEGIES

x, y, z, t = sp.symbols("x y z t")
u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
w = sp.Function("w")(x, y, z)
FOURTEEN = sp.symbols("x1:15")
f = sp.Function("f")(*FOURTEEN)

OPERATORS = {
    "mixed": u.diff(x, y),
    "cubic": [u.diff(x, 3), u.diff(x, y, y)],
    "biharmonic": u.diff(x, 4) + 2 * u.diff(x, 2, y, 2) + u.diff(y, 4),
    "two fields": [u.diff(x, 2) + 3 * v.diff(y), v.diff(x, y) - u, v.diff(x)],
    "sites": [u.subs(x, 0) + u.diff(x), u.diff(y, 2).subs(x, 1), u.diff(x, y)],
    "gradient": [w.diff(x) ** 2 + w.diff(y) ** 2 + w.diff(z) ** 2, w],
    "weights": [sp.Rational(2, 3) * u.diff(x, 2) - 7 * u.diff(y, 2), u.diff(x)],
    "third": w.diff(x, y, z) + w.diff(z, 3),
    "family": sum(f.diff(c, 2) for c in FOURTEEN) + f.diff(FOURTEEN[0]),
}


NAMES = (
    "irrational",
    *(
        f"{name}, {strategy}"
        for name in OPERATORS
        for strategy in STRATEGIES
        if name != "family" or strategy in ("algebra", "reverse")
    ),
    "joined",
    "held sum",
    "held pairs",
    "held biharmonic",
)
"""Of the plans; to make all of them takes a second."""


def _hexagon() -> Plan:
    """Second derivatives along directions of an irrational length."""
    data = json.loads(make_plan((_second(),), (("x",),), "algebra").to_json())
    root = {"a": "0", "b": "1", "sqrt": 3}
    data["pushes"][0]["seeds"][1][0][1] = root
    data["readouts"][0]["terms"][0][2] = "2/3"
    return Plan.from_json(json.dumps(data))


def _second() -> Functional:
    return Functional("u", 0, OperatorSymbol.partial(MultiIndex((2,))))


@functools.cache
def plans() -> dict[str, Plan]:
    """Right plans: each operator by each strategy, some joined, sums over components."""
    found = {"irrational": _hexagon()}
    for name, equations in OPERATORS.items():
        operator = normalize(equations)
        sites = tuple(site.labels for site in operator.sites)
        for strategy in STRATEGIES:
            if f"{name}, {strategy}" in NAMES:
                plan = make_plan(operator.functionals, sites, strategy)
                found[f"{name}, {strategy}"] = plan
    operator = normalize(OPERATORS["sites"])
    sites = tuple(site.labels for site in operator.sites)
    parts = [
        make_plan(
            tuple(g for g in operator.functionals if g.site == site), sites, strategy
        )
        for site, strategy in enumerate(("nested", "algebra", "reverse"))
        if any(g.site == site for g in operator.functionals)
    ]
    found["joined"] = joined(parts, operator.functionals, sites, "joined")
    X = oc.vector("X", 1000)
    i, j = oc.index("i", X), oc.index("j", X)
    g = sp.Function("g")(t, X)
    held = oc.Sum(X[i] * oc.D(g, X[i], 2) + oc.D(g, X[i]) ** 2, i) + oc.D(g, t)
    found["held sum"] = oc.compile(held).plan
    found["held pairs"] = oc.compile(
        oc.Sum(oc.Sum(X[i] * X[j] * oc.D(g, X[i], X[j]), i), j)
    ).plan
    found["held biharmonic"] = oc.compile(
        oc.Sum(oc.Sum(oc.D(g, X[i], 2, X[j], 2), i), j)
    ).plan
    assert tuple(found) == NAMES
    return found


JUNK = [
    None, True, False, -1, 0, 1, 2, 3, 7, 10**9, 1.5, "", "0", "1", "-1", "2", "1/2",
    "100000000000000000", "-100000000000000000", "1/100000000000000000", "x", [], {},
    [0, "1"], {"a": "0", "b": "1", "sqrt": 2}, {"a": "1", "b": "1/2", "sqrt": 3},
    "taylor", "nested", "reverse", "u", "v",
]  # fmt: skip


def _places(data, path=()):
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries:
        # Labels, and what other strategies would cost, are only for people.
        if key not in ("label", "predicted"):
            yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def _number(text: str, rng: random.Random) -> str:
    """Another exact number near to a given one."""
    try:
        c = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return rng.choice(["u", "v", "x", text + "x"])
    return str(
        rng.choice(
            [-c, 2 * c, c / 2, c + 1, c - 1, 1 / c if c else c, c + 10**17, c * c,
             c + Fraction(1, 10**6), Fraction(c.numerator), 3 * c]
        )
    )  # fmt: skip


def mutate(text: str, rng: random.Random) -> str:
    """Returns the JSON of a plan, changed in one place or in a few."""
    data = json.loads(text)
    wanted = rng.choice([1, 1, 1, 2, 3])
    while wanted:
        before = json.dumps(data)
        # A plan that has lost its shape already is changed no further.
        with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):
            _mutate_once(data, rng)
        wanted -= json.dumps(data) != before or rng.random() < 0.1
    return json.dumps(data)


def _mutate_once(data, rng: random.Random) -> None:
    if rng.random() < 0.1:
        return _twin(data, rng)
    part = rng.choice(["pushes", "pushes", "readouts", "readouts", None])
    paths = list(_places(data[part], (part,))) if part else list(_places(data))
    if not paths:
        return
    path = rng.choice(paths)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    actions = [_junk, _near, _near, _near, _delete, _move, _cancel]
    rng.choice(actions)(inner, path[-1], rng)


def _junk(inner, key, rng: random.Random) -> None:
    inner[key] = copy.deepcopy(rng.choice(JUNK))


def _near(inner, key, rng: random.Random) -> None:
    value = inner[key]
    if isinstance(value, str):
        inner[key] = _number(value, rng)
    elif isinstance(value, int):
        inner[key] = value + rng.choice([-1, 1, 2])
    else:
        rng.shuffle(value)


def _delete(inner, key, rng: random.Random) -> None:
    del rng, inner[key]


def _move(inner, key, rng: random.Random) -> None:
    """Exchanges two entries, or copies one."""
    if isinstance(inner, list) and rng.random() < 0.5:
        inner.insert(rng.randrange(len(inner)), copy.deepcopy(inner[key]))
    else:
        other = rng.choice(
            list(range(len(inner)) if isinstance(inner, list) else inner)
        )
        inner[key], inner[other] = inner[other], inner[key]


def _cancel(inner, key, rng: random.Random) -> None:
    """Adds two entries that cancel in exact arithmetic, and need not in floats."""
    *where, number = inner[key]
    if isinstance(number, str):
        big = rng.choice([1, 10**3, 10**17])
        for c in (big, -big):
            inner.insert(key, [*where, str(c)])


def _twin(data, rng: random.Random) -> None:
    """Copies a push, and moves a part of a read-out there: right, but for rounding."""
    terms = rng.choice([r for r in data["readouts"] if r["terms"]])["terms"]
    push, channel, c = rng.choice(terms)
    part = rng.choice([Fraction(1, 2), Fraction(3), Fraction(10**4), Fraction(10**17)])
    data["pushes"].append(copy.deepcopy(data["pushes"][push]))
    terms.remove([push, channel, c])
    terms.append([push, channel, str(Fraction(c) - part)])
    terms.append([len(data["pushes"]) - 1, channel, str(part)])


Polynomial = dict[tuple[int, ...], int]


@functools.cache
def polynomial(field: str, site: int, width: int, degree: int = 7) -> Polynomial:
    """A random polynomial of few terms, of every degree; and a point, all whole numbers."""
    rng = random.Random(f"{field} {site} {width}")
    found: Polynomial = {(): rng.randint(1, 9)}
    for n in range(1, degree + 1):
        for _ in range(6):
            places = tuple(sorted(rng.choices(range(width), k=n)))
            found[places] = rng.randint(-9, 9)
    for i in range(width):
        found[(i,)] = rng.randint(1, 9)
        for j in range(i + 1):
            found[(j, i)] = rng.randint(1, 9)
    return found


def point(site: int, width: int) -> list[int]:
    rng = random.Random(site)
    return [rng.choice([-3, -2, -1, 1, 2, 3]) for _ in range(width)]


def _read(number):
    if isinstance(number, dict):
        a, b = Fraction(number["a"]), Fraction(number["b"])
        return quadratic(a, b, number["sqrt"])
    return Fraction(number)


def _evaluate(polynomial: Polynomial, arguments, times, constant):
    """Sums monomials, each multiplied up from the left, in any algebra."""

    @functools.cache
    def monomial(places):
        if not places:
            return constant(1)
        return times(monomial(places[:-1]), arguments[places[-1]])

    total = defaultdict(Fraction)
    for places, c in polynomial.items():
        for k, part in monomial(places).items():
            total[k] = total[k] + part * c
    return total


def _channels(push, polynomial, width):
    """Returns the channels of a polynomial's value by the rule of the algebra."""
    table = defaultdict(list)
    for i, j, k, c in push["products"]:
        table[i, j].append((k, _read(c)))
        if i != j:
            table[j, i].append((k, _read(c)))

    def times(a, b):
        result = defaultdict(Fraction)
        for i, p in a.items():
            for j, q in b.items():
                if i == 0 or j == 0:
                    result[i + j] = result[i + j] + p * q
                for k, c in table.get((i, j), ()):
                    result[k] = result[k] + p * q * c
        return {k: c for k, c in result.items() if c}

    at = point(push["site"], width)
    arguments = [{0: Fraction(a)} for a in at]
    for k, seed in enumerate(push["seeds"]):
        for argument, c in seed:
            arguments[argument][k] = _read(c)
    return _evaluate(polynomial, arguments, times, lambda c: {0: Fraction(c)})


def value_of(data) -> list:
    """Runs a plan, given as JSON data, on the polynomials; a number per read-out."""
    found = []
    known = {}
    for readout in data["readouts"]:
        width = len(data["sites"][readout["site"]])
        p = polynomial(readout["field"], readout["site"], width)
        total = Fraction(0)
        for push, channel, c in readout["terms"]:
            if (push, readout["field"]) not in known:
                known[push, readout["field"]] = _channels(
                    data["pushes"][push], p, width
                )
            total = total + known[push, readout["field"]][channel] * _read(c)
        found.append(total)
    return found


def truth(data) -> list:
    """Differentiates the polynomials; a number per read-out."""
    found = []
    for readout in data["readouts"]:
        site = readout["site"]
        width = len(data["sites"][site])
        at = point(site, width)
        total = Fraction(0)
        for exponents, c in readout["symbol"]:
            for places, factor in polynomial(readout["field"], site, width).items():
                term = Fraction(factor)
                for i in range(width):
                    power, order = places.count(i), exponents[i]
                    term *= perm(power, order) * at[i] ** max(power - order, 0)
                total += term * _read(c)
        found.append(total)
    return found


def network(field: str, site: int, width: int):
    """The same polynomial as a JAX function of a point, for the real run."""
    import jax.numpy as jnp
    import numpy as np

    terms = polynomial(field, site, width)
    powers = np.zeros((len(terms), width), int)
    for n, places in enumerate(terms):
        for i in places:
            powers[n, i] += 1
    weights = np.array(list(terms.values()), float)

    def at(z):
        table = jnp.stack([z**k for k in range(1, 8)])  # from 1 on: 0**0 has no slope
        table = jnp.concatenate([jnp.ones((1, width)), table])
        return jnp.prod(table[powers, np.arange(width)], axis=1) @ weights

    return at


def run_by_jax(plan: Plan) -> list[float]:
    """What the runtime computes for each read-out, in float64, field by field."""
    keys = {(functional.field, functional.site) for functional in plan.functionals}
    found = {key: _of_one_field(plan, *key) for key in keys}
    return [found[f.field, f.site][f] for f in plan.functionals]


def _of_one_field(plan: Plan, field: str, site: int) -> dict[Functional, float]:
    import jax
    import numpy as np

    from opcompiler.runtime.networks import Group
    from opcompiler.runtime.points import Points
    from opcompiler.runtime.pushes import evaluate_functionals
    from opcompiler.runtime.tracing import Traced

    width = len(plan.sites[site])
    group = Group((field,), Traced(network(field, site, width)))
    order: list[Functional] = []

    @jax.jit
    def run(points: jax.Array) -> list[jax.Array]:
        values = evaluate_functionals(plan, group, {site: Points.rows(points)})
        order.extend(values)
        return list(values.values())

    values = run(np.array([point(site, width)], float))
    return {f: float(v.reshape(-1)[0]) for f, v in zip(order, values, strict=True)}
