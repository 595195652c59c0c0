"""Which SymPy function becomes which JAX one; a new function is one line.

A SymPy function that stands in none of the tables is refused when it is compiled.
"""

from collections.abc import Callable, Sequence

import sympy as sp
from sympy.codegen import cfunctions
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.function import ArgumentIndexError
from sympy.functions.special.bessel import AiryBase
from sympy.functions.special.hyper import TupleParametersBase

from opcompiler.errors import OperatorError
from opcompiler.frontend.integrals import Quadrature

DIRECT: dict[type[sp.Basic], str] = {
    sp.exp: "jnp.exp",
    sp.log: "jnp.log",
    sp.sin: "jnp.sin",
    sp.cos: "jnp.cos",
    sp.tan: "jnp.tan",
    sp.asin: "jnp.arcsin",
    sp.acos: "jnp.arccos",
    sp.atan: "jnp.arctan",
    sp.atan2: "jnp.arctan2",
    sp.sinh: "jnp.sinh",
    sp.cosh: "jnp.cosh",
    sp.tanh: "jnp.tanh",
    sp.asinh: "jnp.arcsinh",
    sp.acosh: "jnp.arccosh",
    sp.atanh: "jnp.arctanh",
    sp.Abs: "jnp.abs",
    sp.sign: "jnp.sign",
    sp.floor: "jnp.floor",
    sp.ceiling: "jnp.ceil",
    sp.Mod: "jnp.mod",
    sp.Rem: "jnp.fmod",
    sp.Max: "jnp.maximum",
    sp.Min: "jnp.minimum",
    sp.conjugate: "jnp.conjugate",
    sp.re: "jnp.real",
    sp.im: "jnp.imag",
    sp.arg: "jnp.angle",
    sp.Heaviside: "jnp.heaviside",
    sp.erf: "special.erf",
    sp.erfc: "special.erfc",
    sp.erfi: "special.erfi",
    sp.erfinv: "jsp.erfinv",
    sp.erfcinv: "special.erfcinv",
    sp.gamma: "jsp.gamma",
    sp.loggamma: "jsp.gammaln",
    sp.lowergamma: "special.lower_gamma",
    sp.uppergamma: "special.upper_gamma",
    sp.Ei: "special.ei",
    sp.Si: "special.sine_integral",
    sp.Ci: "special.cosine_integral",
    sp.Shi: "special.sinh_integral",
    sp.Chi: "special.cosh_integral",
    sp.fresnels: "special.fresnel_s",
    sp.fresnelc: "special.fresnel_c",
    cfunctions.expm1: "jnp.expm1",
    cfunctions.log1p: "jnp.log1p",
    cfunctions.exp2: "jnp.exp2",
    cfunctions.log2: "jnp.log2",
    cfunctions.log10: "jnp.log10",
    cfunctions.hypot: "jnp.hypot",
    cfunctions.Cbrt: "jnp.cbrt",
    Quadrature: "integrate",
    sp.StrictLessThan: "jnp.less",
    sp.LessThan: "jnp.less_equal",
    sp.StrictGreaterThan: "jnp.greater",
    sp.GreaterThan: "jnp.greater_equal",
    sp.Equality: "jnp.equal",
    sp.Unequality: "jnp.not_equal",
    sp.And: "jnp.logical_and",
    sp.Or: "jnp.logical_or",
    sp.Xor: "jnp.logical_xor",
    sp.Not: "jnp.logical_not",
}

FOLDED = (sp.Max, sp.Min, sp.And, sp.Or, sp.Xor)
"""Of any number of arguments, by functions of two."""

OF_WHOLE_ORDER: dict[type[sp.Basic], str] = {
    sp.besselj: "special.bessel_j",
    sp.besseli: "special.bessel_i",
    sp.jn: "special.spherical_j",
    sp.polygamma: "special.polygamma",
    sp.expint: "special.exponential_integral",
}
"""(order, argument) -> value, the order a number."""

HIGHEST_ORDER = 44
"""Each derivative of a Bessel function raises its order."""

STATIC: dict[type[sp.Basic], tuple[int, ...]] = {Quadrature: (2,)}
"""The arguments that are integers when a program is written, and no numbers of its own."""

