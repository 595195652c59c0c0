"""`explain` with a network: prices of pushes, of draws, and where directions end."""

import re
from inspect import getsourcelines
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.taylor.price import operations
from tests.draws import normal

D, N = 48, 64
X = oc.vector("x", D)
I, J = oc.index("i", X), oc.index("j", X)
U = sp.Function("u")(X)
LAPLACIAN = oc.laplacian(U, X)
FOURTH = oc.Sum(oc.D(U, X[I], 4), I)
POINTS = np.ones((N, D))


def perceptron(params, z):
    for w in params:
        z = jnp.tanh(z @ w)
    return jnp.sum(z)


def layers(*widths):
    shapes = zip((D, *widths), widths, strict=False)
    return [normal(k, s) for k, s in enumerate(shapes)]


def of_nodes(params, z):
    """16 nodes of 3 coordinates, which do not see each other."""
    nodes = z.reshape(16, 3)
    return perceptron(params, nodes)


def mixing(params, z):
    """Nodes, and then a layer that sees all of them."""
    nodes = jnp.tanh(z.reshape(16, 3) @ params[0])
    together = nodes.reshape(-1) @ params[1]
    return jnp.sum(jnp.tanh(together))


def explained(equation, network, params, points=POINTS, **options):
    residual = oc.compile(equation, **options)
    text = residual.bind(network).explain(params, points)
    assert text.startswith(residual.explain())
    return text


def line_of(network, words):
    lines, first = getsourcelines(network)
    return first + next(n for n, line in enumerate(lines) if words in line)


def prices(text):
    """What a draw costs, and all terms."""
    found = re.search(r"this draw (\S+), all \d+ terms (\S+) without", text)
    assert found
    return tuple(map(float, found.groups()))


def test_a_narrow_layer_needs_no_draw_of_more_samples() -> None:
    params = layers(4, 4)
    for estimator in (oc.Sparse(8), oc.Dense(8)):
        text = explained(LAPLACIAN, perceptron, params, estimator=estimator)
        draw, every = prices(text)
        assert every < 1.5 * draw
    text = explained(LAPLACIAN, perceptron, params, estimator=oc.Sparse(24))
    assert "leave the estimator out" in text


def test_a_wide_layer_makes_a_draw_cheaper() -> None:
    text = explained(LAPLACIAN, perceptron, layers(64, 64), estimator=oc.Sparse(8))
    draw, every = prices(text)
    assert every > 4 * draw
    assert "leave the estimator out" not in text
    assert "in the place of" not in text


def test_parts_that_do_not_see_each_other_need_no_draw() -> None:
    (first, *_) = layers(8)
    params = [first[:3], jnp.ones((8, 8))]
    text = explained(LAPLACIAN, of_nodes, params, estimator=oc.Dense(8))
    draw, every = prices(text)
    assert every < draw
    assert "they cost no more, leave the estimator out" in text
    # Few terms stay in few nodes, so that they cost less than all.
    draw, every = prices(explained(LAPLACIAN, of_nodes, params, estimator=oc.Sparse(8)))
    assert every > 2 * draw


def test_nothing_is_claimed_of_what_is_no_sum_of_squares() -> None:
    """A narrow layer does not help these sums: all terms cost in proportion."""
    params = layers(4, 4)
    squares = oc.Sum(oc.D(U, X[I], 2) ** 2, I)
    for equation in (FOURTH, squares):
        text = explained(equation, perceptron, params, estimator=oc.Sparse(8))
        draw, every = prices(text)
        assert every > 3 * draw
        assert "leave the estimator out" not in text
        assert "in the place of" not in text


def test_sums_that_share_no_draw_are_priced_one_by_one() -> None:
    both = LAPLACIAN + FOURTH
    estimator = oc.Sparse(24, shared=False)
    text = explained(both, perceptron, layers(4, 4), estimator=estimator)
    draws = [line for line in text.splitlines() if "this draw" in line]
    assert ["leave" in line for line in draws] in ([True, False], [False, True])


def test_the_moments_that_a_law_lacks_count_to_its_draw() -> None:
    """The biharmonic by signs: two sums in the place of one."""
    text = explained(oc.biharmonic(U, X), perceptron, layers(4), estimator=oc.Dense(4))
    assert len(re.findall("this draw", text)) == 1
    costs = re.findall(r"u at \(x\): (\S+)", text)
    assert len(costs) == 2
    assert prices(text)[0] == pytest.approx(sum(map(float, costs)), rel=0.01)


def test_a_sum_with_too_many_terms_says_so() -> None:
    many = oc.vector("y", 10**4)
    i, j = oc.index("i", many), oc.index("j", many)
    v = sp.Function("v")(many)
    mixed = oc.Sum(oc.D(v, many[i], 2, many[j], 2), i, j)
    text = explained(
        mixed, lambda w, z: jnp.sum(w * z**4), 1.0, jnp.ones((2, 10**4)),
        estimator=oc.Sparse(2),
    )  # fmt: skip
    assert "terms" in text.splitlines()[-1]
    assert "leave the estimator out" not in text


