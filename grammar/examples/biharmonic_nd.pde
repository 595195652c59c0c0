# biharmonic nd
# source: zheyuanhu01/HTE_PINN:Biharmonic.py
coordinates x in R^d
field u
coefficient f
parameter d

equation eq1: sum(j=1..d, i=1..d, d(u, x[i], 2, x[j], 2)) - f = 0
