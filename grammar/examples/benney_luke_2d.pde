# benney luke 2d
# source: firedrakeproject/firedrake:demos/benney_luke/benney_luke.py.rst
coordinates t, x, y
field phi, eta, q
parameter mu, eps

equation eq1: eps*(phi_x^2 + phi_y^2)/2 + phi_t + eta - mu*(phi_xxt + phi_yyt)/2 = 0
equation eq2: mu*(q_xx + q_yy) + d(phi_x*(eps*eta + 1), x) + d(phi_y*(eps*eta + 1), y) +
    eta_t - mu*(eta_xxt + eta_yyt)/2 = 0
equation eq3: 2*phi_xx/3 + 2*phi_yy/3 + q = 0
