# compressible euler 1d
# source: pdebench/PDEBench:pdebench/models/pinn/pde_definitions.py
coordinates t, x
field rho(x, t), u(x, t), p(x, t)
parameter gamma

equation eq1: d(rho*u, x) + rho_t = 0
equation eq2: rho*(u*u_x + u_t) + p_x = 0
equation eq3: d(u*(p/(gamma - 1) + u^2*rho/2 + p), x) + d(p/(gamma - 1) + u^2*rho/2, t) = 0
