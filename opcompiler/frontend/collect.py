r"""Linear combinations of derivatives become functionals; the rest is the shell.

In: an expression over leaves. Out: the *shell*, an expression over functionals' dummies,
coordinates and parameters: what is left to compute when the networks have been pushed.

    nu*u_xx + nu*u_yy - u*u_x     ->  nu*F0 - F1*F2,  F0 = u_xx + u_yy,  F1 = u,  F2 = u_x
    (u_xx + u_yy)**3              ->  F0**3: one number, nothing is multiplied out

Every node of the tree is read as `(linear combinations, one per field and point) + rest`.
Sums add them, field-free factors scale them; anything else freezes them into functionals.
Within one combination, terms that share a field-free coefficient make one functional:
`nu*u_xx + nu*u_yy` is $\nu \cdot p(\partial)u$ with $p = \xi_x^2 + \xi_y^2$. One push
gives it, in the smallest algebra of p, which is why terms are collected before anything
is planned.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.frontend.constants import as_number
from opcompiler.frontend.held import Held
from opcompiler.frontend.open_sites import OPEN, OpenSites, Point
from opcompiler.ir import Component, Functional, MultiIndex, OperatorSymbol

_Linear = dict[MultiIndex, sp.Expr]
"""Field-free coefficient of each partial derivative."""


@dataclass
class _Form:
    """A node as linear combinations, by field and number of the point, plus a rest."""

    linear: dict[tuple[str, int], _Linear] = field(default_factory=dict)
    rest: sp.Expr = sp.S.Zero


@dataclass(frozen=True, slots=True)
class LikeTerms:
    r"""A sum $\sum_r C_r \partial^{\alpha_r} u$ of terms of one shape, to be sampled.

    Attributes:
        functional: the open one of a term, along one row of arguments or another.
        coefficients: C.
    """

    functional: Functional
    coefficients: tuple[float, ...]


class Collector:
    """Gathers functionals over a set of equations; equal ones are met once.

    Args:
        held: what the dummies in the equations stand for.
        sites: get the places of the functionals.
        sampled: whether like terms of fixed operators are kept apart, to be sampled.

    Attributes:
        functionals: the dummy of each functional, open, in order of first need.
        terms: the dummy of each sum of like terms.
    """

    def __init__(self, held: Held, sites: OpenSites, sampled: bool = False) -> None:
        self._held, self._sites, self._sampled = held, sites, sampled
        # Long tuples of arguments are compared once for each applied field.
        self._points: dict[Point, int] = {}
        self._known: dict[AppliedUndef, int] = {}
        self._dependent: dict[sp.Basic, bool] = {}
        self._shapes: dict[object, LikeTerms] = {}
        self.functionals: dict[Functional, sp.Dummy] = {}
        self.terms: dict[LikeTerms, sp.Dummy] = {}

    def shell(self, expr: sp.Expr) -> sp.Expr:
        """Returns the expression over functionals' dummies, coordinates, parameters."""
        known: dict[sp.Basic, _Form] = {}
        return self._freeze(self._read(expr, known))

    def argument(self, expr: sp.Expr) -> sp.Expr:
        """Returns an argument of a field likewise; what stands in it is not sampled."""
        if not self._depends_on_fields(expr):
            return expr
        sampled, self._sampled = self._sampled, False
        value = self.shell(expr)
        self._sampled = sampled
        return value

    def _read(self, expr: sp.Expr, known: dict[sp.Basic, _Form]) -> _Form:
        if expr in known:
            return known[expr]
        if isinstance(expr, sp.Symbol) and (leaf := self._held.leaf(expr)):
            if leaf.applied not in self._known:
                number = self._points.setdefault(leaf.arguments, len(self._points))
                self._known[leaf.applied] = number
            place = (leaf.field, self._known[leaf.applied])
            form = _Form(linear={place: {leaf.index: sp.S.One}})
        elif not self._depends_on_fields(expr):
            form = _Form(rest=expr)
        elif isinstance(expr, sp.Add):
            form = _sum([self._read(term, known) for term in expr.args])
        elif (
            isinstance(expr, sp.Mul)
            and len(dependent := [a for a in expr.args if self._depends_on_fields(a)])
            == 1
        ):
            free = [a for a in expr.args if a not in dependent]
            form = _scale(self._read(dependent[0], known), sp.Mul(*free))
        else:
            frozen = [self._freeze(self._read(a, known)) for a in expr.args]
            form = _Form(rest=expr.func(*frozen))
        known[expr] = form
        return form

    def _depends_on_fields(self, expr: sp.Basic) -> bool:
        if isinstance(expr, sp.Symbol):
            return self._held.leaf(expr) is not None
        if expr not in self._dependent:
            self._dependent[expr] = any(map(self._depends_on_fields, expr.args))
        return self._dependent[expr]

    def _freeze(self, form: _Form) -> sp.Expr:
        """Writes the combinations of a form as functionals."""
        if not form.linear:
            return form.rest
        points = list(self._points)
        terms = [form.rest]
        for (name, number), combination in form.linear.items():
            point = points[number]
            if self._sampled:
                combination, sums = self._like_terms(name, point, combination)
                terms += sums
            for coefficient, symbol in split_by_coefficient(combination):
                site = self._sites.at_rest(point)
                place = self._sites[site]
                if not place.plain:
                    # In the directions of the site, of which the arguments are some.
                    moved = {
                        MultiIndex.of(
                            OPEN,
                            {place.argument(n): a for n, a in alpha.powers.items()},
                        ): c
                        for alpha, c in symbol.terms
                    }
                    symbol = OperatorSymbol.of(moved)
                functional = Functional(name, site, symbol)
                dummy = sp.Dummy(f"functional_{len(self.functionals)}")
                dummy = self.functionals.setdefault(functional, dummy)
                terms.append(coefficient * dummy)
        return sp.Add(*terms)

    def _like_terms(
        self, name: str, point: Point, combination: _Linear
    ) -> tuple[_Linear, list[sp.Expr]]:
        """Splits off terms with numbers as coefficients, two or more of one shape.

        u_xxy and u_yyz have the shape (2, 1): one functional of two directions, which run
        through a table of arguments, (x, y) and (y, z).
        """
        groups: dict[tuple[int, ...], list[MultiIndex]] = {}
        for alpha, c in combination.items():
            shape = tuple(sorted(alpha.powers.values(), reverse=True))
            # First derivatives together are one exact tangent.
            if sum(shape) > 1 and c.is_real and c.is_number:
                groups.setdefault(shape, []).append(alpha)
        rest, sums = dict(combination), []
        for shape, members in groups.items():
            if len(members) < 2:
                continue
            order = [
                sorted(powers, key=lambda n, powers=powers: -powers[n])
                for powers in (a.powers for a in members)
            ]
            tables = tuple(tuple(o[slot] for o in order) for slot in range(len(shape)))
            numbers = tuple(as_number(rest.pop(a)) for a in members)
            key = (name, point, shape, tables, numbers)
            if key not in self._shapes:
                directions = [
                    Component(f"e{n}", 0, 0, 0, table=table)
                    for n, table in enumerate(tables)
                ]
                site = self._sites.of_terms(point, directions, tuple(map(abs, numbers)))
                symbol = OperatorSymbol.partial(MultiIndex(shape))
                functional = Functional(name, site, symbol)
                self._shapes[key] = LikeTerms(functional, numbers)
            dummy = sp.Dummy(f"terms_{len(self.terms)}")
            sums.append(self.terms.setdefault(self._shapes[key], dummy))
        return rest, sums


