"""The networks people use, as Equinox modules and as Flax NNX modules, all by rules."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from flax import nnx

import opcompiler as oc
from tests.draws import normal
from tests.shares import only

x, y = sp.symbols("x y")
U = sp.Function("u")(x, y)
EQUATIONS = [U.diff(x, 2) + U.diff(y, 2) + U**2, U.diff(x, 2, y) * U.diff(y)]
SMALL = oc.compile(EQUATIONS[0])
POINTS = np.array([[0.3, 0.7], [-0.4, 0.2], [0.9, -0.6]])
KEYS = jax.random.split(jax.random.key(0), 8)
WIDTH = 6


@functools.cache
def compiled(order: int, strategy: str) -> oc.Residual:
    return oc.compile(EQUATIONS[: order - 1], strategy=strategy)


class EquinoxNet(eqx.Module):
    """One module for all forms: layers, and how they are wired."""

    layers: dict
    form: str = eqx.field(static=True)

    def __init__(self, form):
        def linear(i, rows, columns):
            return eqx.nn.Linear(rows, columns, key=KEYS[i], dtype=jnp.float64)

        self.form = form
        self.layers = {
            "first": linear(0, 2, WIDTH), "second": linear(1, WIDTH, WIDTH),
            "third": linear(2, WIDTH, WIDTH), "gate": linear(3, 2, WIDTH),
            "last": linear(4, WIDTH, 1),
            "norm": eqx.nn.LayerNorm(WIDTH, dtype=jnp.float64),
            "conv": eqx.nn.Conv1d(1, 1, 3, padding=1, key=KEYS[5], dtype=jnp.float64),
            "cell": eqx.nn.GRUCell(2, WIDTH, key=KEYS[6], dtype=jnp.float64),
            "attention": eqx.nn.MultiheadAttention(
                2, 2, output_size=2, key=KEYS[7], dtype=jnp.float64),
        }  # fmt: skip

    def __call__(self, z):
        return wire(self.form, self.layers, z)


class FlaxNet(nnx.Module):
    """The same forms of Flax NNX layers."""

    def __init__(self, form):
        rngs = nnx.Rngs(0)
        dtype = {"dtype": jnp.float64, "param_dtype": jnp.float64}
        self.form = form
        self.layers = nnx.Dict(
            first=nnx.Linear(2, WIDTH, rngs=rngs, **dtype),
            second=nnx.Linear(WIDTH, WIDTH, rngs=rngs, **dtype),
            third=nnx.Linear(WIDTH, WIDTH, rngs=rngs, **dtype),
            gate=nnx.Linear(2, WIDTH, rngs=rngs, **dtype),
            last=nnx.Linear(WIDTH, 1, rngs=rngs, **dtype),
            norm=nnx.LayerNorm(WIDTH, rngs=rngs, **dtype),
            conv=nnx.Conv(1, 1, (3,), rngs=rngs, **dtype),
            cell=nnx.GRUCell(2, WIDTH, rngs=rngs, **dtype),
            attention=nnx.MultiHeadAttention(2, 2, 4, rngs=rngs, decode=False, **dtype),
        )

    def __call__(self, z):
        return wire(self.form, self.layers, z)


def wire(form, layers, z):
    """Wires layers to a network of the named form, (2,) -> ()."""
    first, second, third = layers["first"], layers["second"], layers["third"]
    flax = isinstance(first, nnx.Module)
    if form == "mlp":
        h = jnp.tanh(second(jnp.tanh(first(z))))
    elif form == "resnet with layer norm":
        h = first(z)
        h = h + third(jax.nn.gelu(second(layers["norm"](h))))
    elif form == "attention":
        tokens = jnp.stack([z, z**2, jnp.sin(z)])
        mixed = layers["attention"](*(tokens,) * (1 if flax else 3))
        h = jnp.tanh(first(mixed.mean(0)))
    elif form == "fourier features":
        waves = first(z)
        h = second(jnp.concatenate([jnp.sin(waves)[:3], jnp.cos(waves)[3:]]))
        h = jax.nn.silu(h)
    elif form == "siren":
        h = jnp.sin(3 * second(jnp.sin(3 * first(z))))
    elif form == "modified mlp":
        gate, other = jnp.tanh(layers["gate"](z)), jnp.tanh(first(z))
        h = jnp.tanh(second(other))
        h = h * gate + (1 - h) * other
    elif form == "convolution":
        line = jnp.tanh(first(z))
        h = (
            layers["conv"](line[:, None])[:, 0]
            if flax
            else layers["conv"](line[None])[0]
        )
        h = jax.nn.softplus(h)
    elif form == "deeponet":
        h = jnp.tanh(first(z)) * third(jax.nn.sigmoid(layers["gate"](jnp.ones(2))))
    elif form == "rnn":

        def step(state, k):
            inputs = z * (1 + k)
            new = layers["cell"](*((state, inputs) if flax else (inputs, state)))
            return (new[0] if flax else new), None

        h, _ = jax.lax.scan(step, jnp.zeros(WIDTH), jnp.arange(3.0))
    else:
        raise AssertionError(form)
    return layers["last"](h)[0]


def numbers(tree):
    """The same tree with drawn numbers for its arrays, of which the shapes are known."""

    def draw(place, leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.key(0)
        return jax.device_put(np.asarray(normal(place, leaf.shape) / 2, leaf.dtype))

    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten(itertools.starmap(draw, enumerate(leaves)))


def made(library, form):
    """The network, whose own ways to draw weights are not compiled."""
    if library is EquinoxNet:
        shapes, rest = eqx.partition(
            eqx.filter_eval_shape(EquinoxNet, form),
            lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct),
        )
        return eqx.combine(numbers(shapes), rest)
    graph, state = nnx.split(nnx.eval_shape(lambda: FlaxNet(form)))
    return nnx.merge(graph, numbers(state))


FORMS = ["mlp", "resnet with layer norm", "attention", "fourier features", "siren",
         "modified mlp", "convolution", "deeponet", "rnn"]  # fmt: skip


LIBRARIES = (EquinoxNet, FlaxNet)


LARGE = {"attention", "resnet with layer norm", "convolution", "rnn"}
"""Of second order by default, the others of third."""
CHOSEN = [
    (LIBRARIES[place % 2], form, 2 if form in LARGE else 3)
    for place, form in enumerate(FORMS)
]


@pytest.mark.parametrize(
    ("library", "form", "order"),
    only(CHOSEN, dict.fromkeys([*CHOSEN, *itertools.product(LIBRARIES, FORMS, [3])])),
)
def test_against_nested_forward_mode(library, form: str, order: int) -> None:
    net = made(library, form)
    one = lambda z: net(z)

    @jax.jit
    def both(points):
        return [compiled(order, way)(one, points) for way in ("auto", "nested")]

    # Flax computes attention weights in float32 whatever the dtype of the layer.
    rtol = 1e-6 if "f32" in str(jax.make_jaxpr(net)(POINTS[0])) else 1e-9
    assert (rtol == 1e-6) == ((library, form) == (FlaxNet, "attention"))
    for ours, theirs in zip(*both(POINTS), strict=True):
        assert ours.dtype == jnp.float64
        # Single precision rounds relative to the largest numbers.
        atol = rtol * np.max(np.abs(theirs)) if rtol == 1e-6 else 1e-11
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def test_an_equinox_module_is_differentiable_in_place() -> None:
    @eqx.filter_jit
    @eqx.filter_grad
    def slope(net):
        return jnp.mean(SMALL(net, POINTS) ** 2)

    found = jax.tree.leaves(slope(made(EquinoxNet, "mlp")))
    assert all(np.all(np.isfinite(leaf)) for leaf in found)


def test_a_flax_module_through_bind() -> None:
    net = made(FlaxNet, "mlp")
    graph, state = nnx.split(net)
    bound = SMALL.bind(lambda state, z: nnx.merge(graph, state)(z))

    @jax.jit
    def both(state):
        return bound(state, POINTS), SMALL(lambda z: net(z), POINTS)

    np.testing.assert_allclose(*both(state), rtol=1e-12)


def test_what_jax_cannot_differentiate_is_named() -> None:
    def net(z):
        shape = jax.ShapeDtypeStruct((), z.dtype)
        return jax.pure_callback(
            lambda a: np.sin(a[..., 0]), shape, z, vmap_method="expand_dims"
        )

    with pytest.raises(oc.OperatorError) as caught:
        oc.compile(U.diff(x))(net, POINTS)
    assert "pure_callback" in caught.value.problem
    assert "test_networks.py" in str(caught.value)
    assert "custom_jvp" in caught.value.hint
