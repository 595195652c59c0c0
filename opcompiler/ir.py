r"""The intermediate representation: what a compiled operator is, as plain data.

In: what `frontend.normalize` finds in equations. Out: what planning plans, an estimator
rewrites and the runtime evaluates. Nothing here knows SymPy or JAX; everything but
`Operator` is hashable, and equal nodes mean the same. The grammar, `*` for several:

    Operator    ::=  Coordinate* Site* Functional* Sum* Gather* Program
    Site        ::=  Program Direction* Extent*              where fields are evaluated, and
                                                             along what differentiated
    Direction   ::=  Argument                                of a plain argument: t
                  |  Component                               of a vector: x_3, x_i, g_i e_i
                  |  Combination                             sum_i b_i e_i
                  |  Random                                  sum_i v_i e_i, v drawn
    Functional  ::=  field Site OperatorSymbol               p(d) u there, one number
    OperatorSymbol ::=  (MultiIndex, rational)*              p, in the site's directions
    Sum         ::=  Extent* Site? Functional* Body?         over tuples of indices
    Body        ::=  Gather* Program                         a term, at one tuple
    Gather      ::=  array (index + shift)*                  an input: x[i + 1], c[3]
    Program     ::=  Step*                                   straight-line code

Two examples. `u_t - u_xx` has one site (t, x), whose directions are its two arguments,
two functionals, and a program of one step. `Sum(x[i] * D(u(x), x[i], 2), i)` has one site
with one direction, Component(index=0), that *runs*: its functional stands for one number
per value of the index, and the Sum's body multiplies each with the gathered x[i].

The program of a site may read functionals of other sites by name, as that of b(u(x)) does.
So sites are evaluated in *stages*: first (x), then (u), whose argument is known by then.

Ids bind, names print: sites and indices are numbers, and a direction's label is not
compared. Functionals name their site by number; only programs, which people read, bind by
name.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Self

from opcompiler.errors import OperatorError

HIGHEST_ORDER = 24
"""Of a derivative of a field or a residual, all coordinates together.