_LONGEST_PRODUCT = 20


def _ascending(x: sp.Expr, count: sp.Expr) -> sp.Expr | None:
    """Returns x (x + 1) ... as a product, if it is a short one."""
    if not count.is_Integer or not 0 <= int(count) <= _LONGEST_PRODUCT:
        return None
    return sp.Mul(*(x + k for k in range(int(count))))


def _rising(x: sp.Expr, k: sp.Expr) -> sp.Expr:
    product = _ascending(x, k)
    return _of_gammas([x + k], [x]) if product is None else product


def _falling(x: sp.Expr, k: sp.Expr) -> sp.Expr:
    product = _ascending(x - k + 1, k)
    return _of_gammas([x + 1], [x - k + 1]) if product is None else product


def _binomial(n: sp.Expr, k: sp.Expr) -> sp.Expr:
    product = _ascending(n - k + 1, k)
    if product is None:
        return _of_gammas([n + 1], [k + 1, n - k + 1])
    return product / sp.factorial(k)


def _of_gammas(above: Sequence[sp.Expr], below: Sequence[sp.Expr]) -> sp.Expr:
    r"""Returns $\prod \Gamma(a) / \prod \Gamma(b)$, without overflow between.

    Left of 1/2 by $\Gamma(z)\,\Gamma(1 - z) = \pi/\sin \pi z$: 1/Gamma is zero at the
    poles, and there a slope by digamma would be zero times infinity.
    """
    factor, exponent = sp.S.One, sp.S.Zero
    for sign, arguments in ((1, above), (-1, below)):
        for z in arguments:
            if z.is_number:
                factor *= sp.gamma(z) ** sign if sp.gamma(z).is_finite else 0
                continue
            left = z < sp.S.Half
            sine = sp.Piecewise((SinPi(0, z) / sp.pi, left), (1, True))
            size = sp.Piecewise((-sp.loggamma(1 - z), left), (sp.loggamma(z), True))
            factor *= sine ** (-sign)
            exponent += sign * size
    return factor * sp.exp(exponent)


def reciprocal_gamma(base: sp.Expr, exponent: sp.Expr) -> sp.Expr | None:
    """Returns Gamma(z)**-n in the form that has values and slopes at the poles."""
    whole = exponent.is_Integer and exponent.is_negative
    if not whole or not isinstance(base, sp.gamma) or base.is_number:
        return None
    return _of_gammas([], base.args) ** -exponent


def without_poles(expr: sp.Basic) -> sp.Basic:
    """Returns an expression in which 1/Gamma is not one over a pole."""
    if not expr.has(sp.gamma):
        return expr
    return expr.replace(
        lambda e: isinstance(e, sp.Pow) and reciprocal_gamma(*e.args) is not None,
        lambda e: reciprocal_gamma(*e.args),
    )


class ByOrder(sp.Function):
    """A function of (n, x) that is the n-th derivative of another at x."""

    def fdiff(self, argindex: int = 2) -> sp.Expr:
        """Returns the derivative by x: that of the next order."""
        if argindex != len(self.args):
            raise ArgumentIndexError(self, argindex)
        order, x = self.args
        return self.func(order + 1, x)


class MeanOfCos(ByOrder):
    """sin(x)/x, the mean of the cosine from 0 to x."""


class MeanOfCosh(ByOrder):
    """sinh(x)/x, the mean of the hyperbolic cosine from 0 to x."""


class MeanOfPole(ByOrder):
    """-log(1 - x)/x, the mean of 1/(1 - x) from 0 to x."""


class SinPi(ByOrder):
    """sin(pi x), zero at whole numbers."""


class Eta(ByOrder):
    """Dirichlet's eta function."""


OF_WHOLE_ORDER |= {
    MeanOfCos: "special.mean_of_cos",
    MeanOfCosh: "special.mean_of_cosh",
    MeanOfPole: "special.mean_of_pole",
    SinPi: "special.sin_pi",
    Eta: "special.eta",
}


class RegularizedBeta(sp.Function):
    """The regularised incomplete beta function from 0 on, for the emitter alone."""


