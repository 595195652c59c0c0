# rosenau hyman
# source: willyhereman/TransPDEDensityFlux-Mathematica:TestCases/d_roshy.m
coordinates t, x
field u(x, t)
parameter aa

equation eq1: u*u_xxx + 3*u_x*u_xx + aa*u*u_x + u_t = 0
