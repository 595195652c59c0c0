"""Every PDE of the corpus: the compiled residual against nested differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from tests.corpus import DIMENSION, in_scope, load, Record
from tests.oracle.networks import Bank, Kind
from tests.oracle.reference import NODES, reference
from tests.shares import only

RECORDS = in_scope()
TOLERANCE = 1e-9
POINTS = 4

POSITIVE = {
    "diffusion_sorption_1d": {"u"},
    "k_omega_2d": {"k", "om"},
    "lane_emden": {"f"},
    "nonlinear_hyperbolic_system": {"w"},
}
"""Fields under a root, a logarithm, a real power or in a denominator."""

SCALE = {"neo_hookean_2d": 0.1}
"""Displacements small enough for det(I + grad u) > 0, whose logarithm is taken."""

REAL = {"nls_maxwell_bloch": {"eta"}}
"""Real fields of complex records."""

PARAMETERS = {"gamma": 1.4, "por": 0.3, "n": 2.5, "n_f": 0.8}
"""Values where a number between 1/2 and 3/2 would not do."""


def parameters(record: Record) -> dict[str, float]:
    """Values of the parameters in the equations; an exact solution may have more."""
    key = np.random.default_rng(1)
    return {
        name: PARAMETERS.get(name, key.uniform(0.5, 1.5))
        for name, symbol in record.parameters.items()
        if any(equation.has(symbol) for equation in record.equations)
    }


def bank(record: Record, **options) -> Bank:
    """Networks for all functions of the record."""

    def kind(name: str) -> Kind:
        return Kind(
            floor=0.5 if name in POSITIVE.get(record.name, ()) else None,
            complex=record.complex and name not in REAL.get(record.name, ()),
            scale=SCALE.get(record.name, 1.0),
        )

    names = record.functions
    return Bank(
        {name: len(arguments) for name, arguments in names.items()},
        {name: kind(name) for name in names},
        seed=2,
        **options,
    )


def points(record: Record) -> np.ndarray:
    """Positive coordinates, for prices and radii; both sides of an interface at 0."""
    key = np.random.default_rng(3)
    at = key.uniform(0.2, 0.9, (POINTS, len(record.coordinates)))
    return at * np.resize([1, -1], (POINTS, 1)) if "piecewise" in record.tags else at


def network(record: Record, bank: Bank, activation: str, fields: tuple[str, ...]):
    """What a user passes: one network for as many fields as possible, or one for each.

    A network can serve several fields if they have the same arguments; if those are all
    fields it is passed bare, else under the tuple of their names.
    """
    if activation not in bank.shared:
        return {name: bank.field(activation, name) for name in fields}
    groups: dict[tuple, list[str]] = {}
    for name in fields:
        groups.setdefault(record.functions[name], []).append(name)
    if len(groups) == 1 and not record.complex:
        one = len(fields) == 1
        return (
            bank.field(activation, fields[0])
            if one
            else bank.together(activation, fields)
        )
    return {
        tuple(names): bank.together(activation, names)
        if len(names) > 1
        else bank.field(activation, names[0])
        for names in groups.values()
    }


def expected(record: Record, bank: Bank, at: jax.Array) -> list[jax.Array]:
    """For each equation, an array (activations, points)."""
    fields = {name: bank.stacked(name) for name in record.functions}
    values = reference(
        record.equations, record.coordinates, fields, at, **parameters(record)
    )
    # A field may not occur in an equation, and then its value has no activation axis.
    shape = (POINTS, len(bank.activations))
    return [jnp.broadcast_to(value.reshape(POINTS, -1), shape).T for value in values]


def quadrature(residual: oc.Residual) -> dict:
    """The reference's rule, for every integration variable."""
    return {name: oc.gauss_legendre(NODES) for name, *_ in residual.operator.axes}


def test_corpus_is_whole():
    assert len(RECORDS) == 94
    assert sum(len(record.equations) for record in RECORDS) == 180


