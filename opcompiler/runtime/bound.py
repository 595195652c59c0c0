"""A residual with the form of its network fixed: what `Residual.bind` returns.

In: parameters of the network and points. Out: values, losses and gradients, each compiled
once per shapes of its arguments:

    f = residual.bind(apply)
    f(params, points)                          values
    f.loss(params, points)                     mean of squares, by tiles
    f.value_and_grad(params, points)           the same with its gradient

The work is done by the residual; here stands what is compiled, and what of a call JAX sees.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.runtime.calls import (
    a_call,
    check_params,
    Functions,
    Inputs,
    Rules,
    split,
)
from opcompiler.runtime.networks import Network
from opcompiler.runtime.reprs import called


@public("residual.bind(apply)")
class Bound:
    """A residual with the form of its network fixed; see `Residual.bind`.

    Attributes:
        residual: the `Residual` that was bound.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> f = oc.compile(u.diff(x, 2)).bind(lambda w, p: w * p[0] ** 2)
        >>> value, slope = f.value_and_grad(jnp.array(3.0), jnp.zeros((5, 2)))
        >>> float(value), round(float(slope), 6)
        (36.0, 24.0)
    """

    def __init__(self, residual: Any, apply: Any) -> None:
        self.residual = residual
        self._apply = apply
        self._jitted = jax.jit(self._run, static_argnums=0)
        self._loss = jax.jit(self._run_loss, static_argnums=0)
        self._slope = jax.jit(
            jax.value_and_grad(self._run_loss, argnums=1), static_argnums=0
        )

    @public(lambda bound: a_call(bound.residual, "f(params"))
    def __call__(
        self,
        params: Any,
        points: Any,
        /,
        *,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> Any:
        """Evaluates the residual with the network's parameters `params`.

        Args:
            params: the pytree that `apply` takes.
            points: (..., D) in the order of the coordinates, or a dict of columns.
            key: for an estimator, `jax.random.key`; one key gives one draw.
            quadrature: for each integration variable the (nodes, weights) of a rule.
            **parameters: values of the residual's parameters; a new function object is a
                new program.

        Returns:
            What the residual returns: an array (...), or a tuple or dict of them.

        Raises:
            OperatorError: if networks, points or parameters do not fit the operator; if
                `params` hold what is no array.

        Examples:
            >>> f(jnp.array(3.0), jnp.zeros((5, 2))).tolist()
            [6.0, 6.0, 6.0, 6.0, 6.0]
        """
        functions, inputs = self.residual._read(points, key, quadrature, parameters)
        check_params(params)
        outputs = self._jitted(functions, params, inputs)
        # Outside of jit, which would sort the keys of a dict.
        return self.residual._like_equations(outputs)

    @public(lambda bound: a_call(bound.residual, "f.loss(params"))
    def loss(
        self,
        params: Any,
        points: Any,
        /,
        *,
        weights: Any = None,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> Array:
        r"""Returns the mean over points of the squared residual, summed over equations.

        $$ \frac1N \sum_{k=1}^N \sum_e w_{ek}\, |r_e(x_k)|^2 . $$

        That is what `f(params, points)` gives, squared and averaged; but points are
        evaluated a tile at a time, and a gradient is taken tile by tile, so that memory
        does not grow with N. `residual.tuning.tile` is how many points make a tile.

        Everything that JAX does to a function works, and by tiles: `jax.jit`, `jax.vmap`,
        `jax.grad` and `jax.value_and_grad` by `params`, points, weights and parameters,
        second derivatives, forward mode. Losses at several sets of points, of several
        residuals, are added:
        `jax.value_and_grad(lambda p: f.loss(p, inside) + 10 * g.loss(p, wall))`.

        Args:
            params: a pytree, the first argument of `apply`.
            points: (..., D) in the order of `coordinates`, or a dict of columns.
            weights: a number, or an array that broadcasts to the shape of the points,
                (...), for all equations; for several equations also a tuple or dict of
                these like the residual's values, one for each equation. All 1 by default.
                Their sum is not divided by.
            key: for an estimator, `jax.random.key`; one key gives the draw that it gives in
                a call, for all tiles together.
            quadrature: for each integration variable the (nodes, weights) of a rule.
            **parameters: values of the residual's parameters; an array over the points is
                cut with them.

        Returns:
            One real number, ().

        Raises:
            OperatorError: if networks, points, weights or parameters do not fit the
                operator; if there are no points.

        Examples:
            >>> points = jnp.array([[0.0, 0.0], [1.0, 0.0]])
            >>> float(f.loss(jnp.array(3.0), points, weights=1 + points[:, 0]))
            54.0
        """
        functions, inputs, factors = self._loss_inputs(
            params, points, weights, key, quadrature, parameters
        )
        return self._loss(functions, params, inputs, factors)

    @public(lambda bound: a_call(bound.residual, "f.value_and_grad(params"))
    def value_and_grad(
        self,
        params: Any,
        points: Any,
        /,
        *,
        weights: Any = None,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> tuple[Array, Any]:
        """Returns `loss` and its gradient by the network's parameters, compiled together.

        It is `jax.value_and_grad(f.loss)`, in one line. For a gradient by a parameter of
        the equation, or by weights, take `jax.value_and_grad` of a function of them, or of
        a dict: `jax.grad(lambda p: f.loss(p["net"], points, nu=p["nu"]))`.

        Args:
            params: a pytree of floating-point arrays, the first argument of `apply`.
            points: (..., D) in the order of `coordinates`, or a dict of columns.
            weights: by point, by equation, or both; see `loss`.
            key: for an estimator, `jax.random.key`.
            quadrature: for each integration variable the (nodes, weights) of a rule.
            **parameters: values of the residual's parameters.

        Returns:
            The loss, (), and a pytree like `params`.

        Raises:
            OperatorError: as `loss`; if `params` hold integers, which have no gradient.

        Examples:
            >>> value, slopes = f.value_and_grad(jnp.array(3.0), jnp.zeros((5, 2)))
            >>> float(value), round(float(slopes), 6)
            (36.0, 24.0)
        """
        functions, inputs, factors = self._loss_inputs(
            params, points, weights, key, quadrature, parameters
        )
        for path, leaf in jax.tree.leaves_with_path(params):
            if not _compat.differentiable(jnp.result_type(leaf)):
                raise OperatorError(
                    "there is no gradient by what is no floating-point number",
                    expression=f"params{jax.tree_util.keystr(path)} = {leaf!r}"[:200],
                    hint="cast it, or let apply close over it",
                )
        return self._slope(functions, params, inputs, factors)

    def _loss_inputs(
        self,
        params: Any,
        points: Any,
        weights: Any,
        key: Array | None,
        quadrature: Rules,
        parameters: Mapping[str, Any],
    ) -> tuple[Functions, Inputs, list[Any]]:
        """Returns what a loss is computed from, as JAX may see it."""
        residual = self.residual
        functions, inputs = residual._read(points, key, quadrature, parameters)
        check_params(params)
        return functions, inputs, residual._weights(weights, inputs.points)

    def _run_loss(
        self, functions: Functions, params: Any, inputs: Inputs, weights: list[Any]
    ) -> Array:
        net = self._network(params)
        return self.residual._mean_square(net, functions, inputs, weights)

    @public(lambda bound: a_call(bound.residual, "f.explain(params"))
    def explain(
        self,
        params: Any,
        points: Any,
        /,
        *,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> str:
        """Returns the plan as text, how sums are evaluated, and what a network makes of it.

        It says what each push costs, in evaluations of the network; where its directions
        were written out at every element, or exchanged for fewer, by primitive and line of
        the network; and of each sampled sum what all its terms would cost, and whether that
        is less than the draw. Nothing is run.

        Args:
            params: the pytree that `apply` takes.
            points: (..., D) in the order of the coordinates, or a dict of columns.
            quadrature: for each integration variable a rule.
            **parameters: values of the residual's parameters.

        Returns:
            Lines of text.

        Raises:
            OperatorError: if networks, points or parameters do not fit the operator.

        Examples:
            >>> lines = f.explain(jnp.array(3.0), jnp.zeros((5, 2))).splitlines()
            >>> lines[-2]
            'costs at 5 points, in evaluations of the network'
        """
        check_params(params)
        net = self._network(params)
        return self.residual.explain(net, points, quadrature=quadrature, **parameters)

    def lower(
        self,
        params: Any,
        points: Any,
        /,
        *,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> jax.stages.Lowered:
        """Lowers the program for the shapes of its arguments, as `jax.jit(f).lower` does.

        Args:
            params: the pytree that `apply` takes, of arrays or `jax.ShapeDtypeStruct`s.
            points: the points, or their shapes.
            key: for an estimator, a key or its shape.
            quadrature: for each integration variable a rule.
            **parameters: values, or their shapes. Functions, and defaults that are not
                given, become part of the program.

        Returns:
            The lowered program: `.as_text()`, `.compile()`. What it compiles to is called
            with the same arguments, functions left out; a dict of equations comes back
            as an `OrderedDict`.

        Raises:
            OperatorError: if networks, points or parameters do not fit the operator.

        Examples:
            >>> shape = jax.ShapeDtypeStruct((5, 2), jnp.float32)
            >>> program = f.lower(jnp.array(3.0), shape).compile()
            >>> program(jnp.array(3.0), jnp.zeros((5, 2), jnp.float32)).shape
            (5,)
        """
        functions, numbers = split(parameters)
        check_params(params)

        def run(params: Any, points: Any, **given: Any) -> Any:
            key, quadrature = given.pop("key", None), given.pop("quadrature", None)
            given |= dict(functions)
            own, inputs = self.residual._read(points, key, quadrature, given)
            outputs = self._run(own, params, inputs)
            values = self.residual._like_equations(outputs)
            return OrderedDict(values) if isinstance(values, dict) else values

        optional = {"key": key, "quadrature": quadrature}
        given = {name: value for name, value in optional.items() if value is not None}
        return jax.jit(run).lower(params, points, **given, **numbers)

    def __repr__(self) -> str:
        return f"<{repr(self.residual)[1:-1]}; bound to {called(self._apply)}>"

    def _repr_latex_(self) -> str:
        return self.residual._repr_latex_()

    def __reduce__(self) -> tuple[Any, ...]:
        # What is compiled stays here: a copy compiles anew.
        return Bound, (self.residual, self._apply)

    def _run(self, functions: Functions, params: Any, inputs: Inputs) -> list[Array]:
        return self.residual._evaluate(self._network(params), functions, inputs)

    def _network(self, params: Any) -> Any:
        if isinstance(self._apply, Mapping):
            return {key: _with(params, apply) for key, apply in self._apply.items()}
        return _with(params, self._apply)


def _with(params: Any, apply: Callable[[Any, Array], Any]) -> Network:
    return lambda point, *more: apply(params, point, *more)
