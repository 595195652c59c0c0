"""What is shown as text is the same text in a notebook."""

import builtins

import pytest
import sympy as sp

import opcompiler as oc

t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)
RESIDUAL = oc.compile(u.diff(t) + u * u.diff(x) - u.diff(x, 2), strategy="partition")
X = oc.vector("x", 4)
i = oc.index("i", X)
SUM = oc.compile(oc.Sum(oc.D(sp.Function("u")(X), X[i], 2), i), estimator=oc.Sparse(2))
TEXTS = {
    "a plan": lambda: str(RESIDUAL.plan),
    "a comparison": lambda: str(RESIDUAL.plan.comparison()),
    "an explanation": RESIDUAL.explain,
    "an explanation of a sum": SUM.explain,
    "a jet made by hand": lambda: str(oc.contamination({1: "x"}, 3)),
    "the source": RESIDUAL.source,
    "a representation": lambda: repr(RESIDUAL),
    "the page": RESIDUAL._repr_html_,
}


class ZMQInteractiveShell:
    """What a notebook's kernel calls its shell; rich looks at the name."""


class Colab:
    __module__ = "google.colab._shell"


@pytest.mark.parametrize("shell", [ZMQInteractiveShell, Colab])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_notebook_shows_the_same_text(monkeypatch, text, shell):
    outside = text()
    assert outside
    monkeypatch.setattr(builtins, "get_ipython", shell, raising=False)
    assert text() == outside


def test_databricks_and_forced_colours_show_the_same_text(monkeypatch):
    outside = str(RESIDUAL.plan)
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "14")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("JUPYTER_COLUMNS", "20")
    assert str(RESIDUAL.plan) == outside
