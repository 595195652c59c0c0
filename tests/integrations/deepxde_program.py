"""Runs DeepXDE on JAX, in a process of its own; prints what it finds as JSON.

DeepXDE picks a backend, and prints when it is imported. The program of its page, which is
the argument, runs here too: to import DeepXDE takes longer than to train.
"""

import json
import runpy
import sys

import deepxde as dde
import jax
import numpy as np
import sympy as sp

import opcompiler as oc
from opcompiler.integrations.deepxde import pde

x, y, t, nu = sp.symbols("x y t nu")


def hessian(y, x, i, j):
    return dde.grad.hessian(y, x, i=i, j=j)[0]


def jacobian(y, x, j, i=0):
    return dde.grad.jacobian(y, x, i=i, j=j)[0]


def steps(equation, by_hand, geometry, sizes, conditions, variables=(), kind=None):
    """Trains four steps with each function; returns losses and the variables' ends."""
    found = []
    for function in (equation, by_hand):
        dde.config.set_random_seed(1)
        data = (kind or dde.data.PDE)(
            geometry, function, conditions, num_domain=24, num_boundary=8
        )
        net = dde.nn.FNN(sizes, "tanh", "Glorot normal")
        model = dde.Model(data, net)
        own = [dde.Variable(value) for value in variables]
        model.compile("adam", lr=1e-2, external_trainable_variables=own, verbose=0)
        # Flax makes float32 parameters, whose rounding would hide what is compared.
        model.params = jax.tree.map(lambda p: p.astype(float), model.params)
        model.opt_state = model.opt.init(model.params)
        if function is by_hand:  # the test points are the same: one program
            model.outputs_losses_test = model.outputs_losses_train
        history, _ = model.train(iterations=4, display_every=1, verbose=0)
        ends = [float(v) for v in model.params[1]]
        found.append([np.asarray(history.loss_train).tolist(), ends])
    return found


def burgers():
    u = sp.Function("u")(x, t)
    residual = oc.compile(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2))

    def by_hand(x, y):
        u_t, u_x = jacobian(y, x, 1), jacobian(y, x, 0)
        return u_t + y[0] * u_x - 0.1 * hessian(y, x, 0, 0)

    space = dde.geometry.Interval(-1, 1)
    geometry = dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(0, 1))
    edge = dde.icbc.DirichletBC(geometry, lambda x: 0 * x[:, :1], lambda _, on: on)
    kind = dde.data.TimePDE
    ours = pde(residual, nu=0.1)
    return steps(ours, by_hand, geometry, [2, 8, 1], [edge], kind=kind)


def stokes():
    u, v, p = (sp.Function(name)(x, y) for name in "uvp")
    residual = oc.compile(
        {
            "x": p.diff(x) - u.diff(x, 2) - u.diff(y, 2),
            "y": p.diff(y) - v.diff(x, 2) - v.diff(y, 2),
            "mass": u.diff(x) + v.diff(y),
        },
        fields=["u", "v", "p"],
    )

    def by_hand(x, y):
        second = lambda c, j: dde.grad.hessian(y, x, component=c, i=j, j=j)[0]
        return [
            jacobian(y, x, 0, 2) - second(0, 0) - second(0, 1),
            jacobian(y, x, 1, 2) - second(1, 0) - second(1, 1),
            jacobian(y, x, 0, 0) + jacobian(y, x, 1, 1),
        ]

    geometry = dde.geometry.Rectangle([0, 0], [1, 1])
    return steps(pde(residual), by_hand, geometry, [2, 8, 3], [])


def inverse():
    u, c = sp.Function("u")(x), sp.Function("c")(x)
    residual = oc.compile(nu * (c * u.diff(x)).diff(x) - sp.Symbol("k") * u)
    known = {"c": lambda z: jax.numpy.exp(z[0])}

    def by_hand(x, y, unknowns):
        nu, k = unknowns
        flux = hessian(y, x, 0, 0) + jacobian(y, x, 0)
        return nu * jax.numpy.exp(x) * flux - k * y[0]

    geometry = dde.geometry.Interval(0, 1)
    ours = pde(residual, unknowns=("nu", "k"), known=known)
    return steps(ours, by_hand, geometry, [1, 8, 1], [], variables=(0.5, 2.0))


def mistakes():
    u = sp.Function("u")(x, t)
    residual = oc.compile(u.diff(t) - nu * u)
    said = []
    for call in (
        lambda: pde(residual, nu=1)(np.zeros((3, 2)), np.zeros((3, 1))),
        lambda: pde(residual, unknowns=("nu",))(None, None, unknowns=[]),
    ):
        try:
            call()
        except oc.OperatorError as error:
            said.append(str(error))
    return said


def page(file):
    """Returns the last loss, and the parameter that the page's program finds."""
    names = runpy.run_path(file)
    loss = names["history"].loss_train[-1].sum()
    return [float(loss), float(names["model"].params[1][0])]


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    found = {"page": page(sys.argv[1])}
    dde.config.set_default_float("float64")
    parts = (burgers, stokes, inverse, mistakes)
    json.dump(found | {part.__name__: part() for part in parts}, sys.stderr)
