# semilinear heat nd
# source: sail-sg/stde:stde/equations.py
coordinates t, x in R^d
field u
parameter d

equation eq1: (1 - u^2)/(u^2 + 1) + u_t + sum(i=1..d, d(u, x[i], 2)) = 0
