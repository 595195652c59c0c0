"""`opcompiler.integrations.jinns` against dynamic losses written by hand for jinns."""

import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jinns
import numpy as np
import optax
import pytest
import sympy as sp
from jinns.parameters import DerivativeKeysPDENonStatio, EqParams, Params

import opcompiler as oc
from opcompiler.integrations.jinns import dynamic_loss
from tests.draws import uniform

# jinns silences this warning of its own data classes at import; pytest wakes it up.
pytestmark = pytest.mark.filterwarnings("ignore:Using `field.init=False:UserWarning")

t, x, y, nu = sp.symbols("t x y nu")
u = sp.Function("u")(t, x)
BURGERS = oc.compile(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2))
LAYERS = ((eqx.nn.Linear, 2, 8), (jnp.tanh,), (eqx.nn.Linear, 8, 1))


@pytest.fixture(autouse=True)
def _other_parameters():
    """jinns keeps the names of the first parameters it sees in a process."""
    EqParams.clear()


def network(kind="PDENonStatio", layers=LAYERS):
    return jinns.nn.PINN_MLP.create(
        key=jax.random.key(0), eqx_list=layers, eq_type=kind
    )


def points(dim=2, number=20):
    return uniform(1, (number, dim))


class ByHand(jinns.loss.PDENonStatio):
    """Burgers' equation as the jinns documentation writes it."""

    def equation(self, t_x, u, params):
        value = lambda t_x: u(t_x, params)[0]
        slope, curvature = jax.grad(value)(t_x), jax.hessian(value)(t_x)
        burgers = slope[0] + value(t_x) * slope[1]
        residual = burgers - params.eq_params.nu * curvature[1, 1]
        return jnp.reshape(residual, 1)


def loss(net, params, term):
    """A whole jinns loss; nu is trained too."""
    return jinns.loss.LossPDENonStatio(
        u=net,
        dynamic_loss=term,
        params=params,
        boundary_condition=jinns.loss.Dirichlet(),
        initial_condition_fun=lambda x: -jnp.sin(jnp.pi * x),
        derivative_keys=DerivativeKeysPDENonStatio.from_str(params, dyn_loss="both"),
        loss_weights=jinns.loss.LossWeightsPDENonStatio(
            dyn_loss=1.0, initial_condition=2.0, boundary_loss=3.0
        ),
    )


def data():
    return jinns.data.CubicMeshPDENonStatio(
        key=jax.random.key(2),
        n=64,
        nb=8,
        ni=16,
        domain_batch_size=16,
        border_batch_size=4,
        initial_batch_size=8,
        dim=1,
        min_pts=(-1.0,),
        max_pts=(1.0,),
        tmin=0.0,
        tmax=1.0,
    )


def close(one, other) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), one, other)


def test_value_and_gradient_are_those_of_the_loss_by_hand() -> None:
    net, start = network()
    params = Params(nn_params=start, eq_params={"nu": jnp.array([0.02])})
    batch = eqx.filter_jit(lambda data: data.get_batch()[1])(data())

    def evaluated(term):
        whole = loss(net, params, term)
        return jax.value_and_grad(lambda params: whole.evaluate(params, batch)[0])

    both = [evaluated(term) for term in (dynamic_loss(BURGERS), ByHand())]
    ours, theirs = jax.jit(lambda params: [f(params) for f in both])(params)
    close(ours, theirs)
    assert np.abs(ours[1].eq_params.nu) > 0


def test_solve_takes_the_same_steps() -> None:
    net, start = network()
    params = Params(nn_params=start, eq_params={"nu": jnp.array([0.02])})
    found = [
        jinns.solve(
            n_iter=5,
            init_params=params,
            data=data(),
            loss=loss(net, params, term),
            optimizer=optax.adam(1e-2),
            verbose=False,
        )
        for term in (dynamic_loss(BURGERS), ByHand())
    ]
    close(found[0][0], found[1][0])
    close(found[0][1], found[1][1])
    assert found[0][0].eq_params.nu != 0.02


