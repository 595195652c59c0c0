r"""The scalar functions: one table, in which every function is one entry.

In: nothing. Out: `TABLE`, the entries by SymPy class, and `NAMED`, by their names in the
text notation. Every stage looks up here what it needs: the readers of text find SymPy's
class by a name, the printers a name by the class, the chain rule a derivative, the emitter
the function of JAX that computes it.

    Entry(sp.tanh, "jnp.tanh", text="tanh", latex=r"\tanh", finite=True,
          rate=lambda x: sp.sech(x) ** 2)

To add a function, write its entry. What JAX lacks is either an `identity` in functions that
JAX has, or a function of our own in `runtime/special.py`. The functions of JAX stand here
by name, because programs hold names: so the table needs no JAX, and what runs needs no
SymPy.

Some functions have a form of their own in programs, the classes below. Each is there
because the form that SymPy gives to its derivatives is 0/0 or infinity minus infinity at
removable singularities: sin(x)/x at 0, 1/Gamma at its poles. They hold the order of the
derivative as their first argument, and `runtime/special.py` evaluates every order with all
digits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.codegen import cfunctions as c
from sympy.core.function import ArgumentIndexError
from sympy.functions.special.bessel import AiryBase
from sympy.functions.special.hyper import TupleParametersBase

from opcompiler.errors import OperatorError

HIGHEST_ORDER = 44
"""Of functions by order; each derivative of a Bessel function raises its order."""


@dataclass(frozen=True)
class Entry:
    """One scalar function.

    Attributes:
        kind: its SymPy class.
        jax: the name that computes it in a program; of the modules `jnp`, `jsp`
            (`jax.scipy.special`) and `special` (`runtime/special.py`).
        text: its names in the text notation; the first of them is printed. Empty if the
            notation does not have the function.
        latex: its command; or a form with `%s` for the arguments. By default its name.
        arity: the number of arguments in the text notation.
        evaluated: when reading text lets SymPy evaluate a call: at "simple" arguments, at
            "symbols" alone because SymPy would take the argument apart, or "always".
        finite: whether values and slopes are finite at every finite real argument.
        folded: whether it has any number of arguments, two at a time.
        by_order: whether the first argument is a whole number from 0 to `HIGHEST_ORDER`.
        static: places of arguments that are integers, known when a program is written.
        identity: of the arguments, the same in other functions; `None` at arguments for
            which there is no such form.
        rate: of the arguments, the derivative by the last one, where that of SymPy divides
            zero by zero or loses digits.
        along: of the arguments and their derivatives along a real coordinate, the
            derivative. For functions that are not analytic, or constant between jumps.
        by_identity: whether the derivative is that of the identity, because SymPy has
            none, or only by formulas that are 0/0 or 0 times infinity.
        cut: whether an argument lies on a branch cut that SymPy and NumPy continue to
            different sides.
        remedy: what to do instead, for a function that cannot be compiled.
    """

    kind: type[sp.Basic]
    jax: str = ""
    text: str = ""
    latex: str = ""
    arity: int = 1
    evaluated: str = "simple"
    finite: bool = False
    folded: bool = False
    by_order: bool = False
    static: tuple[int, ...] = ()
    identity: Callable[..., sp.Basic | None] | None = None
    rate: Callable[..., sp.Expr] | None = None
    along: Callable[..., sp.Expr] | None = None
    by_identity: bool = False
    cut: Callable[[sp.Expr], sp.Basic] | None = None
    remedy: str = ""


# --- Functions that only programs hold ---------------------------------------------------


class _ByLast(sp.Function):
    """A function that is differentiated by its last argument alone."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Returns the derivative by the last argument."""
        if argindex != len(self.args):
            raise ArgumentIndexError(self, argindex)
        return self._rate(*self.args)


class ByOrder(_ByLast):
    """A function of (n, x) that is the n-th derivative of another at x."""

    def _rate(self, order: sp.Expr, x: sp.Expr) -> sp.Expr:
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


class Zeta(_ByLast):
    """Hurwitz's zeta function of (s, a)."""

    def _rate(self, s: sp.Expr, a: sp.Expr) -> sp.Expr:
        return -s * Zeta(s + 1, a)


class Dilogarithm(_ByLast):
    """The polylogarithm of order 2."""

    def _rate(self, x: sp.Expr) -> sp.Expr:
        return MeanOfPole(0, x)


class RegularizedBeta(sp.Function):
    """The regularised incomplete beta function from 0 on."""


