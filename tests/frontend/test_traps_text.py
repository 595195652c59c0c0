"""Text is never executed: SymPy's constructors evaluate any string they are given."""

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from sympy.vector import CoordSys3D

import opcompiler as oc

t, x, y, z, k = sp.symbols("t x y z k")
u = sp.Function("u")(t, x)
Q = oc.vector("q", 3)
w = sp.Function("w")(Q)
FRAME = CoordSys3D("C")
NET = lambda point: jnp.sum(point)
POINTS = np.zeros((2, 2))

DOORS = {
    "compile": lambda s: oc.compile(s),
    "compile a list": lambda s: oc.compile([u, s]),
    "compile a dict": lambda s: oc.compile({"a": s}),
    "coordinates": lambda s: oc.compile(u, coordinates=[s]),
    "fields": lambda s: oc.compile(u, fields=[s]),
    "strategy": lambda s: oc.compile(u, strategy=s),
    "D": lambda s: oc.D(s, x),
    "D by": lambda s: oc.D(u, s),
    "D count": lambda s: oc.D(u, x, s),
    "Sum": lambda s: oc.Sum(s, oc.index("i", 3)),
    "Sum over": lambda s: oc.Sum(u, (s, 0, 3)),
    "Sum to": lambda s: oc.Sum(u, (sp.Symbol("i"), 0, s)),
    "Integral": lambda s: oc.Integral(s, (x, 0, 1)),
    "Integral over": lambda s: oc.Integral(u, (s, 0, 1)),
    "Integral to": lambda s: oc.Integral(u, (x, 0, s)),
    "index": lambda s: oc.index("i", s),
    "vector": lambda s: oc.vector("x", s),
    "sobolev": lambda s: oc.sobolev(s, 1, x),
    "sobolev by": lambda s: oc.sobolev(u, 1, s),
    "sobolev by several": lambda s: oc.sobolev(u, 1, [s]),
    "VectorField": lambda s: oc.VectorField("u v", s, x),
    "grad": lambda s: oc.grad(s, (t, x)),
    "grad by": lambda s: oc.grad(u, (s, x)),
    "grad by text": lambda s: oc.grad(u, s),
    "grad by components": lambda s: oc.grad(s, Q),
    "div": lambda s: oc.div([u, s], (t, x)),
    "laplacian": lambda s: oc.laplacian(s, (t, x)),
    "laplacian by components": lambda s: oc.laplacian(s, Q),
    "hessian": lambda s: oc.hessian(u, (s,)),
    "biharmonic": lambda s: oc.biharmonic(s, Q),
    "advect": lambda s: oc.advect([s, u], u, (t, x)),
    "directional": lambda s: oc.directional(u, [s, 1], (t, x)),
    "material": lambda s: oc.material(u, [1, 1], s, (t, x)),
    "strain": lambda s: oc.strain([u, s], (t, x)),
    "dot": lambda s: oc.dot([s, 1], [1, 1]),
    "dot by components": lambda s: oc.dot(oc.grad(w, Q), lambda i: s),
    "cross": lambda s: oc.cross([s, 1], [1, 1]),
    "outer": lambda s: oc.outer(s, [1, 1]),
    "norm": lambda s: oc.norm([s, 1]),
    "trace_hessian": lambda s: oc.trace_hessian(w, Q, s),
    "Cartesian": lambda s: oc.Cartesian(s, x),
    "Polar": lambda s: oc.Polar(s, x),
    "Orthogonal": lambda s: oc.Orthogonal((t, x), (s, x)),
    "from_sympy_vector": lambda s: oc.from_sympy_vector(s, FRAME, x, y, z),
    "its symbols": lambda s: oc.from_sympy_vector(FRAME.x, FRAME, s, y, z),
    "parse": lambda s: oc.parse(f"coordinates x; field u; u = {s}"),
    "a parameter's name": lambda s: oc.parse("field u", parameters={s: 1}),
    "a parameter's value": lambda s: oc.parse("parameter k", parameters={"k": s}),
    "declarations": lambda s: oc.parse(s),
    "load": lambda s: oc.load(s),
    "a plan": lambda s: oc.Plan.from_json(s),
    "parameter": lambda s: oc.compile(u * k)(NET, POINTS, k=s),
    "network": lambda s: oc.compile(u)(s, POINTS),
    "points": lambda s: oc.compile(u)(NET, s),
    "points by name": lambda s: oc.compile(u)(NET, {"t": s, "x": s}),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_executes_text(door, tmp_path) -> None:
    trace = tmp_path / "executed"
    text = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    with pytest.raises(oc.OperatorError):
        DOORS[door](text)
    assert not trace.exists()


def test_the_text_does_what_it_says(tmp_path) -> None:
    """SymPy itself executes it; a text that did nothing would prove nothing."""
    trace = tmp_path / "executed"
    with pytest.raises(Exception):  # noqa: B017, PT011
        sp.Derivative(u, f"__import__('pathlib').Path({str(trace)!r}).touch()")
    assert trace.exists()
