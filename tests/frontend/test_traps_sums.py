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


def assert_are(*cases, net=f, points=POINTS, **options):
    """Compares equations with functions of a point, all in one program."""
    residuals = [oc.compile(equation, **options) for equation, _ in cases]

    @jax.jit
    def everything(points):
        return [
            (residual(net, points), jax.vmap(want)(points))
            for residual, (_, want) in zip(residuals, cases, strict=True)
        ]

    for (equation, _), (got, want) in zip(cases, everything(points), strict=True):
        got = np.stack(got, -1) if isinstance(got, tuple | list) else got
        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=str(equation))


def assert_is(equation, want):
    assert_are((equation, want))


def bends(p):
    return jnp.diagonal(jax.hessian(f)(p))


def laplacian(p):
    return jnp.sum(bends(p))


def test_sums_as_they_are_written_are_right(both_ways) -> None:
    weighted = sp.Sum(X[i] ** 2 * SECOND, (i, 0, 2))
    mixed = sp.Sum(D(F(X), X[i], X[j]), (i, 0, 2), (j, 0, 2))
    assert_are(
        (LAPLACIAN, laplacian),
        (weighted, lambda p: p**2 @ bends(p)),
        (mixed, lambda p: jnp.sum(jax.hessian(f)(p))),
    )


SAFE = {
    "expand": sp.expand,
    "collect": lambda e: sp.collect(e, F(X)),
    "powsimp": sp.powsimp,
    "together": sp.together,
    "xreplace": lambda e: e.xreplace({t: sp.Integer(1)}),
    "arithmetic": lambda e: 2 * (e + F(X)) / 2 - F(X),
    "subs": lambda e: e.subs(t, 0),
}


def test_what_sympy_may_do_to_a_sum() -> None:
    changed = [change(LAPLACIAN) for change in SAFE.values()]
    assert_is(changed, lambda p: jnp.full(len(changed), laplacian(p)))


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
    whole = lambda p: jnp.sum(p**2) * f(p)
    assert_are(
        (F(X) * oc.D(squares, X[1]), lambda p: f(p) * 2 * p[1]),
        (oc.D(squares * F(X), X[0]), lambda p: jax.grad(whole)(p)[0]),
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
    assert_is(D(F(X) ** 2, F(X)), lambda p: 2 * f(p))
    try:
        assert_is(D(inside, F(X)) + F(X), lambda p: jnp.sum(p) + f(p))
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
    jacobian = jax.jacfwd(NET)
    shifted = lambda p: jnp.eye(2) + jacobian(p)
    product = lambda p: jacobian(p) @ NET(p)
    assert_are(
        ((sp.eye(2) + JACOBIAN).det(), lambda p: jnp.linalg.det(shifted(p))),
        (
            # As `inv` has it, which tries for a second whether there is one.
            (sp.eye(2) + JACOBIAN).adjugate()[0, 1] / (sp.eye(2) + JACOBIAN).det(),
            lambda p: jnp.linalg.inv(shifted(p))[0, 1],
        ),
        (sp.MatMul(JACOBIAN, V).as_explicit(), product),
        (sp.MatMul(JACOBIAN, V), product),
        (
            sp.Eq(V, sp.Matrix([1, x])),
            lambda p: NET(p) - jnp.stack([jnp.ones(()), p[0]]),
        ),
        net=NET,
        points=PLANE,
        fields=UV,
    )
    assert_are(
        (sp.derive_by_array(V[0], [x, y]), lambda p: jacobian(p)[0]),
        net={"u": lambda p: NET(p)[0]},
        points=PLANE,
    )


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


def test_operators_of_sympy_vector() -> None:
    equations = [
        divergence(gradient(FRAMED)), Divergence(Gradient(FRAMED)), Laplacian(FRAMED),
        Del().dot(Del()(FRAMED)), Laplacian(F(x, y, z)),
    ]  # fmt: skip
    read = [oc.from_sympy_vector(e, C, x, y, z) for e in equations]
    assert_is(read, lambda p: jnp.full(len(read), laplacian(p)))
