"""SymPy's traps around sums over components, matrices, arrays and `sympy.vector`.

SymPy evaluates a sum over components wrongly, without a word: the free symbols of
`Derivative(u(x), x[i])` do not tell of i, so doit and simplify take it out of the sum.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from sympy.tensor.array.expressions import ArraySymbol
from sympy.vector import (
    CoordSys3D,
    curl,
    Del,
    Divergence,
    divergence,
    Gradient,
    gradient,
    Laplacian,
)

import opcompiler as oc
from opcompiler.frontend import write_out

i, j = sp.symbols("i j", integer=True)
t, x, y, z = sp.symbols("t x y z")
F, G = sp.Function("u"), sp.Function("v")
X = sp.IndexedBase("x", shape=(3,))
D = sp.Derivative
SECOND = D(F(X), (X[i], 2))
LAPLACIAN = sp.Sum(SECOND, (i, 0, 2))
POINTS = np.array([[0.1, 0.2, 0.3], [0.4, -0.5, 0.6]])


def f(p):
    return jnp.sin(p[0]) * p[1] ** 2 + p[2] ** 3 * p[0] + p[0] * p[1]


@pytest.fixture(params=[0, 10], ids=["held", "written out"])
def both_ways(request, monkeypatch):
    monkeypatch.setattr(write_out, "WRITTEN_OUT", request.param)


second_derivatives = jax.jit(jax.vmap(jax.hessian(f)))


def hessian(points=POINTS):
    return second_derivatives(points)


def values(equation, net, points, **options):
    residual = oc.compile(equation, **options)
    return jax.jit(lambda points: residual(net, points))(points)


def assert_is(equation, want):
    np.testing.assert_allclose(values(equation, f, POINTS), want, rtol=1e-12)


def test_sums_as_they_are_written_are_right(both_ways) -> None:
    weighted = sp.Sum(X[i] ** 2 * SECOND, (i, 0, 2))
    assert_is(LAPLACIAN, jnp.trace(hessian(), axis1=1, axis2=2))
    assert_is(weighted, jnp.einsum("ni,nii->n", POINTS**2, hessian()))
    mixed = sp.Sum(D(F(X), X[i], X[j]), (i, 0, 2), (j, 0, 2))
    assert_is(mixed, hessian().sum((1, 2)))


SAFE = {
    "expand": sp.expand,
    "collect": lambda e: sp.collect(e, F(X)),
    "powsimp": sp.powsimp,
    "together": sp.together,
    "xreplace": lambda e: e.xreplace({t: sp.Integer(1)}),
    "arithmetic": lambda e: 2 * (e + F(X)) / 2 - F(X),
    "subs": lambda e: e.subs(t, 0),
}


@pytest.mark.parametrize("name", SAFE)
def test_what_sympy_may_do_to_a_sum(name) -> None:
    assert_is(SAFE[name](LAPLACIAN), jnp.trace(hessian(), axis1=1, axis2=2))


WRONG = {
    "doit": LAPLACIAN.doit(),
    "doit, not deep": LAPLACIAN.doit(deep=False),
    "simplify": sp.simplify(LAPLACIAN),
    "factor_terms": sp.factor_terms(sp.Sum(X[i] ** 2 * SECOND, (i, 0, 2))),
    "weighted": sp.Sum(X[i] ** 2 * SECOND, (i, 0, 2)).doit(deep=False),
    "of a symbolic number": sp.Sum(
        D(F(sp.IndexedBase("x")), (sp.IndexedBase("x")[i], 2)),
        (i, 0, sp.Symbol("d", integer=True) - 1),
    ).doit(deep=False),
    "of a million": sp.Sum(SECOND, (i, 0, 999_999)).doit(deep=False),
    "by a component": F(X).diff(X[0]),
    "by the index": sp.Sum(F(X).diff(X[i], 2), (i, 0, 2)),
    "by time": sp.Sum(D(F(t, X), (X[i], 2)), (i, 0, 2)).diff(t),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_sympy_has_evaluated_is_refused(name) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(WRONG[name] + F(X) - F(X))
    hint = caught.value.hint
    assert any(way in hint for way in ("oc.Sum", "oc.D", "oc.vector")), hint


def test_the_derivative_by_a_component_of_a_sum(both_ways) -> None:
    squares = sp.Sum(X[i] ** 2, (i, 0, 2))
    # SymPy: Sum(2*x[i]), the index captured (sympy#21891).
    assert squares.diff(X[i]) == sp.Sum(2 * X[i], (i, 0, 2))
    assert_is(
        F(X) * oc.D(squares, X[1]), jax.jit(jax.vmap(f))(POINTS) * 2 * POINTS[:, 1]
    )
    whole = lambda p: jnp.sum(p**2) * f(p)
    assert_is(
        oc.D(squares * F(X), X[0]), jax.jit(jax.vmap(jax.grad(whole)))(POINTS)[:, 0]
    )
    with pytest.raises(oc.OperatorError, match="index"):
        oc.compile(F(X) * oc.D(squares, X[i]))


@pytest.mark.parametrize(
    "equation",
    [F(X) * X[3], F(X) + D(F(X), X[5]), sp.Sum(D(F(X), X[i]), (i, 0, 3)), F(X) * X[-1]],
)
def test_components_that_are_not_there(equation, both_ways) -> None:
    with pytest.raises(oc.OperatorError, match="there are 3"):
        oc.compile(equation)


def test_a_held_sum_is_not_differentiated_by_a_field_it_holds(both_ways) -> None:
    inside = sp.Sum(X[i] * F(X), (i, 0, 2))
    assert_is(D(F(X) ** 2, F(X)), 2 * jax.jit(jax.vmap(f))(POINTS))
    try:
        assert_is(D(inside, F(X)) + F(X), POINTS.sum(1) + jax.jit(jax.vmap(f))(POINTS))
    except oc.OperatorError as error:
        assert "a sum stands in it" in error.problem  # noqa: PT017


# Matrices and arrays.

M = sp.MatrixSymbol("M", 3, 1)
N = sp.MatrixSymbol("N", 2, 2)
A = ArraySymbol("A", (3,))
V = sp.Matrix([F(x, y), G(x, y)])
JACOBIAN = V.jacobian([x, y])


@pytest.mark.parametrize(
    ("equation", "way_out"),
    [
        (F(M), "oc.vector"),
        (D(F(M), M[0, 0]), "oc.vector"),
        (F(x) * M[0, 0], "oc.vector"),
        (F(A), "oc.vector"),
        (sp.Sum(D(F(A), (A[i], 2)), (i, 0, 2)), "oc.vector"),
        (F(X[0], X[1]), "whole vectors"),
        (F(sp.IndexedBase("w")), "oc.vector"),
        (sp.MatMul(N, V, evaluate=False), "have their entries"),
        (F(x, y) + sp.Determinant(N), "have their entries"),
        (F(x, y) * sp.Trace(N), "have their entries"),
        (sp.Eq(V, sp.zeros(1, 2)), "lhs - rhs"),
    ],
)
def test_matrices_and_arrays_that_are_no_equations(equation, way_out) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equation)
    assert way_out in caught.value.hint


PLANE = POINTS[:, :2]
NET = lambda p: jnp.stack([f(jnp.append(p, 0.5)), jnp.cos(p[0]) + p[1] ** 3])


UV = ["u", "v"]


def test_entries_of_matrices_and_arrays() -> None:
    jacobian = jax.jit(jax.vmap(jax.jacfwd(NET)))(PLANE)
    fields = jax.jit(jax.vmap(NET))(PLANE)
    det = values((sp.eye(2) + JACOBIAN).det(), NET, PLANE, fields=UV)
    np.testing.assert_allclose(det, jnp.linalg.det(jnp.eye(2) + jacobian), rtol=1e-12)
    inverse = values((sp.eye(2) + JACOBIAN).inv()[0, 1], NET, PLANE, fields=UV)
    want = jnp.linalg.inv(jnp.eye(2) + jacobian)[:, 0, 1]
    np.testing.assert_allclose(inverse, want, rtol=1e-12)
    for product in (sp.MatMul(JACOBIAN, V).as_explicit(), sp.MatMul(JACOBIAN, V)):
        got = values(product, NET, PLANE, fields=UV)
        want = jnp.einsum("nij,nj->in", jacobian, fields)
        np.testing.assert_allclose(jnp.stack(got), want, rtol=1e-12)
    first = {"u": lambda p: NET(p)[0]}
    array = values(sp.derive_by_array(V[0], [x, y]), first, PLANE)
    np.testing.assert_allclose(jnp.stack(array), jacobian[:, 0].T, rtol=1e-12)
    equal = values(sp.Eq(V, sp.Matrix([1, x])), NET, PLANE, fields=UV)
    want = fields.T - jnp.stack([jnp.ones(2), PLANE[:, 0]])
    np.testing.assert_allclose(jnp.stack(equal), want, rtol=1e-12)


# sympy.vector: whatever is a plain symbol is a constant to it.

C = CoordSys3D("C")
FRAMED = F(C.x, C.y, C.z)


@pytest.mark.parametrize(
    "equation",
    [
        gradient(F(x, y)), divergence(F(x, y) * C.i), curl(F(x, y) * C.k),
        divergence(gradient(F(x, y))) + F(x, y), C.i * F(x, y) + gradient(FRAMED),
        sp.S.Zero, "u_xx",
    ],
)  # fmt: skip
def test_derivatives_that_sympy_vector_takes_for_zero(equation) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.from_sympy_vector(equation, C, x, y, z)
    assert "frame.x" in caught.value.hint


@pytest.mark.parametrize(
    "equation", [divergence(gradient(FRAMED)), gradient(FRAMED), FRAMED * C.x]
)
def test_frames_go_through_their_own_door(equation) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equation)
    assert "oc.from_sympy_vector" in caught.value.hint


@pytest.mark.parametrize(
    "equation",
    [
        divergence(gradient(FRAMED)), Divergence(Gradient(FRAMED)), Laplacian(FRAMED),
        Del().dot(Del()(FRAMED)), Laplacian(F(x, y, z)),
    ],
)  # fmt: skip
def test_operators_of_sympy_vector(equation) -> None:
    residual = oc.compile(oc.from_sympy_vector(equation, C, x, y, z))
    want = jnp.trace(hessian(), axis1=1, axis2=2)
    np.testing.assert_allclose(residual(f, POINTS), want, rtol=1e-12)
