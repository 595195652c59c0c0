"""What is printed and planned does not depend on the order of sets: PYTHONHASHSEED."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests import apart

ROOT = Path(__file__).parents[2]

# Runs in a process of its own seed, and prints all that a user may keep or compare.
PROGRAM = r'''
import sympy as sp

import opcompiler as oc
from opcompiler.cli.emit_command import module_text

SYSTEM = """
coordinates t, x, y
field u(t, x, y), v(t, x, y), p(t, x, y)
parameter nu = 0.01, k = 2
omega = v_x - u_y
momentum_x: u_t + u*u_x + v*u_y + p_x = nu*(u_xx + u_yy) + max(u, v, k)
momentum_y: v_t + u*v_x + v*v_y + p_y = nu*(v_xx + v_yy) + k*omega
mass: u_x + v_y + sin(u*v)*cos(p)*exp(k*x)/(1 + nu*y^2) = 0
vorticity: omega_xxy + p_xyy + u_xxyy = 0
initial at t = 0: u = sin(x)*cos(y)
"""
HELD = """
coordinates t, x in R^1000
field u(t, x)
coefficient A[1000]
parameter k = 1
heat: u_t + sum(i=1..1000, A[i]*d(u, x[i], 2) + k*x[i]^2*d(u, x[i])) + sin(u) = 0
"""
COMPLEX = """
coordinates t, x, y
complex field psi(t, x, y)
coefficient V(x, y)
parameter g = 1, w = 0.5
turn = x*psi_y - y*psi_x
schroedinger: i*psi_t + psi_xx/2 + psi_yy/2 + V*psi + g*abs(psi)^2*psi = i*w*turn
periodic: psi(t, 0, y) = psi(t, 1, y)
"""

for text in (SYSTEM, HELD, COMPLEX):
    problem = oc.parse(text)
    residual = oc.compile(problem)
    print(oc.to_text(problem), oc.to_latex(problem), residual.source(), sep="\n")
    print(residual.plan.to_json(), residual.plan, residual.explain(), sep="\n")
    print(residual.fields, residual.parameters, residual.coordinates)
    print(module_text(problem))

# SymPy's own objects, where sets of symbols are behind much.
t, x, y, a, b, c = sp.symbols("t x y a b c")
u, v = (sp.Function(name)(t, x, y) for name in "uv")
flux = sp.Derivative(sp.exp(a * u) * u.diff(x) * sp.Max(u, v, a, b), x)
cases = sp.Piecewise((u * v, sp.And(u > a, v < b, x > 0)), (sp.log(u + c), True))
equations = [flux + v.diff(y, 2), cases + u.diff(x, y), oc.D(sp.Abs(u) * v, x, 2)]
X = oc.vector("x", 1000)
i, j = oc.index("i", X), oc.index("j", X)
w = sp.Function("w")(X)
ansatz = (1 - oc.Sum(X[i]**2, i)) * w
nested = oc.Sum(oc.Sum(a * X[i] * oc.D(w, X[i], X[j]) * sp.cos(X[j]), i), j)
shifted = oc.Sum(oc.D(ansatz, X[i], 2) * b + sp.sin(oc.D(w, X[i])) * X[i]**2, i)
for estimator in (None, oc.Sparse(4)):
    held = oc.compile([nested + c * w, shifted + a * w], estimator=estimator)
    print(held.source(), held.plan.to_json(), held.explain(), sep="\n")
for strategy in ("auto", "partition", "polarization", "nested"):
    residual = oc.compile(equations, strategy=strategy)
    print(residual.source(), residual.plan.to_json(), residual.parameters, sep="\n")
print(oc.compile(oc.sobolev(u.diff(t) - a * u.diff(x, 2) * v, 2, x)).source())
'''


def printed(seed: str) -> str:
    if seed == apart.SEED:
        return apart.printed(("-c", PROGRAM))[0]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_program_sees_the_seed() -> None:
    order = "print(list({str(n) for n in range(20)}))"
    orders = {
        subprocess.run(
            [sys.executable, "-c", order],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(orders) == 3


@pytest.fixture(scope="module")
def reference() -> str:
    """What this process prints, by the seed that it has."""
    here = io.StringIO()
    with redirect_stdout(here):
        exec(PROGRAM, {})
    return here.getvalue()


@pytest.mark.parametrize("seed", [apart.SEED, "20261127"])
def test_nothing_depends_on_the_seed(reference: str, seed: str) -> None:
    found = printed(seed)
    for number, (here, there) in enumerate(
        zip(reference.splitlines(), found.splitlines(), strict=True)
    ):
        assert here == there, number
