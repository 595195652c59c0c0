"""Complex fields: complex networks, and real ones with two outputs for each field."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend import write_out
from tests.draws import normal
from tests.oracle.reference import reference

t, x = sp.symbols("t x")
PSI = sp.Function("psi", complex=True)
psi = PSI(t, x)
V = sp.Function("V")(t, x)
NLS = sp.I * psi.diff(t) + psi.diff(x, 2) / 2 + sp.Abs(psi) ** 2 * psi
EQUATIONS = {
    "schroedinger": NLS,
    "conjugate": sp.conjugate(psi).diff(x, 2) * psi
    + sp.conjugate(psi) * psi.diff(x, 2),
    "density": oc.D(sp.Abs(psi) ** 2, t),
    "current": sp.im(sp.conjugate(psi) * psi.diff(x)),
    "density, undisturbed": sp.Abs(psi) ** 2 * sp.re(psi),
    "mixed": psi.diff(x, 3).diff(t) + sp.I * psi,
    "elsewhere": PSI(t, 0) - sp.conjugate(PSI(t, -x)).diff(x) + PSI(0, x).diff(x),
    "nonlinear in derivatives": psi.diff(x) ** 2 * sp.exp(sp.I * t) + psi.diff(t) * psi,
}
POINTS = normal(1, (5, 2)) / 2


def layers(key, *sizes):
    pairs = enumerate(itertools.pairwise(sizes))
    return [normal((key, k), (m, n)) / m**0.5 for k, (m, n) in pairs]


def apply(params, z):
    for matrix in params[:-1]:
        z = jnp.tanh(z @ matrix + 0.1)
    return z @ params[-1]


PARAMS = layers(0, 2, 8, 8, 2)
pair = lambda z: apply(PARAMS, z)
whole = lambda z: jax.lax.complex(*pair(z))


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        *((name, "auto") for name in EQUATIONS),
        ("elsewhere", "algebra"),
        ("nonlinear in derivatives", "reverse"),
        ("mixed", "nested"),
        ("mixed", "polarization"),
    ],
)
def test_pairs_are_complex_numbers(name, strategy) -> None:
    equation = EQUATIONS[name]
    residual = oc.compile(equation, strategy=strategy, coordinates=[t, x])
    nets = {"pair": pair, "complex": whole, "pair by name": {"psi": pair}}

    @jax.jit
    def both(points):
        found = {form: residual(net, points) for form, net in nets.items()}
        return found, reference([equation], [t, x], {"psi": whole}, points)

    found, (want,) = both(POINTS)
    for form, got in found.items():
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=form)


def test_the_soliton() -> None:
    """Bright soliton of width 1/a and velocity v: exact for the focusing equation."""
    a, v = 1.3, 0.4

    def soliton(z):
        time, place = z
        size = a / jnp.cosh(a * (place - v * time))
        angle = v * place + (a**2 - v**2) / 2 * time
        return jnp.stack([size * jnp.cos(angle), size * jnp.sin(angle)])

    residual = oc.compile([NLS, sp.Abs(psi) ** 2])
    equation, density = jax.jit(lambda at: residual(soliton, at))(POINTS)
    np.testing.assert_allclose(equation, 0, atol=1e-13)
    want = (a / np.cosh(a * (POINTS[:, 1] - v * POINTS[:, 0]))) ** 2
    np.testing.assert_allclose(density, want, rtol=1e-12)
    assert density.dtype == jnp.float64


def test_gradients_by_the_parameters() -> None:
    bound = oc.compile(NLS).bind(apply)
    loss = lambda params: jnp.mean(jnp.abs(bound(params, POINTS)) ** 2)

    def nested(params):
        net = lambda z: jax.lax.complex(*apply(params, z))
        (values,) = reference([NLS], [t, x], {"psi": net}, POINTS)
        return jnp.mean(values.real**2 + values.imag**2)

    both = jax.jit(lambda params: [jax.grad(f)(params) for f in (loss, nested)])
    got, want = both(PARAMS)
    for a, b in zip(got, want, strict=True):
        assert a.dtype == jnp.float64
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_one_network_for_complex_and_real_fields() -> None:
    """Schroedinger and Poisson; the outputs are re psi, im psi, V."""
    system = [
        sp.I * psi.diff(t) + psi.diff(x, 2) - V * psi,
        V.diff(x, 2) - sp.Abs(psi) ** 2,
    ]
    residual = oc.compile(system, fields=["psi", "V"])
    params = layers(2, 2, 8, 3)
    net = lambda z: apply(params, z)
    fields = {"psi": lambda z: jax.lax.complex(*net(z)[:2]), "V": lambda z: net(z)[2]}
    swapped = {("V", "psi"): lambda z: net(z)[jnp.array([2, 0, 1])]}
    apart = {"psi": lambda z: net(z)[:2], "V": fields["V"]}
    forms = {"one": net, "swapped": swapped, "apart": apart, "complex": fields}

    @jax.jit
    def both(points):
        found = {form: residual(nets, points) for form, nets in forms.items()}
        return found, reference(system, [t, x], fields, points)

    found, want = both(POINTS)
    for form, values in found.items():
        for got, value in zip(values, want, strict=True):
            assert got.dtype == value.dtype, form
            np.testing.assert_allclose(got, value, rtol=1e-10, err_msg=form)


def test_equinox_and_single_precision() -> None:
    net = eqx.nn.MLP(2, 2, 8, 1, jnp.tanh, key=jax.random.key(3))
    points, residual = POINTS.astype(np.float32), oc.compile(NLS)
    arrays, form = eqx.partition(net, eqx.is_array)
    as_dtype = lambda tree, dtype: jax.tree.map(lambda a: np.asarray(a, dtype), tree)
    single = as_dtype(arrays, np.float32)
    got = residual(eqx.combine(single, form), points)
    assert got.dtype == jnp.complex64
    wide = eqx.combine(as_dtype(single, float), form)
    run = jax.jit(lambda at: residual(lambda z: jax.lax.complex(*wide(z)), at))
    want = run(points.astype(float))
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)


PROBLEM = oc.parse("""
coordinates t, x in [-5, 5]
complex field psi
field V(x)
nls: I*psi_t + psi_xx/2 + |psi|^2*psi - V*psi = 0
boundary periodic: psi(t, -5) = psi(t, 5)
""")


def test_complex_fields_in_text() -> None:
    nets = {"psi": pair, "V": lambda z: jnp.cos(z[0])}
    by_hand = {"psi": whole, "V": lambda z: jnp.cos(z[1])}
    text, written = oc.compile(PROBLEM), oc.compile(NLS - V * psi)
    periodic = oc.compile(PROBLEM.condition("periodic"))

    @jax.jit
    def found(points):
        place = lambda end: jax.vmap(whole)(points.at[:, 1].set(end))
        ends = periodic({"psi": pair}, points), place(-5.0) - place(5.0)
        return (text(nets, points)["nls"], written(by_hand, points)), ends

    for pairs in found(POINTS):
        np.testing.assert_allclose(*pairs, rtol=1e-12)


DIM = 12
q = oc.vector("q", DIM)
i = oc.index("i", q)
CHI = sp.Function("chi", complex=True)(q, t)
HELD = {
    "laplacian": sp.I * oc.D(CHI, t) + oc.Sum(oc.D(CHI, q[i], 2), i) / 2,
    "gradient": oc.Sum(oc.D(CHI, q[i]) ** 2, i) + CHI,
    "squares": oc.Sum(sp.Abs(oc.D(CHI, q[i], 2)) ** 2, i),
    "transport": oc.Sum(sp.sin(q[i]) * oc.D(CHI, q[i]), i) * sp.conjugate(CHI),
}


@pytest.mark.parametrize(
    ("name", "sampled"),
    [*((name, False) for name in HELD), ("laplacian", True), ("squares", True)],
)
def test_sums_over_many_components(name, sampled, monkeypatch) -> None:
    monkeypatch.setattr(write_out, "WRITTEN_OUT", 0)
    params = layers(4, DIM + 1, 6, 2)
    net = lambda z: apply(params, z)
    points = normal(5, (3, DIM + 1)) / 2
    estimator = oc.Sparse(DIM, replace=False) if sampled else None
    key = {"key": jax.random.key(0)} if sampled else {}
    residual = oc.compile(HELD[name], estimator=estimator)

    def differentiated(points):
        value = jax.vmap(lambda z: jax.lax.complex(*net(z)))(points)
        first = lambda part: jax.vmap(jax.grad(lambda z: net(z)[part]))(points)
        slopes = first(0) + 1j * first(1)
        second = lambda part: jax.vmap(jax.hessian(lambda z: net(z)[part]))(points)
        bends = jnp.diagonal(second(0) + 1j * second(1), axis1=1, axis2=2)[:, :DIM]
        return value, slopes, bends

    forms = {"pair": net, "complex": lambda z: jax.lax.complex(*net(z))}

    @jax.jit
    def both(points):
        found = {form: residual(given, points, **key) for form, given in forms.items()}
        return found, differentiated(points)

    found, (value, slopes, bends) = jax.tree.map(np.asarray, both(points))
    want = {
        "laplacian": 1j * slopes[:, -1] + bends.sum(1) / 2,
        "gradient": (slopes[:, :DIM] ** 2).sum(1) + value,
        "squares": (np.abs(bends) ** 2).sum(1),
        "transport": (np.sin(points[:, :DIM]) * slopes[:, :DIM]).sum(1)
        * np.conj(value),
    }[name]
    for form, got in found.items():
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12, err_msg=form)


@pytest.mark.parametrize(
    ("field", "net", "way_out"),
    [
        (sp.Function("psi")(x), lambda z: jnp.append(z, z), "complex=True"),
        (PSI(x), lambda z: jnp.tile(z, 3), "re psi, im psi"),
        (PSI(x), lambda z: jnp.append(z, z) * 1j, "pairs of real ones"),
        (sp.Function("u", real=True)(x), lambda z: z[0] * 1j, "without real=True"),
    ],
)
def test_outputs_that_are_neither(field, net, way_out) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(field.diff(x) + sp.conjugate(field))(net, jnp.zeros((3, 1)))
    assert way_out in caught.value.hint


def test_a_real_network_of_one_output_is_a_complex_field_too() -> None:
    residual = oc.compile(NLS)
    got = jax.jit(lambda at: residual(lambda z: jnp.sin(z[1]), at))(POINTS)
    sine = np.sin(POINTS[:, 1])
    np.testing.assert_allclose(got, -sine / 2 + sine**3, rtol=1e-12)
