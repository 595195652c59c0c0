"""A `pde` function for DeepXDE's JAX backend (https://deepxde.readthedocs.io).

    from opcompiler.integrations.deepxde import pde

    data = dde.data.PDE(geometry, pde(residual, nu=0.01), conditions, ...)

DeepXDE itself is not imported here: it decides for a backend, and prints, when it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.integrations.whole import whole
from opcompiler.runtime.residual import Residual


@public("pde(residual, nu=0.01)")
def pde(
    residual: Residual,
    *,
    unknowns: Sequence[str] = (),
    known: Mapping[str, Callable[..., Any]] | None = None,
    **parameters: Any,
) -> Callable[..., Array | list[Array]]:
    """Makes the function that `dde.data.PDE` and `dde.data.TimePDE` take.

    The arguments of the unknown fields are the columns of DeepXDE's points: space
    first, time last, so write `u(x, t)`. All unknown fields are outputs of the one
    network, in the order of `residual.fields`.

    Args:
        residual: of `opcompiler.compile`.
        unknowns: parameters to be found, in the order of
            `Model.compile(external_trainable_variables=[...])`.
        known: coefficient functions by field, of the field's own arguments.
        **parameters: values of the other parameters.

    Returns:
        `pde(x, y)`, or `pde(x, y, unknowns)` if there are any: x (N, D), y DeepXDE's
        pair of outputs and function; one array (N, 1), or a list of them.

    Raises:
        OperatorError: if the unknown fields have not all coordinates as arguments, in
            one order; when called, if the backend is not JAX.

    Examples:
        >>> from opcompiler.integrations.deepxde import pde
        >>> x, t = sp.symbols("x t")
        >>> u = sp.Function("u")(x, t)
        >>> heat = pde(oc.compile(u.diff(t) - u.diff(x, 2)))
        >>> callable(heat)
        True
    """
    given = whole(residual, dict(known or {}), "DeepXDE")

    def evaluate(x: Array, y: Any, values: Mapping[str, Any]) -> Array | list[Array]:
        found = [v[:, None] for v in given.evaluate(_function(y), x, values)]
        return found if len(found) > 1 else found[0]

    if not unknowns:
        return lambda x, y: evaluate(x, y, parameters)
    names = tuple(unknowns)

    # DeepXDE passes the third argument by this name.
    def with_unknowns(x: Array, y: Any, unknowns: Sequence[Any]) -> Any:
        if len(unknowns) != len(names):
            raise OperatorError(
                f"there are {len(unknowns)} external trainable variables for "
                f"{len(names)} unknown parameters",
                expression=", ".join(names),
                hint="give Model.compile(external_trainable_variables=[...]) one for "
                "each, in this order",
            )
        return evaluate(x, y, {**parameters, **dict(zip(names, unknowns, strict=True))})

    return with_unknowns


def _function(y: Any) -> Callable[..., Any]:
    """Returns the function of one point that DeepXDE's JAX backend passes."""
    if isinstance(y, tuple) and len(y) == 2 and callable(y[1]):
        return y[1]
    raise OperatorError(
        "DeepXDE does not run on JAX",
        expression=type(y).__name__,
        hint="set the environment variable DDE_BACKEND=jax before it is imported",
    )
