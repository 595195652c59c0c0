# advection diffusion 2d
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/advection_diffusion.py
coordinates t, x, y
field T(x, y, t), u(x, y, t), v(x, y, t)
parameter rho, Dc, Q

equation eq1: rho*u*T_x + rho*v*T_y + T_t - Q - d(Dc*rho*T_x, x) - d(Dc*rho*T_y, y) = 0
