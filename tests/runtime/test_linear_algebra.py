"""Held inverses, determinants and products: against SymPy written out, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime import linear_algebra
from tests.shares import only

x, y, k = sp.symbols("x y k")
u, v = (sp.Function(name)(x, y) for name in "uv")
POINTS = np.asarray(np.random.default_rng(0).uniform(0.2, 0.9, (6, 2)))
NET = lambda p: jnp.stack([jnp.sin(p[0] * p[1] + 1), jnp.exp(p[0] - p[1])])
M = sp.Matrix([
    [2 + u, v * x, u.diff(x)],
    [u * v, 3 + v.diff(y), k],
    [y, v, sp.sin(u) - 4],
])  # fmt: skip


def values(equations, net=NET, points=POINTS, fields=(u, v), **parameters):
    residual = oc.compile(equations, fields=list(fields), coordinates=[x, y])
    return jax.jit(lambda at: residual(net, at, **parameters))(points)


def same(held, *written, rtol=1e-11, net=NET, fields=(u, v), **parameters) -> None:
    """Compares what is held with one or more ways to write it out."""
    residuals = [
        oc.compile(e, fields=list(fields), coordinates=[x, y]) for e in (held, *written)
    ]
    run = lambda at: [residual(net, at, **parameters) for residual in residuals]
    got, *others = jax.jit(run)(POINTS)
    for want in others:
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


def by_cofactors(part: sp.Matrix) -> sp.Matrix:
    """The inverse; SymPy's own looks for pivots, which takes seconds."""
    return part.adjugate() / part.det()


@pytest.mark.parametrize("size", only([1, 3], [1, 2, 3]))
def test_against_sympy_written_out(size: int) -> None:
    part = M[:size, :size]
    inverse, det = oc.inverse(part), oc.det(part)
    held = [*inverse, det, oc.trace(oc.matmul(inverse, part, part))]
    written = [*by_cofactors(part), part.det(), part.trace()]
    given = {"k": 0.7} if size == 3 else {}
    same(held, written, [entry.doit() for entry in held], **given)


def test_derivatives_against_sympy_written_out() -> None:
    part = sp.Matrix([[2 + u, v * x], [u * v, 3 + x]])
    held = oc.inverse(part)[0, 1] * oc.det(part)
    inverse, det = by_cofactors(part), part.det()
    written = inverse[0, 1] * det
    steps = [(x,), (x, y), (y, y), (x, y, y)]
    # SymPy's own diff knows the rules too.
    by_diff = [held.diff(x), oc.det(part).diff(x, 2), oc.inverse(part)[1, 1].diff(x, y)]
    want = [written.diff(x), det.diff(x, 2), inverse[1, 1].diff(x, y)]
    same(
        [*(oc.D(held, *s) for s in steps), *by_diff],
        [*(oc.D(written, *s) for s in steps), *want],
        rtol=1e-9,
    )


def test_the_chain_rule_in_four_rows_against_nested_derivatives() -> None:
    key = np.random.default_rng(1)
    scale = key.normal(size=(4, 4))
    F = sp.Matrix(4, 4, lambda i, j: 3 * (i == j) + scale[i, j] * (u if i < j else v))

    def matrix(q):
        out = NET(q)
        upper = jnp.triu(jnp.ones((4, 4)), 1)
        return 3 * jnp.eye(4) + scale * (upper * out[0] + (1 - upper) * out[1])

    def functions(q):
        held = matrix(q)
        inverse = jnp.linalg.inv(held)
        return [jnp.linalg.det(held), inverse[2, 1], jnp.trace(inverse @ held.T)]

    trace = oc.trace(oc.matmul(oc.inverse(F), F.T))
    equations = [
        oc.D(oc.det(F), x, y),
        oc.D(oc.inverse(F)[2, 1], x, y),
        oc.D(trace, x),
    ]
    residual = oc.compile(equations, fields=[u, v], coordinates=[x, y])
    along = lambda function, axis: (
        lambda q: jax.jvp(function, (q,), (np.eye(2)[axis],))[1]
    )

    def derivatives(q):
        first = along(functions, 0)
        return [*along(lambda q: first(q)[:2], 1)(q), first(q)[2]]

    both = jax.jit(lambda at: (residual(NET, at), jax.vmap(derivatives)(at)))
    found, want = both(POINTS)
    for got, wanted in zip(found, want, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9)


