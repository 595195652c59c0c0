"""Operators in curvilinear coordinates against Cartesian ones pulled through the map."""

from inspect import isfunction
from pathlib import Path

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp
from sympy.vector import CoordSys3D, Curl, Del, Divergence, Gradient, gradient

import opcompiler as oc
from opcompiler.calculus import systems
from tests.draws import normal, uniform

r, theta, phi, z, t = sp.symbols("r theta phi z t")
a, b = sp.symbols("a b")
x, y, w = sp.symbols("x y w")
SPACE = (x, y, w)

# Systems made when they are tried, and position maps; parabolic ones by the map alone.
PARABOLIC = (a * b * sp.cos(phi), a * b * sp.sin(phi), (a**2 - b**2) / 2)
SYSTEMS = {
    "Cartesian": (lambda: oc.Cartesian(*SPACE), SPACE),
    "cylindrical": (
        lambda: oc.Cylindrical(r, theta, z), (r * sp.cos(theta), r * sp.sin(theta), z),
    ),
    "spherical": (
        lambda: oc.Spherical(r, theta, phi),
        (
            r * sp.sin(theta) * sp.cos(phi),
            r * sp.sin(theta) * sp.sin(phi),
            r * sp.cos(theta),
        ),
    ),
    "parabolic": (lambda: oc.Orthogonal((a, b, phi), PARABOLIC), PARABOLIC),
}  # fmt: skip
AT = {r: 1.3, theta: 0.7, phi: 0.4, z: -0.6, a: 1.1, b: 0.8, x: 0.3, y: -0.5, w: 0.9}

scalar = sp.sin(x + 2 * y) * w**2 + x * y
vector = sp.Matrix([y * w + sp.cos(x), x**2 * w, sp.sin(y) * x])
tensor = sp.Matrix(3, 3, lambda i, j: (i + 1) * SPACE[j] ** 2 * SPACE[i] + SPACE[2 - j])


def units(system, position):
    """Returns the matrix whose columns are the unit vectors, Cartesian components."""
    jacobian = sp.Matrix(position).jacobian(sp.Matrix(system.coordinates))
    return jacobian * sp.diag(*(1 / h for h in system.scales))


def number(value):
    found = sp.Matrix([value]) if isinstance(value, sp.Expr) else value
    function = sp.lambdify(list(AT), found.doit().tolist(), "mpmath")
    with mpmath.workdps(30):
        return np.array(function(*map(mpmath.mpf, AT.values())), float)


def test_every_system_is_tried() -> None:
    made = [n for n, f in vars(systems).items() if n[0].isupper() and isfunction(f)]
    text = Path(__file__).read_text()
    assert len(made) >= 5
    assert not [n for n in made if f"oc.{n}(" not in text]


@pytest.mark.parametrize("name", SYSTEMS)
def test_against_cartesian(name) -> None:
    make, position = SYSTEMS[name]
    system = make()
    pull = dict(zip(SPACE, position, strict=True))
    turn = units(system, position)
    at = lambda value: value.subs(pull, simultaneous=True)
    here = at(scalar)
    moved = turn.T * at(vector)
    turned = turn.T * at(tensor) * turn
    pairs = [
        (oc.grad(here, system), turn.T * at(oc.grad(scalar, SPACE).doit())),
        (oc.laplacian(here, system), at(oc.laplacian(scalar, SPACE).doit())),
        (oc.div(moved, system), at(oc.div(vector, SPACE).doit())),
        (oc.curl(moved, system), turn.T * at(oc.curl(vector, SPACE).doit())),
        (oc.grad(moved, system), turn.T * at(oc.grad(vector, SPACE).doit()) * turn),
        (oc.laplacian(moved, system), turn.T * at(oc.laplacian(vector, SPACE).doit())),
        (
            oc.advect(moved, moved, system),
            turn.T * at(oc.advect(vector, vector, SPACE).doit()),
        ),
        (oc.div(turned, system), turn.T * at(oc.div(tensor, SPACE).doit())),
        (oc.strain(moved, system), turn.T * at(oc.strain(vector, SPACE).doit()) * turn),
        (
            oc.hessian(here, system),
            turn.T * at(oc.hessian(scalar, SPACE).doit()) * turn,
        ),
    ]
    for found, wanted in pairs:
        np.testing.assert_allclose(
            number(found), number(wanted), rtol=1e-12, atol=1e-12
        )


def network(point):
    inner = jnp.arange(1.0, 13).reshape(3, 4) / 7
    return jnp.sum(jnp.tanh(point @ inner + 0.3))


