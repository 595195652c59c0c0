"""Compiled operators against closed forms: exact solutions, and exact derivatives."""

import functools
import itertools

import jax
import mpmath
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning.strategies import STRATEGIES
from tests.corpus import in_scope
from tests.end_to_end.test_corpus import quadrature
from tests.oracle.reference import closed_form, reference
from tests.shares import one_in, only

t, x, y, z = sp.symbols("t x y z")
X = sp.symbols("x1:6")

SOLVED = [record for record in in_scope() if record.exact]


def solution(record):
    """The exact solution: JAX functions by field, parameters, points."""
    values = {name: float(value) for name, value in record.exact_parameters.items()}
    fields = {
        name: closed_form(record.exact[name], arguments, **values)
        for name, arguments in record.functions.items()
    }
    given = {
        name: values[name]
        for name, symbol in record.parameters.items()
        if any(equation.has(symbol) for equation in record.equations)
    }
    key = np.random.default_rng(4)
    points = key.uniform(0.2, 0.9, (6, len(record.coordinates)))
    return fields, given, points


def terms_of(record, fields, given, points):
    """For each equation, the values of its terms by the reference."""
    terms = [sp.Add.make_args(equation) for equation in record.equations]
    flat = [term for row in terms for term in row]
    values = iter(reference(flat, record.coordinates, fields, points, **given))
    return [list(itertools.islice(values, len(row))) for row in terms]


def vanishing(terms):
    """The value of an equation and the size of its largest term.

    The size is 1 where there is one term, or where all of them vanish.
    """
    size = np.max(np.abs(terms))
    return np.sum(terms, 0), size if len(terms) > 1 and size > 1e-6 else 1.0


def test_all_exact_solutions_are_used():
    assert len(SOLVED) == 41


@pytest.mark.parametrize("record", one_in(6, SOLVED), ids=lambda record: record.name)
def test_residual_vanishes_at_exact_solution(record):
    fields, given, points = solution(record)
    residual = oc.compile(list(record.equations))
    rules = quadrature(residual)

    @jax.jit
    def both(points):
        columns = {str(c): points[:, i] for i, c in enumerate(record.coordinates)}
        at = {str(c): columns[str(c)] for c in residual.coordinates}
        found = residual(fields, at, quadrature=rules, **given)
        return found, terms_of(record, fields, given, points)

    for value, terms in zip(*both(points), strict=True):
        zero, scale = vanishing(terms)
        assert np.max(np.abs(zero)) <= 1e-10 * scale, "the reference does not vanish"
        assert np.shape(value) in ((6,), ())
        assert np.max(np.abs(value)) <= 1e-9 * scale


def _laplacian(u, *coordinates):
    return sum(u.diff(c, 2) for c in coordinates)


def _row(arguments, build, channels):
    """A row of the channel table: coordinates, operators, channels of its algebra."""

    @functools.cache
    def made():
        u = sp.Function("u")(*arguments)
        return arguments, [sp.sympify(e).doit() for e in build(u)], channels

    return made


def _power(n, *coordinates):
    """The n-th power of the Laplacian."""

    def build(u):
        for _ in range(n):
            u = _laplacian(u, *coordinates)
        return [u]

    return build


