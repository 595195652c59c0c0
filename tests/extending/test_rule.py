"""A user's rules, as docs/extending/rule.md writes them; used as a user has them."""

import re
from functools import partial
from pathlib import Path

import jax
import jax.extend as jex
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.taylor import primitives
from tests.shares import one_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending" / "rule.md").read_text()
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
DOCS: dict = {}


@pytest.fixture(scope="module", autouse=True)
def page():
    """Runs the page, and takes its rules back: other tests count what has one."""
    tables = (primitives.TABLE, primitives.CUSTOM)
    before = [dict(table) for table in tables]
    exec(CODE, DOCS)
    DOCS["softened"] = lambda z: (
        jnp.sum(DOCS["softsign"](z) ** 3) + DOCS["spring"](jnp.sin(z))
    )
    yield
    for table, rows in zip(tables, before, strict=True):
        table.clear()
        table.update(rows)


STEPS = 3
"""Of Newton at a root: each doubles the derivatives that are right, here up to 7."""
FEW = 2
"""Enough for three derivatives."""


def lambert(x, steps=STEPS):
    """The same function with JAX's own derivatives: Newton steps that count."""
    w = jax.lax.stop_gradient(DOCS["newton"](jax.lax.stop_gradient(x)))
    for _ in range(steps):
        w = w - (w - x * jnp.exp(-w)) / (1 + w)
    return w


def spring(q, steps=STEPS):
    load = jnp.sum(q * q, -1)
    r = jax.lax.stop_gradient(DOCS["spring"](q))
    for _ in range(steps):
        r = r - (r + r**3 - load) / (1 + 3 * r * r)
    return r


def plain(z):
    """The page's network without anything that has a rule."""
    softsign = z[1] / (1 + jnp.abs(z[1]))
    h = jnp.stack([lambert(z[0] ** 2 + 1), softsign, z[0] * z[1]])
    h = DOCS["mixed"](h, jnp.arange(3.0))
    return spring(h) * h[0]


def along(f, v):
    return lambda z: jax.jvp(f, (z,), (v,))[1]


def nested(f, word, z):
    for place in word:
        f = along(f, jnp.eye(len(z))[place])
    return f(z)


WORDS = [
    [(), (0,), (1,), (0, 1)],
    *([word] for word in ((1, 1), (0, 0, 1), (0, 0, 0), (0, 0, 1, 1))),
]


@pytest.mark.parametrize("words", one_in(len(WORDS), WORDS), ids=str)
def test_derivatives_are_those_of_nested_jvps(words) -> None:
    alphas = {word: (word.count(0), word.count(1)) for word in words}

    @jax.jit
    def everything(z):
        return {
            word: (
                oc.taylor.partials(DOCS["network"], [alpha])(z)[alpha],
                nested(plain, word, z),
            )
            for word, alpha in alphas.items()
        }

    for word, (found, want) in everything(DOCS["point"]).items():
        np.testing.assert_allclose(found, want, rtol=1e-10, err_msg=str(word))


def test_the_page_shows_the_laplacian() -> None:
    want = jax.jit(lambda z: sum(nested(plain, (i, i), z) for i in (0, 1)))
    np.testing.assert_allclose(DOCS["laplacian"], want(DOCS["point"]), rtol=1e-10)


def test_in_compile_and_training() -> None:
    t, x = sp.symbols("t x")
    u = sp.Function("u")(t, x)
    residual = oc.compile(u.diff(t) + u.diff(x, 2) * u)
    points = np.array([[0.7, -0.4], [0.3, 0.5]])

    def want(z, f=plain):
        return nested(f, (0,), z) + nested(f, (1, 1), z) * f(z)

    both = jax.jit(lambda z: (residual(DOCS["network"], z), jax.vmap(want)(z)))
    np.testing.assert_allclose(*both(points), rtol=1e-10)
    scaled = lambda f, a: lambda z: f(a * z)
    loss = lambda a: jnp.sum(residual(scaled(DOCS["softened"], a), points) ** 2)
    true = lambda a: jnp.sum(
        jax.vmap(partial(want, f=scaled(softened, a)))(points) ** 2
    )
    slopes = jax.jit(lambda a: (jax.grad(loss)(a), jax.grad(true)(a)))
    np.testing.assert_allclose(*slopes(0.8), rtol=1e-9)


def softened(z):
    return jnp.sum((z / (1 + jnp.abs(z))) ** 3) + spring(jnp.sin(z), FEW)