One limit for SymPy, text and Sobolev families. Taylor coefficients of order 24 still carry
a derivative in double precision; an algebra in several directions is far too large before.
"""


def check_order(order: int, expression: object) -> None:
    """Refuses derivatives of an order beyond `HIGHEST_ORDER`."""
    if order > HIGHEST_ORDER:
        raise OperatorError(
            f"a derivative of order {order}",
            expression=expression,
            hint=f"orders go up to {HIGHEST_ORDER}",
        )


@dataclass(frozen=True, slots=True, order=True, init=False, repr=False)
class MultiIndex:
    r"""Exponents $\alpha$ of $\partial^\alpha$, one per argument of the field.

    The entry $\alpha_i$ counts derivatives by the i-th *argument* of the field, in the
    order in which the field's arguments are written, whatever stands at that place.
    Only the entries that are not zero are kept: a derivative by a few of very many
    arguments costs what these few cost. They are ordered as lists of exponents are.

    Args:
        exponents: all entries, zeros too.
    """

    # (-place, exponent), by place: so compared, an earlier place is the greater index.
    _kept: tuple[tuple[int, int], ...]
    dim: int
    """Number of arguments."""

    def __init__(self, exponents: Sequence[int]) -> None:
        kept = tuple((-i, a) for i, a in enumerate(exponents) if a)
        object.__setattr__(self, "_kept", kept)
        object.__setattr__(self, "dim", len(exponents))

    def __repr__(self) -> str:
        return f"MultiIndex({self.exponents})"

    @classmethod
    def of(cls, dim: int, powers: Mapping[int, int]) -> Self:
        """Returns a multi-index by its powers: exponents by place, others zero."""
        made = object.__new__(cls)
        kept = tuple((-i, powers[i]) for i in sorted(powers) if powers[i])
        object.__setattr__(made, "_kept", kept)
        object.__setattr__(made, "dim", dim)
        return made

    @classmethod
    def zero(cls, dim: int) -> Self:
        """Returns the multi-index of the field itself, with `dim` arguments."""
        return cls.of(dim, {})

    @classmethod
    def unit(cls, dim: int, place: int) -> Self:
        """Returns the first derivative by argument `place`."""
        return cls.of(dim, {place: 1})

    @property
    def powers(self) -> dict[int, int]:
        """The exponents that are not zero, by place, in order."""
        return {-i: a for i, a in self._kept}

    @property
    def exponents(self) -> tuple[int, ...]:
        """All exponents, zeros too."""
        powers = self.powers
        return tuple(powers.get(i, 0) for i in range(self.dim))

    @property
    def order(self) -> int:
        r"""Total order $|\alpha|$."""
        return sum(a for _, a in self._kept)

    @property
    def factorial(self) -> int:
        r"""$\alpha! = \prod_i \alpha_i!$."""
        return math.prod(math.factorial(a) for _, a in self._kept)

    def __add__(self, other: "MultiIndex") -> "MultiIndex":
        return self._moved(other, 1)

    def __sub__(self, other: "MultiIndex") -> "MultiIndex":
        return self._moved(other, -1)

    def _moved(self, other: "MultiIndex", sign: int) -> "MultiIndex":
        if self.dim != other.dim:
            raise ValueError(f"multi-indices of {self.dim} and {other.dim} arguments")
        powers = self.powers
        for i, a in other.powers.items():
            powers[i] = powers.get(i, 0) + sign * a
        return MultiIndex.of(self.dim, powers)

    def below(self) -> Iterator["MultiIndex"]:
        r"""Yields every $\beta \le \alpha$, zero and $\alpha$ included."""
        powers = self.powers
        for choice in itertools.product(*(range(a + 1) for a in powers.values())):
            yield MultiIndex.of(self.dim, dict(zip(powers, choice, strict=True)))

    def slots(self) -> tuple[int, ...]:
        """Returns the places repeated by their exponents: (2, 1) gives (0, 0, 1)."""
        return tuple(-i for i, a in self._kept for _ in range(a))

    def label(self, field: str, arguments: Sequence[str]) -> str:
        """Returns the subscript notation, `u_xxy`, or `u_{x1,x1}` for long names.

        Where an argument is not a plain name, subscripts are argument numbers and the
        evaluation point is written out: `u_{2}(t, x - 1)`.
        """
        plain = all_names(tuple(arguments))
        point = "" if plain or not field else f"({', '.join(arguments)})"
        names = [argument_name(arguments, i) for i in self.slots()]
        if not names:
            return f"{field}{point}"
        short = plain and all(len(name) == 1 for name in names)
        subscript = "".join(names) if short else f"{{{','.join(names)}}}"
        return f"{field}_{subscript}{point}"


@lru_cache(maxsize=64)
def all_names(arguments: tuple[str, ...]) -> bool:
    """Whether all arguments are plain names."""
    return all(argument.isidentifier() for argument in arguments)


def argument_name(arguments: Sequence[str], place: int) -> str:
    """Returns an argument's name, its number where some argument is not a name."""
    if all_names(tuple(arguments)):
        return arguments[place]
    return str(place + 1)


@dataclass(frozen=True, slots=True)
class OperatorSymbol:
    r"""A polynomial $p(\xi) = \sum_\alpha p_\alpha \xi^\alpha$ with rational $p_\alpha$.

    It stands for the operator $p(\partial) = \sum_\alpha p_\alpha \partial^\alpha$.
    Terms are sorted and non-zero, so that equality is equality of operators.
    """

    terms: tuple[tuple[MultiIndex, Fraction], ...]

    @classmethod
    def of(cls, terms: Mapping[MultiIndex, Fraction | int]) -> Self:
        """Builds a symbol from its coefficients; zeros are dropped."""
        kept = ((a, Fraction(c)) for a, c in terms.items() if c)
        return cls(tuple(sorted(kept, reverse=True)))

    @classmethod
    def partial(cls, alpha: MultiIndex) -> Self:
        r"""The symbol $\xi^\alpha$ of one partial derivative."""
        return cls(((alpha, Fraction(1)),))

    @property
    def dim(self) -> int:
        """Number of arguments of the field; 0 for the zero symbol."""
        return self.terms[0][0].dim if self.terms else 0

    @property
    def order(self) -> int:
        """The highest order of a term."""
        return max((alpha.order for alpha, _ in self.terms), default=0)

    @property
    def homogeneous(self) -> bool:
        """Whether all terms have the same order."""
        return len({alpha.order for alpha, _ in self.terms}) <= 1

    def derivative(self, place: int) -> "OperatorSymbol":
        r"""Returns $\partial p / \partial \xi_i$."""
        terms: dict[MultiIndex, Fraction] = {}
        for alpha, c in self.terms:
            power = alpha.powers.get(place)
            if power:
                terms[alpha - MultiIndex.unit(alpha.dim, place)] = c * power
        return OperatorSymbol.of(terms)

    def scaled(self, factor: Fraction | int) -> "OperatorSymbol":
        r"""Returns $c\,p$."""
        return OperatorSymbol.of({a: c * factor for a, c in self.terms})

    def label(self, field: str, arguments: Sequence[str]) -> str:
        """Returns `u_xx + 2*u_yy`."""
        return linear_text((a.label(field, arguments), c) for a, c in self.terms)


