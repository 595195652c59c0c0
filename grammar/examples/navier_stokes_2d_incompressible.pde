# navier stokes 2d incompressible
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/navier_stokes.py
coordinates t, x, y
field u(x, y, t), v(x, y, t), p(x, y, t)
parameter nu, rho
define U = (u, v)

mass: div(U) = 0
momentum: U_t + advect(U, U) + grad(p)/rho = nu*laplacian(U)
