"""What a user gets back can be read at a prompt: no closures, no arrays, no addresses."""

import functools
import inspect

import jax
import jax.numpy as jnp
import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

import opcompiler as oc

t, x, nu = sp.symbols("t x nu")
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
X = oc.vector("x", 100)
BURGERS = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)
RESIDUAL = oc.compile(BURGERS)
PROBLEM = oc.parse(
    "coordinates t, x; field u; u_t = u_xx; condition start: u(0, x) = 1"
)


def mlp(params, point):
    return jnp.sum(jnp.tanh(point @ params))


BOUND = RESIDUAL.bind(mlp)
LOSS = oc.sobolev_loss(BURGERS, 1, [t, x], weights=[1, 0.5])
SQUARES = oc.least_squares([
    (BOUND, jnp.ones((7, 2)), 10.0, {"nu": 0.1}),
    (mlp, jnp.ones((3, 2)), jnp.ones(3)),
    (jnp.sum, None),
])  # fmt: skip

SHOWN = {
    "residual": (
        lambda: RESIDUAL,
        "<Residual of 1 equation, field u, coordinates t, x, parameter nu, 4 channels>",
    ),
    "residuals": (
        lambda: oc.compile([u.diff(x), v]),
        "<Residual of 2 equations, fields u, v, coordinates t, x, 2 channels>",
    ),
    "sampled": (
        lambda: oc.compile(
            oc.laplacian(sp.Function("u")(X), X), estimator=oc.Sparse(4)
        ),
        "<Residual of 1 equation, field u, coordinate x, 3 channels, sampled by Sparse>",
    ),
    "bound": (
        lambda: BOUND,
        "<Residual of 1 equation, field u, coordinates t, x, parameter nu, 4 channels; "
        "bound to mlp>",
    ),
    "bound by field": (
        lambda: oc.compile([u.diff(x), v]).bind({"u": mlp, "v": jnp.tanh}),
        "<Residual of 2 equations, fields u, v, coordinates t, x, 2 channels; "
        "bound to mlp for u, tanh for v>",
    ),
    "sobolev": (
        lambda: LOSS,
        "<Sobolev loss of field u, parameter nu; 3 squares at the points, "
        "weights 1, 0.5, 0.5>",
    ),
    "sobolev, two sets": (
        lambda: oc.sobolev_loss([u, v], {"inside": 0, "origin": 1}, x).bind(mlp),
        "<Sobolev loss of fields u, v; 2 squares at inside, weights 1, 1; "
        "4 squares at origin, weights 1, 1, 1, 1; bound to mlp>",
    ),
    "least squares": (
        lambda: SQUARES,
        "<Least squares of 3 terms:\n"
        "  <Residual of 1 equation, field u, coordinates t, x, parameter nu, 4 channels; "
        "bound to mlp> at 7 points, weight 10\n"
        "  mlp at 3 points, weight (3,)\n"
        "  sum of the parameters>",
    ),
    "curvature": (
        lambda: SQUARES.kfac(jnp.ones((2, 5))),
        "<KFac of 0 layers and 1 block:  (10, 10)>",
    ),
    "grid": (
        lambda: oc.grid(t=jnp.ones(3), xy=jnp.ones((4, 2))),
        "<Grid t: (3,), xy: (4, 2)>",
    ),
    "functions": (
        lambda: oc.over({"a": jnp.ones((3, 4)), "b": jnp.ones(3)}, jnp.ones((5, 1))),
        "<Functions a (3, 4), b (3,) over points (5, 1)>",
    ),
    "functions on a grid": (
        lambda: oc.over(jnp.ones((3, 4)), oc.grid(x=jnp.ones(5))),
        "<Functions (3, 4) over points <Grid x: (5,)>>",
    ),
    "pairs": (
        lambda: oc.along(jnp.ones((5, 4)), {"x": jnp.ones(5)}),
        "<Pairs of functions (5, 4) and points x (5,)>",
    ),
    "plan": (
        lambda: RESIDUAL.plan,
        "<Plan algebra: 4 channels in 1 push, 4 functionals of u>",
    ),
    "contamination": (
        lambda: oc.contamination({2: "x", 3: "y"}, 7),
        "<Contamination of a jet of order 7: e_x in slot 2, e_y in slot 3>",
    ),
    "part": (
        lambda: PROBLEM.condition("start"),
        "<Part of a problem, start: u(0, x) = 1>",
    ),
    "estimator": (
        lambda: oc.Dense(8, per_point=True),
        "Dense(samples=8, distribution='rademacher', per_point=True, antithetic=False)",
    ),
}


