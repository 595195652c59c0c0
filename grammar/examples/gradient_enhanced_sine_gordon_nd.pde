# gradient enhanced sine gordon nd
# source: sail-sg/stde:stde/equations.py (SineGordonTwobodyG)
# Its second residual, the derivative by every x[j], has a free index: the notation has
# no form for that.
coordinates x in R^d
field u
coefficient g
parameter d

sine_gordon: sum(i=1..d, d(u, x[i], 2)) + sin(u) = g
