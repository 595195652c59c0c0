"""Points together with functions that a network takes besides, for operator learning.

In: M functions, a pytree of arrays (M, ...), and points. Out: an `Over`, which every
compiled residual takes in place of points; its network takes (point, function):

    oc.over(sources, points)     every function at every point: values (M, N)
    oc.along(sources, points)    the k-th function at the k-th point: values (N,)

`points.py` lays the numbers of a function beside the coordinates, as columns that no
derivative goes by. So they are an axis of a product like any other: what a network computes
from functions alone is computed once per function, and a loss cuts both to tiles.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.runtime.grid import Grid
from opcompiler.runtime.precision import as_real
from opcompiler.runtime.reprs import shapes


@public("oc.over(functions, points)")
@dataclass(frozen=True, eq=False)
class Over:
    """Points and functions; `opcompiler.over` and `opcompiler.along` make them.

    Attributes:
        functions: a pytree of arrays (M, ...).
        points: an array, a dict of columns, or a grid.
        paired: whether a function belongs to each point, instead of all to all.

    Examples:
        >>> pairs = oc.along(jnp.ones((5, 7)), jnp.zeros((5, 1)))
        >>> pairs.paired
        True
    """

    functions: Any
    points: Any
    paired: bool = False

    def __repr__(self) -> str:
        points = self.points if isinstance(self.points, Grid) else shapes(self.points)
        how = "Pairs of functions" if self.paired else "Functions"
        how = (
            f"{how} {shapes(self.functions)} {'and' if self.paired else 'over'} points"
        )
        return f"<{how} {points}>"

    def columns(self, dtype: Any) -> Array:
        """Returns the functions' numbers as rows, (M, w).

        Args:
            dtype: that of the points.

        Raises:
            OperatorError: for what is no array of real numbers, or not of one length.
        """
        leaves = [
            as_real(dtype, leaf, "a function", "give the real and the imaginary part")
            for leaf in jax.tree.leaves(self.functions)
        ]
        counts = {leaf.shape[:1] for leaf in leaves}
        if len(counts) != 1 or counts == {()}:
            raise OperatorError(
                "the functions are no arrays with one first axis",
                expression=f"shapes {[leaf.shape for leaf in leaves]}"[:200],
                hint="give an array (M, ...), or a pytree of such, with the same M",
            )
        return jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], 1)

    def split(self, network: Callable[..., Any]) -> Callable[[Array], Any]:
        """Returns a network of (point, function) as one of both side by side.

        Args:
            network: a function of a point, (D,), and of one function.

        Returns:
            A function of the point with the function's numbers behind it, (D + w,).
        """
        leaves, structure = jax.tree.flatten(self.functions)
        shapes = [jnp.shape(leaf)[1:] for leaf in leaves]
        width = sum(map(math.prod, shapes))

        def of_both(point: Array) -> Any:
            start, arrays = point.shape[0] - width, []
            for shape in shapes:
                size = math.prod(shape)
                arrays.append(point[start : start + size].reshape(shape))
                start += size
            function = jax.tree.unflatten(structure, arrays)
            return network(point[: point.shape[0] - width], function)

        return of_both


jax.tree_util.register_dataclass(
    Over, data_fields=["functions", "points"], meta_fields=["paired"]
)


@public("oc.over(functions, points)")
def over(functions: Any, points: Any) -> Over:
    """Returns every one of M functions at every point, to be given in place of points.

    The network takes (point, function): `residual(lambda point, a: ..., oc.over(...))`, or
    of a bound residual `apply(params, point, a)`. What it computes from the function alone,
    the branch of a DeepONet, is computed M times; from the point alone, the trunk, at the
    N points; their product is a matrix product.

    Args:
        functions: what a network takes of each function (its values at sensors, its
            coefficients), a pytree of real arrays (M, ...).
        points: (..., D), a dict of columns, or a grid.

    Returns:
        A pytree; a residual has the shape (M, ...) there. Parameters and weights broadcast
        to it; `f=array[:, None]` is one number for each function.

    Raises:
        OperatorError: when it is used, for functions that are not like that.

    Example: `f.loss(params, oc.over(sources, points), source=values)`, (M, N) sources.

    Examples:
        >>> x = sp.Symbol("x")
        >>> f = oc.compile(sp.Function("u")(x).diff(x))
        >>> f = f.bind(lambda params, point, a: jnp.sum(a) * point[0])
        >>> f((), oc.over(jnp.ones((3, 7)), jnp.zeros((5, 1)))).shape
        (3, 5)

    Source: Wang, Wang, Perdikaris, Learning the solution operator of parametric PDEs with
    physics-informed DeepONets (2021); Leng et al., Zero coordinate shift (2023), for what
    is shared.
    """
    return Over(functions, points)


@public("oc.along(functions, points)")
def along(functions: Any, points: Any) -> Over:
    """Returns points with a function each, to be given in place of points.

    The network takes (point, function), as for `over`; the k-th function belongs to the
    k-th point alone.

    Args:
        functions: a pytree of real arrays (N, ...).
        points: (N, D), or a dict of columns (N,).

    Returns:
        A pytree; a residual has the shape (N,) there.

    Raises:
        OperatorError: when it is used, for functions that do not fit the points.

    Example: `f(params, oc.along(sources, points))`, of sources (N, 50) and points (N, 2).

    Examples:
        >>> x = sp.Symbol("x")
        >>> f = oc.compile(sp.Function("u")(x).diff(x))
        >>> f = f.bind(lambda params, point, a: jnp.sum(a) * point[0])
        >>> f((), oc.along(jnp.ones((5, 7)), jnp.zeros((5, 1)))).shape
        (5,)
    """
    return Over(functions, points, paired=True)
