# hjb lin nd
# source: sail-sg/stde:stde/equations.py
coordinates t, x in R^d
field u
parameter c, d

equation eq1: u_t + sum(i=1..d, d(u, x[i], 2)) + 2 - sum(i=1..d, abs(d(u, x[i]))^c)/d = 0