class LambertBranch(sp.Function):
    """Lambert's W, the branch first."""


class Quadrature(sp.Function):
    """`Quadrature(integrand, weights, axis)`: the weighted sum over a node axis."""

    nargs = 3


# --- Identities --------------------------------------------------------------------------

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


def _lambert(x: sp.Expr, branch: sp.Expr = sp.S.Zero) -> sp.Expr | None:
    return LambertBranch(branch, x) if branch in (0, -1) else None


def _polylog(order: sp.Expr, x: sp.Expr) -> sp.Expr | None:
    if order == 2:
        return Dilogarithm(x)
    return -c.log1p(-x) if order == 1 else _expanded(sp.polylog)(order, x)


def _harmonic(n: sp.Expr, power: sp.Expr = sp.S.One) -> sp.Expr:
    if power == 1:
        return sp.digamma(n + 1) + sp.EulerGamma
    return sp.zeta(power) - Zeta(power, n + 1)


def _zeta(s: sp.Expr, a: sp.Expr = sp.S.One) -> sp.Expr:
    return -Eta(0, s) / c.expm1((1 - s) * sp.log(2)) if a == 1 else Zeta(s, a)


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


def _expanded(function: type[sp.Expr]) -> Callable[..., sp.Expr | None]:
    """Returns the identity of a function that SymPy writes in other ones."""

    def written(*arguments: sp.Expr) -> sp.Expr | None:
        result = function(*arguments).expand(func=True)
        return None if result.has(function) else result

    return written


# --- Derivatives along a real coordinate -------------------------------------------------


def _constant(*_: sp.Expr) -> sp.Expr:
    """Of what is constant between jumps; JAX differentiates it the same way."""
    return sp.S.Zero


def _modulus_slope(w: sp.Expr, slope: sp.Expr) -> sp.Expr:
    r"""$|w|' = \mathrm{Re}(\overline{w}\, w')/|w|$, for real w $\mathrm{sign}(w) w'$."""
    if w.is_extended_real:
        return sp.sign(w) * slope
    return sp.re(sp.conjugate(sp.sign(w)) * slope)


def _sign_slope(w: sp.Expr, slope: sp.Expr) -> sp.Expr:
    """How the direction w/|w| turns; of a real w it jumps at 0, and is flat elsewhere."""
    if w.is_extended_real:
        return sp.S.Zero
    change = slope - sp.sign(w) * _modulus_slope(w, slope)
    return sp.Piecewise((sp.S.Zero, sp.Eq(w, 0)), (change / sp.Abs(w), True))


def _mod_slope(u: sp.Expr, w: sp.Expr, du: sp.Expr, dw: sp.Expr) -> sp.Expr:
    # u - floor(u/w) w, the quotient constant between its jumps.
    return du - sp.floor(u / w) * dw


def _spherical_rate(n: sp.Expr, x: sp.Expr) -> sp.Expr:
    if n == 0:
        return -sp.jn(1, x)
    return (n * sp.jn(n - 1, x) - (n + 1) * sp.jn(n + 1, x)) / (2 * n + 1)


def _lambert_rate(x: sp.Expr, *branch: sp.Expr) -> sp.Expr:
    # SymPy's rate, w / (x (1 + w)), is 0/0 at 0.
    w = sp.LambertW(x, *branch)
    return sp.exp(-w) / (1 + w)


# --- The table ---------------------------------------------------------------------------

_outside = lambda x: abs(x) > 1
_inside = lambda x: abs(x) < 1

