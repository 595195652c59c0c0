"""Problems compiled: values of equations and conditions against closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

TEXT = """
coordinates t in [0, 1], x in [-1, 1]
field u(t, x)
parameter nu = 0.3
unknown k = 2
burgers: u_t + u*u_x = nu*u_xx + k
initial at t = 0: u = -sin(pi*x)
boundary left: u = 0 at x = -1
neumann low: dn(u) = 3 at x = -1
neumann high: dn(u) = 3 at x = 1
neumann inside: dn(u) = 3 at x = 0
robin: u_x + 2*u = t at x = 1
periodic: u(t, 0) = u(t, 1)
flux: u_x(x=0) = u_x(t, 1)
point: u(0, 1/2) = 1
symmetry: u(t, -x) = -u(t, x)
condition late at t = x: u_t = 0
"""
T, X = np.random.default_rng(0).uniform(0.1, 0.9, (2, 5))
POINTS = np.stack([T, X], axis=1)


def net(z):
    return jnp.exp(2 * z[0]) * jnp.sin(3 * z[1] + 1)


def u(t, x, a=0, b=0):
    """The a-th t- and b-th x-derivative of the network."""
    return 2.0**a * np.exp(2 * t) * 3.0**b * np.sin(3 * x + 1 + b * np.pi / 2)


EXACT = {
    "initial": u(0, X) + np.sin(np.pi * X),
    "left": u(T, -1),
    "low": -u(T, -1, 0, 1) - 3,
    "high": u(T, 1, 0, 1) - 3,
    "robin": u(T, 1, 0, 1) + 2 * u(T, 1) - T,
    "periodic": u(T, 0) - u(T, 1),
    "flux": u(T, 0, 0, 1) - u(T, 1, 0, 1),
    "point": u(0, 0.5) - 1 + 0 * T,
    "symmetry": u(T, -X) + u(T, X),
    "late": u(X, X, 1),
}


@functools.cache
def all_conditions() -> dict:
    """Their values, in one program."""
    problem = oc.parse(TEXT)
    conditions = {name: oc.compile(problem.condition(name)) for name in EXACT}
    run = lambda points: {name: c(net, points) for name, c in conditions.items()}
    return jax.jit(run)(POINTS)


@pytest.mark.parametrize("name", EXACT)
def test_conditions_are_taken_at_their_own_points(name: str) -> None:
    values = all_conditions()[name]
    np.testing.assert_allclose(values, EXACT[name], rtol=1e-12, atol=1e-12)


def test_an_unknown_normal_is_given_at_call_time() -> None:
    inside = oc.compile(oc.parse(TEXT).condition("inside"))
    assert inside.parameters == ("normal_x",)
    at = jax.jit(lambda points, normal: inside(net, points, normal_x=normal))
    values = at(POINTS, np.full(5, -1.0))
    np.testing.assert_allclose(values, -u(T, 0, 0, 1) - 3, rtol=1e-12)


def test_kinds_and_equations() -> None:
    problem = oc.parse(TEXT)
    kinds = {name: c.kind for name, c in problem.conditions.items()}
    assert kinds["initial"] == "initial"
    assert kinds["left"] == "boundary"
    assert kinds["flux"] == kinds["late"] == "condition"
    assert list(problem.equations) == ["burgers"]
    assert {*problem.conditions} == {*EXACT, "inside"}


def test_defaults_hold_and_unknowns_have_gradients() -> None:
    problem = oc.parse(TEXT)
    assert problem.unknowns == {"k": 2.0}
    residual = oc.compile(problem)
    exact = u(T, X, 1) + u(T, X) * u(T, X, 0, 1)

    def values(k, **given):
        return residual(net, POINTS, k=k, **given)["burgers"]

    @jax.jit
    def everything(k):
        slope = jax.grad(lambda k: jnp.mean(values(k)))
        return values(k), values(k, nu=0.7), slope(k)

    found, other, slope = everything(5.0)
    want = exact - 0.3 * u(T, X, 0, 2) - 5
    np.testing.assert_allclose(found, want, rtol=1e-12)
    want = exact - 0.7 * u(T, X, 0, 2) - 5
    np.testing.assert_allclose(other, want, rtol=1e-12)
    np.testing.assert_allclose(slope, -1, rtol=1e-12)
    bound = residual.bind(lambda scale, z: scale * net(z))
    np.testing.assert_allclose(bound(1.0, POINTS, k=5.0)["burgers"], found)
    with pytest.raises(oc.OperatorError, match="k"):
        residual(net, POINTS)


def test_a_vector_condition_is_compiled_as_one() -> None:
    text = "coordinates x, y; vector field v; wall: v = (1, x) at y = 0"
    wall = oc.compile(oc.parse(text).condition("wall"))
    field = {"v1": lambda z: z[0] * z[1] + 3, "v2": lambda z: z[0] + z[1]}
    first, second = wall(field, POINTS)
    np.testing.assert_allclose(first, 2 + 0 * T)
    np.testing.assert_allclose(second, 0 * T, atol=1e-15)


def test_vector_operators_against_derivatives_by_jax() -> None:
    text = """
    coordinates t, x, y, z
    vector field v
    field p
    curl: curl(v) + grad(p) = 0
    along: D/Dt v = 0
    twice: div(grad(v)) = 0
    """
    residual = oc.compile(oc.parse(text))
    mix = np.random.default_rng(1).normal(size=(4, 4))
    both = lambda z: jnp.sin(mix @ z + 1)
    at = np.random.default_rng(2).normal(size=(3, 4))
    by_jax = both, jax.jacfwd(both), jax.hessian(both)
    values, found = jax.jit(
        lambda at: (residual(both, at), [jax.vmap(f)(at) for f in by_jax])
    )(at)
    assert residual.fields == ("v1", "v2", "v3", "p")
    for n, (value, slopes, curvature) in enumerate(zip(*found, strict=True)):
        value, slopes, curvature = map(np.asarray, (value, slopes, curvature))
        space = slopes[:, 1:]
        turn = [space[2, 1] - space[1, 2], space[0, 2] - space[2, 0]]
        turn.append(space[1, 0] - space[0, 1])
        along = slopes[:3, 0] + space[:3] @ value[:3]
        twice = np.trace(curvature[:3, 1:, 1:], axis1=1, axis2=2)
        for label, want in (
            ("curl", np.stack(turn) + space[3]),
            ("along", along),
            ("twice", twice),
        ):
            got = [values[f"{label}_{i}"][n] for i in (1, 2, 3)]
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)


def test_problems_are_plain_values() -> None:
    problem, same = oc.parse(TEXT), oc.parse(TEXT)
    assert problem == same
    assert hash(problem) == hash(same)
    assert problem != oc.parse(TEXT.replace("0.3", "0.4"))
    with pytest.raises(AttributeError):
        problem.fields = ()
    assert oc.parse(oc.to_text(problem)) == problem


def test_text_in_many_dimensions_is_held_and_sampled() -> None:
    text = """
        coordinates x in R^d
        field u
        parameter d = 20000
        sum(i=1..d, x[i]*d(u, x[i])) + laplacian(u) = x[3]
    """
    problem = oc.parse(text)
    assert oc.parse(oc.to_text(problem)) == problem
    residual = oc.compile(problem, estimator=oc.Sparse(20_000))
    at = np.linspace(-1.0, 1.0, 20_000)[None] / 100
    net = lambda z: jnp.sum(z**3)
    take = jax.jit(lambda at: residual(net, at, key=jax.random.key(0)))
    (found,) = take(at).values()
    wanted = 3 * np.sum(at**3) + 6 * np.sum(at) - at[0, 2]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


MATRICES = """coordinates x, y
field u
vector field v
monge: det(hessian(u)) = 1
inverse: inv(grad(v))[1, 2] + trace(dot(inv(grad(v)), grad(v))) = det(inv(grad(v)))
slope: d(det(grad(v)), x) = 0
"""


def test_matrices_are_held_and_read_back() -> None:
    problem = oc.parse(MATRICES)
    text = oc.to_text(problem)
    assert "det(((u_xx, u_xy), (u_xy, u_yy))) = 1" in text
    assert oc.parse(text) == problem
    flow = oc.VectorField("v1 v2", *sp.symbols("x y"))
    jacobian = oc.grad(flow, sp.symbols("x y"))
    x = sp.Symbol("x")
    written = [
        jacobian.adjugate()[0, 1] / jacobian.det() + 2 - 1 / jacobian.det(),
        oc.D(jacobian.det(), x),
    ]
    net = lambda p: jnp.stack([jnp.sin(p[0] + p[1] ** 2), jnp.exp(p[0] * p[1])])
    points = np.array([[0.3, 0.4], [0.6, 0.1]])
    names = ("inverse", "slope")
    read = [oc.compile(problem.equation(n), fields=["v1", "v2"]) for n in names]
    both = oc.compile(written, fields=flow)
    got, want = jax.jit(lambda p: ([one(net, p) for one in read], both(net, p)))(points)
    np.testing.assert_allclose(got, want, rtol=1e-11)


@pytest.mark.parametrize("bad", ["det(u)", "inv(v)", "det(((u, u), (u, u), (u, u)))"])
def test_no_square_matrix(bad: str) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(f"coordinates x, y; field u; vector field v; e: {bad} = 0")
    assert "square matrix" in caught.value.hint


def test_a_problem_shows_what_it_holds() -> None:
    problem = oc.parse(TEXT)
    assert repr(problem).startswith(
        "<Problem: coordinates t, x; fields u; parameters nu, k; equations burgers; "
    )
    assert problem._repr_latex_() == f"$\\displaystyle {oc.to_latex(problem)}$"
