"""Mistakes a user of the Python interface may plausibly make, and what they are told.

Each row is a call and two parts of its message: what is wrong, and what to write instead.
None may raise anything but `OperatorError`. They were collected by thinking as users of
jaxpi, jinns, DeepXDE, PyTorch, SciPy, SymPy, Equinox, Flax and Haiku do.
"""

import math
from collections.abc import Callable
from functools import cache

import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import sympy as sp
from flax import nnx

import opcompiler as oc

t, x, y, s, nu, k, n = sp.symbols("t x y s nu k n")
u, v, w = sp.Function("u"), sp.Function("v"), sp.Function("w")
X = oc.vector("X", 6)
i = oc.index("i", X)
HEAT = oc.compile(u(t, x).diff(t) - nu * u(t, x).diff(x, 2))
PLAIN = oc.compile(u(t, x).diff(t) - u(t, x).diff(x))
SYSTEM = oc.compile(
    {"a": u(t, x).diff(t) - v(t, x), "b": v(t, x).diff(x) - u(t, x)}, fields=["u", "v"]
)
SAMPLED = oc.compile(oc.Sum(oc.D(w(X), X[i], 2), i), estimator=oc.Sparse(2))
MEMORY = oc.compile(u(x).diff(x) - oc.Integral(u(s), (s, 0, x)))
PROBLEM = oc.parse(
    "coordinates t, x; field u; parameter nu = 0.1; heat: u_t = nu*u_xx; "
    "initial start: u = 0 at t = 0"
)
SLOPE = u(x).diff(x)
P, LINE, SPACE = np.full((5, 2), 0.3), np.ones((3, 1)), np.ones((3, 6))
KEY = jax.random.key(0)
LEAKED = []
jax.jit(lambda a: LEAKED.append(a) or a)(1.0)


def net(z):
    return jnp.sin(z[0]) * jnp.cos(z[1])


def norm(z):
    return jnp.sum(z**2)


def heat(network, points=P, **given):
    return HEAT(network, points, **({"nu": 0.1} | given))


def sampled(**given):
    return SAMPLED(norm, SPACE, **given)


def memory(rule):
    return MEMORY(lambda z: z[0], LINE, quadrature=rule)


BOUND = HEAT.bind(lambda params, z: params * net(z))


class Linen(nn.Module):
    dropout: bool = False
    normal: bool = False

    @nn.compact
    def __call__(self, z):
        z = nn.Dense(4)(z)
        if self.dropout:
            z = nn.Dropout(0.5, deterministic=False)(z)
        if self.normal:
            z = nn.BatchNorm(use_running_average=False)(z)
        return nn.Dense(1)(jnp.tanh(z))[0]


class Nnx(nnx.Module):
    def __init__(self, inner):
        self.first = nnx.Linear(2, 4, rngs=nnx.Rngs(0), param_dtype=jnp.float64)
        self.inner = inner

    def __call__(self, z):
        return self.inner(self.first(z).astype(jnp.float32)).sum()


class Eqx(eqx.Module):
    drop: eqx.nn.Dropout

    def __call__(self, z):
        return self.drop(z).sum()


class Stateful(eqx.Module):
    inner: eqx.Module

    def __call__(self, z):
        return self.inner(z).sum()


@cache
def linen(**given):
    module = Linen(**given)
    return module, jax.jit(module.init)({"params": KEY, "dropout": KEY}, P[0])


def linen_bound(**given):
    module, params = linen(**given)
    return HEAT.bind(module.apply)(params, P, nu=0.1)


@cache
def haiku():
    transformed = hk.transform(lambda z: jnp.squeeze(hk.Linear(1)(z)))
    return transformed, jax.jit(transformed.init)(KEY, P[0])


def mlp(*sizes):
    return eqx.nn.MLP(*sizes, 4, 1, key=KEY)


def whole(z, weight):
    stop = lambda carry: carry[1] < 3.0
    step = lambda carry: (jnp.sin(weight * carry[0]), carry[1] + 1.0)
    return jax.lax.while_loop(stop, step, (z[0], z[1]))[0]


def ode(z, weight):
    from jax.experimental.ode import odeint

    return odeint(lambda a, _: -weight * a, z[0], jnp.array([0.0, 1.0]))[-1]


def trained(function):
    return jax.grad(lambda a: heat(lambda z: function(z, a)).sum())(1.0)


CALL = "write residual(net, points, nu=...): points are one array (..., 2)"
ONE = "a network is a function of ONE point, (2,) -> ()"
RULE = "gauss_legendre(16)"
SYMBOLS = "(each: a sympy.Symbol"
WHOLE = "give a whole number"

Row = tuple[str, Callable[[], object]]

