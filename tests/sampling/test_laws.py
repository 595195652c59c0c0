"""Laws against moments taken by enumeration, in rationals."""

import itertools
import math
from collections import defaultdict
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from opcompiler.sampling.laws import fitted, law_named, LAWS, power_sums

DIM = 3


def expanded(symmetric, order):
    """Writes a symmetric polynomial out: exponents -> coefficient."""
    found = {}
    for exponents in itertools.product(range(order + 1), repeat=DIM):
        if sum(exponents) == order:
            partition = tuple(sorted((e for e in exponents if e), reverse=True))
            found[exponents] = symmetric[partition]
    return found


def by_enumeration(pattern):
    """Multiplies power sums out, index by index."""
    found = defaultdict(Fraction)
    for places in itertools.product(range(DIM), repeat=len(pattern)):
        exponents = [0] * DIM
        for place, power in zip(places, pattern, strict=True):
            exponents[place] += power
        found[tuple(exponents)] += 1
    return found


@pytest.mark.parametrize(
    "pattern", [(2,), (3,), (2, 2), (4,), (2, 1), (2, 2, 2), (3, 3)]
)
def test_power_sums(pattern) -> None:
    wanted = by_enumeration(pattern)
    found = expanded(power_sums(pattern, DIM), sum(pattern))
    assert found == {e: wanted.get(e, 0) for e in found}


def test_moments_of_a_law_on_finitely_many_values() -> None:
    # E (v . xi)^4 of Rademacher entries, over all 2^3 sign vectors.
    total = defaultdict(Fraction)
    for signs in itertools.product((-1, 1), repeat=DIM):
        for e, c in expanded(
            dict.fromkeys([(4,), (3, 1), (2, 2), (2, 1, 1)], 1), 4
        ).items():
            weight = Fraction(math.factorial(4), math.prod(map(math.factorial, e)))
            value = math.prod(s**n for s, n in zip(signs, e, strict=True))
            total[e] += c * weight * value / 8
    assert expanded(law_named("rademacher").moments(4, DIM), 4) == total


def test_the_skewed_law() -> None:
    golden = (1 + 5**0.5) / 2
    chance = 1 / (1 + golden**2)
    for m in range(7):
        value = chance * golden**m + (1 - chance) * (-1 / golden) ** m
        assert abs(value - law_named("skewed").moments(m, 1)[(m,) if m else ()]) < 1e-12


@pytest.mark.parametrize(
    ("distribution", "pattern", "factor", "correction"),
    [
        ("rademacher", (2,), 1, 0),
        ("gaussian", (2, 2), Fraction(1, 3), 0),
        ("gaussian", (2, 2, 2), Fraction(1, 15), 0),
        ("sphere", (2,), 7, 0),
        ("sphere", (2, 2), Fraction(7 * 9, 3), 0),
        ("rademacher", (2, 2), Fraction(1, 3), Fraction(2, 3)),
        ("skewed", (3,), 1, 0),
        ("roots_of_unity", (3,), 1, 0),
        ("roots_of_unity", (4,), 1, 0),
        ("roots_of_unity", (7,), 1, 0),
    ],
)
def test_factors(distribution, pattern, factor, correction) -> None:
    law = fitted(distribution, pattern, 7)
    assert law.factor == factor
    assert law.corrections == ((((sum(pattern),), correction),) if correction else ())
    # factor * mean + correction * pure powers is the sum, monomial by monomial.
    mean, wanted = (
        law_named(distribution, sum(pattern)).moments(sum(pattern), 7),
        power_sums(pattern, 7),
    )
    for partition, value in wanted.items():
        pure = correction if len(partition) == 1 else 0
        assert factor * mean[partition] + pure == value


@pytest.mark.parametrize(
    ("distribution", "pattern", "reason"),
    [
        ("gaussian", (3,), "odd order"),
        ("rademacher", (4,), "one real direction used 4 times"),
        ("skewed", (4,), "roots_of_unity"),
        ("roots_of_unity", (2, 2), "gaussian"),
        ("gaussian", (4, 2), "oc.Sparse"),
    ],
)
def test_refusals_say_why_and_what_else(distribution, pattern, reason) -> None:
    with pytest.raises(oc.OperatorError, match=reason):
        fitted(distribution, pattern, 6)


@pytest.mark.parametrize("name", [*LAWS, "roots_of_unity_3", "roots_of_unity_5"])
def test_a_law_draws_what_its_moments_say(name) -> None:
    law = law_named(name)
    draw = jax.jit(lambda: law.draw(jax.random.key(7), (100_000, DIM), jnp.float64))
    draws = draw()
    xi = np.array([0.7, -0.4, 1.1])
    real, *imaginary = np.asarray(draws) @ xi
    along = real + 1j * imaginary[0] if imaginary else real
    for order in range(1, 7):
        moments = expanded(law.moments(order, DIM), order)
        want = sum(float(c) * np.prod(xi**e) for e, c in moments.items())
        powers = along**order
        error = np.std(powers) / len(powers) ** 0.5
        assert abs(np.mean(powers) - want) < 5 * error + 1e-12, order
