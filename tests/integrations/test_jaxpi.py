"""The programs of `docs/tools/jaxpi.md`.

jaxpi is in no package index. Where it can be imported, the page runs as it stands; its
model runs anyway, on the few lines below, which have of jaxpi's classes what it uses.
"""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from tests.draws import uniform

PAGE = Path(__file__).parents[2] / "docs" / "tools" / "jaxpi.md"
MODEL, TRAINING = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


class Network(linen.Module):
    @linen.compact
    def __call__(self, point):
        hidden = jnp.tanh(linen.Dense(16, param_dtype=float)(point))
        return linen.Dense(1, param_dtype=float)(hidden)


class ForwardIVP:
    """What jaxpi's class of this name gives a model."""

    def __init__(self, config):
        params = Network().init(jax.random.key(0), jnp.ones(2))
        self.state = SimpleNamespace(apply_fn=Network().apply, params=params)
        self.tol, self.num_chunks = config.tol, config.num_chunks
        self.M = jnp.tril(jnp.ones((config.num_chunks,) * 2), -1)


@pytest.fixture(autouse=True)
def _name_of_old(monkeypatch):
    """The page gives JAX a name back; it goes with the test."""
    monkeypatch.setattr(jax, "tree_map", jax.tree.map, raising=False)


def by_hand(model, params, t, x):
    u = lambda t, x: model.u_net(params, t, x)
    value, bend = u(t, x), jax.grad(jax.grad(u, 1), 1)(t, x)
    return jax.grad(u)(t, x) + 5 * value**3 - 5 * value - 0.0001 * bend


def check(model, params, batch, rtol) -> None:
    """Residual, gradient, kernel, and the gradient of the losses, against nested `grad`."""

    def all_of(one, params):
        values = lambda params: jax.vmap(one, (None, 0, 0))(params, *batch.T)
        slopes = jax.grad(lambda params: jnp.mean(values(params) ** 2))(params)
        kernel = jax.vmap(jax.grad(one), (None, 0, 0))(params, *batch.T)
        return values(params), slopes, kernel

    @jax.jit
    def evaluated(params):
        ways = (model.r_net, lambda *at: by_hand(model, *at))
        both = [jax.tree.leaves(all_of(one, params)) for one in ways]
        slopes = jax.jacrev(model.losses)(params, batch)
        return both, model.res_and_w(params, batch), slopes

    both, (means, weights), slopes = evaluated(params)
    for ours, theirs in zip(*both, strict=True):
        scale = np.max(np.abs(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)
    assert means.shape == weights.shape == (model.num_chunks,)
    assert slopes.keys() == {"ics", "res"}


def test_the_model_alone(monkeypatch) -> None:
    module = ModuleType("jaxpi.models")
    module.ForwardIVP = ForwardIVP
    monkeypatch.setitem(sys.modules, "jaxpi", ModuleType("jaxpi"))
    monkeypatch.setitem(sys.modules, "jaxpi.models", module)
    names: dict = {}
    exec(compile(MODEL, str(PAGE), "exec"), names)
    config = SimpleNamespace(tol=1.0, num_chunks=4)
    model = names["AllenCahn"](config, jnp.linspace(-1, 1, 16))
    batch = uniform(1, (32, 2))
    check(model, model.state.params, batch, rtol=1e-10)


def test_the_page_with_jaxpi() -> None:
    pytest.importorskip(
        "jaxpi",
        reason="jaxpi is not installed; it is in no package index: clone "
        "github.com/PredictiveIntelligenceLab/jaxpi and pip install it",
    )
    names: dict = {}
    exec(compile(MODEL + TRAINING, str(PAGE), "exec"), names)
    model, history = names["model"], names["history"]
    assert sum(history[-1].values()) < sum(history[0].values()) / 2
    params = jax.tree.map(lambda leaf: leaf[0], model.state.params)
    check(model, params, names["batch"][0], rtol=1e-9)
