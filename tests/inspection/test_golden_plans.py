"""Plans as people read them; `UPDATE_GOLDEN=1 pytest tests/inspection` rewrites them."""

import os
from pathlib import Path

import pytest
import sympy as sp

import opcompiler as oc

FOLDER = Path(__file__).parent / "golden"
t, x, y, nu = sp.symbols("t x y nu")
u, v, p = (sp.Function(name)(t, x, y) for name in "uvp")
w = sp.Function("w")(x, y)


def laplacian(field):
    return field.diff(x, 2) + field.diff(y, 2)


EQUATIONS = {
    "navier_stokes_2d": [
        u.diff(t) + u * u.diff(x) + v * u.diff(y) + p.diff(x) - nu * laplacian(u),
        v.diff(t) + u * v.diff(x) + v * v.diff(y) + p.diff(y) - nu * laplacian(v),
        u.diff(x) + v.diff(y),
    ],
    "bilaplacian_2d": laplacian(laplacian(w)),
    "sites": [w.subs(x, 0) - w.subs(x, 1), sp.Subs(w.diff(x), x, 1), w.diff(x, y)],
}


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("view", ["plan", "source"])
def test_plan_and_source(name: str, view: str) -> None:
    residual = oc.compile(EQUATIONS[name])
    text = str(residual.plan) if view == "plan" else residual.source()
    path = FOLDER / f"{name}.{view}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text.rstrip() + "\n")
    assert text.rstrip() + "\n" == path.read_text()
