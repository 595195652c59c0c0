"""Mistakes in a text: what is told, and where."""

import pytest

import opcompiler as oc
from opcompiler.text import NotationError

PLANE = "coordinates t, x, y; field u(t, x); field p; parameter nu; vector field v\n"


@pytest.mark.parametrize(
    ("text", "column", "problem", "hint"),
    [
        # E01, E04: the derivative would be zero.
        ("u_y = 0", 1, "y is not among the arguments of u", "u(..., y)"),
        ("d(u(t, 0), x) = 0", 1, "which does not vary with x", "first, then pin"),
        ("d(nu, x)*u = 0", 1, "nothing here depends on x", "argument x"),
        # E03: arity, and things that are not fields.
        ("u(x) = 0", 1, "u has 2 arguments and is given 1", "u(t, x)"),
        ("nu(x) = u", 4, "nu is not a field", "nu*(x)"),
        ("u(t, x=0) = 0", 3, "some by name", "u(t=0)"),
        ("u_t = nu < 2", 10, "'<' cannot stand here", "where(x < 0, a, b)"),
        ("sin(x < 2)*u = 0", 5, "a comparison is no value", "where"),
        ("u(s=0) = 0", 3, "s is not a coordinate", "only coordinates"),
        ("u(y=0) = 0", 3, "nothing here depends on y", "leave the point out"),
        # E05: equations that say nothing.
        ("u = u", 1, "both sides are the same", "drop it"),
        ("heat: nu = x", 1, "there is no field in this equation", "u, p, v"),
        ("u/0 = 1", 1, "this is undefined", "division by zero"),
        # E07: names.
        ("u_t = nux*u", 7, "there is no name 'nux'", "did you mean nu?"),
        ("u_t = q*u", 7, "there is no name 'q'", "parameter q"),
        ("u_t = sim(x)", 7, "there is no function 'sim'", "sin"),
        ("u_t + sin = 0", 7, "sin is a function", "sin(...)"),
        ("u_tz = 0", 1, "'tz' is not made of coordinates", "t, x, y"),
        ("∂_z u = 0", 1, "'z' is not made of coordinates", "t, x, y"),
        ("d(u, z) = 0", 6, "there is no name 'z'", "declare it"),
        ("d(u, nu) = 0", 6, "nu, which is not a coordinate", "t, x, y"),
        ("unused = u_x", 1, "unused is defined here and used nowhere", "define unused"),
        # E10: indices.
        ("sum(i=1..2, x[i]*u) = 0", 13, "a scalar has no components", "brackets"),
        ("v[3] = 0", 3, "there is no component 3", "1 to 2"),
        ("sum(i=1..3, v[i])*u = 0", 15, "there is no component 3", "1 to 2"),
        ("sum(x=1..3, x)*u = 0", 5, "x is declared already", "its own"),
        ("sum(i=3..1, i)*u = 0", 5, "this range is empty", "1..n"),
        ("u + i = 0", 5, "the imaginary unit i in a real problem", "complex field"),
        # E16: shapes.
        ("u + v = 0", 1, "a sum of a scalar and a vector of 2", "one shape"),
        ("v*v = 0", 1, "a product of a vector of 2", "dot(a, b)"),
        ("v^2 = 0", 1, "a power of a vector", "dot(v, v)"),
        ("div(p) = 0", 1, "div of a scalar", "vector"),
        ("∇·((p, p, p)) = 0", 1, "div of a vector of 3 in 2 dimensions", "x, y"),
        ("curl((p, p, p)) = 0", 1, "curl of a vector of 3 in 2", "2 or 3"),
        ("flow: v = p", 1, "a vector of 2 is equated to a scalar", "one shape"),
        ("advect(u, p) = 0", 1, "advection by a scalar", "component for each"),
        ("sin(v)*u = 0", 5, "an argument of sin must be a scalar", "component"),
        # E19: not of the notation.
        ('u = __import__("os")', 16, "the sign '\"' means nothing", "names, numbers"),
        ("u.diff(x) = 0", 2, "the sign '.' means nothing", "d(u, x)"),
        ("u = lambda x: x", 12, "'x' cannot stand here", "products need"),
        ("u_t = 3 +* 4", 10, "'*' cannot stand here", "an expression"),
        ("u_t =", 6, "the text ends too early", "an expression"),
        ("u_t = (u", 7, "this bracket is never closed", "close it"),
        ("u_t = u)", 8, "this bracket closes nothing", "open it"),
        ("u_t = 2u", 8, "'u' cannot stand here", "write 2*u"),
        ("u_t = nu u", 10, "'u' cannot stand here", "write nu*u"),
        ("du/dx^2 = 0", 1, "order is 1 above the line and 2 below", "(∂u/∂x)²"),
        ("u = 0 at z = 0", 10, "z cannot be fixed", "t, x, y"),
        ("field u(t)", 7, "u is declared twice", "rename"),
        ("field q(z)", 9, "z is not a coordinate", "before the field"),
        ("coordinates z in [1, 0]", 18, "this interval is empty", "[0, 1]"),
        ("parameter k = nu", 15, "a parameter's value is a number", "formula"),
        ("a: u = 0; a: p = 0", 11, "two equations are called a", "own label"),
        ("D/Dt u + D/Dt p = 0; where(x, 1, 2) = u", 28, "not a condition", "x < 0"),
    ],
)
def test_the_place_and_the_way_out(text, column, problem, hint) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(PLANE + text, file="some.pde")
    error = caught.value
    assert isinstance(error, NotationError)
    assert problem in error.problem
    assert hint in error.hint
    assert (error.file, error.line, error.column) == ("some.pde", 2, column)
    first, line, caret, last = str(error).split("\n")
    assert first == f"some.pde:2:{column}: {error.problem}"
    assert line == f"    {text}"
    assert caret.index("^") == 4 + column - 1
    assert caret.strip(" ^") == ""
    assert text[column - 1 :].startswith(error.expression)
    assert last == f"  hint: {error.hint}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("w_xx = 0", "declare `field w`"),
        ("u_t = uxx", "did you mean u_xx?"),
        ("u_t = u_2x", "write u_xx"),
        ("u_t = u_x2", "write u_xx"),
        ("u_t = d2u/dx2", "d^2u/dx^2, or u_xx"),
        ("u_t = e^u", "exp(x)"),
        ("u_t = sin u", "write sin(u)"),
        ("u_t = D*u_xx", "parameter D"),
        ("variables z", "coordinates t, x"),
        ("domain x in [0, 1]", "coordinates x in [0, 1]"),
        ("let q = u_x", "define q"),
        ("function q", "field u(t, x)"),
        ("const k = 1", "parameter k = 1"),
        ("parameter k := 1", "given by ="),
        ("coordinates z in (0, 1)", "[0, 1]"),
        ("coordinates z in [0 1]", "a comma"),
        ("u = 0 at x = 0, 1", "one place"),
        ("u = 0 at x = 0 and x = 1", "one place"),
        ("u = 0 at x in {0, 1}", "a condition each"),
        ("periodic x", "`periodic: u(t, 0) = u(t, 1)`"),
        ("u_t = u_xx = 0", "two sides"),
        ("u_t = u if x > 0", "where(x > 0, a, b)"),
        ("u_t = where(0 < x < 1, u, 0)", "0 < x and x < 1"),
        ("u_t = sum(u^i for i)", "sum(i=1..3, u^i)"),
        ("// heat", "begin with #"),
        ("% heat", "begin with #"),
        (r"\partial_t u = 0", "in Unicode: ∂u/∂t"),
        ("u̇ = u_xx", "u_t"),
        ("u_t = 2i*u", "2*I"),
    ],
)
def test_habits_of_other_notations_are_told_the_way(text, hint) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(PLANE + text)
    assert hint in caught.value.hint


