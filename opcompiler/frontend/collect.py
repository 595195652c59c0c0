r"""Linear combinations of derivatives become functionals; the rest is the shell.

Every node of the tree is read as `(linear combinations, one per field and site) + rest`.
Sums add them, field-free factors scale them; anything else freezes them into functional
symbols, so that `(u_xx + u_yy)**3` holds one number and nothing is multiplied out.

Within one combination, terms that share a field-free coefficient make one functional:
`nu*u_xx + nu*u_yy` is $\nu \cdot p(\partial)u$ with $p = \xi_x^2 + \xi_y^2$.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.frontend.constants import as_number
from opcompiler.frontend.expand import Leaves
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol

Combination = dict[MultiIndex, sp.Expr]
"""Field-free coefficient of each partial derivative."""


@dataclass
class _Form:
    """A node, read as linear combinations plus a rest."""

    linear: dict[tuple[str, int], Combination] = field(default_factory=dict)
    rest: sp.Expr = sp.S.Zero


@dataclass(frozen=True, slots=True)
class TermSum:
    r"""A sum $\sum_r C_r \partial^{\alpha_r} u$ of terms of one shape, to be sampled.

    Attributes:
        field: name of u.
        site: as in `Collector.sites`.
        shape: the orders in each term, descending.
        places: for each of them the arguments, one per term.
        coefficients: C.
    """

    field: str
    site: int
    shape: tuple[int, ...]
    places: tuple[tuple[int, ...], ...]
    coefficients: tuple[float, ...]


class Collector:
    """Gathers functionals over a set of equations; equal ones are met once.

    Args:
        leaves: what the dummies in the equations stand for.
        sampled: whether like terms of fixed operators are kept apart, to be sampled.

    Attributes:
        terms: the symbol of each sum of like terms.
        functionals: in order of first need.
        symbols: the SymPy symbol of each functional in the shell.
        sites: argument tuples of the evaluation sites, in order of first need.
    """

    def __init__(self, leaves: Leaves, sampled: bool = False) -> None:
        self._leaves = leaves
        self._sampled = sampled
        self.terms: dict[TermSum, sp.Dummy] = {}
        self.sites: list[tuple[sp.Expr, ...]] = []
        # Long tuples of arguments are compared once for each applied field.
        self._known_sites: dict[AppliedUndef, int] = {}
        self._numbers: dict[tuple[sp.Expr, ...], int] = {}
        self._dependent: dict[sp.Basic, bool] = {}
        self.functionals: dict[Functional, sp.Dummy] = {}

    def shell(self, expr: sp.Expr) -> sp.Expr:
        """Returns the expression over functional symbols, coordinates, parameters."""
        known: dict[sp.Basic, _Form] = {}
        return self._freeze(self._read(expr, known))

    def _read(self, expr: sp.Expr, known: dict[sp.Basic, _Form]) -> _Form:
        if expr not in known:
            known[expr] = self._read_node(expr, known)
        return known[expr]

    def _read_node(self, expr: sp.Expr, known: dict[sp.Basic, _Form]) -> _Form:
        if isinstance(expr, sp.Symbol) and expr in self._leaves:
            return self._read_leaf(expr)
        if not self._depends_on_fields(expr):
            return _Form(rest=expr)
        if isinstance(expr, sp.Add):
            return _sum([self._read(term, known) for term in expr.args])
        if isinstance(expr, sp.Mul):
            held = [a for a in expr.args if self._depends_on_fields(a)]
            if len(held) == 1:
                free = [a for a in expr.args if a not in held]
                return _scale(self._read(held[0], known), sp.Mul(*free))
        frozen = [self._freeze(self._read(a, known)) for a in expr.args]
        return _Form(rest=expr.func(*frozen))

    def _read_leaf(self, symbol: sp.Symbol) -> _Form:
        leaf = self._leaves[symbol]
        place = (leaf.field, self._site(leaf.applied))
        return _Form(linear={place: {leaf.index: sp.S.One}})

    def _site(self, applied: AppliedUndef) -> int:
        if applied not in self._known_sites:
            number = self._numbers.setdefault(applied.args, len(self.sites))
            if number == len(self.sites):
                self.sites.append(applied.args)
            self._known_sites[applied] = number
        return self._known_sites[applied]

    def _depends_on_fields(self, expr: sp.Basic) -> bool:
        if isinstance(expr, sp.Symbol):
            return expr in self._leaves
        if expr not in self._dependent:
            self._dependent[expr] = any(map(self._depends_on_fields, expr.args))
        return self._dependent[expr]

    def _freeze(self, form: _Form) -> sp.Expr:
        if not form.linear:
            return form.rest
        terms = [form.rest]
        for (name, site), combination in form.linear.items():
            if self._sampled:
                combination, sums = self._like_terms(name, site, combination)
                terms += sums
            for coefficient, symbol in split_by_coefficient(combination):
                functional = Functional(name, site, symbol)
                dummy = self.functionals.setdefault(
                    functional, sp.Dummy(f"functional_{len(self.functionals)}")
                )
                terms.append(coefficient * dummy)
        return sp.Add(*terms)

    def _like_terms(
        self, name: str, site: int, combination: Combination
    ) -> tuple[Combination, list[sp.Expr]]:
        """Splits off terms with numbers as coefficients, two or more of one shape."""
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
            places = tuple(tuple(o[slot] for o in order) for slot in range(len(shape)))
            numbers = tuple(as_number(rest.pop(a)) for a in members)
            item = TermSum(name, site, shape, places, numbers)
            dummy = sp.Dummy(f"terms_{len(self.terms)}")
            sums.append(self.terms.setdefault(item, dummy))
        return rest, sums


def _sum(forms: list[_Form]) -> _Form:
    linear: dict[tuple[str, int], Combination] = {}
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
            number, outer = _rational_part(term)
            symbol = by_coefficient.setdefault((outer, alpha.order), {})
            symbol[alpha] = symbol.get(alpha, Fraction(0)) + number
    merged: dict[OperatorSymbol, list[sp.Expr]] = {}
    for (outer, _), coefficients in by_coefficient.items():
        content, symbol = primitive(OperatorSymbol.of(coefficients))
        if symbol.terms:
            factor = sp.Rational(content.numerator, content.denominator)
            merged.setdefault(symbol, []).append(factor * outer)
    return [(sp.Add(*outers), symbol) for symbol, outers in merged.items()]


def _rational_part(term: sp.Expr) -> tuple[Fraction, sp.Expr]:
    """Splits `-3*nu/2` into -3/2 and `nu`; floats stay outside, they are inexact."""
    number, outer = term.as_coeff_Mul(rational=True)
    if isinstance(outer, sp.Add):
        content, outer = outer.primitive()
        number *= content
        if outer.could_extract_minus_sign():
            number, outer = -number, -outer
    return Fraction(int(number.p), int(number.q)), outer


def primitive(symbol: OperatorSymbol) -> tuple[Fraction, OperatorSymbol]:
    """Returns content and primitive part, the latter with a positive first term."""
    if not symbol.terms:
        return Fraction(0), symbol
    content = Fraction(0)
    for _, c in symbol.terms:
        content = _gcd(content, c)
    if symbol.terms[0][1] < 0:
        content = -content
    return content, symbol.scaled(1 / content)


def _gcd(a: Fraction, b: Fraction) -> Fraction:
    numerator = sp.igcd(a.numerator * b.denominator, b.numerator * a.denominator)
    return Fraction(int(numerator), a.denominator * b.denominator)
