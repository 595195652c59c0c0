r"""LaTeX, in and out: another spelling of the same notation.

words.py     what commands stand for
cutting.py   terminals -> the tokens of grammar/latex.lark, by the declared names
commands.py  commands with arguments
reading.py   rows -> trees; notation/expressions.py gives them their meaning
formulas.py  expressions -> LaTeX
printing.py  a problem -> LaTeX
"""

from opcompiler.notation.latex.printing import to_latex
from opcompiler.notation.latex.reading import read_latex

__all__ = ["read_latex", "to_latex"]
