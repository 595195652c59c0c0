"""Every public name and method has an example in its docstring, and the examples run.

They suppose the imports that docs/reference/README.md shows; those of methods also what the
example of their class makes.
"""

import doctest
import functools
import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
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
from opcompiler.runtime import autotune
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
def tables(monkeypatch) -> Iterator[None]:
    """Forgets what examples register; `oc.autotune` has less to measure."""
    monkeypatch.setattr(autotune, "_CHOICES", {"tile": (32, 64)})
    before = [(table, dict(table)) for table in (STRATEGIES, views._VIEWS)]
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)


def run(text: str, names: dict[str, Any], title: str) -> int:
    """Runs the examples of a docstring; returns how many there are."""
    parsed = doctest.DocTestParser().get_doctest(text, {}, title, None, None)
    parsed.globs = names
    said: list[str] = []
    failed, _ = doctest.DocTestRunner().run(parsed, out=said.append, clear_globs=False)
    assert not failed, "".join(said)
    return len(parsed.examples)


@functools.cache
def made_by(of: Any) -> tuple[int, dict[str, Any]]:
    """Returns how many examples a class has, and what they make."""
    names = dict(NAMES)
    return run(inspect.getdoc(of) or "", names, of.__name__), names


@pytest.mark.parametrize("name", listed())
def test_its_example_runs(name: str) -> None:
    found = public(name)
    if inspect.isclass(found):
        assert made_by(found)[0]
    else:
        assert run(inspect.getdoc(found) or "", dict(NAMES), name)


@pytest.mark.parametrize("name", listed())
def test_its_arguments_are_explained(name: str) -> None:
    found = public(name)
    if not inspect.isclass(found):
        explains(found)
    elif is_dataclass(found):
        text = inspect.getdoc(found) or ""
        shown = (f.name for f in fields(found) if not f.name.startswith("_"))
        assert [name for name in shown if f"{name}:" not in text] == []


def explains(function: Any) -> None:
    """Checks that the docstring of a function names each argument."""
    text = inspect.getdoc(function) or ""
    for argument in inspect.signature(function).parameters.values():
        stars = {argument.VAR_POSITIONAL: "*", argument.VAR_KEYWORD: "**"}
        word = stars.get(argument.kind, "") + argument.name
        known = f"{word}:" in text or f"{word}, " in text
        assert known or argument.name.startswith("_") or word in ("self", "cls"), word


# Methods and properties.

OF_THE_ENGINE = {
    *(
        f"{e}.{m}"
        for e in ("Sparse", "Dense", "Estimator")
        for m in ("rewrite", "draw")
    ),
    *("Sparse.describe", "Dense.describe", "Estimator.describe"),
    *("Grid.columns", "Over.columns", "Over.split"),
    *("KFac.tree_flatten", "KFac.tree_unflatten"),
}
"""Called by the engine, with objects of its own: no example would help a user."""


def members() -> Iterator[tuple[str, type, Any]]:
    """Yields public methods and properties of public classes, inherited ones too."""
    for name in listed():
        module, _, last = name.rpartition(".")
        if module.rpartition(".")[2] in PACKAGES:
            continue
        found = getattr(import_module(module), last)
        for key in dir(found) if inspect.isclass(found) else ():
            member = inspect.getattr_static(found, key)
            plain = getattr(member, "__func__", member)
            plain = getattr(member, "fget", getattr(member, "func", plain))
            own = str(getattr(plain, "__module__", "")).startswith("opcompiler.")
            shown = key == "__call__" or not key.startswith("_")
            if own and shown and inspect.isfunction(plain):
                yield f"{last}.{key}", found, member


MEMBERS = {name: (of, member) for name, of, member in members()}


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_is_explained(name: str) -> None:
    of, member = MEMBERS[name]
    if not inspect.isfunction(plain := getattr(member, "__func__", member)):
        assert (inspect.getdoc(member) or "").endswith(".")
        return
    explains(plain)
    text = inspect.getdoc(plain) or ""
    if inspect.signature(plain).return_annotation is not None:
        assert "Returns" in text
    if "raise OperatorError" in inspect.getsource(inspect.unwrap(plain)):
        assert "Raises:" in text
    if name not in OF_THE_ENGINE:
        assert run(text, dict(made_by(of)[1]), name)


def test_no_member_is_excused_that_is_not_there() -> None:
    assert set(MEMBERS) >= OF_THE_ENGINE