def test_sympys_own_nodes_are_held() -> None:
    A, B = sp.ImmutableMatrix(M[:2, :2]), sp.ImmutableMatrix([[u, 1], [y, v]])
    pairs = {
        "numbers": (
            [
                sp.Determinant(A) + sp.Trace(sp.MatMul(A, B)),
                sp.Derivative(sp.Determinant(A), x),
                2
                * sp.Trace(sp.MatMul(sp.Inverse(A), sp.Transpose(B), sp.MatPow(A, 2))),
            ],
            [
                A.det() + (A * B).trace(),
                sp.Derivative(A.det(), x),
                2 * (by_cofactors(A) * B.T * A**2).trace(),
            ],
        ),
        "a matrix": (
            sp.MatAdd(sp.MatMul(3, A, sp.Inverse(B)), sp.Identity(2)),
            3 * A * by_cofactors(B) + sp.eye(2),
        ),
        "an equation of matrices": (sp.Eq(sp.MatMul(A, B), B), A * B - B),
    }
    residuals = {
        name: [oc.compile(e, fields=[u, v], coordinates=[x, y]) for e in pair]
        for name, pair in pairs.items()
    }
    found = jax.jit(
        lambda at: {
            name: [residual(NET, at) for residual in pair]
            for name, pair in residuals.items()
        }
    )(POINTS)
    for name, (got, want) in found.items():
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12, err_msg=name)
    operator = oc.compile(pairs["numbers"][0][0]).operator
    assert "linalg.det" in {step.function for step in operator.program.steps}


def test_parts_that_stand_in_other_functions() -> None:
    part = sp.Matrix([[2 + u, v], [x, 3]])
    det, entry = oc.det(part), oc.inverse(part)[0, 0]
    written = by_cofactors(part)[0, 0]
    outer = by_cofactors(sp.Matrix([[written, 1], [part.det(), 2]]))
    same(
        [
            sp.log(det) * sp.Abs(entry),
            sp.Piecewise((entry, u > 0), (det, True)),
            sp.Subs(oc.D(det, x), x, 0),
            oc.det(
                sp.Matrix([[sp.Abs(u), sp.Piecewise((u, x > 0), (1, True))], [1, v]])
            ),
            oc.inverse(sp.Matrix([[entry, 1], [det, 2]]))[0, 1],
        ],
        [
            sp.log(part.det()) * sp.Abs(written),
            sp.Piecewise((written, u > 0), (part.det(), True)),
            sp.Subs(oc.D(part.det(), x), x, 0),
            sp.Abs(u) * v - sp.Piecewise((u, x > 0), (1, True)),
            outer[0, 1],
        ],
    )


def test_a_singular_branch_that_is_not_taken() -> None:
    part = sp.Matrix([[u, 1], [0, u]])
    cases = sp.Piecewise((oc.inverse(part)[0, 0], u > 0), (0, True))
    residual = oc.compile(cases, coordinates=[x, y])
    points = np.array([[0.0, 0.0], [2.0, 0.0]])
    loss = lambda a: jnp.sum(residual(lambda p: a * p[0], points))
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(1.0), -0.5, rtol=1e-12)


def hessian_net(d: int):
    weights = np.random.default_rng(d).normal(size=(d, 8)) / d
    return lambda a: lambda p: jnp.sum(jnp.tanh(a * p @ weights)) + a * jnp.sum(p**2)


@pytest.mark.parametrize("d", [5, 8])
def test_determinants_of_hessians(d: int) -> None:
    X = sp.symbols(f"x:{d}")
    w = sp.Function("w")(*X)
    residual = oc.compile(oc.det(oc.hessian(w, X)))
    points = np.random.default_rng(0).uniform(size=(3, d))
    exact = lambda a: jax.vmap(
        lambda p: jnp.linalg.det(jax.hessian(hessian_net(d)(a))(p))
    )(points)
    got = lambda a: residual(hessian_net(d)(a), points)

    def values_and_slope(f, scale):
        square = lambda a: (jnp.sum((value := f(a)) ** 2), value)
        return jax.value_and_grad(square, has_aux=True)(scale)

    both = jax.jit(lambda scale: [values_and_slope(f, scale) for f in (got, exact)])
    ((_, found), slope), ((_, wanted), slope_wanted) = both(0.8)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    np.testing.assert_allclose(slope, slope_wanted, rtol=1e-9)


def test_a_determinant_over_a_vector_coordinate() -> None:
    X = oc.vector("X", 12)
    w = sp.Function("w")(X)
    part = sp.Matrix(3, 3, lambda i, j: oc.D(w, X[i], X[4 * j]) + int(i == j))
    residual = oc.compile(oc.det(part) + oc.laplacian(w, X))
    net = hessian_net(12)(0.8)
    points = np.random.default_rng(0).uniform(size=(3, 12))

    def want(p):
        second = jax.hessian(net)(p)
        return jnp.linalg.det(second[:3, ::4] + jnp.eye(3)) + jnp.trace(second)

    both = jax.jit(lambda points: (residual(net, points), jax.vmap(want)(points)))
    np.testing.assert_allclose(*both(points), rtol=1e-10)


# Singular matrices: a determinant is a polynomial there as everywhere.


