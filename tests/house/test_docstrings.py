"""Every public name has an example in its docstring, and the examples run.

They suppose the imports that docs/reference/README.md shows.
"""

import doctest
import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler import views
from opcompiler.planning import STRATEGIES
from tests.house.test_reference import listed

NAMES = {"jax": jax, "jnp": jnp, "np": np, "oc": oc, "sp": sp}
PACKAGES = {"equinox", "jinns", "lineax", "deepxde"}  # of opcompiler.integrations


def public(name: str) -> Any:
    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        pytest.skip(f"there is no {error.name}")


@pytest.fixture(autouse=True)
def tables() -> Iterator[None]:
    """Forgets what examples register."""
    before = [(table, dict(table)) for table in (STRATEGIES, views._VIEWS)]
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)


@pytest.mark.parametrize("name", listed())
def test_its_example_runs(name: str) -> None:
    text = inspect.getdoc(public(name)) or ""
    parsed = doctest.DocTestParser().get_doctest(text, dict(NAMES), name, None, None)
    assert parsed.examples
    said: list[str] = []
    failed, _ = doctest.DocTestRunner().run(parsed, out=said.append)
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", listed())
def test_its_arguments_are_explained(name: str) -> None:
    found = public(name)
    if inspect.isclass(found):
        return
    text = inspect.getdoc(found) or ""
    for argument in inspect.signature(found).parameters.values():
        stars = {argument.VAR_POSITIONAL: "*", argument.VAR_KEYWORD: "**"}
        word = stars.get(argument.kind, "") + argument.name
        known = f"{word}:" in text or f"{word}, " in text
        assert known or argument.name.startswith("_"), word
