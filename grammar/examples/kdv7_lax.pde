# kdv7 lax
# source: willyhereman/TransPDEDensityFlux-Mathematica:V3/d_7lax.m
coordinates t, x
field u(x, t)

equation eq1: 70*u_x^3 + 14*u*u_xxxxx + 42*u_x*u_xxxx + 70*u^2*u_xxx + 70*u_xx*u_xxx +
    140*u^3*u_x + 280*u*u_x*u_xx + u_t + u_xxxxxxx = 0