@jax.jit
def at_zero(matrix, first, second):
    """det(matrix + s first + t second) and derivatives at 0, by every route."""
    step = lambda s, t: linear_algebra.det(matrix + s * first + t * second)
    gradient = jax.grad(lambda m: jnp.sum(linear_algebra.adjugate(m) * first.T))
    return {
        "value": [step(0.0, 0.0)],
        "first": [
            jax.grad(step)(0.0, 0.0),
            jnp.trace(linear_algebra.adjugate(matrix) @ first),
        ],
        "mixed": [
            jax.grad(jax.grad(step), 1)(0.0, 0.0),
            jnp.trace(linear_algebra.adjugate(matrix, second) @ first),
            jnp.sum(gradient(matrix) * second),
        ],
    }


# Minors are written out to size 4.
@pytest.mark.parametrize("size", only([3, 5], [2, 3, 5, 6]))
@pytest.mark.parametrize("rank", ["full", "one less", "two less", "none"])
def test_polynomials_at_any_rank(size: int, rank: str) -> None:
    key = np.random.default_rng(size)
    keep = {"full": size, "one less": size - 1, "two less": max(size - 2, 0), "none": 0}
    factor = key.normal(size=(size, keep[rank]))
    matrix = factor @ factor.T if rank != "full" else factor
    along = [key.normal(size=(size, size)) for _ in range(2)]
    # The polynomial in s and t from its values at nodes, by LU.
    nodes = np.cos(np.pi * (np.arange(size + 1) + 0.5) / (size + 1))
    table = np.array([
        [np.linalg.det(matrix + s * along[0] + t * along[1]) for t in nodes] for s in nodes
    ])  # fmt: skip
    inverse = np.linalg.inv(np.vander(nodes, increasing=True))
    coefficients = inverse @ table @ inverse.T
    scale = np.abs(table).max()
    wanted = {
        "value": coefficients[0, 0],
        "first": coefficients[1, 0],
        "mixed": coefficients[1, 1],
    }
    for name, found in at_zero(matrix, *along).items():
        for got in found:
            np.testing.assert_allclose(got, wanted[name], rtol=1e-8, atol=1e-9 * scale)


def test_a_flat_network_has_a_gradient() -> None:
    # The Hessian is zero: the determinant and its slope vanish, nothing is NaN.
    X = sp.symbols("x:3")
    w = sp.Function("w")(*X)
    det = oc.det(oc.hessian(w, X))
    residual = oc.compile([det, oc.D(det, X[0])])
    points = np.ones((2, 3))

    def loss(a):
        net = lambda p: jnp.sum(p) + a * jnp.sum(p**2)
        first, second = residual(net, points)
        return jnp.sum(first + second)

    def derived(function):
        """The derivative of the last of a list of numbers is added to it."""

        def longer(a):
            last_and_all = lambda a: ((found := function(a))[-1], found)
            slope, found = jax.jacfwd(last_and_all, has_aux=True)(a)
            return [*found, slope]

        return longer

    backwards = lambda a: [*jax.value_and_grad(loss)(a)]
    found = jax.jit(derived(derived(backwards)))(0.0)
    assert found == [0, 0, 0, 2 * 48]


@pytest.mark.parametrize("size", only([3, 5], [1, 3, 5, 6]))
def test_inverses_in_both_precisions(size: int) -> None:
    key = np.random.default_rng(size)
    matrices = key.normal(size=(size, size, 4, 3)) + 3 * np.eye(size)[..., None, None]
    want = np.linalg.inv(np.moveaxis(matrices, (0, 1), (-2, -1)))
    want = np.moveaxis(want, (-2, -1), (0, 1))
    both = jax.jit(lambda *given: [linear_algebra.inverse(m) for m in given])
    wide, short = both(matrices, matrices.astype(np.float32))
    for got, dtype, tolerance in ((wide, "float64", 1e-12), (short, "float32", 2e-5)):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_complex_fields() -> None:
    psi = sp.Function("psi", complex=True)(x, y)
    part = sp.Matrix([[2 + psi, sp.conjugate(psi)], [sp.I, psi.diff(x)]])
    net = lambda p: jnp.sin(p[0]) + 1j * jnp.cos(p[0] * p[1])
    held = [*oc.inverse(part), oc.det(part), oc.D(oc.det(part), x)]
    written = [*by_cofactors(part), part.det(), oc.D(part.det(), x)]
    same(held, written, net=net, fields=[psi])