def linear_text(terms: Iterable[tuple[str, Fraction]]) -> str:
    """Writes a rational combination, `a - 2*b + c/3`; `0` if it is empty."""
    text = ""
    for name, c in terms:
        sign = "-" if c < 0 else "+"
        size = abs(c)
        factor = "" if size.numerator == 1 else f"{size.numerator}*"
        below = "" if size.denominator == 1 else f"/{size.denominator}"
        piece = f"{factor}{name}{below}"
        text += f" {sign} {piece}" if text else (f"-{piece}" if c < 0 else piece)
    return text or "0"


def variables(symbols: Iterable[OperatorSymbol]) -> tuple[int, ...]:
    """Returns the arguments by which symbols differentiate."""
    return tuple(
        sorted({i for p in symbols for alpha, _ in p.terms for i in alpha.slots()})
    )


@dataclass(frozen=True, slots=True)
class Functional:
    r"""One number the shell needs: $p(\partial) u$ at one evaluation site.

    Attributes:
        field: name of the field `u`.
        site: number of the evaluation site, an index into the operator's sites.
        symbol: the homogeneous rational symbol $p$.
    """

    field: str
    site: int
    symbol: OperatorSymbol


Operand = str | bool | int | float | complex | tuple[int, ...]
"""A name, a number, or what is known when a program is written: places and axes."""


@dataclass(frozen=True, slots=True)
class Step:
    """`name = function(*operands)`; a string operand is the name of an earlier value."""

    name: str
    function: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Steps in order of execution.

    Attributes:
        inputs: names that must be given: coordinates, parameters, functionals.
        steps: every operand name is an input or the name of an earlier step.
        outputs: one operand per result.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Operand, ...]

    def reads(self, name: str) -> bool:
        """Whether a step or an output has an operand of this name."""
        operands = (operand for step in self.steps for operand in step.operands)
        return name in (*operands, *self.outputs)


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One coordinate as the user sees it.

    Attributes:
        name: its name.
        size: number of components of a vector; `None` for a plain coordinate.
        components: names of the components, where they are written out.
    """

    name: str
    size: int | None = None
    components: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 if self.size is None else self.size


Extent = tuple[int, int]
"""First and last value of an index, both included."""


@dataclass(frozen=True, slots=True)
class Gather:
    """An input of a body that is read from an array at the indices.

    Attributes:
        name: of the input.
        array: a vector coordinate, or a parameter with axes of its own.
        places: per axis of the array (number of an index, shift); the number is `None`
            for a fixed place, the shift.
        reach: per axis the least and the greatest place that is read; empty if none is,
            because no case that reads it is ever taken.
    """

    name: str
    array: str
    places: tuple[tuple[int | None, int], ...]
    reach: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A program that is run at every tuple of indices.

    Attributes:
        indices: for each index its number and the input that holds its value.
        gathers: inputs read from arrays.
        program: its other inputs are coordinates, parameters and functionals.
        greatest: the greatest index that the program reads as a number.
    """

    indices: tuple[tuple[int, str], ...]
    gathers: tuple[Gather, ...]
    program: Program
    greatest: int = 0

    @property
    def read(self) -> set[int]:
        """The indices that its outputs depend on."""
        gathered = {n for g in self.gathers for n, _ in g.places if n is not None}
        numbers = {name: number for number, name in self.indices}
        operands = [o for step in self.program.steps for o in step.operands]
        named = (o for o in (*operands, *self.program.outputs) if isinstance(o, str))
        return gathered | {numbers[name] for name in named if name in numbers}


