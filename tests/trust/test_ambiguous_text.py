"""Text that can be read in two ways is refused, and told both ways to write it."""

import itertools
import re

import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.text import NotationError

PLANE = """coordinates t, x, y; field u, w, f(x); vector field v, a, b; complex field psi
parameter k; velocity v; """
SPACE = "coordinates x, y, z; vector field v, a, b; field u; parameter k; "


def equations(text: str, context: str = PLANE) -> list[sp.Eq]:
    problem = oc.parse(context + text)
    return [*problem.equations.values()]


def told(text: str, context: str = PLANE) -> NotationError:
    with pytest.raises(NotationError) as caught:
        oc.parse(context + text)
    return caught.value


GRADIENTS = [
    "dot(v, grad(v))",
    "v·(∇v)",
    "v·∇v",
    "v·grad(v)",
    "v @ grad(v)",
    "inner(v, gradient(v))",
    "dot(grad(v), v)",
    "(∇v)·v",
    "vector_gradient(v) @ v",
    "dot(a, grad(v))",
    "a·(k*∇v)",
    "a·(-∇v)",
    "a·(∇v + ∇b)",
    "a·(∂_t(∇v))",
    "a·(∇v)(x=0)",
    "a·((∇v - transpose(∇v))/2)",
    "a·Δ(∇v)",
    "grad((u, w))·a",
    "dot((u, w), grad((u, w)))",
]


@pytest.mark.parametrize("product", GRADIENTS)
def test_a_vector_times_the_gradient_of_a_vector(product: str) -> None:
    error = told(f"{product} = 0")
    assert "can be read in two ways" in error.problem
    assert "advect(" in error.hint
    assert "dot(transpose(grad(" in error.hint


def test_a_definition_does_not_hide_the_gradient() -> None:
    assert "two ways" in told("define q = grad(v); dot(a, q) = 0").problem
    assert "two ways" in told("define q = 2*grad(v); define r = q; r·a = 0").problem


def test_both_readings_can_be_written() -> None:
    t, *x = oc.parse(PLANE).symbols
    v = [sp.Function(f"v{i}")(t, *x) for i in (1, 2)]
    along = [e.lhs for e in equations("advect(v, v) = 0")]
    assert along == [
        sum(vi * sp.Derivative(vj, xi) for vi, xi in zip(v, x, strict=True)) for vj in v
    ]
    other = [e.lhs for e in equations("dot(transpose(grad(v)), v) = 0")]
    assert other == [sum(vi * sp.Derivative(vi, xj) for vi in v) for xj in x]
    assert [e.lhs for e in equations("(v·∇)v = 0")] == along


@pytest.mark.parametrize(
    "product",
    [
        "v·∇u",  # of a scalar
        "dot(v, strain(v))",  # symmetric
        "v·hessian(u)",
        "v·(v⊗a)",  # no gradient
        "dot(v, transpose(grad(v)))",  # said by hand
        "div(grad(v))",  # no vector
        "trace(grad(v))*u",
    ],
)
def test_what_has_one_reading_is_read(product: str) -> None:
    assert equations(f"{product} = 0")


def test_on_a_line_both_readings_are_one() -> None:
    line = "coordinates t, x; field u in R^1; dot(u, grad(u)) = 0"
    assert equations(line, "")


HEADS = [
    ("coefficient D; ", "D(u)", "D*(u)", "d(u, x)"),
    ("coefficient D(x); ", "D(u)", "D*(u)", "d(u, x)"),
    ("define D = 1 + u^2; ", "D(w)", "D*(w)", "d(w, x)"),
    ("parameter D; ", "D(u*w)", "D*(u*w)", "d(u*w, x)"),
    ("field D; ", "D(u)", "D*(u)", "d(u, x)"),
    ("parameter d; ", "d(u)", "d*(u)", "∂_x(u)"),
    ("parameter diff; ", "diff(u)", "diff*(u)", "d(u, x)"),
    ("parameter grad; ", "grad(u)", "grad*(u)", "rename"),
    ("parameter dx; ", "dx(u)", "dx*(u)", "rename"),
    ("define lap = u^2; ", "lap(w)", "lap*(w)", "rename"),
    ("coefficient exp; ", "exp(u)", "exp*(u)", "rename"),
    ("parameter gamma; ", "gamma(2)*u", "gamma*(2)", "rename"),
    ("parameter d_dx; ", "d_dx(u)", "d_dx*(u)", "rename"),
]


@pytest.mark.parametrize(("declared", "text", "product", "other"), HEADS)
def test_an_operator_of_a_declared_name(declared, text, product, other) -> None:
    error = told(f"{declared}{text} = 0")
    assert "can be read in two ways" in error.problem
    assert product in error.hint
    assert other in error.hint


@pytest.mark.parametrize("head", ["coefficient D", "define D = 1 + u^2"])
def test_a_derivative_by_a_declared_head(head: str) -> None:
    assert "two ways" in told(f"{head}; D(u, x) = 0").problem


def test_a_declared_name_at_a_place_has_one_reading() -> None:
    assert equations("coefficient D(x); D(0)*u = 0")
    assert equations("coefficient D(x); D(x)*u = 0")
    assert equations("define D = 1 + u^2; D(x=0) + u = 0")
    assert equations("parameter d; d(u, x) = d*u")


