# sine gordon light cone
# source: sail-sg/stde:stde/equations.py (highord1d_res, eq 1)
coordinates t, x
field u(x, t)

equation eq1: u_xt + sin(u) = 0