def test_where_directions_end() -> None:
    text = explained(LAPLACIAN, perceptron, layers(6, 6))
    place = f"test_costs.py:{line_of(perceptron, 'z @ w')} (perceptron)"
    assert f"{D} directions, 1 per element" in text
    assert re.search(
        f"all {D} at every element from dot_general, .*{re.escape(place)}", text
    )
    assert re.search(
        f"6 in the place of {D} behind dot_general, .*{re.escape(place)}", text
    )


def test_where_parts_are_mixed() -> None:
    (first, *_) = layers(8)
    params = [first[:3], jnp.ones((16 * 8, 60))]
    text = explained(LAPLACIAN, mixing, params)
    place = f"test_costs.py:{line_of(mixing, 'params[1]')} (mixing)"
    (line,) = (line for line in text.splitlines() if "every element" in line)
    assert place in line
    assert "(3 per element before)" in line
    # Kept apart nowhere, and pushed some at a time.
    residual = oc.compile(LAPLACIAN, chunk=8)
    text = residual.bind(mixing).explain(params, POINTS)
    assert "8 directions at a time" in text


def test_where_directions_end_inside_of_calls() -> None:
    """The line of the body is the one, not that of the call."""
    inside = lambda params, z: jax.checkpoint(jax.jit(perceptron))(params, z)
    text = explained(LAPLACIAN, inside, layers(6, 6))
    lines = [line for line in text.splitlines() if "every element" in line]
    assert len(lines) == 1
    assert "(perceptron)" in lines[0]


@jax.custom_jvp
def bent(z):
    return z + jnp.sin(z)


@bent.defjvp
def _(values, changes):
    return bent(*values), changes[0] * (1 + jnp.cos(values[0]))


@pytest.mark.parametrize(
    "inside",
    [
        bent,
        jax.lax.erf_inv,
        lambda z: jnp.linalg.slogdet(z[:4].reshape(1, 2, 2) + 2 * jnp.eye(2))[1],
    ],
)
def test_what_goes_by_its_jvp(inside) -> None:
    """A function without a rule is priced as any other."""
    net = lambda params, z: jnp.sum(jnp.tanh(inside(jnp.sin(z) / 2) @ params[0]))
    rows = 1 if inside not in (bent, jax.lax.erf_inv) else D
    text = explained(LAPLACIAN, net, [layers(4)[0][:rows]])
    assert "in evaluations of the network" in text


def test_every_way_to_call_a_residual() -> None:
    x, y = sp.symbols("x y")
    u, v = (sp.Function(name)(x, y) for name in "uv")
    nu = sp.Symbol("nu")
    residual = oc.compile([u.diff(x, y) + nu * v, v.diff(x)], fields=["u", "v"])
    nets = {"u": lambda p: jnp.sin(p[0]) * p[1], "v": lambda p: p[0] * p[1]}
    for points in (jnp.ones((3, 2)), oc.grid(x=jnp.ones(4), y=jnp.ones(5))):
        text = residual.explain(nets, points, nu=0.1)
        assert len(re.findall(r"^  [uv] at \(x, y\): \d", text, re.MULTILINE)) == 2
    with pytest.raises(oc.OperatorError, match="nu"):
        residual.explain(nets, jnp.ones((3, 2)))
    with pytest.raises(oc.OperatorError, match="points"):
        residual.explain(nets)
    with pytest.raises(oc.OperatorError, match="v has no value"):
        residual.explain({"u": nets["u"]}, jnp.ones((3, 2)), nu=0.1)


def test_fields_at_fields_and_integrals() -> None:
    t = sp.Symbol("t")
    u, k = sp.Function("u"), sp.Function("k")
    residual = oc.compile(k(u(t)).diff(t), coordinates=[t])
    nets = {"u": lambda p: jnp.sin(p[0]), "k": lambda p: p[0] ** 2}
    assert "k at (u(t))" in residual.explain(nets, jnp.ones((3, 1)))
    s = sp.Symbol("s")
    integral = oc.compile(oc.Integral(u(s), (s, 0, t)) - u(t), coordinates=[t])
    rule = {"s": oc.gauss_legendre(5)}
    text = integral.explain(nets["u"], jnp.ones((3, 1)), quadrature=rule)
    assert "costs at 3 points" in text


def test_the_page_about_estimators() -> None:
    page = Path(__file__).parents[2] / "docs" / "estimators.md"
    (block,) = re.findall(
        r"```python\n(import jax\n.*?)```", page.read_text(), re.DOTALL
    )
    exec(compile(block, page.name, "exec"), {})


def test_operations_are_counted() -> None:
    def count(function, *shapes):
        return operations(jax.make_jaxpr(function)(*map(jnp.ones, shapes)).eqns)

    assert count(jnp.matmul, (5, 7), (7, 3)) == 2 * 5 * 7 * 3
    convolved = lambda x, k: jax.lax.conv(x, k, (1, 1), "VALID")
    assert count(convolved, (2, 3, 9, 9), (4, 3, 2, 2)) == 2 * 4 * 64 * 2 * 3 * 4
    loop = lambda x: jax.lax.scan(lambda c, _: (jnp.tanh(c), None), x, length=6)[0]
    assert count(loop, (10,)) == 60
    assert count(lambda a: jax.lax.linalg.cholesky(a), (4, 4)) >= 4**3
    assert count(lambda a: jnp.linalg.eigvalsh(a), (4, 4)) >= 30 * 4
