"""From equations to a residual or a loss: `compile` has all steps, each a line.

In: SymPy equations, or a problem in the notation. Out: a function of networks and points.

    residual = oc.compile(u.diff(t) - nu * oc.laplacian(u, [x, y]))
    residual(net, points, nu=0.1)

Each step takes what the one before returns, as plain data. A network is met at last, when
the residual is called.
"""

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

from opcompiler.calculus.sobolev import (
    read_scales,
    read_weights,
    sobolev_terms,
    Weights,
)
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend import Declaration, NormalForm, normalize
from opcompiler.frontend.equations import read_equations
from opcompiler.planning import plan_functionals
from opcompiler.runtime.losses import SobolevLoss, SobolevTerm
from opcompiler.runtime.residual import Residual
from opcompiler.sampling import estimated, Estimator
from opcompiler.taylor.tuning import Tuning

Coordinates = sp.Symbol | sp.IndexedBase | Sequence[sp.Symbol | sp.IndexedBase] | None
"""Of the points, in the order of their columns; as they first appear, if `None`."""


@public('oc.compile(equation, coordinates=[t, x], strategy="auto")')
def compile(
    equations: Any,
    *,
    coordinates: Coordinates = None,
    fields: Any = None,
    strategy: str = "auto",
    estimator: Estimator | None = None,
    chunk: int | None = None,
    remat: bool = False,
) -> Residual:
    """Compiles a SymPy residual to a JAX function of networks and points.

    Args:
        equations: a SymPy expression (to be zero) or `Eq`, or a list, tuple, dict or
            matrix of them; or a `Problem`, of which the equations are compiled, or
            `problem.condition(name)`, `problem.equation(name)`. Applied undefined
            functions are the unknown fields, symbols that stand as their arguments the
            coordinates, every other free symbol a parameter given at call time.
        coordinates: overrides the order (first appearance) and choice of coordinates.
        fields: all fields in the order of one network's outputs: names, functions,
            applied functions, or vectors of them. One network for several fields of
            SymPy input needs it, because SymPy sorts what is written; a dict of networks
            does not. It may name fields that these equations do not hold: then the
            network of a system serves one of its equations. A problem's fields are in
            declared order.
        strategy: `auto`, the cheapest at each evaluation site, or the name of a strategy:
            `algebra` (the operator's minimal Taylor algebra), `partition` (univariate
            jets with tangents in several slots), `polarization` (jets along
            directions), `reverse` (the last derivative by a reverse pass for each
            field), `nested` (the reference, nested forward mode).
        estimator: sample sums over components: `Sparse(16)`, any sum, terms drawn at
            random; `Dense(16)`, random directions. First derivatives, sources and what
            a hard constraint adds are exact nevertheless. Then give a `key` at each call.
        chunk: directions of a sum over many coordinates that are pushed at a time, to
            bound memory; all by default.
        remat: keep only the results of matrix products for a gradient and evaluate
            the rest again: less memory, more time.

    Returns:
        The compiled residual; `residual(net, points, **parameters)`.

    Raises:
        OperatorError: naming the sub-expression that cannot be compiled, and what to
            write instead.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> residual = oc.compile(u.diff(x, 2) + u.diff(y, 2))
        >>> points = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> residual(lambda p: p[0] ** 2 * p[1], points).tolist()
        [4.0, 8.0]

    Source: `docs/theory.md`.
    """
    # Read: the equations, and what a text declares of their names.
    given = _read(equations, coordinates, fields)

    # Normalise: functionals of fields at sites, sums of them, and a program over both.
    try:
        operator = normalize(
            given.equations,
            given.coordinates,
            given.fields,
            hold=estimator is not None,
            shared=estimator is None or estimator.shared,
            # Only `auto` plans held sums: for a strategy by name they are written out.
            matrices=strategy == "auto",
        )
    except RecursionError:
        raise OperatorError(
            "an equation is nested too deeply",
            hint="name an inner part: a field of its own with an equation that says what "
            "it is, or a parameter that is a function of the point, residual(net, points, "
            "a=function)",
        ) from None

    # Estimate: directions that run become those that the estimator draws for.
    exact = operator
    if estimator is not None:
        _warn_of_bias(operator)
        operator = estimated(operator, estimator)

    # Plan: what is pushed through the networks, so that all functionals can be read off.
    plan = plan_functionals(operator.functionals, operator.sites, strategy)

    # Residual: the JAX function, which evaluates plan, sums and program at points.
    tuning = Tuning(chunk=chunk, remat=remat)
    return Residual(operator, strategy, tuning, given.defaults, estimator, plan, exact)