def _sum(forms: list[_Form]) -> _Form:
    linear: dict[tuple[str, int], _Linear] = {}
    for form in forms:
        for place, combination in form.linear.items():
            into = linear.setdefault(place, {})
            for alpha, coefficient in combination.items():
                into[alpha] = into.get(alpha, sp.S.Zero) + coefficient
    return _Form(linear, sp.Add(*(form.rest for form in forms)))


def _scale(form: _Form, factor: sp.Expr) -> _Form:
    linear = {
        place: {alpha: factor * c for alpha, c in combination.items()}
        for place, combination in form.linear.items()
    }
    return _Form(linear, factor * form.rest)


def split_by_coefficient(
    combination: Mapping[MultiIndex, sp.Expr],
) -> list[tuple[sp.Expr, OperatorSymbol]]:
    r"""Writes $\sum_\alpha c_\alpha \partial^\alpha$ as $\sum_g c_g\, p_g(\partial)$.

    Every $p_g$ is homogeneous with coprime integer coefficients, its first one
    positive; every $c_g$ is field-free. Coefficients are compared whole, and also term
    by term (`(a+b)*u_xx + a*u_yy + b*u_yy`); the reading with fewer functionals wins.
    """
    whole = _group({alpha: [c] for alpha, c in combination.items()})
    by_term = _group(
        {alpha: list(sp.Add.make_args(c)) for alpha, c in combination.items()}
    )
    return by_term if len(by_term) < len(whole) else whole


def _group(
    combination: Mapping[MultiIndex, list[sp.Expr]],
) -> list[tuple[sp.Expr, OperatorSymbol]]:
    by_coefficient: dict[tuple[sp.Expr, int], dict[MultiIndex, Fraction]] = {}
    for alpha, terms in combination.items():
        for term in terms:
            # `-3*nu/2` is -3/2 and `nu`; floats stay outside, they are inexact.
            number, outer = term.as_coeff_Mul(rational=True)
            if isinstance(outer, sp.Add):
                content, outer = outer.primitive()
                number *= content
                if outer.could_extract_minus_sign():
                    number, outer = -number, -outer
            exact = Fraction(int(number.p), int(number.q))
            symbol = by_coefficient.setdefault((outer, alpha.order), {})
            symbol[alpha] = symbol.get(alpha, Fraction(0)) + exact
    merged: dict[OperatorSymbol, list[sp.Expr]] = {}
    for (outer, _), coefficients in by_coefficient.items():
        content, symbol = primitive(OperatorSymbol.of(coefficients))
        if symbol.terms:
            factor = sp.Rational(content.numerator, content.denominator)
            merged.setdefault(symbol, []).append(factor * outer)
    return [(sp.Add(*outers), symbol) for symbol, outers in merged.items()]


def primitive(symbol: OperatorSymbol) -> tuple[Fraction, OperatorSymbol]:
    """Returns content and primitive part, the latter with a positive first term."""
    if not symbol.terms:
        return Fraction(0), symbol
    # The greatest common divisor of fractions in lowest terms.
    content = Fraction(
        math.gcd(*(c.numerator for _, c in symbol.terms)),
        math.lcm(*(c.denominator for _, c in symbol.terms)),
    )
    if symbol.terms[0][1] < 0:
        content = -content
    return content, symbol.scaled(1 / content)
