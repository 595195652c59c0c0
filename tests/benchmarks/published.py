"""Problems of published tables, in their own trainers: ours beside what stands there.

    python -m tests.benchmarks.published burgers      jinns' table, trained by jinns
    python -m tests.benchmarks.published cavity       the same
    python -m tests.benchmarks.published ks           PINNacle, trained by DeepXDE on JAX
    python -m tests.benchmarks.published poisson      the same, in five dimensions

Settings are PINNacle's, to which jinns' table refers: tanh 5×100, Adam, 1e-3, all points
in every step. There they are trained for 20 000 steps; here for `--steps`, both sides
alike. Only the residual differs: the losses along the way must be the same. Seconds are
the processor's, so that a machine that others use may measure: pin it to one core.
"""

import argparse
import contextlib
import io
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

Train = Callable[[int], tuple[float, float, list[float]]]
"""Trains one step, then that many, from the same start.

Returns the seconds of the first, with compilation, of one of the others, and losses.
"""


# --- jinns ------------------------------------------------------------------------------


def _perceptron(inputs: int, outputs: int, kind: str) -> tuple[Any, Any]:
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jinns

    layers = []
    for width, following in pairwise([inputs, *[100] * 5, outputs]):
        layers += [(eqx.nn.Linear, width, following), (jnp.tanh,)]
    return jinns.nn.PINN_MLP.create(
        key=jax.random.key(0), eqx_list=tuple(layers[:-1]), eq_type=kind
    )


def _solved(loss: Any, params: Any, data: Any, observed: Any = None) -> Train:
    import jinns
    import optax

    def solve(steps: int) -> tuple[float, list[float]]:
        begin = time.process_time()
        found = jinns.solve(
            n_iter=steps, init_params=params, data=data, loss=loss,
            optimizer=optax.adam(1e-3), obs_data=observed, verbose=False,
        )  # fmt: skip
        losses = np.asarray(found[1]).tolist()
        return time.process_time() - begin, losses

    def train(steps: int) -> tuple[float, float, list[float]]:
        # Each call compiles anew, and as much.
        first, _ = solve(1)
        whole, losses = solve(1 + steps)
        return first, (whole - first) / steps, losses

    return train


def burgers() -> dict[str, Train]:
    """Burgers1D: u(0, x) = -sin πx, zero at both ends, ν = 0.01/π."""
    import jax
    import jax.numpy as jnp
    import jinns
    import sympy as sp
    from jinns.parameters import Params

    import opcompiler as oc
    from opcompiler.integrations.jinns import dynamic_loss

    t, x, nu = sp.symbols("t x nu")
    u = sp.Function("u")(t, x)
    residual = oc.compile(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2))
    network, start = _perceptron(2, 1, "PDENonStatio")
    params = Params(nn_params=start, eq_params={"nu": jnp.asarray([0.01 / np.pi])})
    data = jinns.data.CubicMeshPDENonStatio(
        key=jax.random.key(1), n=8192, nb=2048, ni=2048, dim=1,
        min_pts=(-1.0,), max_pts=(1.0,), tmin=0.0, tmax=1.0,
    )  # fmt: skip
    weights = jinns.loss.LossWeightsPDENonStatio(
        dyn_loss=1.0, initial_condition=1.0, boundary_loss=1.0
    )

    def trained(term: Any) -> Train:
        loss = jinns.loss.LossPDENonStatio(
            u=network, dynamic_loss=term, params=params, loss_weights=weights,
            boundary_condition=jinns.loss.Dirichlet(),
            initial_condition_fun=lambda x: -jnp.sin(jnp.pi * x),
        )  # fmt: skip
        return _solved(loss, params, data)

    return {
        "opcompiler": trained(dynamic_loss(residual)),
        "jinns' BurgersEquation": trained(jinns.loss.BurgersEquation()),
    }


def cavity() -> dict[str, Train]:
    """NS2d-C: a square cavity, u = 4x(1 - x) at its lid, p = 0 in a corner, ν = 0.01."""
    import jax
    import jax.numpy as jnp
    import jinns
    import sympy as sp
    from jinns.loss import BoundaryConditionAbstract
    from jinns.parameters import Params

    import opcompiler as oc
    from opcompiler.integrations.jinns import dynamic_loss

    x, y, nu, rho = sp.symbols("x y nu rho")
    u, v, p = (sp.Function(name)(x, y) for name in "uvp")
    along = lambda w: u * w.diff(x) + v * w.diff(y) - nu * (w.diff(x, 2) + w.diff(y, 2))
    residual = oc.compile(
        [along(u) + p.diff(x) / rho, along(v) + p.diff(y) / rho, u.diff(x) + v.diff(y)],
        fields=[u, v, p],
    )

    class Walls(BoundaryConditionAbstract):
        def equation_u(self, inputs: Any, u: Any, params: Any) -> Any:
            return tuple(u(inputs[:, side], params)[:2] for side in range(4))

        def equation_f(self, inputs: Any, params: Any, gridify: bool = False) -> Any:
            place = inputs[0, 3]  # left, right, bottom, top
            lid = jnp.stack([4 * place * (1 - place), jnp.zeros_like(place)])
            return (*[jnp.zeros(2)] * 3, lid)

    network, start = _perceptron(2, 3, "PDEStatio")
    rates = {"nu": jnp.asarray(0.01), "rho": jnp.asarray(1.0)}
    params = Params(nn_params=start, eq_params=rates)
    data = jinns.data.CubicMeshPDEStatio(
        key=jax.random.key(1), n=8192, nb=2048, dim=2,
        min_pts=(0.0, 0.0), max_pts=(1.0, 1.0), method="uniform",
    )  # fmt: skip
    corner = jinns.data.DataGeneratorObservations(
        key=jax.random.key(2), obs_batch_size=None,
        observed_pinn_in=jnp.zeros((1, 2)), observed_values=jnp.zeros((1, 1)),
    )  # fmt: skip
    weights = jinns.loss.LossWeightsPDEStatio(
        dyn_loss=1.0, boundary_loss=1.0, observations=1.0
    )

    def trained(term: Any) -> Train:
        loss = jinns.loss.LossPDEStatio(
            u=network, dynamic_loss=term, params=params, loss_weights=weights,
            boundary_condition=Walls(), obs_slice=jnp.s_[2:],
        )  # fmt: skip
        return _solved(loss, params, data, corner)

    theirs = jinns.loss.NavierStokesMassConservation2DStatio()
    return {
        "opcompiler": trained(dynamic_loss(residual)),
        "jinns' NavierStokesMassConservation2DStatio": trained(theirs),
    }


