"""Words and signs of other notations: primes at places, py-pde's operators, infinity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc

PLANE = "coordinates t, x, y; field u, w; vector field v; field z in R^1; parameter k; "


def net(z):
    return jnp.sin(1.3 * z[0]) + 0.2 * z[0] ** 3


SLOPE = jax.grad(lambda s: net(jnp.array([s])))
CURVE = jax.grad(SLOPE)
PRIMES = {
    "y'(t)": lambda t, tau: SLOPE(t),
    "y''(t)": lambda t, tau: CURVE(t),
    "y'(0)": lambda t, tau: SLOPE(0.0),
    "y''(0)": lambda t, tau: CURVE(0.0),
    "y'(t - tau)": lambda t, tau: SLOPE(t - tau),
    "y''(2*t)": lambda t, tau: CURVE(2 * t),
    "y'(t=1)": lambda t, tau: SLOPE(1.0),
    "y'(t)^2": lambda t, tau: SLOPE(t) ** 2,
    "y'(-t)*y": lambda t, tau: SLOPE(-t) * net(jnp.array([t])),
    "y'(t/2) - y'(0)": lambda t, tau: SLOPE(t / 2) - SLOPE(0.0),
}


def test_a_prime_takes_arguments() -> None:
    head = "coordinates t; field y; parameter tau = 0.3; equation e: "
    problems = {form: oc.parse(f"{head}{form} = 0") for form in PRIMES}
    for form, problem in problems.items():
        assert oc.parse(oc.to_text(problem)) == problem, form
    residuals = {form: oc.compile(problem) for form, problem in problems.items()}

    @jax.jit
    def everything(times):
        found = {form: r(net, times[:, None])["e"] for form, r in residuals.items()}
        return found, {
            form: jax.vmap(lambda t, prime=prime: jnp.asarray(prime(t, 0.3)))(times)
            for form, prime in PRIMES.items()
        }

    found, wanted = everything(np.linspace(-1.0, 1.0, 5))
    for form, want in wanted.items():
        np.testing.assert_allclose(
            found[form], want, rtol=1e-10, atol=1e-12, err_msg=form
        )


def test_primes_make_equations_and_conditions() -> None:
    text = "coordinates t; field y; parameter tau; y'(t) = -y(t); y'(0) = 2; y''(0) = 0"
    problem = oc.parse(text)
    assert len(problem.equations) == 1
    assert len(problem.conditions) == 2
    delay = oc.parse("coordinates t; field y; parameter tau; y'(t) = -y(t - tau)")
    assert len(delay.equations) == 1
    component = oc.parse("coordinates t; field y in R^2; y1'(0) = y2''(1)")
    assert len(component.conditions) == 1


@pytest.mark.parametrize("form", ["u'(t)", "y'(t, 0)", "y'()", "k'(t)", "y'(t == 0)"])
def test_what_a_prime_cannot_stand_on(form: str) -> None:
    context = "coordinates t, x; field u; field y(t); parameter k; "
    with pytest.raises(oc.OperatorError):
        oc.parse(f"{context}{form} = 0")


SYNONYMS = {
    "laplace(u)": "lap(u)",
    "gradient(u)": "grad(u)",
    "divergence(v)": "div(v)",
    "gradient_squared(u)": "u_x^2 + u_y^2",
    "gradient_squared(u*w)": "d(u*w, x)^2 + d(u*w, y)^2",
    "vector_laplace(v)": "lap(v)",
    "vector_gradient(v)": "grad(v)",
    "tensor_divergence(outer(v, v))": "div(v⊗v)",
    "tensor_divergence(vector_gradient(v))": "Δv",
    "inner(v, gradient(u))": "v·∇u",
    "outer(v, v)": "v⊗v",
    "dot(v, v)": "v·v",
    "v @ v": "dot(v, v)",
    "u*v @ grad(w)": "dot(u*v, grad(w))",
    "d_dx(u)": "u_x",
    "d_dt(u)": "u_t",
    "d2_dx2(u)": "u_xx",
    "d2_dy2(u*w)": "d(u*w, y, 2)",
    "d4_dx4(u)": "u_xxxx",
    "d_dx(v)": "v_x",
    "laplace(laplace(u)) + d_dx(u)": "Δ²u + u_x",
}


@pytest.mark.parametrize(("form", "same"), SYNONYMS.items())
def test_names_of_py_pde(form: str, same: str) -> None:
    one, other = (
        oc.parse(f"{PLANE}define q = {text}").definitions["q"] for text in (form, same)
    )
    if form.startswith("laplace(laplace"):  # the same, gathered otherwise
        u = oc.parse(f"{PLANE}define q = {form} - ({same})").definitions["q"]
        assert u.doit() == 0
    else:
        assert one == other


def test_a_declared_name_wins_over_a_synonym() -> None:
    problem = oc.parse(
        "coordinates x; field u; parameter laplace, inner; laplace*inner*u = 0"
    )
    assert len(problem.parameters) == 2
    problem = oc.parse("coordinates x; field u; define d_dx = u^2; d_dx = u")
    assert not problem.equations["equation1"].lhs.has(oc.parse)


@pytest.mark.parametrize(
    "form",
    ["d2_dx(u)", "d_dx2(u)", "d_dz(u)", "d2_dxy2(u)", "d99_dx99(u)", "gradient()"],
)
def test_what_is_no_name_of_theirs(form: str) -> None:
    with pytest.raises(oc.OperatorError):
        oc.parse(f"{PLANE}{form} = 0")


@pytest.mark.parametrize(
    "end", ["inf", "oo", "∞", "-inf", "-∞", "(inf)", "-oo", "infinity"]
)
def test_an_integral_up_to_infinity_has_a_hint(end: str) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(f"coordinates x; field u; int(u(s), s, 0, {end}) = 0")
    assert "s = r/(1 - r**2)" in caught.value.hint


def test_infinity_elsewhere() -> None:
    for text in ("u = inf", "u = 0 at x = inf", "sum(i=1..oo, u^i) = 0", "u*∞ = 0"):
        with pytest.raises(oc.OperatorError, match="infinity is no number here"):
            oc.parse(f"coordinates x; field u; {text}")
    problem = oc.parse("coordinates x in [0, oo], y in [-∞, inf]; field u; u = 0")
    assert (
        problem.coordinates[1].interval
        == oc.parse("coordinates y in [-inf, inf]").coordinates[0].interval
    )
    assert oc.parse("coordinates x; field u; parameter inf = 3; u = inf").equations
