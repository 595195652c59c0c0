# poisson boltzmann 2d
# source: i207M/PINNacle:src/pde/poisson.py
coordinates x, y
field u
coefficient f
parameter k

equation eq1: k^2*u - u_xx - u_yy - f = 0
