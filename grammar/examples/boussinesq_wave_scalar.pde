# boussinesq wave scalar
# source: willyhereman/TransPDEDensityFlux-Mathematica:TestCases/d_bous.m (v eliminated)
coordinates t, x
field u(x, t)
parameter aa, beta

equation eq1: u_tt - d(beta*u - 3*u^2/2 - aa*u_xx, x, 2) = 0
