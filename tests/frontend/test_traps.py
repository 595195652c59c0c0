"""What SymPy 1.14 does silently, and what we make of it: derivatives, points, numbers.

Each trap of the survey of the front end is a test: the right number, by another route, or
an `OperatorError` with the way out. Some are tested where their kind is:

| trap                                              | test                       |
|---------------------------------------------------|----------------------------|
| a field's arguments dropped                       | test_normal_form           |
| order of `atoms` by the hash seed                 | test_normal_form           |
| `u == 0`, `Eq(u, u)`, inequalities, nan, arity    | test_errors                |
| `Derivative(u(x), y)`, twins by assumptions       | test_errors                |
| digits of floats, `10**30`, float32 stays         | test_conventions           |
| where-NaN of `Piecewise`                          | test_shell                 |
| wrong `Sum` under doit, `IndexedBase`, matrices   | test_traps_sums            |
| moduli, steps, `lambdify`'s gaps, complex fields  | test_traps_functions       |
| code execution in `sympify`                       | test_traps_text            |
| swell of high orders                              | test_sobolev, and here     |
"""

import io
from contextlib import redirect_stdout

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests import apart
from tests.hang import finishes
from tests.oracle.reference import reference
from tests.shares import one_in

t, x, y, n, k = sp.symbols("t x y n k")
F, G = sp.Function("u"), sp.Function("v")
u, v = F(t, x), G(t, x)
D = sp.Derivative
POINTS = np.array([[0.3, 0.7], [-0.4, 0.2], [0.9, -0.6]])


def f(z):
    return jnp.sin(z[0]) * jnp.exp(z[1]) + z[0] * z[1] ** 2


def g(z):
    return jnp.cos(z[0] - 2 * z[1]) + 2


def slope(fun, *places):
    """Nested reverse mode: no code of ours, and not the reference's either."""
    for place in places:
        fun = lambda z, fun=fun, place=place: jax.grad(fun)(z)[place]
    return fun


def by_reference(equation):
    return lambda z: reference([equation], [t, x], {"u": f}, z[None])[0][0]


def evaluated(equations, points, **parameters):
    residual = oc.compile(equations, coordinates=[t, x])
    nets = {"u": f, "v": g}
    given = {name: nets[name] for name in residual.fields}
    return residual(given, points, **parameters)


def assert_are(*cases, **parameters):
    """Compares the equations of a system with functions of a point, in one program."""
    equations, wanted = zip(*cases, strict=True)
    different = dict.fromkeys(wanted)

    @jax.jit
    def both(points):
        values = [jax.vmap(want)(points) for want in different]
        return evaluated(list(equations), points, **parameters), values

    found, values = both(POINTS)
    known = dict(zip(different, values, strict=True))
    for equation, got, want in zip(equations, found, wanted, strict=True):
        np.testing.assert_allclose(
            got, known[want], rtol=1e-10, atol=1e-12, err_msg=str(equation)
        )


def assert_is(equation, want, **parameters):
    assert_are((equation, want), **parameters)


# Derivatives: the constructor sorts and merges nothing, diff does everything at once.


SPELLINGS = [
    D(u, x, t), D(u, t, x), D(D(u, x), t), D(D(u, t), x), u.diff(x, t),
    D(u, (x, 1), (t, 1)), oc.D(u, x, t), D(u, (x, n)).subs(n, 1).diff(t),
]  # fmt: skip


def test_mixed_derivatives_in_every_order_are_one() -> None:
    mixed = slope(f, 0, 1)
    assert_are(
        *((spelling, mixed) for spelling in SPELLINGS),
        *((spelling - u.diff(t, x) + u, f) for spelling in SPELLINGS),
    )


def test_orders_that_are_not_merged() -> None:
    merged = lambda z: -slope(f, 0, 0, 1)(z)
    assert_are(
        (D(u, t, x, t) - 2 * D(u, (t, 2), x), merged),
        (D(D(D(u, x), t), x), slope(f, 1, 1, 0)),
    )


