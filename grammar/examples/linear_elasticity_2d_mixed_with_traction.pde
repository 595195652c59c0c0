# linear elasticity 2d mixed with traction
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/linear_elasticity.py
coordinates x, y
field u, v, sigma_xx, sigma_yy, sigma_xy
parameter lam, mu, normal_x, normal_y

equation eq1: lam*(u_x + v_y) + 2*mu*u_x - sigma_xx = 0
equation eq2: lam*(u_x + v_y) + 2*mu*v_y - sigma_yy = 0
equation eq3: mu*(u_y + v_x) - sigma_xy = 0
equation eq4: -sigma_xx_x - sigma_xy_y = 0
equation eq5: -sigma_xy_x - sigma_yy_y = 0
equation eq6: normal_x*sigma_xx + normal_y*sigma_xy = 0
equation eq7: normal_x*sigma_xy + normal_y*sigma_yy = 0
