"""jaxpi's own models with our residual: `python -m tests.benchmarks.jaxpi_models CLONE`.

CLONE is a clone of github.com/PredictiveIntelligenceLab/jaxpi, installed. Its examples'
models and settings are taken as they are; only `r_net` has several forms.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from tests.benchmarks import report
from tests.benchmarks.timing import measure, Row

t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)


def four_grads(u: Callable, t: Any, x: Any) -> Any:
    u_x = jax.grad(u, 1)
    u_xx = jax.grad(u_x, 1)
    u_xxxx = jax.grad(jax.grad(u_xx, 1), 1)
    steep, bend, high = (f(t, x) for f in (u_x, u_xx, u_xxxx))
    return jax.grad(u)(t, x) + 5 * u(t, x) * steep + 0.5 * bend + 0.005 * high


def hessian(u: Callable, t: Any, x: Any) -> Any:
    value, u_t = u(t, x), jax.grad(u)(t, x)
    return u_t + 5 * value**3 - 5 * value - 0.0001 * jax.hessian(u, 1)(t, x)


EXAMPLES: Mapping[str, tuple[str, Any, float, tuple[str, Callable]]] = {
    "allen_cahn": (
        "AllenCahn",
        u.diff(t) + 5 * u**3 - 5 * u - u.diff(x, 2) / 10_000,
        1.0,
        ("jax.hessian", hessian),
    ),
    "ks": (
        "KS",
        u.diff(t) + 5 * u * u.diff(x) + u.diff(x, 2) / 2 + u.diff(x, 4) / 200,
        0.1,
        ("nested jax.grad", four_grads),
    ),
}


def row(clone: Path, example: str, points: int, repeats: int) -> Row:
    """The example's network and settings named `sota`; t in [0, end], x in [-1, 1]."""
    kind, equation, end, (style, by_hessian) = EXAMPLES[example]
    sys.path.insert(0, str(clone / "examples" / example))
    config = import_module("configs.sota").get_config()
    times, places = jnp.linspace(0, end, 11), jnp.linspace(-1, 1, 65)
    model = getattr(import_module("models"), kind)(config, jnp.ones(65), times, places)
    sys.path.pop(0)
    for name in [
        n for n in sys.modules if n.partition(".")[0] in {"models", "configs"}
    ]:
        del sys.modules[name]
    residual = oc.compile(equation).bind(
        lambda params, point: model.u_net(params, *point)
    )
    forms = {
        "opcompiler": lambda params, t, x: residual(params, {"t": t, "x": x}),
        "jaxpi's own r_net": model.r_net,
        style: lambda params, t, x: by_hessian(
            lambda t, x: model.u_net(params, t, x), t, x
        ),
    }
    mapped = lambda form: lambda params, z: jax.vmap(form, (None, 0, 0))(params, *z.T)
    params = jax.tree.map(lambda leaf: leaf[0], model.state.params)
    cube = jax.random.uniform(jax.random.key(0), (points, 2))
    where = cube * jnp.array([end, 2.0]) - jnp.array([0.0, 1.0])
    arch = config.arch
    network = f"{arch.arch_name} {arch.num_layers}×{arch.hidden_dim}"
    return Row(
        f"{example}, {network}", 2, 1, 0,
        {name: mapped(form) for name, form in forms.items()},
        hidden=(), points=points, repeats=repeats,
        plain=lambda params, z: model.u_net(params, *z),
        scene=lambda: (params, where),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.jaxpi_models")
    parser.add_argument("clone", type=Path)
    parser.add_argument("--points", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=11)
    options = parser.parse_args()
    # jaxpi imports it by this name, which JAX has dropped.
    vars(jax).setdefault("tree_map", jax.tree.map)
    for example in EXAMPLES:
        found = row(options.clone, example, options.points, options.repeats)
        report.show(measure(found, *found.setting()))


if __name__ == "__main__":
    main()
