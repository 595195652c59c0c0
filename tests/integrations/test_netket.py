"""The programs of `docs/tools/netket.md`.

NetKet is not installed with the project. Where it can be imported, the page runs as it
stands; the kernel runs anyway, in a class that has NetKet's `mass`.
"""

import re
import sys
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.draws import normal

PAGE = Path(__file__).parents[2] / "docs" / "tools" / "netket.md"
ADAPTER, PROGRAM = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
MASSES = np.array([1.0, 2.0, 3.0, 1.0, 0.5, 1.0])


def log_psi(params, x):
    """Complex, of one sample or many."""
    hidden = jnp.tanh(x @ params)
    return jnp.sum(hidden, axis=-1) + 1j * jnp.prod(hidden[..., :2], axis=-1)


def setting():
    return normal((0, 0), (6, 6)) / 2, normal((0, 1), (4, 6))


def by_hand(params, x):
    f = lambda x: log_psi(params, x)
    parts = [lambda x: f(x).real, lambda x: f(x).imag]
    (a, b), (c, d) = ((jax.grad(p)(x), jnp.diag(jax.hessian(p)(x))) for p in parts)
    return -jnp.sum((b + 1j * d + (a + 1j * c) ** 2) / MASSES) / 2


def test_the_kernel_alone(monkeypatch) -> None:
    class Operator:
        mass = MASSES

    package, operator = ModuleType("netket"), ModuleType("netket.operator")
    package.operator, operator.KineticEnergy = operator, Operator
    monkeypatch.setitem(sys.modules, "netket", package)
    names: dict = {}
    exec(compile(ADAPTER, str(PAGE), "exec"), names)
    kernel = names["KineticEnergy"]()._expect_kernel_single
    params, samples = setting()
    run = lambda kernel: jax.jit(jax.vmap(kernel, (None, 0)))(params, samples)
    found = run(lambda params, x: kernel(log_psi, params, x))
    np.testing.assert_allclose(found, run(by_hand), rtol=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_the_page_with_netket() -> None:
    nk = pytest.importorskip(
        "netket", reason="NetKet is not installed: pip install netket"
    )
    names: dict = {}
    exec(compile(ADAPTER + PROGRAM, str(PAGE), "exec"), names)
    assert names["after"].mean < names["before"].mean - 0.05
    state, hilbert = names["state"], names["hilbert"]
    run = jax.jit(lambda op, f, *at: op._expect_kernel(f, *at), static_argnums=1)
    net, weights = state.model.apply, state.variables
    cases = [(1.0, net, weights, state.samples[:4, 0])]
    cases.append((MASSES, lambda p, x: log_psi(p, x).real, *setting()))
    for mass, *given in cases:
        kinds = names["KineticEnergy"], nk.operator.KineticEnergy
        ours, theirs = (run(kind(hilbert, mass=mass), *given) for kind in kinds)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