HELD = {
    "product": (D(k * u * v, x), slope(lambda z: 2 * f(z) * g(z), 1)),
    "product, evaluate=False": (
        D(u * v, t, x, evaluate=False), slope(lambda z: f(z) * g(z), 0, 1),
    ),
    "number before": (D(k * u, (x, 2)), slope(lambda z: 2 * f(z), 1, 1)),
    "sum": (D(u + v, x), slope(lambda z: f(z) + g(z), 1)),
    "divergence form": (
        D(v * D(u, x), x), slope(lambda z: g(z) * jax.grad(f)(z)[1], 1),
    ),
    "quotient": (D(u / v, x), slope(lambda z: f(z) / g(z), 1)),
    "not evaluated": (
        D(sp.UnevaluatedExpr(u * v) + sp.Add(u, -u, evaluate=False), x),
        slope(lambda z: f(z) * g(z), 1),
    ),
}  # fmt: skip


def test_derivatives_that_sympy_leaves_alone() -> None:
    assert_are(*HELD.values(), k=2.0)


@pytest.mark.slow
def test_order_eight_of_a_product() -> None:
    held = D(sp.exp(u / 4) * v, (x, 4), (t, 2))
    assert_is(held, slope(lambda z: jnp.exp(f(z) / 4) * g(z), 1, 1, 1, 1, 0, 0))


def test_evaluation_switched_off() -> None:
    with sp.evaluate(False):
        off = [
            u.diff(x) * 0 + u * 1 + u + u,
            D(u * u, x) + x - x,
            u / u * v,
            u**1 * u**0,
        ]
    wanted = [lambda z: 3 * f(z), slope(lambda z: f(z) ** 2, 1), g, f]
    assert_are(*zip(off, wanted, strict=True))


def test_symbolic_orders_are_bound_first() -> None:
    held = D(u, (x, n))
    for equation in (held, held.diff(x), D(u, (x, sp.Symbol("n", integer=True)))):
        with pytest.raises(oc.OperatorError, match="order") as caught:
            oc.compile(equation)
        assert "subs" in caught.value.hint
    assert_are(
        (held.diff(x).subs(n, 2), slope(f, 1, 1, 1)),
        (held.subs(n, 0), f),
    )


@pytest.mark.parametrize("steps", [(x, -1), (2,), (2, x), (x, 1.5)])
def test_orders_that_are_none(steps) -> None:
    with pytest.raises(oc.OperatorError):
        oc.compile(oc.D(u, *steps))


def test_replacing_a_derivative_replaces_those_above_it() -> None:
    # subs puts U for u_x also in u_xxt, which makes U_xt of it: SymPy's meaning.
    U = G(t, x)
    assert_are(
        (u.diff(x, 2, t).subs(u.diff(x), U), slope(g, 1, 0)),
        (u.diff(x, 2, t).xreplace({u.diff(x): U}), slope(f, 1, 1, 0)),
    )


def test_coordinates_exchanged() -> None:
    # subs(..., simultaneous=True) makes Derivative(u(x, x), x) of it.
    swapped = u.diff(x).xreplace({t: x, x: t})
    there = lambda z: jax.grad(f)(z[::-1])[1]
    assert_are((swapped, by_reference(swapped)), (swapped, there))


def test_floats_that_sympy_has_merged() -> None:
    merged = 0.1 * u + 0.2 * u - 0.3 * u
    assert jax.jit(lambda points: evaluated(merged, points))(POINTS)[0] != 0
    tenth = sp.Rational(1, 10)
    assert (tenth * u + 2 * tenth * u - 3 * tenth * u) == 0


def test_a_manufactured_solution_put_for_the_field() -> None:
    made = (D(u, t) - D(u, (x, 2)) + u * v).replace(
        F, sp.Lambda((t, x), x**2 * sp.sin(t))
    )

    def want(z):
        time, place = z
        return place**2 * (jnp.cos(time) + jnp.sin(time) * g(z)) - 2 * jnp.sin(time)

    assert_is(made, want)


LAGRANGIAN = u.diff(t) ** 2 / 2 - u.diff(x) ** 2 * sp.cos(u) / 2


def test_derivatives_by_fields_and_their_derivatives() -> None:
    euler = (
        D(LAGRANGIAN, u)
        - D(D(LAGRANGIAN, u.diff(t)), t)
        - D(D(LAGRANGIAN, u.diff(x)), x)
    )
    by_hand = (u.diff(x) ** 2 * sp.sin(u) / 2 - u.diff(t, 2)
               + D(u.diff(x) * sp.cos(u), x))  # fmt: skip
    assert_are(
        (D(u**3 * v, u), lambda z: 3 * f(z) ** 2 * g(z)),
        (euler, by_reference(by_hand)),
        (D(u * v, (u, 2)) + u, f),
    )


