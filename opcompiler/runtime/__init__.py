"""From plan and network to a JAX function.

residual.py    the compiled operator that a user calls: the way of a call, in order
bound.py       the same with the form of its network fixed
calls.py       what a call gives, as JAX may see it
precision.py   numbers in the precision of the points
points.py      points and parameters as arrays; grid.py points that are a product of axes
over.py        points with functions that networks take besides, for operator learning
host.py        numbers of Python and NumPy before JAX sees them
quadrature.py  rules for integrals
networks.py    which callable gives which fields; tracing.py runs each in Python once
sites.py       what programs read, and the fields' arguments at every site
pushes.py      the pushes of a plan, run on a network
sums.py        sums over components; indexed.py programs that read at indices
shell.py       programs on arrays; special.py and trigonometry.py what JAX lacks
losses.py      unbiased squares and Sobolev losses
least_squares.py  sums of squares for Gauss-Newton methods, of terms (terms.py);
               layers.py finds a network's layers, gram.py multiplies their gradients,
               kfac.py has Kronecker factors
autotune.py    measuring how a plan is laid out best
source.py      the emitted function, and how sums are evaluated, to be read
"""
