"""Every PDE of the corpus, written in the notation, against its SymPy form."""

from pathlib import Path

import jax
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.corpus import load, Record
from tests.end_to_end.test_corpus import bank, parameters, points, quadrature

FOLDER = Path(__file__).parents[2] / "grammar" / "examples"
RECORDS = {record.name: record for record in load()}
NO_FORM = {"fractional_poisson_2d"}
"""Records with an operator for which the notation has no form."""

PARTLY = {"gradient_enhanced_sine_gordon_nd": 1}
"""Records of which only the first equations have a form: a free index has none."""

COMPILED = sorted(name for name, record in RECORDS.items() if record.in_scope)
SYMBOLIC = sorted(set(RECORDS) - set(COMPILED) - NO_FORM)


def example(name: str) -> oc.Problem:
    return oc.load(FOLDER / f"{name}.pde")


def residuals(problem: oc.Problem) -> list[sp.Expr]:
    every = [*problem.equations.values()]
    every += [condition.equation for condition in problem.conditions.values()]
    return [equation.lhs - equation.rhs for equation in every]


def test_there_is_a_file_for_every_record() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(RECORDS) - NO_FORM
    assert len(COMPILED) == 80


@pytest.mark.parametrize("name", sorted(set(RECORDS) - NO_FORM))
def test_printing_round_trips(name: str) -> None:
    problem = example(name)
    text = oc.to_text(problem)
    assert oc.parse(text) == problem
    assert oc.to_text(oc.parse(text)) == text
    assert hash(oc.parse(text)) == hash(problem)


@pytest.mark.parametrize("name", SYMBOLIC)
def test_sums_and_integrals_are_the_same_trees(name: str) -> None:
    record = RECORDS[name]
    count = PARTLY.get(name, len(record.equations))
    written = residuals(example(name))
    assert len(written) == count
    for one, other in zip(written, record.equations[:count], strict=True):
        assert sp.expand(one - other) == 0


@pytest.mark.parametrize("name", COMPILED)
def test_the_residual_is_that_of_sympy(name: str) -> None:
    """Equal functionals after normalisation, or equal numbers at random points."""
    record, problem = RECORDS[name], example(name)
    compare(record, residuals(problem))


def compare(record: Record, written: list[sp.Expr]) -> None:
    assert len(written) == len(record.equations)
    different = [
        (one, other)
        for one, other in zip(written, record.equations, strict=True)
        if sp.expand(one - other) != 0
    ]
    if not different:
        return
    both = [expression for pair in different for expression in pair]
    residual = oc.compile(both, coordinates=list(record.coordinates))
    networks = bank(record, activations=("tanh",), shared=())
    fields = {name: networks.field("tanh", name) for name in residual.fields}
    given = {
        name: value
        for name, value in parameters(record).items()
        if name in residual.parameters
    }
    rules = quadrature(residual)
    values = jax.jit(lambda at: residual(fields, at, quadrature=rules, **given))(
        points(record)
    )
    for one, other in zip(values[0::2], values[1::2], strict=True):
        scale = np.max(np.abs(other))
        assert np.all(np.isfinite(other))
        assert scale > 0
        assert np.max(np.abs(one - other)) <= 1e-12 * scale


def test_the_comparison_notices_a_wrong_sign() -> None:
    record = RECORDS["burgers_1d"]
    (right,) = record.equations
    with pytest.raises(AssertionError):
        compare(record, [right + 1e-9 * sp.Function("u")(*sp.symbols("x t"))])


@pytest.mark.parametrize("name", sorted(set(RECORDS) - set(COMPILED) - NO_FORM))
def test_what_cannot_be_compiled_yet_is_refused(name: str) -> None:
    with pytest.raises(oc.OperatorError):
        oc.compile(example(name))


@pytest.mark.parametrize(
    "name",
    sorted(n for n, r in RECORDS.items() if r.vector and "A[" not in str(r.equations)),
)
def test_a_dimension_writes_the_coordinates_out(name: str) -> None:
    problem = oc.load(FOLDER / f"{name}.pde", parameters={"d": 3})
    residual = oc.compile(problem)
    assert len([c for c in residual.coordinates if c.name.startswith("x")]) == 3
    assert residual.plan.verify()