def test_families_of_directions() -> None:
    x = jnp.linspace(-0.9, 1.1, 20)
    network = lambda z: jnp.sum(DOCS["softsign"](z)) ** 2 + DOCS["lambert"](z @ z)
    same = lambda z: jnp.sum(z / (1 + jnp.abs(z))) ** 2 + lambert(z @ z, FEW)
    want = lambda x: jnp.trace(jax.jacfwd(jax.jacfwd(same))(x))
    both = jax.jit(lambda x: (oc.taylor.laplacian(network)(x), want(x)))
    np.testing.assert_allclose(*both(x), rtol=1e-10)


def test_sums_over_components() -> None:
    z = oc.vector("z", 20)
    i = oc.index("i", z)
    field = sp.Function("f")(z)
    network = lambda y: jnp.sum(DOCS["softsign"](jnp.sin(y)) * DOCS["lambert"](y * y))
    softsign = lambda y: y / (1 + jnp.abs(y))
    same = lambda y: jnp.sum(softsign(jnp.sin(y)) * lambert(y * y, FEW))
    points = jnp.linspace(-0.9, 1, 40).reshape(2, 20)
    residual = oc.compile(oc.Sum(oc.D(field, z[i], 2), i))
    want = jax.vmap(lambda y: jnp.trace(jax.jacfwd(jax.jacfwd(same))(y)))
    both = jax.jit(lambda points: (residual(network, points), want(points)))
    np.testing.assert_allclose(*both(points), rtol=1e-10)


def test_a_function_with_a_reverse_rule() -> None:
    @jax.custom_vjp
    def clipped(x):
        return jnp.sin(x)

    clipped.defvjp(lambda x: (clipped(x), x), lambda x, c: (c,))
    oc.taylor.register_rule(clipped, elementwise=jnp.cosh)  # not that of its body
    first, second = jax.jit(oc.taylor.derivatives(clipped, 2))(0.4)[1:]
    np.testing.assert_allclose([first, second], [np.cosh(0.4), np.sinh(0.4)])


def test_a_closure_and_a_linear_function() -> None:
    w = jnp.arange(1.0, 4.0)
    twice = jax.custom_jvp(lambda x: 2 * x)
    twice.defjvp(lambda p, t: (twice(*p), 3 * t[0]))
    oc.taylor.register_rule(twice, linear=[0])
    got = jax.jit(oc.taylor.derivatives(lambda s: jnp.sum(twice(w * s**2)), 2))(1.5)
    np.testing.assert_allclose(got, [27.0, 36.0, 24.0])  # by the value, not the JVP


def primitive(name):
    made = jex.core.Primitive(name)
    made.def_impl(lambda x: 2 * x)
    made.def_abstract_eval(lambda x: x)
    return made


def bent(x):
    return jnp.tanh(x)


def custom():
    made = jax.custom_jvp(lambda x: jnp.tanh(x))
    made.defjvp(lambda p, t: (made(*p), t[0]))
    return made


MISUSES = {
    "no kind": (lambda: oc.taylor.register_rule(custom()), "exactly one kind"),
    "two kinds": (
        lambda: oc.taylor.register_rule(custom(), linear=[0], full=bent),
        "exactly one kind",
    ),
    "a plain function": (
        lambda: oc.taylor.register_rule(bent, elementwise=bent),
        "primitives and functions",
    ),
    "no derivative": (
        lambda: oc.taylor.register_rule(jax.custom_jvp(bent), elementwise=bent),
        "no derivative yet",
    ),
    "a primitive of JAX": (
        lambda: oc.taylor.register_rule(jax.lax.tanh_p, elementwise=bent),
        "tanh has a rule already",
    ),
    "twice": (
        lambda: oc.taylor.register_rule(DOCS["softsign"], elementwise=bent),
        "softsign has a rule already",
    ),
    "a primitive twice": (
        lambda: oc.taylor.register_rule(DOCS["mix_p"], linear=[0]),
        "mix has a rule already",
    ),
}


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_is_refused(name) -> None:
    call, message = MISUSES[name]
    with pytest.raises(oc.OperatorError, match=message):
        call()


UNFIT = {
    "a derivative of another shape": ({"elementwise": jnp.sum}, "another shape"),
    "a derivative that fails": ({"elementwise": lambda x: x @ "x"}, "cannot be called"),
    "another operand": ({"linear": [1]}, "operand 1"),
    "an output of another shape": (
        {"full": lambda run, x: run(jnp.sum, x)},
        "other outputs",
    ),
    "too many outputs": ({"full": lambda run, x: [x, x]}, "other outputs"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_refused(name) -> None:
    rule, message = UNFIT[name]
    target = custom()
    oc.taylor.register_rule(target, **rule)
    with pytest.raises(oc.OperatorError, match=message):
        jax.jit(oc.taylor.laplacian(lambda z: jnp.sum(target(z))))(jnp.ones(3))
