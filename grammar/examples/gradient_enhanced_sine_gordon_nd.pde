# gradient enhanced sine gordon nd
# source: sail-sg/stde:stde/equations.py (SineGordonTwobodyG)
# Its second residual, the derivative by every x[j], is the gradient of the first.
coordinates x in R^d
field u
coefficient g
parameter d = 3

define residual = sum(i=1..d, d(u, x[i], 2)) + sin(u) - g
sine_gordon: residual = 0
gradient: grad(residual) = 0
