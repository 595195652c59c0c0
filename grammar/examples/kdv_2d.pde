# kdv 2d
# source: sail-sg/stde:stde/equations.py (KdV2d_res)
coordinates t, x, y
field u(x, y, t)

equation eq1: 2*u_yy + 3*u_x*u_xy + 3*u_xx*u_y + u_ty + u_xxxy - u_xx = 0
