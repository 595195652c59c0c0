r"""Sums of squares, for optimisers that use that they are: J, J v, Jᵀ w, J Jᵀ, JᵀJ v.

In: residuals with their points and weights. Out: one vector of all residuals as a function
of the parameters, and what Gauss-Newton methods want to know of it:

    squares = oc.least_squares([(f, inside), (wall, boundary, 10.0)])
    r, K = squares.residual(params), squares.gram(params)
    step = squares.vjp(params, jnp.linalg.solve(K + mu * jnp.eye(len(K)), r))

The loss is $\|r\|^2 = \sum_s N_s^{-1} \sum_{k,e} w_{sk} |r_{se}(x_k)|^2$: every residual is
multiplied by $\sqrt{w/N}$. Residuals depend on their own points alone (`terms.py`), so
everything goes by tiles of points, and the gradients of all residuals come from one
reverse pass for each equation (`layers.py`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.runtime.calls import check_params
from opcompiler.runtime.gram import add_products, Gradient
from opcompiler.runtime.kfac import curvature, Form, KFac
from opcompiler.runtime.layers import gradients, Part, parts, Program, trace
from opcompiler.runtime.reprs import counted
from opcompiler.runtime.terms import A_TERM, read_term, Term
from opcompiler.runtime.tiles import add_up, map_tiles


@public(A_TERM)
def least_squares(terms: Any) -> "LeastSquares":
    r"""Joins residuals at their points to one sum of squares.

    $$ L(\theta) = \|r(\theta)\|^2
       = \sum_s \frac{1}{N_s} \sum_{k=1}^{N_s} \sum_e w_{sk}\, |r_{se}(x_k)|^2 . $$

    Args:
        terms: a list of terms, each one of

            * `(f, points, weight, keywords)` of `f = residual.bind(apply)`; weight as in
              `f.loss`, keywords a dict of what a call takes besides (parameters, `key`,
              `quadrature`), or a function of `params` that returns it: so an unknown of the
              equation is a parameter like any other,
              `(f, points, 1.0, lambda params: {"nu": params["nu"]})`;
            * `(g, points, weight)` of any function of (params, ONE point) that returns an
              array, or a tuple or dict of arrays. The points are a pytree of arrays
              (N, ...), for data `(x, y)`; the weight is a number or an array (N,);
            * `(h, None, weight)` of any function of params alone; N is then how many
              numbers it returns.

            What stands last may be left out; the weight is then 1.

    Returns:
        The sum of squares as an object: `.residual(params)`, `.gram(params)`, ...

    Raises:
        OperatorError: for what is no term, points without rows, negative weights.

    Example: `oc.least_squares([(f, inside), (lambda p, x: apply(p, x), wall, 10.0)])`.

    Examples:
        >>> x = sp.Symbol("x")
        >>> f = oc.compile(sp.Function("u")(x).diff(x) - 1).bind(lambda w, p: w * p[0] ** 2)
        >>> squares = oc.least_squares([(f, jnp.ones((4, 1)))])
        >>> float(squares.loss(jnp.array(1.0)))
        1.0
    """
    if not isinstance(terms, list | tuple) or not terms:
        raise OperatorError(
            "least squares are those of a list of terms",
            expression=repr(terms)[:200],
            hint=f"write {A_TERM}",
        )
    return LeastSquares([read_term(term) for term in terms])


@public(A_TERM)
class LeastSquares:
    """A sum of squares of residuals; see `opcompiler.least_squares`.

    Every method is a function of `params`, a pytree of real floating-point arrays, compiled
    once per shapes; it works inside `jit`, `vmap` and `scan`, and is differentiable. An
    object holds its points: for points that change make it inside of a jitted step.

    M is the number of residuals, one per point and equation: term after term, point after
    point, at a point equation after equation (a complex number is two, re and im).
    P is the number of parameters, in the order of `jax.flatten_util.ravel_pytree`.

    Examples:
        >>> x = sp.Symbol("x")
        >>> f = oc.compile(sp.Function("u")(x).diff(x) - 1).bind(lambda w, p: w * p[0] ** 2)
        >>> squares, w = oc.least_squares([(f, jnp.ones((4, 1)))]), jnp.array(2.0)
        >>> float(squares.loss(w))
        9.0
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)
        self._compiled: dict[str, Callable[..., Any]] = {}

    def __repr__(self) -> str:
        count, lines = counted(len(self._terms), "term"), [t.words for t in self._terms]
        return "\n  ".join([f"<Least squares of {count}:", *lines]) + ">"

    def _repr_latex_(self) -> str:
        means = [
            f"\\frac{{1}}{{{term.count}}} \\sum_{{k=1}}^{{{term.count}}} "
            f"\\left({term.square}\\right)(x_k)"
            if term.count > 1
            else term.square
            for term in self._terms
        ]
        return f"$\\displaystyle \\|r\\|^2 = {' + '.join(means)}$"

    def residual(self, params: Any) -> Array:
        r"""Returns all residuals, (M,), each multiplied by $\sqrt{w/N}$.

        Args:
            params: the parameters, a pytree.

        Raises:
            OperatorError: for parameters that are no real floating-point numbers, and
                whatever the terms raise.

        Examples:
            >>> squares.residual(w).tolist()
            [1.5, 1.5, 1.5, 1.5]
        """
        return self._call("residual", self._residual, params)

    def loss(self, params: Any) -> Array:
        """Returns the sum of squares, (), by tiles; `jax.value_and_grad` goes by tiles too.

        Args:
            params: the parameters, a pytree.

        Raises:
            OperatorError: as `residual`.

        Examples:
            >>> float(jax.grad(squares.loss)(w))
            12.0
        """
        return self._call("loss", self._loss, params)

    def jvp(self, params: Any, direction: Any) -> Array:
        """Returns J v, (M,), for little more than twice the residuals.

        Args:
            params: the parameters, a pytree.
            direction: v, a pytree like `params`.

        Raises:
            OperatorError: as `residual`; for a direction of another structure.

        Examples:
            >>> squares.jvp(w, jnp.array(0.5)).tolist()
            [0.5, 0.5, 0.5, 0.5]
        """
        self._check_like(params, direction)
        return self._call("jvp", self._jvp, params, direction)

    def vjp(self, params: Any, weights: Any) -> Any:
        """Returns Jᵀ w, a pytree like `params`, for one gradient.

        Args:
            params: the parameters, a pytree.
            weights: w, (M,).

        Raises:
            OperatorError: as `residual`; for w of another shape.

        Examples:
            >>> float(squares.vjp(w, squares.residual(w)))  # half the gradient of the loss
            6.0
        """
        return self._call("vjp", self._vjp, params, weights)

    def gauss_newton(self, params: Any, direction: Any) -> Any:
        """Returns JᵀJ v, a pytree like `params`, in one sweep over the tiles.

        Args:
            params: the parameters, a pytree.
            direction: v, a pytree like `params`.

        Raises:
            OperatorError: as `jvp`.

        Examples:
            >>> float(squares.gauss_newton(w, jnp.array(0.5)))
            2.0
        """
        self._check_like(params, direction)
        return self._call("gauss_newton", self._gauss_newton, params, direction)

    def jacobian(self, params: Any) -> Array:
        """Returns J, (M, P).

        Args:
            params: the parameters, a pytree.

        Raises:
            OperatorError: as `residual`.

        Examples:
            >>> squares.jacobian(w).shape
            (4, 1)
        """
        return self._call("jacobian", self._jacobian, params)

    def gram(self, params: Any) -> Array:
        r"""Returns J Jᵀ, (M, M), without J.

        Of every dense or convolution layer the gradient of a residual is held as its
        factors, inputs and gradients of all channels, and only products of these are
        formed. Exact for any network: what is no layer has its gradient taken as it is.

        Args:
            params: the parameters, a pytree.

        Raises:
            OperatorError: as `residual`.

        Examples:
            >>> jnp.diag(squares.gram(w)).tolist()
            [1.0, 1.0, 1.0, 1.0]
        """
        return self._call("gram", self._gram, params)

    def kfac(self, params: Any) -> KFac:
        r"""Returns Kronecker factors of JᵀJ, one pair of matrices per layer.

        $J^\top J \approx A \otimes G$ for each dense or convolution layer, with the mean A
        of the outer squares of its inputs and the sum G of those of its gradients, over
        points, equations and channels; the exact block of JᵀJ for all other parameters.

        Args:
            params: the parameters, a pytree.

        Returns:
            The curvatures; `.solve(gradient, damping)` gives the step.

        Raises:
            OperatorError: as `residual`.

        Examples:
            >>> squares.kfac(w).solve(jax.grad(squares.loss)(w), 1.0).shape
            ()
        """
        return self._call("kfac", self._kfac, params)

    # What is compiled.

    def _call(
        self, name: str, run: Callable[..., Any], params: Any, *others: Any
    ) -> Any:
        check_params(params)
        for path, leaf in jax.tree.leaves_with_path(params):
            if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
                raise OperatorError(
                    "least squares are by real floating-point parameters",
                    expression=f"params{jax.tree_util.keystr(path)} = {leaf!r}"[:200],
                    hint="cast it, or let the function close over it; give a complex "
                    "number as its real and imaginary parts",
                )
        compiled = self._compiled.setdefault(name, jax.jit(run))
        return compiled(jax.tree.map(jnp.asarray, params), *others)

    def _check_like(self, params: Any, direction: Any) -> None:
        shapes = [
            [jnp.shape(leaf) for leaf in jax.tree.leaves(t)]
            for t in (params, direction)
        ]
        same = jax.tree.structure(params) == jax.tree.structure(direction)
        if not same or shapes[0] != shapes[1]:
            raise OperatorError(
                "a direction is not like the parameters",
                expression=f"shapes {shapes[1]}"[:200],
                hint="give a pytree of the same structure and shapes; of a flat vector "
                "jax.flatten_util.ravel_pytree(params)[1](vector)",
            )

    def _residual(self, params: Any) -> Array:
        return jnp.concatenate(
            [
                map_tiles(
                    lambda rows, term=term: [term.at(params, rows)],
                    rows,
                    term.tiles(params, rows),
                )[0].reshape(-1)
                for term, rows in self._rows(params)
            ]
        )

    def _rows(self, params: Any) -> list[tuple[Term, Any]]:
        """Returns every term with its rows."""
        return [(term, term.rows(params)) for term in self._terms]

    def _sum(
        self, params: Any, of_tile: Callable[..., Array], more: Sequence[Any] = ()
    ) -> Array:
        """Returns the sum over tiles of a function of residuals, (T, E), and of more rows.

        Args:
            params: the parameters.
            of_tile: of the residuals as a function of the parameters, and more rows.
            more: of each term, arrays (N, ...) to be cut with its rows.
        """
        total = jnp.zeros(())
        for place, (term, rows) in enumerate(self._rows(params)):
            beside = more[place] if more else ()

            def own(both: Any, inside: Array | None, term: Term = term) -> Array:
                rows, beside = both
                found = of_tile(lambda params: term.at(params, rows), *beside)
                return jnp.sum(
                    found if inside is None else jnp.where(inside[:, None], found, 0)
                )

            tiles = term.tiles(params, rows)
            total = total + add_up(own, (rows, beside), tiles)
        return total

    def _loss(self, params: Any) -> Array:
        return self._sum(params, lambda at: at(params) ** 2)

    def _jvp(self, params: Any, direction: Any) -> Array:
        return jax.jvp(self._residual, (params,), (direction,))[1]

    def _vjp(self, params: Any, weights: Any) -> Any:
        parts = []
        widths = [out.shape for out in self._shapes(params)]
        size = sum(n * e for n, e in widths)
        if jnp.shape(weights) != (size,):
            raise OperatorError(
                "w of Jᵀ w does not have one number for each residual",
                expression=f"w {jnp.shape(weights)}",
                hint=f"give an array ({size},)",
            )
        first = 0
        for count, width in widths:
            own = jnp.asarray(weights)[first : first + count * width]
            parts.append((own.reshape(count, width),))
            first += count * width
        product = lambda params: self._sum(
            params, lambda at, own: own * at(params), parts
        )
        return jax.grad(product)(params)

    def _gauss_newton(self, params: Any, direction: Any) -> Any:
        def product(moving: Any) -> Array:
            def of_tile(at: Callable[[Any], Array]) -> Array:
                rates = jax.jvp(at, (params,), (direction,))[1]
                return lax.stop_gradient(rates) * at(moving)

            return self._sum(params, of_tile)

        return jax.grad(product)(params)

    def _shapes(self, params: Any) -> list[Any]:
        return [jax.eval_shape(t.at, params, rows) for t, rows in self._rows(params)]

    def _jacobian(self, params: Any) -> Array:
        flat, unravel = ravel_pytree(params)
        found = []
        for term, rows in self._rows(params):

            def of_row(row: Any, term: Term = term) -> Array:
                one = jax.tree.map(lambda leaf: leaf[None], row)
                return jax.jacrev(lambda flat: term.at(unravel(flat), one)[0])(flat)

            tiles = term.tiles(params, rows)
            of_tile = lambda rows, of_row=of_row: [jax.vmap(of_row)(rows)]
            found.append(map_tiles(of_tile, rows, tiles)[0].reshape(-1, flat.size))
        return jnp.concatenate(found)

    def _gram(self, params: Any) -> Array:
        divided, widths, found = self._by_parts(params)
        size = sum(widths)
        total = jnp.zeros((size, size), jnp.result_type(*jax.tree.leaves(params)))
        for place, _ in enumerate(divided):
            own = [gradient[place] for gradient in found]
            total = add_products(total, own, widths)
        return total

    def _kfac(self, params: Any) -> KFac:
        divided, _, found = self._by_parts(params)
        own = [curvature([g[n] for g in found]) for n, _ in enumerate(divided)]
        return KFac(own, Form(params, divided))

    def _by_parts(
        self, params: Any
    ) -> tuple[list[Part], list[int], list[list[Gradient]]]:
        """Returns parts of the parameters, and the gradients of every term by each.

        Returns:
            The parts; the numbers of residuals of every term; and for every term the
            gradients of its residuals by every part.
        """
        leaves, structure = jax.tree.flatten(params)
        programs: list[Program] = []
        everywhere = []
        for term, rows in self._rows(params):
            # Where an array is read, JAX shall see one row of it and no axis of rows.
            arrays, form = jax.tree.flatten(rows)

            def at(leaves: Any, row: Any, term: Term = term, form: Any = form) -> Array:
                one = jax.tree.unflatten(form, [leaf[None] for leaf in row])
                return term.at(jax.tree.unflatten(structure, leaves), one)[0]

            row = jax.eval_shape(lambda arrays=arrays: [a[0] for a in arrays])
            programs.append(trace(at, leaves, row))
            everywhere.append((arrays, term.tiles(params, rows)))
        divided = parts(programs, [leaf.size for leaf in leaves])
        found, widths = [], []
        for program, (arrays, tiles) in zip(programs, everywhere, strict=True):
            of_row = partial(gradients, program, divided, leaves)
            of_tile = lambda rows, of_row=of_row: jax.tree.leaves(
                jax.vmap(of_row)(rows)
            )
            one = jax.eval_shape(of_row, [a[0] for a in arrays])
            flat = map_tiles(of_tile, arrays, tiles)
            _, gradient = jax.tree.unflatten(jax.tree.structure(one), flat)
            found.append(gradient)
            widths.append(one[0].size * arrays[0].shape[0])
        return divided, widths, found