@dataclass(frozen=True, slots=True)
class Argument:
    """A direction along one plain argument of the field."""

    label: str = field(compare=False)
    """For people."""
    place: int
    """Number of the argument."""

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices."""
        return False


@dataclass(frozen=True, slots=True)
class Component:
    """A direction along a component of a vector argument, that of an index or a fixed one.

    Attributes:
        label: for people.
        place: number of the vector among the field's arguments.
        index: number of the index; `None` for the component number `shift`.
        shift: added to the index.
        scale: its length, one output; 1 if `None`.
        table: per value of the index the argument it is along, all of them plain; then
            place and shift say nothing.
    """

    label: str = field(compare=False)
    place: int
    index: int | None
    shift: int
    scale: Body | None = None
    table: tuple[int, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices."""
        return self.index is not None


@dataclass(frozen=True, slots=True)
class Combination:
    r"""A direction $\sum_i b_i e_i$ over components: a sum of first order, in one tangent.

    Attributes:
        label: for people.
        place: number of the vector among the field's arguments.
        extent: range of i, which is index number `index` of the body alone.
        index: its number there; others are those of the site.
        shift: the component is i + shift.
        body: b, one output.
    """

    label: str = field(compare=False)
    place: int
    extent: Extent
    index: int
    shift: int
    body: Body

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices."""
        return bool(self.body.read - {self.index})


@dataclass(frozen=True, slots=True)
class Random:
    r"""A random direction $\sum_i v_i b_i$ over an index, in place of all the $b_i$.

    Attributes:
        label: for people.
        place: number of the vector among the field's arguments.
        extent: range of the index.
        base: $b_i$, a direction that runs with index number 0.
        law: how the $v_i$ are drawn; a name that the samplers know.
        part: 0 for the real part of complex $v_i$, 1 for the imaginary one.
    """

    label: str = field(compare=False)
    place: int
    extent: Extent
    base: Component | Combination
    law: str
    part: int = 0

    @property
    def runs(self) -> bool:
        """Whether it is another direction for every tuple of indices, or sample."""
        return True


Direction = Argument | Component | Combination | Random


@dataclass(frozen=True, slots=True)
class Site:
    """Where fields are evaluated, and the directions along which they are differentiated.

    A site is plain if its directions are its arguments, one for one. A site of vectors has
    the directions that its functionals need, and no others. Where directions run, every
    functional stands for one number per tuple of indices.

    Attributes:
        arguments: of the field, as text.
        program: computes the arguments that are no vectors; its inputs are names of
            coordinates, parameters, quadrature nodes and functionals of earlier stages.
        vectors: per argument the name of the vector that it is, or `None`.
        columns: the numbers of the coordinates, where all arguments are plain
            coordinates; otherwise `None`.
        whole: whether the arguments are all coordinates in their order.
        directions: the variables of the symbols of its functionals.
        extents: of the indices; empty if no direction runs.
        draw: number of the draw of indices it runs over, if they are sampled.
        chances: per value of the index its relative probability, if it is drawn by the
            size of its coefficient; empty if all are alike.
        gradient: whether all its functionals are first derivatives along one running
            component: then one reverse pass gives all of them.
        stage: 0 if its program reads no functional; else one more than the latest stage of
            a site whose functionals it reads.
    """

    arguments: tuple[str, ...]
    program: Program
    vectors: tuple[str | None, ...]
    columns: tuple[int, ...] | None
    whole: bool
    directions: tuple[Direction, ...]
    extents: tuple[Extent, ...] = ()
    draw: int = 0
    chances: tuple[float, ...] = ()
    gradient: bool = False
    stage: int = 0

    @property
    def plain(self) -> bool:
        """Whether its directions are its arguments."""
        return not self.extents and not any(self.vectors)

    @property
    def sampled(self) -> bool:
        """Whether an estimator may draw for it: directions run, by pushes of their own."""
        return bool(self.extents) and not self.gradient

    @property
    def labels(self) -> tuple[str, ...]:
        """What its functionals are differentiated by, as text."""
        return tuple(direction.label for direction in self.directions)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The arguments' names, if all of them are coordinates."""
        return None if self.columns is None and not self.whole else self.arguments

    @property
    def programs(self) -> Iterator[Body]:
        """The bodies that compute its directions."""
        for direction in self.directions:
            base = direction.base if isinstance(direction, Random) else direction
            if isinstance(base, Combination):
                yield base.body
            elif isinstance(base, Component) and base.scale is not None:
                yield base.scale