# --- PINNacle, by DeepXDE ---------------------------------------------------------------


def _deepxde() -> Any:
    os.environ["DDE_BACKEND"] = "jax"
    with contextlib.redirect_stdout(io.StringIO()):
        import deepxde
    return deepxde


def _trained(data: Callable[[Any], Any], inputs: int, terms: dict) -> dict[str, Train]:
    dde = _deepxde()

    def trained(term: Any) -> Train:
        def train(steps: int) -> tuple[float, float, list[float]]:
            begin = time.process_time()
            dde.config.set_random_seed(1)
            net = dde.nn.FNN([inputs, *[100] * 5, 1], "tanh", "Glorot normal")
            model = dde.Model(data(term), net)
            model.compile("adam", lr=1e-3, verbose=0)
            model.train(iterations=1, display_every=1, verbose=0)
            middle = time.process_time()
            history, _ = model.train(iterations=steps, display_every=steps, verbose=0)
            each = (time.process_time() - middle) / steps
            losses = [float(np.sum(losses)) for losses in history.loss_train]
            return middle - begin, each, losses

        return train

    return {name: trained(term) for name, term in terms.items()}


def ks() -> dict[str, Train]:
    """KuramotoSivashinskyEquation: x in [0, 2π], t in [0, 1], an initial condition only."""
    dde = _deepxde()
    import sympy as sp

    import opcompiler as oc
    from opcompiler.integrations.deepxde import pde

    x, t = sp.symbols("x t")
    u = sp.Function("u")(x, t)
    a, b, c = (sp.Rational(100, 16**k) for k in (1, 2, 4))
    residual = oc.compile(
        u.diff(t) + a * u * u.diff(x) + b * u.diff(x, 2) + c * u.diff(x, 4)
    )

    def by_hand(x: Any, y: Any) -> Any:
        u_x, u_t = (dde.grad.jacobian(y, x, i=0, j=j) for j in (0, 1))
        u_xx = dde.grad.hessian(y, x, i=0, j=0)
        u_xxxx = dde.grad.hessian(u_xx, x, i=0, j=0)
        bent = float(b) * u_xx[0] + float(c) * u_xxxx[0]
        return u_t[0] + float(a) * y[0] * u_x[0] + bent

    space = dde.geometry.Interval(0, 2 * np.pi)
    domain = dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(0, 1))
    start = dde.icbc.IC(
        domain, lambda x: np.cos(x[:, :1]) * (1 + np.sin(x[:, :1])), lambda _, on: on
    )
    return _trained(
        lambda term: dde.data.TimePDE(
            domain, term, [start], num_domain=8192, num_boundary=2048, num_initial=2048
        ),
        2,
        {"opcompiler": pde(residual), "dde.grad": by_hand},
    )


def poisson() -> dict[str, Train]:
    """PoissonND: Δu = -π²/4 Σ sin(πx_i/2) in the cube [0, 1]⁵."""
    dde = _deepxde()
    import jax.numpy as jnp
    import sympy as sp

    import opcompiler as oc
    from opcompiler.integrations.deepxde import pde

    xs = sp.symbols("x:5")
    u = sp.Function("u")(*xs)
    source = sp.pi**2 / 4 * sum(sp.sin(sp.pi / 2 * x) for x in xs)
    residual = oc.compile(sum(u.diff(x, 2) for x in xs) + source)

    def by_hand(x: Any, y: Any) -> Any:
        bent = sum(dde.grad.hessian(y, x, i=i, j=i)[0] for i in range(5))
        return bent + np.pi**2 / 4 * jnp.sin(np.pi / 2 * x).sum(1, keepdims=True)

    domain = dde.geometry.Hypercube([0] * 5, [1] * 5)
    exact = lambda x: np.sin(np.pi / 2 * x).sum(axis=1, keepdims=True)
    edge = dde.icbc.DirichletBC(domain, exact, lambda _, on: on)
    return _trained(
        lambda term: dde.data.PDE(
            domain, term, [edge], num_domain=4 * 8192, num_boundary=4 * 2048
        ),
        5,
        {"opcompiler": pde(residual), "dde.grad": by_hand},
    )


PROBLEMS = {"burgers": burgers, "cavity": cavity, "ks": ks, "poisson": poisson}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.published")
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    contestants = PROBLEMS[options.problem]()
    print(PROBLEMS[options.problem].__doc__)
    found = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, train in contestants.items():
            found[name].append(train(options.steps))
    for name, runs in found.items():
        first, step = (statistics.median(run[k] for run in runs) for k in (0, 1))
        *_, losses = runs[-1]
        print(
            f"{name}: {1e3 * step:.0f} ms a step, the first with compilation "
            f"{first:.1f} s, 20 000 steps {first + 2e4 * step:.0f} s; loss from "
            f"{losses[0]:.7g} to {losses[-1]:.7g} after {options.steps} steps"
        )


if __name__ == "__main__":
    main()