CHAINS = {
    "v·a·b": ("(v·a)·b", "v·(a·b)"),
    "2*v·a·b": ("(2*v·a)·b", "2*v·(a·b)"),
    "v @ a @ b": ("(v @ a)@b", "v@(a@b)"),
    "(a⊗b)·v·a": ("((a⊗b)·v)·a", "(a⊗b)·(v·a)"),
    "v·a*k·b": ("(v·a*k)·b", "v·(a*k·b)"),
    "1/2 ∇²u": ("(1/2)*∇²u", "1/(2*∇²u)"),
    "u/k ∂w/∂x": ("(u/k)*∂w/∂x", "u/(k*∂w/∂x)"),
    "∇u ∇²w": ("(∇u) ∇²w", "∇(u ∇²w)"),
    "∂_x w ∂_x u": ("(∂_x w) ∂_x u", "∂_x(w ∂_x u)"),
    "∂_{xx}² u": ("d(u, x, x)", "d(u, x, x, x, x)"),
    "∇²u²": ("(∇²u)²", "∇²(u²)"),
    "∇·v*u": ("(∇·v)*u", "∇·(v*u)"),
    "d/dx u*w": ("(d/dx u)*w", "d/dx(u*w)"),
}


@pytest.mark.parametrize("text", CHAINS)
def test_products_with_two_groupings(text: str) -> None:
    error = told(f"{text} = 0")
    assert "can be read in two ways" in error.problem
    for way in CHAINS[text]:
        assert way in error.hint


def test_cross_products_of_three() -> None:
    error = told("v×a×b = 0", SPACE)
    assert "(v×a)×b or v×(a×b)" in error.hint
    one, other = (equations(f"{way} = 0", SPACE) for way in ("(v×a)×b", "v×(a×b)"))
    assert one != other
    assert equations("v×a·b = 0", SPACE)  # v×(a·b) has no meaning


@pytest.mark.parametrize(
    "text",
    [
        "k(x + 1)*u", "2u", "u w", "2 u", "u/2k", "x^2 u", "u_x w", "sin x", "sin x*u",
        "sin x y", "div v", "div u v", "grad u", "grad(u) dot v", "∇·u v", "d/dx u w",
        "dx u",
        "sin^2(x)", "sin²(x)", "sin^-1(x)", "|u||w|", "|u|w|", "(u)(w)", "f²'", "u'",
        "0 < x < 1", "where(0 < x < 1, 1, 2)", "where(x < y == t, 1, 2)", "∂u/∂x²",
        "∂³_{xy} u", "∂_x", "u(x, t, y)", "u(x, y)", "√u²", "Δ u w", "e^x*u",
    ],
)  # fmt: skip
def test_nothing_is_guessed(text: str) -> None:
    assert told(f"{text} = 0").hint


def test_exchanged_arguments() -> None:
    error = told("u(x, t, y) = 0")
    assert "u is given x for t" in error.problem
    assert "u(t, x, y)" in error.hint
    for other in ("u(t, y, x) = u", "u(t=x, x=t) = u", "u(0, t, y) = 0"):
        oc.parse(PLANE + other)


ONE_READING = {
    "-u^2": "-(u^2)",
    "u^w^2": "u^(w^2)",
    "u^-w^2": "u^(-(w^2))",
    "u/k*w": "(u/k)*w",
    "u/k/w": "u/(k*w)",
    "|u|²": "(|u|)^2",
    "f'^2": "(f')^2",
    "u_t_x": "d(u, t, x)",
    "∂_x² u": "u_xx",
    "∂²_x u": "u_xx",
    "∂^2_x u": "u_xx",
    "∂²_{xy} u": "u_xy",
    "k ∇²u": "k*∇²u",
    "u ∂u/∂x ∂w/∂y": "u*u_x*w_y",
    "∂²u/∂x ∂y": "u_xy",
    "k Du/Dt": "k*(Du/Dt)",
    "∇² ∇u": "∇²(∇u)",
    "∂/∂x ∇·v": "d(div(v), x)",
}


@pytest.mark.parametrize(("form", "same"), ONE_READING.items())
def test_what_the_signs_of_papers_mean(form: str, same: str) -> None:
    texts = (f"{PLANE}define q = {text}" for text in (form, same))
    one, other = (oc.parse(text).definitions["q"] for text in texts)
    assert one == other


def test_a_norm_of_complex_values_is_real() -> None:
    (equation,) = equations("norm(grad(psi))^2 = 0")
    moduli = {type(atom) for atom in equation.lhs.atoms(sp.Abs)}
    assert moduli == {sp.Abs}
    assert "two ways" in told("inner(grad(psi), grad(psi)) = 0").problem
    assert "two ways" in told("gradient_squared(psi) = 0").problem


def test_every_way_out_can_be_taken() -> None:
    """What a hint says to write is read: each of both ways."""
    texts = [*GRADIENTS[:3], *CHAINS]
    for text in texts:
        hint = told(f"{text} = t").hint
        ways = re.sub(r" for the [\w ]+", "", hint.removeprefix("write "))
        for way in itertools.chain(
            *(part.split(", or ") for part in ways.split(" or "))
        ):
            assert oc.parse(f"{PLANE}define q = {way.rstrip(',')}").definitions
