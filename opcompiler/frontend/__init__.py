"""From a SymPy residual to its normal form: functionals, sites, sums and a program.

In the order in which an expression goes through them:

    symbolic.py           what is no expression stays outside, text above all
    equations.py          Eq, list, tuple, dict, Matrix -> residual expressions
    sympy_matrices.py     SymPy's unevaluated matrices -> elements of held tensors
    signature.py          which symbols are fields, coordinates, parameters
    signature_checks.py   what is refused of them
    fields.py             which fields one network gives, in which order
    write_out.py          vectors: which there are; short ones, and plain sums, written out
    expand.py             derivatives, sums, Subs, integrals -> leaves and held sums
    held.py               what leaves and held sums are, and the algebra of sums
    derivative_checks.py  what is refused of derivatives
    integrals.py          integrals on a reference interval
    differentiate.py      the chain rule on expressions over leaves
    contract.py           held sums -> functionals whose directions run, and sums
    collect.py            leaves -> functionals, the rest -> the shell
    open_sites.py         sites while their directions are being found
    indexed_programs.py   expressions in indices -> programs that gather
    emission.py           expressions -> straight-line programs
    normalize.py          all of it in order: `normalize`

Beside them: ranges.py (bounds, places and ranges of indices), naming.py, constants.py,
traversal.py; formulas.py writes the equations as they were given, for people to read.
"""

from opcompiler.frontend.fields import Declaration, field_names
from opcompiler.frontend.formulas import (
    equation_formulas,
    equation_texts,
    family_formulas,
)
from opcompiler.frontend.normalize import NormalForm, normalize

__all__ = [
    "Declaration",
    "NormalForm",
    "equation_formulas",
    "equation_texts",
    "family_formulas",
    "field_names",
    "normalize",
]