def check(record: Record, networks: Bank) -> None:
    """Compares the compiled residual with the reference in every activation."""
    given = parameters(record)
    # One network gives several fields: their order is declared.
    residual = oc.compile(list(record.equations), fields=list(record.functions))
    assert set(residual.fields) == set(record.functions)
    assert set(residual.parameters) == set(given)
    assert set(residual.coordinates) <= set(record.coordinates)

    columns = np.array([record.coordinates.index(c) for c in residual.coordinates])
    rules = quadrature(residual)

    @jax.jit
    def everything(at):
        nets = [
            network(record, networks, activation, residual.fields)
            for activation in networks.activations
        ]
        found = [
            residual(net, at[:, columns], quadrature=rules, **given) for net in nets
        ]
        return found, expected(record, networks, at)

    found, wanted = jax.tree.map(np.asarray, everything(points(record)))
    for i, (activation, values) in enumerate(
        zip(networks.activations, found, strict=True)
    ):
        assert isinstance(values, list | tuple)
        for equation, (value, want) in enumerate(zip(values, wanted, strict=True)):
            assert np.all(np.isfinite(want[i]))
            error = np.max(np.abs(value - want[i]))
            scale = np.max(np.abs(want[i]))
            assert error <= TOLERANCE * scale, (activation, equation, error / scale)


QUICK = {
    "heat_exchanger",  # of first order
    "kdv_2d",  # order four, mixed derivatives
    "neo_hookean_2d",  # nested derivatives, a logarithm
    "nonlinear_hyperbolic_system",  # several fields; powers and quotients of fields
    "piecewise_diffusion_1d",  # a divergence, coefficients by cases
    "reaction_system_inverse",  # unknown parameters
    "turbulence_zero_equation_2d",  # roots and minima
    "wave_2d_variable_speed",
}
"""Records that run by default, one of every kind that has no exact solution.

`test_exact.py` tests the others at theirs.
"""


def rows():
    """Every record with one activation, and every twelfth with two."""
    for number, record in enumerate(RECORDS):
        both, slow = number % 12 == 0, pytest.mark.slow
        for activations, kept in (
            (("tanh",), record.name in QUICK and not both),
            (("tanh", "gelu"), record.name in QUICK and both),
            (("sin", "softplus"), False),
        ):
            name = "+".join(activations) + "-" + record.name
            marks = () if kept else slow
            if activations != ("tanh",) or not both:
                yield pytest.param(record, activations, id=name, marks=marks)


@pytest.mark.parametrize(("record", "activations"), list(rows()))
def test_residual_is_the_reference(record, activations):
    check(record, bank(record, activations=activations))


@pytest.mark.parametrize(
    "name",
    only(
        ["nls_complex"],
        ["burgers_1d", "kadomtsev_petviashvili", "nls_complex", "kdv5_lax"],
    ),
)
def test_approximate_gelu(name):
    (record,) = (record for record in RECORDS if record.name == name)
    one = ("gelu_approximate",)
    check(record, bank(record, activations=one, shared=one))


def test_check_notices_a_small_difference(monkeypatch):
    (record,) = (record for record in RECORDS if record.name == "burgers_1d")
    exact = expected

    def wrong(*given):
        return [value + 1e-7 * jnp.abs(value).max() for value in exact(*given)]

    monkeypatch.setitem(globals(), "expected", wrong)
    with pytest.raises(AssertionError, match="tanh"):
        check(record, bank(record, activations=("tanh",)))


HELD = [record for record in load() if record.vector]


@pytest.mark.parametrize("record", HELD, ids=lambda record: record.name)
def test_sums_over_components_are_those_written_out(record: Record) -> None:
    """Indexed sums as they are held, against the reference in three dimensions."""
    out = record.written_out()
    networks = bank(out, activations=("tanh",), shared=())
    residual = oc.compile(list(record.held()))
    given = {n: v for n, v in parameters(out).items() if n in residual.parameters}
    columns = {str(c): n for n, c in enumerate(out.coordinates)}
    order = [n for c in residual.coordinates for n in components(str(c), columns)]
    fields = {name: networks.field("tanh", name) for name in residual.fields}

    @jax.jit
    def both(at):
        found = residual(fields, at[:, np.array(order)], **given, **record.tables)
        return found, expected(out, networks, at)

    found, wanted = jax.tree.map(np.asarray, both(points(out)))
    for value, want in zip(found, wanted, strict=True):
        assert np.max(np.abs(value - want[0])) <= TOLERANCE * np.max(np.abs(want[0]))


def components(name: str, columns: dict[str, int]) -> list[int]:
    if name in columns:
        return [columns[name]]
    return [columns[f"{name}{k + 1}"] for k in range(DIMENSION)]
