"""Every function of the table at its special points, with what mpmath says there.

`python -m tests.trust.function_table` writes what mpmath says to `function_table.json`,
which takes minutes. A row is a function of one number, written in SymPy and in mpmath,
and the points it is tried at. Points behind `edges` are singular: the derivatives that
exist there are given, from the value on, and no other may come out finite.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp
from sympy.codegen import cfunctions as cf

from opcompiler.functions import MeanOfCosh, MeanOfPole, Quadrature


@dataclass(frozen=True)
class Row:
    """One function and where it is tried.

    Attributes:
        write: the function in SymPy, of a field.
        exact: the same in mpmath.
        points: where it is smooth.
        edges: singular points, with the derivatives that exist there, from the value on.
        single: smallest and largest size of what is tried in float32.
        loose: factor on the tolerance, with the reason beside the row.
    """

    write: Callable[[Any], sp.Expr]
    exact: Callable[[Any], Any]
    points: Sequence[float]
    edges: Mapping[float, Sequence[float]] = field(default_factory=dict)
    single: tuple[float, float] = (0.0, 40.0)
    loose: float = 1.0


ZERO = (0.0, 1e-9, -1e-8, 1e-3, -0.03)
"""At a removable singularity and beside it."""
LINE = (*ZERO, 0.4, -1.0, 1.0, 2.5, -7.0, 30.0)
RIGHT = (1e-9, 1e-3, 0.4, 1.0, 2.0, 7.3, 30.0)
BALL = (0.0, 1e-9, -1e-3, 0.4, -0.9, 0.999)
WHOLE = (-2.5, -1.3, -0.5, 1e-3, 0.5, 1.0, 2.0, 3.7, 12.0)
PIECES = (0.4, -0.3, 1.7, -7.1, 30.2)
INSIDE = (1e-6, 0.2, 0.5, 0.9, 0.999)
HALF = sp.Rational(1, 2)


def spherical(order: int) -> Callable:
    odd = mp.fac2(2 * order + 1)
    return lambda z: z**order / odd * mp.hyp0f1(order + mp.mpf(3) / 2, -z * z / 4)


def spherical_y(order: int) -> Callable:
    return lambda z: mp.re(
        mp.sqrt(mp.pi / (2 * z)) * mp.bessely(order + mp.mpf(1) / 2, z)
    )


def lower_gamma(s: float) -> Callable:
    return lambda z: z**s / s * mp.hyp1f1(s, s + 1, -z)


ROWS: dict[type[sp.Basic], list[Row]] = {
    sp.exp: [Row(sp.exp, mp.exp, LINE)],
    sp.log: [Row(sp.log, mp.log, RIGHT, {0.0: ()})],
    sp.sin: [Row(sp.sin, mp.sin, (*LINE, 1e4), single=(0, 40))],
    sp.cos: [Row(sp.cos, mp.cos, (*LINE, 1e4), single=(0, 40))],
    sp.tan: [Row(sp.tan, mp.tan, (0.0, 1e-9, 1.0, -1.5, 20.0))],
    sp.asin: [Row(sp.asin, mp.asin, (*BALL, -1 + 1e-9), {1.0: (mp.pi / 2,)})],
    sp.acos: [Row(sp.acos, mp.acos, (*BALL, 1 - 1e-9), {-1.0: (mp.pi,), 1.0: (0,)})],
    sp.atan: [Row(sp.atan, mp.atan, (*LINE, -1e5))],
    sp.atan2: [
        Row(lambda u: sp.atan2(u, 2), lambda z: mp.atan2(z, 2), LINE),
        Row(lambda u: sp.atan2(1, u), lambda z: mp.atan2(1, z), LINE),
    ],
    sp.sinh: [Row(sp.sinh, mp.sinh, LINE)],
    sp.cosh: [Row(sp.cosh, mp.cosh, LINE)],
    sp.tanh: [Row(sp.tanh, mp.tanh, (*LINE, -20.0, 400.0, -1e3))],
    sp.asinh: [Row(sp.asinh, mp.asinh, (*LINE, -1e5))],
    sp.acosh: [Row(sp.acosh, mp.acosh, (1 + 1e-9, 1.001, 2.0, 40.0), {1.0: (0,)})],
    sp.atanh: [Row(sp.atanh, mp.atanh, (*BALL, -1 + 1e-9), {1.0: ()})],
    sp.erf: [Row(sp.erf, mp.erf, LINE)],
    sp.erfc: [Row(sp.erfc, mp.erfc, (*LINE, 5.0, 20.0), single=(0, 8))],
    sp.erfi: [Row(sp.erfi, mp.erfi, (*ZERO, 0.4, -1.0, 2.5, -7.0, 20.0), single=(0, 8))],
    sp.erfinv: [Row(sp.erfinv, mp.erfinv, (*BALL, -0.99999), {1.0: (), -1.0: ()})],
    sp.erfcinv: [
        Row(sp.erfcinv, lambda z: mp.erfinv(1 - z), (1e-9, 1e-3, 0.4, 1.0, 1 + 1e-9, 1.9)),
    ],
    sp.gamma: [Row(sp.gamma, mp.gamma, (*WHOLE, -1 + 1e-3, 30.0), {0.0: (), -1.0: ()})],
    sp.loggamma: [
        Row(sp.loggamma, lambda z: mp.loggamma(z).real, (*WHOLE, -1 + 1e-3, 1e5),
            {0.0: (), -1.0: ()}),
    ],
    sp.lowergamma: [
        Row(lambda u: sp.lowergamma(2.5, u), lower_gamma(2.5), RIGHT),
        Row(lambda u: sp.lowergamma(3.0, u), lower_gamma(3), RIGHT),
    ],
    sp.uppergamma: [
        Row(lambda u: sp.uppergamma(2.5, u),
            lambda z: mp.gamma(2.5) - lower_gamma(2.5)(z), RIGHT),
    ],
    sp.Ei: [Row(sp.Ei, mp.ei, (*RIGHT, -1e-9, -0.4, -3.0, 0.3725), {0.0: ()})],
    sp.Si: [Row(sp.Si, mp.si, (*LINE, 3.9, 4.1))],
    sp.Ci: [Row(sp.Ci, mp.ci, (*RIGHT, 3.9, 4.1), {0.0: ()})],
    sp.Shi: [Row(sp.Shi, mp.shi, (*LINE, 12.0, -50.0))],
    sp.Chi: [Row(sp.Chi, mp.chi, (*RIGHT, 12.0), {0.0: ()})],
    sp.fresnels: [Row(sp.fresnels, mp.fresnels, (*LINE, 1.6, 4.0), single=(0, 8))],
    sp.fresnelc: [Row(sp.fresnelc, mp.fresnelc, (*LINE, 1.6, 4.0), single=(0, 8))],
    cf.expm1: [Row(cf.expm1, mp.expm1, LINE)],
    cf.log1p: [Row(cf.log1p, mp.log1p, (*ZERO, -0.9, 5.0, 1e4), {-1.0: ()})],
    cf.exp2: [Row(cf.exp2, lambda z: mp.mpf(2) ** z, LINE)],
    cf.log2: [Row(cf.log2, lambda z: mp.log(z, 2), RIGHT, {0.0: ()})],
    cf.log10: [Row(cf.log10, mp.log10, RIGHT, {0.0: ()})],
    cf.hypot: [Row(lambda u: cf.hypot(u, 2), lambda z: mp.hypot(z, 2), LINE)],
    cf.Cbrt: [
        Row(cf.Cbrt, lambda z: mp.sign(z) * mp.cbrt(abs(z)), (*RIGHT, -8.0), {0.0: (0,)}),
    ],
    sp.besselj: [
        Row(lambda u, n=n: sp.besselj(n, u), lambda z, n=n: mp.besselj(n, z),
            (*LINE, n + 1.99, n + 2.01, 3.46, 15.8, 29.9 + n * n / 2, 30.1 + n * n / 2,
             200.0))
        for n in (0, 1, 20)
    ],
    sp.besseli: [
        Row(lambda u, n=n: sp.besseli(n, u), lambda z, n=n: mp.besseli(n, z),
            (*LINE, 7.9, 8.1, 19.9, 20.1))
        for n in (0, 1, 3)
    ],
    sp.jn: [
        Row(lambda u, n=n: sp.jn(n, u), spherical(n), (*LINE, n + 1.99, n + 2.01))
        for n in (0, 1, 3)
    ],
    sp.yn: [Row(lambda u, n=n: sp.yn(n, u), spherical_y(n), RIGHT) for n in (0, 2)],
    sp.polygamma: [
        Row(lambda u, n=n: sp.polygamma(n, u), lambda z, n=n: mp.psi(n, z),
            (*WHOLE, 1e4), {0.0: ()})
        for n in (0, 1, 3)
    ],
    sp.expint: [
        Row(lambda u: sp.expint(1, u), lambda z: mp.expint(1, z), RIGHT, {0.0: ()}),
        Row(lambda u: sp.expint(3, u), lambda z: mp.expint(3, z), RIGHT, {0.0: (0.5, -1)}),
    ],
    sp.sec: [Row(sp.sec, mp.sec, (0.0, 1e-9, 1.0, 1.5, 20.0))],
    sp.csc: [Row(sp.csc, mp.csc, (1e-3, 0.4, 1.5, 20.0), {0.0: ()})],
    sp.cot: [Row(sp.cot, mp.cot, (1e-3, 0.4, 1.5, 20.0), {0.0: ()})],
    sp.sech: [Row(sp.sech, mp.sech, (*LINE, 400.0))],
    sp.csch: [Row(sp.csch, mp.csch, (1e-3, 0.4, -1.0, 7.0, 400.0), {0.0: ()})],
    sp.coth: [Row(sp.coth, mp.coth, (1e-3, 0.4, -1.0, 7.0, 400.0, -1e3), {0.0: ()})],
    sp.asec: [Row(sp.asec, mp.asec, (1 + 1e-9, 1.1, -2.0, 40.0), {1.0: (0,)})],
    sp.acsc: [Row(sp.acsc, mp.acsc, (1 + 1e-9, 1.1, -2.0, 40.0), {1.0: (mp.pi / 2,)})],
    sp.acot: [Row(sp.acot, mp.acot, (1e-9, 1e-3, -0.4, 1.0, 30.0))],
    sp.asech: [Row(sp.asech, mp.asech, (1e-3, 0.4, 0.999, 1 - 1e-9), {1.0: (0,)})],
    sp.acsch: [Row(sp.acsch, mp.acsch, (1e-3, 0.4, -1.0, 30.0), {0.0: ()})],
    sp.acoth: [Row(sp.acoth, mp.acoth, (1 + 1e-9, 1.001, -2.0, 40.0), {1.0: ()})],
    sp.sinc: [Row(sp.sinc, mp.sinc, (*LINE, 3.0, 9.1, 1e3))],
    sp.factorial: [
        Row(sp.factorial, lambda z: mp.gamma(z + 1), (0.0, 1e-9, 1.0, 2.5, -0.5, -1.5)),
    ],
    sp.Abs: [Row(sp.Abs, abs, PIECES)],
    sp.sign: [Row(sp.sign, mp.sign, PIECES)],
    sp.floor: [Row(sp.floor, mp.floor, PIECES)],
    sp.ceiling: [Row(sp.ceiling, mp.ceil, PIECES)],
    sp.frac: [Row(sp.frac, lambda z: z - mp.floor(z), PIECES)],
    sp.Heaviside: [Row(sp.Heaviside, lambda z: mp.mpf(z > 0), PIECES)],
    sp.Mod: [
        Row(lambda u: sp.Mod(u, 0.75), lambda z: z - 0.75 * mp.floor(z / 0.75), PIECES),
    ],
    sp.Max: [Row(lambda u: sp.Max(u, u**2, 0), lambda z: max(z, z * z, 0), PIECES)],
    sp.Min: [Row(lambda u: sp.Min(u, u**3, 1), lambda z: min(z, z**3, 1), PIECES)],
    sp.SingularityFunction: [
        Row(lambda u: sp.SingularityFunction(u, 1, 7),
            lambda z: (z - 1) ** 7 if z > 1 else mp.mpf(0), PIECES),
    ],
    sp.RisingFactorial: [
        Row(lambda u: sp.RisingFactorial(u, 3), lambda z: mp.rf(z, 3), LINE),
        Row(lambda u: sp.RisingFactorial(u, 1.5), lambda z: mp.rf(z, 1.5),
            (*WHOLE[1:], 0.0, -1.0, 1e-9), {-2.5: ()}, loose=5),  # sums of logarithms
    ],
    sp.FallingFactorial: [
        Row(lambda u: sp.FallingFactorial(u, 3), lambda z: mp.ff(z, 3), LINE),
        Row(lambda u: sp.FallingFactorial(u, 1.5), lambda z: mp.ff(z, 1.5),
            (1e-3, 0.5, 0.5 + 1e-9, -0.5, 2.0, 12.0)),
    ],
    sp.binomial: [
        Row(lambda u: sp.binomial(u, 3), lambda z: mp.binomial(z, 3), LINE),
        Row(lambda u: sp.binomial(5, u), lambda z: mp.binomial(5, z),
            (0.0, 0.4, 2.5, 6.0, -1.0, -2.0, 6 + 1e-9, -1 - 1e-3, 7.5)),
        Row(lambda u: sp.binomial(u, HALF), lambda z: mp.binomial(z, 0.5),
            (0.0, -0.5, -0.5 + 1e-9, 0.4, 2.5), {-1.0: ()}, loose=5),
    ],
    sp.catalan: [
        Row(sp.catalan, lambda z: 4**z * mp.gamma(z + 0.5) * mp.rgamma(z + 2)
            / mp.sqrt(mp.pi), (0.0, -1.0, -1 + 1e-9, 0.4, 2.0, 12.0)),
    ],
    sp.harmonic: [
        Row(sp.harmonic, mp.harmonic, (0.0, 1e-9, 0.4, 1.0, 30.0, -0.5, -1.5), {-1.0: ()}),
        Row(lambda u: sp.harmonic(u, 2), lambda z: mp.zeta(2) - mp.zeta(2, z + 1),
            (0.0, 1e-9, 0.4, 1.0, 30.0, -0.5)),
    ],
    sp.beta: [
        Row(lambda u: sp.beta(u, 1.5), lambda z: mp.beta(z, 1.5),
            (1e-3, 0.4, 2.0, 60.0, -0.5, -1.5, -1.5 + 1e-9), {0.0: ()}),
    ],
    sp.betainc: [
        Row(lambda u: sp.betainc(2.5, 1.5, 0, u),
            lambda z: mp.betainc(2.5, 1.5, 0, z), INSIDE),
    ],
    sp.betainc_regularized: [
        Row(lambda u: sp.betainc_regularized(2, 3, u / 2, u),
            lambda z: mp.betainc(2, 3, z / 2, z, regularized=True), INSIDE),
    ],
    sp.zeta: [
        Row(lambda u: sp.zeta(2.5, u), lambda z: mp.zeta(2.5, z), (1e-3, 0.4, 1.0, 30.0)),
        Row(lambda u: sp.zeta(3, u), lambda z: mp.zeta(3, z), (1e-3, 0.4, 1.0, 30.0)),
    ],
    sp.dirichlet_eta: [
        Row(sp.dirichlet_eta, mp.altzeta,
            (1.0, 1 + 1e-9, 1 - 1e-3, 0.0, 0.4, 2.0, 12.0, -1.5),
            loose=50),  # a sum of 32 powers that alternate
    ],
    sp.polylog: [
        Row(lambda u: sp.polylog(2, u), lambda z: mp.polylog(2, z).real,
            (*ZERO, 0.4, -0.49, 0.51, 0.9, -1.0, -2.5, -7.0)),
        Row(lambda u: sp.polylog(1, u), lambda z: -mp.log(1 - z),
            (*ZERO, 0.4, 0.9, -1.0, -7.0), {1.0: ()}),
        Row(lambda u: sp.polylog(-1, u), lambda z: z / (1 - z) ** 2,
            (*ZERO, 0.4, 0.9, -1.0, 7.0), {1.0: ()}),
    ],
    sp.erf2: [Row(lambda u: sp.erf2(1, u), lambda z: mp.erf(z) - mp.erf(1), LINE)],
    sp.erf2inv: [
        Row(lambda u: sp.erf2inv(0.1, u),
            lambda z: mp.erfinv(mp.erf(mp.mpf(0.1)) + z), BALL[:4]),
    ],
    sp.li: [Row(sp.li, mp.li, (1e-3, 0.4, 0.999, 1 + 1e-3, 2.0, 30.0), {1.0: ()})],
    sp.Li: [Row(sp.Li, lambda z: mp.li(z) - mp.li(2), (1.5, 2.0, 30.0), {1.0: ()})],
    sp.LambertW: [
        Row(sp.LambertW, lambda z: mp.lambertw(z).real,
            (*ZERO, -0.36, -0.3678, -0.21, -0.19, 1.0, 30.0, 1e5)),
        Row(lambda u: sp.LambertW(u, -1), lambda z: mp.lambertw(z, -1).real,
            (-0.36, -0.3678, -0.26, -0.24, -0.01, -1e-9)),
    ],
    sp.Ynm: [
        Row(lambda u: sp.re(sp.Ynm(3, 2, u, 0)), lambda z: mp.spherharm(3, 2, z, 0).real,
            (0.0, 1e-9, 0.4, 1.5, 3.0)),
    ],
}  # fmt: skip

ELSEWHERE: set[type[sp.Basic]] = {
    *(
        sp.StrictLessThan,
        sp.LessThan,
        sp.StrictGreaterThan,
        sp.GreaterThan,
        sp.Equality,
    ),
    *(sp.Unequality, sp.And, sp.Or, sp.Xor, sp.Not, sp.ITE, sp.Contains, sp.Implies),
    *(sp.Equivalent, sp.KroneckerDelta, sp.Rem, sp.conjugate, sp.re, sp.im, sp.arg),
    *(Quadrature, MeanOfCosh, MeanOfPole),
}
"""Conditions, steps and parts of complex numbers (`tests/runtime`), integrals, and what
only the derivatives of Shi and of the dilogarithm are written by."""

ORDER = 6
STORE = Path(__file__).with_suffix(".json")


def places(row: Row, single: bool) -> list[float]:
    """Returns the points of a row that a precision can tell from the special ones."""
    if not single:
        return [float(p) for p in row.points]
    low, high = row.single
    rounded = [(p, float(np.float32(p))) for p in row.points]
    return [
        q for p, q in rounded if low <= abs(p) <= high and (q != round(q) or q == p)
    ]


def derivatives(function: Callable, point: float, digits: int) -> list[float]:
    """Returns the derivatives 0 to 6 of a real function; NaN where it has none."""
    with mp.workdps(digits):
        try:
            series = mp.taylor(function, mp.mpf(point), ORDER)
        except (ValueError, ZeroDivisionError, RecursionError):
            return [float("nan")] * (ORDER + 1)
        return [
            float(c.real * mp.factorial(k)) if abs(mp.im(c)) < 1e-9 else float("nan")
            for k, c in enumerate(series)
        ]


def judged(row: Row, point: float) -> list[list[float]]:
    """Returns the derivatives at a point, and how large each is nearby."""
    exact = derivatives(row.exact, point, 30)
    beside = [derivatives(row.exact, point + step, 15) for step in (-0.1, 0.1)]
    sizes = [
        max((abs(v) for v in values if np.isfinite(v)), default=0.0)
        for values in zip(exact, *beside, strict=True)
    ]
    return [exact, sizes]


def cases() -> Iterator[tuple[str, Row]]:
    """Yields every row with its name."""
    for kind, rows in ROWS.items():
        for number, row in enumerate(rows):
            yield f"{kind.__name__} {number}", row


def main() -> None:
    """Writes the derivatives of all rows."""
    stored = json.loads(STORE.read_text()) if STORE.exists() else {}
    for name, row in cases():
        points = sorted({*places(row, False), *places(row, True)})
        known = stored.get(name, {})
        stored[name] = {repr(p): known.get(repr(p)) or judged(row, p) for p in points}
        STORE.write_text(json.dumps(stored, indent=0))


if __name__ == "__main__":
    main()
