# kadomtsev petviashvili
# source: sail-sg/stde:stde/equations.py (KdV2d_res, KP branch)
coordinates t, x, y
field u(x, y, t)

equation eq1: 3*u_yy + 6*u_x^2 + 6*u*u_xx + u_xxxx + u_tx = 0