@dataclass(frozen=True, slots=True)
class Sum:
    r"""Sums $\sum_{i}$ over the same indices, run together.

    Attributes:
        names: of their values in the shell.
        extents: of the indices.
        site: number of the site whose functionals are summed; `None` for bodies without
            derivatives, which are summed over all indices always.
        functionals: the site's, one number per tuple of indices each, with their names
            in the body.
        body: one output per name; `None` for the bare sum of the one functional.
        factor: of all of them. Sums of one name are added.
    """

    names: tuple[str, ...]
    extents: tuple[Extent, ...]
    site: int | None
    functionals: tuple[tuple[Functional, str], ...]
    body: Body | None
    factor: float = 1.0


@dataclass(frozen=True)
class Operator:
    """Equations in normal form: a program over functionals and sums of functionals.

    Attributes:
        columns: what the points' columns are: the coordinates, vectors with their sizes.
        fields: names of what one network gives, in the order of its outputs.
        ordered: whether that order is declared, or there is only one field; if not, it
            is that of first appearance, which means nothing.
        others: names of further fields of a problem, for which networks may be given.
        arity: number of arguments of each field; 0 for one that no equation holds.
        kinds: of fields that are declared "real" or "complex".
        parameters: names of those that are numbers at a point, sorted.
        arrays: names of parameters with axes of their own, and their shapes, if known.
        axes: of the integration variables: (name, input of nodes, input of weights).
        sites: the evaluation points; functionals name them by number.
        functionals: the numbers the program and the sums need.
        names: the name of each functional in the program.
        sums: over components, not written out, in the order in which they need each other.
        gathers: components by number that the program reads.
        constants: arrays of numbers that sums read.
        program: one output per equation.
    """

    columns: tuple[Coordinate, ...]
    fields: tuple[str, ...]
    ordered: bool
    others: tuple[str, ...]
    arity: tuple[int, ...]
    kinds: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    arrays: tuple[tuple[str, tuple[int, ...] | None], ...]
    axes: tuple[tuple[str, str, str], ...]
    sites: tuple[Site, ...]
    functionals: tuple[Functional, ...]
    names: tuple[str, ...]
    sums: tuple[Sum, ...]
    gathers: tuple[Gather, ...]
    constants: tuple[tuple[str, tuple[float, ...]], ...]
    program: Program

    @property
    def indexed(self) -> bool:
        """Whether anything runs with indices, or is read at one."""
        vectors = any(c.size is not None and not c.components for c in self.columns)
        plain = all(site.plain for site in self.sites)
        return bool(vectors or self.sums or self.gathers or self.arrays) or not plain

    @property
    def named(self) -> Iterator[tuple[Functional, str]]:
        """The functionals with their names in programs."""
        return zip(self.functionals, self.names, strict=True)

    @property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the sites by stage: each needs functionals of earlier ones."""
        last = max((site.stage for site in self.sites), default=0)
        numbered = list(enumerate(self.sites))
        return tuple(
            tuple(n for n, site in numbered if site.stage == stage)
            for stage in range(last + 1)
        )

    @property
    def used(self) -> tuple[str, ...]:
        """The fields that the equations hold; all, but for a part of a problem."""
        pairs = zip(self.fields, self.arity, strict=True)
        return tuple(name for name, arguments in pairs if arguments)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of all that must be given at call time: parameters and arrays."""
        return tuple(sorted((*self.parameters, *(name for name, _ in self.arrays))))

    def all_gathers(self) -> Iterator[Gather]:
        """Yields every read of an indexed name."""
        yield from self.gathers
        bodies = [item.body for item in self.sums if item.body is not None]
        for body in (*bodies, *(b for site in self.sites for b in site.programs)):
            yield from body.gathers