# Rates of asin and its relatives hold (1 - x)(1 + x), because 1 - x**2 loses its digits
# near 1.
_ENTRIES = (
    # Exponentials and logarithms
    Entry(sp.exp, "jnp.exp", text="exp", latex=r"\exp", finite=True),
    Entry(sp.log, "jnp.log", text="log ln", latex=r"\log"),
    Entry(c.expm1, "jnp.expm1"),
    Entry(c.log1p, "jnp.log1p"),
    Entry(c.exp2, "jnp.exp2"),
    Entry(c.log2, "jnp.log2"),
    Entry(c.log10, "jnp.log10"),
    Entry(c.hypot, "jnp.hypot"),
    Entry(c.Cbrt, "jnp.cbrt", rate=lambda x: 1 / (3 * c.Cbrt(x) ** 2)),
    Entry(sp.LambertW, identity=_lambert, rate=_lambert_rate),
    Entry(LambertBranch, "special.lambert_w", static=(0,)),
    # Circular functions
    Entry(sp.sin, "jnp.sin", text="sin", latex=r"\sin", finite=True),
    Entry(sp.cos, "jnp.cos", text="cos", latex=r"\cos", finite=True),
    Entry(sp.tan, "jnp.tan", text="tan", latex=r"\tan"),
    Entry(sp.cot, text="cot", latex=r"\cot", identity=lambda x: 1 / sp.tan(x)),
    Entry(sp.sec, text="sec", latex=r"\sec", identity=lambda x: 1 / sp.cos(x)),
    Entry(sp.csc, text="csc", latex=r"\csc", identity=lambda x: 1 / sp.sin(x)),
    Entry(
        sp.asin,
        "jnp.arcsin",
        text="asin arcsin",
        latex=r"\arcsin",
        rate=lambda x: 1 / sp.sqrt((1 - x) * (1 + x)),
        cut=_outside,
    ),
    Entry(
        sp.acos,
        "jnp.arccos",
        text="acos arccos",
        latex=r"\arccos",
        rate=lambda x: -1 / sp.sqrt((1 - x) * (1 + x)),
        cut=_outside,
    ),
    Entry(sp.atan, "jnp.arctan", text="atan arctan", latex=r"\arctan", finite=True),
    Entry(sp.atan2, "jnp.arctan2", text="atan2 arctan2", arity=2),
    Entry(sp.acot, identity=lambda x: sp.atan(1 / x)),
    Entry(
        sp.asec,
        identity=lambda x: sp.acos(1 / x),
        rate=lambda x: 1 / (sp.Abs(x) * sp.sqrt((x - 1) * (x + 1))),
        cut=_inside,
    ),
    Entry(
        sp.acsc,
        identity=lambda x: sp.asin(1 / x),
        rate=lambda x: -1 / (sp.Abs(x) * sp.sqrt((x - 1) * (x + 1))),
        cut=_inside,
    ),
    Entry(sp.sinc, identity=lambda x: MeanOfCos(0, x), by_identity=True),
    Entry(MeanOfCos, "special.mean_of_cos", by_order=True),
    Entry(SinPi, "special.sin_pi", by_order=True),
    # Hyperbolic functions
    Entry(sp.sinh, "jnp.sinh", text="sinh", latex=r"\sinh", finite=True),
    Entry(sp.cosh, "jnp.cosh", text="cosh", latex=r"\cosh", finite=True),
    Entry(
        sp.tanh,
        "jnp.tanh",
        text="tanh",
        latex=r"\tanh",
        finite=True,
        rate=lambda x: sp.sech(x) ** 2,
    ),
    Entry(
        sp.coth,
        text="coth",
        latex=r"\coth",
        identity=lambda x: 1 / sp.tanh(x),
        rate=lambda x: -(sp.csch(x) ** 2),
    ),
    Entry(sp.sech, text="sech", identity=lambda x: 1 / sp.cosh(x)),
    Entry(sp.csch, text="csch", identity=lambda x: 1 / sp.sinh(x)),
    Entry(sp.asinh, "jnp.arcsinh", text="asinh", finite=True),
    Entry(sp.acosh, "jnp.arccosh", text="acosh"),
    Entry(
        sp.atanh,
        "jnp.arctanh",
        text="atanh",
        rate=lambda x: 1 / ((1 - x) * (1 + x)),
        cut=_outside,
    ),
    Entry(
        sp.acoth,
        identity=lambda x: sp.atanh(1 / x),
        rate=lambda x: 1 / ((1 - x) * (1 + x)),
        cut=_inside,
    ),
    Entry(
        sp.asech,
        identity=lambda x: sp.acosh(1 / x),
        rate=lambda x: -1 / (x * sp.sqrt((1 - x) * (1 + x))),
    ),
    Entry(
        sp.acsch,
        identity=lambda x: sp.asinh(1 / x),
        rate=lambda x: -1 / (sp.Abs(x) * sp.sqrt(1 + x**2)),
    ),
    Entry(MeanOfCosh, "special.mean_of_cosh", by_order=True),
    # Error functions and integrals
    Entry(sp.erf, "special.erf", text="erf", finite=True),
    Entry(sp.erfc, "special.erfc", text="erfc", finite=True),
    Entry(sp.erfi, "special.erfi"),
    Entry(sp.erfinv, "jsp.erfinv", text="erfinv"),
    Entry(sp.erfcinv, "special.erfcinv"),
    Entry(sp.erf2, identity=lambda a, b: sp.erf(b) - sp.erf(a)),
    Entry(
        sp.erf2inv,
        identity=lambda x, y: sp.erfinv(sp.erf(x) + y),
        by_identity=True,
    ),
    Entry(sp.Ei, "special.ei"),
    Entry(sp.expint, "special.exponential_integral", by_order=True),
    Entry(sp.li, identity=lambda x: sp.Ei(sp.log(x))),
    Entry(sp.Li, identity=lambda x: sp.Ei(sp.log(x)) - sp.Ei(sp.log(2))),
    Entry(sp.Si, "special.sine_integral", rate=lambda x: sp.sinc(x)),
    Entry(sp.Ci, "special.cosine_integral"),
    Entry(sp.Shi, "special.sinh_integral", rate=lambda x: MeanOfCosh(0, x)),
    Entry(sp.Chi, "special.cosh_integral"),
    Entry(sp.fresnels, "special.fresnel_s"),
    Entry(sp.fresnelc, "special.fresnel_c"),
    # Gamma and its relatives
    Entry(sp.gamma, "jsp.gamma", text="gamma"),
    Entry(sp.loggamma, "jsp.gammaln", text="loggamma lgamma"),
    Entry(sp.lowergamma, "special.lower_gamma"),
    Entry(sp.uppergamma, "special.upper_gamma"),
    Entry(sp.polygamma, "special.polygamma", by_order=True),
    Entry(sp.factorial, identity=lambda n: sp.gamma(n + 1)),
    Entry(sp.RisingFactorial, identity=_rising, by_identity=True),
    Entry(sp.FallingFactorial, identity=_falling, by_identity=True),
    Entry(sp.binomial, identity=_binomial, by_identity=True),
    Entry(
        sp.catalan,
        identity=lambda n: 4**n * _of_gammas([n + sp.S.Half], [n + 2]) / sp.sqrt(sp.pi),
        by_identity=True,
    ),
    Entry(
        sp.beta,
        identity=lambda a, b=None: _beta(a, a if b is None else b),
        by_identity=True,
    ),
    Entry(
        sp.betainc,
        identity=lambda a, b, *ends: _beta(a, b) * _incomplete_beta(a, b, *ends),
    ),
    Entry(sp.betainc_regularized, identity=_incomplete_beta),
    Entry(RegularizedBeta, "jsp.betainc"),
    Entry(sp.harmonic, identity=_harmonic),
    Entry(sp.zeta, identity=_zeta, by_identity=True),
    Entry(Zeta, "jsp.zeta"),
    Entry(
        sp.dirichlet_eta,
        identity=lambda s, a=1: Eta(0, s) if a == 1 else None,
        by_identity=True,
    ),
    Entry(Eta, "special.eta", by_order=True),
    Entry(sp.polylog, identity=_polylog, by_identity=True),
    Entry(Dilogarithm, "special.dilogarithm"),
    Entry(MeanOfPole, "special.mean_of_pole", by_order=True),
    # Bessel functions and spherical harmonics
    Entry(sp.besselj, "special.bessel_j", by_order=True),
    Entry(sp.besseli, "special.bessel_i", by_order=True),
    Entry(sp.jn, "special.spherical_j", by_order=True, rate=_spherical_rate),
    Entry(sp.yn, identity=_expanded(sp.yn)),
    Entry(sp.Ynm, identity=_expanded(sp.Ynm), by_identity=True),
    # Moduli, parts of complex numbers; real-linear, not analytic
    Entry(
        sp.Abs,
        "jnp.abs",
        text="abs Abs",
        latex=r"\left|%s\right|",
        evaluated="symbols",
        finite=True,
        along=_modulus_slope,
    ),
    Entry(
        sp.sign,
        "jnp.sign",
        text="sign",
        evaluated="always",
        finite=True,
        along=_sign_slope,
    ),
    Entry(
        sp.conjugate,
        "jnp.conjugate",
        text="conj conjugate",
        latex=r"\overline{%s}",
        evaluated="always",
        along=lambda w, slope: sp.conjugate(slope),
    ),
    Entry(
        sp.re,
        "jnp.real",
        text="re",
        evaluated="symbols",
        along=lambda w, slope: sp.re(slope),
    ),
    Entry(
        sp.im,
        "jnp.imag",
        text="im",
        evaluated="symbols",
        along=lambda w, slope: sp.im(slope),
    ),
    Entry(
        sp.arg,
        "jnp.angle",
        text="arg",
        latex=r"\arg",
        evaluated="symbols",
        along=lambda w, slope: sp.im(slope / w),
    ),
    # Steps, remainders, extrema
    Entry(
        sp.Heaviside,
        "jnp.heaviside",
        text="heaviside Heaviside",
        evaluated="always",
        along=_constant,
    ),
    Entry(sp.floor, "jnp.floor", text="floor", evaluated="always", along=_constant),
    Entry(
        sp.ceiling, "jnp.ceil", text="ceil ceiling", evaluated="always", along=_constant
    ),
    Entry(
        sp.KroneckerDelta,
        identity=lambda i, j, *_: sp.Piecewise((1, sp.Eq(i, j)), (0, True)),
        along=_constant,
    ),
    Entry(
        sp.frac,
        identity=lambda x: x - sp.floor(x),
        along=lambda x, slope: slope,
    ),
    Entry(sp.Mod, "jnp.mod", text="mod Mod", arity=2, along=_mod_slope),
    Entry(sp.Rem, "jnp.fmod"),
    Entry(sp.Max, "jnp.maximum", text="max Max", latex=r"\max", folded=True),
    Entry(sp.Min, "jnp.minimum", text="min Min", latex=r"\min", folded=True),
    Entry(
        sp.SingularityFunction,
        identity=_macaulay,
        remedy="its power must be a number of at least 0; a point source becomes a "
        "condition, or a narrow Gaussian",
    ),
    # Conditions
    Entry(sp.StrictLessThan, "jnp.less"),
    Entry(sp.LessThan, "jnp.less_equal"),
    Entry(sp.StrictGreaterThan, "jnp.greater"),
    Entry(sp.GreaterThan, "jnp.greater_equal"),
    Entry(sp.Equality, "jnp.equal"),
    Entry(sp.Unequality, "jnp.not_equal"),
    Entry(sp.And, "jnp.logical_and", folded=True),
    Entry(sp.Or, "jnp.logical_or", folded=True),
    Entry(sp.Xor, "jnp.logical_xor", folded=True),
    Entry(sp.Not, "jnp.logical_not"),
    Entry(sp.ITE, "jnp.where"),
    Entry(sp.Implies, identity=lambda a, b: sp.Or(sp.Not(a), b)),
    Entry(
        sp.Equivalent,
        identity=lambda *all_: sp.Or(sp.And(*all_), sp.Not(sp.Or(*all_))),
    ),
    Entry(sp.Contains, identity=lambda x, within: within.as_relational(x)),
    # Integrals
    Entry(Quadrature, "integrate", static=(2,)),
    # What cannot be compiled, and what to do instead
    Entry(
        sp.DiracDelta,
        remedy="what jumps has no derivative at the jump. Held, oc.D(Heaviside(u), x), "
        "it is the derivative elsewhere, zero; or smooth it: (1 + tanh(u/eps))/2; a "
        "point source becomes a condition, or a narrow Gaussian",
    ),
    Entry(sp.Limit, remedy="take the limit with SymPy first: .doit()"),
    Entry(sp.Order, remedy="drop the rest of the series: .removeO()"),
    Entry(sp.exp_polar, remedy="write exp; unpolarify(expr) does it everywhere"),
    Entry(
        sp.polar_lift, remedy="write its argument; unpolarify(expr) does it everywhere"
    ),
)

TABLE: dict[type[sp.Basic], Entry] = {entry.kind: entry for entry in _ENTRIES}
"""The entries by SymPy class."""

NAMED = {name: entry for entry in _ENTRIES for name in entry.text.split()}
"""The entries by their names in the text notation."""


def entry_of(expr: sp.Basic) -> Entry:
    """Returns the entry of a function call, or an empty entry if the table has none."""
    return TABLE.get(type(expr)) or Entry(type(expr))


def untranslated(expr: sp.Basic) -> OperatorError:
    """Returns the refusal of a function that cannot be compiled, with a remedy."""
    name, entry = type(expr).__name__, entry_of(expr)
    field = (
        "pass it as a known field: write Function('f')(x, ...) and give {'f': callable} "
        "with the networks"
    )
    if entry.by_order:
        hint = f"its order must be one of 0...{HIGHEST_ORDER}, {name}(2, x); or {field}"
    elif isinstance(expr, TupleParametersBase | AiryBase):
        hint = f"hyperexpand or rewrite it by elementary functions, or {field}"
    else:
        hint = entry.remedy or field
    return OperatorError(
        f"{name} has no translation to JAX", expression=expr, hint=hint
    )