@functools.cache
def shown(name: str) -> object:
    make, _ = SHOWN[name]
    return make()


@pytest.mark.parametrize("name", SHOWN)
def test_it_can_be_read(name: str) -> None:
    thing, (_, text) = shown(name), SHOWN[name]
    assert repr(thing) == text
    assert str(thing) == text or name in ("plan", "contamination")


def test_every_public_class_says_what_it_holds() -> None:
    """None has the repr of `object`, with an address in it."""
    classes = [getattr(oc, name) for name in oc.__all__]
    classes = {c for c in classes if inspect.isclass(c)} | {
        type(shown(name)) for name in SHOWN
    }
    silent = [c for c in classes if c.__repr__ is object.__repr__]
    assert not silent


def test_traced_weights_have_no_numbers_to_show() -> None:
    seen = []

    def loss(weight):
        own = oc.sobolev_loss(u, 1, x, weights=[1.0, weight])
        seen.append(repr(own))
        return own(lambda p: p[0], jnp.ones((2, 2)))

    jax.jit(loss)(2.0)
    assert seen == ["<Sobolev loss of field u; 2 squares at the points, weights 1, ()>"]


LATEX = {
    "residual": (RESIDUAL, r"- \nu {u}_{xx} + u {u}_{x} + {u}_{t} &= 0"),
    "bound": (BOUND, r"- \nu {u}_{xx} + u {u}_{x} + {u}_{t} &= 0"),
    "sobolev": (
        LOSS,
        r"L &= \frac{1}{N} \sum_{k=1}^{N} \left(|R|^2 + 0.5 |\partial_{t} R|^2 + "
        r"0.5 |\partial_{x} R|^2\right)(x_k) \\ R &= - \nu {u}_{xx} + u {u}_{x} + {u}_{t}",
    ),
    "second derivatives": (
        oc.sobolev_loss([u * v, u - v], 2, x, weights=[0, 0, 1]),
        r"L &= \frac{1}{N} \sum_{k=1}^{N} \left(|\partial_{x}^{2} R_{1}|^2 + "
        r"|\partial_{x}^{2} R_{2}|^2\right)(x_k) \\ R_{1} &= u v \\ R_{2} &= u - v",
    ),
    "two sets": (
        oc.sobolev_loss(u - x, {"inside": 0, "origin": 1}, x),
        r"\frac{1}{N_{\mathrm{origin}}} \sum_{k=1}^{N_{\mathrm{origin}}} "
        r"\left(|R|^2 + |\partial_{x} R|^2\right)(x_k)",
    ),
    "least squares": (
        SQUARES,
        r"\|r\|^2 = \frac{1}{7} \sum_{k=1}^{7} \left(w_k \left(\left|- \nu {u}_{xx} + "
        r"u {u}_{x} + {u}_{t}\right|^2\right)\right)(x_k) + \frac{1}{3} \sum_{k=1}^{3} "
        r"\left(w_k \left\|\mathrm{mlp}\right\|^2\right)(x_k) + "
        r"\left\|\mathrm{sum}\right\|^2",
    ),
}


@pytest.mark.parametrize("name", LATEX)
def test_formulas(name: str) -> None:
    thing, formula = LATEX[name]
    text = thing._repr_latex_()
    assert formula in text
    start, end = r"$\displaystyle ", "$"
    assert text.startswith(start)
    body = text.removeprefix(start).removesuffix(end)
    for word in (r"\begin{aligned}", r"\end{aligned}", "&"):
        body = body.replace(word, "")
    for line in body.split(r"\\"):
        MathTextParser("path").parse(f"${line.strip()}$")