@public("oc.sobolev_loss(equation, 2, [x, y])")
def sobolev_loss(
    equations: Any,
    order: int | Mapping[str, int],
    wrt: sp.Symbol | Sequence[sp.Symbol],
    *,
    weights: Weights | Mapping[str, Weights] = None,
    scales: Sequence[Any] | None = None,
    coordinates: Coordinates = None,
    fields: Any = None,
    strategy: str = "auto",
    remat: bool = False,
) -> SobolevLoss:
    r"""Compiles the loss $\sum_j Q_j |\nabla^j R|^2$, the mean over points.

    Args:
        equations: a SymPy expression (to be zero) or `Eq`, several of them, a `Problem`
            or a part of one, as `compile` takes; the squares of several are added.
        order: m, the highest order of the derivatives of the residual; or a dict of orders
            by point set, {"everywhere": 1, "origin": 4}.
        wrt: the coordinate, or coordinates, that $\nabla$ is taken by.
        weights: $Q_0, \ldots, Q_m$ (for several sets as many as the highest order needs),
            real numbers of at least 0, or a function of j; or a dict of them by point
            set. All 1 by default. What weighs 0 is not evaluated.
        scales: of each equation, a factor of its residual; 1 by default.
        coordinates: overrides the order (first appearance) and choice of coordinates.
        fields: all fields in the order of one network's outputs.
        strategy: `auto`, or the name of a strategy of `compile`.
        remat: keep only the results of matrix products for a gradient.

    Returns:
        `loss(net, points, **parameters)`, and `loss.bind(apply)`; points are a dict by
        name if the orders are. `opcompiler.runtime.losses` has the formula.

    Raises:
        OperatorError: as `compile`; for too few or too many weights or scales, ones that
            are no such numbers, or are for a point set that there is not.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> loss = oc.sobolev_loss(u.diff(y) - x**2, 1, x, weights=[1, 0.5])
        >>> f = loss.bind(lambda w, p: w * p[1])
        >>> float(f(jnp.array(1.0), jnp.zeros((3, 2))))
        1.0
    """
    orders = order if isinstance(order, Mapping) else {"": order}
    if not orders:
        raise OperatorError(
            "a loss needs a point set",
            expression=str(order),
            hint='for instance order=2, or order={"everywhere": 1, "origin": 4}',
        )
    given = _read(equations, coordinates, fields)
    listed = read_equations(given.equations).residuals
    factors = read_scales(scales, len(listed))
    families = {
        name: [sobolev_terms(residual, highest, wrt) for residual in listed]
        for name, highest in orders.items()
    }
    by_set = read_weights(weights, orders)
    terms = {}
    for name, every in families.items():
        q = by_set[name]
        rows = [
            (derivative, q[j] * times * abs(factor) ** 2)
            for family, factor in zip(every, factors, strict=True)
            for derivative, (j, times) in family
            if not (isinstance(q[j], int | float) and q[j] == 0)
        ]
        if not rows:
            raise OperatorError(
                "nothing is left of a loss whose weights are all 0",
                expression=f"weights={weights}"[:200],
                hint="leave the point set out",
            )
        family = [derivative for derivative, _ in rows]
        rows_of = replace(given, equations=family)
        compiled = compile(rows_of, strategy=strategy, remat=remat)
        terms[name] = SobolevTerm(compiled, tuple(weight for _, weight in rows))
    residuals = [term.rows for term in terms.values()]
    parameters = sorted({name for rows in residuals for name in rows.parameters})
    return SobolevLoss(terms, residuals[0].fields, tuple(parameters))


@dataclass(frozen=True, slots=True)
class _Given:
    """What is compiled, from SymPy or from a text.

    Attributes:
        equations: what `read_equations` reads.
        coordinates: in the order of the points' columns; `None` where they are found.
        fields: in the order of one network's outputs, or what a text declares of them.
        defaults: of parameters.
    """

    equations: object
    coordinates: Any
    fields: Any
    defaults: Mapping[str, complex]


def _read(equations: Any, coordinates: Coordinates, fields: Any) -> _Given:
    """Reads a problem of the notation, or a part of one; all else is SymPy's.

    Conditions too take all coordinates of their problem, so that one batch of points serves
    equations and conditions; the columns of coordinates that a condition fixes are not
    read.
    """
    if isinstance(equations, _Given):
        return equations
    # If the notation has not been loaded, there is no `Problem` to be handed in.
    text = sys.modules.get("opcompiler.text")
    if text is None or not isinstance(equations, text.Problem | text.Part):
        return _Given(equations, coordinates, fields, {})
    if isinstance(equations, text.Problem):
        part = text.Part(equations, equations.equations)
        listed: Any = dict(part.equations)
    else:
        part, listed = equations, tuple(equations.equations.values())
        if len(listed) == 1:
            (listed,) = listed
    problem = part.problem
    if not part.equations:
        raise OperatorError(
            "the problem has no equations",
            hint="write one, or compile problem.condition(name)",
        )
    for coordinate in problem.coordinates:
        if not coordinate.written_out and not coordinate.base.shape:
            name, dimension = coordinate.name, coordinate.dimension
            raise OperatorError(
                f"the number of components of {name} is the parameter {dimension}, which "
                "has no value",
                expression=f"{name} in R^{dimension}",
                hint=f"parse(text, parameters={{'{dimension}': 100}}), or declare "
                f"parameter {dimension} = 100",
            )
    declared = Declaration(
        part.fields if fields is None else fields,
        frozenset(n for f in problem.fields if f.complex for n in f.names),
        tuple(n for f in problem.fields for n in f.names),
    )
    columns = problem.symbols if coordinates is None else coordinates
    return _Given(listed, columns, declared, problem.defaults)


def _warn_of_bias(operator: NormalForm) -> None:
    """Warns where an equation is not linear in what one draw estimates."""
    groups: dict[object, list[sp.Symbol]] = {}
    for item in operator.sums:
        site = None if item.site is None else operator.sites[item.site]
        if site is not None and not site.gradient:
            group = groups.setdefault((site.extents, site.draw), [])
            group += map(sp.Symbol, item.names)
    for equation, given in zip(
        operator.shell, operator.equations.residuals, strict=True
    ):
        for names in groups.values():
            pairs = combinations_with_replacement(names, 2)
            if any(equation.diff(a, b) != 0 for a, b in pairs):
                warnings.warn(
                    f"the estimate of {given} is biased: it is not linear in a sampled sum"
                    " (the square of an estimate is not an estimate of the square; for a"
                    " product of two sums take oc.Sparse(..., shared=False))",
                    category=UserWarning,
                    stacklevel=4,
                )
                break
