"""Plans as people read them; `UPDATE_GOLDEN=1 pytest tests/show` rewrites them."""

import os
from pathlib import Path

import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning.contamination import contamination
from tests.show.operators import OPERATORS

FOLDER = Path(__file__).parent / "golden"
t, x, y, nu = sp.symbols("t x y nu")
u, v, p = (sp.Function(name)(t, x, y) for name in "uvp")
w = sp.Function("w")(x, y)


def laplacian(field):
    return field.diff(x, 2) + field.diff(y, 2)


PUBLISHED = [
    ({2: "x", 3: "y"}, 7),
    ({2: "x", 3: "y"}, 9),
    ({3: "x", 4: "y", 7: "t"}, 13),
]
"""The jets of STDE's appendix F.2: slots and order."""

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
    compare(text, f"{name}.{view}.txt")


@pytest.mark.parametrize("name", OPERATORS)
def test_every_strategy(name: str) -> None:
    plans = [
        oc.compile(OPERATORS[name], strategy=strategy).plan
        for strategy in ("algebra", "partition", "polarization")
    ]
    compare("\n\n".join(map(str, plans)), f"strategies/{name}.txt")


def test_published_jets() -> None:
    """105 u_xxy at order 7; 1260 u_xxxy beside 280 u_yyy at order 9."""
    reports = [contamination(slots, order) for slots, order in PUBLISHED]
    compare("\n\n".join(map(str, reports)), "published_jets.txt")


def compare(text: str, name: str) -> None:
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.rstrip() + "\n")
    assert text.rstrip() + "\n" == path.read_text()