class Zeta(sp.Function):
    """Hurwitz's zeta function, for the emitter alone."""

    def fdiff(self, argindex: int = 2) -> sp.Expr:
        """Returns the derivative by the second argument."""
        if argindex != len(self.args):
            raise ArgumentIndexError(self, argindex)
        s, a = self.args
        return -s * Zeta(s + 1, a)


class LambertBranch(sp.Function):
    """Lambert's W, the branch first, for the emitter alone."""


class Dilogarithm(sp.Function):
    """The polylogarithm of order 2, for the emitter alone."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Returns the derivative."""
        return MeanOfPole(0, self.args[argindex - 1])


DIRECT |= {
    RegularizedBeta: "jsp.betainc",
    Zeta: "jsp.zeta",
    LambertBranch: "special.lambert_w",
    Dilogarithm: "special.dilogarithm",
}
STATIC |= {LambertBranch: (0,)}


def _lambert(x: sp.Expr, branch: sp.Expr = sp.S.Zero) -> sp.Expr | None:
    return LambertBranch(branch, x) if branch in (0, -1) else None


def _polylog(order: sp.Expr, x: sp.Expr) -> sp.Expr | None:
    if order == 2:
        return Dilogarithm(x)
    if order == 1:
        return -log1p(-x)
    written = sp.polylog(order, x).expand(func=True)
    return None if written.has(sp.polylog) else written


def _spherical_y(order: sp.Expr, x: sp.Expr) -> sp.Expr | None:
    written = sp.yn(order, x).expand(func=True)
    return None if written.has(sp.yn) else written


def _harmonic(n: sp.Expr, power: sp.Expr = sp.S.One) -> sp.Expr:
    if power == 1:
        return sp.digamma(n + 1) + sp.EulerGamma
    return sp.zeta(power) - Zeta(power, n + 1)


def _zeta(s: sp.Expr, a: sp.Expr = sp.S.One) -> sp.Expr:
    return -Eta(0, s) / expm1((1 - s) * sp.log(2)) if a == 1 else Zeta(s, a)


