"""Lineax operators of a sum of squares (https://docs.kidger.site/lineax).

    import lineax as lx
    from opcompiler.integrations.lineax import jacobian

    J = jacobian(squares, params)
    step = lx.linear_solve(J, squares.residual(params), lx.LSMR(1e-8, 1e-8), throw=False)

Products go by tiles and never form the Jacobian; `J.as_matrix()`, which direct solvers ask
for, does. J Jᵀ is `lx.MatrixLinearOperator(squares.gram(params),
lx.positive_semidefinite_tag)`.
"""

from typing import Any

import equinox as eqx
import jax
import lineax as lx
from jax import Array

from opcompiler.edge import public
from opcompiler.runtime.least_squares import LeastSquares


@public("jacobian(squares, params)")
def jacobian(squares: LeastSquares, params: Any) -> lx.AbstractLinearOperator:
    """Returns J as a Lineax operator: a pytree like `params` in, a vector (M,) out.

    Args:
        squares: of `oc.least_squares`.
        params: the parameters, a pytree.

    Returns:
        The operator; `.mv`, `.T.mv` and `.as_matrix()` are the methods `jvp`, `vjp` and
        `jacobian` of `squares`. Its linear products have no derivative by `params`.

    Raises:
        OperatorError: for parameters that do not fit.

    Example: `lx.linear_solve(jacobian(squares, params), r, lx.LSMR(1e-8, 1e-8))`.

    Examples:
        >>> from opcompiler.integrations.lineax import jacobian
        >>> x = sp.Symbol("x")
        >>> f = oc.compile(sp.Function("u")(x).diff(x) - 1).bind(lambda w, p: w * p[0] ** 2)
        >>> squares = oc.least_squares([(f, jnp.ones((4, 1)))])
        >>> jacobian(squares, jnp.array(1.0)).as_matrix().shape
        (4, 1)
    """
    rows = jax.eval_shape(squares.residual, params)
    return Jacobian(squares, params, rows, transposed=False)


class Jacobian(lx.AbstractLinearOperator):
    """J at some parameters, or its transpose."""

    squares: LeastSquares = eqx.field(static=True)
    params: Any
    rows: jax.ShapeDtypeStruct = eqx.field(static=True)
    transposed: bool = eqx.field(static=True)

    def mv(self, vector: Any) -> Any:
        """Returns J v, or Jᵀ w."""
        product = self.squares.vjp if self.transposed else self.squares.jvp
        return product(self.params, vector)

    def as_matrix(self) -> Array:
        """Returns the matrix, (M, P) or (P, M)."""
        matrix = self.squares.jacobian(self.params)
        return matrix.T if self.transposed else matrix

    def transpose(self) -> "Jacobian":
        """Returns the other one."""
        return Jacobian(self.squares, self.params, self.rows, not self.transposed)

    def in_structure(self) -> Any:
        """Returns the type of what a product takes."""
        like = jax.eval_shape(lambda: self.params)
        return self.rows if self.transposed else like

    def out_structure(self) -> Any:
        """Returns the type of what a product gives."""
        like = jax.eval_shape(lambda: self.params)
        return like if self.transposed else self.rows


for _same in (lx.linearise, lx.materialise, lx.conj):
    _same.register(Jacobian, lambda operator: operator)
for _tag in (
    lx.has_unit_diagonal,
    lx.is_diagonal,
    lx.is_lower_triangular,
    lx.is_negative_semidefinite,
    lx.is_positive_semidefinite,
    lx.is_symmetric,
    lx.is_tridiagonal,
    lx.is_upper_triangular,
):
    _tag.register(Jacobian, lambda operator: False)
