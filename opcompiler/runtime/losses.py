r"""Losses of residuals: squares of estimates without bias, and Sobolev losses.

The mean of a squared estimate is $r^2 + \mathrm{Var}$: a loss of squares punishes the
variance too. Two independent estimates have the mean product $r^2$, and the gradient of
their product has the mean $\nabla r^2$: `unbiased_square`. Source: STDE, section 4.5,
equation 25.

A Sobolev loss weighs a residual and its derivatives, at one or several point sets:

$$ L = \sum_s \frac{1}{N_s} \sum_{k=1}^{N_s} \sum_{j=0}^{m_s}
   Q_j\, |\nabla^j R(x_k)|^2 , $$

where $|\nabla^j R|^2$ is the sum over all j-tuples of coordinates, so that it does not
depend on how these are turned. Each set has an order of its own, and a push of its own that
carries no more than that. Source: n-TangentProp, arXiv 2412.09752, section 4.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend import family_formulas
from opcompiler.runtime.bound import Bound
from opcompiler.runtime.points import check_names
from opcompiler.runtime.precision import from_host
from opcompiler.runtime.reprs import called, counted, listed, weighed
from opcompiler.runtime.residual import Residual
from opcompiler.sampling.estimator import check_key


@public("oc.unbiased_square(residual, net, points, key, nu=0.01)")
def unbiased_square(
    residual: Any, net: Any, points: Any, key: Array, **parameters: Any
) -> Any:
    r"""Returns an unbiased estimate of $|r|^2$ from two independent draws.

    Args:
        residual: compiled with an estimator; or what its `bind` returned.
        net: the network, or the parameters of a bound residual.
        points: (..., D) in the order of the coordinates, or a dict of columns.
        key: `jax.random.key`; it is split in two.
        **parameters: values of the residual's parameters.

    Returns:
        Like the residual's values, (...); single ones may be negative, their mean over
        keys is the square of the exact residual. The gradient is unbiased too.

    Examples:
        >>> x = oc.vector("x", 100)
        >>> lap = oc.laplacian(sp.Function("u")(x), x)
        >>> r = oc.compile(lap, estimator=oc.Sparse(4))
        >>> points, key = jnp.ones((2, 100)), jax.random.key(0)
        >>> oc.unbiased_square(r, lambda p: p @ p, points, key).tolist()
        [40000.0, 40000.0]
    """
    estimated = residual.residual if isinstance(residual, Bound) else residual
    if not isinstance(estimated, Residual):
        raise OperatorError(
            "an unbiased square is that of a residual",
            expression=repr(residual)[:200],
            hint="write oc.unbiased_square(residual, net, points, key)",
        )
    check_key(estimated.estimator, key)
    first, second = jax.random.split(key)
    left = residual(net, points, key=first, **parameters)
    right = residual(net, points, key=second, **parameters)
    return jax.tree.map(lambda a, b: jnp.real(jnp.conj(a) * b), left, right)


@dataclass(frozen=True)
class SobolevTerm:
    """All equations and their derivatives up to one order, and what each counts."""

    rows: Residual | Bound
    weights: tuple[Any, ...]

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what is given for all sets without the parameters of others alone."""
        rows = self.rows.residual if isinstance(self.rows, Bound) else self.rows
        kept = (*rows.parameters, "key", "quadrature")
        return {name: value for name, value in given.items() if name in kept}

    def loss(self, net: Any, points: Any, given: Mapping[str, Any]) -> Array:
        """Returns the weighted mean of squares at one point set."""
        own = self.own(given)
        if isinstance(self.rows, Bound):
            return self.rows.loss(net, points, weights=self.weights, **own)
        rows = self.rows(net, points, **own)
        return reduce(operator.add, map(_weighted, self.weights, rows))


