"""Values of parameters may be complex where a field is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc

COMPLEX = """coordinates t, x
complex field A
parameter g = {value}
gross: i*A_t + g*A = A_xx
start: A = g at t = 0
"""


@pytest.mark.parametrize(
    "value", ["1 + 2*I", "2*I", "exp(i*pi/2)", "(1 + i)^2/3", "1.5"]
)
def test_values_of_parameters_may_be_complex_where_a_field_is(value):
    problem = oc.parse(COMPLEX.format(value=value))
    g = problem.defaults["g"]
    want = {
        "1 + 2*I": 1 + 2j, "2*I": 2j, "exp(i*pi/2)": 1j, "(1 + i)^2/3": 2j / 3, "1.5": 1.5,
    }[value]  # fmt: skip
    np.testing.assert_allclose(g, want, atol=1e-15)
    points = np.array([[0.5, 1.0], [2.0, 3.0]])
    t, y = points.T
    net = lambda z: jnp.stack([z[0] * z[1] ** 2, z[1]])
    A = t * y**2 + 1j * y
    parts = oc.compile(problem), oc.compile(problem.condition("start"))
    gross, start = jax.jit(lambda points: [part(net, points) for part in parts])(points)
    found = gross["gross"]
    np.testing.assert_allclose(found, 1j * y**2 + want * A - 2 * t, rtol=1e-12)
    np.testing.assert_allclose(start, 1j * y - want, rtol=1e-12)
    assert oc.parse(oc.to_text(problem)) == problem


def test_a_complex_first_guess_and_a_complex_value_at_the_call():
    problem = oc.parse(
        "coordinates x; complex field A; unknown k = 1 - i; e: A_x = k*A"
    )
    assert problem.unknowns == {"k": 1 - 1j}
    points = jnp.asarray([[0.5]])
    found = oc.compile(problem)(lambda z: z[0] + 0j, points, k=2j)["e"]
    np.testing.assert_allclose(found, 1 - 1j, rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "coordinates x; field u; parameter g = 1 + 2*I; e: u_x = g*u",
        "coordinates x; parameter g = 2*i; field u; e: u_x = g*u",
    ],
)
def test_a_complex_value_in_a_real_problem_is_refused(text):
    with pytest.raises(oc.OperatorError, match=r"imaginary|real problem"):
        oc.parse(text)
