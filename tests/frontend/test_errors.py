"""Bad input: every error is ours, names the offending sub-expression and a way out."""

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

t, x, y, n, nu = sp.symbols("t x y n nu")
F = sp.Function("u")
u = F(t, x)
D = sp.Derivative
xi = sp.IndexedBase("xi")
k = sp.Symbol("k", integer=True)

BAD_EQUATIONS = {
    "symbolic order": (D(u, (x, n)) + u, "Derivative(u(t, x), (x, n))", "subs(n, 2)"),
    "by a parameter": (D(F(t, x) * nu, nu) + u, "nu*u(t, x)", "jax.grad"),
    "by a stranger": (D(u, y) + u, "Derivative(u(t, x), y)", "make y an argument"),
    "by a coordinate of another field": (
        D(sp.Function("v")(t), x) + u, "Derivative(v(t), x)", "argument x",
    ),
    "by a pinned argument": (
        D(F(0, x), t) + u, "Derivative(u(0, x), t)", "Subs(Derivative(u(t), t), t, value)",
    ),
    "by an indexed coordinate": (
        D(F(xi[0], x), xi[0]), "Derivative(u(xi[0], x), xi[0])", "symbol",
    ),
    "by a modulus": (D(sp.Abs(u), u), "Derivative(Abs(u(t, x)), u(t, x))", "real=True"),
    "function without JAX meaning": (
        u.diff(t) + sp.besselk(0, u), "besselk(0", "known field",
    ),
    "two arities": (F(x) + F(t, x), "u(x)", "same arguments everywhere"),
    "bare field": (F, "u", "apply it to its coordinates"),
    "no field": (x**2 + nu, "nu + x**2", "applied undefined function"),
    "truth value": (sp.true, "True", "lhs - rhs"),
    "python truth value": (u == 0, "False", "lhs - rhs"),
    "inequality": (sp.Le(u, 0), "u(t, x) <= 0", "Max/Min"),
    "undefined": (u + sp.nan, "nan", "division by zero"),
    "text": ("u_t + u*u_x", "'u_t + u*u_x'", "oc.parse(text)"),
    "nothing": ([], "[]", "at least one"),
    "none inside a list": ([u.diff(t), None], "None", "SymPy expression"),
    "integral": (
        u.diff(t) + sp.Integral(F(t, y), y), "Integral(u(t, y), y)", "give both",
    ),
    "twin symbols": (
        F(t, x).diff(x) + sp.Symbol("x", real=True) * u, "x", "declare the symbol once",
    ),
    "field and symbol of one name": (sp.Symbol("u") * u, "u", "rename the symbol"),
    "twin functions": (
        u + sp.Function("u", real=True)(t, x).diff(x), "u(t, x)", "declare the function",
    ),
    "symbolic sum": (
        u.diff(t) + sp.Sum(k * u, (k, 0, n)), "Sum(k*u(t, x), (k, 0, n))", "bounds",
    ),
    "sum over coordinates": (
        sp.Sum(D(F(xi[0], xi[1]), (xi[k], 2)), (k, 0, 1)), "xi[k]", "separate symbols",
    ),
    "endless sum": (
        u.diff(t) + sp.Sum(k * u, (k, 0, 10**9)), "1000000000", "10000",
    ),
    "derivative of an unknown construct": (
        D(sp.besselj(u, x) * u, x), "besselj(", "elementary",
    ),
    "coordinate that is not a symbol": (None, "t + x", "sympy.Symbol"),
    "no such strategy": (None, None, "algebra, nested"),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, case in BAD_EQUATIONS.items() if case[1]])
def test_the_message_names_the_sub_expression_and_the_remedy(name: str) -> None:
    equation, offender, remedy = BAD_EQUATIONS[name]
    options = {}
    if name == "coordinate that is not a symbol":
        equation, options = u, {"coordinates": [t + x]}
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equation, **options)
    assert offender in str(caught.value)
    assert remedy in caught.value.hint
    assert caught.value.problem


def test_unknown_strategy_lists_the_known_ones() -> None:
    with pytest.raises(oc.OperatorError, match="partitoin") as caught:
        oc.compile(u, strategy="partitoin")
    assert "algebra, nested" in caught.value.hint


RESIDUAL = oc.compile(
    [u.diff(t) - nu * u.diff(x, 2), sp.Function("v")(t, x).diff(x)], fields=["u", "v"]
)
POINTS = np.zeros((4, 2))


def good(z):
    return jnp.stack([z.sum(), z.prod()])


def scalar(z):
    return z.sum()


BAD_CALLS = {
    "columns": (good, jnp.zeros((4, 3)), {"nu": 1.0}, "(4, 3)", "t, x"),
    "no axis": (good, 1.0, {"nu": 1.0}, "()", "(..., 2)"),
    "integer points": (good, jnp.zeros((4, 2), int), {"nu": 1.0}, "int", "floating"),
    "unknown column": (good, {"t": 0.0, "z": 1.0}, {"nu": 1.0}, "z", "t, x"),
    "missing column": (good, {"t": 0.0}, {"nu": 1.0}, "x", "t, x"),
    "ragged columns": (
        good, {"t": jnp.zeros(3), "x": jnp.zeros(4)}, {"nu": 1.0}, "t: (3,)", "same shape",
    ),
    "missing parameter": (good, POINTS, {}, "nu", "nu"),
    "misspelt parameter": (good, POINTS, {"nu": 1.0, "nuu": 2.0}, "nuu", "did you mean nu"),
    "parameter's shape": (good, POINTS, {"nu": jnp.zeros(3)}, "nu", "(4,)"),
    "parameter's kind": (good, POINTS, {"nu": "big"}, "nu = 'big'", "scalar"),
    "parameter's values": (
        good, POINTS, {"nu": lambda z: z}, "nu(point) of shape (2,)", "one number",
    ),
    "outputs": (scalar, POINTS, {"nu": 1.0}, "u, v", "(2,)"),
    "not callable": (3.0, POINTS, {"nu": 1.0}, "3.0", "function of one point"),
    "missing field": ({"u": scalar}, POINTS, {"nu": 1.0}, "v", "u, v"),
    "unknown field": (
        {"u": scalar, "v": scalar, "w": scalar}, POINTS, {"nu": 1.0}, "w", "u, v",
    ),
    "field given twice": (
        {("u", "v"): good, "u": scalar}, POINTS, {"nu": 1.0}, "u, v, u", "once",
    ),
    "batched network": (
        lambda z: good(z @ jnp.zeros((7, 2))), POINTS, {"nu": 1.0}, "u, v", "ONE point",
    ),
    "wide network": (
        lambda z: good(z).astype(jnp.float64), POINTS.astype(jnp.float32), {"nu": 1.0},
        "float64", "cast the points",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_are_refused_in_the_users_words(name: str) -> None:
    net, points, parameters, offender, remedy = BAD_CALLS[name]
    with pytest.raises(oc.OperatorError) as caught:
        RESIDUAL(net, points, **parameters)
    assert offender in str(caught.value)
    assert remedy in caught.value.hint


def test_one_network_for_fields_of_different_arguments() -> None:
    residual = oc.compile(u.diff(t) + sp.Function("phi")(x).diff(x))
    with pytest.raises(oc.OperatorError, match=r"phi\(x\), u\(t, x\)") as caught:
        residual(good, POINTS)
    assert "'phi'" in caught.value.hint