def test_the_time_is_scaled_as_in_the_losses_of_jinns() -> None:
    rate, growth, crowding = sp.symbols("D r g")
    fisher = oc.compile(u.diff(t) - rate * u.diff(x, 2) - u * (growth - crowding * u))
    net, start = network()
    given = {"D": jnp.array([0.3]), "r": jnp.array([2.0]), "g": jnp.array([0.7])}
    params = Params(nn_params=start, eq_params=given)
    ours = dynamic_loss(fisher, Tmax=3.0)
    theirs = jinns.loss.FisherKPP(Tmax=3.0)
    for point in points(number=4):
        found = ours.evaluate(point, net, params)
        wanted = theirs.evaluate(point, net, params)
        np.testing.assert_allclose(3 * found, wanted, rtol=1e-10)


def test_a_parameter_that_varies_in_space() -> None:
    net, start = network()
    params = Params(nn_params=start, eq_params={"nu": jnp.array([0.02])})
    vary = {"nu": lambda t_x, u, params: params.eq_params.nu * t_x[1] ** 2}
    terms = [
        make(eq_params_heterogeneity=vary, params=params)
        for make in (lambda **o: dynamic_loss(BURGERS, **o), ByHand)
    ]
    for point in points(number=3):
        ours, theirs = (term.evaluate(point, net, params) for term in terms)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_tables_are_parameters() -> None:
    a, c = sp.Function("a")(t), sp.IndexedBase("c")
    one = sp.IndexedBase("d", shape=(1,))
    residual = oc.compile(a.diff(t) - c[1] * a + one[0])
    layers = ((eqx.nn.Linear, 1, 8), (jnp.tanh,), (eqx.nn.Linear, 8, 1))
    net, start = network("ODE", layers)
    tables = {"c": jnp.asarray([1.0, 3.0]), "d": jnp.asarray([2.0])}
    params = Params(nn_params=start, eq_params=tables)
    (time,) = points(1, 1)
    term = dynamic_loss(residual)

    @jax.jit
    def both(time):
        wanted = jax.jacfwd(net)(time, params)[0, 0] - 3 * net(time, params) + 2
        return term.evaluate(time, net, params), wanted

    np.testing.assert_allclose(*both(time), rtol=1e-10)


def test_systems_of_ordinary_equations() -> None:
    a, b = (sp.Function(name)(t) for name in "ab")
    equations = {"prey": a.diff(t) - a + a * b, "eaters": b.diff(t) - a * b}
    with pytest.raises(oc.OperatorError, match="nothing says which"):
        dynamic_loss(oc.compile(equations))
    system = oc.compile(equations, fields=[a, b])
    layers = ((eqx.nn.Linear, 1, 8), (jnp.tanh,), (eqx.nn.Linear, 8, 2))
    net, start = network("ODE", layers)
    params = Params(nn_params=start, eq_params={})
    term = dynamic_loss(system)
    assert isinstance(term, jinns.loss.ODE)

    @jax.jit
    @jax.vmap
    def both(time):
        (a0, b0), slope = net(time, params), jax.jacfwd(net)(time, params)[:, 0]
        wanted = jnp.stack([slope[0] - a0 + a0 * b0, slope[1] - a0 * b0])
        return term.evaluate(time, net, params), wanted

    np.testing.assert_allclose(*both(points(1, 3)), rtol=1e-10)


def test_stationary_equations_and_known_coefficients() -> None:
    w, c = sp.Function("w")(x, y), sp.Function("c")(y)
    residual = oc.compile((c * w.diff(x)).diff(x) + (c * w.diff(y)).diff(y))
    term = dynamic_loss(residual, known={"c": lambda z: jnp.exp(z[0])})
    assert isinstance(term, jinns.loss.PDEStatio)
    net, start = network("PDEStatio")
    params = Params(nn_params=start, eq_params={})

    @jax.jit
    @jax.vmap
    def both(point):
        field = lambda p: net(p, params)[0]
        slope, curvature = jax.jacfwd(field)(point), jax.hessian(field)(point)
        wanted = jnp.exp(point[1]) * (jnp.trace(curvature) + slope[1])
        return term.evaluate(point, net, params), wanted[None]

    np.testing.assert_allclose(*both(points(number=3)), rtol=1e-10)


