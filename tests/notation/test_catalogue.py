"""docs/errors.md: every mistake of the catalogue, run, with what it is told.

`UPDATE_GOLDEN=1 pytest tests/notation/test_catalogue.py` rewrites the page; read the diff.
"""

import os
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"

NAMES = {
    "oc": oc,
    "sp": sp,
    "np": np,
    "jnp": jnp,
    "jax": jax,
    "t": sp.Symbol("t"),
    "x": sp.Symbol("x"),
    "y": sp.Symbol("y"),
    "s": sp.Symbol("s"),
    "k": sp.Symbol("k"),
    "n": sp.Symbol("n"),
    "u": sp.Function("u"),
    "v": sp.Function("v"),
    "net": lambda point: jnp.tanh(point).sum(),
    "points": np.full((5, 2), 0.5),
}
PLANE = "coordinates t, x, y; field u(t, x), p; vector field v; parameter nu\n"

# What a user writes: Python, run by this test alone, as it stands on the page.
PYTHON = {
    "SymPy: equations": [
        "oc.compile([])",
        "oc.compile(None)",
        "oc.compile(u)",
        "oc.compile(x + 1)",
        "oc.compile(sp.Eq(u(x), u(x)))",
        "oc.compile(u(x) < 1)",
        "oc.compile(u(x)*sp.zoo)",
    ],
    "SymPy: fields and coordinates": [
        "oc.compile(u(x) + u(x, y))",
        "oc.compile(u(v(x)))",
        "oc.compile(u(x) + sp.Symbol('u'))",
        "oc.compile(u(x).diff(x) + u(sp.Symbol('x', real=True)))",
        "oc.compile(u(x) + sp.Function('u', real=True)(x))",
        "oc.compile(sp.Derivative(u(x), k))",
        "oc.compile(sp.Derivative(u(t, x), y, evaluate=False))",
        "oc.compile(sp.Derivative(u(0, t), x, evaluate=False) + u(x, t))",
        "oc.compile(sp.Derivative(u(x), (x, n)))",
        "oc.compile(sp.Subs(sp.Subs(u(t, x).diff(x), x, t + y), y, x**2))",
        "oc.compile(u(t, x), coordinates=[t + x])",
        "oc.compile(u(x) + v(x), fields=['u'])",
        "oc.compile(u(x).diff(x), strategy='magic')",
    ],
    "SymPy: functions, sums, integrals": [
        "oc.compile(sp.besselk(1, u(x)))",
        "oc.compile(sp.Heaviside(u(x)).diff(x))",
        "oc.compile(u(x)*sp.MatrixSymbol('M', 2, 2)[0, 0])",
        "oc.D(u(x), 'x')",
        "oc.compile(sp.Sum(u(x)**n, (n, 0, k)))",
        "oc.vector('x', -1)",
        "oc.Sum(u(x), n)",
        "oc.Integral(u(s))",
        "oc.compile(sp.Integral(u(s), s) - u(x))",
        "oc.compile(oc.Integral(u(s), (s, 0, sp.oo)) - u(x))",
        "oc.compile(oc.Integral(u(s)*oc.Integral(u(s), (s, 0, s)), (s, 0, x)) - u(x))",
        "oc.gauss_legendre(0)",
        "oc.sobolev(u(x), -1, x)",
        "oc.sobolev_loss(u(x), 2, x, weights=[1, 0.1])",
    ],
    "Calls": [
        "oc.compile(u(t, x).diff(x))(net, np.ones((5, 3)))",
        "oc.compile(u(t, x).diff(x))(lambda z: z, points)",
        "oc.compile(sp.Function('u', complex=True)(t, x))(lambda z: jnp.ones(3), points)",
        "oc.compile(sp.Function('u', real=True)(t, x))(lambda z: 1j*z[0], points)",
        "oc.compile(u(t, x).diff(x))(net, np.ones((5, 2), int))",
        "oc.compile(u(t, x).diff(x))(net, {'t': np.ones(5)})",
        "oc.compile(u(t, x).diff(x))(net, {'t': np.ones(5), 'x': np.ones(4)})",
        "oc.compile(u(t, x).diff(x))(3, points)",
        "oc.compile(u(t, x).diff(x))({'w': net}, points)",
        "oc.compile(u(t, x).diff(x))(lambda p: p, points)",
        "oc.compile(u(t, x).diff(x))(lambda p, q: p, points)",
        "oc.compile(u(t, x) + v(x))(net, points)",
        "oc.compile(k*u(t, x))(net, points)",
        "oc.compile(k*u(t, x))(net, points, k=1, nu=2)",
        "oc.compile(k*u(t, x))(net, points, k=np.ones(3))",
        "oc.compile(k*u(t, x))(net, points, k='one')",
        "oc.compile(u(t, x) - oc.Integral(u(s, x), (s, 0, t)))(net, points)",
        "oc.compile(u(t, x) - oc.Integral(u(s, x), (s, 0, t)))"
        "(net, points, quadrature={'s': 3})",
    ],
    "Problems": [
        "oc.parse(3)",
        "oc.load('nowhere.pde')",
        "oc.compile(oc.parse('coordinates x; field u'))",
        "oc.parse('coordinates x; field u; heat: u_x = 0').condition('left')",
        "oc.parse('coordinates x; field u; u_x = 0', parameters={'k': 1})",
        "oc.parse('coordinates x; field u; parameter k; u_x = k', "
        "parameters={'k': 'one'})",
        "oc.to_text('u = 0')",
        "oc.to_latex('u = 0')",
    ],
}
TEXT = [
    "u_y = 0",
    "d(u(t, 0), x) = 0",
    "u(x) = 0",
    "u(u, x) = 0",
    "nu(x) = u",
    "u(t, x=0) = 0",
    "u(y=0) = 0",
    "u = u",
    "heat: nu = x",
    "u/0 = 1",
    "u_t = nux*u",
    "u_t = sim(x)",
    "u_t + sin = 0",
    "u_tz = 0",
    "d(u, nu) = 0",
    "unused = u_x",
    "v[3] = 0",
    "sum(i=3..1, i)*u = 0",
    "u_t = sum(u, i)",
    "u_t = int(u, x)",
    "u + i = 0",
    "u + v = 0",
    "v*v = 0",
    "v^2 = 0",
    "div(p) = 0",
    "curl((p, p, p)) = 0",
    "advect(u, p) = 0",
    "sin(v)*u = 0",
    "Δu² = 0",
    "∂_x u*p = 0",
    "∇p·v = 0",
    "v·∇v = 0",
    "2u = 0",
    "nu(x + 1)*u = 0",
    "∂u/∂x² = 0",
    'u = __import__("os")',
    "u.diff(x) = 0",
    "u_t = (u",
    "u_t = u)",
    "u_t =",
    "u^9999999 = 0",
    "d(u, x, 999) = 0",
    "field u(x)",
    "coordinates z in [1, 0]",
    "field w(q)",
    "parameter q = nu",
    "velocity u",
    "a: u = 0; a: p = 0",
    "u_t = sin(x < 1)",
]
LATEX = [
    r"u_t = \nux",
    r"u_t = q u",
    r"u_t = \sin 2x",
    r"\nabla p \cdot \nabla p = 0",
    r"u_t = \sin^{-1} u",
    r"\frac{\partial u}{\partial x^2} = 0",
    r"\frac{\partial u}{\partial z} = 0",
    r"u_t = {u",
    r"u_t = u}",
    r"u_t = \frac",
    r"u_t = \partial u",
    r"u_t = \sum_i u",
    r"u_t = \int u dx",
    r"u_t = \begin{cases} u & x < 0 \end{cases}",
    r"u_t = u \right)",
]


