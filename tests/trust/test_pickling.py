"""Errors, plans, residuals and losses go to other processes, and are copied."""

import copy
import importlib
import pickle
from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests import apart

t, x, s, nu = sp.symbols("t x s nu")
U = sp.Function("u")
u = U(t, x)
A = sp.Function("A", complex=True)(t, x)
X = oc.vector("x", 4)
i = oc.index("i", X)
W = sp.Function("w")(X)
PROBLEM = oc.parse(
    """coordinates t in [0, 1], x
    field u
    parameter nu = 0.1
    heat: u_t = nu*u_xx
    initial at t = 0: u = sin(x)"""
)
POINTS = np.asarray([[0.3, 0.4], [0.5, -0.2]])


def net(z):
    return jnp.exp(z[0]) * jnp.sin(2 * z[1])


def apply(params, z):
    return params * net(z)


def wide(z):
    return jnp.sum(jnp.sin(z))


HEAT = oc.compile(PROBLEM)
LOSS = oc.sobolev_loss(u.diff(t) - nu * u.diff(x, 2), 1, x)
RULE = {"s": oc.gauss_legendre(4)}
EVALUATED = {
    "a residual": (HEAT, net, {}),
    "complex": (oc.compile(sp.I * A.diff(t) + abs(A) ** 2 * sp.conjugate(A)), net, {}),
    "a sampled sum": (
        oc.compile(oc.Sum(oc.D(W, X[i], 2), i), estimator=oc.Sparse(2)),
        wide,
        {"key": jax.random.PRNGKey(0)},
    ),
    "an integral": (
        oc.compile(u.diff(t) - oc.Integral(U(t, s), (s, 0, x))),
        net,
        {"quadrature": RULE},
    ),
    "bound": (HEAT.bind(apply), 2.0, {}),
    "a bound loss": (LOSS.bind(apply), 2.0, {"nu": 0.3}),
}


def evaluate(item, first, given):
    points = jnp.linspace(0.1, 1, 8).reshape(2, 4) if first is wide else POINTS
    return jax.tree.leaves(item(first, points, **given))


def raised(call):
    with pytest.raises(oc.OperatorError) as caught:
        call()
    return caught.value