def test_a_network_in_spherical_coordinates() -> None:
    u = sp.Function("u")(r, theta, phi)
    system = oc.Spherical(r, theta, phi)
    residual = oc.compile([oc.laplacian(u, system), oc.norm(oc.grad(u, system))])

    def place(q):
        r, th, ph = q
        s = jnp.sin(th)
        return jnp.array([r * s * jnp.cos(ph), r * s * jnp.sin(ph), r * jnp.cos(th)])

    points = uniform(0, (6, 3), minval=0.4, maxval=1.2)

    @jax.jit
    def both(points):
        there = jax.vmap(place)(points)
        trace = jax.vmap(lambda p: jnp.trace(jax.hessian(network)(p)))(there)
        length = jax.vmap(lambda p: jnp.linalg.norm(jax.grad(network)(p)))(there)
        return residual(lambda q: network(place(q)), points), trace, length

    found, trace, length = both(points)
    np.testing.assert_allclose(found[0], trace, rtol=1e-9)
    np.testing.assert_allclose(found[1], length, rtol=1e-12)


def test_navier_stokes_by_operators_is_that_by_hand() -> None:
    v = oc.VectorField("u v", t, x, y)
    p = sp.Function("p")(t, x, y)
    space = (x, y)
    momentum = oc.material(v, v, t, space) + oc.grad(p, space) - oc.laplacian(v, space)
    f, g = v
    d = sp.Derivative
    by_hand = [
        d(f, t) + f * d(f, x) + g * d(f, y) + d(p, x) - d(f, x, 2) - d(f, y, 2),
        d(g, t) + f * d(g, x) + g * d(g, y) + d(p, y) - d(g, x, 2) - d(g, y, 2),
    ]
    net = lambda q: jnp.stack([network(q), network(2 * q), network(-q)])
    points = normal(1, (4, 3))
    one, other = (oc.compile(e, fields=["u", "v", "p"]) for e in (momentum, by_hand))
    found, wanted = jax.jit(lambda p: (one(net, p), other(net, p)))(points)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_products() -> None:
    assert oc.dot([1, 2, 3], [4, 5, 6]) == 32
    assert oc.cross([1, 0, 0], [0, 1, 0]) == sp.Matrix([0, 0, 1])
    assert oc.cross([x, y], [1, 2]) == 2 * x - y
    assert oc.outer([x, y], [1, 2]) == sp.Matrix([[x, 2 * x], [y, 2 * y]])
    assert oc.norm([3, 4]) == 5
    assert oc.dot(sp.Matrix([[1, 2], [3, 4]]), [x, y]) == sp.Matrix(
        [x + 2 * y, 3 * x + 4 * y]
    )
    assert oc.curl(sp.Function("s")(x, y), (x, y))[0] == sp.Derivative(
        sp.Function("s")(x, y), y
    )
    assert sp.expand(oc.biharmonic(x**4 * y**2, (x, y)).doit()) == 48 * x**2 + 24 * y**2


class TestOverAVector:
    d = 3
    q = oc.vector("q", d)
    u = sp.Function("u")(q)
    i = oc.index("i", q)
    points = normal(2, (3, d)) / 2

    @staticmethod
    def net(point):
        return network(point) * jnp.cos(point[2])

    def test_operators(self) -> None:
        u, q = self.u, self.q
        sigma = normal(3, (self.d, 2))
        matrix = sp.IndexedBase("sigma", shape=(self.d, 2))
        equations = {
            "laplacian": oc.laplacian(u, q),
            "div of grad": oc.div(oc.grad(u, q), q),
            "dot": oc.dot(oc.grad(u, q), q),
            "norm": oc.norm(oc.grad(u, q)),
            "dot with a function": oc.dot(oc.grad(u, q), lambda i: sp.sin(q[i])),
            "advect": oc.advect(q, u, q),
            "trace": oc.trace_hessian(u, q, matrix),
            "biharmonic": oc.biharmonic(u, q),
        }
        residuals = {name: oc.compile(e) for name, e in equations.items()}

        def by_hand(point):
            slope, hessian = jax.grad(self.net)(point), jax.hessian(self.net)(point)
            return {
                "laplacian": jnp.trace(hessian),
                "div of grad": jnp.trace(hessian),
                "dot": slope @ point,
                "norm": jnp.linalg.norm(slope),
                "dot with a function": slope @ jnp.sin(point),
                "advect": slope @ point,
                "trace": jnp.trace(sigma.T @ hessian @ sigma),
                "biharmonic": oc.taylor.biharmonic(self.net)(point),
            }

        @jax.jit
        def both(points):
            found = {
                name: residual(
                    self.net, points, **({"sigma": sigma} if name == "trace" else {})
                )
                for name, residual in residuals.items()
            }
            return found, jax.vmap(by_hand)(points)

        found, wanted = both(self.points)
        for name, want in wanted.items():
            np.testing.assert_allclose(found[name], want, rtol=1e-11, err_msg=name)