@pytest.mark.parametrize(
    ("equation", "way_out"),
    [
        (D(sp.conjugate(u) * u, u), "real=True"),
        (D(sp.Abs(u), u), "real=True"),
        (D(sp.Function("H")(sp.Abs(u)), u), "real=True"),
    ],
)
def test_derivatives_by_fields_that_mean_nothing(equation, way_out) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equation + u)
    assert way_out in caught.value.hint


# Zero before we see it: what is left tells why.


@pytest.mark.parametrize(
    "equation",
    [
        u.diff(sp.Symbol("x", real=True)), u.diff(y), F(0, x).diff(t), u * u / u - u,
        sp.Eq(u, u, evaluate=False), sp.sqrt(u) ** 2 - u,
    ],
)  # fmt: skip
def test_an_equation_that_sympy_made_zero(equation) -> None:
    with pytest.raises(oc.OperatorError, match="no unknown field") as caught:
        oc.compile(equation)
    assert "evaluated it away" in caught.value.hint


@pytest.mark.parametrize(
    "equation",
    [
        u.diff(x) + F(t, sp.Symbol("x", real=True)),
        u.diff(x) + sp.Symbol("t", positive=True) * u,
        D(u, sp.Symbol("x", real=True)) + u,
        u.diff(x) + sp.Dummy("x") * u,
        u.diff(x) + k * u + sp.Symbol("k", positive=True),
    ],
)
def test_equal_names_with_different_assumptions(equation) -> None:
    with pytest.raises(oc.OperatorError, match="two different symbols") as caught:
        oc.compile(equation)
    assert "assumptions" in caught.value.hint


# Substitution and evaluation points.

POINTWISE = [
    u.diff(x).subs(x, 0),
    F(t, 2 * x).diff(x),
    F(t, x - t).diff(t),
    F(t, -x).diff(x, 3),
    F(t - 1, x).diff(t),
    F(t, x**2).diff(x, 2),
    F(x, x).diff(x),
    F(t, sp.sin(x)).diff(x, 3),
    D(F(x * t, x + t), x, t),
    sp.Subs(D(u, x), (t, x), (0, 1)),
    sp.Subs(D(u, x), (t, x), (0, 1)).doit(),
    sp.Subs(D(u, t, x), x, t**2),
    sp.Subs(sp.Subs(D(u, x), x, 2 * x), t, x**2),
    sp.Subs(D(u * sp.exp(x), x), x, sp.cos(t)) * u,
    u.diff(x).subs(t, x),
    D(sp.Subs(D(u, x), x, t**2), t),
    D(F(t, x * t), t, x),
]


@pytest.mark.parametrize("start", one_in(2, range(2)))
def test_the_debris_of_the_chain_rule(start) -> None:
    equations = [e + u for e in POINTWISE[start::2]]
    assert_are(*((e, by_reference(e)) for e in equations))


def test_the_chain_rule_through_two_arguments_at_once() -> None:
    broken = F(x * t, x + t).diff(x, t)
    assert any("+" in s.name for s in broken.atoms(sp.Symbol)), "SymPy has mended this"
    with pytest.raises(oc.OperatorError, match="made a symbol") as caught:
        oc.compile(broken)
    assert "oc.D" in caught.value.hint


def test_nested_substitutions_that_sympy_makes_one() -> None:
    nested = sp.Subs(sp.Subs(D(u, x), x, t + y), y, x**2)
    assert len(nested.variables) == 2, "SymPy no longer merges them"
    with pytest.raises(oc.OperatorError, match="replaced too") as caught:
        oc.compile(nested)
    assert "two readings" in caught.value.hint


# Integrals: SymPy differentiates them by Leibniz' rule, or evaluates what it can.


def test_integrals_that_sympy_has_worked_on() -> None:
    s = sp.Symbol("s")
    memory = sp.Integral(F(t, s) * sp.exp(x - s), (s, 0, x**2))
    want = by_reference(D(memory, x) + u)
    fundamental = sp.Integral(F(t, s).diff(s), (s, 0, x)).doit()
    shadowed = sp.Integral(F(t, x), (x, 0, x)) + u
    rule = oc.gauss_legendre(16)
    assert_are(
        (memory.diff(x) + u, want),
        (oc.D(memory, x) + u, want),
        (fundamental, lambda z: f(z) - f(z.at[1].set(0))),
        quadrature={"s": rule},
    )
    shadow = by_reference(sp.Integral(F(t, s), (s, 0, x)) + u)
    assert_is(shadowed, shadow, quadrature={"x": rule})


