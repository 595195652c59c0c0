# heat nd
# source: i207M/PINNacle:src/pde/heat.py (HeatND)
coordinates t, x in R^d
field u
coefficient f
parameter d

equation eq1: sum(i=1..d, d(u, x[i], 2))/d + f - u_t = 0