def run(source: str) -> object:
    return eval(source, dict(NAMES))


def message(call: Callable[[], object]) -> str:
    with pytest.raises(oc.OperatorError) as caught:
        call()
    return str(caught.value)


def entry(source: str, language: str, call: Callable[[], object]) -> str:
    return f"```{language}\n{source}\n```\n```text\n{message(call)}\n```\n"


def page() -> str:
    parts = [
        "# What can go wrong, and what is said\n",
        "Every error that a user can cause is an `oc.OperatorError`: what is wrong, where, "
        "and a way out.\nThis page is written by `tests/notation/test_catalogue.py`, which "
        "runs every line of it.\n",
        "In Python `t, x, y, s, k, n` are symbols, `u, v` functions, `net` is a network of "
        "one output, and\n`points` has two columns.\n",
    ]
    for heading, sources in PYTHON.items():
        parts.append(f"## {heading}\n")
        parts += [entry(s, "python", lambda s=s: run(s)) for s in sources]
    parts.append(f"## Text\n\nUnder `{PLANE.strip()}`.\n")
    parts += [entry(s, "pde", lambda s=s: oc.parse(PLANE + s)) for s in TEXT]
    parts.append("## LaTeX\n\nUnder the same declarations.\n")
    parts += [entry(s, "latex", lambda s=s: oc.parse_latex(s, PLANE)) for s in LATEX]
    return "\n".join(parts)


def test_the_page_says_what_is_said() -> None:
    written = page()
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(written, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written


def test_the_catalogue_is_whole() -> None:
    assert sum(map(len, PYTHON.values())) >= 50
    assert len(TEXT) + len(LATEX) >= 60
