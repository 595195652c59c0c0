"""Programs of linear algebra; vectors of eigen and singular values gauge-invariantly."""

import itertools

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
from jax import lax
from jax.scipy.sparse.linalg import cg, gmres

from tests.taylor.programs import Program

A = np.cos(np.arange(1.0, 31.0) ** 2)
B = jnp.asarray(A[:6].reshape(3, 2))


def _square(x):
    """A matrix (3, 3) with no symmetry, well conditioned."""
    return 2 * jnp.eye(3) + jnp.outer(x, A[:3]) / 3 + jnp.outer(A[3:6], x * x) / 2


def _spd(x):
    a = _square(x)
    return a @ a.T / 4 + jnp.diag(jnp.array([0.5, 1.5, 3.0]))


def _complex(x):
    return _square(x) + 0.4j * jnp.outer(A[6:9], jnp.sin(x))


def _hermitian(x):
    a = _complex(x)
    return (a @ jnp.conj(a.T)) / 4 + jnp.diag(jnp.array([0.5, 1.5, 3.0]))


def _tall(x):
    rows = jnp.stack([jnp.sin(x), A[9:12] + x])
    return jnp.concatenate([_square(x), rows]) + np.diag([3.0, 1, 2, 0, 0])[:, :3]


def _projector(vectors, which):
    """Projects on one eigenvector: has no sign or phase to choose."""
    v = vectors[:, which]
    return jnp.outer(v, jnp.conj(v))


def _both(x, *, matrix, right, **options):
    """A triangular solve whose matrix and right side move."""
    a = matrix(x)
    b = (B * (1 + x[0]) + jnp.sin(x)[:, None]).astype(a.dtype)
    b = b if options["left_side"] else b.T
    a = a if right != "rhs" else jnp.asarray(matrix(jnp.asarray(A[:3])))
    b = (
        b
        if right != "matrix"
        else jnp.asarray(B if options["left_side"] else B.T, a.dtype)
    )
    return lax.linalg.triangular_solve(a, b, **options)


def _triangular():
    names = ("left_side", "lower", "transpose_a", "unit_diagonal")
    programs = {}
    for flags in itertools.product([False, True], repeat=4):
        options = dict(zip(names, flags, strict=True))
        label = ", ".join(name for name, on in options.items() if on)
        programs[f"triangular_solve {label}"] = Program(
            lambda x, o=options: _both(x, matrix=_square, right="both", **o), order=4
        )
    for right in ("matrix", "rhs"):
        programs[f"triangular_solve moving {right}"] = Program(
            lambda x, r=right: _both(
                x, matrix=_square, right=r, left_side=True, lower=True
            ),
            order=4,
        )
    programs["triangular_solve conjugate_a"] = Program(
        lambda x: _both(
            x, matrix=_complex, right="both", left_side=False, lower=False,
            transpose_a=True, conjugate_a=True),
        order=4,
    )  # fmt: skip
    programs["triangular_solve batched"] = Program(
        lambda x: jax.vmap(
            lambda s: lax.linalg.triangular_solve(
                _square(s * x), B * s, left_side=True, lower=True)
        )(jnp.array([1.0, 0.5])),
        order=4,
    )  # fmt: skip
    return programs


def _bands(x):
    return lax.linalg.tridiagonal_solve(
        jnp.sin(x).at[0].set(0),
        3 + x * x,
        jnp.cos(x).at[2].set(0),
        B * x[0] + x[:, None],
    )


def _solver(x, symmetric):
    a = _spd(x) if symmetric else _square(x)
    solve = lambda _, b: jnp.linalg.solve(lax.stop_gradient(a), b)
    back = lambda _, b: jnp.linalg.solve(lax.stop_gradient(a).T, b)
    return lax.custom_linear_solve(
        lambda y: a @ y, jnp.sin(x), solve, back, symmetric=symmetric
    )


def _of_fixed_matrix(x):
    a = jnp.asarray(_spd(jnp.asarray(A[:3])))
    return lax.custom_linear_solve(
        lambda y: a @ y, x * x, lambda f, b: jnp.linalg.solve(a, b), symmetric=True
    )


def _root(x):
    """Solves y + y^3 / 8 = sin x by Newton's method."""
    equation = lambda y: y + y**3 / 8 - jnp.sin(x)

    def solve(f, y):
        newton = lambda _, y: y - f(y) / jax.jvp(f, (y,), (jnp.ones_like(y),))[1]
        return lax.fori_loop(0, 12, newton, y)

    tangent = lambda g, y: y / g(jnp.ones_like(y))
    return lax.custom_root(equation, x, solve, tangent)


def _svd_parts(a):
    u, s, vt = jnp.linalg.svd(a, full_matrices=False)
    return [s, jnp.outer(u[:, 0], vt[0]), jnp.outer(u[:, 1], jnp.conj(u[:, 1]))]


def _eigh_parts(a):
    values, vectors = jnp.linalg.eigh(a)
    return [values, _projector(vectors, 0), _projector(vectors, 2)]


def _spread(x):
    return _square(x) + np.diag([0.0, 3.0, 7.0])


def _eig_parts(a):
    values, vectors = lax.linalg.eig(
        a, compute_left_eigenvectors=False, enable_eigvec_derivs=True
    )
    return values.real, _projector(vectors, 0).real


TRIANGULAR = _triangular()

