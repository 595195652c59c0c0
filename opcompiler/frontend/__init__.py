"""From a SymPy residual to its normal form: functionals, sites and a shell.

The way of an expression through this room:

    symbolic.py       what is no expression stays outside, text above all
    equations.py      Eq, list, tuple, dict, Matrix -> residual expressions
    signature.py      which symbols are fields, coordinates, parameters
    fields.py         which fields one network gives, in which order
    expand.py         Derivative and Subs -> leaves (field, multi-index, site)
    differentiate.py  the chain rule on expressions over leaves
    collect.py        leaves -> functionals, the rest -> the shell
    programs.py       shell -> straight-line program, by `opcompiler/functions.py`
    vectors.py        coordinates of many components; short ones are written out
    plain_sums.py     sums over plain indices, written out
    held_sums.py      sums over components, and the chain rule through them
    templates.py      held sums -> operators in directions that run with indices
    bodies.py         expressions in indices -> programs that gather
    assembly.py       sites, functionals, sums and shell, everything named
    normal_form.py    all of it in order: `normalize`
"""

from opcompiler.frontend.fields import Declaration, field_names
from opcompiler.frontend.normal_form import NormalForm, normalize

__all__ = ["Declaration", "NormalForm", "field_names", "normalize"]