def test_under_an_integral() -> None:
    s = sp.Symbol("s")
    w = sp.Function("w")
    part = sp.Matrix([[2 + w(s), s], [x, w(x)]])
    other = sp.Matrix([[1, 2], [0, 3]])
    mixed = sp.MatAdd(sp.MatMul(s, sp.ImmutableMatrix(part)), sp.ImmutableMatrix(other))
    both = (oc.det(part) + sp.Trace(mixed), part.det() + s * part.trace() + 4)
    residuals = [oc.compile(oc.Integral(e, (s, 0, x)), coordinates=[x]) for e in both]
    net, rules = lambda p: jnp.sin(p[0]), {"s": oc.gauss_legendre(8)}
    run = jax.jit(lambda at: [r(net, at, quadrature=rules) for r in residuals])
    np.testing.assert_allclose(*run(POINTS[:, :1]), rtol=1e-12)


def test_a_held_inverse_is_one_node_again() -> None:
    F = M.subs(k, 1)
    inverse = oc.inverse(F)
    operator = oc.compile([*oc.matmul(inverse, inverse.T), oc.det(inverse)]).operator
    functions = [step.function for step in operator.program.steps]
    assert functions.count("linalg.inverse") == 1
    assert functions.count("linalg.stack") == 1


def test_printed() -> None:
    part = sp.Matrix([[x, 1], [0, y]])
    assert str(oc.inverse(part)[0, 1]) == "inverse([[x, 1], [0, y]])[0, 1]"
    assert str(oc.det(part)) == "det([[x, 1], [0, y]])"
    assert sp.latex(oc.det(part)) == r"\det \begin{pmatrix}x & 1 \\ 0 & y\end{pmatrix}"
    assert r"^{-1}\right)_{1 2}" in sp.latex(oc.inverse(part)[0, 1])
    product = oc.matmul(part, part)[1, 0]
    assert str(product).startswith("einsum('ab,bc->ac', [[x, 1]")
    residual = oc.compile(oc.det(sp.Matrix([[u, 1], [v, u]])) + u, fields=[u, v])
    text = residual.source()
    compile(text, "<source>", "exec")
    assert "s0 = linalg.stack((2, 2), u, 1.0, v, u)" in text
    assert "s1 = linalg.det(s0)" in text
    slope = oc.compile(oc.D(oc.inverse(sp.Matrix([[u, 1], [2, u]]))[0, 0], x))
    assert 'linalg.einsum("ab,bc,cd->ad"' in slope.source()


def test_matrices_of_numbers() -> None:
    numbers = sp.Matrix([[1, 2], [3, 4]])
    got = values(
        u + oc.det(numbers) * oc.inverse(numbers)[1, 1], fields=[u], net=lambda p: p[0]
    )
    np.testing.assert_allclose(got, POINTS[:, 0] + 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: oc.inverse(sp.ones(2, 3)), "2 by 3"),
        (lambda: oc.det([[u, v], [u]]), "no matrix"),
        (lambda: oc.det(u), "no matrix"),
        (lambda: oc.trace("M"), "not a SymPy expression"),
        (lambda: oc.matmul(sp.eye(2), sp.eye(3)), "2 by 2 and 3 by 3"),
        (lambda: oc.matmul(), "no matrices"),
        (
            lambda: oc.compile(sp.Determinant(sp.MatrixSymbol("A", 2, 2)) + u),
            "Determinant",
        ),
    ],
)
def test_refused(call, message) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        call()
    assert message in str(caught.value)
    assert caught.value.hint


def test_on_a_grid() -> None:
    part = sp.Matrix([[2 + u, x], [y, 3 + v.diff(x)]])
    slope = oc.D(oc.det(part) * oc.inverse(part)[0, 1], y)
    scaled = sp.MatAdd(sp.MatMul(x, sp.ImmutableMatrix(part)), sp.Identity(2))
    residual = oc.compile([slope, sp.Trace(scaled)], fields=[u, v], coordinates=[x, y])
    xs, ys = POINTS[:, 0], POINTS[:4, 1]
    every = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1)
    both = jax.jit(lambda *points: [residual(NET, each) for each in points])
    for got, want in zip(*both(oc.grid(x=xs, y=ys), every), strict=True):
        assert got.shape == (6, 4)
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_field_of_a_determinant() -> None:
    # A stored energy that a network gives: psi(det F), and its derivatives by place.
    place = (x, y)
    d = oc.VectorField("d1 d2", *place)
    F = sp.eye(2) + oc.grad(d, place)
    held = sp.Function("psi")(oc.det(F)) * oc.inverse(F)[0, 1]
    written = sp.exp(F.det()) * by_cofactors(F)[0, 1]
    moved = {
        "d1": lambda p: 0.1 * jnp.sin(p[0] * p[1]),
        "d2": lambda p: 0.2 * p[0] ** 2 * p[1],
    }
    energy = {**moved, "psi": lambda q: jnp.exp(q[0])}
    steps = [(x,), (x, y)]
    of_held, of_written = (
        oc.compile([oc.D(e, *step) for step in steps], coordinates=place)
        for e in (held, written)
    )
    both = jax.jit(lambda at: (of_held(energy, at), of_written(moved, at)))
    for got, want in zip(*both(POINTS), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)
