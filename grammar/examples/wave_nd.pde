# wave nd
# source: sail-sg/stde:stde/equations.py
coordinates t, x in R^d
field u
parameter d

equation eq1: u_tt - sum(i=1..d, d(u, x[i], 2)) = 0
