# linear elasticity 2d navier
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/linear_elasticity.py
coordinates x, y
field u, v
parameter lam, mu

equation eq1: (-lam - mu)*(u_xx + v_xy) - mu*(u_xx + u_yy) = 0
equation eq2: (-lam - mu)*(v_yy + u_xy) - mu*(v_xx + v_yy) = 0