# By what the message tells to do: what it says is wrong, and the call.
MISTAKES: dict[str, list[Row]] = {
    # Calls of residuals.
    CALL: [
        ("0.01", lambda: HEAT(net, P, 0.01)),
        ("takes 2 by position", lambda: HEAT(net, P[:, 0], P[:, 1])),
        ("{'nu': 0.1}", lambda: HEAT(net, P, {"nu": 0.1})),
        ("needs points", lambda: HEAT(net)),
        ("needs net and points", lambda: HEAT()),
        ("net of residual is given by name", lambda: HEAT(net=net, points=P)),
    ],
    "write f(params, points, nu=...)": [
        ("0.1", lambda: BOUND(1.0, P, 0.1)),
        ("f needs points", lambda: BOUND(1.0)),
    ],
    "with the columns t, x": [
        ("points of shape (2, 5)", lambda: heat(net, P.T)),
        ("points of shape (5,)", lambda: heat(net, P[:, 0])),
        ("points of shape (2, 5)", lambda: heat(net, (P[:, 0], P[:, 1]))),
        ("points of shape ()", lambda: heat(net, 0.5)),
        ("points of shape ()", lambda: BOUND(P, 1.0, nu=0.1)),
    ],
    "the network comes first: residual(net, points)": [
        ("points are no array", lambda: heat(P, net)),
    ],
    "give an array of floating-point numbers": [
        ("in: None", lambda: heat(net, None)),
        ("in: 'P'", lambda: heat(net, "P")),
        ("[[0.1, 0.2], [0.3]]", lambda: heat(net, [[0.1, 0.2], [0.3]])),
        ("x is no array", lambda: heat(net, {"t": P[:, 0], "x": None})),
    ],
    "give real floating-point points": [
        ("int64", lambda: heat(net, jnp.ones((5, 2), int))),
        ("complex128", lambda: heat(net, P + 1j)),
    ],
    "the coordinates are: t, x": [
        ("coordinate x has no value", lambda: heat(net, {"t": P[:, 0]})),
        ("no coordinate y", lambda: heat(net, {"t": 1.0, "x": 1.0, "y": 1.0})),
    ],
    "an array of the same shape": [
        ("x: (3,)", lambda: heat(net, {"t": P[:, 0], "x": jnp.ones(3)})),
    ],
    "the parameters are: nu": [
        ("parameter nu has no value", lambda: HEAT(net, P)),
        ("parameter nu has no value", lambda: BOUND(1.0, P)),
        ("there is no parameter Nu", lambda: HEAT(net, P, Nu=0.1)),
        (
            "there is no parameter parameters",
            lambda: HEAT(net, P, parameters={"nu": 1}),
        ),
    ],
    "the parameters are: none": [
        ("there is no parameter nu", lambda: PLAIN(net, P, nu=0.1)),
    ],
    "give a scalar": [
        ("nu = None", lambda: heat(net, nu=None)),
        ("nu = '0.1'", lambda: heat(net, nu="0.1")),
        ("nu of shape (3,)", lambda: heat(net, nu=jnp.ones(3))),
        ("nu = {'a': 1}", lambda: heat(net, nu={"a": 1})),
        ("nu = nu", lambda: heat(net, nu=nu)),
    ],
    "compile with estimator=oc.Sparse(16), or leave the key out": [
        ("a key was given", lambda: PLAIN(net, P, key=KEY)),
        ("a key was given", lambda: oc.unbiased_square(PLAIN, net, P, KEY)),
        ("a key was given", lambda: PLAIN.variance(net, P, KEY)),
    ],
    "key=jax.random.key(0)": [
        ("needs a key", sampled),
        ("takes 2 by position", lambda: SAMPLED(norm, SPACE, KEY)),
    ],
    "give jax.random.key(0)": [
        ("key=0", lambda: sampled(key=0)),
        ("key='0'", lambda: sampled(key="0")),
        ("not one key", lambda: sampled(key=jax.random.split(KEY, 3))),
        ("key=0", lambda: oc.unbiased_square(SAMPLED, norm, SPACE, 0)),
    ],
    RULE: [
        ("over s has no quadrature rule", lambda: memory(None)),
        ("quadrature=16", lambda: memory(16)),
        ("quadrature of residual is a tuple", lambda: memory(oc.gauss_legendre(3))),
        ("over s has no", lambda: memory({"x": oc.gauss_legendre(3)})),
        ("'gauss'", lambda: memory({"s": "gauss"})),
        ("not a pair of arrays", lambda: memory({"s": oc.gauss_legendre})),
        ("not a pair of arrays", lambda: memory({"s": (jnp.ones(3), jnp.ones(4))})),
    ],
    # Which network gives which field.
    "give a function of one point": [
        ("in: None", lambda: heat(None)),
        ("in: 'mlp'", lambda: heat("mlp")),
        ("network of u is not callable", lambda: heat(P)),
        ("network of v is not callable", lambda: SYSTEM({"u": net, "v": None}, P)),
    ],
    'give a dict by field: {"u": net_u, "v": net_v}': [
        ("network of u, v", lambda: SYSTEM([net, net], P)),
        ("network of u, v", lambda: SYSTEM((net, net), P)),
        ("apply is not callable", lambda: SYSTEM.bind((net, net))),
    ],
    "the fields are: u, v": [
        ("field v has no value", lambda: SYSTEM({"u": net}, P)),
        ("field u has no value", lambda: SYSTEM({}, P)),
        ("no field w", lambda: SYSTEM({"u": net, "v": net, "w": net}, P)),
        ("no field w", lambda: SYSTEM({("u", "w"): net}, P)),
        ("no field 0", lambda: SYSTEM({0: net, 1: net}, P)),
    ],
    "return an array of shape (2,), in the order u, v": [
        ("returns shape ()", lambda: SYSTEM(net, P)),
        ("returns a list", lambda: SYSTEM(lambda z: [z[0], z[1]], P)),
        ("returns a tuple", lambda: SYSTEM(lambda z: (z[0], z[1]), P)),
        ("returns a dict", lambda: SYSTEM(lambda z: {"u": z[0], "v": z[1]}, P)),
        ("returns shape (3,)", lambda: SYSTEM(lambda z: jnp.zeros(3), P)),
    ],
    "is a return missing?": [("returns a NoneType", lambda: heat(lambda z: None))],
    "return an array of shape ()": [
        ("returns shape (1, 1)", lambda: heat(lambda z: z[None, :1])),
    ],
    "return floating-point numbers": [
        ("returns int64", lambda: heat(jnp.argmax)),
        ("returns bool", lambda: heat(lambda z: z[0] > 0)),
    ],
    "cast the points to float64": [
        (
            "float64 at points of float32",
            lambda: heat(lambda z: z @ jnp.ones(2), P.astype(jnp.float32)),
        ),
    ],
    # Inside a network.
    ONE: [
        ("IndexError: Too many indices", lambda: heat(lambda z: z[:, 0])),
        ("missing 1 required positional", lambda: heat(lambda t, x: t * x)),
        ("returned a value of type <class 'str'>", lambda: heat(lambda z: "u")),
        ("contracting dimensions", lambda: heat(lambda z: jnp.ones((3, 5)) @ z)),
        ("contracting dimensions", lambda: heat(mlp(3, "scalar"))),
        ("scalar shape", lambda: heat(mlp("scalar", "scalar"))),
        ("KeyError: 'w'", lambda: heat(lambda z: {}["w"])),
        ("axis 1 is out of bounds", lambda: heat(lambda z: jnp.sum(z, axis=1))),
        ("cannot reshape", lambda: heat(lambda z: z.reshape(3).sum())),
    ],
    "calls apply(params, point)": [
        ("takes 1 positional argument", lambda: HEAT.bind(net)(1.0, P, nu=0.1)),
        ("but 3 were given", lambda: HEAT.bind(mlp(2, 1))(1.0, P, nu=0.1)),
        ("'training'", lambda: heat(lambda z, training: z[0])),
    ],
    "use jax.numpy and jax.scipy inside it": [
        ("TracerArrayConversionError", lambda: heat(lambda z: np.sin(z[0]))),
        ("TracerArrayConversionError", lambda: heat(lambda z: np.linalg.norm(z))),
        ("TracerArrayConversionError", lambda: heat(lambda z: np.array([z[0]])[0])),
        (
            "TracerArrayConversionError",
            lambda: heat(lambda z: scipy.special.erf(z).sum()),
        ),
    ],
    "jnp.sin for math.sin": [
        ("test_mistakes.py", lambda: heat(lambda z: math.sin(z[0]))),
        ("ConcretizationTypeError", lambda: heat(lambda z: float(z[0]))),
        ("ConcretizationTypeError", lambda: heat(lambda z: int(z[0]) * z[1])),
        ("ConcretizationTypeError", lambda: heat(lambda z: z[0].item())),
    ],
    "jnp.where(condition, a, b), jnp.maximum": [
        ("TracerBool", lambda: heat(lambda z: z[0] if z[0] > 0 else z[1])),
        ("TracerBool", lambda: heat(lambda z: max(z[0], z[1]))),
        ("TracerBool", lambda: heat(lambda z: z[0] and z[1])),
    ],
    "select by jnp.where": [("Boolean", lambda: heat(lambda z: z[z > 0].sum()))],
    "lengths and list indices are fixed": [
        ("TracerInteger", lambda: heat(lambda z: [1, 2][jnp.argmax(z)])),
        (
            "TracerInteger",
            lambda: heat(lambda z: sum(z[0] for _ in range(jnp.argmax(z)))),
        ),
        ("static integers", lambda: heat(lambda z: z[: jnp.argmax(z)].sum())),
    ],
    "z.at[0].set(1.0)": [("immutable", lambda: heat(lambda z: z.__setitem__(0, 1.0)))],
    "use jax.numpy inside the network": [
        ("NotImplementedError", lambda: heat(lambda z: sp.sin(z[0]))),
    ],
    "write the network in JAX": [("numpy", lambda: heat(lambda z: z[0].numpy()))],
    "give it among the network's parameters": [
        ("UnexpectedTracerError", lambda: heat(lambda z: z[0] * LEAKED[0])),
    ],
    "static in jax.jit": [
        (
            "Non-hashable",
            lambda: heat(
                lambda z: jax.jit(lambda a, m: a[0] ** m, static_argnums=1)(z, z[0])
            ),
        ),
    ],
    "diffrax.DirectAdjoint()": [
        ("no reverse mode", lambda: trained(whole)),
        ("no reverse mode", lambda: jax.jit(lambda: trained(ode))()),
        ("no reverse mode", lambda: jax.jit(lambda: trained(whole))()),
    ],
    "residual.bind(module.apply)": [
        ("unbound", lambda: heat(linen()[0])),
        ("unbound", lambda: HEAT.bind(linen()[0])(linen()[1], P, nu=0.1)),
    ],
    "apply(params, point) takes the parameters first": [
        (
            "__contains__",
            lambda: HEAT.bind(lambda z, p: linen()[0].apply(p, z))(
                linen()[1], P, nu=0.1
            ),
        ),
        ("__contains__", lambda: heat(linen()[0].apply)),
        (
            "ScopeCollectionNotFound",
            lambda: HEAT.bind(linen()[0].apply)(linen()[1]["params"], P, nu=0.1),
        ),
        (
            "tuple indices",
            lambda: HEAT.bind(lambda p, z: p["w"] @ z)(
                optax.adam(1e-3).init({"w": jnp.ones(2)}), P, nu=0.1
            ),
        ),
    ],
    "switch dropout off": [
        ("InvalidRngError", lambda: linen_bound(dropout=True)),
        ("RngCount", lambda: heat(Nnx(nnx.Dropout(0.5, rngs=nnx.Rngs(0))))),
        ("RuntimeError", lambda: heat(Eqx(eqx.nn.Dropout(0.5)))),
    ],
    "take running averages": [
        ("batch_stats", lambda: linen_bound(normal=True)),
        (
            "BatchStat",
            lambda: heat(
                Nnx(nnx.BatchNorm(4, rngs=nnx.Rngs(0), param_dtype=jnp.float64))
            ),
        ),
        (
            "'state'",
            lambda: heat(
                Stateful(eqx.nn.BatchNorm(2, axis_name="batch", mode="batch"))
            ),
        ),
    ],
    "hk.without_apply_rng(f).apply": [
        ("network of u is not callable", lambda: heat(haiku()[0])),
        ("apply is not callable", lambda: HEAT.bind(haiku()[0])),
        (
            "RNG as the second",
            lambda: HEAT.bind(haiku()[0].apply)(haiku()[1], P, nu=0.1),
        ),
    ],
    "hk.transform(f)": [("hk.transform", lambda: heat(lambda z: hk.Linear(1)(z)[0]))],
    "give an object of the class": [
        ("MLP", lambda: heat(eqx.nn.MLP)),
        ("Nnx", lambda: HEAT.bind(Nnx)),
    ],
    "give a function of (params, point)": [
        ("apply is not callable", lambda: HEAT.bind(None)),
        ("1.0", lambda: HEAT.bind({"u": 1.0})),
    ],
    "residual.bind(lambda params, point: ...)": [("needs apply", lambda: HEAT.bind())],
    "eqx.partition(model, eqx.is_array)": [
        ("params.activation", lambda: BOUND(mlp(2, 1), P, nu=0.1)),
        ("params = 'a'", lambda: BOUND("a", P, nu=0.1)),
        ("params.init", lambda: BOUND(optax.adam(1e-3), P, nu=0.1)),
    ],
    # compile and its options.
    "give oc.Sparse(16) or oc.Dense(16": [
        ("estimator=16", lambda: oc.compile(SLOPE, estimator=16)),
        ("estimator='sparse'", lambda: oc.compile(SLOPE, estimator="sparse")),
        ("the class Sparse itself", lambda: oc.compile(SLOPE, estimator=oc.Sparse)),
    ],
    "write oc.compile(equation": [
        ("takes 1 by position", lambda: oc.compile(SLOPE, oc.Sparse(2))),
        ("takes 1 by position", lambda: oc.compile(SLOPE, u(x))),
        ("needs equations", lambda: oc.compile()),
        ("no argument params", lambda: oc.compile(SLOPE, params={"nu": 0.1})),
    ],
    "did you mean coordinates?": [
        ("no argument coords", lambda: oc.compile(SLOPE, coords=[x])),
    ],
    "choose one of: auto, algebra": [
        ("'algbera'", lambda: oc.compile(SLOPE, strategy="algbera")),
    ],
    "give text": [
        ("strategy=None", lambda: oc.compile(SLOPE, strategy=None)),
        ("strategy=1", lambda: oc.compile(SLOPE, strategy=1)),
        ("name=100", lambda: oc.vector(100, "x")),
        ("name of oc.index is an IndexedBase", lambda: oc.index(X, "i")),
        ("distribution of oc.Dense is None", lambda: oc.Dense(16, None)),
        ("name of Problem.condition is an int", lambda: PROBLEM.condition(0)),
        ("text of oc.parse", lambda: oc.parse(u(x))),
        ("text={'a': 1}", lambda: oc.Plan.from_json({"a": 1})),
        ("path of oc.load is None", lambda: oc.load(None)),
        ("path=3", lambda: PLAIN.plan.to_html(3)),
        ("names=3", lambda: oc.VectorField(3, x, y)),
        ("names of oc.VectorField holds", lambda: oc.VectorField([u, v], x, y)),
    ],
    "give a chunk of 2 or more": [
        ("chunk=0", lambda: oc.compile(SLOPE, chunk=0)),
        ("chunk=-1", lambda: oc.compile(SLOPE, chunk=-1)),
    ],
    WHOLE: [
        ("chunk='8'", lambda: oc.compile(SLOPE, chunk="8")),
        ("chunk=8.0", lambda: oc.compile(SLOPE, chunk=8.0)),
        ("chunk of oc.compile is a bool", lambda: oc.compile(SLOPE, chunk=True)),
        ("samples='16'", lambda: oc.Sparse("16")),
        ("samples=16.0", lambda: oc.Sparse(16.0)),
        ("samples='rademacher'", lambda: oc.Dense("rademacher", 16)),
        ("order of oc.sobolev_loss is a float", lambda: oc.sobolev_loss(SLOPE, 2.0, x)),
        ("order of oc.sobolev is a str", lambda: oc.sobolev_loss(SLOPE, {"a": "2"}, x)),
        ("dimension=3.0", lambda: oc.vector("x", 3.0)),
        ("dimension=n", lambda: oc.vector("x", n)),
        ("count='16'", lambda: oc.gauss_legendre("16")),
        ("order='9'", lambda: oc.contamination({2: "x"}, "9")),
        ("repeats=1.5", lambda: oc.autotune(PLAIN, net, P, repeats=1.5)),
        ("order of oc.taylor.derivatives", lambda: oc.taylor.derivatives(norm, 2.0)),
        ("draws='8'", lambda: SAMPLED.variance(norm, SPACE, KEY, draws="8")),
    ],
    "give True or False": [
        ("remat='yes'", lambda: oc.compile(SLOPE, remat="yes")),
        ("replace='yes'", lambda: oc.Sparse(16, replace="yes")),
        ("progress=1", lambda: oc.autotune(PLAIN, net, P, progress=1)),
    ],
    SYMBOLS: [
        ("coordinates='tx'", lambda: oc.compile(SLOPE, coordinates="tx")),
        ("holds a str", lambda: oc.compile(SLOPE, coordinates=["t", "x"])),
        ("holds the class u itself", lambda: oc.compile(SLOPE, coordinates=[u])),
        ("holds an int", lambda: oc.compile(SLOPE, coordinates=[1])),
        ("is a dict", lambda: oc.compile(SLOPE, coordinates={"x": x})),
        ("wrt='x'", lambda: oc.sobolev_loss(SLOPE, 2, "x")),
        ("wrt=2", lambda: oc.sobolev_loss(SLOPE, 1, 2)),
        ("where='x'", lambda: oc.laplacian(u(t, x), "x")),
        ("holds a str", lambda: oc.grad(u(t, x), ["t", "x"])),
        ("where=2", lambda: oc.laplacian(u(t, x), 2)),
        ("where of oc.laplacian is a function", lambda: oc.laplacian(u(x), oc.Polar)),
    ],
    "name each coordinate once": [
        ("coordinates=[x, x]", lambda: oc.compile(SLOPE, coordinates=[x, x])),
        ("coordinates=[]", lambda: oc.compile(SLOPE, coordinates=[])),
        ("(x, x)", lambda: oc.laplacian(u(t, x), [x, x])),
        ("()", lambda: oc.laplacian(u(t, x), [])),
    ],
    "name each field once": [
        ("no field w", lambda: oc.compile(SLOPE, fields=["w"])),
        (
            "leaves out v",
            lambda: oc.compile(SLOPE + v(x), fields=["u"]),
        ),
        ("named twice", lambda: oc.compile(SLOPE, fields=["u", "u"])),
    ],
    "make k an argument of the field": [
        ("differentiated by k", lambda: oc.compile(sp.Derivative(u(x), k))),
    ],
    # What is handed in as an equation.
    "text is read by oc.parse(text)": [
        ("'u_t - u_xx'", lambda: oc.compile("u_t - u_xx")),
        ("'u_x'", lambda: oc.compile([u(x), "u_x"])),
    ],
    "sympy.Eq(lhs, rhs, evaluate=False)": [
        ("False", lambda: oc.compile(SLOPE == 0)),
        ("True", lambda: oc.compile(sp.Eq(u(x), u(x)))),
    ],
    "hand in a list, tuple or dict of SymPy expressions": [
        ("ndarray", lambda: oc.compile(np.ones(3))),
        ("[u(x), v(x)]", lambda: oc.compile([[u(x), v(x)]])),
        ("set", lambda: oc.compile({u(x), v(x)})),
        ("generator", lambda: oc.compile(e for e in [u(x)])),
    ],
    "hand in a SymPy expression or Eq": [
        ("NoneType", lambda: oc.compile(None)),
        ("function", lambda: oc.compile(lambda z: z)),
    ],
    "at least one SymPy expression": [
        ("[]", lambda: oc.compile([])),
        ("{}", lambda: oc.compile({})),
    ],
    "it is compiled: residual(net, points)": [
        ("Residual is not", lambda: oc.compile(HEAT)),
        ("Residual is not", lambda: oc.sobolev_loss(HEAT, 1, x)),
    ],
    "compile each problem by itself": [
        ("Problem is not", lambda: oc.compile([PROBLEM])),
    ],
    "compile problem.condition(name)": [
        ("Condition is not", lambda: oc.compile(PROBLEM.conditions["start"])),
    ],
    "an applied undefined function": [
        ("no unknown field", lambda: oc.compile(0)),
        ("no unknown field", lambda: oc.compile(x + 1)),
    ],
    "apply it to its coordinates: u(t, x)": [
        ("without its arguments", lambda: oc.compile(u)),
        ("without its arguments", lambda: oc.D(u, x)),
        ("without its arguments", lambda: oc.laplacian(u, [t, x])),
    ],
    "or hand in an Eq": [("inequality", lambda: oc.compile(u(x) < 0))],
    "or use two names": [("1 and with 2", lambda: oc.compile(u(x, y) + u(x)))],
    "declare the symbol once": [
        ("called x", lambda: oc.compile(SLOPE + sp.Symbol("x", real=True) * u(x))),
        ("called x", lambda: oc.compile(SLOPE + sp.Dummy("x") * u(x))),
        ("called c", lambda: oc.compile(u(x) * sp.Dummy("c") + sp.Dummy("c"))),
    ],
    # Derivatives, sums, integrals, vectors.
    "D(u, x, 2)": [
        ("by nothing", lambda: oc.D(u(x))),
        ("needs u", lambda: oc.D()),
        ("order 1 by 1", lambda: oc.D(u(x), 1)),
        ("by 2.0", lambda: oc.D(u(x), x, 2.0)),
        ("order -1 by x", lambda: oc.D(u(x), x, -1)),
        ("by 2", lambda: oc.D(u(x), 2, x)),
        ("[x, x]", lambda: oc.D(u(x), [x, x])),
        ("no argument order", lambda: oc.D(u(x), x, order=2)),
    ],
    "name a component": [("vector X as a whole", lambda: oc.D(w(X), X))],
    "text is never evaluated": [
        ("'x'", lambda: oc.D(u(x), "x")),
        ("'v'", lambda: oc.curl([u(x), "v"], [x, y])),
        ("'n'", lambda: oc.Sum(u(x), "n")),
        ("'0'", lambda: oc.Integral(u(s), (s, "0", x))),
        ("'v'", lambda: oc.norm(["v", u(x)])),
        ("'u'", lambda: oc.sobolev("u", 2, x)),
    ],
    "oc.taylor.laplacian(f)": [
        ("needs where", lambda: oc.laplacian(norm)),
        ("function is not a SymPy", lambda: oc.laplacian(norm, x)),
        ("function is not a SymPy", lambda: oc.grad(norm, x)),
        ("takes 2 by position", lambda: oc.laplacian(u(t, x), t, x)),
    ],
    "sympy.Matrix(array.tolist())": [
        ("ndarray", lambda: oc.dot(np.ones(2), [u(x), v(x)])),
        ("ndarray", lambda: oc.outer(np.ones(2), np.ones(2))),
    ],
    "div takes a vector": [("div of a scalar", lambda: oc.div(u(x, y), [x, y]))],
    "write oc.div([u, v], [x, y])": [
        ("takes 2 by position", lambda: oc.div(u(x, y), v(x, y), [x, y])),
    ],
    "give a column of 2 components": [
        ("3 by 1 components", lambda: oc.grad([u(x), v(x), w(x)], [x, y])),
    ],
    "oc.strain([u, v], [x, y])": [("no vector", lambda: oc.strain(u(x, y), [x, y]))],
    "oc.Sum(a[i, j] * oc.D(u, x[i], x[j]), i, j)": [
        ("Hessian by X", lambda: oc.hessian(w(X), X)),
    ],
    "write oc.directional(u, [1, 0], [x, y])": [
        ("needs where", lambda: oc.directional(u(x, y), [x, y])),
    ],
    "give vectors of equal length": [
        ("2 and 3 components", lambda: oc.dot([1, 2], [1, 2, 3])),
    ],
    'oc.vector("q", 100)': [
        ("components of q", lambda: oc.laplacian(u(x), sp.IndexedBase("q"))),
    ],
    "give a sympy.Symbol": [
        ("time='t'", lambda: oc.material(u(t, x), [1], "t", [x])),
        ("r='r'", lambda: oc.Polar("r", "theta")),
    ],
    "write oc.Polar(r, theta)": [
        ("needs theta", lambda: oc.Polar(x)),
        ("needs theta", lambda: oc.Polar([x, y])),
    ],
    "Cartesian(x, y)": [("[x, y]", lambda: oc.Cartesian([x, y]))],
    "oc.Orthogonal([a, b]": [
        ("2", lambda: oc.Orthogonal([x, y], [x])),
        ("needs position", lambda: oc.Orthogonal([x, y])),
        ("is a function", lambda: oc.Orthogonal([x, y], lambda a, b: (a, b))),
    ],
    'oc.VectorField("u v", t, x, y)': [
        ("VectorField('u v', )", lambda: oc.VectorField("u v")),
        ("no list", lambda: oc.VectorField("u v", [x, y])),
        ("no str", lambda: oc.VectorField("u v", "x")),
        ("VectorField('', x, y)", lambda: oc.VectorField("", x, y)),
    ],
    'vector("x", 100)': [
        ("vector('x', 0)", lambda: oc.vector("x", 0)),
        ("needs dimension", lambda: oc.vector("x")),
        ("vector('', 3)", lambda: oc.vector("", 3)),
    ],
    'index("i", x)': [
        ("needs over", lambda: oc.index("i")),
        ("over='x'", lambda: oc.index("i", "x")),
        ("over=3.5", lambda: oc.index("i", 3.5)),
        ("-3 components", lambda: oc.index("i", -3)),
        ("range of a sum", lambda: oc.Sum(u(x), n)),
        ("range of a sum", lambda: oc.Sum(u(x), (n, 3))),
        ("a sum has an index", lambda: oc.Sum(u(x))),
    ],
    "Integral(body, (s, 0, x))": [
        ("both ends", lambda: oc.Integral(u(s))),
        ("in: s", lambda: oc.Integral(u(s), s)),
        ("s, 0, x", lambda: oc.Integral(u(s), s, 0, x)),
        ("('s', 0, x)", lambda: oc.Integral(u(s), ("s", 0, x))),
    ],
    "gauss_legendre(16)": [
        ("needs count", lambda: oc.gauss_legendre()),
        ("-1 nodes", lambda: oc.gauss_legendre(-1)),
        ("0, 1", lambda: oc.gauss_legendre(16, 0, 1)),
    ],
    # Estimators, losses, measuring.
    "write oc.Sparse(16)": [
        ("needs samples", lambda: oc.Sparse()),
        ("no argument n", lambda: oc.Sparse(n=16)),
        ("no argument per_points", lambda: oc.Sparse(16, per_points=True)),
    ],
    "choose one of: gaussian": [("'radmacher'", lambda: oc.Dense(16, "radmacher"))],
    "give finite weights": [
        ("('a',)", lambda: oc.Sparse(16, replace=True, importance=("a",))),
    ],
    "a tuple": [
        ("importance", lambda: oc.Sparse(16, replace=True, importance=[1.0, 2.0])),
    ],
    "write oc.sobolev_loss(equation, 2, [x, y])": [
        ("needs wrt", lambda: oc.sobolev_loss(SLOPE, 2)),
        ("takes 3 by position", lambda: oc.sobolev_loss(SLOPE, 1, x, [1, 2])),
        (
            "no argument estimator",
            lambda: oc.sobolev_loss(SLOPE, 1, x, estimator=oc.Sparse(2)),
        ),
    ],
    "give a list": [
        ("weights=2.0", lambda: oc.sobolev_loss(SLOPE, 1, x, weights=2.0)),
        ("scales=2.0", lambda: oc.sobolev_loss(SLOPE, 1, x, scales=2.0)),
        ("multi_indices='xx'", lambda: oc.taylor.partials(norm, "xx")),
        ("holds an int", lambda: oc.taylor.partials(norm, [1, 1])),
        ("holds a tuple", lambda: oc.taylor.partials(norm, [(1.5, 1)])),
    ],
    "give finite numbers": [
        ("'a'", lambda: oc.sobolev_loss(SLOPE, 1, x, weights=["a", "b"])),
    ],
    "give 2 of them": [
        ("1 weights", lambda: oc.sobolev_loss(SLOPE, 1, x, weights=[1.0])),
    ],
    "write loss(net, points, nu=0.01)": [
        ("0.1", lambda: oc.sobolev_loss(nu * SLOPE, 1, x)(norm, LINE, 0.1)),
    ],
    "oc.unbiased_square(residual, net, points, key": [
        ("needs key", lambda: oc.unbiased_square(SAMPLED, norm, SPACE)),
        (
            "is that of a residual",
            lambda: oc.unbiased_square(norm, SAMPLED, SPACE, KEY),
        ),
    ],
    "give oc.compile(equation)": [
        ("is a Bound", lambda: oc.autotune(BOUND, 1.0, P, nu=0.1)),
        ("residual=u(x)", lambda: oc.autotune(u(x), net, P)),
    ],
    "write oc.autotune(residual, net, points, nu=0.01)": [
        ("0.1", lambda: oc.autotune(HEAT, net, P, 0.1)),
        ("needs points", lambda: oc.autotune(HEAT, net)),
    ],
    "dataclasses.replace(residual.tuning": [
        ("tuning={'chunk': 2}", lambda: PLAIN.tuned({"chunk": 2})),
    ],
    # Problems, plans, files.
    "the problem that oc.parse or oc.load returned": [
        ("problem=u(x)", lambda: oc.to_text(u(x))),
        ("is a Residual", lambda: oc.to_text(HEAT)),
        ("problem='u_x'", lambda: oc.to_latex("u_x")),
    ],
    "the name of a file": [
        ("cannot write /tmp", lambda: PLAIN.plan.to_html("/tmp")),
        ("cannot write /tmp", lambda: PLAIN.plan.to_svg("/tmp")),
        ("cannot write /nowhere", lambda: PLAIN.to_html("/nowhere/a.html")),
        ("cannot read /nowhere", lambda: oc.load("/nowhere.pde")),
    ],
    "did you mean start?": [("'stat'", lambda: PROBLEM.condition("stat"))],
    "did you mean heat?": [("'het'", lambda: PROBLEM.equation("het"))],
    "write Problem.condition(name)": [("needs name", lambda: PROBLEM.condition())],
    "Plan.to_json()": [("not JSON", lambda: oc.Plan.from_json("plan.json"))],
    "residual.plan": [("needs strategy", lambda: oc.Plan())],
    "as in oc.compile(equation)": [("operator", lambda: oc.Residual(SLOPE))],
    'parameters={"k": 2}': [
        ("takes 1 by position", lambda: oc.parse("coordinates x", {"nu": 1})),
    ],
    'oc.contamination({2: "x", 3: "y"}, 9)': [
        ("slots=['x', 'y']", lambda: oc.contamination(["x", "y"], 9)),
        ("needs order", lambda: oc.contamination({2: "x"})),
    ],
    'for instance {2: "x"': [
        ("{'x': 2}", lambda: oc.contamination({"x": 2}, 9)),
        ("{2: x}", lambda: oc.contamination({2: x}, 9)),
    ],
    # Taylor mode of JAX functions.
    "oc.jet(f, (x,), ([1.0, 0.0],))": [
        ("needs series", lambda: oc.jet(jnp.sin, (1.0,))),
        ("series of oc.jet holds a float", lambda: oc.jet(jnp.sin, (1.0,), (1.0, 0.0))),
        ("primals=1.0", lambda: oc.jet(jnp.sin, 1.0, [1.0, 0.0])),
        ("fun=None", lambda: oc.jet(None, (1.0,), ([1.0],))),
    ],
    "write oc.taylor.laplacian(f)(x)": [
        ("needs fun", lambda: oc.taylor.laplacian()),
        ("needs point", lambda: oc.taylor.laplacian(norm)()),
        ("takes 1 by position", lambda: oc.taylor.laplacian(norm, LINE)),
    ],
    "give a function": [
        ("fun of oc.taylor.laplacian", lambda: oc.taylor.laplacian(jnp.ones(3))),
        ("fun of oc.taylor.biharmonic is None", lambda: oc.taylor.biharmonic(None)),
    ],
    "give arrays of numbers": [
        ("argument 0 is no array", lambda: oc.jet(jnp.sin, (net,), ([1.0],))),
    ],
    "use jax.numpy": [
        ("cannot be called", lambda: oc.jet(np.sin, (1.0,), ([1.0],))),
        (
            "cannot be called",
            lambda: oc.taylor.laplacian(lambda z: np.sin(z).sum())(jnp.ones(3)),
        ),
    ],
    "derivatives(f, 3)": [
        ("order=-1", lambda: oc.taylor.derivatives(jnp.sin, -1)),
    ],
    "derivatives(f, n, along=v)": [
        ("(3,)", lambda: oc.taylor.derivatives(jnp.sin, 2)(jnp.ones(3))),
    ],
    "partials(f, [(2, 0), (1, 1)])": [
        ("(-1, 1)", lambda: oc.taylor.partials(norm, [(-1, 1)])),
    ],
    "give multi-indices of length d": [
        ("3 exponents", lambda: oc.taylor.partials(norm, [(1, 1, 1)])(jnp.ones(2))),
    ],
    "oc.taylor.derivatives(f, 3)(x)": [
        ("needs order", lambda: oc.taylor.derivatives(jnp.sin)),
        ("fun=2", lambda: oc.taylor.derivatives(2, jnp.sin)),
    ],
}

# Flax's own, about running averages in single precision.
pytestmark = pytest.mark.filterwarnings("ignore:scatter inputs:FutureWarning")

ROWS = [(way, wrong, run) for way, rows in MISTAKES.items() for wrong, run in rows]


def test_there_are_many() -> None:
    assert len(ROWS) >= 240


@pytest.mark.parametrize(
    ("way", "wrong", "run"),
    ROWS,
    ids=[f"{a[:30]}-{b[:30]}" for a, b, _ in ROWS],
)
def test_a_mistake_is_told(way: str, wrong: str, run: Callable[[], object]) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        run()
    told = str(caught.value)
    assert wrong in told
    assert way in told
    assert "hint: " in told