@public("oc.sobolev_loss(equation, 2, x)")
@dataclass(frozen=True)
class SobolevLoss:
    """What `opcompiler.sobolev_loss` returns: a loss as a function of a network.

    Attributes:
        terms: by point set; the only one is called "".
        fields: names of the unknown fields, in the order of one network's outputs.
        parameters: names of what must be given at call time.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> loss = oc.sobolev_loss(u.diff(y) - x**2, 1, x)
        >>> loss
        <Sobolev loss of field u; 2 squares at the points, weights 1, 1>
    """

    terms: Mapping[str, SobolevTerm]
    fields: tuple[str, ...]
    parameters: tuple[str, ...]

    def __repr__(self) -> str:
        parts = [f"Sobolev loss of {listed('field', self.fields)}"]
        if self.parameters:
            parts[0] += f", {listed('parameter', self.parameters)}"
        for name, term in self.terms.items():
            rows = f"{counted(len(term.weights), 'square')} at {name or 'the points'}"
            parts.append(
                f"{rows}, {listed('weight', [weighed(w) for w in term.weights])}"
            )
        some = next(iter(self.terms.values())).rows
        if isinstance(some, Bound):
            parts.append(f"bound to {called(some._apply)}")
        return f"<{'; '.join(parts)}>"

    def _repr_latex_(self) -> str:
        means, known = [], dict[str, str]()
        for name, term in self.terms.items():
            rows = term.rows.residual if isinstance(term.rows, Bound) else term.rows
            bases, squares = family_formulas(rows.operator)
            known |= bases
            weights = [f"{weighed(w)} ".removeprefix("1 ") for w in term.weights]
            summed = " + ".join(
                f"{w}|{square}|^2" for w, square in zip(weights, squares, strict=True)
            )
            count = f"N_{{\\mathrm{{{name}}}}}" if name else "N"
            means.append(
                f"\\frac{{1}}{{{count}}} \\sum_{{k=1}}^{{{count}}} "
                f"\\left({summed}\\right)(x_k)"
            )
        lines = [
            f"L &= {' + '.join(means)}",
            *(f"{n} &= {e}" for n, e in known.items()),
        ]
        body = " \\\\ ".join(lines)
        return f"$\\displaystyle \\begin{{aligned}} {body} \\end{{aligned}}$"

    @public("loss(net, points, nu=0.01)")
    def __call__(self, net: Any, points: Any, /, **given: Any) -> Array:
        """Returns the loss, one real number, (), of the precision of the points.

        Args:
            net: the network, or a dict by field; of a bound loss the parameters of the
                network.
            points: (..., D) in the order of the coordinates, or a dict of columns; for
                several sets a dict of them by name.
            **given: parameters of the equations, and `quadrature`, rules by variable.

        Returns:
            The mean over points of the weighted squares, summed over point sets.

        Raises:
            OperatorError: for point sets, networks, points or parameters that do not fit.

        Examples:
            >>> float(loss(lambda p: p[0] ** 2 * p[1], jnp.ones((4, 2))))
            0.0
        """
        sets = {"": points} if set(self.terms) == {""} else points
        if not isinstance(sets, Mapping) or set(sets) != set(self.terms):
            raise OperatorError(
                f"the loss has the point sets {', '.join(self.terms)}",
                expression=str(points)[:200],
                hint="give a dict with points for each of them",
            )
        ours = ("key", "quadrature")
        check_names(
            "parameter", (n for n in given if n not in ours), self.parameters, ()
        )
        return reduce(
            operator.add,
            (term.loss(net, sets[name], given) for name, term in self.terms.items()),
        )

    @public("loss.bind(lambda params, point: ...)")
    def bind(self, apply: Any) -> "SobolevLoss":
        """Returns the loss of the parameters of a network; see `Residual.bind`.

        Args:
            apply: `apply(params, point)`, or a dict of such functions by field.

        Returns:
            A loss that takes `params` where this one takes a network, evaluated by tiles
            of points and compiled once per shapes.

        Raises:
            OperatorError: for what is no function.

        Examples:
            >>> bound = loss.bind(lambda w, p: w * p[1])
            >>> float(bound(jnp.array(1.0), jnp.zeros((4, 2))))
            1.0
        """
        terms = {
            name: SobolevTerm(term.rows.bind(apply), term.weights)
            for name, term in self.terms.items()
            if isinstance(term.rows, Residual)
        }
        return SobolevLoss(terms, self.fields, self.parameters)


def _weighted(weight: Any, row: Array) -> Array:
    squares = jnp.real(row) ** 2 + jnp.imag(row) ** 2
    own = from_host("a weight of the loss", weight, squares.dtype)
    return own * jnp.mean(squares)
