# linear elasticity 3d dynamic
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/linear_elasticity.py
coordinates t, x, y, z
field u(x, y, z, t), v(x, y, z, t), w(x, y, z, t)
parameter lam, mu, rho
define U = (u, v, w)

navier: rho*U_tt = (lam + mu)*grad(div(U)) + mu*laplacian(U)