ERRORS = {
    "an expression": raised(lambda: oc.compile(sp.Symbol("x"))),
    "a text": raised(lambda: oc.parse("coordinates x; field u; e: u_q = 0")),
    "a network": raised(lambda: HEAT(lambda z: z, POINTS)),
    "with a cause": raised(lambda: HEAT(lambda a, b: a, POINTS)),
}
WAYS = {
    "copied": copy.copy,
    "deep-copied": copy.deepcopy,
    "pickled": lambda item: pickle.loads(pickle.dumps(item)),
    "pickled of old": lambda item: pickle.loads(pickle.dumps(item, protocol=0)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_errors_stay_what_they_are(error, way):
    again = way(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.args == error.args


def test_an_error_keeps_its_notes_and_a_subclass_its_kind():
    class Own(oc.OperatorError):
        def __init__(self, number):
            super().__init__(f"number {number}", hint="another")
            self.number = number

    error = Own(3)
    error.add_note("while training")
    again = copy.copy(error)
    assert (again.number, again.__notes__, str(again)) == (
        3,
        ["while training"],
        str(error),
    )


@pytest.mark.parametrize("name", EVALUATED)
def test_copies_give_the_same_numbers(name):
    item, first, given = EVALUATED[name]
    items = item, copy.deepcopy(item), WAYS["pickled"](item)
    want, *copies = jax.jit(lambda: [evaluate(one, first, given) for one in items])()
    for found in copies:
        np.testing.assert_array_equal(found, want)


def test_plans_and_problems_are_equal_to_their_copies():
    for way in (copy.copy, copy.deepcopy, WAYS["pickled"]):
        assert way(HEAT.plan) == HEAT.plan
        assert way(HEAT.plan).verify()
        assert way(PROBLEM) == PROBLEM
    assert str(WAYS["pickled"](HEAT.plan.comparison())) == str(HEAT.plan.comparison())


ELSEWHERE = """
import multiprocessing, pickle
import jax, jax.numpy as jnp
import opcompiler as oc

def apply(params, z):
    return params * jnp.exp(z[0]) * jnp.sin(2 * z[1])

def broken(text):
    return oc.compile(oc.parse(text))

def main(file):
    # Started before JAX has threads: the children are forks.
    with multiprocessing.get_context("fork").Pool(1) as pool:
        for text in ["coordinates x; field u; e: u_q = 0", "coordinates x; field u"]:
            try:
                pool.map(broken, [text])
            except oc.OperatorError as error:
                print(type(error).__name__, error.hint)
    jax.config.update("jax_enable_x64", True)
    with open(file, "rb") as opened:
        items, points = pickle.load(opened)
    for item in items:
        for values in jax.tree.leaves(item(2.0, points, nu=0.3)):
            print(*values.reshape(-1).tolist())
"""


def test_another_process_raises_and_evaluates(tmp_path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    monkeypatch.syspath_prepend(tmp_path)
    there = importlib.import_module("elsewhere").apply
    items = [HEAT.bind(there), HEAT.bind({"u": there}), LOSS.bind(there)]
    file = tmp_path / "items.pkl"
    file.write_bytes(pickle.dumps((items, np.asarray(POINTS))))
    program = f"import elsewhere; elsewhere.main({str(file)!r})"
    (said,) = apart.printed(("-c", program), cwd=tmp_path, timeout=100)
    lines = said.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["NotationError", "OperatorError"]
    for line, item in zip(lines[2:], items, strict=True):
        (want,) = evaluate(item, 2.0, {"nu": 0.3})
        np.testing.assert_allclose(list(map(float, line.split())), want, rtol=1e-12)


def test_a_bound_residual_is_lowered_and_compiled():
    both = oc.compile({"z": u.diff(t), "a": u.diff(x) - nu * u}).bind(apply)
    lowered = both.lower(2.0, POINTS, nu=0.5)
    assert "func.func" in lowered.as_text()
    compiled = lowered.compile()
    assert compiled.cost_analysis()
    got, want = compiled(2.0, POINTS, nu=0.5), both(2.0, POINTS, nu=0.5)
    assert isinstance(got, OrderedDict)
    assert list(got) == list(want) == ["z", "a"]
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-12)


def test_lowering_takes_shapes_keys_rules_defaults_and_functions():
    shape = jax.ShapeDtypeStruct(POINTS.shape, POINTS.dtype)
    f = HEAT.bind(apply)
    want = f(2.0, POINTS)["heat"]
    got = f.lower(2.0, shape).compile()(2.0, POINTS)["heat"]
    np.testing.assert_allclose(got, want)
    own = lambda z: z[0]
    got = f.lower(2.0, shape, nu=own).compile()(2.0, POINTS)["heat"]
    np.testing.assert_allclose(got, f(2.0, POINTS, nu=own)["heat"])
    memory = EVALUATED["an integral"][0].bind(apply)
    h = memory.lower(2.0, shape, quadrature=RULE).compile()
    again = h(2.0, POINTS, quadrature=RULE)
    np.testing.assert_allclose(again, memory(2.0, POINTS, quadrature=RULE))
    sampled = EVALUATED["a sampled sum"][0].bind(lambda p, z: p * wide(z))
    key, points = jax.random.key(3), jnp.ones((3, 4))
    k = sampled.lower(2.0, points, key=key).compile()
    np.testing.assert_allclose(
        k(2.0, points, key=key), sampled(2.0, points, key=key), rtol=1e-12
    )
    with pytest.raises(oc.OperatorError, match="no value"):
        LOSS.bind(apply).terms[""].rows.lower(2.0, POINTS)