LINALG = TRIANGULAR | {
    "cholesky": Program(lambda x: jnp.linalg.cholesky(_spd(x)), order=4),
    "cholesky complex": Program(lambda x: jnp.linalg.cholesky(_hermitian(x)), order=4),
    "cholesky upper": Program(lambda x: jsl.cholesky(_spd(x)), order=3),
    "cholesky without symmetrising": Program(
        lambda x: lax.linalg.cholesky(_spd(x), symmetrize_input=False), order=4
    ),
    "cho_solve": Program(lambda x: jsl.cho_solve(jsl.cho_factor(_spd(x)), x), order=3),
    "cholesky batched": Program(
        lambda x: jnp.linalg.cholesky(jax.vmap(_spd)(jnp.stack([x, x * x]))), order=3
    ),
    "lu": Program(lambda x: lax.linalg.lu(_square(x)[::-1])[0], order=4),
    "lu tall": Program(lambda x: lax.linalg.lu(_tall(x)[::-1])[0], order=4),
    "lu wide": Program(lambda x: lax.linalg.lu(_tall(x).T)[0], order=4),
    "lu complex": Program(lambda x: lax.linalg.lu(_complex(x)[::-1])[0], order=3),
    "lu_solve": Program(lambda x: jsl.lu_solve(jsl.lu_factor(_square(x)), x), order=3),
    "qr": Program(lambda x: jnp.linalg.qr(_square(x)), order=4),
    "qr tall": Program(lambda x: jnp.linalg.qr(_tall(x)), order=4),
    "qr wide": Program(lambda x: jnp.linalg.qr(_tall(x).T), order=3),
    "qr complex": Program(lambda x: jnp.linalg.qr(_complex(x)), order=3),
    "qr pivoted": Program(lambda x: jsl.qr(_square(x), pivoting=True)[:2], order=3),
    "eigh": Program(lambda x: _eigh_parts(_spd(x)), order=4),
    "eigh complex": Program(lambda x: _eigh_parts(_hermitian(x)), order=3),
    "eigh upper": Program(lambda x: jnp.linalg.eigh(_spd(x), UPLO="U")[0], order=3),
    "eigvalsh batched": Program(
        lambda x: jnp.linalg.eigvalsh(jax.vmap(_spd)(jnp.stack([x, x * x]))), order=3
    ),
    "eig": Program(lambda x: _eig_parts(_spread(x)), order=3),
    "svd": Program(lambda x: _svd_parts(_square(x) @ np.diag([1.0, 2, 3])), order=4),
    "svd tall": Program(lambda x: _svd_parts(_tall(x)), order=4),
    "svd wide": Program(lambda x: _svd_parts(_tall(x).T), order=3),
    "svd complex": Program(
        lambda x: _svd_parts(_complex(x) @ np.diag([1.0, 2, 3])), order=3
    ),
    "svd values": Program(lambda x: jnp.linalg.svd(_tall(x), compute_uv=False), order=4),
    "nuclear and spectral norm": Program(
        lambda x: jnp.linalg.norm(_tall(x), "nuc") + jnp.linalg.norm(_tall(x), 2), order=3
    ),
    "tridiagonal_solve": Program(_bands, order=4),
    "tridiagonal_solve of a vector": Program(
        lambda x: lax.linalg.tridiagonal_solve(
            jnp.array([0.0, 1, 2]), 4 + x, jnp.array([1.0, 1, 0]), (x * x)[:, None]),
        order=4,
    ),
    "custom_linear_solve": Program(lambda x: _solver(x, False), order=4),
    "custom_linear_solve symmetric": Program(lambda x: _solver(x, True), order=4),
    "custom_linear_solve of a fixed matrix": Program(_of_fixed_matrix, order=4),
    "conjugate gradients": Program(
        lambda x: cg(lambda y: _spd(x) @ y, x * x, tol=1e-15)[0], order=3
    ),
    "gmres": Program(
        lambda x: gmres(lambda y: _square(x) @ y, x, tol=1e-15)[0], order=2
    ),
    "custom_root": Program(_root, order=3),
    "inv": Program(lambda x: jnp.linalg.inv(_square(x)), order=4),
    "solve": Program(lambda x: jnp.linalg.solve(_square(x), B * x[1]), order=4),
    "solve of a fixed matrix": Program(
        lambda x: jnp.linalg.solve(_square(jnp.asarray(A[:3])), x * x), order=4
    ),
    "det": Program(lambda x: jnp.linalg.det(_square(x)), order=4),
    "slogdet": Program(lambda x: jnp.linalg.slogdet(_square(x))[1], order=4),
    "slogdet of a stack": Program(
        lambda x: jnp.linalg.slogdet(jax.vmap(_spd)(jnp.stack([x, x * x])))[1], order=3
    ),
    "norm": Program(
        lambda x: [jnp.linalg.norm(x + 2), jnp.linalg.norm(_tall(x)), jnp.linalg.norm(x, 1),
                   jnp.linalg.norm(x, jnp.inf), jnp.linalg.norm(x + 2, 3)],
    ),
    "expm": Program(lambda x: jsl.expm(_square(x) / 4), order=3),
    "matrix_power": Program(lambda x: jnp.linalg.matrix_power(_square(x), 5), order=4),
    "pinv": Program(lambda x: jnp.linalg.pinv(_tall(x)), order=2),
    "lstsq": Program(lambda x: jnp.linalg.lstsq(_tall(x), jnp.arange(5.0))[0], order=2),
    "cross and kron": Program(lambda x: jnp.kron(jnp.cross(x, A[:3]), jnp.sin(x))),
}  # fmt: skip
