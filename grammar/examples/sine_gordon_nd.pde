# sine gordon nd
# source: sail-sg/stde:stde/equations.py
coordinates x in R^d
field u
coefficient g
parameter d

equation eq1: sum(i=1..d, d(u, x[i], 2)) + sin(u) - g = 0
