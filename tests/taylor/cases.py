"""The engine cases: programs of every class, with their oracles."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

CASES = {
    case["name"]: case
    for case in json.loads((Path(__file__).parent / "engine_cases.json").read_text())
}


def load(name: str):
    """Returns the function of a case, a point of its domain, and a random generator."""
    case = CASES[name]
    space = {"jax": jax, "jnp": jnp, "lax": lax, "nn": nn, "jsp": jax.scipy, "np": np}
    exec(case["setup"], space)
    fun = eval(f"lambda x: {case['expr']}", space)
    random = np.random.default_rng(len(name))
    low, high = case["domain"]
    return fun, jnp.asarray(random.uniform(low, high, case["shape"])), random


def nested(fun, start, tangents):
    """D^m fun(start)[t_1, ..., t_m] by nested jvps."""
    for tangent in tangents:
        fun = (lambda f, t: lambda x: jax.jvp(f, (x,), (t,))[1])(fun, tangent)
    return fun(start)


def nested_series(fun, start, terms):
    """The Taylor coefficients of fun along the curve start + sum_k terms_k t^k."""
    found = jax.jit(lambda: along(fun, start, terms))()
    return [np.asarray(value) for value in found]


def along(fun, start, terms):
    """The same, inside of a program."""

    def curve(t):
        return (fun(start + sum(c * t ** (k + 1) for k, c in enumerate(terms))),)

    def one_more(lower):
        def deeper(t):
            values, slopes = jax.jvp(lower, (t,), (1.0,))
            return (*values, slopes[-1])

        return deeper

    for _ in terms:
        curve = one_more(curve)
    return [value / math.factorial(k) for k, value in enumerate(curve(0.0))]
