"""Emitted modules run, whatever conditions, parameters and coordinates are called."""

import builtins
import keyword

import numpy as np
import pytest

import opcompiler as oc
from opcompiler.cli.emit_command import module_text
from opcompiler.errors import OperatorError

POINTS = np.linspace(0.5, 1.5, 3)[:, None]


def run(text: str) -> dict:
    """Runs the module of a problem, as Python would import it."""
    found: dict = {}
    exec(compile(module_text(oc.parse(text)), "emitted.py", "exec"), found)
    return found


def net(z):
    return z[0] ** 2


LABELS = [
    *(
        "sum",
        "abs",
        "max",
        "loss",
        "jax",
        "oc",
        "problem",
        "PROBLEM",
        "residual",
        "net",
    ),
    *(
        "points",
        "arguments",
        "values",
        "value",
        "class",
        "lambda",
        "None",
        "match",
        "type",
    ),
    *(
        "print",
        "ValueError",
        "__name__",
        "__doc__",
        "__builtins__",
        "_",
        "é",
        "Δt",
        "ψ",
    ),
]


@pytest.mark.parametrize("group", [LABELS[:10], LABELS[10:19], LABELS[19:]])
def test_conditions_of_any_label(group: list[str]) -> None:
    group = [label for label in group if "Δ" not in label]
    lines = [f"boundary {label}: u = {n} at x = {n}" for n, label in enumerate(group)]
    found = run("coordinates x; field u; e: u_x = u\n" + "\n".join(lines))
    own = np.mean((2 * POINTS[:, 0] - POINTS[:, 0] ** 2) ** 2)
    np.testing.assert_allclose(found["loss"](net, POINTS), own, rtol=1e-12)
    conditions = {
        name: value
        for name, value in found.items()
        if isinstance(value, oc.Residual) and name != "residual"
    }
    assert len(conditions) == len(group)
    assert not set(conditions) & {*dir(builtins), *keyword.kwlist}
    for n, residual in enumerate(conditions.values()):
        got = residual(net, POINTS)
        np.testing.assert_allclose(got, n**2 - n, atol=1e-12)


@pytest.mark.parametrize(
    "name",
    ["sum", "abs", "net", "points", "arguments", "self", "class", "value", "jnp"],
)
def test_parameters_of_any_name(name: str) -> None:
    found = run(f"coordinates x; field u; parameter {name} = 2; e: u_x = {name}*u")
    for k in (2.0, 3.0):
        want = np.mean((2 * POINTS[:, 0] - k * POINTS[:, 0] ** 2) ** 2)
        given = {} if k == 2.0 else {name: k}
        np.testing.assert_allclose(
            found["loss"](net, POINTS, **given), want, rtol=1e-12
        )


@pytest.mark.parametrize("name", ["key", "quadrature"])
def test_names_of_arguments_are_refused(name: str) -> None:
    with pytest.raises(OperatorError, match=f"cannot be called {name}"):
        run(f"coordinates x; field u; parameter {name}; e: u_x = {name}*u")


@pytest.mark.parametrize(
    ("coordinate", "field"),
    [("jax", "oc"), ("sum", "abs"), ("net", "points"), ("x", "exp")],
)
def test_coordinates_and_fields_of_any_name(coordinate: str, field: str) -> None:
    found = run(
        f"coordinates {coordinate}; field {field}; e: d({field}, {coordinate}) = 0"
    )
    want = np.mean((2 * POINTS[:, 0]) ** 2)
    np.testing.assert_allclose(found["loss"](net, POINTS), want, rtol=1e-12)


def test_labels_that_become_one_name() -> None:
    text = "coordinates x; field u; e: u_x = u; a sum: u = 0 at x = 0"
    with pytest.raises(OperatorError):
        run(text)
    found = run(
        "coordinates x; field u; e: u_x = u; boundary sum: u = 1 at x = 1; "
        "boundary condition_sum: u = 3 at x = 2"
    )
    one = found["condition_sum"](net, POINTS)
    other = found["condition_sum_2"](net, POINTS)
    np.testing.assert_allclose(one, 0, atol=1e-12)
    np.testing.assert_allclose(other, 1, rtol=1e-12)