def test_columns_are_the_arguments_of_the_unknown_fields() -> None:
    """Whatever the order of the coordinates, which `c(x)` comes to head here."""
    c, w = sp.Function("c")(x), sp.Function("w")(t, x)
    residual = oc.compile(c * w.diff(t) + w.diff(x, 2), fields=["c", "w"])
    reordered = oc.compile(c * w.diff(t) + w.diff(x, 2), coordinates=[x, t])
    net, start = network()
    params = Params(nn_params=start, eq_params={})
    known = {"c": lambda z: jnp.cos(z[0])}
    terms = [dynamic_loss(one, known=known) for one in (residual, reordered)]
    assert all(isinstance(term, jinns.loss.PDENonStatio) for term in terms)

    @jax.jit
    def all_of(point):
        field = lambda p: net(p, params)[0]
        slope, curvature = jax.grad(field)(point), jax.hessian(field)(point)
        wanted = jnp.cos(point[1]) * slope[0] + curvature[1, 1]
        return wanted[None], *(term.evaluate(point, net, params) for term in terms)

    wanted, *found = all_of(points()[0])
    for one in found:
        np.testing.assert_allclose(one, wanted, rtol=1e-10)


def test_mistakes() -> None:
    v, c = sp.Function("v")(x, t), sp.Function("c")(x)
    with pytest.raises(oc.OperatorError, match=r"write v\(t, x\)"):
        dynamic_loss(oc.compile(v.diff(t) - v.diff(x)))
    with pytest.raises(oc.OperatorError, match="known="):
        dynamic_loss(oc.compile(u.diff(t) - c * u))
    with pytest.raises(oc.OperatorError, match="no field k"):
        dynamic_loss(BURGERS, known={"k": jnp.sin})
    with pytest.raises(oc.OperatorError, match="no field is left"):
        dynamic_loss(BURGERS, known={"u": jnp.sin})
    net, start = network()
    params = Params(nn_params=start, eq_params={})
    with pytest.raises(oc.OperatorError, match="nu has no value"):
        dynamic_loss(BURGERS).evaluate(points()[0], net, params)


def test_a_separable_network_at_points_and_on_a_grid() -> None:
    layers = ((eqx.nn.Linear, 1, 8), (jnp.tanh,), (eqx.nn.Linear, 8, 4))
    net, start = jinns.nn.SPINN_MLP.create(
        key=jax.random.key(0), d=2, r=4, eqx_list=layers, eq_type="PDENonStatio"
    )
    params = Params(nn_params=start, eq_params={"nu": jnp.asarray(0.1)})
    term = dynamic_loss(BURGERS, Tmax=2.0)
    axes = points()[:5]
    full = np.stack(np.meshgrid(axes[:, 0], axes[:, 1], indexing="ij"), -1)
    of_point = lambda p: net(p[None] / jnp.array([2.0, 1.0]), params).reshape(())

    @jax.jit
    def all_of(axes, full):
        by_point = jax.vmap(lambda p: term.evaluate(p, net, params))
        want = BURGERS(of_point, full * jnp.array([2.0, 1.0]), nu=0.1)
        return term.evaluate(axes, net, params), by_point(full.reshape(-1, 2)), want

    on_grid, at_points, want = map(np.asarray, all_of(axes, full))
    assert on_grid.shape == (5, 5, 1)
    np.testing.assert_allclose(on_grid.reshape(-1, 1), at_points, rtol=0, atol=1e-12)
    np.testing.assert_allclose(on_grid[..., 0], want, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Missing boundary condition:UserWarning")
def test_the_program_of_the_page_in_few_steps() -> None:
    page = Path(__file__).parents[2] / "docs" / "tools" / "jinns.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    for usual, short in (
        ("n_iter=2000", "n_iter=50"),
        ("    (eqx.nn.Linear, 24, 24),\n    (jnp.tanh,),\n", ""),  # a layer
    ):
        assert usual in program
        program = program.replace(usual, short)
    names: dict = {}
    exec(compile(program, str(page), "exec"), names)
    assert names["losses"][-1] < names["losses"][0] / 2
    assert np.all(names["trained"].eq_params.c != names["rates"])
