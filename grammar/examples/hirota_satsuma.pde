# hirota satsuma
# source: willyhereman/TransPDEDensityFlux-Mathematica:V3/d_hirsat.m
coordinates t, x
field u(x, t), v(x, t)
parameter aa

equation eq1: 6*v*v_x + u_t - aa*u_xxx - 6*aa*u*u_x = 0
equation eq2: 3*u*v_x + v_t + v_xxx = 0
