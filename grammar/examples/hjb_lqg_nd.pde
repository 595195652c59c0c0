# hjb lqg nd
# source: sail-sg/stde:stde/equations.py
coordinates t, x in R^d
field u
parameter mu, d

equation eq1: u_t + sum(i=1..d, d(u, x[i], 2)) - mu*sum(i=1..d, d(u, x[i])^2) = 0