def test_a_derivative_without_any_declaration() -> None:
    with pytest.raises(oc.OperatorError, match="declare `coordinates x` and `field u`"):
        oc.parse("u_t = u_xx")


def test_several_readings_of_a_subscript_are_listed() -> None:
    text = "coordinates t, a, u, tau; field w; w_tau = 0"
    with pytest.raises(oc.OperatorError, match=r"d\(w, t, a, u\) and as d\(w, tau\)"):
        oc.parse(text)


def test_a_declared_name_wins_over_a_derivative() -> None:
    text = "coordinates x; field T, T_x; T_x = d(T, x); T_xx = 0"
    problem = oc.parse(text)
    mixed, second = problem.equations.values()
    assert str(mixed.lhs) == "T_x(x)"
    assert str(second.lhs) == "Derivative(T(x), (x, 2))"


def test_a_line_that_may_belong_to_the_one_above_is_refused() -> None:
    with pytest.raises(oc.OperatorError, match="rest of the line above"):
        oc.parse(PLANE + "u_t\n- nu*u_xx = 0")
    assert len(oc.parse(PLANE + "u_t = 0\n-nu*u_xx = 0").equations) == 2
    assert len(oc.parse(PLANE + "u_t\n + nu*u_xx = 0").equations) == 1
    assert len(oc.parse(PLANE + "u_t -\n nu*u_xx = 0").equations) == 1


def test_a_long_line_is_shown_around_the_place() -> None:
    text = PLANE + "u = " + "u + " * 500 + "oops" + " + u" * 500
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(text)
    _, line, caret, _ = str(caught.value).split("\n")
    assert len(line) <= 104
    assert line[caret.index("^") :].startswith("oops")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("no.pde", None, "cannot read"),
        ("bytes.pde", b"coordinates \xff", "not UTF-8 at byte 12"),
        ("huge.pde", b"u+" * 5_000_000, "has more than"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, problem) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(oc.OperatorError, match=problem):
        oc.load(path)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: oc.parse(3), "text of oc.parse is an int"),
        (lambda: oc.to_text(3), "problem of oc.to_text is an int"),
        (lambda: oc.parse(PLANE, parameters={"mu": 1}), "no parameter 'mu'"),
        (lambda: oc.parse(PLANE, parameters={"nu": "1"}), "is given '1'"),
        (lambda: oc.parse(PLANE, parameters={"nu": float("nan")}), "is given nan"),
        (lambda: oc.compile(oc.parse(PLANE)), "the problem has no equations"),
        (lambda: oc.parse(PLANE).condition("left"), "there is no condition 'left'"),
        (lambda: oc.parse(PLANE + "u=0").equation("eq"), "there is no equation 'eq'"),
    ],
)
def test_mistakes_around_texts(call, problem) -> None:
    with pytest.raises(oc.OperatorError, match=problem):
        call()
