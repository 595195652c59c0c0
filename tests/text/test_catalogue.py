"""docs/errors.md: every mistake of the catalogue, run, with what it is told.

`UPDATE_GOLDEN=1 pytest tests/text/test_catalogue.py` rewrites the page; read the diff.
"""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from sympy.vector import CoordSys3D
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler import integrations
from opcompiler.cli import app
from opcompiler.integrations import deepxde, jinns  # noqa: F401

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
    "w": sp.Function("w")(oc.vector("z", 100)),
    "z": oc.vector("z", 100),
    "i": oc.index("i", oc.vector("z", 100)),
    "C": CoordSys3D("C"),
    "B": CoordSys3D("B"),
    "integrations": integrations,
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
        "oc.compile(u(x) + v(x), fields=['u', 'v', 'u'])",
        "oc.compile(u(x) + v(x))(net, points)",
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
        "oc.compile(u(t, x).diff(x)).bind(lambda p, z: p*net(z)).loss(2.0, points[:0])",
        "oc.compile(u(t, x).diff(x)).bind(lambda p, z: p*net(z))"
        ".loss(2.0, points, weights=np.ones(3))",
        "oc.compile(u(t, x).diff(x)).bind(lambda p, z: p*net(z))"
        ".loss(2.0, points, weights=1j)",
        "oc.compile(u(t, x).diff(x)).bind(lambda p, z: p*net(z))"
        ".loss(2.0, points, weights='all')",
        "oc.compile([u(t, x).diff(x), u(t, x)]).bind(lambda p, z: p*net(z))"
        ".loss(2.0, points, weights=(1, 2, 3))",
        "oc.compile(sp.Symbol('weights')*u(t, x)).bind(lambda p, z: p*net(z))"
        ".loss(2.0, points, weights=1)",
        "oc.compile(u(t, x).diff(x)).bind(lambda p, z: p*net(z))"
        ".value_and_grad(2, points)",
    ],
    "Estimators": [
        "oc.Sparse(0)",
        "oc.Sparse(4, importance='coefficient')",
        "oc.Sparse(4, importance=(1, 2))",
        "oc.Sparse(4, importance=(1, 0), replace=True)",
        "oc.Dense(4, distribution='cauchy')",
        "oc.Dense(3, antithetic=True)",
        "oc.compile(u(t, x).diff(x) + u(t, x), estimator=oc.Sparse(4))",
        "oc.compile(u(x, y).diff(x, 2) + u(x, y).diff(y, 2), estimator=oc.Dense(4))",
        "oc.compile(oc.Sum(oc.D(w, z[i], 4), i), estimator=oc.Dense(4, 'rademacher'))",
        "oc.compile(oc.Sum(z[i]*oc.D(w, z[i], 2), i), estimator=oc.Dense(4))",
        "oc.compile(oc.Sum(oc.D(w, z[i], 2)**2, i), estimator=oc.Dense(4))",
        "oc.compile(oc.Sum(sp.sin(w)*z[i]*oc.D(w, z[i], 2), i), "
        "estimator=oc.Sparse(4, importance='coefficients', replace=True))",
        "oc.compile(oc.Sum(oc.D(w, z[i], 2), i), estimator=oc.Sparse(4))"
        "(net, np.ones((5, 100)))",
        "oc.compile(oc.Sum(oc.D(w, z[i], 2), i), estimator=oc.Sparse(4, importance=(1, 2), "
        "replace=True))(net, np.ones((5, 100)), key=jax.random.key(0))",
        "oc.compile(u(t, x).diff(x))(net, points, key=jax.random.key(0))",
        "oc.compile(oc.Sum(oc.D(w, z[i], 2), i), estimator=oc.Sparse(4)).variance("
        "net, np.ones((5, 100)), jax.random.key(0), draws=1)",
    ],
    "Vector calculus": [
        "oc.div(u(x, y), [x, y])",
        "oc.div(sp.Matrix([u(x, y), v(x, y), 0]), [x, y])",
        "oc.grad(u(x, y), [x, x])",
        "oc.grad(u(x, y), ['x', 'y'])",
        "oc.curl(sp.Matrix([u(x), v(x)]), [x])",
        "oc.dot(u(x), v(x))",
        "oc.dot(sp.Matrix([u(x), v(x)]), sp.Matrix([1, 2, 3]))",
        "oc.cross(sp.Matrix([u(x), v(x)]), sp.Matrix([1, 2, 3]))",
        "oc.Orthogonal([x, y], [x, x + y])",
        "oc.hessian(w, z)",
        "oc.div(3, z)",
        "oc.grad(u(sp.IndexedBase('y')), sp.IndexedBase('y'))",
        "oc.trace_hessian(w, z, sp.IndexedBase('sigma', shape=(3, 2)))",
        "oc.from_sympy_vector(0, C, x, y, t)",
        "oc.from_sympy_vector(C.x*C.i, C, x, y)",
        "oc.from_sympy_vector(C.x*B.i, C, x, y, t)",
    ],
    "Integrations": [
        "integrations.jinns.dynamic_loss(oc.compile(u(x, t).diff(t)))",
        "integrations.jinns.dynamic_loss(oc.compile(u(t, x).diff(t) + v(x)))",
        "integrations.jinns.dynamic_loss(oc.compile(u(t, x)), known={'f': net})",
        "integrations.jinns.dynamic_loss(oc.compile(u(t, x)), known={'u': net})",
        "integrations.deepxde.pde(oc.compile(u(x, t).diff(t)))(points, np.ones((5, 1)))",
        "integrations.deepxde.pde(oc.compile(k*u(x, t)), unknowns=['k'])"
        "(points, np.ones((5, 1)), unknowns=[])",
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
    "dot(v, grad(v)) = 0",
    "v·v·v = 0",
    "1/2 ∇²u = 0",
    "∂_{xx}² u = 0",
    "coefficient D; D(u) = 0",
    "u(x, t) = 0",
    "u_t = int(p(t, s), s, 0, inf)",
    "u_t = where(0 < x < 1, 1, 2)",
    "u_t = where(x = 0, 1, 2)",
    "u_t = np.sin(u)",
    "u_t = sin x",
    "mu*u = 0",
]


