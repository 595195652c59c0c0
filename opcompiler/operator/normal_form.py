"""The normal form of a set of equations: `normalize`."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from opcompiler.core.program import Program
from opcompiler.core.symbol import Functional
from opcompiler.operator.collect import Collector
from opcompiler.operator.emit import emit
from opcompiler.operator.equations import Equations, read_equations
from opcompiler.operator.expand import Leaves
from opcompiler.operator.names import functional_names, printable
from opcompiler.operator.signature import read_signature, Signature


@dataclass(frozen=True)
class Site:
    """An evaluation point: what the fields' arguments are there.

    Attributes:
        arguments: one expression per argument, in coordinates and parameters.
        program: computes them; its inputs are names of coordinates and parameters.
        columns: the numbers of the coordinates, where all arguments are plain
            coordinates; otherwise `None`.
    """

    arguments: tuple[sp.Expr, ...]
    program: Program
    columns: tuple[int, ...] | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The arguments as text."""
        return tuple(map(printable, self.arguments))


@dataclass(frozen=True)
class Operator:
    """Equations in normal form: a shell over functionals.

    Attributes:
        coordinates: in order of first appearance in the fields' arguments.
        fields: names in order of first appearance.
        arity: number of arguments of each field.
        parameters: names, sorted.
        sites: the evaluation points; functionals name them by number.
        functionals: the numbers the shell needs.
        names: the name of each functional in the shell program.
        shell: one SymPy expression per equation, over the functionals' symbols.
        program: the shell as a straight-line program.
        equations: the residuals as they were given.
    """

    coordinates: tuple[sp.Symbol, ...]
    fields: tuple[str, ...]
    arity: tuple[int, ...]
    parameters: tuple[str, ...]
    sites: tuple[Site, ...]
    functionals: tuple[Functional, ...]
    names: tuple[str, ...]
    shell: tuple[sp.Expr, ...]
    program: Program
    equations: Equations


def normalize(
    given: object,
    coordinates: Sequence[sp.Symbol] | None = None,
    fields: Sequence[str] | None = None,
) -> Operator:
    """Brings a residual, or several, into normal form.

    Args:
        given: SymPy expression, `Eq`, or a list, tuple, dict or matrix of them.
        coordinates: overrides the coordinates found in the fields' arguments, and
            with them their order.
        fields: the names of all fields, in another order than that of appearance.

    Raises:
        OperatorError: naming the sub-expression that cannot be compiled.
    """
    equations = read_equations(given)
    signature = read_signature(equations.residuals, coordinates, fields)
    leaves = Leaves(signature)
    collector = Collector(leaves)
    shells = [collector.shell(leaves.expand(r)) for r in equations.residuals]
    functionals = tuple(collector.functionals)
    sites = tuple(_site(arguments, signature) for arguments in collector.sites)
    labels = [site.labels for site in sites]
    taken = {s.name for s in (*signature.coordinates, *signature.parameters)}
    names = functional_names(functionals, labels, taken)
    named = {
        dummy: sp.Symbol(name)
        for dummy, name in zip(collector.functionals.values(), names, strict=True)
    }
    program = emit(
        [shell.xreplace(named) for shell in shells], _inputs(signature, names)
    )
    return Operator(
        coordinates=signature.coordinates,
        fields=signature.fields,
        arity=signature.arity,
        parameters=tuple(p.name for p in signature.parameters),
        sites=sites,
        functionals=functionals,
        names=names,
        shell=tuple(shell.xreplace(named) for shell in shells),
        program=program,
        equations=equations,
    )


def _inputs(signature: Signature, names: Sequence[str] = ()) -> tuple[str, ...]:
    symbols = (*signature.coordinates, *signature.parameters)
    return (*(s.name for s in symbols), *names)


def _site(arguments: tuple[sp.Expr, ...], signature: Signature) -> Site:
    place = {c: i for i, c in enumerate(signature.coordinates)}
    plain = all(a in place for a in arguments)
    columns = tuple(place[a] for a in arguments) if plain else None
    return Site(arguments, emit(list(arguments), _inputs(signature)), columns)
