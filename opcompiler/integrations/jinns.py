"""A jinns dynamic loss made of a residual (https://mia_jinns.gitlab.io/jinns).

    import jinns
    from opcompiler.integrations.jinns import dynamic_loss

    loss = jinns.loss.LossPDENonStatio(
        u=network, dynamic_loss=dynamic_loss(residual), params=params, ...)

jinns evaluates a dynamic loss at one point and maps it over the batch, which is what a
residual does inside `jax.vmap`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array
from jinns.loss import ODE, PDENonStatio, PDEStatio
from jinns.nn import SPINN
from jinns.parameters import Params

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.integrations.whole import Whole, whole
from opcompiler.runtime.residual import Residual

_TIMES = ("t", "tau", "time")


class _ODE(ODE):
    whole: Whole = eqx.field(static=True, kw_only=True)

    def equation(self, t: Array, u: Any, params: Params) -> Array:
        return _at_point(self.whole, t, u, params, jnp.asarray([self.Tmax]))


class _PDEStatio(PDEStatio):
    whole: Whole = eqx.field(static=True, kw_only=True)

    def equation(self, x: Array, u: Any, params: Params) -> Array:
        return _at_point(self.whole, x, u, params, jnp.ones(1))


class _PDENonStatio(PDENonStatio):
    whole: Whole = eqx.field(static=True, kw_only=True)

    def equation(self, t_x: Array, u: Any, params: Params) -> Array:
        scale = jnp.ones(t_x.shape[-1:]).at[0].set(self.Tmax)
        return _at_point(self.whole, t_x, u, params, scale)


def _at_point(
    whole: Whole, inputs: Array, u: Any, params: Params, scale: Array
) -> Array:
    """Returns the equations at one point, (number of equations,).

    Of a separable network (SPINN) the inputs may be D axes of n numbers each, as jinns
    has them: then at all points of their product, (n, ..., n, number of equations).

    Args:
        whole: the residual.
        inputs: jinns' point, (D,), or axes, (n, D); time is normalised.
        u: jinns' network.
        params: jinns' parameters.
        scale: what turns jinns' coordinates into ours.
    """
    scale = scale.astype(inputs.dtype)
    net = lambda point: u(point / scale, params)
    if isinstance(u, SPINN):
        # It takes axes of one number each, and gives a grid of one point.
        net = lambda point: u((point / scale)[None], params).reshape(-1)
    # jinns' other parameters are not ours; numbers may be arrays of one element.
    given = {
        name: jnp.asarray(getattr(params.eq_params, name))
        for name in whole.residual.parameters
        if hasattr(params.eq_params, name)
    }
    for name in whole.residual.operator.parameters:
        if name in given and given[name].size == 1:
            given[name] = given[name].reshape(())
    product = inputs.ndim > 1
    return jnp.stack(whole.evaluate(net, inputs * scale, given, product), axis=-1)


@public("dynamic_loss(residual)")
def dynamic_loss(
    residual: Residual,
    *,
    known: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> ODE | PDEStatio | PDENonStatio:
    """Makes a jinns dynamic loss of a residual.

    The arguments of the unknown fields are jinns' inputs: `t` alone for an `ODE`, `t`
    and then space for a `PDENonStatio`, space for a `PDEStatio`. All unknown fields
    come from the one PINN, in the order of `residual.fields`. Parameters are read from
    `params.eq_params` by name, tables too, and may be trained, batched or heterogeneous
    as in any jinns loss.

    Args:
        residual: of `opcompiler.compile`.
        known: coefficient functions by field, of the field's own arguments.
        **options: jinns' own: `Tmax`, `eq_params_heterogeneity` (with `params`),
            `vectorial_dyn_loss_ponderation`. With `Tmax` the network's time is in
            [0, 1] and the residual is that of physical time; jinns' own losses are
            `Tmax` times theirs.

    Returns:
        An instance of jinns' `ODE`, `PDEStatio` or `PDENonStatio`, whose `equation` has
        shape (number of equations,).

    Raises:
        OperatorError: if time is not the first argument, or the unknown fields have not
            all coordinates as arguments, in one order.

    Examples:
        >>> from opcompiler.integrations.jinns import dynamic_loss
        >>> t, x = sp.symbols("t x")
        >>> u = sp.Function("u")(t, x)
        >>> type(dynamic_loss(oc.compile(u.diff(t) - u.diff(x, 2)))).__base__.__name__
        'PDENonStatio'
    """
    given = whole(residual, dict(known or {}), "jinns")
    first, *others = given.columns
    late = [name for name in others if name in _TIMES]
    if late and first not in _TIMES:
        order = ", ".join([late[0], first, *(n for n in others if n != late[0])])
        raise OperatorError(
            "jinns puts time first",
            expression=f"{given.fields[0]}({', '.join(given.columns)})",
            hint=f"write {given.fields[0]}({order})",
        )
    if first not in _TIMES:
        return _PDEStatio(whole=given, **options)
    return (_PDENonStatio if others else _ODE)(whole=given, **options)
