"""Fields at other arguments: pinned, shifted, reflected, scaled, delayed by an unknown."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend import write_out
from tests.draws import normal
from tests.oracle.reference import reference
from tests.shares import only

t, x, tau, c = sp.symbols("t x tau c")
F, G = sp.Function("u"), sp.Function("v")
u, v = F(t, x), G(t, x)
D = sp.Derivative
POINTS = normal(0, (4, 2)) / 2
WEIGHTS = normal(1, (2, 8)) / 2
HEADS = normal(2, (8, 2)) / 2


def both(z):
    return jnp.tanh(z @ WEIGHTS + 0.3) @ HEADS


NETS = {"u": lambda z: both(z)[0], "v": lambda z: both(z)[1]}
GIVEN = {"tau": 0.4, "c": 1.7}


def assert_is_reference(equations, nets, names=(), **options):
    residual = oc.compile(equations, coordinates=[t, x], **options)
    given = {name: GIVEN[name] for name in residual.parameters}

    @jax.jit
    def both(points):
        want = reference(equations, [t, x], NETS, points, **given)
        return residual(nets, points, **given), want

    got, want = both(POINTS)
    names = names or range(len(want))
    for a, b, name in zip(got, want, names, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=str(name))


EQUATIONS = {
    "periodic": F(t, 0) - F(t, 1),
    "periodic slopes": (u.diff(x).subs(x, 0) - u.diff(x).subs(x, 1)) * u,
    "shift": F(t, x - 1) + u.diff(x, 2),
    "reflection": F(t, -x) + F(t, -x).diff(x, 3) - u,
    "time reversal of a derivative": sp.Subs(u.diff(t, x), t, -t) * F(-t, x),
    "delay": u.diff(t) + F(t - tau, x) ** 2,
    "slope of a delay": D(F(t - tau, x) * u, t),
    "pantograph": u.diff(t) - c * F(t / 2, x),
    "moving frame": D(F(t, x - c * t), (t, 2)) - c**2 * D(F(t, x - c * t), (x, 2)),
    "a site that moves with both": D(F(x * t, x + t), t, x) + F(x, t),
    "robin": sp.Subs(u.diff(x), x, 1) + c * F(t, 1),
    "corner": sp.Subs(u.diff(t, x), (t, x), (0, tau)),
    "site of a site": D(sp.Subs(u.diff(x), x, sp.sin(t) * tau), t),
    "many orders at many sites": F(t, 0).diff(t, 2) + F(0, x).diff(x, 3) * F(1, 1),
    "diagonal": F(x, x).diff(x, 2),
    "cases": sp.Piecewise((F(t - tau, x), t > 0), (u.diff(x), True)),
}


ALONE = ["cases", "site of a site", "moving frame", "many orders at many sites"]


@pytest.mark.parametrize("name", only(ALONE, EQUATIONS))
def test_every_site_against_nested_differentiation(name) -> None:
    assert_is_reference([EQUATIONS[name]], {"u": NETS["u"]})


@pytest.mark.parametrize("strategy", ["algebra", "reverse", "nested"])
def test_all_of_them_at_once_by_every_strategy(strategy) -> None:
    names = [n for n in EQUATIONS if n not in ("cases", "site of a site")]
    everything = [EQUATIONS[n] for n in names]
    assert_is_reference(everything, {"u": NETS["u"]}, names, strategy=strategy)


SYSTEM = [
    u.diff(t) - G(t, 0) * F(t - tau, x),
    v - F(t - 1, x).diff(x),
    G(t, -x).diff(x, 2) + u,
]


FORMS = {
    "one network": both,
    "one each": NETS,
    "in another order": {("v", "u"): lambda z: both(z)[::-1]},
    "as a tuple": {("u", "v"): both},
}


def test_systems() -> None:
    residual = oc.compile(SYSTEM, coordinates=[t, x], fields=["u", "v"])

    @jax.jit
    def values(points):
        want = reference(SYSTEM, [t, x], NETS, points, tau=0.4)
        return {n: residual(nets, points, tau=0.4) for n, nets in FORMS.items()}, want

    found, want = values(POINTS)
    for name, got in found.items():
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)


def test_one_network_where_no_field_stands_at_the_points() -> None:
    assert_is_reference([F(t, 0) - G(0, x), G(t, x - 1) - u], both, fields=["u", "v"])


def test_equal_sites_are_one_push() -> None:
    equation = F(t, x - 1).diff(x, 2) + sp.Subs(u.diff(x), x, x - 1) + F(t, x - 1)
    plan = oc.compile(equation).plan
    assert len(plan.pushes) == 1
    assert plan.channels == 3


def test_a_coordinate_that_never_stands_alone_is_a_parameter() -> None:
    residual = oc.compile(F(t, x - t).diff(t))
    assert residual.coordinates == (t,)
    assert residual.parameters == ("x",)
    with pytest.raises(oc.OperatorError) as caught:
        residual({"u": NETS["u"]}, POINTS, x=1.0)
    assert "if x should be a column" in caught.value.hint
    assert_is_reference([F(t, x - t).diff(t)], {"u": NETS["u"]})


# The place depends on an unknown.

DELAYED = u.diff(t) - u.diff(x, 2) + c * F(t - tau, x).diff(x)


def loss_of(residual, points=POINTS):
    return jax.jit(lambda tau, c: jnp.mean(residual(NETS, points, tau=tau, c=c) ** 2))


def test_the_gradient_by_a_delay() -> None:
    residual = oc.compile(DELAYED)
    loss = loss_of(lambda nets, points, **k: residual({"u": nets["u"]}, points, **k))
    step = 1e-5
    by_tau = (loss(0.4 + step, 1.7) - loss(0.4 - step, 1.7)) / (2 * step)
    by_c = (loss(0.4, 1.7 + step) - loss(0.4, 1.7 - step)) / (2 * step)

    def nested(tau):
        (r,) = reference([DELAYED], [t, x], NETS, POINTS, tau=tau, c=jnp.asarray(1.7))
        return jnp.mean(r**2)

    both = lambda tau, c: (jax.grad(loss, (0, 1))(tau, c), jax.grad(nested)(tau))
    got, want = jax.jit(both)(0.4, 1.7)
    np.testing.assert_allclose(got, [by_tau, by_c], rtol=1e-8)
    np.testing.assert_allclose(got[0], want, rtol=1e-9)


def test_a_delay_that_is_a_network() -> None:
    residual = oc.compile(DELAYED)

    def loss(scale):
        delay = lambda z: jnp.exp(scale * jnp.sin(z[0] * z[1]))
        return jnp.mean(residual({"u": NETS["u"]}, POINTS, tau=delay, c=1.0) ** 2)

    step = 1e-5
    run = jax.jit(lambda s: (jax.grad(loss)(s), loss(s + step), loss(s - step)))
    slope, after, before = run(0.3)
    np.testing.assert_allclose(slope, (after - before) / (2 * step), rtol=1e-8)


def test_a_delay_that_depends_on_the_state() -> None:
    """The field itself says where; or its values at the points are a parameter."""
    net = NETS["u"]
    as_parameter = oc.compile(u.diff(t) - F(t, x - tau))
    in_place = oc.compile(u.diff(t) - F(t, x - u))
    by_hand = lambda z: jax.grad(net)(z)[0] - net(jnp.array([z[0], z[1] - net(z)]))

    @jax.jit
    def found(points):
        want = jax.vmap(by_hand)(points)
        return as_parameter(net, points, tau=net), in_place(net, points), want

    parameter, place, want = found(POINTS)
    np.testing.assert_allclose(parameter, want, rtol=1e-12)
    np.testing.assert_allclose(place, want, rtol=1e-12)


TEXT = """
coordinates t in [0, 1], x in [0, 1]
field u, v
unknown tau = 0.4
parameter c = 1.7
delayed: u_t - u_xx + c*u_x(t=t-tau) = 0
coupled: v(t, 1 - x) + u_x(x=0) - v_x = 0
periodic flow: u(t, 0) = u(t, 1)
periodic slope: u_x(x=0) = u_x(x=1)
symmetry: v(t, -x) = -v(t, x)
"""


def test_sites_in_text() -> None:
    problem = oc.parse(TEXT)
    equations = [DELAYED, G(t, 1 - x) + u.diff(x).subs(x, 0) - v.diff(x)]
    conditions = {
        "flow": F(t, 0) - F(t, 1),
        "slope": u.diff(x).subs(x, 0) - u.diff(x).subs(x, 1),
        "symmetry": G(t, -x) + v,
    }
    residual = oc.compile(problem)
    parts = [oc.compile(problem.condition(name)) for name in conditions]
    names = ["delayed", "coupled", *conditions]

    @jax.jit
    def both(points):
        got = [*residual(NETS, points, tau=0.4).values()]
        for part in parts:
            nets = {field: NETS[field] for field in part.fields}
            got.append(part(nets, points))
        everything = [*equations, *conditions.values()]
        return got, reference(everything, [t, x], NETS, points, **GIVEN)

    for name, row, value in zip(names, *both(POINTS), strict=True):
        np.testing.assert_allclose(row, value, rtol=1e-9, err_msg=name)


# Inside held sums.

q = oc.vector("q", 4)
i = oc.index("i", q)
W = sp.Function("w")
w = W(q, t)
LAPLACIAN = oc.Sum(oc.D(w, q[i], 2), i)
PLACES = normal(3, (3, 5)) / 2


def wave(z):
    return jnp.sin(z @ jnp.array([1.0, -0.5, 0.3, 0.8, 1.2])) * z[0] + z[1] * z[4] ** 2


def at_time(time):
    """The Laplacian of `wave` by the components, where the last one is `time`."""

    def one(z):
        z = z.at[4].set(time(z[4]))
        return jnp.trace(jax.hessian(wave)(z)[:4, :4])

    return one


HELD = {
    "delayed Laplacian": (
        oc.Sum(oc.D(W(q, t - tau), q[i], 2), i), at_time(lambda s: s - 0.4),
    ),
    "initial Laplacian": (sp.Subs(LAPLACIAN, t, 0), at_time(lambda s: 0.0)),
    "time in a coefficient": (
        sp.Subs(oc.Sum(t * q[i] ** 2, i) * w, t, 2),
        lambda z: 2 * jnp.sum(z[:4] ** 2) * wave(z.at[4].set(2.0)),
    ),
    "its slope": (
        oc.D(sp.Subs(LAPLACIAN * t, t, t**2), t),
        lambda z: jax.grad(
            lambda s: s**2 * at_time(lambda _: s**2)(z)
        )(z[4]),
    ),
    "inside of the sum": (
        oc.Sum(q[i] * sp.Subs(oc.D(w, q[i], 2), t, tau), i),
        lambda z: jnp.sum(
            z[:4] * jnp.diag(jax.hessian(wave)(z.at[4].set(0.4)))[:4]
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_sites_of_sums_over_components(name, monkeypatch) -> None:
    equation, want = HELD[name]
    residuals = {}
    for how, longest in (("held", 0), ("written out", 10)):
        monkeypatch.setattr(write_out, "WRITTEN_OUT", longest)
        residuals[how] = oc.compile(equation + w, coordinates=[q, t])
    given = {"tau": 0.4} if residuals["held"].parameters else {}

    @jax.jit
    def values(places):
        wanted = jax.vmap(lambda z: want(z) + wave(z))(places)
        return {n: r(wave, places, **given) for n, r in residuals.items()}, wanted

    found, wanted = values(PLACES)
    for how, value in found.items():
        np.testing.assert_allclose(value, wanted, rtol=1e-10, err_msg=how)


REFUSED = {
    "a place that runs": (oc.Sum(W(q, t - i) * q[i], i), "runs with the index"),
    "one component": (sp.Subs(oc.D(w, q[0]), q[0], 0), "q[0] alone"),
    "place from a component": (W(q, t + q[0]), "a component of a vector"),
    "reflected": (W(-q, t) + w, "whole vector"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sites_that_a_held_vector_cannot_have(name, monkeypatch) -> None:
    equation, problem = REFUSED[name]
    monkeypatch.setattr(write_out, "WRITTEN_OUT", 0)
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(equation + w)
    assert problem in caught.value.problem


def test_the_way_out_is_to_write_components_out() -> None:
    equation = (
        oc.Sum(W(q, t - i) * q[i], i) + sp.Subs(oc.D(w, q[0]), q[0], 0) + W(q, t + q[0])
    )

    def want(z):
        late = sum(wave(z.at[4].add(-k)) * z[k] for k in range(4))
        slope = jax.grad(wave)(z.at[0].set(0.0))[0]
        return late + slope + wave(z.at[4].add(z[0]))

    residual = oc.compile(equation)
    both = jax.jit(lambda at: (residual(wave, at), jax.vmap(want)(at)))
    np.testing.assert_allclose(*both(PLACES), rtol=1e-10)
