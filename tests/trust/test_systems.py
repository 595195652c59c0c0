"""Several fields on one network: whose order counts, and which parts one network serves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

t, x, y = sp.symbols("t x y")
U, V = sp.Function("u"), sp.Function("v")
u, v = U(t, x), V(t, x)
WAVE = [u.diff(t) - v.diff(x), v.diff(t) - u.diff(x)]
POINTS = np.asarray([[0.25, 0.5], [1.0, -2.0]])
UNDECLARED = oc.compile(WAVE)
SAMPLED = oc.compile(
    oc.Sum(
        oc.D(sp.Function("f")(X := oc.vector("x", 4)), X[i := oc.index("i", X)], 2)
        * sp.Function("g")(X),
        i,
    ),
    estimator=oc.Sparse(2),
)
E = oc.VectorField("E1 E2 E3", *(space := sp.symbols("a b c")))
CURL = oc.compile(oc.curl(oc.curl(E, space), space))


def pair(z):
    return jnp.stack([3 * z[0], 5 * z[1]])


def split(z):
    return {"u": 3 * z[0], "v": 5 * z[1]}


def bound_pair(params, z):
    return params * pair(z)


KEY = jax.random.key(0)
WIDE = np.ones((2, 4))
TWO = lambda z: jnp.stack([z.sum(), z.prod()])
UNORDERED_CALLS = {
    "called": lambda: UNDECLARED(pair, POINTS),
    "bound": lambda: UNDECLARED.bind(bound_pair)(1.0, POINTS),
    "lowered": lambda: UNDECLARED.bind(bound_pair).lower(1.0, POINTS),
    "inside jit": lambda: jax.jit(lambda p: UNDECLARED(pair, p))(POINTS),
    "tuned": lambda: oc.autotune(UNDECLARED, pair, POINTS, progress=False),
    "a pytree": lambda: UNDECLARED(jax.tree_util.Partial(bound_pair, 1.0), POINTS),
    "sampled": lambda: SAMPLED(TWO, WIDE, key=KEY),
    "squared": lambda: oc.unbiased_square(SAMPLED, TWO, WIDE, KEY),
    "its variance": lambda: SAMPLED.variance(TWO, WIDE, KEY, draws=2),
    "a loss": lambda: oc.sobolev_loss(WAVE, 1, x)(pair, POINTS),
    "a product": lambda: oc.compile(u * v.diff(x))(pair, POINTS),
    "a matrix": lambda: oc.compile(sp.Matrix(WAVE))(pair, POINTS),
    "a dict": lambda: oc.compile(dict(enumerate(WAVE)))(pair, POINTS),
}


@pytest.mark.parametrize("call", UNORDERED_CALLS.values(), ids=UNORDERED_CALLS)
def test_one_network_of_an_order_that_nobody_declared_is_refused(call):
    with pytest.raises(oc.OperatorError, match="nothing says which") as caught:
        call()
    names = caught.value.expression.split(", ")
    assert "fields=[" + ", ".join(map(repr, names)) + "]" in caught.value.hint
    assert f"{{{names[0]!r}: ..." in caught.value.hint


def test_components_of_a_vector_are_refused_too():
    with pytest.raises(oc.OperatorError, match="E1, E2, E3") as caught:
        CURL(lambda z: z, jnp.ones((1, 3)))
    assert "fields=['E1', 'E2', 'E3']" in caught.value.hint


ORDERS = {
    "names": ["u", "v"],
    "functions": [U, V],
    "applied": [u, v],
    "mixed": (u, "v"),
    "a matrix": sp.Matrix([u, v]),
    "a vector": oc.VectorField("u v", t, x),
    "vectors of vectors": [[u], (V,)],
    "words": "u v",
    "letters": "uv",
    "a generator": lambda: (f for f in (u, v)),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_order_of_one_network_is_declared_in_many_ways(order):
    residual = oc.compile(WAVE, fields=order() if callable(order) else order)
    assert residual.fields == ("u", "v")
    np.testing.assert_allclose(np.stack(residual(pair, POINTS)), [[-2, -2], [0, 0]])
    np.testing.assert_allclose(
        np.stack(residual.bind(bound_pair)(2.0, POINTS)), [[-4, -4], [0, 0]]
    )


def test_the_other_order_is_the_other_order():
    turned = oc.compile(WAVE, fields=[v, u])
    np.testing.assert_allclose(np.stack(turned(pair, POINTS)), [[0, 0], [-2, -2]])


def test_a_vector_counts_as_its_components():
    net = lambda z: jnp.stack([z[1] ** 2, z[2] ** 3, z[0] ** 4])
    residual = oc.compile([*oc.curl(oc.curl(E, space), space)], fields=E)
    a, b, c = points = np.array([0.5, 2.0, 3.0])
    want = [-2.0, -6 * c, -12 * a**2]
    phi = sp.Function("phi")(*space)
    whole = oc.compile([oc.div(E, space) + phi, phi.diff(space[0])], fields=[phi, E])
    assert whole.fields == ("phi", "E1", "E2", "E3")
    four = lambda z: jnp.stack([z[0] * z[1], z[0] ** 2, z[1] ** 2, z[2] ** 2])
    both = jax.jit(lambda points: (residual(net, points), whole(four, points)))
    curls, found = both(points)
    np.testing.assert_allclose(curls, want, rtol=1e-12)
    np.testing.assert_allclose(found, [a * b + 2 * (a + b + c), b], rtol=1e-12)


WRONG_ORDERS = {
    "one missing": (["u"], "leaves out v"),
    "none": ([], "leaves out"),
    "twice": (["u", "v", "u"], "u is named twice"),
    "misspelt": (["u", "vv"], "no field vv"),
    "a coordinate": (["u", "v", "x"], "no field x"),
    "a number": ([u, v, 3], "no field 3"),
    "a derivative": ([u.diff(t), v], "no field"),
    "a set": ({"u", "v"}, "no order"),
    "a dict": ({"u": 0, "v": 1}, "no order"),
    "a count": (2, "names the outputs"),
}


@pytest.mark.parametrize(("order", "message"), WRONG_ORDERS.values(), ids=WRONG_ORDERS)
def test_orders_that_are_none_are_refused(order, message):
    with pytest.raises(oc.OperatorError, match=message) as caught:
        oc.compile(WAVE, fields=order)
    assert "'u', 'v'" in caught.value.hint


def test_networks_by_field_need_no_order():
    first, second = lambda z: split(z)["u"], lambda z: split(z)["v"]
    want = [[-2, -2], [0, 0]]
    for nets in (
        {"u": first, "v": second},
        {V: second, u: first},
        {("u", "v"): pair},
        {(u, V): pair},
    ):
        np.testing.assert_allclose(np.stack(UNDECLARED(nets, POINTS)), want)


def test_one_field_needs_no_order():
    found = oc.compile([u.diff(t), u.diff(x) + U(0, x)])(lambda z: z[0] * z[1], POINTS)
    np.testing.assert_allclose(np.stack(found), [[0.5, -2.0], [0.25, 1.0]])


# Parts of a problem

STOKES = oc.parse(
    """coordinates x, y
    field u, p
    coefficient k(x, y)
    parameter nu = 2
    one: k*u_x + nu*p_y = 0
    two: u_y = 1
    boundary out: p = 0 at x = 1
    boundary wall: u_x + p = x at y = 0
    point corner: p = k at x = 0, y = 0
    """
)
K = lambda z: 2 + z[0]


def both(z):
    return jnp.stack([z[0] ** 2 * z[1], z[0] + z[1] ** 3])


def outputs(number):
    return lambda z: both(z)[number]


def values(part):
    a, b = POINTS.T
    return {
        "one": (2 + a) * 2 * a * b + 6 * b**2,
        "two": a**2 - 1,
        "out": 1 + b**3,
        "wall": 0 * a + a - a,
        "corner": 0 * a - 2,
    }[part]


PARTS = {
    "one": STOKES.equation("one"),
    "two": STOKES.equation("two"),
    "out": STOKES.condition("out"),
    "wall": STOKES.condition("wall"),
    "corner": STOKES.condition("corner"),
}
COMPILED = {name: oc.compile(part) for name, part in PARTS.items()}
NETWORKS = {
    "one network": {("u", "p"): both, "k": K},
    "turned": {("p", "u"): lambda z: both(z)[::-1], "k": K},
    "each its own": {"u": outputs(0), "p": outputs(1), "k": K},
}


@pytest.mark.parametrize("nets", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("name", PARTS)
def test_a_dict_of_networks_serves_every_part(name, nets):
    found = COMPILED[name](nets, POINTS)
    np.testing.assert_allclose(found, values(name), atol=1e-12)


@pytest.mark.parametrize("name", ["two", "out", "wall"])
def test_one_network_serves_every_part_without_coefficients(name):
    residual = COMPILED[name]
    assert residual.fields == ("u", "p")
    np.testing.assert_allclose(residual(both, POINTS), values(name), atol=1e-12)
    f = residual.bind(lambda params, z: params * both(z))
    np.testing.assert_allclose(f(1.0, POINTS), values(name), atol=1e-12)
    g = residual.bind({("p", "u"): lambda params, z: params * both(z)[::-1], "k": K})
    np.testing.assert_allclose(g(1.0, POINTS), values(name), atol=1e-12)


def test_a_network_of_the_only_field_that_occurs_is_taken_too():
    for net in (outputs(1), lambda z: both(z)[1:]):
        np.testing.assert_allclose(COMPILED["out"](net, POINTS), values("out"))
    np.testing.assert_allclose(
        COMPILED["out"]({"p": outputs(1)}, POINTS), values("out")
    )


def test_a_network_of_the_wrong_width_is_refused_with_the_fields():
    with pytest.raises(oc.OperatorError, match=r"u, p returns shape \(3,\)") as caught:
        COMPILED["out"](lambda z: jnp.zeros(3), POINTS)
    assert "{'p': net}" in caught.value.hint
    with pytest.raises(oc.OperatorError, match="no field q"):
        COMPILED["out"]({"p": outputs(1), "q": outputs(0)}, POINTS)
    with pytest.raises(oc.OperatorError, match="p has no value"):
        COMPILED["out"]({"u": outputs(0)}, POINTS)
    with pytest.raises(oc.OperatorError, match=r"returns shape \(\)"):
        COMPILED["out"]({("u", "p"): outputs(1)}, POINTS)


def test_a_problem_may_be_given_another_order():
    turned = oc.compile(PARTS["out"], fields=["p", "u"])
    np.testing.assert_allclose(
        turned(lambda z: both(z)[::-1], POINTS), values("out"), rtol=1e-12
    )
    with pytest.raises(oc.OperatorError, match="no field q"):
        oc.compile(PARTS["out"], fields=["p", "q"])


def test_a_loss_of_a_part_takes_the_network_of_the_problem():
    loss = oc.sobolev_loss(PARTS["out"], 1, sp.Symbol("y"))
    assert loss.fields == ("u", "p")
    b = POINTS[:, 1]
    want = jnp.mean((1 + b**3) ** 2 + (3 * b**2) ** 2)
    np.testing.assert_allclose(loss(both, POINTS), want, rtol=1e-12)


COMPLEX = oc.parse(
    """coordinates t, x
    complex field A
    field n
    complex field B
    first: i*A_t + A_xx = n*A
    second: i*B_t = B
    rest: n_t = abs(A)^2
    periodic both: A = A(t, 0) at x = 1
    """
)


def pairs(z):
    """A = x + 2 i t x, n = t^2, B = t - i x."""
    t, x = z
    return jnp.stack([x, 2 * t * x, t**2, t, -x])


def numbers(z):
    re, im, n, a, b = pairs(z)
    return jnp.stack([re + 1j * im, n + 0j, a + 1j * b])


@pytest.mark.parametrize("net", [pairs, numbers])
def test_complex_fields_as_pairs_in_parts(net):
    a, b = POINTS.T
    A, B = b + 2j * a * b, a - 1j * b
    want = {
        "first": -2 * b - a**2 * A,
        "second": 1j - B,
        "rest": 2 * a - np.abs(A) ** 2,
    }
    parts = {name: oc.compile(COMPLEX.equation(name)) for name in want}
    parts["both"] = oc.compile(COMPLEX.condition("both"))
    run = jax.jit(lambda p: {name: part(net, p) for name, part in parts.items()})
    found = run(POINTS)
    for name, values in want.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["both"], 1 + 2j * a, rtol=1e-12)


def test_fields_of_other_arguments_belong_to_another_network():
    problem = oc.parse(
        """coordinates t, x
        field u(t, x), v(t, x), h(t)
        one: u_t + v_x = h
        two: h_t = 1
        wall: v = h at x = 0
        start: u = 1 at t = 0
        """
    )
    start, two = problem.condition("start"), problem.equation("two")
    assert oc.compile(start).fields == ("u", "v")
    assert oc.compile(two).fields == ("h",)
    np.testing.assert_allclose(oc.compile(start)(both, POINTS), -1.0)
    nets = {("u", "v"): both, "h": lambda z: z[0] ** 2}
    np.testing.assert_allclose(oc.compile(two)(nets, POINTS), 2 * POINTS[:, 0] - 1)
    np.testing.assert_allclose(
        oc.compile(problem.condition("wall"))(nets, POINTS), [0.25 - 0.0625, 0.0]
    )


# SymPy input with the fields of a system


def test_sympy_parts_take_the_network_of_the_system():
    equation = u.subs(x, 1) - sp.sin(t)
    condition = oc.compile(equation, fields=[v, u], coordinates=[t, x])
    assert condition.fields == ("v", "u")
    a = POINTS[:, 0]
    turned = lambda z: pair(z)[::-1]
    np.testing.assert_allclose(condition(turned, POINTS), 3 * a - jnp.sin(a))
    np.testing.assert_allclose(
        condition({("u", "v"): pair}, POINTS), 3 * a - jnp.sin(a)
    )
    np.testing.assert_allclose(
        condition(lambda z: 3 * z[0], POINTS), 3 * a - jnp.sin(a)
    )


def test_sympy_parts_with_complex_fields():
    A, B = (sp.Function(n, complex=True) for n in "AB")
    residual = oc.compile(B(t, x).diff(t), fields=[A, B])
    found = residual(lambda z: jnp.stack([z[0], z[1], z[0] ** 2, z[0] * z[1]]), POINTS)
    a, b = POINTS.T
    np.testing.assert_allclose(found, 2 * a + 1j * b)


# What can be seen of functions that were not applied


@pytest.mark.parametrize(
    "equations",
    [U, [u.diff(t), U], sp.Function("w")() + u, U.diff(x), {"a": V}],
    ids=str,
)
def test_functions_without_arguments_are_refused_where_they_show(equations):
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equations)
    assert "(t, x)" in caught.value.hint or "not applied" in caught.value.hint
