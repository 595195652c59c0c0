"""Coordinates with many components, indices that run over them, sums and derivatives.

In: names and sizes, or SymPy expressions. Out: SymPy's own nodes, unevaluated.

    X = oc.vector("x", 1000)
    i = oc.index("i", X)
    oc.Sum(oc.D(u, X[i], 2), i)         # the Laplacian of u(x): no term is written out

SymPy has these nodes, but its constructors evaluate: they write out short sums and apply
the chain rule to a vector as a whole. The functions here build the node and check it.
"""

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic


@public('oc.vector("x", 100)')
def vector(name: str, dimension: int) -> sp.IndexedBase:
    r"""Returns a vector coordinate $x \in R^d$, SymPy's `IndexedBase` with a shape.

    It stands as an argument of fields, `u(x, t)`, and its components are `x[i]`, counted
    from 0. d = 1 000 000 is never written out.

    Args:
        name: of the coordinate.
        dimension: d, at least 1.

    Raises:
        OperatorError: for a dimension that is no positive number.

    Examples:
        >>> x = oc.vector("x", 1000)
        >>> x[0], x.shape
        (x[0], (1000,))
    """
    if not name.isidentifier() or dimension < 1:
        raise OperatorError(
            "a vector coordinate has a name and a number of components",
            expression=f"vector({name!r}, {dimension})",
            hint='give a positive whole number: vector("x", 100)',
        )
    return sp.IndexedBase(sp.Symbol(name), shape=(int(dimension),))


@public('oc.index("i", x)')
def index(name: str, over: sp.IndexedBase | int) -> sp.Idx:
    """Returns an index that runs over the components of a vector, or from 0 to over - 1.

    Args:
        name: of the index.
        over: a vector coordinate, or a number.

    Raises:
        OperatorError: for a vector without a shape.

    Examples:
        >>> x = oc.vector("x", 1000)
        >>> i = oc.index("i", x)
        >>> i.lower, i.upper
        (0, 999)
    """
    if isinstance(over, sp.IndexedBase):
        if over.shape is None:
            raise OperatorError(
                f"{over} has no shape",
                expression=f"index({name!r}, {over})",
                hint=f'declare it by vector("{over}", d)',
            )
        over = over.shape[0]
    if over < 1:
        raise OperatorError(
            f"an index over {over} components",
            expression=f"index({name!r}, {over})",
            hint='give a vector coordinate, or a number of 1 or more: index("i", x)',
        )
    return sp.Idx(sp.Symbol(name, integer=True), over)


@public("oc.Sum(oc.D(u, x[i], 2), i)")
def Sum(body: sp.Expr, *indices: sp.Idx | tuple) -> sp.Sum:  # noqa: N802 - SymPy's name
    r"""Returns $\sum_i$ body, held: nothing is written out, pulled out or simplified.

    Args:
        body: an expression in components `x[i]`, shifted ones `x[i + 1]`, derivatives
            `D(u, x[i], 2)`, the index itself, fields and parameters.
        *indices: an index, over its whole range, or `(i, first, last)`, both included.

    Raises:
        OperatorError: for an index without a range, and a range beyond the index's own.

    Examples:
        >>> x = oc.vector("x", 1000)
        >>> i = oc.index("i", x)
        >>> radius = oc.compile(oc.Sum(x[i] ** 2, i) - sp.Function("u")(x))
        >>> radius(lambda p: p @ p, jnp.ones((1, 1000))).tolist()
        [0.0]
    """
    limits = []
    for given in symbolic(indices):
        if isinstance(given, tuple) and len(given) == 3:
            limits.append(given)
        elif isinstance(given, sp.Idx) and given.upper is not None:
            limits.append((given, given.lower, given.upper))
        else:
            raise OperatorError(
                "the range of a sum is missing",
                expression=given,
                hint='declare i = index("i", x), or give (i, first, last)',
            )
    if not limits:
        raise OperatorError(
            "a sum has an index",
            expression=f"Sum({body})",
            hint='declare i = oc.index("i", x), and write oc.Sum(oc.D(u, x[i], 2), i)',
        )
    try:
        return sp.Sum(symbolic(body), *limits)
    except (TypeError, ValueError) as error:
        raise OperatorError(
            f"this is no range of a sum: {error}",
            expression=", ".join(map(str, limits)),
            hint='declare i = index("i", x), and give (i, first, last) within its range',
        ) from error


