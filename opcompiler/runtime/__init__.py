"""From plan and network to a JAX function.

networks.py   which callable gives which fields
points.py     points and parameters as flat arrays
quadrature.py rules for integrals
pushes.py     running a plan's pushes on a network
shell.py      running the shell program
residual.py   the compiled operator a user calls
sites.py      what programs read, and the fields' arguments at every site
bodies.py     programs that gather what they read at indices
templates.py  pushes whose directions run with indices
sums.py       sums over components, exact or drawn
draws.py      draws of indices and of random directions
estimation.py which draw serves which template
losses.py     unbiased squares, variances
sobolev.py    weighted squares of a residual and its derivatives
autotune.py   measuring how a plan is laid out best
explanation.py  plan and sums in words
source.py     the emitted function as readable Python
"""

from opcompiler.runtime.autotune import autotune
from opcompiler.runtime.losses import unbiased_square
from opcompiler.runtime.quadrature import gauss_legendre
from opcompiler.runtime.residual import Bound, Residual
from opcompiler.runtime.sobolev import SobolevLoss, SobolevTerm

__all__ = [
    "Bound",
    "Residual",
    "SobolevLoss",
    "SobolevTerm",
    "autotune",
    "gauss_legendre",
    "unbiased_square",
]