def test_sympy_vector() -> None:
    frame = CoordSys3D("frame")
    f = sp.Function("f")(frame.x, frame.y, frame.z)
    g = sp.Function("f")(*SPACE)
    read = lambda e: oc.from_sympy_vector(e, frame, *SPACE)
    held = Gradient(f)
    assert read(held) == oc.grad(g, SPACE)
    assert read(Divergence(held)).doit() == oc.laplacian(g, SPACE)
    assert read(gradient(f, doit=False)) == oc.grad(g, SPACE)
    field = frame.x * frame.y * frame.i + f * frame.k
    assert read(Curl(field)).doit() == sp.Matrix([g.diff(y), -g.diff(x), -x])
    assert read(Del().cross(field)).doit() == read(Curl(field)).doit()
    assert read(2 * field) == 2 * sp.Matrix([x * y, 0, g])
    ball = CoordSys3D("ball", transformation="spherical")
    h = sp.Function("h")(*ball.base_scalars())
    found = oc.from_sympy_vector(Divergence(Gradient(h)), ball, r, theta, phi)
    wanted = oc.laplacian(sp.Function("h")(r, theta, phi), oc.Spherical(r, theta, phi))
    case = {sp.Function("h")(r, theta, phi): r**3 * sp.sin(theta) * sp.cos(phi)}
    assert sp.simplify((found - wanted).subs(case).doit()) == 0


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: oc.div(x, (x, y)), "div takes a vector"),
        (lambda: oc.grad(sp.eye(2), (x, y)), "div takes tensors"),
        (lambda: oc.curl([1, 2, 3, 4], (x, y, w, t)), "2 or 3 components"),
        (lambda: oc.div([x, y], SPACE), "column of 3 components"),
        (lambda: oc.dot([x], [x, y]), "equal length"),
        (lambda: oc.dot(x, [x]), "multiply by a scalar"),
        (lambda: oc.cross([x], [y]), "dot and outer"),
        (lambda: oc.Orthogonal((x, y), (x + y, y)), "not orthogonal"),
        (lambda: oc.Cartesian(x, x), "distinct"),
        (lambda: oc.Cartesian("x"), "symbols"),
        (lambda: oc.grad(x, sp.IndexedBase("q")), "oc.vector"),
        (lambda: oc.hessian(x, oc.vector("q", 3)), "oc.Sum"),
        (lambda: oc.dot(oc.grad(x, oc.vector("q", 3)), 7), "function of the index"),
        (
            lambda: oc.trace_hessian(x, oc.vector("q", 3), sp.IndexedBase("s")),
            "shape=",
        ),
    ],
)  # fmt: skip
def test_messages(call, reason) -> None:
    with pytest.raises(oc.OperatorError, match=reason):
        call()


def test_elasticity_in_polar_coordinates_has_lames_solution() -> None:
    # A ring under pressure: u_r = A r + B / r, without body force and turning.
    r, theta, lam, mu = sp.symbols("r theta lam mu", positive=True)
    polar = oc.Polar(r, theta)
    v = oc.VectorField("u w", polar)
    assert v == oc.VectorField("u w", r, theta)
    stress = lam * oc.div(v, polar) * sp.eye(2) + 2 * mu * oc.strain(v, polar)
    residual = oc.compile([*oc.div(stress, polar)], fields=["u", "w"])
    points = uniform(2, (5, 2), minval=1, maxval=2)
    ring = lambda q: jnp.stack([0.3 * q[0] + 0.7 / q[0], 0 * q[1]])
    bent = lambda q: jnp.stack([q[0] ** 2, 0 * q[1]])
    found, bends = jax.jit(
        lambda p: [residual(net, p, lam=1.3, mu=0.8) for net in (ring, bent)]
    )(points)
    np.testing.assert_allclose(np.stack(found), 0, atol=1e-12)
    wanted = 3 * (1.3 + 2 * 0.8)  # (lam + 2 mu) (u'' + u'/r - u/r^2)
    np.testing.assert_allclose(bends[0], wanted)