ROWS = {
    "xy": _row((x, y), lambda u: [u.diff(x, y)], 4),
    "hessian_2d": _row((x, y), lambda u: [u.diff(x, 2), u.diff(x, y), u.diff(y, 2)], 6),
    "laplacian_1d": _row((x,), _power(1, x), 3),
    "laplacian_2d": _row((x, y), _power(1, x, y), 4),
    "laplacian_3d": _row((x, y, z), _power(1, x, y, z), 5),
    "laplacian_5d": _row(X, _power(1, *X), 7),
    "burgers": _row((t, x), lambda u: [u.diff(t), u.diff(x), u.diff(x, 2)], 4),
    "navier_stokes_2d": _row(
        (t, x, y),
        lambda u: [u.diff(t), u.diff(x), u.diff(y), _laplacian(u, x, y)],
        5,
    ),
    "navier_stokes_3d": _row(
        (t, x, y, z),
        lambda u: [*(u.diff(c) for c in (t, x, y, z)), _laplacian(u, x, y, z)],
        6,
    ),
    "xxy": _row((x, y), lambda u: [u.diff(x, 2, y)], 6),
    "xyz": _row((x, y, z), lambda u: [u.diff(x, y, z)], 8),
    "xxxy": _row((x, y), lambda u: [u.diff(x, 3, y)], 8),
    "xxyy": _row((x, y), lambda u: [u.diff(x, 2, y, 2)], 9),
    "biharmonic_2d": _row((x, y), _power(2, x, y), 9),
    "biharmonic_3d": _row((x, y, z), _power(2, x, y, z), 14),
    "biharmonic_5d": _row(X, _power(2, *X), 27),
    "triharmonic_2d": _row((x, y), _power(3, x, y), 16),
    "kdv": _row((t, x), lambda u: [u.diff(t), u.diff(x), u.diff(x, 3)], 5),
    "kuramoto_sivashinsky_1d": _row(
        (t, x), lambda u: [u.diff(t), u.diff(x), u.diff(x, 2), u.diff(x, 4)], 6
    ),
    "kuramoto_sivashinsky_2d": _row(
        (t, x, y),
        lambda u: [
            *(u.diff(c) for c in (t, x, y)),
            *_power(1, x, y)(u),
            *_power(2, x, y)(u),
        ],
        10,
    ),
    "kadomtsev_petviashvili": _row(
        (t, x, y),
        lambda u: [u.diff(t, x), u.diff(x), u.diff(x, 2), u.diff(x, 4), u.diff(y, 2)],
        9,
    ),
    "kdv_2d": _row(
        (t, x, y),
        lambda u: [
            u.diff(t, y),
            u.diff(x, 3, y),
            u.diff(x, y),
            u.diff(x),
            u.diff(y),
            u.diff(x, 2),
        ],
        10,
    ),
    "gradient_enhanced_kdv": _row(
        (t, x),
        lambda u: [
            u.diff(t),
            u.diff(x),
            u.diff(x, 3),
            u.diff(t, 2),
            u.diff(t, x),
            u.diff(x, 2),
            u.diff(t, x, 3),
            u.diff(x, 4),
        ],
        10,
    ),
    "camassa_holm": _row(
        (t, x),
        lambda u: [u.diff(t), u.diff(x), u.diff(x, 2), u.diff(x, 3), u.diff(t, x, 2)],
        7,
    ),
    "all_up_to_6": _row((x,), lambda u: [u.diff(x, n) for n in range(7)], 7),
}
LONG = {
    *("laplacian_1d", "laplacian_3d", "navier_stokes_3d", "kuramoto_sivashinsky_2d"),
    *("kadomtsev_petviashvili", "biharmonic_5d", "biharmonic_3d", "triharmonic_2d"),
    *("navier_stokes_2d", "kdv_2d", "gradient_enhanced_kdv", "camassa_holm"),
    *("hessian_2d", "xxxy", "kuramoto_sivashinsky_1d"),
}
"""Left to `make test-slow`: others in other coordinates, or of higher order."""

ALL = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def polynomial(arguments):
    """Degree 9 with integer coefficients; no derivative up to order 6 vanishes."""
    linear = 1 + sum((-1) ** i * (i + 1) * c for i, c in enumerate(arguments))
    other = 2 - sum(arguments)
    return linear**7 + 3 * linear**4 * other**5 - 2 * sp.prod(arguments) ** 2 * other**3


def trigonometric(arguments):
    """Products of sines with different wave vectors."""
    phase = sum((i + 1) * c for i, c in enumerate(arguments))
    other = sum((-1) ** i * c for i, c in enumerate(arguments)) / 2 + 1
    return sp.sin(phase) * sp.cos(other) + sp.sin(other) ** 3


FORMED = [
    pytest.param(
        row, form, id=f"{name}-{form.__name__}",
        marks=pytest.mark.slow if (place + number) % 2 or name in LONG else (),
    )
    for place, (name, row) in enumerate(ROWS.items())
    for number, form in enumerate((polynomial, trigonometric))
]  # fmt: skip
"""Every row with one of the two by default."""


@functools.cache
def exact_derivatives(operators, arguments, form):
    """What SymPy makes of the operators, as functions of exact numbers."""
    known = sp.Lambda(arguments, form(arguments))
    exact = [f.replace(sp.Function("u"), known).doit() for f in operators]
    return [sp.lambdify(arguments, derivative, "mpmath") for derivative in exact]


def check_against_symbolic(operators, arguments, form, tolerance, **options):
    field = form(arguments)
    at = np.random.default_rng(5).integers(-8, 9, (5, len(arguments))) / 8
    coordinates = [sp.Symbol(c.name) for c in arguments]
    residual = oc.compile(operators, coordinates=coordinates, **options)
    values = jax.jit(lambda at: residual(closed_form(field, arguments), at))(at)
    exact = exact_derivatives(tuple(operators), arguments, form)
    for value, derivative in zip(values, exact, strict=True):
        with mpmath.workdps(30):
            exact_at = [derivative(*map(mpmath.mpf, p)) for p in at.tolist()]
        expected = np.array(exact_at, float)
        error = np.max(np.abs(value - expected)) / np.max(np.abs(expected))
        assert error <= tolerance, error


@pytest.mark.parametrize(("row", "form"), FORMED)
def test_operator_is_exact_derivative(row, form):
    arguments, operators, _ = row()
    check_against_symbolic(operators, arguments, form, 1e-12)


@ALL
def test_algebra_carries_the_fewest_channels(row):
    _, operators, channels = row()
    residual = oc.compile(operators, strategy="algebra")
    assert residual.plan.channels == channels


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.parametrize(
    "name",
    only(
        ["burgers", "xxy"],
        ["xy", "laplacian_3d", "burgers", "xxy", "xxxy", "biharmonic_2d", "kdv"],
    ),
)
def test_every_strategy_is_exact(name, strategy):
    arguments, operators, _ = ROWS[name]()
    check_against_symbolic(operators, arguments, polynomial, 1e-11, strategy=strategy)
