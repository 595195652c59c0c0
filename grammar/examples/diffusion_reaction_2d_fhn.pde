# diffusion reaction 2d fhn
# source: pdebench/PDEBench:pdebench/models/pinn/pde_definitions.py
coordinates t, x, y
field u1(x, y, t), u2(x, y, t)
parameter d1, d2, k

equation eq1: k + u1^3 + u1_t + u2 - u1 - d1*(u1_xx + u1_yy) = 0
equation eq2: u2_t + u2 - u1 - d2*(u2_xx + u2_yy) = 0