@public("oc.D(u, x, 2)")
def D(u: sp.Expr, *variables: sp.Expr | int) -> sp.Derivative:  # noqa: N802 - as in print
    """Returns a derivative, held: `D(u, x[i], 2)`, `D(u, t, x[i])`.

    SymPy's own `u.diff(x[i])` applies the chain rule to the vector x as a whole, which
    means nothing.

    Args:
        u: what is differentiated: a field, or any expression in fields.
        *variables: coordinates and components, each perhaps followed by a count.

    Examples:
        >>> x = oc.vector("x", 1000)
        >>> i, u = oc.index("i", x), sp.Function("u")(x)
        >>> residual = oc.compile(oc.Sum(oc.D(u, x[i], 2), i))
        >>> residual(lambda p: p @ p, jnp.ones((2, 1000))).tolist()
        [2000.0, 2000.0]
    """
    steps: list[tuple[sp.Expr, int | sp.Expr]] = []
    for variable in symbolic(variables):
        if isinstance(variable, int | sp.Integer) and steps:
            steps[-1] = (steps[-1][0], variable)
        elif isinstance(variable, tuple) and len(variable) == 2:  # as SymPy writes it
            steps.append(variable)
        else:
            steps.append((variable, 1))
    if not steps:
        raise OperatorError(
            "a derivative by nothing",
            expression=f"D({u})",
            hint="name a coordinate, and perhaps how often: D(u, x, 2)",
        )
    for variable, count in steps:
        if isinstance(variable, sp.IndexedBase):
            raise OperatorError(
                f"a derivative by the vector {variable} as a whole",
                expression=f"D({u}, {', '.join(map(str, variables))})",
                hint=f"name a component: D(u, {variable}[0]), or D(u, {variable}[i], 2) "
                "inside oc.Sum(..., i)",
            )
        backwards = count < 0 if isinstance(count, int) else count.is_negative
        if backwards or not isinstance(variable, sp.Expr) or variable.is_number:
            raise OperatorError(
                f"a derivative of order {count} by {variable}",
                expression=f"D({u}, {', '.join(map(str, variables))})",
                hint="name a coordinate, and perhaps how often: D(u, x, 2)",
            )
    return sp.Derivative(symbolic(u), *steps, evaluate=False)


@public("oc.Integral(u(s), (s, 0, x))")
def Integral(body: sp.Expr, *limits: tuple) -> sp.Integral:  # noqa: N802 - SymPy's name
    r"""Returns an integral, held as it is written: `Integral(K*u(s), (s, 0, x))`.

    Compiled, it is a weighted sum over the nodes of a rule that is given at call time,
    `residual(net, points, quadrature={"s": gauss_legendre(16)})`; its derivatives are
    those of that sum.

    Args:
        body: the integrand, with fields at any arguments, and their derivatives.
        *limits: (variable, lower, upper), the first one innermost.

    Raises:
        OperatorError: without limits, or with limits that are no triples.

    Examples:
        >>> s, x, u = sp.Symbol("s"), sp.Symbol("x"), sp.Function("u")
        >>> area = oc.compile(oc.Integral(u(s), (s, 0, x)), coordinates=[x])
        >>> rule = {"s": oc.gauss_legendre(8)}
        >>> value = area(lambda p: p[0] ** 2, jnp.array([[3.0]]), quadrature=rule)
        >>> round(float(value[0]), 6)
        9.0
    """
    good = [
        isinstance(limit, tuple | list | sp.Tuple)
        and len(limit) == 3
        and isinstance(limit[0], sp.Symbol)
        for limit in limits
    ]
    if not good or not all(good):
        raise OperatorError(
            "an integral needs a variable and both ends",
            expression=", ".join(map(str, limits)),
            hint="write Integral(body, (s, 0, x))",
        )
    return sp.Integral(symbolic(body), *symbolic(limits))
