# mkdv
# source: willyhereman/TransPDEDensityFlux-Mathematica:TestCases/d_mkdv.m
coordinates t, x
field u(x, t)

equation eq1: 6*u^2*u_x + u_t + u_xxx = 0