# In a folder with `burgers.pde`, `pts.npy` and `network.py` of `docs/cli.md`.
COMMANDS = [
    "opcompiler check absent.pde",
    "opcompiler check 'coordinates x; field u; u_x = q'",
    "opcompiler check burgers.pde --set mu=1",
    "opcompiler check broken.pde",
    "opcompiler plan program.py",
    "opcompiler plan stops.py",
    "opcompiler plan burgers.pde --html no/plan.html",
    "opcompiler eval burgers.pde --points wide.npy --net network:u",
    "opcompiler eval burgers.pde --points whole.npy --net network:u",
    "opcompiler eval burgers.pde --points objects.npy --net network:u",
    "opcompiler eval burgers.pde --points absent.npy --net network:u",
    "opcompiler eval burgers.pde --points pts.npy --net absent:u",
    "opcompiler eval burgers.pde --points pts.npy --net network:v",
    "opcompiler eval burgers.pde --points pts.npy --net network:W",
    "opcompiler eval burgers.pde --points pts.npy --net network:stops",
    "opcompiler eval burgers.pde --points pts.npy --net network:u --equation heat",
    "opcompiler eval burgers.pde --points pts.npy --net network:u --out values.txt",
    "opcompiler eval 'coordinates t, x; field u; parameter k; u_t = k*u' "
    "--points pts.npy --net network:u",
    "opcompiler eval heat.py --points pts.npy --net network:u --equation heat",
    "opcompiler emit burgers.pde -o no/residual.py",
    "opcompiler emit program.py",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the commands find."""
    monkeypatch.chdir(tmp_path)
    # Another test's module of this name must not be found.
    monkeypatch.delitem(sys.modules, "network", raising=False)
    Path("burgers.pde").write_text(
        "coordinates t, x\nfield u\nparameter nu = 0.01\nburgers: u_t + u*u_x = nu*u_xx\n"
    )
    Path("broken.pde").write_bytes(b"\xff\xfe")
    Path("program.py").write_text("answer = 42\n")
    Path("heat.py").write_text(
        "import sympy as sp\nt, x = sp.symbols('t x')\nu = sp.Function('u')(t, x)\n"
        "equations = u.diff(t) - u.diff(x, 2)\n"
    )
    Path("stops.py").write_text("equations = 1 / 0\n")
    Path("network.py").write_text(
        "import numpy as np\nW = np.ones((2, 3))\ndef u(point):\n"
        "    return (point @ W).sum()\ndef stops(point):\n    return {}['weights']\n"
    )
    np.save("pts.npy", np.ones((4, 2)))
    np.save("wide.npy", np.ones((4, 3)))
    np.save("whole.npy", np.ones((4, 2), int))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    yield
    sys.modules.pop("network", None)


def said(line: str) -> str:
    """What a command says on stderr, with exit code 1."""
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    return f"```console\n$ {line}\n```\n```text\n{result.stderr.rstrip()}\n```\n"


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
        "and a way out.\nThis page is written by `tests/text/test_catalogue.py`, which "
        "runs every line of it.\n",
        "In Python `t, x, y, s, k, n` are symbols, `u, v` functions, `net` is a network of "
        "one output,\n`points` has two columns, `z = oc.vector('z', 100)`, "
        "`i = oc.index('i', z)`,\n`w = sp.Function('w')(z)`, and `B, C` are frames of "
        "`sympy.vector`.\n",
    ]
    for heading, sources in PYTHON.items():
        parts.append(f"## {heading}\n")
        parts += [entry(s, "python", lambda s=s: run(s)) for s in sources]
    parts.append(f"## Text\n\nUnder `{PLANE.strip()}`.\n")
    parts += [entry(s, "pde", lambda s=s: oc.parse(PLANE + s)) for s in TEXT]
    parts.append(
        "## Command line\n\nOn stderr, with exit code 1. Where the command line itself is "
        "wrong, the code is 2.\n"
    )
    parts += map(said, COMMANDS)
    return "\n".join(parts)


@pytest.mark.usefixtures("folder")
def test_the_page_says_what_is_said() -> None:
    written = page()
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(written, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written


def test_the_catalogue_is_whole() -> None:
    assert sum(map(len, PYTHON.values())) >= 95
    assert len(TEXT) >= 60
    assert len(COMMANDS) >= 20
