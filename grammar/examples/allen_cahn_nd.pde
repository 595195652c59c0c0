# allen cahn nd
# source: sail-sg/stde:stde/equations.py
coordinates x in R^d
field u
coefficient g
parameter d

equation eq1: sum(i=1..d, d(u, x[i], 2)) + u - u^3 - g = 0
