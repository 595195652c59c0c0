"""A residual with all of its derivatives up to an order, and their weights in a loss.

In: a residual, an order, coordinates. Out: a tuple of SymPy expressions.

    oc.sobolev(u.diff(x) - u, 1, x)     # (u_x - u, Derivative(u_x - u, x))

The derivatives stay unevaluated: the frontend writes them out when they are compiled, and
then one push carries the whole family. `runtime/losses.py` makes a loss of it; the weights
and scales of that loss are read here, because their numbers follow from the orders.
"""

from cmath import isfinite
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement
from math import factorial, prod
from numbers import Number
from typing import Any

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic
from opcompiler.ir import check_order


@public("oc.sobolev(residual, 2, [x, y])")
def sobolev(
    residual: sp.Expr | sp.Eq, order: int, wrt: sp.Symbol | Sequence[sp.Symbol]
) -> tuple[sp.Expr, ...]:
    r"""Returns a residual and its derivatives up to an order, for a Sobolev loss.

    They are held: nothing is multiplied out here, and `compile` merges what is alike.
    Compiled together, all of them are one push of the network.

    Args:
        residual: an expression that is to be zero, or an equation.
        order: the highest order m, at least 0.
        wrt: the coordinate, or coordinates, to differentiate by.

    Returns:
        By order, and within it in the order of `wrt`: for one coordinate $R, D_x R,
        \ldots, D_x^m R$; for several $R, R_x, R_y, R_{xx}, R_{xy}, R_{yy}, \ldots$

    Raises:
        OperatorError: for a negative order, no coordinates, or a coordinate twice.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> oc.sobolev(u, 2, x)
        (u(x, y), Derivative(u(x, y), x), Derivative(u(x, y), (x, 2)))

    Source: n-TangentProp, arXiv 2412.09752, section 4 (Sobolev loss).
    """
    return tuple(derivative for derivative, _ in sobolev_terms(residual, order, wrt))


@public("oc.sobolev(residual, 2, [x, y])")
def sobolev_terms(
    residual: sp.Expr | sp.Eq, order: int, wrt: sp.Symbol | Sequence[sp.Symbol]
) -> list[tuple[sp.Expr, tuple[int, int]]]:
    r"""Returns the family of `sobolev`, each with its order and how often it counts.

    Of $|\nabla^j R|^2$, the sum over all j-tuples of coordinates, a derivative that is
    taken $\alpha$ times by them is $j!/\alpha!$ terms.
    """
    coordinates = [wrt] if isinstance(wrt, sp.Basic) else list(symbolic(wrt))
    symbolic(residual)
    counted = isinstance(order, int | sp.Integer) and order >= 0
    if not counted or not coordinates or len(set(coordinates)) < len(coordinates):
        raise OperatorError(
            "a Sobolev family needs a whole order of at least 0 and distinct coordinates",
            expression=f"order={order!r}, wrt={coordinates}",
            hint="for instance sobolev(residual, 2, x), or sobolev(residual, 2, [x, y])",
        )
    check_order(order, residual)
    equation = isinstance(residual, sp.Eq)
    value = sp.Add(residual.lhs, -residual.rhs) if equation else residual
    family: list[tuple[sp.Expr, tuple[int, int]]] = [(value, (0, 1))]
    for count in range(1, order + 1):
        for chosen in combinations_with_replacement(coordinates, count):
            steps = [(c, chosen.count(c)) for c in dict.fromkeys(chosen)]
            times = factorial(count) // prod(factorial(k) for _, k in steps)
            family.append((sp.Derivative(value, *steps), (count, times)))
    return family


Weights = Sequence[Any] | Callable[[int], Any] | None
"""Q_0, ..., Q_m; or a function of j; 1 for all."""


def read_weights(
    given: Weights | Mapping[str, Weights], orders: Mapping[str, int]
) -> dict[str, list[Any]]:
    """Returns the weights of each point set, one more than its order.

    Args:
        given: for all sets as many as the highest order needs, or a dict by set.
        orders: by point set.

    Raises:
        OperatorError: for weights of a set that there is not, too few or too many, and
            for what is no real number of at least 0.
    """
    counts = {name: order + 1 for name, order in orders.items()}
    if not isinstance(given, Mapping):
        most = _numbers(given, max(counts.values()), "weights", least=0)
        return {name: most[:count] for name, count in counts.items()}
    strange = [name for name in given if name not in counts]
    if strange:
        named = ", ".join(map(repr, counts))
        raise OperatorError(
            f"there is no point set {strange[0]!r}",
            expression=f"weights={given}"[:200],
            hint="there is only one, without a name: give its weights alone, in a list"
            if set(counts) == {""}
            else f"the point sets are: {named}",
        )
    return {
        name: _numbers(given.get(name), count, f"weights of {name!r}", least=0)
        for name, count in counts.items()
    }


def read_scales(given: Sequence[Any] | None, count: int) -> list[Any]:
    """Returns a factor for each of `count` equations.

    Raises:
        OperatorError: for too few or too many, and for what is no number.
    """
    return _numbers(given, count, "scales")


def _numbers(
    given: Weights, count: int, what: str, least: float | None = None
) -> list[Any]:
    if given is None:
        return [1] * count
    try:
        listed = list(map(given, range(count)) if callable(given) else given)
    except TypeError as error:
        raise OperatorError(
            f"the {what} are no numbers in order",
            expression=f"{given!r}: {error}"[:200],
            hint=f"give a list of {count}"
            + ("" if least is None else ", or a function of the order j"),
        ) from error
    if len(listed) != count or isinstance(given, str | set | frozenset):
        raise OperatorError(
            f"there are {len(listed)} {what} for {count} terms",
            expression=f"{listed}"[:200],
            hint=f"give {count} of them",
        )
    for number, value in enumerate(listed):
        if not _fits(value, least):
            raise OperatorError(
                f"number {number} of the {what} is {value!r}"[:200],
                expression=f"{listed}"[:200],
                hint="give finite numbers"
                + ("" if least is None else f", real and at least {least}"),
            )
    return listed


def _fits(value: Any, least: float | None) -> bool:
    """Whether a value can be a factor: a finite number, or a scalar array of such."""
    if isinstance(value, bool | str | sp.Basic):
        return False
    if getattr(value, "shape", None) == () and not isinstance(value, Number):
        return getattr(value, "dtype", None) is not None  # perhaps traced
    if not isinstance(value, Number):
        return False
    number = complex(value)
    if least is not None and (number.imag or number.real < least):
        return False
    return isfinite(number)
