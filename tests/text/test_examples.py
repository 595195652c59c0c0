"""Every PDE of the corpus, written in the notation, against its SymPy form."""

from pathlib import Path

import jax
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.corpus import DIMENSION, load, Record
from tests.end_to_end.test_corpus import bank, parameters, points, quadrature
from tests.shares import one_in

FOLDER = Path(__file__).parents[2] / "grammar" / "examples"
RECORDS = {record.name: record for record in load()}
HELD = sorted(name for name, record in RECORDS.items() if record.vector)
"""Records of d dimensions: sums over components, d being a parameter."""


def example(name: str) -> oc.Problem:
    return oc.load(FOLDER / f"{name}.pde")


def residuals(problem: oc.Problem) -> list[sp.Expr]:
    every = [*problem.equations.values()]
    every += [condition.equation for condition in problem.conditions.values()]
    return [equation.lhs - equation.rhs for equation in every]


def test_there_is_a_file_for_every_record() -> None:
    assert len(RECORDS) == 94
    assert {path.stem for path in FOLDER.iterdir()} == set(RECORDS)
    assert len(HELD) == 13


# By default each file is read by one of the two tests.
@pytest.mark.parametrize("name", one_in(2, sorted(RECORDS)))
def test_printing_round_trips(name: str) -> None:
    problem = example(name)
    text = oc.to_text(problem)
    assert oc.parse(text) == problem
    assert oc.to_text(oc.parse(text)) == text
    assert hash(oc.parse(text)) == hash(problem)


@pytest.mark.parametrize(
    "name", sorted(set(HELD) - {"gradient_enhanced_sine_gordon_nd"})
)
def test_sums_are_the_same_trees(name: str) -> None:
    written = residuals(example(name))
    for one, other in zip(written, RECORDS[name].equations, strict=True):
        assert sp.expand(one - other) == 0


@pytest.mark.parametrize("name", one_in(2, sorted(RECORDS), 1))
def test_the_residual_is_that_of_sympy(name: str) -> None:
    """Equal functionals after normalisation, or equal numbers at random points."""
    record = RECORDS[name]
    if record.vector:
        problem = oc.load(FOLDER / f"{name}.pde", parameters={"d": DIMENSION})
        residual = oc.compile(problem)
        assert len(residual.coordinates) == len(record.written_out().coordinates)
        tables = record.tables
        known = {
            node: sp.Float(tables[str(node.base)][tuple(map(int, node.indices))], 17)
            for e in residuals(problem)
            for node in e.atoms(sp.Indexed)
        }
        known[sp.Symbol("d")] = sp.Integer(DIMENSION)
        compare(record.written_out(), [e.xreplace(known) for e in residuals(problem)])
    else:
        compare(record, residuals(example(name)))


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