def _beta(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    constant = a.is_number and b.is_number
    return sp.beta(a, b).evalf(20) if constant else _of_gammas([a, b], [a + b])


def _incomplete_beta(a: sp.Expr, b: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> sp.Expr:
    below = RegularizedBeta(a, b, lower) if lower != 0 else sp.S.Zero
    return RegularizedBeta(a, b, upper) - below


def _macaulay(x: sp.Expr, a: sp.Expr, power: sp.Expr) -> sp.Expr | None:
    if power.is_nonnegative is not True:
        return None
    return sp.Piecewise(((x - a) ** power, x >= a), (0, True))


def _of_function(function: type[sp.Expr]) -> Callable[..., sp.Expr | None]:
    """Returns what writes a function out by SymPy's own rule."""

    def written(*arguments: sp.Expr) -> sp.Expr | None:
        result = function(*arguments).expand(func=True)
        return None if result.has(function) else result

    return written


BY_IDENTITY: dict[type[sp.Basic], Callable[..., sp.Basic | None]] = {
    sp.sec: lambda x: 1 / sp.cos(x),
    sp.csc: lambda x: 1 / sp.sin(x),
    sp.cot: lambda x: 1 / sp.tan(x),
    sp.sech: lambda x: 1 / sp.cosh(x),
    sp.csch: lambda x: 1 / sp.sinh(x),
    sp.coth: lambda x: 1 / sp.tanh(x),
    sp.asec: lambda x: sp.acos(1 / x),
    sp.acsc: lambda x: sp.asin(1 / x),
    sp.acot: lambda x: sp.atan(1 / x),
    sp.asech: lambda x: sp.acosh(1 / x),
    sp.acsch: lambda x: sp.asinh(1 / x),
    sp.acoth: lambda x: sp.atanh(1 / x),
    sp.sinc: lambda x: MeanOfCos(0, x),
    sp.frac: lambda x: x - sp.floor(x),
    sp.factorial: lambda n: sp.gamma(n + 1),
    sp.RisingFactorial: _rising,
    sp.FallingFactorial: _falling,
    sp.binomial: _binomial,
    sp.catalan: lambda n: 4**n * _of_gammas([n + sp.S.Half], [n + 2]) / sp.sqrt(sp.pi),
    sp.harmonic: _harmonic,
    sp.beta: lambda a, b=None: _beta(a, a if b is None else b),
    sp.betainc: lambda a, b, *ends: _beta(a, b) * _incomplete_beta(a, b, *ends),
    sp.betainc_regularized: _incomplete_beta,
    sp.zeta: _zeta,
    sp.dirichlet_eta: lambda s, a=1: Eta(0, s) if a == 1 else None,
    sp.polylog: _polylog,
    sp.erf2: lambda a, b: sp.erf(b) - sp.erf(a),
    sp.erf2inv: lambda x, y: sp.erfinv(sp.erf(x) + y),
    sp.li: lambda x: sp.Ei(sp.log(x)),
    sp.Li: lambda x: sp.Ei(sp.log(x)) - sp.Ei(sp.log(2)),
    sp.LambertW: _lambert,
    sp.yn: _spherical_y,
    sp.Ynm: _of_function(sp.Ynm),
    sp.KroneckerDelta: lambda i, j, *_: sp.Piecewise((1, sp.Eq(i, j)), (0, True)),
    sp.SingularityFunction: _macaulay,
    sp.Contains: lambda x, within: within.as_relational(x),
    sp.Implies: lambda a, b: sp.Or(sp.Not(a), b),
    sp.Equivalent: lambda *all_: sp.Or(sp.And(*all_), sp.Not(sp.Or(*all_))),
}
"""Functions with no JAX counterpart of their own; `None` for what has no such identity."""

_DIFFERENTIATED_AS_WRITTEN = (
    sp.sinc,
    sp.polylog,
    sp.RisingFactorial,
    sp.FallingFactorial,
    sp.binomial,
    sp.catalan,
    sp.beta,
    sp.zeta,
    sp.dirichlet_eta,
    sp.erf2inv,
    sp.Ynm,
)
"""Functions whose derivative SymPy has not, or by formulas that are 0/0 or 0 * inf."""


def differentiated_as(expr: sp.Expr) -> sp.Expr:
    """Returns a function call in the form that is to be differentiated.

    Raises:
        OperatorError: if it cannot be evaluated, so that nor can its derivative.
    """
    if not isinstance(expr, _DIFFERENTIATED_AS_WRITTEN):
        return expr
    written = BY_IDENTITY[type(expr)](*expr.args)
    if written is None:
        raise untranslated(expr)
    return written


def untranslated(expr: sp.Basic) -> OperatorError:
    """Returns the refusal of a function that stands in no table."""
    return OperatorError(
        f"{type(expr).__name__} has no translation to JAX",
        expression=expr,
        hint=remedy(expr),
    )


_REMEDIES: dict[type[sp.Basic], str] = {
    sp.DiracDelta: "what jumps has no derivative at the jump. Held, oc.D(Heaviside(u), x), "
    "it is the derivative elsewhere, zero; or smooth it: (1 + tanh(u/eps))/2; a point "
    "source becomes a condition, or a narrow Gaussian",
    sp.SingularityFunction: "its power must be a number of at least 0; a point source "
    "becomes a condition, or a narrow Gaussian",
    sp.Limit: "take the limit with SymPy first: .doit()",
    sp.Order: "drop the rest of the series: .removeO()",
    sp.exp_polar: "write exp; unpolarify(expr) does it everywhere",
    sp.polar_lift: "write its argument; unpolarify(expr) does it everywhere",
}


def remedy(expr: sp.Basic) -> str:
    """Returns the way out for a function that has no translation."""
    if type(expr) in _REMEDIES:
        return _REMEDIES[type(expr)]
    field = (
        "pass it as a known field: write Function('f')(x, ...) and give {'f': callable} "
        "with the networks"
    )
    if type(expr) in OF_WHOLE_ORDER:
        name = type(expr).__name__
        return f"its order must be one of 0...{HIGHEST_ORDER}, {name}(2, x); or {field}"
    if isinstance(expr, TupleParametersBase | AiryBase):
        return f"hyperexpand or rewrite it by elementary functions, or {field}"
    return field