# Numbers.


def test_numbers_that_no_double_holds() -> None:
    for number in (sp.Integer(10) ** 400, sp.Float("1e-400"), sp.Float("1e400"), sp.oo):
        with pytest.raises(oc.OperatorError):
            oc.compile(number * u + v)


def test_fractions_of_long_numbers_are_rounded_once() -> None:
    long = sp.Rational(10**400 + 10**399, 10**400)
    third = sp.Rational(1, 3)
    shifted = (x + third - sp.Float(0.25)) * u
    assert_are(
        (long * u, lambda z: 1.1 * f(z)),
        (shifted, lambda z: (z[1] + 1 / 3 - 0.25) * f(z)),
    )
    added = third * sp.Integer(1) * v**0 + 0 * u + u * 0 + u - u + v * 0 + v
    of_g = jax.jit(jax.vmap(g))(POINTS)
    got = evaluated(added, POINTS)
    assert got[0] == pytest.approx(float(of_g[0]) + 1 / 3, abs=0)


def test_a_float_is_the_double_that_was_written() -> None:
    long = sp.Float("0.1234567890123456789012345", 30)
    one = oc.compile(long * u)(lambda z: 1 + 0 * z[0], POINTS)
    assert one[0] == 0.1234567890123456789012345


# Other people's patches, and SymPy's evaluators.

PATCHED = """
import jax, jax.numpy as jnp, sympy as sp
jax.config.update("jax_enable_x64", True)
import opcompiler as oc
{patch}
t, x = sp.symbols("t x")
u, v = (sp.Function(name)(t, x) for name in "uv")
q = oc.vector("q", 40)
i = oc.index("i", q)
w = sp.Function("w")(q)
net = lambda z: jnp.stack([jnp.sin(z.sum()), jnp.cos(z.sum())])
system = [sp.sin(u) * u.diff(x, 2) + v.subs(x, 0), u * v.subs(x, x - t)]
flat = oc.compile(system, fields=[u, v])
held = oc.compile(oc.Sum(sp.cos(q[i]) * oc.D(w, q[i], 2), i))
ones = jnp.ones((1, 40))
both = lambda z: (flat(net, z[:, :2]), held(lambda z: jnp.sin(z.sum()), z))
print(jax.jit(both)(ones))
"""


def test_a_patch_of_how_sympy_prints_changes_nothing() -> None:
    """PhysicsNeMo Sym and IDRLnet replace `Basic.__str__`; keys must not be made of it."""
    patch = "sp.Basic.__str__ = lambda self: self.func.__name__"
    here = io.StringIO()
    with redirect_stdout(here):
        exec(PATCHED.format(patch=""), {})
    (there,) = apart.printed(("-c", PATCHED.format(patch=patch)))
    assert here.getvalue() == there != ""


def test_evaluators_are_never_asked(monkeypatch) -> None:
    """They are wrong on sums and derivatives, and slow, or endless, on integrals."""
    s = sp.Symbol("s")
    equation = (
        D(sp.Integral(sp.exp(sp.sin(s * u) ** 2) * F(t, s), (s, 0, x)), x)
        + sp.Subs(D(u * v, x), x, 0)
        + sp.Sum(D(u**n, x), (n, 1, 3))
    )

    def asked(*args, **kwargs):
        raise AssertionError("SymPy was asked to evaluate")

    for kind in (sp.Sum, sp.Integral, D, sp.Subs, sp.Product):
        monkeypatch.setattr(kind, "doit", asked)
    for name in ("simplify", "nsimplify", "together", "factor"):
        monkeypatch.setattr(sp, name, asked)
    assert oc.compile(equation, coordinates=[t, x]).fields


def test_high_orders_of_nonlinear_expressions_compile() -> None:
    with finishes(100):  # a few here
        oc.compile(D(sp.exp(u * v), (x, 4), (t, 2)) + D(u * v * F(t, 0), (x, 6)))
