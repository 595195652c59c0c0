"""Texts with fields at fields mean what the same equations mean in SymPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

t, x, z, a = sp.symbols("t x z a")
u, K, s = map(sp.Function, "uKs")

LINE = "coordinates x\nfield u(x)\nfield K(u)\n"
MOVING = "coordinates t, x\nfield u(t, x)\nfield s(t)\n"

TEXTS = {
    "a law": (
        LINE + "d(K*u_x, x) = 0",
        (K(u(x)) * u(x).diff(x)).diff(x),
    ),
    "the slope of a law": (
        LINE + "K'(u)*u_x = 0",
        sp.Derivative(K(z), z).subs(z, u(x)) * u(x).diff(x),
    ),
    "a delay by the state": (
        "coordinates x\nfield u(x)\nparameter a\nu_x = u(x - a*u)",
        u(x).diff(x) - u(x - a * u(x)),
    ),
    "itself": ("coordinates x\nfield u(x)\nu_x = u(u)", u(x).diff(x) - u(u(x))),
    "a moving boundary": (
        MOVING + "u_t = s_t + u_x(t, s(t))",
        u(t, x).diff(t) - s(t).diff(t) - sp.Derivative(u(t, z), z).subs(z, s(t)),
    ),
    "a field at a moving boundary": (
        MOVING + "u_t = x*u(t, s)",
        u(t, x).diff(t) - x * u(t, s(t)),
    ),
}


NETWORKS = {
    "u": lambda p: jnp.sin(p @ jnp.array([0.7, 1.3])[: p.size] + 0.2),
    "K": lambda p: jnp.exp(0.4 * p[0]),
    "s": lambda p: jnp.cos(0.8 * p[0]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_the_equation_of_sympy(name: str) -> None:
    text, equation = TEXTS[name]
    ours = oc.compile(oc.parse(text))
    wanted = oc.compile(equation)
    points = np.random.default_rng(0).uniform(0.1, 0.9, (5, len(ours.coordinates)))
    given = {n: f for n, f in NETWORKS.items() if n in ours.fields}
    numbers = dict.fromkeys(ours.parameters, 0.6)
    ways = ours, wanted
    both = jax.jit(lambda points: [one(given, points, **numbers) for one in ways])
    found, other = both(points)
    (value,) = found.values()
    np.testing.assert_allclose(value, other, rtol=1e-13, atol=1e-13)
    assert np.abs(value).max() > 1e-3


@pytest.mark.parametrize("name", TEXTS)
def test_a_written_problem_is_read_again(name: str) -> None:
    problem = oc.parse(TEXTS[name][0])
    assert oc.parse(oc.to_text(problem)) == problem
