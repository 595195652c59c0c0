# kdv5 lax
# source: willyhereman/TransPDEDensityFlux-Mathematica:V3/d_5lax.m
coordinates t, x
field u(x, t)

equation eq1: 10*u*u_xxx + 20*u_x*u_xx + 30*u^2*u_x + u_t + u_xxxxx = 0
