"""Weights and scales of a Sobolev loss: none is dropped, none is made up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

x, k, s = sp.symbols("x k s")
u = sp.Function("u")(x)
EQUATION = u.diff(x) - k * u
SETS = {"everywhere": 1, "origin": 2}
POINTS = np.linspace(0.1, 1, 5)[:, None]
nan = float("nan")


def two(j):
    return 2.0**-j


REFUSED = {
    "too many": ({"weights": [1, 2, 3]}, "3 weights for 2"),
    "too few": ({"weights": [1]}, "1 weights for 2"),
    "none": ({"weights": []}, "0 weights for 2"),
    "too many in an array": ({"weights": np.ones(3)}, "3 weights for 2"),
    "a number": ({"weights": 0.5}, "weights of oc.sobolev_loss is a float"),
    "a text": ({"weights": "12"}, "weights of oc.sobolev_loss is a str"),
    "a set": ({"weights": {1, 2}}, "weights"),
    "by a name": ({"weights": {"everywhere": [1, 2]}}, "no point set 'everywhere'"),
    "of None": ({"weights": [1, None]}, "number 1 of the weights is None"),
    "negative": ({"weights": [1, -1]}, "number 1 of the weights is -1"),
    "not finite": ({"weights": [1, nan]}, "number 1 of the weights is nan"),
    "complex": ({"weights": [1, 1j]}, "number 1 of the weights is 1j"),
    "a symbol": ({"weights": [1, k]}, "number 1 of the weights is k"),
    "arrays": ({"weights": [1, np.ones(3)]}, "number 1 of the weights"),
    "a function that gives none": ({"weights": lambda j: None}, "weights is None"),
    "a function of nothing": ({"weights": lambda: 1}, "no numbers in order"),
    "nothing": ({"weights": [0, 0]}, "all 0"),
    "too many scales": ({"scales": [1, 2]}, "2 scales for 1"),
    "no scales": ({"scales": []}, "0 scales for 1"),
    "a scale": ({"scales": 2.0}, "scales of oc.sobolev_loss is a float"),
    "a scale of nothing": ({"scales": [None]}, "number 0 of the scales is None"),
    "for sets too many": ({"order": SETS, "weights": [1, 2, 3, 4]}, "4 weights for 3"),
    "for sets too few": ({"order": SETS, "weights": [1, 2]}, "2 weights for 3"),
    "of an unknown set": (
        {"order": SETS, "weights": {"orgin": [1, 2, 3]}},
        "no point set 'orgin'",
    ),
    "of a set too many": (
        {"order": SETS, "weights": {"everywhere": [1, 2, 3]}},
        "3 weights of 'everywhere' for 2",
    ),
    "an order that is no number": (
        {"order": 1.0},
        "order of oc.sobolev_loss is a float",
    ),
    "no point set": ({"order": {}}, "needs a point set"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_weights_that_do_not_fit_are_refused(options, message):
    with pytest.raises(oc.OperatorError, match=message) as caught:
        oc.sobolev_loss(EQUATION, **({"order": 1, "wrt": x} | options))
    assert caught.value.hint


def test_weights_count_as_they_are_given():
    net = lambda z: jnp.exp(2 * z[0])
    row = jnp.mean(jnp.exp(4 * POINTS))  # R = (2 - k) u with k = 1
    for weights in ([3, 5], (3, 5), np.asarray([3.0, 5.0]), lambda j: 3 + 2 * j):
        loss = oc.sobolev_loss(EQUATION, 1, x, weights=weights, scales=[2])
        found = loss(net, POINTS, k=1.0)
        np.testing.assert_allclose(found, 4 * (3 * row + 5 * 4 * row), rtol=1e-12)


def test_weights_of_several_sets():
    net = lambda z: jnp.exp(2 * z[0])
    sets = {"everywhere": POINTS, "origin": jnp.zeros((1, 1))}
    row = jnp.mean(jnp.exp(4 * POINTS))
    shared = oc.sobolev_loss(EQUATION, SETS, x, weights=[1, 2, 3])(net, sets, k=1.0)
    np.testing.assert_allclose(shared, row * (1 + 8) + 1 + 8 + 48, rtol=1e-12)
    own = {"origin": [0, 0, 1], "everywhere": two}
    found = oc.sobolev_loss(EQUATION, SETS, x, weights=own)(net, sets, k=1.0)
    np.testing.assert_allclose(found, row * (1 + 2) + 16, rtol=1e-12)


def test_weights_may_be_traced_numbers():
    net = lambda z: jnp.exp(2 * z[0])

    def value(weight):
        return oc.sobolev_loss(EQUATION, 1, x, weights=[1, weight])(net, POINTS, k=1.0)

    row = jnp.mean(jnp.exp(4 * POINTS))
    np.testing.assert_allclose(jax.jit(value)(2.0), 9 * row, rtol=1e-12)


def test_a_parameter_of_one_set_alone_is_given_once():
    loss = oc.sobolev_loss(
        u.diff(x) - s, SETS, x, weights={"everywhere": [1, 0], "origin": [0, 1, 0]}
    )
    assert loss.parameters == ("s",)
    sets = {"everywhere": POINTS, "origin": jnp.zeros((1, 1))}
    net = lambda z: 3 * z[0] ** 2
    want = jnp.mean((6 * POINTS - 2) ** 2) + 36
    np.testing.assert_allclose(loss(net, sets, s=2.0), want, rtol=1e-12)
    bound = loss.bind(lambda p, z: p * z[0] ** 2)
    np.testing.assert_allclose(bound(3.0, sets, s=2.0), want, rtol=1e-12)
    with pytest.raises(oc.OperatorError, match="no parameter r"):
        loss(net, sets, s=2.0, r=1.0)
